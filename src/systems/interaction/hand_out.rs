//! What NPCs propose is handed out. Runs in [`InteractionSystems::HandOut`](crate::schedules::InteractionSystems).
//!
//! Reads intents, cooldowns, requirements and limits. Writes intents and the event
//! [`InteractionIntent`]. What has expired is dropped and counted; the chain that it comes from goes on.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ground::Ground;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{Intent, IntentSource};
use crate::messages::interaction::{InteractionIntent, InteractionReport};
use crate::world::spec::EXPIRED;

/// Intents that are dropped in one step because their time has passed, at most: what is left over is dropped in those
/// that follow, and never handed out.
const DROPPED_MAX: usize = 1_000;
/// Intents that are looked at for each that may be handed out, at most.
const LOOKED_AT: u32 = 4;

/// The session that had the last turn. Persisted: a restart is no reason to be served earlier or later.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionTurn(pub(crate) u32);

/// What becomes of an intent that is looked at.
enum Verdict {
    HandOut,
    NotBefore(GameInstant),
    Expired,
    Gone,
}

/// Hands out what may be handed out in this step.
pub(crate) fn hand_out_intents(
    mut ground: Ground,
    mut intents: Query<&mut Intent>,
    mut turn: ResMut<SessionTurn>,
    mut report: ResMut<InteractionReport>,
    mut events: MessageWriter<InteractionIntent>,
) {
    let Some(now) = ground.clock.now else { return };
    if ground.intents.is_empty() {
        return;
    }
    drop_ended(&mut ground, &intents, now);
    let limits = ground.model.limits.clone();
    ground.intents.ripen(now, &limits);
    let (mut looked_at, mut handed_out) = (0_u32, 0_u32);
    while handed_out < limits.max_intents_per_step && looked_at < limits.max_intents_per_step.saturating_mul(LOOKED_AT)
    {
        let Some(id) = ground.intents.next(turn.0) else { break };
        looked_at += 1;
        let entity = ground.index.get(id);
        let Some((entity, mut intent)) = entity.and_then(|entity| Some((entity, intents.get_mut(entity).ok()?))) else {
            ground.intents.strike(id, &limits);
            continue;
        };
        turn.set_if_neq(SessionTurn(intent.session));
        ground.intents.strike(id, &limits);
        match judge(&mut ground, id, &intent, now) {
            Verdict::HandOut => {
                intent.handed_out = Some(now);
                ground.intents.enter(id, &intent, &limits);
                ground.touched.note(entity);
                ground.totals.intents_handed_out += 1;
                handed_out += 1;
                events.write(event_of(&ground, id, &intent));
            }
            Verdict::NotBefore(instant) => {
                intent.earliest = instant;
                ground.intents.enter(id, &intent, &limits);
                ground.touched.note(entity);
            }
            Verdict::Gone => {
                ground.totals.intents_gone += 1;
                ground.commands.entity(entity).despawn();
            }
            Verdict::Expired => {
                ground.totals.intents_expired += 1;
                ground.commands.entity(entity).despawn();
                ground.lapse(&intent, EXPIRED, intent.expires);
            }
        }
    }
    report.handed_out = report.handed_out.saturating_add(handed_out);
    ground.finish();
}

/// Drops those whose time has passed.
fn drop_ended(ground: &mut Ground, intents: &Query<&mut Intent>, now: GameInstant) {
    for _ in 0..DROPPED_MAX {
        let Some(id) = ground.intents.ended(now) else { return };
        let intent = ground.index.get(id).and_then(|entity| intents.get(entity).ok()).cloned();
        if intent.as_ref().is_some_and(|intent| intent.handed_out.is_some()) {
            ground.totals.intents_unanswered += 1;
        } else {
            ground.totals.intents_expired += 1;
        }
        ground.drop_intent(id);
        if let Some(intent) = intent {
            ground.lapse(&intent, EXPIRED, intent.expires);
        }
    }
}

fn judge(ground: &mut Ground, id: StableId, intent: &Intent, now: GameInstant) -> Verdict {
    let key = (intent.session, intent.npc);
    let Some(kind) = ground.model.kind(intent.kind).cloned().filter(|_| ground.is_there(key)) else {
        return Verdict::Gone;
    };
    if intent.expires <= now {
        // More have expired at once than are dropped in a step.
        return Verdict::Expired;
    }
    if let Some(until) = ground.free_at(key, intent.kind, now) {
        return Verdict::NotBefore(until);
    }
    let draws = (now.as_micros().cast_unsigned(), id);
    match ground.holds(key, (&[], &kind.requirements), now, draws) {
        None => Verdict::Gone,
        Some(true) => Verdict::HandOut,
        Some(false) => {
            let again = now.checked_add_micros(ground.model.recheck_micros());
            Verdict::NotBefore(again.unwrap_or(GameInstant::MAX))
        }
    }
}

fn event_of(ground: &Ground, id: StableId, intent: &Intent) -> InteractionIntent {
    let model = &ground.model;
    let chain = match intent.source {
        IntentSource::Chain { chain, step, .. } => model.chain(chain).map(|chain| (chain, step)),
        IntentSource::Behaviour | IntentSource::Command => None,
    };
    let data = intent.data.as_deref().or_else(|| model.kind(intent.kind)?.data.as_deref());
    InteractionIntent {
        intent_id: id.0,
        npc_id: intent.npc.0,
        name: ground.name_of(intent.npc),
        session: ground.session_name(intent.session),
        kind: model.kind_name(intent.kind).to_owned(),
        target: intent.target.as_deref().map(str::to_owned),
        priority: intent.priority,
        chain: chain.map(|(chain, _)| chain.name.as_ref().to_owned()),
        step: chain.map(|(chain, step)| chain.step_name(step).to_owned()),
        details: data.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null),
        proposed_at: intent.proposed,
        expires_at: intent.expires,
    }
}
