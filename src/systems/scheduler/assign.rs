//! The first part of a step: focus that has run out ends, wishes are made up, and who must or may move does.

// time: tiers: focus that ends, wishes, moves | world | `WorldClock`, shown as `Time<GameTime>` | each `WorldStep`

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use bevy_time::Time;
use serde::{Deserialize, Serialize};

use super::focus::{FocusIndex, Places, wish_for};
use super::names::name_or_number;
use super::roster::Roster;
use super::session::{FocusTarget, Pins, Sessions};
use super::share::Division;
use super::tiers::{Movers, settle_tiers};
use super::times::next_turn;
use crate::components::clock::{GameInstant, GameTime};
use crate::components::ids::{StableId, StableIndex};
use crate::components::npc::{Npc, NpcState};
use crate::components::tier::{Simulated, SimulationTier, TierReason};
use crate::messages::tier::{MoveReason, NpcTierChanged, StepReport, TierMove};
use crate::world::Touched;
use crate::world::spec::WorldSimulationConfig;

/// Moves between tiers since the world began, by kind. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierMoves {
    pub(crate) counts: BTreeMap<TierMove, u64>,
}

impl TierMoves {
    /// Every kind of move that there was, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (TierMove, u64)> + '_ {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }
}

/// Ends focus whose time is over.
pub(crate) fn end_focus(
    time: Res<Time<GameTime>>,
    places: Res<Places>,
    mut sessions: ResMut<Sessions>,
    mut focus: ResMut<FocusIndex>,
    mut roster: ResMut<Roster>,
    mut report: ResMut<StepReport>,
) {
    let Some(now) = time.context().now else { return };
    while let Some((until, session, kind, target)) = focus.ended(now) {
        if let Some(entries) = sessions.entries(session.as_ref()) {
            entries.remove(&(kind, target));
        }
        focus.remove(session, kind, target, until);
        reconsider_target(&mut roster, &places, target);
        report.focus_ended += 1;
    }
}

/// Has everybody looked at again whom a focus entry concerns.
pub(crate) fn reconsider_target(roster: &mut Roster, places: &Places, target: FocusTarget) {
    match target {
        FocusTarget::Npc(id) => roster.reconsider(id),
        FocusTarget::Place(place) => places.at(place).for_each(|id| roster.reconsider(id)),
    }
}

/// What is needed to change NPCs and keep the roster true.
#[derive(SystemParam)]
pub(crate) struct Population<'w, 's> {
    pub(crate) config: Res<'w, WorldSimulationConfig>,
    pub(crate) roster: ResMut<'w, Roster>,
    pub(crate) touched: ResMut<'w, Touched>,
    pub(crate) index: Res<'w, StableIndex>,
    pub(crate) npcs: Query<'w, 's, (&'static mut Simulated, Option<&'static NpcState>)>,
    pins: Res<'w, Pins>,
    focus: Res<'w, FocusIndex>,
}

impl Population<'_, '_> {
    /// Makes up the wish of an NPC anew.
    pub(crate) fn make_up_wish(&mut self, id: StableId) {
        let Some(entity) = self.index.get(id) else { return };
        let Ok((mut npc, state)) = self.npcs.get_mut(entity) else { return };
        let wish = wish_for(id, npc.rule_wish, state.map(|state| state.place), &self.pins, &self.focus);
        if wish == npc.wish {
            return;
        }
        self.roster.leave_rank(id, &npc);
        npc.wish = wish;
        self.roster.enter_rank(id, &npc);
        self.touched.note(entity);
    }
}

/// Those who are moved in this step.
struct Moving<'a, 'w, 's> {
    index: &'a StableIndex,
    npcs: &'a mut Query<'w, 's, (&'static mut Simulated, Option<&'static NpcState>)>,
    touched: &'a mut Touched,
    division: Division,
    now: GameInstant,
    /// Where everybody who moves was before: somebody may move twice.
    before: BTreeMap<StableId, (SimulationTier, GameInstant, GameInstant)>,
}

impl Movers for Moving<'_, '_, '_> {
    fn shift(&mut self, roster: &mut Roster, id: StableId, tier: SimulationTier) {
        let Some(entity) = self.index.get(id) else { return };
        let Ok((mut npc, _)) = self.npcs.get_mut(entity) else { return };
        let (from, since, due) = *self.before.entry(id).or_insert((npc.tier, npc.since, npc.due));
        roster.leave(id, &npc);
        npc.tier = tier;
        // A move makes no turn later than it was: who is moved about is served nonetheless.
        (npc.since, npc.due) = if tier == from {
            (since, due)
        } else {
            (self.now, due.min(next_turn(id, self.now, self.division.interval[tier])))
        };
        roster.enter(id, &npc);
        self.touched.note(entity);
    }

    fn stay(&self, id: StableId) -> Option<(GameInstant, TierReason)> {
        let (npc, _) = self.npcs.get(self.index.get(id)?).ok()?;
        Some((npc.since, npc.wish.reason))
    }
}

/// Makes up the wishes that may have changed, and moves who must or may move.
pub(crate) fn assign_tiers(
    time: Res<Time<GameTime>>,
    mut population: Population,
    mut places: ResMut<Places>,
    names: Query<&Npc>,
    mut totals: ResMut<TierMoves>,
    mut report: ResMut<StepReport>,
    mut events: MessageWriter<NpcTierChanged>,
) {
    let Some(now) = time.context().now else { return };
    if !places.moved.is_empty() {
        let moved = std::mem::take(&mut places.moved);
        population.roster.reconsider.extend(moved.iter());
    }
    while let Some(id) = population.roster.reconsider.pop_first() {
        population.make_up_wish(id);
    }

    let Population { config, roster, touched, index, npcs, .. } = &mut population;
    let mut moving = Moving { index, npcs, touched, division: Division::new(config), now, before: BTreeMap::new() };
    let began = time.context().began.unwrap_or(GameInstant::MIN);
    let complete = settle_tiers(roster, config, (began, now), &mut moving);
    report.moves_cut += u32::from(!complete);

    let before = moving.before;
    for (id, (from, ..)) in before {
        let Some(entity) = index.get(id) else { continue };
        let Ok((npc, _)) = npcs.get(entity) else { continue };
        if npc.tier == from {
            continue;
        }
        let reason = MoveReason::of(&npc.wish, npc.tier);
        let kind = (from, npc.tier, reason);
        *totals.counts.entry(kind).or_default() += 1;
        *report.moves.entry(kind).or_default() += 1;
        events.write(NpcTierChanged {
            npc_id: id.0,
            name: name_or_number(names.get(entity).ok(), id),
            from,
            to: npc.tier,
            reason,
            priority: npc.wish.priority,
        });
    }
}
