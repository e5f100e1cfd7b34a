//! Which tier the rules of a world wish an NPC into.

// time: NPCs: rules that are asked between turns | world | `WorldClock` | when a command sets a flag of an NPC; a query

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;

use super::condition::ConditionContext;
use super::live::with_session;
use super::model::BehaviourModel;
use super::society::Around;
use crate::components::clock::WorldClock;
use crate::components::ids::StableId;
use crate::components::npc::{Flags, Npc, NpcState, Relationships, WorldFlags};
use crate::components::tier::{SimulationTier, TierReason, TierWish};
use crate::systems::random::{SystemDraws, WorldSeed};
use crate::systems::scheduler::{FocusIndex, Sessions};

/// What the rules say of an NPC now: the one with the highest priority whose condition holds; of equals the closest
/// tier. Where none holds, the world's default tier with the lowest priority.
pub fn wish(context: &ConditionContext<'_>, seed: u64) -> TierWish {
    let model = context.model;
    if !model.rules.is_empty() {
        // Keyed by the time, so that asking at another moment of the step changes nothing.
        let time = context.now.as_micros().cast_unsigned();
        let mut draw = SystemDraws::new(seed, time, "npc.tier").for_id(context.id);
        for rule in &model.rules {
            if rule.condition.holds(context, &mut draw) {
                return TierWish { tier: rule.tier, priority: rule.priority, reason: TierReason::Rule(rule.number) };
            }
        }
    }
    default_wish(model.default_tier)
}

/// The wish for an NPC for which no rule holds.
pub fn default_wish(tier: SimulationTier) -> TierWish {
    TierWish { tier, priority: i16::MIN, reason: TierReason::Default }
}

/// What the rules are asked with outside of a turn.
#[derive(SystemParam)]
pub struct RuleGround<'w, 's> {
    clock: Res<'w, WorldClock>,
    seed: Res<'w, WorldSeed>,
    world_flags: Res<'w, WorldFlags>,
    focus: Res<'w, FocusIndex>,
    sessions: Res<'w, Sessions>,
    around: Around<'w, 's>,
}

impl RuleGround<'_, '_> {
    /// What the rules say of an NPC now. Nothing before the world's time has begun.
    pub fn wish(
        &self,
        model: &BehaviourModel,
        id: StableId,
        (npc, state, relationships, flags): (&Npc, &NpcState, &Relationships, Option<&Flags>),
    ) -> Option<TierWish> {
        let now = self.clock.now?;
        Some(with_session(&self.focus, &self.sessions, model, (id, state), |session| {
            let session_flags = session.map(|session| session.flags);
            let (world_flags, society) = (&self.world_flags.0, &self.around);
            let context = ConditionContext {
                id,
                npc,
                state,
                relationships,
                flags,
                session_flags,
                world_flags,
                now,
                model,
                society,
            };
            wish(&context, self.seed.0)
        }))
    }
}
