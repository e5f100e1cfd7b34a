//! The engine: one thread that takes in, hands out to the workers, and commits what is done.
//!
//! It waits on its channels and never spins. Simulation runs outside of any transaction and at most one commit ahead:
//! while a commit is on its way to the database, the next one is gathered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, never, unbounded};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::HostConfig;
use super::committing::{CommitResult, Committing};
use super::hosted::{Hosted, Worlds};
use super::logs::Unannounced;
use super::orders::{OrderError, OrderMessage};
use super::parts::{EngineParts, HostFailure, Surroundings};
use super::unit::{Slot, Unit, Units, Work};
use super::view::HostView;
use super::worker::{Finished, Job, Task, Workers};
use crate::components::ids::WorldId;
use crate::messages::{Input, TickMessage};
use crate::plugins::bridge::inbound::Received;
use crate::plugins::bridge::outbound::PublisherEvent;
use crate::plugins::store::{Lease, LeaseState, OutboxMark, ShardId, Store, StoreError, WorldStatus};

/// Records that are looked up and taken in together.
const RECORDS_TOGETHER: usize = 128;
/// How long the engine waits before it asks a store again that did not answer.
const STORE_RETRY: Duration = Duration::from_millis(200);
/// How often worlds that wait for a wall-clock instant are looked at.
const GLANCE: Duration = Duration::from_millis(500);

/// The engine. [`run`](Engine::run) it on a thread of its own.
pub struct Engine {
    pub(super) config: HostConfig,
    pub(super) store: Store,
    pub(super) store_id: Uuid,
    pub(super) lease: Lease,
    pub(super) version: &'static str,
    pub(super) worlds: Worlds,
    pub(super) units: Units,
    pub(super) in_flight_ticks: BTreeSet<(ShardId, Uuid)>,
    pub(super) calm_orders: Vec<OrderMessage>,
    pub(super) new_partitions: Vec<(String, i32, i64)>,
    pub(super) republish_wanted: bool,
    pub(super) commit_no: i64,
    pub(super) next_outbox: BTreeMap<ShardId, i64>,
    pub(super) pending_marks: Vec<OutboxMark>,
    pub(super) published: BTreeMap<ShardId, i64>,
    pub(super) unannounced: Unannounced,
    pub(super) again: VecDeque<Unit>,
    pub(super) committing: Option<Committing>,
    pub(super) committed: (Sender<CommitResult>, Receiver<CommitResult>),
    pub(super) finished: Receiver<Finished>,
    pub(super) records: VecDeque<Received<TickMessage>>,
    pub(super) records_retry: Option<Instant>,
    pub(super) workers: Workers,
    pub(super) snapshots: usize,
    pub(super) snapshot_done: (Sender<WorldId>, Receiver<WorldId>),
    pub(super) last_commit: Instant,
    pub(super) last_commit_took: Duration,
    /// When the publisher's last batch was through, and how long it took.
    pub(super) last_published: (Instant, Duration),
    pub(super) last_glance: Instant,
    pub(super) stopping: bool,
    pub(super) failure: Option<HostFailure>,
    pub(super) parts: Parts,
}

/// The channels and handles that stay as they are.
pub(super) struct Parts {
    pub(super) runtime: Handle,
    pub(super) cluster_id: String,
    pub(super) view: HostView,
    pub(super) inbound: Receiver<Received<TickMessage>>,
    pub(super) orders: Receiver<OrderMessage>,
    publisher: Receiver<PublisherEvent>,
    pub(super) stop: Receiver<()>,
    pub(super) surroundings: Box<dyn Surroundings>,
}

impl Engine {
    /// Starts the workers. Nothing is taken in before [`run`](Self::run).
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(parts: EngineParts) -> Result<Self, HostFailure> {
        let EngineParts { config, build, restorer, store, lease, runtime, cluster_id, view, .. } = parts;
        let (finished_tx, finished) = unbounded();
        let tasks_max = config.units_max.saturating_mul(2).max(1_024);
        let workers = Workers::start(config.worker_threads, tasks_max, &build, &restorer, &finished_tx)
            .map_err(|error| HostFailure::Threads(error.to_string()))?;
        view.set_commit(lease.commit_no());
        let next_outbox = lease.rows().iter().map(|row| (row.shard, row.next_outbox_id)).collect();
        Ok(Self {
            store_id: store.id(),
            version: parts.version,
            worlds: Worlds::new(),
            units: Units::default(),
            in_flight_ticks: BTreeSet::new(),
            calm_orders: Vec::new(),
            new_partitions: Vec::new(),
            republish_wanted: config.own_ticks_lost,
            commit_no: lease.commit_no(),
            next_outbox,
            pending_marks: Vec::new(),
            published: BTreeMap::new(),
            unannounced: Unannounced::default(),
            again: VecDeque::new(),
            committing: None,
            committed: bounded(1),
            finished,
            records: VecDeque::new(),
            records_retry: None,
            workers,
            snapshots: 0,
            snapshot_done: bounded(1),
            last_commit: wall_now(),
            last_commit_took: Duration::ZERO,
            last_published: (wall_now(), Duration::ZERO),
            last_glance: wall_now(),
            stopping: false,
            failure: None,
            parts: Parts {
                runtime,
                cluster_id,
                view,
                inbound: parts.inbound,
                orders: parts.orders,
                publisher: parts.publisher,
                stop: parts.stop,
                surroundings: parts.surroundings,
            },
            config,
            store,
            lease,
        })
    }

    /// Runs until it is told to stop; then finishes and commits what is under way.
    ///
    /// # Errors
    /// If another server takes over, or the store can neither be written nor waited for.
    pub fn run(mut self) -> Result<(), HostFailure> {
        loop {
            if let Some(failure) = self.failure.take() {
                self.answer_all_stopping();
                return Err(failure);
            }
            if self.stopping && self.is_idle() {
                break;
            }
            if self.last_glance.elapsed() >= GLANCE {
                self.glance();
            }
            self.pace();
            self.begin_commit();
            self.wait();
        }
        self.answer_all_stopping();
        self.workers.stop();
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.units.is_empty() && self.committing.is_none() && self.again.is_empty() && self.snapshots == 0
    }

    fn wait(&mut self) {
        let inbound = if self.may_take_in() { self.parts.inbound.clone() } else { never() };
        let orders = if self.units.len() < self.config.units_max { self.parts.orders.clone() } else { never() };
        let stop = if self.stopping { never() } else { self.parts.stop.clone() };
        let deadline = self.deadline();
        crossbeam_channel::select! {
            recv(self.finished) -> finished => match finished {
                Ok(finished) => {
                    self.on_finished(finished);
                    while let Ok(finished) = self.finished.try_recv() {
                        self.on_finished(finished);
                    }
                }
                Err(_) => self.failure = Some(HostFailure::Worker),
            },
            recv(self.committed.1) -> result => if let Ok(result) = result { self.on_committed(result) },
            recv(self.snapshot_done.1) -> world => if let Ok(world) = world { self.on_snapshot_saved(&world) },
            recv(self.parts.publisher) -> event => match event {
                Ok(event) => self.on_published(event),
                // The publisher has ended; whoever ended it knows why.
                Err(_) => self.parts.publisher = never(),
            },
            recv(orders) -> order => match order {
                Ok(order) => self.take_order(order),
                Err(_) => self.parts.orders = never(),
            },
            recv(inbound) -> record => match record {
                Ok(record) => {
                    self.records.push_back(record);
                    let room = RECORDS_TOGETHER.min(self.config.units_max.saturating_sub(self.units.len())).max(1);
                    while self.records.len() < room && let Ok(record) = self.parts.inbound.try_recv() {
                        self.records.push_back(record);
                    }
                    self.take_waiting_records();
                }
                Err(_) => self.parts.inbound = never(),
            },
            recv(stop) -> _ => self.begin_stop(),
            default(deadline) => self.glance(),
        }
    }

    /// Nothing is taken in while too much is under way, the outbox is full, or the store does not answer.
    fn may_take_in(&self) -> bool {
        !self.stopping && self.records.is_empty() && self.units.len() < self.config.units_max && !self.outbox_is_full()
    }

    /// Whether as much waits to be published as may.
    pub(super) fn outbox_is_full(&self) -> bool {
        self.outbox_len() >= self.config.outbox_rows_max
    }

    /// Rows that are durable and not known to be published.
    pub(super) fn outbox_len(&self) -> u64 {
        let waiting = |(shard, next): (&ShardId, &i64)| {
            (next - 1 - self.published.get(shard).copied().unwrap_or(0)).max(0).unsigned_abs()
        };
        self.next_outbox.iter().map(waiting).sum()
    }

    fn take_waiting_records(&mut self) {
        let records: Vec<_> = self.records.drain(..).collect();
        if records.is_empty() {
            return;
        }
        match self.take_records(records) {
            Ok(()) => self.records_retry = None,
            Err((error, records)) => {
                tracing::warn!(%error, "the store does not answer; nothing is taken in until it does");
                self.records = records.into();
                self.records_retry = Some(wall_now() + STORE_RETRY);
            }
        }
    }

    fn begin_stop(&mut self) {
        tracing::info!(units = self.units.len(), "stopping: what is under way is finished and committed");
        self.stopping = true;
        self.records.clear();
        for world in self.worlds.values_mut() {
            world.pace = None;
        }
        // A snapshot of what would have to be replayed makes the next start quick, and outlives this version.
        let owing: Vec<WorldId> =
            self.worlds.values().filter(|w| w.debt_micros > 0 && !w.is_faulted()).map(|w| w.id.clone()).collect();
        for id in owing {
            self.begin_snapshot(&id);
        }
    }

    /// How long nothing will be due.
    fn deadline(&self) -> Duration {
        let now = wall_now();
        let mut next = now + GLANCE;
        if !self.stopping {
            // With as many units as may be, no step begins before one is done, and that is told by a channel.
            let due = (self.units.len() < self.config.units_max)
                .then_some(&self.worlds)
                .into_iter()
                .flat_map(|worlds| worlds.values())
                .filter(|world| self.may_step(world))
                .filter_map(|world| world.pace.as_ref())
                .map(|pace| pace.due());
            next = due.chain(self.records_retry).chain(self.gathers_until(now)).fold(next, Instant::min);
        }
        next.saturating_duration_since(now)
    }

    /// What no channel tells: instants of the wall clock that have come, and the loss of the lease.
    fn glance(&mut self) {
        let now = wall_now();
        self.last_glance = now;
        for world in self.worlds.values() {
            if let Some(pace) = &world.pace {
                self.parts.view.set_lag(&world.id, pace.lag(now).as_secs_f64(), pace.dropped().as_secs_f64());
            }
        }
        // Without anything to commit nothing else would tell: a server that is not needed any more must not stay.
        if matches!(*self.lease.state().borrow(), LeaseState::Lost { .. }) {
            self.failure = Some(HostFailure::Fenced);
            return;
        }
        if self.records_retry.is_some_and(|at| at <= wall_now()) {
            self.take_waiting_records();
        }
        self.resume_when_due();
        self.retry_calm_orders();
    }

    /// Ends pauses that were to end at an instant of the wall clock.
    fn resume_when_due(&mut self) {
        let wall = self.wall_micros();
        let over =
            |world: &&Hosted| matches!(world.status, WorldStatus::Paused { until: Some(until), .. } if until <= wall);
        let due: Vec<WorldId> = self.worlds.values().filter(over).map(|world| world.id.clone()).collect();
        for id in due {
            self.change_status(&id, WorldStatus::Running, None);
        }
    }

    pub(super) fn retry_calm_orders(&mut self) {
        for message in std::mem::take(&mut self.calm_orders) {
            self.take_order(message);
        }
    }

    fn may_step(&self, world: &Hosted) -> bool {
        world.units == 0 && world.outstanding.len() <= self.config.outstanding_ticks_max && !self.outbox_is_full()
    }

    /// Begins the steps of live worlds that are due.
    fn pace(&mut self) {
        if self.stopping || self.units.len() >= self.config.units_max {
            return;
        }
        let now = wall_now();
        let wall_micros = self.wall_micros();
        let (full, most) = (self.outbox_is_full(), self.config.outstanding_ticks_max);
        let mut due = Vec::new();
        for world in self.worlds.values_mut() {
            let Some(pace) = &mut world.pace else { continue };
            if pace.drop_excess(now) != world.lagging {
                world.lagging = !world.lagging;
                tracing::warn!(world_id = %world.id, behind = world.lagging, lag_seconds = pace.lag(now).as_secs_f64(), "a live world falls behind or keeps up again");
            }
            let ready = world.units == 0 && !full && world.outstanding.len() <= most;
            if ready && let Some(real) = pace.take(now) {
                due.push((world.id.clone(), u64::try_from(real.as_micros()).unwrap_or(u64::MAX)));
            }
        }
        for (id, real_micros) in due {
            self.send_one(Unit::new(None, Work::Step), &id, Job::Apply(Input::Elapsed { real_micros, wall_micros }));
        }
    }

    /// Begins a unit for one world.
    pub(super) fn send_one(&mut self, mut unit: Unit, id: &WorldId, job: Job) {
        unit.slots.insert(id.clone(), Slot::Waiting);
        let mut job = Some(job);
        self.send_all(unit, || job.take().unwrap_or(Job::Drop));
    }

    /// Begins a unit whose slots name its worlds.
    pub(super) fn send_all(&mut self, mut unit: Unit, mut job: impl FnMut() -> Job) {
        unit.waiting = unit.slots.len();
        let ids: Vec<WorldId> = unit.slots.keys().cloned().collect();
        let number = self.push_unit(unit);
        for id in ids {
            let lane = self.worlds.get(&id).map_or(0, |world| world.lane);
            if !self.workers.give(lane, Task { unit: number, world: id, job: job() }) {
                self.failure = Some(HostFailure::Worker);
            }
        }
    }

    pub(super) fn push_unit(&mut self, unit: Unit) -> u64 {
        for id in unit.slots.keys() {
            if let Some(world) = self.worlds.get_mut(id) {
                world.units += 1;
            }
        }
        self.units.push(unit)
    }

    pub(super) fn on_finished(&mut self, finished: Finished) {
        let Finished { unit, world: id, mut slot } = finished;
        let (now, wall, catch_up) = (wall_now(), self.wall_micros(), self.config.catch_up_steps_max);
        if let Some(world) = self.worlds.get_mut(&id) {
            // Its last commit stands: what a worker had done before it heard of the fault never happened.
            if world.is_faulted() && slot.is_of_a_living_world() {
                slot = Slot::Gone { reason: "the world has faulted meanwhile".into() };
            }
            match &slot {
                Slot::Applied { outcome, .. } => {
                    world.outstanding.extend(outcome.due_ticks.iter().map(|due| due.tick_id));
                }
                Slot::Made(made) => world.made(made, now, catch_up),
                // In the store it is what it was: the version that wrote the journal runs it again.
                Slot::Foreign(words) => {
                    tracing::error!(world_id = %id, error = words, "world stands still");
                    world.status = WorldStatus::Faulted { error: words.clone(), input: None, since: wall };
                    world.pace = None;
                }
                Slot::NotMade(error) if world.is_faulted() => {
                    tracing::warn!(world_id = %id, error, "a faulted world cannot be brought back to its last commit");
                }
                Slot::Failed { error, .. } | Slot::NotMade(error) => {
                    let input = match &slot {
                        Slot::Failed { input, .. } => serde_json::to_string(input).ok(),
                        _ => world.retried.take(),
                    };
                    tracing::error!(world_id = %id, error, "world has faulted; its last commit stands");
                    metrics::counter!("worldtick_world_faults_total").increment(1);
                    let error = super::assemble::clean(error);
                    world.status = WorldStatus::Faulted { error, input, since: wall };
                    world.row.status = world.status.clone();
                    world.pace = None;
                }
                _ => {}
            }
        }
        self.units.finish(unit, &id, slot);
    }

    pub(super) fn known_ticks(&self, asked: &[(ShardId, Uuid)]) -> Result<Vec<(ShardId, Uuid)>, StoreError> {
        if asked.is_empty() { Ok(Vec::new()) } else { self.parts.runtime.block_on(self.store.known_ticks(asked)) }
    }

    pub(super) fn is_known(&self, shard: ShardId, tick_id: Uuid) -> Result<bool, StoreError> {
        Ok(self.in_flight_ticks.contains(&(shard, tick_id)) || !self.known_ticks(&[(shard, tick_id)])?.is_empty())
    }

    pub(super) fn shard_of_partition(&self, partition: i32) -> ShardId {
        partition.rem_euclid(i32::try_from(self.lease.shards().len()).unwrap_or(1).max(1))
    }

    fn answer_all_stopping(&mut self) {
        for message in self.calm_orders.drain(..).chain(self.parts.orders.try_iter()) {
            let _ = message.reply.send(Err(OrderError::Stopping));
        }
    }

    pub(super) fn now(&self) -> Instant {
        wall_now()
    }

    /// The wall clock in microseconds since the Unix epoch.
    pub(super) fn wall_micros(&self) -> i64 {
        wall_micros()
    }
}

#[expect(clippy::disallowed_methods, reason = "pacing is an edge: it runs on the wall clock")]
pub(super) fn wall_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "rows carry the wall time at which they were made")]
fn wall_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
