//! The interactions section of a world file: what NPCs may propose, and chains of steps that wait in game time.
//!
//! The names of chains and steps are those of the systems that worlds come from.

mod check;
mod paths;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::behaviour::ConditionSpec;
use super::generation::StepGenerationSpec;

pub(super) use check::check;
pub(crate) use check::{check_chain, is_word};

/// Steps of a chain at most: what was completed is a bit each.
pub const CHAIN_STEPS_MAX: usize = 32;
/// The longest wait: a hundred years of 366 days, in seconds.
pub const WAIT_MAX_SECONDS: i64 = 100 * 366 * 86_400;
/// What a step leads to that ends its chain well.
pub const TO_COMPLETED: &str = "$completed";
/// What a step leads to that ends its chain badly.
pub const TO_FAILED: &str = "$failed";
/// The outcome of a step that passes by itself.
pub const DONE: &str = "done";
/// The outcome of an optional step that is passed over.
pub const SKIPPED: &str = "skipped";
/// The outcome of a step whose window has passed, or what it proposed or asked for.
pub const EXPIRED: &str = "expired";
/// The outcome of a step whose intent the game has declined.
pub const DECLINED: &str = "declined";
/// The outcome of a step whose intent was taken back by command.
pub const WITHDRAWN: &str = "withdrawn";
/// The outcome of a step for whose intent there was no room.
pub const REFUSED: &str = "refused";

/// What NPCs may propose, and chains of steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InteractionsSpec {
    /// Kinds of interaction, by id: at most 4,096.
    pub kinds: BTreeMap<String, InteractionKindSpec>,
    /// Chains, by id: at most 4,096.
    pub chains: BTreeMap<String, ChainSpec>,
    /// How much of it there may be.
    pub limits: InteractionLimitsSpec,
}

/// Something that happens between an NPC and a player or another NPC: a greeting, a trade, a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InteractionKindSpec {
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// How urgent an intent of it is beside others: -1,000 to 1,000. A point is worth `priorityAgeSeconds` of waiting.
    pub priority: i16,
    /// Game seconds from when it is proposed until it is worth nothing any more: 1 to 31,536,000. Without it an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_after_seconds: Option<i64>,
    /// What must hold of the NPC when an intent of it is handed out; it waits until it does, or expires.
    pub requirements: Vec<ConditionSpec>,
    /// How long after its use it cannot be used again.
    pub cooldown_seconds: CooldownsSpec,
    /// What the game gets with an intent of it: any JSON, at most 4,096 bytes.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// Cooldowns in game seconds, each from the last use within its scope: 0 to 3,162,240,000; 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CooldownsSpec {
    /// By the same NPC in the same session.
    pub npc_and_session: i64,
    /// By the same NPC, in whatever session.
    pub npc: i64,
    /// In the same session, by whatever NPC.
    pub session: i64,
    /// In the world.
    pub global: i64,
}

/// How much there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InteractionLimitsSpec {
    /// Chains that run at once: 0 to 10,000,000.
    pub max_chains: u32,
    /// Of them in one session: 0 to 1,000,000.
    pub max_chains_per_session: u32,
    /// Intents that wait or are unanswered: 0 to 1,000,000.
    pub max_intents: u32,
    /// Intents that are handed out in one step: 0 to 10,000.
    pub max_intents_per_step: u32,
    /// Intents of one NPC that are handed out and unanswered: 1 to 1,000.
    pub max_open_per_npc: u32,
    /// The same of one session, and of all that belong to none: 1 to 100,000.
    pub max_open_per_session: u32,
    /// Game seconds after which a step or an intent whose conditions do not hold is asked again: 1 to 86,400.
    pub recheck_seconds: u32,
    /// Game seconds of waiting that a point of priority is worth: 0 to 86,400.
    pub priority_age_seconds: u32,
}

impl Default for InteractionLimitsSpec {
    fn default() -> Self {
        Self {
            max_chains: 100_000,
            max_chains_per_session: 10_000,
            max_intents: 10_000,
            max_intents_per_step: 20,
            max_open_per_npc: 1,
            max_open_per_session: 10,
            recheck_seconds: 60,
            priority_age_seconds: 60,
        }
    }
}

/// What a chain is, for people and tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the categories of the systems that worlds come from")]
pub enum ChainCategory {
    Quest,
    Romance,
    Friendship,
    Story,
    Tutorial,
    #[default]
    Custom,
}

/// Steps that an NPC goes through with a player, or by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it is.
    #[serde(default)]
    pub category: ChainCategory,
    /// The NPC or role that it is for; without it anybody.
    #[serde(default, alias = "npcId", skip_serializing_if = "Option::is_none")]
    pub npc: Option<String>,
    /// 1 to 32 steps. It begins at the first.
    pub steps: Vec<ChainStepSpec>,
    /// Whether it can be started again by the same NPC in the same session when it has ended.
    #[serde(default)]
    pub repeatable: bool,
    /// Game seconds from its end until it can be started again: 0 to 3,162,240,000.
    #[serde(default)]
    pub repeat_cooldown_seconds: i64,
    /// Game seconds from its start until it has expired, wherever it stands: 1 to 3,162,240,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_seconds: Option<i64>,
    /// What its expiry brings, and that of a step without a branch for it.
    #[serde(default)]
    pub on_expiry: ConsequencesSpec,
}

/// A step of a chain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainStepSpec {
    /// Its id, once in the chain.
    pub step_id: String,
    /// What the NPC proposes when the step opens, by the id of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<String>,
    /// What is asked of workers outside when the step opens. It waits for what comes of it: `done` or the outcome that a
    /// worker gives, `failed` when it came to nothing, `refused` when there was no room. Without a branch for `failed` the
    /// chain fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<StepGenerationSpec>,
    /// Game seconds from when the step begins until it can open. Together with the next three: 0 to 3,162,240,000.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_seconds: i64,
    /// Game minutes more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_minutes: i64,
    /// Game hours more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_hours: i64,
    /// Game days more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_days: i64,
    /// Another way to write the wait: either this or the four above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_wait_seconds: Option<i64>,
    /// Game seconds from when the step begins until it has expired: longer than the wait, at most 3,162,240,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait_seconds: Option<i64>,
    /// Flags that must be set to something other than false.
    #[serde(default)]
    pub required_flags: Vec<String>,
    /// All of these must hold for it to open.
    #[serde(default)]
    pub conditions: Vec<ConditionSpec>,
    /// Whether it is passed over when flags or conditions do not hold, or its window passes, or the game says so.
    #[serde(default)]
    pub optional: bool,
    /// Whether it passes by itself as soon as it could open, with the outcome `done`.
    #[serde(default)]
    pub auto_advance: bool,
    /// Where each outcome leads: another step, `$completed` or `$failed`. Outcomes are words of the game; `done`,
    /// `skipped`, `expired`, `declined`, `withdrawn` and `refused` also come by themselves, and `failed`, `dead`,
    /// `cancelled` and `shed` of a generation.
    #[serde(default)]
    pub branches: BTreeMap<String, String>,
    /// Where every other outcome leads. Without it to the step that follows; from the last to `$completed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What its completion brings.
    #[serde(default)]
    pub effects: ConsequencesSpec,
    /// What the passing of its window brings.
    #[serde(default)]
    pub on_expiry: ConsequencesSpec,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

impl ChainStepSpec {
    /// The wait in seconds, whether it is allowed or not; nothing where it does not fit 64 bits.
    pub fn wait(&self) -> Option<i64> {
        let parts = [(self.wait_minutes, 60), (self.wait_hours, 3_600), (self.wait_days, 86_400)];
        let sum = self.wait_seconds.checked_add(self.min_wait_seconds.unwrap_or(0));
        parts.into_iter().try_fold(sum?, |sum, (count, seconds)| sum.checked_add(count.checked_mul(seconds)?))
    }

    /// Whether it waits for what it proposes or asks for, which may expire.
    pub(crate) fn waits_for_others(&self) -> bool {
        self.interaction.is_some() || self.generation.is_some()
    }

    /// Whether the wait is written in one of the four words.
    pub(crate) fn says_wait(&self) -> bool {
        [self.wait_seconds, self.wait_minutes, self.wait_hours, self.wait_days].iter().any(|part| *part != 0)
    }
}

/// What something brings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConsequencesSpec {
    /// Relations of the NPC that change: by NPC or role, axis by axis.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub relationship_changes: BTreeMap<String, BTreeMap<String, f64>>,
    /// Flags that are set, or taken away with null. Of the session in a chain that has one, else of the NPC; keys that
    /// begin with `npc.`, `session.` or `world.` say whose.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flags_set: BTreeMap<String, Value>,
    /// Effects that plugins know, by name, with their parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_effects: BTreeMap<String, Value>,
}
