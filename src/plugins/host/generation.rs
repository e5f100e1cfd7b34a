//! Jobs of generation as rows of a commit, and as messages to workers.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::edge::Card;
use crate::components::generation::JobState;
use crate::components::ids::WorldId;
use crate::messages::generation::{GenerationAction, GenerationRequest, GenerationTold, JobTold, WorkOrder};
use crate::plugins::store::{AttemptRow, Commit, JobRow, JobStage, OutboxRow, ShardId};

/// Where workers are asked.
pub(super) const REQUEST_TOPIC: &str = "generation.request";

/// What the inputs of a commit have told of jobs: a commit writes each job once.
#[derive(Debug, Default)]
pub(super) struct KeptJobs {
    jobs: BTreeMap<(String, Uuid, i64), JobRow>,
    attempts: Vec<AttemptRow>,
}

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
            if let Some(before) = self.jobs.get(&key).filter(|_| row.timeout_seconds == 0) {
                row.timeout_seconds = before.timeout_seconds;
            }
            if matches!(told.order, WorkOrder::Send { .. }) {
                self.attempts.push(AttemptRow::of(&row));
            }
            self.jobs.insert(key, row);
            messages.extend(message_row(place, told));
        }
        messages
    }

    /// Puts all of it into the commit.
    pub(super) fn fill(self, commit: &mut Commit) {
        let no = commit.commit_no;
        commit.jobs = self.jobs.into_values().map(|row| JobRow { commit_no: no, ..row }).collect();
        commit.edge.attempts = self.attempts;
    }
}

fn job_row(place: Place<'_>, told: &JobTold) -> JobRow {
    let change = &told.change;
    let clean = |text: &Option<String>| text.as_deref().map(super::assemble::clean);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let stage = match (&told.order, change.state) {
        (WorkOrder::Admit, _) => JobStage::Waits,
        (WorkOrder::Answered, _) => JobStage::None,
        (WorkOrder::Send { .. } | WorkOrder::Heard, _) | (_, JobState::Running) => JobStage::Sent,
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
        WorkOrder::None | WorkOrder::Admit | WorkOrder::Heard | WorkOrder::Answered => return None,
    };
    let change = &told.change;
    let name = format!("generation:{}:{}:{}", change.job_id, change.attempt, action.as_str());
    let request = GenerationRequest {
        request_id: Uuid::new_v5(&place.incarnation, name.as_bytes()),
        action,
        world_id: place.world.to_string(),
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
    Some(request_row(&request, place.shard, place.wall))
}

/// The message to workers that nobody waits for an attempt any more, though its world has not said so: because it has
/// taken too long, or because the world is gone. `why` tells it from what the world itself may say of the same attempt.
pub(super) fn stop_row(card: &Card, (job_id, attempt): (u64, u8), why: &str, wall: i64) -> OutboxRow {
    let name = format!("generation:{job_id}:{attempt}:{why}");
    let request = GenerationRequest {
        request_id: Uuid::new_v5(&card.incarnation, name.as_bytes()),
        action: GenerationAction::Cancel,
        world_id: card.world.to_string(),
        incarnation: card.incarnation,
        job_id,
        attempt,
        kind: card.kind.clone(),
        user: card.user.clone(),
        session: None,
        npc_id: None,
        priority: card.priority,
        deadline: card.deadline,
        timeout_real_seconds: 0,
        payload: Value::Null,
    };
    request_row(&request, card.shard, wall)
}

fn request_row(request: &GenerationRequest, shard: ShardId, wall: i64) -> OutboxRow {
    let world = request.world_id.clone();
    let headers = [
        ("event_type", REQUEST_TOPIC.to_owned()),
        ("world_id", world.clone()),
        ("job_id", request.job_id.to_string()),
        ("kind", request.kind.clone()),
        ("action", request.action.as_str().to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    OutboxRow {
        shard,
        event_id: request.request_id,
        topic: REQUEST_TOPIC.into(),
        event_type: REQUEST_TOPIC.into(),
        world_id: Some(world.clone()),
        key: Some(world.into_bytes()),
        headers: headers.map(|(name, value)| (name.to_owned(), value.into_bytes())).into(),
        body: serde_json::to_vec(request).ok(),
        created_at: wall,
        ..OutboxRow::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
