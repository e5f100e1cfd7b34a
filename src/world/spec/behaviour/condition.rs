//! Conditions: what may be asked of an NPC, its world and the hour.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeOfDay {
    /// 6 to 12.
    Morning,
    /// 12 to 18.
    Afternoon,
    /// 18 to 22.
    Evening,
    /// 22 to 6.
    Night,
}

/// Something that holds or does not. A list of conditions means all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ConditionSpec {
    /// The relation to an NPC, or to anybody of a role, is above a threshold.
    RelationshipGt {
        /// Whom.
        npc_id_or_role: String,
        /// The axis.
        metric: String,
        /// 0 to 100.
        threshold: f64,
    },
    /// The relation to an NPC, or to everybody of a role, is below a threshold.
    RelationshipLt {
        /// Whom.
        npc_id_or_role: String,
        /// The axis.
        metric: String,
        /// 0 to 100.
        threshold: f64,
    },
    /// An axis of a statistic is above a threshold.
    StatAxisGt {
        /// `needs`, `mood` or `relationships`.
        stat_definition: String,
        /// `energy`, `valence`, `arousal` or an axis of relationships.
        axis: String,
        /// For relationships: to whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        npc_id_or_role: Option<String>,
        /// The threshold.
        threshold: f64,
    },
    /// An axis of a statistic is below a threshold.
    StatAxisLt {
        /// As above.
        stat_definition: String,
        /// As above.
        axis: String,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        npc_id_or_role: Option<String>,
        /// The threshold.
        threshold: f64,
    },
    /// An axis of a statistic lies between two bounds, both included.
    StatAxisBetween {
        /// As above.
        stat_definition: String,
        /// As above.
        axis: String,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        npc_id_or_role: Option<String>,
        /// The lower bound.
        min: f64,
        /// The upper bound.
        max: f64,
    },
    /// A flag of the NPC, its session or its world (looked up in this order) has this value.
    FlagEquals {
        /// Its key; `{npc.id}` stands for the NPC.
        key: String,
        /// The value.
        value: Value,
    },
    /// A flag is set.
    FlagExists {
        /// Its key; `{npc.id}` stands for the NPC.
        key: String,
    },
    /// The NPC is in one of these moods.
    MoodIn {
        /// happy, sad, energetic, tense, calm, tired, neutral, …
        mood_tags: Vec<String>,
    },
    /// Its energy lies between two bounds, both included.
    EnergyBetween {
        /// 0 to 100.
        min: f64,
        /// 0 to 100.
        max: f64,
    },
    /// By chance.
    RandomChance {
        /// 0 to 1.
        probability: f64,
    },
    /// It is one of these times of day.
    TimeOfDayIn {
        /// The times.
        times: Vec<TimeOfDay>,
    },
    /// It is one of these days of the week: 0 is Monday.
    DayOfWeekIn {
        /// 0 to 6.
        days: Vec<u8>,
    },
    /// The NPC is at a place of one of these types.
    LocationTypeIn {
        /// The types.
        location_types: Vec<String>,
    },
    /// A small formula, such as `energy > 20 && hour >= 8`.
    Expression {
        /// The formula.
        expression: String,
    },
    /// A condition that a plugin has registered.
    Custom {
        /// Its name.
        evaluator_id: String,
        /// What it gets.
        #[serde(default)]
        params: Value,
    },
}
