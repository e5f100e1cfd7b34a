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
use super::agenda::Agenda;
use super::commands::InFlight;
use super::committing::{CommitResult, Committing};
use super::edge::Edge;
use super::hosted::Worlds;
use super::logs::{StepLines, Unannounced};
use super::orders::{OrderError, OrderMessage};
use super::parts::{EngineParts, HostFailure, Surroundings};
use super::payloads::Payloads;
use super::steps::StepView;
use super::unit::{Unit, Units};
use super::view::HostView;
use super::worker::{Finished, Workers};
use crate::components::ids::WorldId;
use crate::plugins::bridge::inbound::{Inbound, Received};
use crate::plugins::bridge::outbound::PublisherEvent;
use crate::plugins::extensions_of;
use crate::plugins::store::{Lease, LeaseState, OutboxMark, ShardId, Store, StoreError};
use crate::systems::npc::extend::Extensions;

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
    pub(super) in_flight_commands: BTreeMap<(WorldId, Uuid), InFlight>,
    /// Worlds whose next step waits for its instant.
    pub(super) steps: Agenda<Instant>,
    /// Worlds whose pause ends by itself (wall time).
    pub(super) pauses: Agenda<i64>,
    /// What all worlds together would have to replay.
    pub(super) owed_micros: i64,
    /// The files of this start.
    pub(super) file_hashes: BTreeMap<WorldId, i64>,
    pub(super) calm_orders: Vec<OrderMessage>,
    pub(super) new_partitions: Vec<(String, i32, i64)>,
    pub(super) republish_wanted: bool,
    pub(super) commit_no: i64,
    pub(super) next_outbox: BTreeMap<ShardId, i64>,
    pub(super) pending_marks: Vec<OutboxMark>,
    pub(super) published: BTreeMap<ShardId, i64>,
    pub(super) unannounced: Unannounced,
    pub(super) step_lines: StepLines,
    /// Steps that the commit at hand has made durable.
    pub(super) step_views: Vec<(WorldId, StepView)>,
    pub(super) again: VecDeque<Unit>,
    pub(super) committing: Option<Committing>,
    pub(super) committed: (Sender<CommitResult>, Receiver<CommitResult>),
    pub(super) finished: Receiver<Finished>,
    pub(super) records: VecDeque<Received<Inbound>>,
    pub(super) records_retry: Option<Instant>,
    pub(super) workers: Workers,
    pub(super) snapshots: usize,
    pub(super) snapshot_done: (Sender<WorldId>, Receiver<WorldId>),
    pub(super) last_commit: Instant,
    pub(super) last_commit_took: Duration,
    /// When the publisher's last batch was through, and how long it took.
    pub(super) last_published: (Instant, Duration),
    pub(super) last_glance: Instant,
    pub(super) edge: Edge,
    /// Worlds for which the store keeps answers of workers that they have not heard.
    pub(super) unheard: BTreeSet<WorldId>,
    /// Whether what workers say could be heard since the start.
    pub(super) was_heard: bool,
    /// Until then the time of the workers stands still.
    pub(super) reads_on_until: Option<Instant>,
    pub(super) extensions: Extensions,
    pub(super) stopping: bool,
    pub(super) failure: Option<HostFailure>,
    pub(super) parts: Parts,
}

/// The channels and handles that stay as they are.
pub(super) struct Parts {
    pub(super) runtime: Handle,
    pub(super) cluster_id: String,
    pub(super) view: HostView,
    pub(super) inbound: Receiver<Received<Inbound>>,
    pub(super) orders: Receiver<OrderMessage>,
    publisher: Receiver<PublisherEvent>,
    pub(super) stop: Receiver<()>,
    pub(super) payloads: std::sync::Arc<Payloads>,
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
        view.edge().lock().configure(config.generation.clone());
        let next_outbox = lease.rows().iter().map(|row| (row.shard, row.next_outbox_id)).collect();
        Ok(Self {
            store_id: store.id(),
            version: parts.version,
            worlds: Worlds::new(),
            units: Units::default(),
            in_flight_ticks: BTreeSet::new(),
            in_flight_commands: BTreeMap::new(),
            steps: Agenda::default(),
            pauses: Agenda::default(),
            owed_micros: 0,
            file_hashes: BTreeMap::new(),
            calm_orders: Vec::new(),
            new_partitions: Vec::new(),
            republish_wanted: config.own_ticks_lost,
            commit_no: lease.commit_no(),
            next_outbox,
            pending_marks: Vec::new(),
            published: BTreeMap::new(),
            unannounced: Unannounced::default(),
            step_lines: StepLines::default(),
            step_views: Vec::new(),
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
            edge: view.edge().clone(),
            unheard: BTreeSet::new(),
            was_heard: false,
            reads_on_until: None,
            extensions: extensions_of(&*build),
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
                payloads: parts.payloads,
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
            self.begin_due_steps();
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
            // time: engine: the next step, glance or gathered commit | real | channel with time-out | wakes at the earliest deadline
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

    pub(super) fn take_waiting_records(&mut self) {
        let records: Vec<_> = self.records.drain(..).collect();
        if records.is_empty() {
            return;
        }
        match self.take_records(records) {
            Ok(held) => {
                self.records_retry = None;
                self.records = held.into();
            }
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
        self.steps.clear();
        self.pauses.clear();
        // A snapshot of what would have to be replayed makes the next start quick, and outlives this version.
        let owing: Vec<WorldId> = self
            .worlds
            .values()
            .filter(|w| w.debt_micros > 0 && w.is_here() && !w.is_faulted())
            .map(|w| w.id.clone())
            .collect();
        for id in owing {
            self.begin_snapshot(&id);
        }
    }

    /// How long nothing will be due.
    fn deadline(&self) -> Duration {
        let now = wall_now();
        let mut next = now + GLANCE;
        if !self.stopping {
            let due = self.steps.next().filter(|_| self.may_pace());
            next = due.into_iter().chain(self.records_retry).chain(self.gathers_until(now)).fold(next, Instant::min);
        }
        next.saturating_duration_since(now)
    }

    /// What no channel tells: instants of the wall clock that have come, and the loss of the lease.
    fn glance(&mut self) {
        let now = wall_now();
        let since = now.saturating_duration_since(self.last_glance);
        self.last_glance = now;
        // Without anything to commit nothing else would tell: a server that is not needed any more must not stay.
        if matches!(*self.lease.state().borrow(), LeaseState::Lost { .. }) {
            self.failure = Some(HostFailure::Fenced);
            return;
        }
        if self.records_retry.is_some_and(|at| at <= wall_now()) {
            self.take_waiting_records();
        }
        self.watch_paces();
        self.resume_when_due();
        self.watch_workers(since, now);
        self.offer_answers();
        self.steer_jobs();
        super::steering::measure(&self.edge.lock(), now);
        self.retry_calm_orders();
    }

    /// What had to wait until its world was calm.
    pub(super) fn retry_calm_orders(&mut self) {
        for message in std::mem::take(&mut self.calm_orders) {
            self.take_order(message);
        }
        if !self.stopping && self.records_retry.is_none() {
            self.take_waiting_records();
        }
    }

    pub(super) fn known_ticks(&self, asked: &[(ShardId, Uuid)]) -> Result<Vec<(ShardId, Uuid)>, StoreError> {
        if asked.is_empty() { Ok(Vec::new()) } else { self.parts.runtime.block_on(self.store.known_ticks(asked)) }
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
    // time: live worlds: pacing; lag | real | std::time::Instant | steps on a grid of `tickIntervalSeconds`; what cannot be caught up is dropped
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "rows carry the wall time at which they were made")]
fn wall_micros() -> i64 {
    // time: rows: when they were made; pauses that end by themselves | real | std::time::SystemTime | read when a row is made; looked at between inputs
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
