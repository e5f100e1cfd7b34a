//! What is known of a commit without the database: its checks, its rows as they are sent, and how to read the lease
//! rows after a try.

use std::collections::BTreeMap;

use super::StoreError;
use super::lease::Lease;
use super::rows::{Commit, InputPosition, LeaseRow, ShardId};
use super::statements::refused;

/// What a commit needs beside its own rows, kept for the length of all tries.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub commit: &'a Commit,
    /// Each position for each shard; the last word on a partition counts.
    pub positions: Vec<(ShardId, &'a InputPosition)>,
    pub headers: Vec<Vec<u8>>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(lease: &Lease, commit: &'a Commit) -> Result<Self, StoreError> {
        let headers = commit.outbox.iter().enumerate().map(|(row, outbox)| {
            postcard::to_stdvec(&outbox.headers).map_err(|error| refused("outbox", row, error.to_string()))
        });
        let headers = headers.collect::<Result<_, _>>().map_err(|error| name_world(error, commit))?;
        Ok(Self { commit, positions: for_each_shard(lease.shards(), &commit.positions), headers })
    }
}

/// One entry a shard and partition, as a multi-row upsert must not meet a key twice.
pub(super) fn for_each_shard<'a>(
    shards: &[ShardId],
    positions: &'a [InputPosition],
) -> Vec<(ShardId, &'a InputPosition)> {
    let last: BTreeMap<(&str, i32), &InputPosition> =
        positions.iter().map(|position| ((position.topic.as_str(), position.partition), position)).collect();
    shards.iter().flat_map(|shard| last.values().map(move |position| (*shard, *position))).collect()
}

/// What would corrupt the store's own bookkeeping is refused before anything is sent.
pub(super) fn check(lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
    let mine = |shard: ShardId| lease.shards().contains(&shard);
    let next: BTreeMap<ShardId, i64> = commit.next_outbox_ids.iter().copied().collect();
    for (row, outbox) in commit.outbox.iter().enumerate() {
        let below = next.get(&outbox.shard).is_some_and(|next| outbox.id < *next);
        if !mine(outbox.shard) || !below {
            let why = format!("outbox id {} of shard {} is not below the shard's next id", outbox.id, outbox.shard);
            return Err(name_world(refused("outbox", row, why), commit));
        }
    }
    match next.keys().find(|shard| !mine(**shard)) {
        Some(shard) => Err(StoreError::Refused {
            table: "lease",
            row: None,
            world_id: None,
            message: format!("shard {shard} is not of this lease"),
        }),
        None => Ok(()),
    }
}

/// Reads the lease rows after a try whose outcome is not known.
pub(super) fn verdict(lease: &Lease, commit: &Commit, rows: &[LeaseRow]) -> Result<Verdict, StoreError> {
    let diverged = |found: String| StoreError::Diverged { expected: commit.commit_no, found };
    if rows.len() != lease.shards().len() {
        return Err(diverged(format!("{} of {} lease rows are there", rows.len(), lease.shards().len())));
    }
    // A higher epoch is another owner; a lower one is a database from before ours.
    if let Some(row) = rows.iter().find(|row| row.epoch < commit.epoch) {
        return Err(diverged(format!("epoch {} and commit {}", row.epoch, row.commit_no)));
    }
    if rows.iter().any(|row| row.epoch != commit.epoch) {
        return Ok(Verdict::Fenced);
    }
    if rows.iter().all(|row| row.commit_no == commit.commit_no) {
        return Ok(Verdict::Done);
    }
    if rows.iter().all(|row| row.commit_no == commit.commit_no - 1) {
        return Ok(Verdict::SendAgain);
    }
    let numbers: Vec<String> = rows.iter().map(|row| row.commit_no.to_string()).collect();
    Err(diverged(format!("commits {}", numbers.join(", "))))
}

/// Adds the world that the refused row belongs to.
pub(super) fn name_world(error: StoreError, commit: &Commit) -> StoreError {
    match error {
        StoreError::Refused { table, row: Some(row), message, .. } => {
            let world_id = world_of(table, row, commit);
            StoreError::Refused { table, row: Some(row), world_id, message }
        }
        other => other,
    }
}

fn world_of(table: &str, row: usize, commit: &Commit) -> Option<String> {
    match table {
        "world" | "snapshot" => commit.worlds.get(row).map(|change| change.world_id().to_owned()),
        "command" => commit.commands.get(row).map(|row| row.world_id.clone()),
        "config_change" => commit.config_changes.get(row).map(|row| row.world_id.clone()),
        "journal" => commit.journal.get(row).map(|row| row.world_id.clone()),
        "tick_history" => commit.tick_history.get(row).and_then(|row| row.world_id.clone()),
        "market_state" => commit.market_states.get(row).map(|row| row.world_id.clone()),
        "generation_job" => commit.jobs.get(row).map(|row| row.world_id.clone()),
        "generation_attempt" => commit.edge.attempts.get(row).map(|row| row.world_id.clone()),
        "generation_answer" => commit.edge.answers.get(row).map(|row| row.world_id.clone()),
        "relation" => commit.relations.get(row).map(|row| row.world_id.clone()),
        "relation_history" => commit.relation_history.get(row).map(|row| row.world_id.clone()),
        "outbox" => commit.outbox.get(row).and_then(|row| row.world_id.clone()),
        _ => None,
    }
}

/// What the lease rows say about a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    Fenced,
    SendAgain,
}
