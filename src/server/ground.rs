//! The second half of a start: Kafka is waited for, then the worlds are restored and run until they end.

#![expect(clippy::disallowed_methods, reason = "waits of a start are wall time")]

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::ServerError;
use super::cluster;
use super::links::{Bridges, StoredOutbox};
use super::ready::Phase;
use super::seeking::Seeker;
use super::tasks::Retentions;
use super::turning_away::TurningAway;
use crate::config::ServerConfig;
use crate::plugins::bridge::inbound::{self, Inbound, InboundConfig, InboundTopic, Received};
use crate::plugins::bridge::outbound::{self, Guarantee, OutboundConfig, OutboundHooks, PublisherEvent};
use crate::plugins::bridge::topics::TopicCatalogue;
use crate::plugins::bridge::{EmbeddedBroker, KafkaSettings};
use crate::plugins::host::restore::{self, Patience};
use crate::plugins::host::{
    BuildApp, Engine, EngineParts, HostConfig, HostFailure, HostView, OrderMessage, OwnLimits, Payloads,
};
use crate::plugins::store::{InputPosition, Lease, LeaseState, ShardId, Store};
use crate::world::spec::WorldSpec;

/// While the publisher is waited for, the lease is looked at this often.
const GLANCE: Duration = Duration::from_secs(1);
/// How long to wait before a store that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_millis(300);
/// The topic that commands to worlds come from; its partitions are the shards.
const COMMANDS: &str = "world.command";
/// The topic that answers of workers come from.
const RESULTS: &str = "generation.result";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is there before Kafka is.
pub(super) struct Ground {
    pub(super) config: ServerConfig,
    pub(super) topics: TopicCatalogue,
    pub(super) settings: KafkaSettings,
    pub(super) embedded: Option<EmbeddedBroker>,
    pub(super) store: Store,
    pub(super) lease: Lease,
    pub(super) view: HostView,
    pub(super) bridges: Bridges,
    pub(super) phase: Phase,
    pub(super) orders: Receiver<OrderMessage>,
    pub(super) payloads: Arc<Payloads>,
    pub(super) retentions: Retentions,
    pub(super) stop: (Sender<()>, Receiver<()>),
}

impl Ground {
    /// Waits for Kafka, then runs the engine until it ends.
    pub(super) fn run(
        self,
        runtime: &Arc<Runtime>,
        build: &BuildApp,
        worlds: Vec<(WorldSpec, i64)>,
    ) -> Result<(), ServerError> {
        let closed = TurningAway::begin(self.orders.clone())?;
        let Some(places) = self.seeker(runtime).wait(&self.phase, &self.stop.1)? else { return Ok(()) };
        let (event_sender, events) = unbounded();
        self.spawn_publisher(runtime, &places, event_sender.clone())?;
        self.phase.waits("the position of the outbox on Kafka is being asked for");
        let Some(marks) = self.wait_for_position(&events)? else { return Ok(()) };
        // The engine writes them with its next commit.
        let _ = event_sender.send(PublisherEvent::Positioned { marks: marks.clone() });
        drop(event_sender);
        let patience = self.patience(runtime);
        let (record_sender, records) = bounded(self.config.host.inbox_messages_max as usize);
        let parts = EngineParts {
            config: self.host_config(places.changed),
            build: build.clone(),
            restorer: restore::from_store(self.store.clone(), runtime.handle().clone(), VERSION, patience.clone()),
            store: self.store.clone(),
            lease: self.lease.clone(),
            runtime: runtime.handle().clone(),
            cluster_id: places.cluster_id.clone(),
            view: self.view.clone(),
            inbound: records,
            orders: self.orders.clone(),
            publisher: events,
            stop: self.stop.1.clone(),
            payloads: self.payloads.clone(),
            surroundings: Box::new(self.bridges.clone()),
            version: VERSION,
        };
        let mut engine = Engine::new(parts)?;
        engine.expect_published(marks);
        match self.restore(runtime, &mut engine, worlds, &patience) {
            // What waiting for the store has left undone must not be committed.
            _ if self.phase.is_stopping() => return Ok(()),
            _ if self.is_deposed() => return Err(HostFailure::Fenced.into()),
            restored => restored?,
        }
        self.view.set_restored();
        self.spawn_inbound(places.positions, record_sender)?;
        drop(closed);
        self.phase.has_started();
        tracing::info!("worlds run");
        let result = engine.run().map_err(ServerError::from);
        drop(self.embedded);
        result
    }

    /// Brings the worlds back.
    fn restore(
        &self,
        runtime: &Runtime,
        engine: &mut Engine,
        worlds: Vec<(WorldSpec, i64)>,
        patience: &Patience,
    ) -> Result<(), ServerError> {
        let rows = restore::persist(patience, || runtime.block_on(self.store.worlds()))?;
        self.phase.waits("worlds are being restored");
        let removed = restore::persist(patience, || runtime.block_on(self.store.unregistered_worlds()))?;
        engine.load(rows, worlds, &removed)?;
        let limits = restore::persist(patience, || runtime.block_on(self.store.generation_limits()))?;
        self.view.edge().lock().change(OwnLimits::of_rows(&limits));
        let jobs = restore::persist(patience, || runtime.block_on(self.store.open_jobs()))?;
        let since = engine.hour_ago();
        let recent = restore::persist(patience, || runtime.block_on(self.store.recent_attempts(since)))?;
        engine.load_jobs(&jobs, recent);
        let answers = restore::persist(patience, || runtime.block_on(self.store.answers(None, u32::MAX)))?;
        engine.load_answers(&answers);
        if self.embedded.is_none() {
            let own = restore::persist(patience, || runtime.block_on(self.store.unconsumed_own_ticks(u32::MAX)))?;
            engine.expect_own_ticks(own.into_iter().filter_map(|row| Some((row.world_id?, row.tick_id?))));
        }
        Ok(())
    }

    fn seeker(&self, runtime: &Arc<Runtime>) -> Seeker {
        Seeker {
            kafka: self.config.kafka.clone(),
            topics: self.topics.clone(),
            input_topics: self.inbound_config().topics.into_iter().map(|topic| topic.name).collect(),
            settings: self.settings.clone(),
            embedded: self.embedded.is_some(),
            store: self.store.clone(),
            lease: self.lease.clone(),
            runtime: runtime.clone(),
            given_up: CancellationToken::new(),
            told: Arc::default(),
            retentions: self.retentions.clone(),
        }
    }

    /// Waits until the publisher knows where it stands, or until the server is told to stop. Nothing may be committed
    /// before: ids that are given out meanwhile would hide that Kafka is ahead of a database restored from a back-up.
    fn wait_for_position(
        &self,
        events: &Receiver<PublisherEvent>,
    ) -> Result<Option<BTreeMap<ShardId, i64>>, ServerError> {
        loop {
            select! {
                recv(events) -> event => match event {
                    Ok(PublisherEvent::Positioned { marks }) => return Ok(Some(marks)),
                    Ok(PublisherEvent::Fatal(fatal)) => return Err(HostFailure::from(fatal).into()),
                    Ok(PublisherEvent::Status(status)) => self.view.set_publisher(status),
                    // None comes before the position.
                    Ok(PublisherEvent::Published(_)) => {}
                    Err(_) => return Err(io::Error::other("the publisher has ended unexpectedly").into()),
                },
                recv(self.stop.1) -> _ => return Ok(None),
                // time: start: looking whether the lease is still ours | real | channel with time-out | interval
                default(GLANCE) => if self.is_deposed() {
                    return Err(HostFailure::Fenced.into());
                },
            }
        }
    }

    fn is_deposed(&self) -> bool {
        matches!(*self.lease.state().borrow(), LeaseState::Lost { .. })
    }

    /// A store that does not answer is waited for until the server is told to stop or another one has taken over.
    fn patience(&self, runtime: &Runtime) -> Patience {
        let (phase, lease, runtime) = (self.phase.clone(), self.lease.clone(), runtime.handle().clone());
        let store = self.store.location();
        Arc::new(move |error, wait| {
            tracing::warn!(store, %error, retry_seconds = wait.as_secs_f64(), "the store is waited for");
            phase.waits(format!("the store is waited for ({store}): {error}"));
            let told = runtime.block_on(phase.stops_within(wait));
            !told && !matches!(*lease.state().borrow(), LeaseState::Lost { .. })
        })
    }

    fn inbound_config(&self) -> InboundConfig {
        let size = |name: &str| {
            self.topics.get(name).and_then(|topic| usize::try_from(topic.max_message_bytes).ok()).unwrap_or(131_072)
        };
        let topic = |name: &str, group: &str| InboundTopic {
            name: name.into(),
            group: group.into(),
            message_bytes_max: size(name),
            merged: ![COMMANDS, RESULTS].contains(&name),
        };
        InboundConfig {
            topics: vec![
                topic("world.tick.hourly", &self.config.kafka.hourly_group),
                topic("world.tick.daily", &self.config.kafka.daily_group),
                topic(COMMANDS, &self.config.kafka.command_group),
                topic(RESULTS, &self.config.kafka.result_group),
            ],
            merge_hold_max: self.config.kafka.merge_hold_max_seconds.duration(),
            commit_group_offsets: self.config.kafka.commit_group_offsets,
            ..InboundConfig::default()
        }
    }

    fn host_config(&self, own_ticks_lost: bool) -> HostConfig {
        let host = &self.config.host;
        let threads = match host.worker_threads {
            0 => available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads as usize,
        };
        let sizes = self
            .topics
            .topics
            .iter()
            .filter_map(|topic| Some((topic.name.clone(), usize::try_from(topic.max_message_bytes).ok()?)));
        HostConfig {
            worlds_max: host.worlds_max as usize,
            worker_threads: threads,
            units_max: (host.inputs_per_commit_max as usize).saturating_mul(4),
            commit_units_max: host.inputs_per_commit_max as usize,
            outstanding_ticks_max: host.outstanding_ticks_max as usize,
            outbox_rows_max: host.outbox_rows_max,
            recovery_seconds_max: host.recovery_seconds_max.duration().as_secs_f64(),
            idle_commit_interval: host.idle_commit_interval_seconds.duration(),
            world_labels_max: self.config.metrics.world_labels_max as usize,
            steps_kept: host.steps_kept as usize,
            envelope: self.config.events.envelope,
            event_topic: "simulation.event".into(),
            message_bytes_max: sizes.collect(),
            own_ticks_lost,
            generation: self.config.generation.limits(),
        }
    }

    fn spawn_publisher(
        &self,
        runtime: &Runtime,
        places: &cluster::Places,
        events: Sender<PublisherEvent>,
    ) -> Result<(), ServerError> {
        let last_assigned = self.lease.rows().iter().map(|row| (row.shard, row.next_outbox_id - 1)).collect();
        let mut marks = places.marks.clone();
        for shard in self.lease.shards() {
            marks.entry(*shard).or_insert(0);
        }
        let config = OutboundConfig {
            guarantee: if self.embedded.is_some() { Guarantee::AtLeastOnce } else { Guarantee::ExactlyOnce },
            marks_are_of_this_cluster: !places.changed,
            ..OutboundConfig::new(self.store.id(), marks, last_assigned)
        };
        let source = StoredOutbox {
            fresh: self.bridges.fresh.clone(),
            store: self.store.clone(),
            runtime: runtime.handle().clone(),
            timeout: self.config.store.operation_timeout_seconds.duration(),
        };
        let (store, lease, handle) = (self.store.clone(), self.lease.clone(), runtime.handle().clone());
        let hooks = OutboundHooks {
            lease_still_ours: Arc::new(move || handle.block_on(still_ours(&store, &lease))),
            ..OutboundHooks::default()
        };
        self.bridges.publisher.put(outbound::spawn(&self.settings, config, source, hooks, events)?);
        Ok(())
    }

    fn spawn_inbound(
        &self,
        positions: Vec<InputPosition>,
        records: Sender<Received<Inbound>>,
    ) -> Result<(), ServerError> {
        let view = self.view.clone();
        let hold: inbound::Hold = Arc::new(move |world| view.any_follows_ticks(world));
        let decode = inbound::decode_all(COMMANDS, RESULTS);
        let inbound = inbound::spawn(&self.settings, self.inbound_config(), positions, decode, hold, records)?;
        self.bridges.inbound.put(inbound);
        Ok(())
    }
}

/// Asks the database whether the lease is still ours, however long it is away.
async fn still_ours(store: &Store, lease: &Lease) -> bool {
    loop {
        if matches!(*lease.state().borrow(), LeaseState::Lost { .. }) {
            return false;
        }
        match store.lease_rows().await {
            Ok(rows) => return rows.iter().all(|row| row.epoch == lease.epoch()),
            Err(error) => {
                tracing::warn!(%error, "the store cannot say whether the lease is still ours; it is asked again")
            }
        }
        // time: start: the database is tried again | real | tokio timer | fixed wait
        tokio::time::sleep(STORE_RETRY).await;
    }
}
