//! Jobs of generation: what is told of them, what workers are asked, and what they answer.

use bevy_ecs::message::Message;
use bevy_ecs::prelude::Resource;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use super::shapes::Object;
use super::tick::parse_json;
use super::{CommandMessage, MessageError, SimulationEvent};
use crate::components::clock::GameInstant;
use crate::components::generation::{GenerationTotals, JobState};
use crate::components::ids::WorldId;

/// Bytes of an answer at most: what is larger is given as a reference.
pub const RESULT_BYTES_MAX: usize = 65_536;

/// A job of generation has begun, gone on or ended.
#[derive(Message, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationJobChanged {
    /// The job's id in its world, the same for as long as it lives.
    pub job_id: u64,
    /// Where it stands now.
    pub state: JobState,
    /// Where it stood before; nothing where it has just been asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<JobState>,
    /// The kind of generation.
    pub kind: String,
    /// Whom it is done for.
    pub user: String,
    /// The session that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The NPC that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npc_id: Option<u64>,
    /// The chain that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The step of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How urgent it is, -1,000 to 1,000.
    pub priority: i16,
    /// How often it was sent to the workers.
    pub attempt: u8,
    /// Why it stands there, where there is something to say: the class of an error, why nobody wants it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In words, what a worker has said of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where what was made lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The dead job that it is sent again for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_for: Option<u64>,
    /// When it was asked for.
    pub asked_at: GameInstant,
    /// When it is worth nothing any more.
    pub deadline: GameInstant,
}

impl SimulationEvent for GenerationJobChanged {
    const EVENT_TYPE: &'static str = "simulation.event.generation_job";
    const SOURCE: &'static str = "world.generation";

    fn key(&self) -> String {
        self.job_id.to_string()
    }

    fn example() -> Self {
        Self {
            job_id: 9_117,
            state: JobState::Queued,
            previous: Some(JobState::Running),
            kind: "scene".to_owned(),
            user: "playthrough-7".to_owned(),
            session: Some("playthrough-7".to_owned()),
            npc_id: Some(117),
            chain: Some("lost_ring".to_owned()),
            step: Some("paint".to_owned()),
            priority: 100,
            attempt: 1,
            reason: Some("overloaded".to_owned()),
            message: Some("all models are busy".to_owned()),
            reference: Some("s3://scenes/9117.json".to_owned()),
            again_for: Some(8_004),
            asked_at: example_instant(0),
            deadline: example_instant(86_400),
        }
    }
}

fn example_instant(seconds: i64) -> GameInstant {
    GameInstant::from_micros(3_376_684_800_000_000 + seconds * 1_000_000).unwrap_or(GameInstant::MIN)
}

/// What workers are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GenerationAction {
    /// To generate, and to answer.
    Generate,
    /// To stop with a job that they may have begun. No answer is needed.
    Cancel,
}

/// What workers are asked on `generation.request`. The key is the world's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationRequest {
    /// Id of this request: the same whenever it is published again.
    pub request_id: Uuid,
    /// What is to be done.
    pub action: GenerationAction,
    /// The world.
    pub world_id: String,
    /// What the world was when it asked: an answer repeats it, so that none of another world of the same name counts.
    pub incarnation: Uuid,
    /// The job: an answer repeats it.
    pub job_id: u64,
    /// How often it was sent, this time counted: an answer repeats it.
    pub attempt: u8,
    /// The kind of generation.
    pub kind: String,
    /// Whom it is done for.
    pub user: String,
    /// The session that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The NPC that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npc_id: Option<u64>,
    /// How urgent it is, -1,000 to 1,000.
    pub priority: i16,
    /// When it is worth nothing any more, in the time of the world.
    pub deadline: GameInstant,
    /// Real seconds without a word of a worker after which the attempt counts as failed.
    pub timeout_real_seconds: u32,
    /// What to make of it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
}

/// What has become of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultStatus {
    /// A worker has begun, or is so far.
    Progress,
    /// It is done.
    Succeeded,
    /// It could not be done.
    Failed,
}

impl GenerationAction {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Cancel => "cancel",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It may do better the next time.
    Transient,
    /// There was too much to do.
    Overloaded,
    /// It took too long. The server says so, too, where no worker says anything.
    Timeout,
    /// What was asked makes no sense: the same again would fail again.
    Invalid,
    /// It must not be made: the same again would be refused again.
    Refused,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Transient, Self::Overloaded, Self::Timeout, Self::Invalid, Self::Refused];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
        }
    }

    /// Whether another attempt may do better.
    pub fn again(self) -> bool {
        matches!(self, Self::Transient | Self::Overloaded | Self::Timeout)
    }
}

/// What a worker answers on `generation.result`. The key is the world's id.
///
/// Fields that it does not know are let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationResult {
    /// Id of this answer: one that comes twice counts once.
    pub result_id: Uuid,
    /// The world, as in the request.
    pub world_id: String,
    /// As in the request.
    pub incarnation: Uuid,
    /// As in the request.
    pub job_id: u64,
    /// As in the request.
    pub attempt: u8,
    /// What has become of it.
    pub status: ResultStatus,
    /// How far it is, in percent: 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// What came of it, a word that a chain may branch on: 1 to 64 characters. Without it `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Where what was made lies: at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why it failed. Without it `transient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorClass>,
    /// What went wrong, in words: at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who answers, for people: 1 to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// When it was answered (wall time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<GameInstant>")]
    pub answered_at: Option<Timestamp>,
}

impl GenerationResult {
    /// Reads and checks a message's value.
    ///
    /// # Errors
    /// With a class and a sentence, where it is empty, not UTF-8, not JSON, of another shape, too large, or out of bounds.
    pub fn parse(value: &[u8]) -> Result<Self, MessageError> {
        if value.len() > RESULT_BYTES_MAX {
            let words = format!("it has {} bytes, and may have {RESULT_BYTES_MAX}: give a reference", value.len());
            return Err(MessageError::new("too_large", words));
        }
        let Object(result) = parse_json::<Object<Self>>(value)?;
        let mut errors = Vec::new();
        if let Err(error) = WorldId::new(&result.world_id) {
            errors.push(format!("world_id: {error}"));
        }
        let texts = [
            ("outcome", &result.outcome, 64),
            ("reference", &result.reference, 256),
            ("message", &result.message, 512),
            ("worker", &result.worker, 128),
        ];
        for (name, text, most) in texts {
            if text.as_ref().is_some_and(|text| text.chars().count() > most || text.contains('\0')) {
                errors.push(format!("{name} takes at most {most} characters, and no NUL"));
            }
        }
        if result.progress.is_some_and(|percent| percent > 100) {
            errors.push("progress is not within 0 and 100".to_owned());
        }
        if errors.is_empty() { Ok(result) } else { Err(MessageError::new("out_of_bounds", errors.join("; "))) }
    }

    /// The command to its world that it stands for: its id is that of the answer, so that one that comes twice counts once.
    ///
    /// # Errors
    /// When its world id is none.
    pub fn into_command(self) -> Result<CommandMessage, MessageError> {
        let world_id = WorldId::new(&self.world_id).map_err(|error| MessageError::new("schema", error.to_string()))?;
        let payload = json!({
            "incarnation": self.incarnation, "jobId": self.job_id, "attempt": self.attempt, "status": self.status,
            "progress": self.progress, "outcome": self.outcome, "reference": self.reference, "error": self.error,
            "message": self.message,
        });
        let payload = match payload {
            Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        };
        Ok(CommandMessage {
            command_id: self.result_id,
            command: "generation.result".to_owned(),
            world_id,
            issued_by: self.worker.filter(|worker| !worker.is_empty()).unwrap_or_else(|| "worker".to_owned()),
            issued_at: self.answered_at.unwrap_or_default(),
            payload,
        })
    }
}

impl GenerationRequest {
    /// One as workers may expect it.
    pub fn example() -> Self {
        Self {
            request_id: uuid!("5f0c2f0e-8a52-5d0b-9a41-6f3c1d2e7b90"),
            action: GenerationAction::Generate,
            world_id: "night-city".to_owned(),
            incarnation: uuid!("0199a0c2-7d0e-7c39-b1c5-9f5e3bb2a001"),
            job_id: 9_117,
            attempt: 1,
            kind: "scene".to_owned(),
            user: "playthrough-7".to_owned(),
            session: Some("playthrough-7".to_owned()),
            npc_id: Some(117),
            priority: 100,
            deadline: example_instant(86_400),
            timeout_real_seconds: 300,
            payload: json!({ "prompt": "a ring in the snow" }),
        }
    }
}

impl GenerationResult {
    /// One as the server may expect it.
    pub fn example() -> Self {
        Self {
            result_id: uuid!("660e8400-e29b-41d4-a716-446655440001"),
            world_id: "night-city".to_owned(),
            incarnation: uuid!("0199a0c2-7d0e-7c39-b1c5-9f5e3bb2a001"),
            job_id: 9_117,
            attempt: 1,
            status: ResultStatus::Succeeded,
            progress: None,
            outcome: Some("done".to_owned()),
            reference: Some("s3://scenes/9117.json".to_owned()),
            error: None,
            message: None,
            worker: Some("painter-2".to_owned()),
            answered_at: Some(Timestamp::UNIX_EPOCH),
        }
    }
}

/// What a change of a job means for the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkOrder {
    /// Nothing.
    None,
    /// The world has let it go: it waits for the edge.
    Admit,
    /// It is to be sent to the workers.
    Send {
        /// What they get.
        payload: Value,
        /// Real seconds until the attempt counts as failed.
        timeout_real_seconds: u32,
    },
    /// Whoever works at it is to stop.
    Stop,
    /// A worker is so far: the time-out begins anew. Nothing in the world has changed, and nobody else is told.
    Heard,
    /// The attempt has had its answer, which takes effect with the next step: it is with the workers no more. Nobody else
    /// is told.
    Answered,
}

impl WorkOrder {
    /// Whether it is told to the edge alone, and is no change of the job.
    pub fn is_for_the_edge_alone(&self) -> bool {
        matches!(self, Self::Heard | Self::Answered)
    }
}

/// A change of a job, with what the edge has to do. Only told: nothing in the world is decided by it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobTold {
    /// The change, as it is told to everybody.
    pub change: GenerationJobChanged,
    /// What it means for the edge.
    pub order: WorkOrder,
}

/// The changes of one input, in their order.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct GenerationTold(pub Vec<JobTold>);

/// What the steps of one input did with jobs. Between inputs it is that of the last one with a step. Only told: nothing is
/// decided by it.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GenerationReport {
    /// WorldSteps.
    pub steps: u32,
    /// Jobs that were let go.
    pub dispatched: u32,
    /// Results that took effect.
    pub landed: u32,
    /// Jobs that could have been let go and had to wait for a later step, each once a step.
    pub deferred: u32,
}

/// What one input came to for jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GenerationCounted {
    /// What its steps did; nothing where it had none.
    pub report: GenerationReport,
    /// What it added to the counts.
    pub added: GenerationTotals,
    /// Jobs that wait in the world afterwards.
    pub pending: u64,
    /// Jobs afterwards that the world has let go and that are not over.
    pub in_flight: u64,
    /// Dead jobs that are kept afterwards.
    pub dead: u64,
    /// When the oldest of those that wait in the world was asked for.
    pub oldest: Option<GameInstant>,
}
