//! The second half of a start: Kafka is waited for, then the worlds are restored and run until they end.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::runtime::Runtime;

use super::ServerError;
use super::cluster::{self, Question};
use super::links::{Bridges, StoredOutbox};
use super::ready::Phase;
use crate::config::ServerConfig;
use crate::config::model::StartAt as ConfiguredStart;
use crate::messages::TickMessage;
use crate::plugins::bridge::inbound::{self, InboundConfig, InboundTopic, Received, StartAt};
use crate::plugins::bridge::outbound::{self, Guarantee, OutboundConfig, OutboundHooks, PublisherEvent};
use crate::plugins::bridge::topics::{self, Deviation, TopicCatalogue};
use crate::plugins::bridge::{EmbeddedBroker, KafkaSettings, KafkaUnavailable, check_connection};
use crate::plugins::host::{BuildApp, Engine, EngineParts, HostConfig, HostView, OrderMessage, restore};
use crate::plugins::store::{InputPosition, Lease, LeaseState, Store};
use crate::world::spec::WorldSpec;

/// Back-off while Kafka does not answer.
const KAFKA_RETRY_FIRST: Duration = Duration::from_millis(500);
const KAFKA_RETRY_MAX: Duration = Duration::from_secs(10);
/// How long to wait before a store that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_millis(300);
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
        let Some(places) = self.wait_for_kafka(runtime)? else { return Ok(()) };
        let (record_sender, records) = bounded(self.config.host.inbox_messages_max as usize);
        let (event_sender, events) = unbounded();
        let parts = EngineParts {
            config: self.host_config(),
            build: build.clone(),
            restorer: restore::from_store(self.store.clone(), runtime.handle().clone(), VERSION),
            store: self.store.clone(),
            lease: self.lease.clone(),
            runtime: runtime.handle().clone(),
            cluster_id: places.cluster_id.clone(),
            view: self.view.clone(),
            inbound: records,
            orders: self.orders.clone(),
            publisher: events,
            stop: self.stop.1.clone(),
            surroundings: Box::new(self.bridges.clone()),
            version: VERSION,
        };
        let mut engine = Engine::new(parts)?;
        engine.expect_published(places.marks.clone());
        self.spawn_publisher(runtime, &places, event_sender)?;
        self.phase.waits("worlds are being restored");
        engine.load(runtime.block_on(self.store.worlds())?, worlds)?;
        if self.embedded.is_none() {
            let own = runtime.block_on(self.store.unconsumed_own_ticks(u32::MAX))?;
            engine.expect_own_ticks(own.into_iter().filter_map(|row| Some((row.world_id?, row.tick_id?))));
        }
        self.spawn_inbound(places.positions, record_sender)?;
        self.phase.has_started();
        tracing::info!("worlds run");
        let result = engine.run().map_err(ServerError::from);
        drop(self.embedded);
        result
    }

    /// Tries until Kafka answers. Nothing: the server was told to stop meanwhile.
    fn wait_for_kafka(&self, runtime: &Runtime) -> Result<Option<cluster::Places>, ServerError> {
        let mut wait = KAFKA_RETRY_FIRST;
        loop {
            let error = match self.find_places(runtime) {
                Ok(places) => return Ok(Some(places)),
                Err(ServerError::Kafka(error @ KafkaUnavailable::Settings(_))) => return Err(error.into()),
                Err(ServerError::Kafka(error)) => error.to_string(),
                Err(ServerError::Store(error)) if error.is_transient() => error.to_string(),
                Err(error) => return Err(error),
            };
            tracing::warn!(error, retry_seconds = wait.as_secs_f64(), "Kafka is waited for");
            self.phase.waits(error);
            if self.stop.1.recv_timeout(wait).is_ok() {
                return Ok(None);
            }
            wait = (wait * 2).min(KAFKA_RETRY_MAX);
        }
    }

    fn find_places(&self, runtime: &Runtime) -> Result<cluster::Places, ServerError> {
        let cluster = check_connection(&self.settings, Duration::from_secs(8))?;
        self.check_topics()?;
        let names = self.tick_topics();
        let topics: Vec<&str> = names.iter().map(String::as_str).collect();
        let question = Question {
            settings: &self.settings,
            cluster: &cluster,
            embedded: self.embedded.is_some(),
            accept_new: self.config.kafka.accept_new_cluster,
            start_at: match self.config.kafka.start_at {
                ConfiguredStart::Latest => StartAt::Latest,
                ConfiguredStart::Earliest => StartAt::Earliest,
            },
            topics: &topics,
            now: wall_micros(),
        };
        runtime.block_on(question.places(&self.store, &self.lease))
    }

    /// Says what differs from the catalogue. Only the number of shards can stop the start.
    fn check_topics(&self) -> Result<(), ServerError> {
        if self.embedded.is_some() {
            return Ok(());
        }
        let report = topics::check(&self.settings, &self.topics, None)?;
        for deviation in &report.deviations {
            let Deviation { topic, setting, expected, found } = deviation;
            tracing::warn!(
                topic,
                setting,
                expected,
                found,
                "a topic differs from the catalogue (`worldtick topics check` lists all)"
            );
            if let ("world.command", "partitions", Ok(found)) = (topic.as_str(), setting.as_str(), found.parse()) {
                let expected = i32::try_from(self.lease.shards().len()).unwrap_or(0);
                return Err(ServerError::Shards { found, expected });
            }
        }
        Ok(())
    }

    fn tick_topics(&self) -> Vec<String> {
        self.inbound_config().topics.into_iter().map(|topic| topic.name).collect()
    }

    fn inbound_config(&self) -> InboundConfig {
        let size = |name: &str| {
            self.topics.get(name).and_then(|topic| usize::try_from(topic.max_message_bytes).ok()).unwrap_or(131_072)
        };
        let topic = |name: &str, group: &str| InboundTopic {
            name: name.into(),
            group: group.into(),
            message_bytes_max: size(name),
        };
        InboundConfig {
            topics: vec![
                topic("world.tick.hourly", &self.config.kafka.hourly_group),
                topic("world.tick.daily", &self.config.kafka.daily_group),
            ],
            merge_hold_max: self.config.kafka.merge_hold_max_seconds.duration(),
            commit_group_offsets: self.config.kafka.commit_group_offsets,
            ..InboundConfig::default()
        }
    }

    fn host_config(&self) -> HostConfig {
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
            worker_threads: threads,
            units_max: (host.inputs_per_commit_max as usize).saturating_mul(4),
            commit_units_max: host.inputs_per_commit_max as usize,
            outstanding_ticks_max: host.outstanding_ticks_max as usize,
            outbox_rows_max: host.outbox_rows_max,
            catch_up_steps_max: host.catch_up_steps_max,
            recovery_seconds_max: host.recovery_seconds_max.duration().as_secs_f64(),
            idle_commit_interval: host.idle_commit_interval_seconds.duration(),
            world_labels_max: self.config.metrics.world_labels_max as usize,
            envelope: self.config.events.envelope,
            event_topic: "simulation.event".into(),
            message_bytes_max: sizes.collect(),
            broker_forgets: self.embedded.is_some(),
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
            ..OutboundConfig::new(self.store.id(), marks, last_assigned)
        };
        let source = StoredOutbox {
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
        records: Sender<Received<TickMessage>>,
    ) -> Result<(), ServerError> {
        let view = self.view.clone();
        let hold: inbound::Hold = Arc::new(move |world| view.any_follows_ticks(world));
        let inbound =
            inbound::spawn(&self.settings, self.inbound_config(), positions, inbound::decode_ticks(), hold, records)?;
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
        tokio::time::sleep(STORE_RETRY).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a cluster is recorded with the wall time of its first use")]
fn wall_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
