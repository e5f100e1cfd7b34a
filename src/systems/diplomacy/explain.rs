//! Why two factions stand as they do, and what would have to change.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::books::{instant, least_hours};
use super::commands::round;
use super::queries::{Archive, Read};
use super::score::Feelings;
use crate::components::clock::MICROS_PER_HOUR;
use crate::components::faction::{PairId, PairView, RelationState, TreatyKind};
use crate::world::{Answer, WorldQuery};

/// Asks why two factions stand as they do.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskExplain {
    /// One.
    pub one: String,
    /// The other.
    pub other: String,
}

impl WorldQuery for AskExplain {
    const NAME: &'static str = "diplomacy.explain";
}

/// Answers [`AskExplain`]: what the score is made of, both sides of it, the scores at which the state ends, what holds it,
/// treaties and history. `score` is that of the last evaluation, with the mood of its day (or that of when something
/// happened since, without one); `scoreNow` is what `terms` come to now.
pub fn explain_pair(In(ask): In<AskExplain>, archive: Archive) -> Answer {
    let read = archive.read()?;
    let (pair, a, b) = read.pair(&ask.one, &ask.other)?;
    let view = read.view(pair).ok_or("there is no such pair")?;
    let feelings = Feelings { love: view.love, trust: view.trust, bonus: view.bonus };
    let terms = read.model.score.terms(feelings, (&read.sides.get(a), &read.sides.get(b)), view.state, 0.0);
    let named: Vec<Value> =
        terms.named().iter().map(|(name, value)| json!({ "name": name, "value": round(*value) })).collect();
    let (low, high) = read.model.score.band(view.state);
    let finite = |value: f32| value.is_finite().then(|| round(value));
    let mut answer = read.standing(pair, a, b);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("scoreNow".to_owned(), round(terms.score).into());
        answer.insert("terms".to_owned(), named.into());
        answer.insert("moodMost".to_owned(), round(read.model.score.noise).into());
        answer.insert("leavesBelow".to_owned(), json!(finite(low)));
        answer.insert("leavesAbove".to_owned(), json!(finite(high)));
        answer.insert("held".to_owned(), held(&read, (pair, a, b), view));
        answer.insert("sides".to_owned(), json!([side(&read, a, b), side(&read, b, a)]));
        answer.insert("treaties".to_owned(), read.treaties(pair).into());
        answer.insert("history".to_owned(), read.history(pair).into());
    }
    Ok(answer)
}

/// What one side brings into it: its power against the other's, its fear, its exhaustion.
fn side(read: &Read<'_>, one: u16, other: u16) -> Value {
    let (here, there) = (read.sides.get(one), read.sides.get(other));
    json!({
        "faction": read.model.id(one), "power": round(here.power), "ratio": round(there.power * here.inverse),
        "fear": round(read.model.score.fear_of(&here, &there)), "exhaustion": round(here.exhaustion),
    })
}

/// Why the state cannot end yet, or none begin, whatever the score.
fn held(read: &Read<'_>, (pair, a, b): (PairId, u16, u16), view: PairView) -> Value {
    let least = i64::from(view.since) + i64::from(least_hours(read.model, view.state));
    let until = least.saturating_mul(MICROS_PER_HOUR);
    let lasts = read.relations.began.is_some() && read.now.is_some_and(|now| now < until);
    let truce = read.affairs.treaties.get(pair, TreatyKind::Truce);
    let truce = truce.filter(|truce| read.now.is_some_and(|now| truce.holds(now)));
    let is_hostile = view.state != RelationState::War && view.score < read.model.score.band(RelationState::ColdWar).0;
    let is_weary = read.model.score.is_weary(view.score, &read.sides.get(a), &read.sides.get(b));
    json!({
        "tooWearyForWar": is_hostile && is_weary,
        "stateLastsUntil": lasts.then(|| instant(until).to_string()),
        "truceUntil": truce.map(|truce| instant(truce.ends).to_string()),
    })
}
