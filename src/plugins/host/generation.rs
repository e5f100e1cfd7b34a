//! Jobs of generation as rows of a commit, as messages to workers, and what the edge decides of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::commands::Asked;
use super::edge_jobs::{Decisions, Whose};
use super::engine::Engine;
use super::orders::Order;
use crate::components::generation::JobState;
use crate::components::ids::WorldId;
use crate::messages::CommandInput;
use crate::messages::generation::{GenerationAction, GenerationRequest, GenerationTold, JobTold, WorkOrder};
use crate::plugins::store::{Commit, JobRow, JobStage, OutboxRow, ShardId};

/// Where workers are asked.
pub(super) const REQUEST_TOPIC: &str = "generation.request";
/// Who speaks to worlds for the edge.
const EDGE: &str = "generation-edge";
/// What counts for the limits of an hour, in microseconds.
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// Jobs in one word to a world.
const JOBS_TOGETHER: usize = 500;

/// What the inputs of a commit have told of jobs: a commit writes each job once.
#[derive(Debug, Default)]
pub(super) struct KeptJobs(BTreeMap<(String, Uuid, i64), JobRow>);

/// Whose a job is, and when it was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) world: &'a WorldId,
    pub(super) incarnation: Uuid,
    pub(super) shard: ShardId,
    pub(super) wall: i64,
}

impl KeptJobs {
    /// Takes what an input of a world has told. What is to be sent to workers comes back.
    pub(super) fn take(&mut self, place: Place<'_>, told: &GenerationTold) -> Vec<OutboxRow> {
        let mut messages = Vec::new();
        for told in &told.0 {
            let mut row = job_row(place, told);
            let key = (row.world_id.clone(), row.incarnation, row.job_id);
            if let Some(before) = self.0.get(&key).filter(|_| row.timeout_seconds == 0) {
                row.timeout_seconds = before.timeout_seconds;
            }
            self.0.insert(key, row);
            messages.extend(message_row(place, told));
        }
        messages
    }

    /// Puts all of it into the commit.
    pub(super) fn fill(self, commit: &mut Commit) {
        let no = commit.commit_no;
        commit.jobs = self.0.into_values().map(|row| JobRow { commit_no: no, ..row }).collect();
    }
}

fn job_row(place: Place<'_>, told: &JobTold) -> JobRow {
    let change = &told.change;
    let clean = |text: &Option<String>| text.as_deref().map(super::assemble::clean);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let stage = match (&told.order, change.state) {
        (WorkOrder::Admit, _) => JobStage::Waits,
        (WorkOrder::Send { .. }, _) | (_, JobState::Running) => JobStage::Sent,
        _ => JobStage::None,
    };
    JobRow {
        world_id: place.world.to_string(),
        incarnation: place.incarnation,
        job_id: signed(change.job_id),
        shard: place.shard,
        state: change.state.as_str().to_owned(),
        is_over: change.state.is_final(),
        stage,
        kind: change.kind.clone(),
        user: super::assemble::clean(&change.user),
        session: change.session.clone(),
        npc_id: change.npc_id.map(signed),
        chain: clean(&change.chain),
        step: clean(&change.step),
        priority: change.priority.into(),
        attempt: change.attempt.into(),
        timeout_seconds: match told.order {
            WorkOrder::Send { timeout_real_seconds, .. } => timeout_real_seconds.into(),
            _ => 0,
        },
        reason: clean(&change.reason),
        message: clean(&change.message),
        reference: clean(&change.reference),
        again_for: change.again_for.map(signed),
        asked_at: change.asked_at.as_micros(),
        deadline: change.deadline.as_micros(),
        recorded_at: place.wall,
        ..JobRow::default()
    }
}

/// The message to workers, where there is one. Its outbox id is left at 0 for the engine to set.
fn message_row(place: Place<'_>, told: &JobTold) -> Option<OutboxRow> {
    let (action, payload, timeout_real_seconds) = match &told.order {
        WorkOrder::Send { payload, timeout_real_seconds } => {
            (GenerationAction::Generate, payload.clone(), *timeout_real_seconds)
        }
        WorkOrder::Stop => (GenerationAction::Cancel, Value::Null, 0),
        WorkOrder::None | WorkOrder::Admit => return None,
    };
    let change = &told.change;
    let (word, world) = (action.as_str(), place.world.to_string());
    let name = format!("generation:{}:{}:{word}", change.job_id, change.attempt);
    let request_id = Uuid::new_v5(&place.incarnation, name.as_bytes());
    let request = GenerationRequest {
        request_id,
        action,
        world_id: world.clone(),
        incarnation: place.incarnation,
        job_id: change.job_id,
        attempt: change.attempt,
        kind: change.kind.clone(),
        user: change.user.clone(),
        session: change.session.clone(),
        npc_id: change.npc_id,
        priority: change.priority,
        deadline: change.deadline,
        timeout_real_seconds,
        payload,
    };
    let headers = [
        ("event_type", REQUEST_TOPIC.to_owned()),
        ("world_id", world.clone()),
        ("job_id", change.job_id.to_string()),
        ("kind", change.kind.clone()),
        ("action", word.to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    Some(OutboxRow {
        shard: place.shard,
        event_id: request_id,
        topic: REQUEST_TOPIC.into(),
        event_type: REQUEST_TOPIC.into(),
        world_id: Some(world.clone()),
        key: Some(world.into_bytes()),
        headers: headers.map(|(name, value)| (name.to_owned(), value.into_bytes())).into(),
        body: serde_json::to_vec(&request).ok(),
        created_at: place.wall,
        ..OutboxRow::default()
    })
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(number.max(1).unsigned_abs())
}

impl Engine {
    /// Takes up the jobs of the store with which the edge has something to do, and the attempts of the last hour: user, how
    /// many, and when they were recorded. What was with the workers has its time anew: nobody knows what they did
    /// meanwhile.
    pub fn load_jobs(&mut self, rows: Vec<JobRow>, recent: Vec<(String, i64, i64)>) {
        let (now, wall) = (self.now(), self.wall_micros());
        for (user, attempts, recorded_at) in recent {
            let ago = Duration::from_micros(wall.saturating_sub(recorded_at).max(0).unsigned_abs());
            let at = now.checked_sub(ago).unwrap_or(now);
            (0..attempts).for_each(|_| self.edge_jobs.attempted(&user, at));
        }
        let count = rows.len();
        for row in rows {
            let Ok(world) = WorldId::new(&row.world_id) else { continue };
            let key = (world, row.job_id.unsigned_abs());
            let attempt = u8::try_from(row.attempt).unwrap_or(u8::MAX);
            let whose = Whose { user: row.user, kind: row.kind, shard: row.shard };
            match row.stage {
                JobStage::Waits => self.edge_jobs.wait(key, whose, attempt, now),
                JobStage::Sent => self.edge_jobs.sent(key, whose, attempt, seconds(row.timeout_seconds), now),
                JobStage::None => {}
            }
        }
        if count > 0 {
            tracing::info!(jobs = count, "jobs of generation are taken up");
        }
    }

    /// The instant of the wall clock from which attempts count for the limits of an hour.
    pub fn hour_ago(&self) -> i64 {
        self.wall_micros().saturating_sub(HOUR_MICROS)
    }

    /// What is durable of jobs: the edge goes on from there.
    pub(super) fn heed_jobs(&mut self, id: &WorldId, told: &GenerationTold) {
        let (now, shard) = (self.now(), self.shard_of_world(id));
        for JobTold { change, order } in &told.0 {
            let key = (id.clone(), change.job_id);
            let whose = || Whose { user: change.user.clone(), kind: change.kind.clone(), shard };
            match order {
                _ if change.state.is_final() => self.edge_jobs.over(&key),
                WorkOrder::Admit => self.edge_jobs.wait(key, whose(), change.attempt, now),
                WorkOrder::Send { timeout_real_seconds, .. } => {
                    let timeout = Duration::from_secs(u64::from(*timeout_real_seconds));
                    self.edge_jobs.sent(key, whose(), change.attempt, timeout, now);
                }
                _ => self.edge_jobs.heard(&key, now),
            }
        }
    }

    /// Lets jobs go that may, and says of others why they wait. Called whenever something may have changed.
    pub(super) fn steer_jobs(&mut self) {
        if self.stopping || self.edge_jobs.len() == (0, 0) || self.units.len() >= self.config.units_max {
            return;
        }
        let Decisions { admitted, held, timed_out } = self.edge_jobs.decide(self.now());
        let mut by_world: BTreeMap<WorldId, Vec<u64>> = BTreeMap::new();
        for (world, job) in admitted {
            by_world.entry(world).or_default().push(job);
        }
        for (world, jobs) in by_world {
            for jobs in jobs.chunks(JOBS_TOGETHER) {
                if !self.tell_world(&world, "generation.admit", json!({ "jobIds": jobs })) {
                    let now = self.now();
                    jobs.iter().for_each(|job| self.edge_jobs.put_back(&(world.clone(), *job), now));
                }
            }
        }
        let mut reasons: BTreeMap<(WorldId, &'static str), Vec<u64>> = BTreeMap::new();
        for ((world, job), why) in held {
            reasons.entry((world, why)).or_default().push(job);
        }
        for ((world, reason), jobs) in reasons {
            for jobs in jobs.chunks(JOBS_TOGETHER) {
                self.tell_world(&world, "generation.hold", json!({ "jobIds": jobs, "reason": reason }));
            }
        }
        for ((world, job), attempt) in timed_out {
            let said = json!({ "jobId": job, "attempt": attempt, "status": "failed", "error": "timeout",
                "message": "no worker has said anything in time" });
            self.tell_world(&world, "generation.result", said);
        }
    }

    /// Says something to a world. Whether it takes it.
    fn tell_world(&mut self, id: &WorldId, command: &str, payload: Value) -> bool {
        let input = CommandInput {
            command_id: Uuid::new_v4(),
            command: command.to_owned(),
            issued_by: EDGE.to_owned(),
            payload,
        };
        self.begin_order(id, Order::Command(input), Asked::default()).is_ok()
    }

    /// Whether an answer of a worker is of another world than the one of that name here.
    pub(super) fn foreign_answer(&self, id: &WorldId, payload: &serde_json::Map<String, Value>) -> Option<String> {
        let meant = payload.get("incarnation").and_then(Value::as_str)?;
        let here = self.worlds.get(id)?.incarnation;
        (meant != here.to_string()).then(|| format!("it answers incarnation {meant} of world `{id}`, which is no more"))
    }
}

/// How many jobs wait here, and how many are with the workers.
pub(super) fn measure(edge: (usize, usize)) {
    let number = |count: usize| super::measure::float(count as u64);
    metrics::gauge!("worldtick_generation_queue_depth", "state" => "edge").set(number(edge.0));
    metrics::gauge!("worldtick_generation_in_flight").set(number(edge.1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::SimulationEvent;
    use crate::messages::generation::GenerationJobChanged;

    #[test]
    fn a_job_is_written_once_and_what_is_sent_names_its_attempt() {
        let world = WorldId::new("w").expect("an id");
        let place = Place { world: &world, incarnation: Uuid::nil(), shard: 3, wall: 9 };
        let change = |state, attempt| GenerationJobChanged { state, attempt, ..GenerationJobChanged::example() };
        let sent = WorkOrder::Send { payload: json!({"a": 1}), timeout_real_seconds: 30 };
        let told = GenerationTold(vec![
            JobTold { change: change(JobState::Queued, 0), order: WorkOrder::Admit },
            JobTold { change: change(JobState::Queued, 1), order: sent },
            JobTold { change: change(JobState::Running, 1), order: WorkOrder::None },
        ]);
        let mut kept = KeptJobs::default();
        let messages = kept.take(place, &told);
        let [message] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!(
            (message.topic.as_str(), message.key.as_deref(), message.shard),
            (REQUEST_TOPIC, Some(&b"w"[..]), 3)
        );
        let request: GenerationRequest =
            serde_json::from_slice(message.body.as_deref().expect("a body")).expect("JSON");
        assert_eq!((request.attempt, request.payload, request.timeout_real_seconds), (1, json!({"a": 1}), 30));
        let stop = GenerationTold(vec![JobTold { change: change(JobState::Cancelled, 1), order: WorkOrder::Stop }]);
        let stopped = kept.take(place, &stop);
        assert_ne!(stopped[0].event_id, message.event_id);
        let mut commit = Commit { commit_no: 8, ..Commit::default() };
        kept.fill(&mut commit);
        let [row] = commit.jobs.as_slice() else { panic!("{:?}", commit.jobs) };
        assert_eq!((row.state.as_str(), row.is_over, row.stage, row.commit_no), ("cancelled", true, JobStage::None, 8));
        assert_eq!((row.timeout_seconds, row.recorded_at), (30, 9));
    }
}
