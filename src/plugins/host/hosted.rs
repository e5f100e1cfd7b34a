//! What the engine knows of each world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::pacing::Pace;
use super::unit::Made;
use super::view::WorldView;
use crate::components::clock::{ClockSource, GameInstant};
use crate::components::ids::WorldId;
use crate::plugins::store::{ShardId, WorldRow, WorldStatus};
use crate::world::StateHash;
use crate::world::spec::WorldSpec;

/// A world as the engine sees it. What is said of time, hash and inputs holds for the last commit.
#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) id: WorldId,
    pub(super) shard: ShardId,
    pub(super) lane: usize,
    pub(super) incarnation: Uuid,
    pub(super) row: WorldRow,
    pub(super) spec: WorldSpec,
    /// How it is to be treated from now on; durable with the commit that carries it.
    pub(super) status: WorldStatus,
    /// The input to be tried again when it has been brought back: it is kept if that fails.
    pub(super) retried: Option<String>,
    pub(super) pace: Option<Pace>,
    pub(super) lagging: bool,
    /// Own ticks that are on their way.
    pub(super) outstanding: BTreeSet<Uuid>,
    /// Units that have a part for this world.
    pub(super) units: usize,
    pub(super) now: Option<GameInstant>,
    pub(super) hash: StateHash,
    pub(super) inputs: u64,
    pub(super) commit_no: i64,
    /// Stepping time since the last snapshot, in microseconds: what a restart would have to replay.
    pub(super) debt_micros: i64,
    pub(super) snapshot_under_way: bool,
}

impl Hosted {
    pub(super) fn new(row: WorldRow, spec: WorldSpec, lane: usize) -> Self {
        Self {
            id: spec.id.clone(),
            shard: row.shard,
            lane,
            incarnation: row.incarnation,
            status: row.status.clone(),
            commit_no: row.registered_commit,
            row,
            spec,
            retried: None,
            pace: None,
            lagging: false,
            outstanding: BTreeSet::new(),
            units: 0,
            now: None,
            hash: StateHash::default(),
            inputs: 0,
            debt_micros: 0,
            snapshot_under_way: false,
        }
    }

    pub(super) fn made(&mut self, made: &Made, now: Instant, catch_up_steps_max: u32) {
        self.retried = None;
        self.now = made.now;
        self.hash = made.hash;
        self.inputs = made.inputs;
        // A faulted world is shown and not run: it owes no snapshot.
        self.debt_micros = if self.is_faulted() { 0 } else { made.debt_micros };
        self.begin_pace(now, catch_up_steps_max);
    }

    /// A live world has a pace while it runs; nobody else has one.
    pub(super) fn begin_pace(&mut self, now: Instant, catch_up_steps_max: u32) {
        let runs = self.spec.clock == ClockSource::Live && self.is_running();
        let interval = Duration::from_secs_f64(self.spec.meta.simulation.tick_interval_seconds.clamp(0.05, 60.0));
        self.pace = runs.then(|| Pace::new(now, interval, catch_up_steps_max));
        self.lagging = false;
    }

    pub(super) fn is_running(&self) -> bool {
        self.status == WorldStatus::Running
    }

    pub(super) fn is_faulted(&self) -> bool {
        matches!(self.status, WorldStatus::Faulted { .. })
    }

    pub(super) fn view(&self, now: Instant) -> WorldView {
        WorldView {
            world_id: self.id.clone(),
            status: self.status.clone(),
            clock: self.spec.clock,
            time_scale: self.spec.meta.simulation.time_scale,
            now: self.now,
            incarnation: self.incarnation,
            shard: self.shard,
            commit_no: self.commit_no,
            state_hash: self.hash.to_string(),
            inputs: self.inputs,
            outstanding_ticks: self.outstanding.len(),
            lag_seconds: self.pace.as_ref().map_or(0.0, |pace| pace.lag(now).as_secs_f64()),
            dropped_seconds: self.pace.as_ref().map_or(0.0, |pace| pace.dropped().as_secs_f64()),
        }
    }
}

/// All worlds of this process, by name.
pub(super) type Worlds = BTreeMap<WorldId, Hosted>;

/// The shard of a world that is registered for the first time: the partition that Kafka's own partitioner gives its
/// name, so that commands keyed by the world arrive at their shard.
pub fn shard_of(world: &WorldId, shards: i32) -> ShardId {
    let hash = murmur2(world.as_str().as_bytes()) & 0x7fff_ffff;
    i32::try_from(hash).unwrap_or(0) % shards.max(1)
}

/// MurmurHash2 as Kafka's default partitioner has it (Austin Appleby's, public domain; seed 0x9747b28c).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_agrees_with_kafka() {
        // The vectors of Kafka's own UtilsTest.
        let vectors: [(&str, i32); 5] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ];
        for (text, expected) in vectors {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }
}
