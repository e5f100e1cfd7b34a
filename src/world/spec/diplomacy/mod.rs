//! The diplomacy's section of a world file: factions, how they stand to each other, and by which rules that changes.

mod act;
mod check;
mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use act::{ActFields, ActSpec};
pub(super) use check::check;
pub use rules::{
    ConflictRules, DealingRules, DiplomacyRules, DriftRules, EconomyLinkRules, EffectRules, EffectsRules, KeepingRules,
    PowerWeights, ScoreRules, StateRules, TreatyRules,
};

use crate::components::clock::GameInstant;
use crate::components::faction::{RelationState, TreatyKind};

/// Factions at most: their 8.4 million relations take about 240 MB.
pub const FACTIONS_MAX: usize = 4_096;
/// Military, economic, territorial and technological power go from 0 to this.
pub const POWER_MAX: f64 = 100.0;
/// Days that a treaty lasts at most.
pub const TREATY_DAYS_MAX: u32 = 36_500;

/// The factions of a world, how they stand to each other at first, and by which rules that changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiplomacySpec {
    /// The factions: 2 to 4,096.
    pub factions: Vec<FactionSpec>,
    /// How pairs of them stand at first; a pair that is not listed stands as the goals of both imply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<RelationSpec>,
    /// Treaties that hold from the beginning, or from a given instant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub treaties: Vec<TreatySpec>,
    /// What is going to happen, whatever becomes of the world. At most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<ActSpec>,
    /// By which rules relations change.
    #[serde(default)]
    pub rules: DiplomacyRules,
}

/// A faction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FactionSpec {
    /// Its name on the wire: 1 to 64 of small letters, digits, `_` and `-`.
    #[schemars(regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub id: String,
    /// Its name for people; without it, its id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its powers at first, to which it recovers.
    pub powers: PowersSpec,
    /// What it strives for.
    #[serde(default)]
    pub goals: GoalsSpec,
    /// How it goes about it.
    #[serde(default)]
    pub temperament: TemperamentSpec,
    /// Commodities of the world's economy that it lives from, and how much of its income comes from each: 0 to 1, and no
    /// more than 1 together. What is made of them and what they bring moves its economic power.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lives_from: BTreeMap<String, f64>,
}

/// The five kinds of power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PowersSpec {
    /// Military power. 0 to 100.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub military: f64,
    /// Economic strength; without it, 0.8 of the military power. 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub economy: Option<f64>,
    /// Territory; without it, 0.6 of the military power. 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub territory: Option<f64>,
    /// Technology; without it, 0.7 of the military power. 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub technology: Option<f64>,
    /// Morale; without it, 0.7 and 0.03 for each point of military power, 1 at most. 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub morale: Option<f64>,
}

/// What a faction strives for; each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GoalsSpec {
    /// Land: two that both want it are rivals by nature.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub expansion: f64,
    /// Trade: two that both want it are partners by nature, and what happens between them is of that kind more often.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub commerce: f64,
    /// Safety: how much it makes of a stronger neighbour.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub security: f64,
}

impl Default for GoalsSpec {
    fn default() -> Self {
        Self { expansion: 0.5, commerce: 0.5, security: 0.5 }
    }
}

/// How a faction goes about what it wants; each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TemperamentSpec {
    /// How often what it does to others is hostile.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub aggression: f64,
    /// How seldom it betrays an ally.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub loyalty: f64,
    /// How fast its love and hatred go back to what they are by nature.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub forgiveness: f64,
}

impl Default for TemperamentSpec {
    fn default() -> Self {
        Self { aggression: 0.5, loyalty: 0.5, forgiveness: 0.5 }
    }
}

/// How two factions stand at first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelationSpec {
    /// The two.
    pub between: [String; 2],
    /// Love: what it is by nature, to which it goes back. -1 to 1.
    #[serde(default)]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub love: f64,
    /// Trust at first. -1 to 1.
    #[serde(default)]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub trust: f64,
    /// Their state at first; without it, what the score says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RelationState>,
}

/// A treaty between two factions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TreatySpec {
    /// The two.
    pub between: [String; 2],
    /// What it is about.
    pub kind: TreatyKind,
    /// Game time from which it holds; without it, from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<GameInstant>,
    /// Game time at which it ends; it or `days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<GameInstant>,
    /// Days of game time that it holds, from its beginning; it or `ends`. 1 to 36,500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub days: Option<u32>,
}
