//! The engine: one thread that takes in, hands out to the workers, and commits what is done.
//!
//! It waits on its channels and never spins. Simulation runs outside of any transaction and at most one commit ahead:
//! while a commit is on its way to the database, the next one is gathered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, never, unbounded};
use thiserror::Error;
use tokio::runtime::Handle;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::hosted::{Hosted, Worlds, shard_of};
use super::logs::Unannounced;
use super::orders::{OrderError, OrderMessage, Reply};
use super::restore::Restorer;
use super::unit::{Slot, Unit, Units, Work};
use super::view::HostView;
use super::worker::{Finished, Job, Task, Workers};
use super::{BuildApp, HostConfig};
use crate::components::ids::WorldId;
use crate::messages::{Input, TickMessage};
use crate::plugins::bridge::inbound::Received;
use crate::plugins::bridge::outbound::PublisherEvent;
use crate::plugins::store::{
    CommitOutcome, InputPosition, Lease, OutboxMark, ShardId, Store, StoreError, WorldChange, WorldRow, WorldStatus,
};
use crate::world::spec::WorldSpec;

/// Records that are looked up and taken in together.
const RECORDS_TOGETHER: usize = 128;
/// How long the engine waits before it asks a store again that did not answer.
const STORE_RETRY: Duration = Duration::from_millis(200);
/// How often worlds that wait for a wall-clock instant are looked at.
const GLANCE: Duration = Duration::from_millis(500);

/// Why the engine has ended before it was told to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostFailure {
    /// Another server has taken over.
    #[error("another server has taken over this store; nothing of this one counts any more")]
    Fenced,
    /// The store can neither be written nor waited for.
    #[error("the store cannot be written any more: {0}")]
    Store(String),
    /// A worker thread has ended.
    #[error("a worker thread has ended unexpectedly")]
    Worker,
    /// The system gives no thread.
    #[error("worker threads cannot be started: {0}")]
    Threads(String),
}

/// What the engine tells the parts around it.
pub trait Surroundings: Send {
    /// Rows up to these outbox ids are durable.
    fn outbox_grew(&self, last_ids: &[(ShardId, i64)]);
    /// These input positions are durable.
    fn positions_stored(&self, positions: Vec<InputPosition>);
    /// These partitions have a durable position and may be read. Returns whether they were taken.
    fn partitions_ready(&self, positions: Vec<InputPosition>) -> bool;
}

/// What an engine is made of.
pub struct EngineParts {
    /// Its limits.
    pub config: HostConfig,
    /// How worlds are built.
    pub build: BuildApp,
    /// How worlds are restored.
    pub restorer: Restorer,
    /// The store.
    pub store: Store,
    /// The right to commit.
    pub lease: Lease,
    /// The runtime on which the store works.
    pub runtime: Handle,
    /// Id of the cluster that is published to.
    pub cluster_id: String,
    /// What readers see.
    pub view: HostView,
    /// What is read from Kafka.
    pub inbound: Receiver<Received<TickMessage>>,
    /// What people ask for.
    pub orders: Receiver<OrderMessage>,
    /// News from the publisher.
    pub publisher: Receiver<PublisherEvent>,
    /// Told when the engine is to stop.
    pub stop: Receiver<()>,
    /// The parts around it.
    pub surroundings: Box<dyn Surroundings>,
    /// Version of the program, for the journal.
    pub version: &'static str,
}

/// What is on its way to the database.
struct Committing {
    units: Vec<Unit>,
    assembled: super::assemble::Assembled,
    began: Instant,
}

type CommitResult = Result<CommitOutcome, StoreError>;

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
    published: BTreeMap<ShardId, i64>,
    unannounced: Unannounced,
    again: VecDeque<Unit>,
    committing: Option<Committing>,
    committed: (Sender<CommitResult>, Receiver<CommitResult>),
    finished: Receiver<Finished>,
    records: VecDeque<Received<TickMessage>>,
    records_retry: Option<Instant>,
    workers: Workers,
    snapshots: usize,
    snapshot_done: (Sender<WorldId>, Receiver<WorldId>),
    last_commit: Instant,
    stopping: bool,
    failure: Option<HostFailure>,
    parts: Parts,
}

/// The channels and handles that stay as they are.
struct Parts {
    runtime: Handle,
    cluster_id: String,
    view: HostView,
    inbound: Receiver<Received<TickMessage>>,
    orders: Receiver<OrderMessage>,
    publisher: Receiver<PublisherEvent>,
    stop: Receiver<()>,
    surroundings: Box<dyn Surroundings>,
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
        let next_outbox = lease.rows().iter().map(|row| (row.shard, row.next_outbox_id)).collect();
        Ok(Self {
            store_id: store.id(),
            version: parts.version,
            worlds: Worlds::new(),
            units: Units::default(),
            in_flight_ticks: BTreeSet::new(),
            calm_orders: Vec::new(),
            new_partitions: Vec::new(),
            republish_wanted: config.broker_forgets,
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

    /// Brings back the worlds of the store and registers those that are new. Blocks until every one lives or is known
    /// to be faulted; nothing is committed yet.
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
            let (id, faulted) = (world.id.clone(), world.is_faulted());
            self.worlds.insert(id.clone(), world);
            if !faulted {
                let unit = Unit::new(None, Work::Question { reply: None });
                self.send_one(unit, &id, Job::Restore(Box::new(row)));
            }
        }
        for (spec, _) in specs.into_iter().filter(|(spec, _)| !known.contains(spec.id.as_str())) {
            self.register(spec);
        }
        while self
            .worlds
            .values()
            .any(|world| world.units > 0 && world.hash == Default::default() && !world.is_faulted())
        {
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
    fn register(&mut self, spec: WorldSpec) {
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
    fn outbox_len(&self) -> u64 {
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
            let due = self
                .worlds
                .values()
                .filter(|world| self.may_step(world))
                .filter_map(|world| world.pace.as_ref())
                .map(|pace| pace.due());
            next = due.chain(self.records_retry).fold(next, Instant::min);
        }
        next.saturating_duration_since(now)
    }

    fn glance(&mut self) {
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

    fn retry_calm_orders(&mut self) {
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

    fn on_finished(&mut self, finished: Finished) {
        let Finished { unit, world: id, slot } = finished;
        let (now, wall, catch_up) = (wall_now(), self.wall_micros(), self.config.catch_up_steps_max);
        if let Some(world) = self.worlds.get_mut(&id) {
            match &slot {
                Slot::Applied { outcome, .. } => {
                    world.outstanding.extend(outcome.due_ticks.iter().map(|due| due.tick_id));
                }
                Slot::Made(made) => world.made(made, now, catch_up),
                Slot::Failed { error, .. } | Slot::NotMade(error) => {
                    let input = match &slot {
                        Slot::Failed { input, .. } => serde_json::to_string(input).ok(),
                        _ => None,
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

    /// Sends the next commit on its way, if there is anything to commit and none is on its way.
    fn begin_commit(&mut self) {
        if self.committing.is_some() || self.failure.is_some() {
            return;
        }
        if self.republish_wanted {
            self.republish();
        }
        let now = wall_now();
        let idle = self.stopping || now.duration_since(self.last_commit) >= self.config.idle_commit_interval;
        // After a refusal the units are committed one by one, until the one that was refused is found.
        let units = match self.again.pop_front() {
            Some(unit) => vec![unit],
            None => self.units.take_ready(self.config.commit_units_max, idle),
        };
        if units.is_empty() && !(idle && !self.pending_marks.is_empty()) {
            return;
        }
        let mut assembled = self.assemble(&units);
        let silent = assembled.commit.is_silent();
        if silent {
            // There will be no such commit: what is said of its state holds for the last one.
            assembled.commit.commit_no = self.commit_no;
        }
        self.committing = Some(Committing { units, assembled, began: now });
        if silent {
            // Questions alone: everything that they saw is durable already.
            self.on_committed(Ok(CommitOutcome::Done));
            return;
        }
        self.commit_no += 1;
        self.send_commit();
    }

    fn send_commit(&mut self) {
        let Some(committing) = &self.committing else { return };
        let (store, lease) = (self.store.clone(), self.lease.clone());
        let (commit, answer) = (committing.assembled.commit.clone(), self.committed.0.clone());
        self.parts.runtime.spawn(async move {
            let result = store.commit(&lease, &commit).await;
            // The engine may have ended.
            let _ = answer.send(result);
        });
    }

    fn on_committed(&mut self, result: CommitResult) {
        let Some(committing) = self.committing.take() else { return };
        match result {
            Ok(CommitOutcome::Done) => self.conclude(committing),
            Ok(CommitOutcome::Fenced) => self.failure = Some(HostFailure::Fenced),
            Err(error @ StoreError::Refused { .. }) => {
                self.commit_no -= 1;
                self.refused(committing.units, &error);
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the store does not take the commit; it is sent again");
                self.committing = Some(committing);
                self.send_commit();
            }
            Err(error) => self.failure = Some(HostFailure::Store(error.to_string())),
        }
    }

    /// What has become durable is told.
    fn conclude(&mut self, committing: Committing) {
        let Committing { units, assembled, began } = committing;
        let now = wall_now();
        self.last_commit = now;
        metrics::histogram!("worldtick_commit_duration_seconds", "stage" => "database")
            .record(now.duration_since(began).as_secs_f64());
        let commit = assembled.commit;
        self.next_outbox = assembled.next_outbox;
        self.pending_marks.retain(|mark| !commit.marks.contains(mark));
        super::measure::commit(&commit, &units);
        let mut touched: BTreeSet<WorldId> = BTreeSet::new();
        let mut replies = Vec::new();
        for unit in units {
            touched.extend(unit.slots.keys().cloned());
            replies.extend(self.conclude_unit(unit, commit.commit_no));
        }
        for row in &commit.journal {
            if let Some(world) = self.worlds.values_mut().find(|world| world.id.as_str() == row.world_id) {
                world.commit_no = commit.commit_no;
                world.debt_micros = world.debt_micros.saturating_add(row.cost_micros);
            }
        }
        metrics::gauge!("worldtick_outbox_rows").set(super::measure::float(self.outbox_len()));
        let views = touched.iter().filter_map(|id| self.worlds.get(id)).map(|world| world.view(now)).collect();
        self.parts.view.put(views);
        self.parts.view.set_outbox(self.outbox_len(), self.outbox_is_full());
        self.parts.view.tell(assembled.events);
        // After the view: whoever has an answer sees what it is about.
        for (reply, answer) in replies {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
        self.unannounced.cleared(assembled.markets);
        if !commit.outbox.is_empty() {
            let last: Vec<_> = self.next_outbox.iter().map(|(shard, next)| (*shard, next - 1)).collect();
            self.parts.surroundings.outbox_grew(&last);
        }
        if !commit.positions.is_empty() {
            self.parts.surroundings.positions_stored(commit.positions);
        }
        self.hand_over_partitions();
        self.snapshot_if_owing();
        self.retry_calm_orders();
    }

    fn hand_over_partitions(&mut self) {
        if self.new_partitions.is_empty() {
            return;
        }
        let as_position = |(topic, partition, next): (String, i32, i64)| InputPosition { topic, partition, next };
        let positions = std::mem::take(&mut self.new_partitions).into_iter().map(as_position).collect();
        // Not taken: they are told again after the next look at the topics.
        let _ = self.parts.surroundings.partitions_ready(positions);
    }

    /// Takes a unit that is durable into account. Returns the answer that may leave now.
    fn conclude_unit(&mut self, unit: Unit, commit_no: i64) -> Option<(Reply, Result<serde_json::Value, OrderError>)> {
        let Unit { work, slots, .. } = unit;
        let tick = match &work {
            Work::Tick(tick) => Some(tick),
            Work::Order { tick: Some(tick), .. } => Some(&**tick),
            _ => None,
        };
        if let Some(tick) = tick {
            for shard in &tick.shards {
                self.in_flight_ticks.remove(&(*shard, tick.tick_id));
            }
        }
        let mut ran = None;
        for (id, slot) in slots {
            let Some(world) = self.worlds.get_mut(&id) else { continue };
            world.units = world.units.saturating_sub(1);
            if let Slot::Applied { outcome, .. } = &slot {
                world.now = outcome.now;
                world.hash = outcome.hash;
                world.inputs += u64::from(outcome.changed);
            }
            if let Slot::Saved { bytes, hash } = slot {
                self.save_snapshot(&id, bytes, hash, commit_no);
            } else if matches!(work, Work::Snapshot) {
                world.snapshot_under_way = false;
                self.snapshots = self.snapshots.saturating_sub(1);
            } else {
                ran = Some(slot);
            }
        }
        match work {
            Work::Order { reply: Some(reply), answer, .. } => Some((reply, order_answer(ran, answer))),
            Work::Question { reply: Some(reply) } => Some((reply, order_answer(ran, None))),
            _ => None,
        }
    }

    /// The store refuses a value for good. One by one the units are tried again; the one that is refused alone faults
    /// its worlds, or loses its bytes to the log.
    fn refused(&mut self, mut units: Vec<Unit>, error: &StoreError) {
        if units.len() > 1 {
            for unit in units.into_iter().rev() {
                self.again.push_front(unit);
            }
            return;
        }
        let Some(mut unit) = units.pop() else {
            self.failure = Some(HostFailure::Store(error.to_string()));
            return;
        };
        tracing::error!(%error, "the store refuses what an input led to; the input is taken out");
        let worlds: Vec<WorldId> = unit.slots.keys().cloned().collect();
        if worlds.is_empty() {
            let message = format!("the store refuses it: {error}");
            unit.work = Work::Bad { class: "refused_by_store".into(), message, raw: Default::default() };
            self.again.push_front(unit);
            return;
        }
        for id in worlds {
            self.fault_by_refusal(&mut unit, &id, &error.to_string());
        }
        self.again.push_front(unit);
    }

    fn fault_by_refusal(&mut self, unit: &mut Unit, id: &WorldId, error: &str) {
        let reason = format!("an earlier input was refused by the store: {error}");
        if let Some(slot @ Slot::Applied { .. }) = unit.slots.get_mut(id)
            && let Slot::Applied { input, .. } = std::mem::replace(slot, Slot::Touched)
        {
            let text = serde_json::to_string(&input).ok();
            let status =
                WorldStatus::Faulted { error: super::assemble::clean(error), input: text, since: self.wall_micros() };
            *slot = Slot::Failed { input, error: error.to_owned() };
            if let Some(world) = self.worlds.get_mut(id) {
                world.status = status.clone();
                world.row.status = status;
                world.pace = None;
                let lane = world.lane;
                self.workers.give(lane, Task { unit: u64::MAX, world: id.clone(), job: Job::Drop });
            }
        }
        // What the world did after that input never happened.
        let undo = |later: &mut Unit| {
            if let Some(slot @ (Slot::Applied { .. } | Slot::Saved { .. } | Slot::Answered(_))) =
                later.slots.get_mut(id)
            {
                *slot = Slot::Gone { reason: reason.clone() };
            }
        };
        self.again.iter_mut().for_each(undo);
        self.units.each(undo);
    }

    fn on_published(&mut self, event: PublisherEvent) {
        match event {
            PublisherEvent::Positioned { marks } => {
                for (shard, id) in marks {
                    self.note_published(shard, id);
                }
            }
            PublisherEvent::Published(published) => {
                super::measure::published(&published);
                for (shard, id) in published.marks {
                    self.note_published(shard, id);
                }
            }
            PublisherEvent::Status(status) => self.parts.view.set_publisher(status),
            PublisherEvent::Fatal(error) => {
                tracing::error!(%error, "publishing has ended");
                self.failure = Some(HostFailure::Store(error.to_string()));
            }
        }
        let (rows, full) = (self.outbox_len(), self.outbox_is_full());
        metrics::gauge!("worldtick_outbox_rows").set(super::measure::float(rows));
        self.parts.view.set_outbox(rows, full);
    }

    fn note_published(&mut self, shard: ShardId, id: i64) {
        let known = self.published.entry(shard).or_insert(0);
        *known = id.max(*known);
        self.unannounced.published(shard, *known);
        self.pending_marks.retain(|mark| mark.shard != shard);
        let cluster_id = self.parts.cluster_id.clone();
        self.pending_marks.push(OutboxMark { shard, cluster_id, published_id: *known });
    }

    /// Puts own ticks that never came back into the outbox again, because the broker has lost them.
    fn republish(&mut self) {
        self.republish_wanted = false;
        let limit = u32::try_from(self.config.units_max).unwrap_or(u32::MAX);
        let rows = match self.parts.runtime.block_on(self.store.unconsumed_own_ticks(limit)) {
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
            let world =
                row.world_id.as_deref().and_then(|id| self.worlds.values_mut().find(|world| world.id.as_str() == id));
            let Some(world) = world else { continue };
            world.outstanding.insert(tick_id);
            row.event_id = Uuid::new_v5(&row.event_id, format!("again:{}:{salt}", self.parts.cluster_id).as_bytes());
            row.created_at = self.wall_micros();
            again.push(row);
        }
        if !again.is_empty() {
            tracing::info!(ticks = again.len(), "own ticks that the broker has lost are published again");
            self.push_unit(Unit::new(None, Work::Republish(again)));
        }
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

    fn snapshot_if_owing(&mut self) {
        let threads = f64::from(u32::try_from(self.workers.len()).unwrap_or(1));
        let owed: i64 = self.worlds.values().map(|world| world.debt_micros).sum();
        if super::measure::float(owed.max(0).unsigned_abs()) / 1e6 / threads <= self.config.recovery_seconds_max {
            return;
        }
        let candidates = self.worlds.values().filter(|world| !world.is_faulted() && !world.snapshot_under_way);
        if let Some(id) = candidates.max_by_key(|world| world.debt_micros).map(|world| world.id.clone())
            && self.snapshots == 0
        {
            self.begin_snapshot(&id);
        }
    }

    fn begin_snapshot(&mut self, id: &WorldId) {
        let Some(world) = self.worlds.get_mut(id).filter(|world| !world.snapshot_under_way) else { return };
        world.snapshot_under_way = true;
        self.snapshots += 1;
        self.send_one(Unit::new(None, Work::Snapshot), id, Job::Save);
    }

    fn save_snapshot(&mut self, id: &WorldId, bytes: Vec<u8>, hash: crate::world::StateHash, commit_no: i64) {
        let Some(world) = self.worlds.get_mut(id) else { return };
        world.debt_micros = 0;
        let row = crate::plugins::store::SnapshotRow {
            world_id: id.to_string(),
            shard: world.shard,
            commit_no,
            incarnation: world.incarnation,
            simulation_version: self.version.into(),
            state_hash: hash.to_signed(),
            bytes,
        };
        let (store, lease, done, id) =
            (self.store.clone(), self.lease.clone(), self.snapshot_done.0.clone(), id.clone());
        self.parts.runtime.spawn(async move {
            match store.save_snapshot(&lease, &row).await {
                Ok(true) => tracing::debug!(world_id = %id, commit_no, bytes = row.bytes.len(), "snapshot written"),
                Ok(false) => tracing::debug!(world_id = %id, commit_no, "snapshot is of no use any more"),
                // The journal still holds everything: another snapshot will do.
                Err(error) => tracing::warn!(world_id = %id, %error, "a snapshot could not be written"),
            }
            // The engine may have ended. One snapshot at a time: the channel has room.
            let _ = tokio::task::spawn_blocking(move || done.send(id)).await;
        });
    }

    fn on_snapshot_saved(&mut self, id: &WorldId) {
        self.snapshots = self.snapshots.saturating_sub(1);
        if let Some(world) = self.worlds.get_mut(id) {
            world.snapshot_under_way = false;
        }
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

fn order_answer(ran: Option<Slot>, answer: Option<crate::world::Answer>) -> Result<serde_json::Value, OrderError> {
    match ran {
        Some(Slot::Failed { error, .. } | Slot::NotMade(error)) => Err(OrderError::Faulted(error)),
        Some(Slot::Gone { reason }) => Err(OrderError::Conflict(reason)),
        Some(Slot::Answered(answer)) => answer.map_err(OrderError::Refused),
        Some(Slot::Applied { outcome, .. }) => {
            let reply = outcome.reply.or(answer).unwrap_or_else(|| {
                Ok(serde_json::json!({ "now": outcome.now, "events": outcome.events.len(), "state_hash": outcome.hash.to_string() }))
            });
            reply.map_err(OrderError::Refused)
        }
        _ => answer.unwrap_or(Ok(serde_json::Value::Null)).map_err(OrderError::Refused),
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

#[expect(clippy::disallowed_methods, reason = "pacing is an edge: it runs on the wall clock")]
fn wall_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "rows carry the wall time at which they were made")]
fn wall_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
