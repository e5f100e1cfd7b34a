//! The behaviour section of a world file: activities, routines, scoring, tier rules, preferences.
//!
//! The names and shapes are those of the behaviour configuration of the systems that worlds come from.

mod check;
mod condition;
mod tiers;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use check::{MOOD_TAGS, TRAITS};
pub(super) use check::{check, check_named_tiers};
pub use condition::{ConditionSpec, TimeOfDay};
pub use tiers::tier_by_name;

/// How NPCs behave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BehaviourSpec {
    /// Version of the section, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Kinds of activity, by id.
    pub activity_categories: BTreeMap<String, CategorySpec>,
    /// What NPCs can do, by id.
    pub activities: BTreeMap<String, ActivitySpec>,
    /// How a day goes, by id.
    pub routines: BTreeMap<String, RoutineSpec>,
    /// How activities are weighed.
    pub scoring_config: ScoringSpec,
    /// Who belongs to which tier.
    pub simulation_config: TierRulesSpec,
    /// Sets of preferences that NPCs refer to.
    pub presets: PresetsSpec,
}

/// A kind of activity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CategorySpec {
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// For people.
    #[serde(default)]
    pub label: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// The preference of an NPC that says nothing of it, 0 to 1. Without it 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_weight: Option<f64>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Something that NPCs can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActivitySpec {
    /// Version of the entry, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Its category.
    pub category: String,
    /// What must hold for an NPC to choose it.
    #[serde(default)]
    pub requirements: RequirementsSpec,
    /// What it does to the NPC, in each hour of it or at its end.
    #[serde(default)]
    pub effects: EffectsSpec,
    /// For clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visual: Option<Value>,
    /// How long an NPC stays with it at least, in game seconds. 0 to 604,800.
    #[serde(default)]
    pub min_duration_seconds: u32,
    /// How long after its end an NPC does not choose it again, in game seconds. 0 to 31,536,000.
    #[serde(default)]
    pub cooldown_seconds: u32,
    /// Base weight beside others, 0 to 100. Without it 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
}

/// What must hold for an NPC to choose an activity. What is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RequirementsSpec {
    /// There must be a place of one of these types where the NPC can go; it goes there.
    pub location_types: Vec<String>,
    /// Energy at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_energy: Option<f64>,
    /// Energy at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_energy: Option<f64>,
    /// It must be one of these times of day.
    pub time_of_day: Vec<TimeOfDay>,
    /// It must be in one of these moods.
    pub mood_tags: Vec<String>,
    /// All of these NPCs, or somebody of each of these roles, must be where it is done.
    pub required_npc_roles_or_ids: Vec<String>,
    /// All of these must hold.
    pub conditions: Vec<ConditionSpec>,
}

/// What an activity does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EffectsSpec {
    /// Energy in an hour, -100 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_delta_per_hour: Option<f64>,
    /// Mood in an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mood_impact: Option<MoodSpec>,
    /// When it ends: by NPC or role, axis by axis.
    pub relationship_changes: BTreeMap<String, BTreeMap<String, f64>>,
    /// When it ends: flags of the NPC, or of the world for keys that begin with `world.`.
    pub flags_set: BTreeMap<String, Value>,
    /// When it ends: what the NPC proposes, by kinds of interaction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<String>,
    /// When it ends: what the NPC asks of workers outside, by kinds of generation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generations: Vec<String>,
    /// When it ends: effects that plugins know, by name, with their parameters.
    pub custom_effects: BTreeMap<String, Value>,
}

/// A mood, or a change of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MoodSpec {
    /// From bad to good.
    pub valence: f64,
    /// From calm to agitated.
    pub arousal: f64,
}

/// How a day goes: a graph of nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoutineSpec {
    /// Version of the entry, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Its id again.
    #[serde(default)]
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<RoutineNodeSpec>,
    /// Its edges, followed from time slots and decisions in their order.
    #[serde(default)]
    pub edges: Vec<RoutineEdgeSpec>,
    /// Preferences of everybody who follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_preferences: Option<PreferencesSpec>,
    /// For people and tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

/// A node of a routine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoutineNodeSpec {
    /// Its id, once in the routine.
    pub id: String,
    /// What it is: a way begins at the time slots that hold, follows edges over decisions, and ends at activity nodes.
    /// Edges into time slots are for people: the clock alone enters them. A routine without time slots begins at the
    /// nodes that no edge leads to.
    pub node_type: RoutineNodeType,
    /// When it holds; a time slot must have one, other nodes may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_range_seconds: Option<TimeRangeSpec>,
    /// Of a decision: what must hold for it to be entered.
    #[serde(default)]
    pub decision_conditions: Vec<ConditionSpec>,
    /// What may be chosen here.
    #[serde(default)]
    pub preferred_activities: Vec<PreferredActivitySpec>,
    /// For people and tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

/// What a node of a routine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoutineNodeType {
    /// A part of the day: where a routine is entered.
    TimeSlot,
    /// A fork with conditions.
    Decision,
    /// A set of activities.
    Activity,
}

/// A part of the day in seconds since midnight; an end before the start passes midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeRangeSpec {
    /// The first second, 0 to 86,400.
    pub start: u32,
    /// The second after the last, 0 to 86,400.
    pub end: u32,
}

/// An activity that may be chosen at a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreferredActivitySpec {
    /// The activity.
    pub activity_id: String,
    /// Its weight here, 0 to 10.
    #[serde(default = "one")]
    pub weight: f64,
    /// All of these must hold.
    #[serde(default)]
    pub conditions: Vec<ConditionSpec>,
}

fn one() -> f64 {
    1.0
}

/// An edge of a routine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoutineEdgeSpec {
    /// Its id, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The node that it leaves.
    #[serde(alias = "source", alias = "fromNodeId")]
    pub from: String,
    /// The node that it enters.
    #[serde(alias = "target", alias = "toNodeId")]
    pub to: String,
    /// All of these must hold for it to be followed.
    #[serde(default)]
    pub conditions: Vec<ConditionSpec>,
    /// Its weight among those whose conditions hold, 0 to 10.
    #[serde(default = "one")]
    pub weight: f64,
}

/// How activities are weighed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScoringSpec {
    /// Version of the entry, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The weights of the eight factors, and those of a developer's own by name.
    pub weights: WeightsSpec,
}

/// The weights of the scoring factors, 0 to 10 each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is the weight of the factor of its name; docs/npcs.md says what they do")]
pub struct WeightsSpec {
    pub base_weight: f64,
    pub activity_preference: f64,
    pub category_preference: f64,
    pub trait_modifier: f64,
    pub mood_compatibility: f64,
    pub relationship_bonus: f64,
    pub urgency: f64,
    pub inertia: f64,
    /// Weights of factors that plugins have registered, by name.
    pub custom: BTreeMap<String, f64>,
}

impl Default for WeightsSpec {
    fn default() -> Self {
        Self {
            base_weight: 1.0,
            activity_preference: 1.0,
            category_preference: 0.8,
            trait_modifier: 0.6,
            mood_compatibility: 0.7,
            relationship_bonus: 0.5,
            urgency: 1.2,
            inertia: 0.3,
            custom: BTreeMap::new(),
        }
    }
}

/// Who belongs to which tier.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TierRulesSpec {
    /// Version of the entry, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Tiers with names of their own, mapped to the four by how often they are simulated; those equally often by their
    /// levels of detail. How often the four are due is said in `meta.simulation`.
    pub tiers: Vec<NamedTierSpec>,
    /// Rules; the one with the highest priority whose condition holds decides.
    pub priority_rules: Vec<PriorityRuleSpec>,
    /// The tier of an NPC for which no rule holds; without it ambient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_tier: Option<String>,
    /// Taken over into `maxNpcTicksPerStep` where a world is imported; in a world file it has no effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_npcs_per_tick: Option<u32>,
}

/// A tier under a name of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedTierSpec {
    /// Its name.
    pub id: String,
    /// Game seconds between two turns: up to 134 it is detailed, up to 520 active, up to 3,600 ambient, else dormant.
    pub tick_frequency_seconds: u32,
    /// How closely it is simulated: `full`, `simplified` or `schedule_only`. It tells tiers apart that are simulated
    /// equally often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_level: Option<DetailLevel>,
}

/// How closely a named tier is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DetailLevel {
    /// Everything: detailed or active.
    Full,
    /// A simplified choice: ambient.
    Simplified,
    /// The routine alone: dormant.
    ScheduleOnly,
}

/// A rule that puts NPCs into a tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriorityRuleSpec {
    /// What must hold.
    pub condition: ConditionSpec,
    /// A tier: one of the four, or a name from `tiers`.
    pub tier: String,
    /// The highest wins. -1,000 to 1,000.
    pub priority: i16,
}

/// Sets that NPCs refer to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PresetsSpec {
    /// Preferences by id.
    pub npc_preferences: BTreeMap<String, PresetSpec>,
}

/// One set of preferences.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PresetSpec {
    /// Its id again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The preferences.
    pub preferences: PreferencesSpec,
    /// For people and tools.
    pub tags: Vec<String>,
}

/// What somebody likes. What is not said falls to the next of the cascade: session, NPC, routine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PreferencesSpec {
    /// By activity, 0 to 1; 0.5 is neutral.
    pub activity_weights: BTreeMap<String, f64>,
    /// By category, 0 to 1; 0.5 is neutral.
    pub category_weights: BTreeMap<String, f64>,
    /// By trait (extraversion, conscientiousness, openness, agreeableness, neuroticism), 0 to 100; 50 is neutral.
    pub trait_modifiers: BTreeMap<String, f64>,
    /// Places it goes to first.
    pub favorite_locations: Vec<String>,
    /// Whom it likes to be with.
    pub preferred_npc_ids_or_roles: Vec<String>,
    /// Whom it keeps away from.
    pub avoided_npc_ids_or_roles: Vec<String>,
    /// At its best in the morning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub morning_person: Option<bool>,
    /// At its best at night.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub night_owl: Option<bool>,
}
