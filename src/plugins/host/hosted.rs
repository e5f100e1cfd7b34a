//! What the engine knows of each world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::orders::StepSpan;
use super::pacing::{Dropped, Pace};
use super::steps::StepCounts;
use super::unit::Made;
use super::view::WorldView;
use crate::components::clock::{ClockSource, GameInstant};
use crate::components::ids::WorldId;
use crate::components::tier::PerTier;
use crate::plugins::store::{ShardId, WorldRow, WorldStatus};
use crate::world::StateHash;
use crate::world::spec::{WorldSimulationConfig, WorldSpec};

/// Whether a world is there for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is being registered: until that is durable it takes nothing, and it may turn out that it cannot be made.
    Arriving,
    /// It is there.
    Here,
    /// It is being removed.
    Leaving,
}

/// A world as the engine sees it. What is said of time, hash and inputs holds for the last commit.
#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) id: WorldId,
    pub(super) shard: ShardId,
    pub(super) incarnation: Uuid,
    pub(super) row: WorldRow,
    /// Its file as it was registered with, with what has changed in place since except for the simulation block.
    pub(super) spec: Arc<WorldSpec>,
    pub(super) presence: Presence,
    /// How it is simulated from now on; durable with the commit that carries the change.
    pub(super) simulation: Arc<WorldSimulationConfig>,
    /// The same as of the last commit.
    pub(super) shown: Arc<WorldSimulationConfig>,
    /// How it is to be treated from now on; durable with the commit that carries it.
    pub(super) status: WorldStatus,
    /// The input to be tried again when it has been brought back: it is kept if that fails.
    pub(super) retried: Option<String>,
    pub(super) pace: Option<Pace>,
    /// What it could not catch up since this process began, over all pauses.
    pub(super) dropped: Dropped,
    /// Own ticks that are on their way, until what they come to is durable.
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
    /// What it was, while it is not known whether it can begin anew.
    before: Option<Box<Hosted>>,
    /// What its steps came to since this process began.
    pub(super) counts: StepCounts,
}

impl Hosted {
    pub(super) fn new(row: WorldRow, spec: Arc<WorldSpec>) -> Self {
        let changed = row.simulation.as_deref().map(serde_json::from_str::<WorldSimulationConfig>);
        let simulation = match changed {
            Some(Ok(changed)) => Arc::new(changed),
            Some(Err(error)) => {
                tracing::error!(world_id = %spec.id, %error, "the stored simulation block cannot be read; that of the file holds");
                Arc::new(spec.meta.simulation.clone())
            }
            None => Arc::new(spec.meta.simulation.clone()),
        };
        Self {
            presence: Presence::Here,
            shown: simulation.clone(),
            simulation,
            id: spec.id.clone(),
            shard: row.shard,
            incarnation: row.incarnation,
            status: row.status.clone(),
            commit_no: row.registered_commit,
            row,
            spec,
            retried: None,
            before: None,
            pace: None,
            dropped: Dropped::default(),
            outstanding: BTreeSet::new(),
            units: 0,
            now: None,
            hash: StateHash::default(),
            inputs: 0,
            debt_micros: 0,
            snapshot_under_way: false,
            counts: StepCounts::default(),
        }
    }

    /// Is the world of this row from now on, unless [`stay`](Self::stay) follows.
    pub(super) fn begin_anew(&mut self, row: WorldRow, spec: Arc<WorldSpec>) {
        let (units, dropped) = (self.units, self.dropped);
        let before = std::mem::replace(self, Self::new(row, spec));
        (self.units, self.dropped) = (units, dropped);
        self.before = Some(Box::new(before));
    }

    /// Whether it is not known yet whether it can begin anew.
    pub(super) fn begins_anew(&self) -> bool {
        self.before.is_some()
    }

    /// It cannot begin anew: it is what it was.
    pub(super) fn stay(&mut self) {
        let Some(before) = self.before.take() else { return };
        let units = self.units;
        *self = *before;
        self.units = units;
    }

    pub(super) fn made(&mut self, made: &Made, now: Instant) {
        self.retried = None;
        self.before = None;
        self.now = made.now;
        self.commit_no = self.commit_no.max(made.commit_no);
        self.hash = made.hash;
        self.inputs = made.inputs;
        self.counts.npcs = made.npcs;
        (self.counts.chains, self.counts.intents) = made.interactions;
        [self.counts.jobs_pending, self.counts.jobs_in_flight, self.counts.jobs_dead] = made.jobs;
        self.counts.waiting = PerTier::default();
        // A faulted world is shown and not run: it owes no snapshot.
        self.debt_micros = if self.is_faulted() { 0 } else { made.debt_micros };
        self.begin_pace(now);
    }

    /// A live world has a pace while it runs; nobody else has one.
    pub(super) fn begin_pace(&mut self, now: Instant) {
        let runs = self.spec.clock == ClockSource::Live && self.is_running();
        self.pace = runs.then(|| Pace::new(now, interval(&self.simulation), self.simulation.max_catch_up_steps));
    }

    /// Is simulated so from now on; the pace follows at once.
    pub(super) fn configure(&mut self, now: Instant, simulation: WorldSimulationConfig) {
        self.simulation = Arc::new(simulation);
        match &mut self.pace {
            Some(pace) => pace.retune(interval(&self.simulation), self.simulation.max_catch_up_steps),
            None => self.begin_pace(now),
        }
    }

    /// When its next step is to begin: nothing while it has none coming, or something else under way first.
    pub(super) fn due(&self, outstanding_ticks_max: usize) -> Option<Instant> {
        let free = self.units == 0 && self.outstanding.len() <= outstanding_ticks_max && self.is_here();
        self.pace.as_ref().filter(|_| free).map(Pace::due)
    }

    /// Whether its next step would go past the end of the calendar.
    pub(super) fn is_at_the_end(&self) -> bool {
        let micros = u64::try_from(interval(&self.simulation).as_micros()).unwrap_or(u64::MAX);
        let step = StepSpan::Real(micros).game_micros(self.simulation.scale());
        self.now.is_some_and(|now| left_of_the_calendar(now) <= step)
    }

    /// When its pause ends by itself (wall time).
    pub(super) fn paused_until(&self) -> Option<i64> {
        match self.status {
            WorldStatus::Paused { until, .. } if self.is_here() => until,
            _ => None,
        }
    }

    pub(super) fn is_here(&self) -> bool {
        self.presence == Presence::Here
    }

    pub(super) fn is_running(&self) -> bool {
        self.status == WorldStatus::Running
    }

    pub(super) fn is_faulted(&self) -> bool {
        matches!(self.status, WorldStatus::Faulted { .. })
    }

    pub(super) fn view(&self) -> WorldView {
        WorldView {
            world_id: self.id.clone(),
            status: self.status.clone(),
            clock: self.spec.clock,
            time_scale: self.shown.time_scale,
            simulation: self.shown.clone(),
            spec: self.spec.clone(),
            now: self.now,
            incarnation: self.incarnation,
            shard: self.shard,
            commit_no: self.commit_no,
            state_hash: self.hash.to_string(),
            inputs: self.inputs,
            outstanding_ticks: self.outstanding.len(),
            due: self.pace.as_ref().map(Pace::due),
            counts: self.counts,
            dropped_seconds: self.dropped.time.as_secs_f64(),
        }
    }
}

fn interval(simulation: &WorldSimulationConfig) -> Duration {
    let seconds = simulation.tick_interval_seconds.clamp(0.05, 60.0);
    // Worlds are given whole microseconds: what is less must not add up to an hour a day.
    let nanos = Duration::from_secs_f64(seconds).as_nanos();
    Duration::from_micros(u64::try_from((nanos + 500) / 1_000).unwrap_or(u64::MAX))
}

/// Game microseconds from an instant to the last one that there is.
pub(super) fn left_of_the_calendar(now: GameInstant) -> u128 {
    u128::from(GameInstant::MAX.micros_since(now).max(0).unsigned_abs())
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
    fn a_world_that_does_not_run_waits_for_nothing() {
        use crate::plugins::host::agenda::Agenda;

        let spec = Arc::new(WorldSpec::named(WorldId::new("w").expect("an id")));
        let row = WorldRow {
            world_id: "w".into(),
            shard: 0,
            incarnation: Uuid::nil(),
            spec: serde_json::to_string(&*spec).expect("JSON"),
            spec_hash: 0,
            status: WorldStatus::Running,
            registered_at: 0,
            registered_commit: 0,
            simulation: None,
        };
        #[expect(clippy::disallowed_methods, reason = "an instant can only come from the clock")]
        let now = Instant::now();
        let mut world = Hosted::new(row, spec);
        let mut agenda = Agenda::default();
        let mut entries = |world: &Hosted| {
            agenda.set(&world.id, world.due(4));
            agenda.len()
        };
        world.begin_pace(now);
        assert_eq!(entries(&world), 1, "a live world waits for its next step");
        world.status = WorldStatus::Paused { reason: String::new(), by: String::new(), since: 0, until: Some(9) };
        world.begin_pace(now);
        assert_eq!((entries(&world), world.paused_until()), (0, Some(9)), "a paused one for none");
        world.status = WorldStatus::Running;
        world.begin_pace(now);
        world.units = 1;
        assert_eq!(entries(&world), 0, "nor one that has a step under way");
        world.units = 0;
        world.outstanding = (0..5).map(Uuid::from_u128).collect();
        assert_eq!(entries(&world), 0, "nor one whose own ticks are on their way");
        world.outstanding.clear();
        assert_eq!(entries(&world), 1);
    }

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
