//! What can be asked of diplomacy: the factions, one of them, the matrix, a pair with its history.

// time: diplomacy: since when a state lasts, and what is in force | world | `WorldClock`, shown as `Time<GameTime>` | each question

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use bevy_time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::books::{Sides, bonus, instant, named};
use super::change::hundredths;
use super::commands::{NO_DIPLOMACY, NO_FACTION, round};
use super::model::Diplomacy;
use crate::components::clock::{GameTime, MICROS_PER_HOUR};
use crate::components::faction::{
    Affairs, Faction, Goals, Happening, PairId, PairView, PowerLevels, Powers, RelationState, Relations, Temperament,
};
use crate::world::{Answer, WorldQuery};

/// Factions in one list or matrix at most.
const FACTIONS_SHOWN_MAX: usize = 200;

/// Asks for the factions, in the order of their ids.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskFactions {
    /// Only those after this id.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many, 1 to 200.
    #[serde(default = "shown_max")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: usize,
}

/// Asks for one faction, with its wars and allies.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskFaction {
    /// Its id.
    pub faction: String,
}

/// Asks for the relations of some factions with each other.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskMatrix {
    /// Which: at most 200; without any, the first in the order of their ids.
    #[serde(default)]
    pub factions: Vec<String>,
}

/// Asks for everything about a pair.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskPair {
    /// One.
    pub one: String,
    /// The other.
    pub other: String,
}

impl WorldQuery for AskFactions {
    const NAME: &'static str = "diplomacy.factions";
}

impl WorldQuery for AskFaction {
    const NAME: &'static str = "diplomacy.faction";
}

impl WorldQuery for AskMatrix {
    const NAME: &'static str = "diplomacy.matrix";
}

impl WorldQuery for AskPair {
    const NAME: &'static str = "diplomacy.pair";
}

fn shown_max() -> usize {
    FACTIONS_SHOWN_MAX
}

/// Everything that an answer is made of.
#[derive(SystemParam)]
pub struct Archive<'w, 's> {
    model: Option<Res<'w, Diplomacy>>,
    sides: Option<Res<'w, Sides>>,
    relations: Option<Res<'w, Relations>>,
    affairs: Option<Res<'w, Affairs>>,
    time: Res<'w, Time<GameTime>>,
    factions: Query<'w, 's, (&'static Faction, &'static Powers, &'static Goals, &'static Temperament)>,
}

/// The books, open for reading.
pub(super) struct Read<'a> {
    pub(super) model: &'a Diplomacy,
    pub(super) sides: &'a Sides,
    pub(super) relations: &'a Relations,
    pub(super) affairs: &'a Affairs,
    /// Microseconds of game time since the epoch, where the world has a time.
    pub(super) now: Option<i64>,
}

impl Archive<'_, '_> {
    pub(super) fn read(&self) -> Result<Read<'_>, String> {
        match (&self.model, &self.sides, &self.relations, &self.affairs) {
            (Some(model), Some(sides), Some(relations), Some(affairs)) => {
                let now = self.time.context().now.map(|now| now.as_micros());
                Ok(Read { model, sides, relations, affairs, now })
            }
            _ => Err(NO_DIPLOMACY.into()),
        }
    }
}

impl Read<'_> {
    /// The number of a faction, or who was probably meant.
    pub(super) fn number(&self, id: &str) -> Result<u16, String> {
        self.model.number(id).ok_or_else(|| {
            let id: String = id.chars().take(64).collect();
            match crate::world::spec::nearest(&id, self.model.factions.iter().map(|faction| faction.id.as_str())) {
                Some(meant) => format!("{NO_FACTION} `{id}`: did you mean `{meant}`?"),
                None => format!("{NO_FACTION} `{id}`"),
            }
        })
    }

    /// The pair of two names, in the order of their ids.
    pub(super) fn pair(&self, one: &str, other: &str) -> Result<(PairId, u16, u16), String> {
        let (one, other) = (self.number(one)?, self.number(other)?);
        let found = self.relations.pairs().of(one, other);
        let pair = found.ok_or_else(|| format!("`{}` stands on both sides: name two factions", self.model.id(one)))?;
        Ok((pair, one.min(other), one.max(other)))
    }

    /// A pair as it is now: with what its treaties give now, not what they gave at the last daily tick.
    pub(super) fn view(&self, pair: PairId) -> Option<PairView> {
        let bonus = self.now.map(|now| bonus(self.model, self.affairs, pair, now));
        self.relations.view(pair).map(|view| PairView { bonus: bonus.unwrap_or(view.bonus), ..view })
    }

    /// How a pair stands.
    pub(super) fn standing(&self, pair: PairId, a: u16, b: u16) -> Value {
        let Some(view) = self.view(pair) else { return Value::Null };
        let (one, other) = (self.sides.get(a), self.sides.get(b));
        json!({
            "factionA": self.model.id(a), "factionB": self.model.id(b), "state": view.state.as_str(),
            "since": self.relations.began.map(|_| hour(view.since)), "score": round(view.score),
            "love": round(view.love), "loveByNature": round(view.nature), "trust": round(view.trust),
            "treatyBonus": round(view.bonus),
            "fearOfA": round(self.model.score.fear_of(&one, &other)),
            "fearOfB": round(self.model.score.fear_of(&other, &one)),
        })
    }

    /// Treaties of a pair, in force or to come: one whose time is over is none, even before the daily tick that takes it
    /// out.
    pub(super) fn treaties(&self, pair: PairId) -> Vec<Value> {
        let of_pair = self.affairs.treaties.of(pair);
        of_pair
            .filter(|(_, treaty)| self.now.is_none_or(|now| treaty.ends > now))
            .map(|(kind, treaty)| {
                json!({
                    "kind": kind, "begins": instant(treaty.begins), "ends": instant(treaty.ends),
                    "inForce": self.now.is_some_and(|now| treaty.holds(now)),
                })
            })
            .collect()
    }

    /// What happened to a pair, the latest first.
    pub(super) fn history(&self, pair: PairId) -> Vec<Value> {
        self.affairs.histories.of(pair).rev().map(|one| self.happening(one)).collect()
    }

    pub(super) fn happening(&self, one: &Happening) -> Value {
        let (what, by, states) = named(one.what);
        let (by, from, to) = (by.map(|by| self.model.id(by)), states.map(|all| all.0), states.map(|all| all.1));
        json!({
            "number": one.number, "at": hour(one.hour), "what": what, "by": by, "from": from, "to": to,
            "loveChange": round(one.love), "trustChange": round(one.trust), "scoreChange": hundredths(one.score),
            "words": one.words,
        })
    }
}

/// The instant of an hour since the epoch.
pub(super) fn hour(hour: i32) -> String {
    instant(i64::from(hour).saturating_mul(MICROS_PER_HOUR)).to_string()
}

fn levels(levels: &PowerLevels) -> Value {
    let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
    json!({
        "military": round(levels.military), "economy": round(levels.economy), "territory": round(levels.territory),
        "technology": round(levels.technology), "morale": round(levels.morale),
    })
}

fn describe(
    read: &Read<'_>,
    (faction, powers, goals, temperament): (&Faction, &Powers, &Goals, &Temperament),
) -> Value {
    let mut counts = [0_u32; 4];
    for other in 0..read.relations.factions {
        if let Some(pair) = read.relations.pairs().of(faction.number, other) {
            let number = usize::from(read.relations.state_of(pair).number());
            counts.get_mut(number).into_iter().for_each(|count| *count += 1);
        }
    }
    let [war, cold_war, peace, alliance] = counts;
    json!({
        "id": faction.id, "name": faction.name, "power": round(read.sides.get(faction.number).power),
        "powers": levels(&powers.now), "firstPowers": levels(&powers.first),
        "exhaustion": (powers.exhaustion * 1_000.0).round() / 1_000.0, "goals": goals, "temperament": temperament,
        "byState": { "war": war, "cold_war": cold_war, "peace": peace, "alliance": alliance },
    })
}

/// Answers [`AskFactions`].
pub fn list_factions(In(ask): In<AskFactions>, archive: Archive) -> Answer {
    let read = archive.read()?;
    if !(1..=FACTIONS_SHOWN_MAX).contains(&ask.limit) {
        return Err(format!("/limit: {} is outside 1 to {FACTIONS_SHOWN_MAX}", ask.limit));
    }
    let mut all: Vec<_> = archive.factions.iter().collect();
    all.sort_by_key(|(faction, ..)| faction.number);
    let after = |id: &str| ask.after.as_deref().is_none_or(|after| id > after);
    let mut shown = all.into_iter().filter(|(faction, ..)| after(&faction.id));
    let page: Vec<Value> = shown.by_ref().take(ask.limit).map(|faction| describe(&read, faction)).collect();
    Ok(json!({
        "factions": page, "more": shown.next().is_some(), "count": read.relations.factions, "days": read.relations.days,
        "relations": read.relations.pairs().count(), "byState": states(read.relations.counts()),
        "treaties": read.affairs.treaties.len(), "remembered": read.affairs.histories.len(),
    }))
}

fn states([war, cold_war, peace, alliance]: [u64; 4]) -> Value {
    json!({ "war": war, "cold_war": cold_war, "peace": peace, "alliance": alliance })
}

/// Answers [`AskFaction`].
pub fn show_faction(In(ask): In<AskFaction>, archive: Archive) -> Answer {
    let read = archive.read()?;
    let number = read.number(&ask.faction)?;
    let found = archive.factions.iter().find(|(faction, ..)| faction.number == number);
    let mut answer = describe(&read, found.ok_or("the faction is gone")?);
    let with = |state: RelationState| {
        let others = (0..read.relations.factions).filter(|other| {
            read.relations.pairs().of(number, *other).is_some_and(|pair| read.relations.state_of(pair) == state)
        });
        others.take(FACTIONS_SHOWN_MAX).map(|other| Value::from(read.model.id(other))).collect::<Value>()
    };
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("atWarWith".to_owned(), with(RelationState::War));
        answer.insert("alliedWith".to_owned(), with(RelationState::Alliance));
    }
    Ok(answer)
}

/// Answers [`AskMatrix`].
pub fn show_matrix(In(ask): In<AskMatrix>, archive: Archive) -> Answer {
    let read = archive.read()?;
    if ask.factions.len() > FACTIONS_SHOWN_MAX {
        return Err(format!(
            "/factions: there are {}; a matrix takes at most {FACTIONS_SHOWN_MAX}",
            ask.factions.len()
        ));
    }
    let mut numbers = ask.factions.iter().map(|id| read.number(id)).collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        numbers.extend((0..read.relations.factions).take(FACTIONS_SHOWN_MAX));
    }
    numbers.sort_unstable();
    numbers.dedup();
    let cell = |a: u16, b: u16| {
        let pair = read.relations.pairs().of(a, b);
        pair.and_then(|pair| read.relations.view(pair))
            .map_or(Value::Null, |view| json!({ "state": view.state.as_str(), "score": round(view.score) }))
    };
    let rows: Vec<Value> =
        numbers.iter().map(|a| numbers.iter().map(|b| cell(*a, *b)).collect::<Vec<_>>().into()).collect();
    let named: Vec<Value> = numbers
        .iter()
        .map(|number| json!({ "id": read.model.id(*number), "name": read.model.name(*number) }))
        .collect();
    Ok(json!({
        "factions": named, "cells": rows, "days": read.relations.days, "count": read.relations.factions,
        "byState": states(read.relations.counts()), "at": read.now.map(|now| instant(now).to_string()),
    }))
}

/// Answers [`AskPair`].
pub fn show_pair(In(ask): In<AskPair>, archive: Archive) -> Answer {
    let read = archive.read()?;
    let (pair, a, b) = read.pair(&ask.one, &ask.other)?;
    let mut answer = read.standing(pair, a, b);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("treaties".to_owned(), read.treaties(pair).into());
        answer.insert("history".to_owned(), read.history(pair).into());
    }
    Ok(answer)
}
