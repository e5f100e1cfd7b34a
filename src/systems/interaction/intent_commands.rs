//! What can be ordered of intents and cooldowns. Everything is checked before anything is changed.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ground::Ground;
use super::model::ChainModel;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{ChainState, Intent, IntentSource, NOBODY};
use crate::systems::npc::commands::{NpcRef, Registry};
use crate::systems::scheduler::session_of;
use crate::world::spec::{DECLINED, WITHDRAWN, is_word};
use crate::world::{Answer, WorldCommand};

/// How answers begin about an intent that is not there.
pub const NO_INTENT: &str = "there is no intent";
/// What is said of a kind of interaction whose cooldown lasts.
pub const RESTS: &str = "rests until";
/// Characters of a target at most.
const TARGET_MAX: usize = 128;
/// Bytes of the data of an intent at most, as JSON.
const DATA_MAX: usize = 4_096;
/// Game seconds of a delay or an expiry at most: a year.
const SPAN_MAX_SECONDS: i64 = 31_536_000;

/// Has an NPC propose an interaction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposeIntent {
    /// The kind of interaction.
    pub kind: String,
    /// The NPC.
    pub npc: NpcRef,
    /// The session that it is meant for; without it for all.
    #[serde(default)]
    pub session_id: Option<String>,
    /// To whom: a word of the game, 1 to 128 characters.
    #[serde(default)]
    pub target: Option<String>,
    /// How urgent it is, -1,000 to 1,000; without it as its kind.
    #[serde(default)]
    pub priority: Option<i16>,
    /// Game seconds before which it is not handed out: 0 to 31,536,000.
    #[serde(default)]
    pub delay_seconds: i64,
    /// Game seconds after that until it is worth nothing: 1 to 31,536,000; without it as its kind.
    #[serde(default)]
    pub expires_after_seconds: Option<i64>,
    /// What the game gets with it: any JSON, at most 4,096 bytes; without it that of its kind.
    #[serde(default)]
    pub data: Option<Value>,
}

impl WorldCommand for ProposeIntent {
    const NAME: &'static str = "intent.propose";
}

/// Says that the game lets an intent happen: its interaction counts as used.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcknowledgeIntent {
    /// Which.
    pub intent_id: u64,
    /// What came of it, where that is known: the step that it comes from is completed with it.
    #[serde(default)]
    pub outcome: Option<String>,
}

impl WorldCommand for AcknowledgeIntent {
    const NAME: &'static str = "intent.acknowledge";
}

/// Says that the game does not let an intent happen. A step that it comes from goes on by its branch `declined`; without
/// one it proposes again after `recheckSeconds`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclineIntent {
    /// Which.
    pub intent_id: u64,
}

impl WorldCommand for DeclineIntent {
    const NAME: &'static str = "intent.decline";
}

/// Takes an intent back, handed out or not. A step that it comes from goes on by its branch `withdrawn`; without one it
/// proposes again after `recheckSeconds`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WithdrawIntent {
    /// Which.
    pub intent_id: u64,
}

impl WorldCommand for WithdrawIntent {
    const NAME: &'static str = "intent.withdraw";
}

/// Says that an interaction is used: its cooldowns begin. Refused while one of them lasts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseInteraction {
    /// The kind of interaction.
    pub kind: String,
    /// The NPC; without it nobody's.
    #[serde(default)]
    pub npc: Option<NpcRef>,
    /// The session; without it none.
    #[serde(default)]
    pub session_id: Option<String>,
}

impl WorldCommand for UseInteraction {
    const NAME: &'static str = "interaction.use";
}

/// Ends cooldowns before their time: those of exactly this NPC and session, where neither is named those of the world.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClearCooldowns {
    /// Only those of this kind of interaction.
    #[serde(default)]
    pub kind: Option<String>,
    /// The NPC.
    #[serde(default)]
    pub npc: Option<NpcRef>,
    /// The session.
    #[serde(default)]
    pub session_id: Option<String>,
}

impl WorldCommand for ClearCooldowns {
    const NAME: &'static str = "cooldown.clear";
}

/// Takes [`ProposeIntent`].
pub(crate) fn propose_intent(In(order): In<ProposeIntent>, registry: Registry, mut ground: Ground) -> Answer {
    let now = ground.now()?;
    let mut errors = Vec::new();
    let kind = ground.model.require_kind(&order.kind).map_err(|error| errors.push(format!("/kind: {error}"))).ok();
    if order.target.as_ref().is_some_and(|target| {
        target.is_empty() || target.chars().count() > TARGET_MAX || target.chars().any(char::is_control)
    }) {
        errors.push(format!("/target: it has 1 to {TARGET_MAX} printable characters"));
    }
    let expires_after = order.expires_after_seconds;
    for (name, value, least, most) in [
        ("priority", i64::from(order.priority.unwrap_or(0)), -1_000, 1_000),
        ("delaySeconds", order.delay_seconds, 0, SPAN_MAX_SECONDS),
        ("expiresAfterSeconds", expires_after.unwrap_or(1), 1, SPAN_MAX_SECONDS),
    ] {
        if !(least..=most).contains(&value) {
            errors.push(format!("/{name}: {value} is not within {least} and {most}"));
        }
    }
    let data = order.data.as_ref().filter(|data| !data.is_null()).map(Value::to_string);
    if data.as_ref().is_some_and(|data| data.len() > DATA_MAX) {
        errors.push(format!("/data: it is longer than {DATA_MAX} bytes; give a reference to it"));
    }
    let npc = registry.find(&order.npc).map_err(|error| errors.push(format!("/npc: {error}"))).ok();
    let session = session_of(order.session_id.as_deref(), &ground.sessions);
    let session = session.map_err(|error| errors.push(format!("/sessionId: {error}"))).ok();
    let (Some(kind), Some((npc, _)), Some(session), true) = (kind, npc, session, errors.is_empty()) else {
        return Err(errors.join("; "));
    };
    let model = Arc::clone(ground.model.kind(kind).ok_or("the kind is gone")?);
    let later = |instant: GameInstant, micros: i64| instant.checked_add_micros(micros).unwrap_or(GameInstant::MAX);
    let earliest = later(now, order.delay_seconds * 1_000_000);
    let most = ground.model.limits.max_intents;
    if !ground.has_room() {
        return Err(format!("{most} intents wait already, and limits.maxIntents allows no more"));
    }
    let session = ground.numbers.number(session.as_ref()).ok_or("there have been too many sessions")?;
    let proposed = ground.propose(Intent {
        npc,
        session,
        kind,
        priority: order.priority.unwrap_or(model.priority),
        source: IntentSource::Command,
        target: order.target.map(Into::into),
        data: data.map(Into::into),
        proposed: now,
        earliest,
        expires: later(earliest, expires_after.map_or(model.expires_micros, |seconds| seconds * 1_000_000)),
        handed_out: None,
    });
    let id = proposed.ok_or("there is no room for it")?;
    ground.finish();
    Ok(json!({ "intentId": id.0, "earliest": earliest }))
}

/// An intent that is meant.
fn find(ground: &Ground, intents: &Query<&Intent>, id: u64) -> Result<(StableId, Intent), String> {
    let id = StableId(id);
    let found = ground.index.get(id).and_then(|entity| Some((id, intents.get(entity).ok()?.clone())));
    found.ok_or_else(|| format!("{NO_INTENT} {id}: it was answered, has expired, or never was"))
}

/// The same, which must have been handed out.
fn answered(ground: &Ground, intents: &Query<&Intent>, id: u64) -> Result<(StableId, Intent), String> {
    let found = find(ground, intents, id)?;
    if found.1.handed_out.is_none() {
        return Err(format!("intent {id} has not been handed out yet"));
    }
    if found.1.expires <= ground.now()? {
        return Err(format!("intent {id} has expired at {}", found.1.expires));
    }
    Ok(found)
}

/// The chain that an intent comes from, with its definition and where it stands. It stands at the step that has proposed
/// it: a chain that leaves a step takes its intent back.
fn source(ground: &Ground, intent: &Intent) -> Option<(Arc<ChainModel>, ChainState)> {
    let IntentSource::Chain { chain, .. } = intent.source else { return None };
    let state = ground.state_of((intent.session, intent.npc))?.chain(chain)?.clone();
    Some((ground.model.chain(chain)?.clone(), state))
}

/// Takes [`AcknowledgeIntent`].
pub(crate) fn acknowledge_intent(
    In(order): In<AcknowledgeIntent>,
    intents: Query<&Intent>,
    mut ground: Ground,
) -> Answer {
    if order.outcome.as_ref().is_some_and(|outcome| !is_word(outcome)) {
        return Err("/outcome: it has 1 to 64 printable characters".into());
    }
    let (id, intent) = answered(&ground, &intents, order.intent_id)?;
    let (now, key) = (ground.now()?, (intent.session, intent.npc));
    let completes = match (&order.outcome, source(&ground, &intent)) {
        (None, _) => None,
        (Some(outcome), Some((model, state))) => {
            ground.may_complete(key, &model, &state, now)?;
            Some((outcome, model, state))
        }
        (Some(outcome), None) => {
            return Err(format!("/outcome: it comes from no chain that could do anything with `{outcome}`"));
        }
    };
    ground.drop_intent(id);
    ground.totals.intents_acknowledged += 1;
    let completed = completes.is_some();
    match completes {
        Some((outcome, model, state)) => ground.complete_now(key, &model, &state, outcome, now),
        None => ground.use_kind(key, intent.kind, now, now),
    }
    ground.finish();
    Ok(json!({ "intentId": id.0, "stepCompleted": completed }))
}

/// Takes [`DeclineIntent`].
pub(crate) fn decline_intent(In(order): In<DeclineIntent>, intents: Query<&Intent>, mut ground: Ground) -> Answer {
    let (id, intent) = answered(&ground, &intents, order.intent_id)?;
    let now = ground.now()?;
    ground.drop_intent(id);
    ground.totals.intents_declined += 1;
    let went_on = ground.lapse(&intent, DECLINED, now);
    ground.finish();
    Ok(json!({ "intentId": id.0, "chainWentOn": went_on }))
}

/// Takes [`WithdrawIntent`].
pub(crate) fn withdraw_intent(In(order): In<WithdrawIntent>, intents: Query<&Intent>, mut ground: Ground) -> Answer {
    let (id, intent) = find(&ground, &intents, order.intent_id)?;
    ground.drop_intent(id);
    ground.totals.intents_withdrawn += 1;
    let now = ground.clock.now.unwrap_or(intent.proposed);
    let went_on = ground.lapse(&intent, WITHDRAWN, now);
    ground.finish();
    Ok(json!({ "intentId": id.0, "handedOut": intent.handed_out, "chainWentOn": went_on }))
}

/// Takes [`UseInteraction`].
pub(crate) fn use_interaction(In(order): In<UseInteraction>, registry: Registry, mut ground: Ground) -> Answer {
    let now = ground.now()?;
    let kind = ground.model.require_kind(&order.kind).map_err(|error| format!("/kind: {error}"))?;
    let npc = order.npc.as_ref().map(|npc| registry.find(npc)).transpose()?.map_or(NOBODY, |(id, _)| id);
    let session = session_of(order.session_id.as_deref(), &ground.sessions)?;
    let number = ground.numbers.find(session.as_ref()).unwrap_or(u32::MAX);
    if let Some(until) = ground.free_at((number, npc), kind, now) {
        let seconds = until.micros_since(now).div_euclid(1_000_000);
        return Err(format!("`{}` {RESTS} {until}, {seconds} game seconds from now", order.kind));
    }
    let number = ground.numbers.number(session.as_ref()).ok_or("there have been too many sessions")?;
    ground.use_kind((number, npc), kind, now, now);
    let until = ground.free_at((number, npc), kind, now);
    ground.finish();
    Ok(json!({ "kind": order.kind, "freeAt": until }))
}

/// Takes [`ClearCooldowns`].
pub(crate) fn clear_cooldowns(In(order): In<ClearCooldowns>, registry: Registry, mut ground: Ground) -> Answer {
    let kind = order.kind.as_deref().map(|kind| ground.model.require_kind(kind)).transpose();
    let kind = kind.map_err(|error| format!("/kind: {error}"))?;
    let npc = order.npc.as_ref().map(|npc| registry.find(npc)).transpose()?.map_or(NOBODY, |(id, _)| id);
    let session = session_of(order.session_id.as_deref(), &ground.sessions)?;
    let mut cleared = 0;
    let key = ground.numbers.find(session.as_ref()).map(|number| (number, npc));
    if let Some(key) = key.filter(|key| ground.state_of(*key).is_some()) {
        let clears = |held| kind.is_none_or(|kind| kind == held);
        ground.change(key, false, |state| cleared = state.drop_cooldowns(|cooldown| clears(cooldown.kind)));
    }
    ground.finish();
    Ok(json!({ "cleared": cleared }))
}
