//! Bringing worlds to life when the engine starts.

use std::collections::BTreeSet;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::HostFailure;
use super::engine::{Engine, wall_now};
use super::hosted::{Hosted, shard_of};
use super::unit::{Unit, Work};
use super::worker::Job;
use crate::plugins::store::{ShardId, WorldChange, WorldRow, WorldStatus};
use crate::world::spec::WorldSpec;
impl Engine {
    /// Brings back the worlds of the store and registers those that are new. A faulted world is brought back too, to
    /// show its last commit; it stays faulted and takes nothing in. Blocks until every one lives or is known to be
    /// faulted; nothing is committed yet.
    ///
    /// # Errors
    /// If a worker ends.
    pub fn load(&mut self, rows: Vec<WorldRow>, specs: Vec<(WorldSpec, i64)>) -> Result<(), HostFailure> {
        let known: BTreeSet<String> = rows.iter().map(|row| row.world_id.clone()).collect();
        for row in rows {
            let spec: WorldSpec = match serde_json::from_str(&row.spec) {
                Ok(spec) => spec,
                Err(error) => {
                    tracing::error!(world_id = row.world_id, %error, "the stored world file cannot be read; the world is left out");
                    continue;
                }
            };
            report_changed_file(&row, &specs);
            let world = Hosted::new(row.clone(), spec, self.worlds.len() % self.workers.len());
            let id = world.id.clone();
            self.worlds.insert(id.clone(), world);
            let unit = Unit::new(None, Work::Question { reply: None });
            self.send_one(unit, &id, Job::Restore(Box::new(row)));
        }
        for (spec, _) in specs.into_iter().filter(|(spec, _)| !known.contains(spec.id.as_str())) {
            self.register(spec);
        }
        // Each world has one unit with itself alone.
        for _ in 0..self.worlds.values().filter(|world| world.units > 0).count() {
            match self.finished.recv() {
                Ok(finished) => self.on_finished(finished),
                Err(_) => return Err(HostFailure::Worker),
            }
        }
        let now = wall_now();
        self.parts.view.put(self.worlds.values().map(|world| world.view(now)).collect());
        Ok(())
    }

    /// Registers a world that the store does not know.
    pub(super) fn register(&mut self, spec: WorldSpec) {
        let shards = i32::try_from(self.lease.shards().len()).unwrap_or(1);
        let row = match self.registration(&spec, shard_of(&spec.id, shards)) {
            Ok(row) => row,
            Err(error) => return tracing::error!(world_id = %spec.id, error, "the world cannot be registered"),
        };
        tracing::info!(world_id = %spec.id, shard = row.shard, incarnation = %row.incarnation, "world is registered");
        let id = spec.id.clone();
        let incarnation = row.incarnation;
        let change = Some(WorldChange::Register(row.clone()));
        self.worlds.insert(id.clone(), Hosted::new(row, spec.clone(), self.worlds.len() % self.workers.len()));
        let unit = Unit::new(None, Work::Order { change, tick: None, reply: None, answer: None });
        self.send_one(unit, &id, Job::Create { spec: Box::new(spec), incarnation });
    }

    /// The row of a world that begins now.
    pub(super) fn registration(&self, spec: &WorldSpec, shard: ShardId) -> Result<WorldRow, String> {
        let json = serde_json::to_string(spec).map_err(|error| error.to_string())?;
        Ok(WorldRow {
            world_id: spec.id.to_string(),
            shard,
            incarnation: Uuid::new_v4(),
            spec_hash: xxh3_64(json.as_bytes()).cast_signed(),
            spec: json,
            status: WorldStatus::Running,
            registered_at: self.wall_micros(),
            registered_commit: self.commit_no,
        })
    }

    /// Counts the own ticks that were on their way when the last server ended.
    pub fn expect_own_ticks(&mut self, ticks: impl IntoIterator<Item = (String, Uuid)>) {
        for (world_id, tick_id) in ticks {
            if let Some(world) = self.worlds.values_mut().find(|world| world.id.as_str() == world_id) {
                world.outstanding.insert(tick_id);
            }
        }
    }

    /// What the outbox holds that is on the cluster already, by shard.
    pub fn expect_published(&mut self, marks: impl IntoIterator<Item = (ShardId, i64)>) {
        self.published.extend(marks);
    }
}

fn report_changed_file(row: &WorldRow, specs: &[(WorldSpec, i64)]) {
    let changed = specs.iter().any(|(spec, hash)| spec.id.as_str() == row.world_id && *hash != row.spec_hash);
    if changed {
        tracing::warn!(
            world_id = row.world_id,
            "the world file has changed since the world was registered; it has no effect until the world is reset"
        );
    }
}
