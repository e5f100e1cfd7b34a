//! The generation section of a world file: what can be asked of workers outside, and how much of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::findings::{Findings, Place};
use super::{ConsequencesSpec, WAIT_MAX_SECONDS};

/// The outcome of a step whose generation came to nothing.
pub const FAILED: &str = "failed";
/// Bytes of a payload at most, as JSON: what is longer is given as a reference.
pub const PAYLOAD_MAX: usize = 16_384;
/// Characters of a user, a key, a word of a worker.
pub const TEXT_MAX: usize = 128;
/// Kinds of generation.
const KINDS_MAX: usize = 1_024;

/// What can be asked of workers outside: scenes, dialogue, images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GenerationSpec {
    /// Kinds of generation, by id: at most 1,024.
    pub kinds: BTreeMap<String, GenerationKindSpec>,
    /// How much of it there may be.
    pub limits: GenerationLimitsSpec,
}

/// A kind of generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GenerationKindSpec {
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// How urgent a job of it is: -1,000 to 1,000.
    pub priority: i16,
    /// What a job of it takes of its user's turn, beside others: 1 to 100.
    pub cost: u16,
    /// Game seconds until a job of it is worth nothing any more: 1 to 3,162,240,000.
    pub deadline_seconds: i64,
    /// How often a job of it is sent to the workers at most: 1 to 20.
    pub max_attempts: u8,
    /// Real seconds without a word of a worker after which an attempt has failed: 1 to 86,400.
    pub timeout_real_seconds: u32,
    /// What workers get with a job of it that brings nothing of its own: any JSON, at most 16,384 bytes.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// The flag that is set to the reference in the result: as in `flagsSet` of the effects of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_flag: Option<String>,
    /// What it brings to the NPC and session of a job that was done.
    pub on_success: ConsequencesSpec,
    /// What it brings to those of a job that came to nothing.
    pub on_failure: ConsequencesSpec,
}

impl Default for GenerationKindSpec {
    fn default() -> Self {
        Self {
            label: String::new(),
            priority: 0,
            cost: 1,
            deadline_seconds: 86_400,
            max_attempts: 3,
            timeout_real_seconds: 300,
            payload: Value::Null,
            reference_flag: None,
            on_success: ConsequencesSpec::default(),
            on_failure: ConsequencesSpec::default(),
        }
    }
}

/// How many jobs there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GenerationLimitsSpec {
    /// Jobs that wait, in the world or because the edge holds them back: 0 to 2,000,000.
    pub max_pending: u32,
    /// Of them for one user: 0 to 1,000,000.
    pub max_pending_per_user: u32,
    /// Jobs that the world has let go and that are not over, without those that the edge holds back: while there are so
    /// many, it lets none go. 0 to 100,000.
    pub max_in_flight: u32,
    /// Of them for one user: 0 to 100,000.
    pub max_in_flight_per_user: u32,
    /// Dead jobs that are kept to be sent again, the oldest goes first: 0 to 100,000.
    pub max_dead: u32,
    /// Game seconds of waiting that a point of priority is worth among the jobs of a user: 0 to 86,400.
    pub priority_age_seconds: u32,
}

impl Default for GenerationLimitsSpec {
    fn default() -> Self {
        Self {
            max_pending: 10_000,
            max_pending_per_user: 100,
            max_in_flight: 100,
            max_in_flight_per_user: 4,
            max_dead: 1_000,
            priority_age_seconds: 60,
        }
    }
}

impl GenerationLimitsSpec {
    /// Each by its name, with its bounds.
    pub(crate) fn bounds(&self) -> [(&'static str, u32, u32); 6] {
        [
            ("maxPending", self.max_pending, 2_000_000),
            ("maxPendingPerUser", self.max_pending_per_user, 1_000_000),
            ("maxInFlight", self.max_in_flight, 100_000),
            ("maxInFlightPerUser", self.max_in_flight_per_user, 100_000),
            ("maxDead", self.max_dead, 100_000),
            ("priorityAgeSeconds", self.priority_age_seconds, 86_400),
        ]
    }
}

/// What the step of a chain asks for: it waits until something has come of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StepGenerationSpec {
    /// The kind of generation.
    pub kind: String,
    /// Whom it is done for; without it the session, and `world` outside of sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How urgent it is, -1,000 to 1,000; without it as its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Game seconds until it is worth nothing any more; without it as its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<i64>,
    /// Whoever of the same user asks under the same key while it is under way waits for the same job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<String>,
    /// What workers get: any JSON, at most 16,384 bytes; without it that of the kind.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub payload: Value,
}

/// Whether a text can name a user or a key.
pub(crate) fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control)
}

fn within(found: &mut Findings, place: &Place, value: i64, least: i64, most: i64) {
    if !(least..=most).contains(&value) {
        found.error(place, format!("{value} is outside {least} to {most}"));
    }
}

fn check_payload(found: &mut Findings, place: &Place, payload: &Value) {
    if payload.to_string().len() > PAYLOAD_MAX {
        found.error(place, format!("it is longer than {PAYLOAD_MAX} bytes: give a reference to it"));
    }
}

/// Checks the section.
pub(super) fn check(spec: &GenerationSpec, found: &mut Findings) {
    let root = Place::section("generation");
    found.at_most(&root.key("kinds"), spec.kinds.len(), KINDS_MAX);
    if found.is_flooded() {
        return;
    }
    for (id, kind) in &spec.kinds {
        let place = root.key("kinds").key(id);
        found.name(&place, id);
        within(found, &place.key("priority"), kind.priority.into(), -1_000, 1_000);
        within(found, &place.key("cost"), kind.cost.into(), 1, 100);
        within(found, &place.key("deadlineSeconds"), kind.deadline_seconds, 1, WAIT_MAX_SECONDS);
        within(found, &place.key("maxAttempts"), kind.max_attempts.into(), 1, 20);
        within(found, &place.key("timeoutRealSeconds"), kind.timeout_real_seconds.into(), 1, 86_400);
        check_payload(found, &place.key("payload"), &kind.payload);
    }
    for (name, value, most) in spec.limits.bounds() {
        within(found, &root.key("limits").key(name), value.into(), 0, most.into());
    }
}

/// Checks what the step of a chain asks for. Whether there is such a kind is seen when the chain is made ready.
pub(super) fn check_step(asks: &StepGenerationSpec, place: &Place, found: &mut Findings) {
    if let Some(priority) = asks.priority {
        within(found, &place.key("priority"), priority.into(), -1_000, 1_000);
    }
    if let Some(seconds) = asks.deadline_seconds {
        within(found, &place.key("deadlineSeconds"), seconds, 1, WAIT_MAX_SECONDS);
    }
    for (name, text) in [("user", &asks.user), ("dedupKey", &asks.dedup_key)] {
        if text.as_ref().is_some_and(|text| !is_text(text)) {
            found.error(&place.key(name), format!("it has 1 to {TEXT_MAX} printable characters"));
        }
    }
    check_payload(found, &place.key("payload"), &asks.payload);
}
