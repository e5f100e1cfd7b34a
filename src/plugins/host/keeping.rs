//! What the engine keeps an eye on beside its commits: what is published, what would have to be replayed.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::engine::{Engine, wall_now};
use super::hosted::Hosted;
use super::measure;
use super::unit::{Unit, Work};
use super::worker::Job;
use crate::components::ids::WorldId;
use crate::plugins::bridge::outbound::PublisherEvent;
use crate::plugins::store::{Lease, OutboxMark, ShardId, SnapshotRow, Store};
use crate::world::UnpackedSnapshot;
impl Engine {
    pub(super) fn on_published(&mut self, event: PublisherEvent) {
        match event {
            PublisherEvent::Positioned { marks } => {
                for (shard, id) in marks {
                    self.note_published(shard, id);
                }
            }
            PublisherEvent::Published(published) => {
                measure::published(&published);
                self.last_published = (wall_now(), published.took);
                for (shard, id) in published.marks {
                    self.note_published(shard, id);
                }
            }
            PublisherEvent::Status(status) => self.parts.view.set_publisher(status),
            PublisherEvent::Fatal(error) => {
                // The publisher has logged it.
                self.failure = Some(error.into());
            }
        }
        let (rows, full) = (self.outbox_len(), self.outbox_is_full());
        metrics::gauge!("worldtick_outbox_rows").set(measure::float(rows));
        self.parts.view.set_outbox(rows, full);
    }

    pub(super) fn note_published(&mut self, shard: ShardId, id: i64) {
        let known = self.published.entry(shard).or_insert(0);
        *known = id.max(*known);
        self.unannounced.published(shard, *known);
        self.edge.lock().published(shard, *known, wall_now());
        self.pending_marks.retain(|mark| mark.shard != shard);
        let cluster_id = self.parts.cluster_id.clone();
        self.pending_marks.push(OutboxMark { shard, cluster_id, published_id: *known });
    }

    /// Puts own ticks that never came back into the outbox again, because the broker has lost them.
    pub(super) fn republish(&mut self) {
        self.republish_wanted = false;
        // They are as many as worlds may have on their way, or as hours lie in the steps that people order.
        let rows = match self.parts.runtime.block_on(self.store.unconsumed_own_ticks(u32::MAX)) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "own ticks that were lost cannot be looked up yet");
                self.republish_wanted = true;
                return;
            }
        };
        let salt = self.commit_no;
        let mut seen = BTreeSet::new();
        let mut again = Vec::new();
        for mut row in rows {
            let Some(tick_id) = row.tick_id.filter(|tick_id| seen.insert(*tick_id)) else { continue };
            let Some(world) = row.world_id.as_deref().and_then(|id| self.world_mut(id)) else { continue };
            world.outstanding.insert(tick_id);
            row.event_id = Uuid::new_v5(&row.event_id, format!("again:{}:{salt}", self.parts.cluster_id).as_bytes());
            row.created_at = self.wall_micros();
            again.push(row);
        }
        if !again.is_empty() {
            tracing::info!(ticks = again.len(), "own ticks that the broker has lost are published again");
            let most = self.config.commit_units_max.max(1);
            while !again.is_empty() {
                let rest = again.split_off(again.len().min(most));
                self.push_unit(Unit::new(None, Work::Republish(std::mem::replace(&mut again, rest))));
            }
        }
    }

    /// Changes a world, and with it what all worlds together owe.
    pub(super) fn with_debt(&mut self, id: &WorldId, change: impl FnOnce(&mut Hosted)) {
        if let Some(world) = self.worlds.get_mut(id) {
            self.owed_micros -= world.debt_micros;
            change(world);
            self.owed_micros += world.debt_micros;
        }
    }

    pub(super) fn snapshot_if_owing(&mut self) {
        let threads = f64::from(u32::try_from(self.workers.len()).unwrap_or(1));
        let owed = self.owed_micros;
        if measure::float(owed.max(0).unsigned_abs()) / 1e6 / threads <= self.config.recovery_seconds_max {
            return;
        }
        let candidates =
            self.worlds.values().filter(|world| world.is_here() && !world.is_faulted() && !world.snapshot_under_way);
        if let Some(id) = candidates.max_by_key(|world| world.debt_micros).map(|world| world.id.clone())
            && self.snapshots == 0
        {
            self.begin_snapshot(&id);
        }
    }

    pub(super) fn begin_snapshot(&mut self, id: &WorldId) {
        let Some(world) = self.worlds.get_mut(id).filter(|world| !world.snapshot_under_way) else { return };
        world.snapshot_under_way = true;
        self.snapshots += 1;
        self.send_one(Unit::new(None, Work::Snapshot), id, Job::Save);
    }

    /// Packs a snapshot and writes it, in the background of whatever the world does next.
    pub(super) fn save_snapshot(&mut self, id: &WorldId, snapshot: Box<UnpackedSnapshot>, commit_no: i64) {
        self.with_debt(id, |world| world.debt_micros = 0);
        let Some(world) = self.worlds.get(id) else { return };
        let mut row = SnapshotRow {
            world_id: id.to_string(),
            shard: world.shard,
            commit_no,
            incarnation: world.incarnation,
            simulation_version: self.version.into(),
            state_hash: snapshot.hash().to_signed(),
            bytes: Vec::new(),
        };
        let (store, lease, done, id) =
            (self.store.clone(), self.lease.clone(), self.snapshot_done.0.clone(), id.clone());
        self.parts.runtime.spawn(async move {
            match tokio::task::spawn_blocking(move || snapshot.pack()).await {
                Ok(Ok(bytes)) => {
                    row.bytes = bytes;
                    write_snapshot(&store, &lease, &row, &id).await;
                }
                // The journal still holds everything: another snapshot will do.
                Ok(Err(error)) => tracing::warn!(world_id = %id, %error, "a snapshot could not be packed"),
                Err(error) => tracing::warn!(world_id = %id, %error, "the packing of a snapshot was given up"),
            }
            // The engine may have ended. One snapshot at a time: the channel has room.
            let _ = tokio::task::spawn_blocking(move || done.send(id)).await;
        });
    }

    pub(super) fn on_snapshot_saved(&mut self, id: &WorldId) {
        self.snapshots = self.snapshots.saturating_sub(1);
        if let Some(world) = self.worlds.get_mut(id) {
            world.snapshot_under_way = false;
        }
    }
}

async fn write_snapshot(store: &Store, lease: &Lease, row: &SnapshotRow, id: &WorldId) {
    let commit_no = row.commit_no;
    match store.save_snapshot(lease, row).await {
        Ok(true) => tracing::debug!(world_id = %id, commit_no, bytes = row.bytes.len(), "snapshot written"),
        Ok(false) => tracing::debug!(world_id = %id, commit_no, "snapshot is of no use any more"),
        // The journal still holds everything: another snapshot will do.
        Err(error) => tracing::warn!(world_id = %id, %error, "a snapshot could not be written"),
    }
}
