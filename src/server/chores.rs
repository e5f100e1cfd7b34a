//! What is done every now and then: old rows go, lag and gauges are taken.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::links::Bridges;
use crate::config::model::{LagSection, StoreSection};
use crate::plugins::bridge::KafkaSettings;
use crate::plugins::bridge::lag::LagProbe;
use crate::plugins::host::HostView;
use crate::plugins::metrics::Recorder;
use crate::plugins::store::{PrunePolicy, Store, WorldStatus};

const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
const PRUNE_BATCH: u32 = 5_000;
const GAUGE_INTERVAL: Duration = Duration::from_secs(2);
const DAY_MICROS: i64 = 86_400_000_000;

/// What the chores need.
pub(super) struct Chores {
    pub(super) store: Store,
    pub(super) retention: StoreSection,
    pub(super) view: HostView,
    pub(super) bridges: Bridges,
    pub(super) settings: KafkaSettings,
    pub(super) lag: LagSection,
    pub(super) world_labels_max: u32,
    pub(super) recorder: Recorder,
    pub(super) stop: CancellationToken,
}

impl Chores {
    /// Begins them on the runtime.
    pub(super) fn begin(self, runtime: &Handle) {
        let (store, retention, stop) = (self.store.clone(), self.retention.clone(), self.stop.clone());
        runtime.spawn(every(PRUNE_INTERVAL, stop.clone(), move || prune(store.clone(), policy(&retention))));
        let (settings, lag, lag_store) = (self.settings, self.lag, self.store);
        let (lag_runtime, lag_stop) = (runtime.clone(), stop.clone());
        let measure = move || measure_lag(&settings, &lag, &lag_store, &lag_runtime, &lag_stop);
        if let Err(error) = std::thread::Builder::new().name("kafka-lag".into()).spawn(measure) {
            tracing::warn!(%error, "lag is not measured: the system gives no thread");
        }
        let (view, bridges, most, recorder) = (self.view, self.bridges, self.world_labels_max, self.recorder);
        let gauges = move || {
            take_gauges(&view, &bridges, most);
            recorder.upkeep();
            std::future::ready(())
        };
        runtime.spawn(every(GAUGE_INTERVAL, stop, gauges));
    }
}

async fn every<F: Future<Output = ()>>(interval: Duration, stop: CancellationToken, mut chore: impl FnMut() -> F) {
    let mut beat = tokio::time::interval(interval);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => chore().await,
            () = stop.cancelled() => return,
        }
    }
}

fn policy(retention: &StoreSection) -> PrunePolicy {
    let now = wall_micros();
    let before = |days: u32| now - i64::from(days) * DAY_MICROS;
    PrunePolicy {
        ticks_before: before(retention.tick_retention_days),
        outbox_before: before(retention.outbox_retention_days),
        tick_history_before: before(retention.tick_retention_days),
        market_states_before: before(retention.market_retention_days),
        dead_letters_before: before(retention.dead_letter_retention_days),
        history_rows_max: retention.history_rows_max,
        batch: PRUNE_BATCH,
    }
}

async fn prune(store: Store, policy: PrunePolicy) {
    match store.prune(&policy).await {
        Ok(pruned) if pruned.most() > 0 => tracing::debug!(?pruned, "old rows were removed"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "old rows could not be removed; it is tried again"),
    }
}

/// Measures lag on a thread of its own: librdkafka's calls block. Ends with `stop`.
fn measure_lag(settings: &KafkaSettings, lag: &LagSection, store: &Store, runtime: &Handle, stop: &CancellationToken) {
    let mut probe = match LagProbe::new(settings) {
        Ok(probe) => probe,
        Err(error) => return tracing::warn!(%error, "lag is not measured"),
    };
    let interval = lag.interval_seconds.duration();
    loop {
        let wait = async { tokio::time::timeout(interval, stop.cancelled()).await };
        if runtime.block_on(wait).is_ok() {
            return;
        }
        let mut smallest: BTreeMap<(String, i32), _> = BTreeMap::new();
        for (_, position) in runtime.block_on(store.positions()).unwrap_or_default() {
            smallest.insert((position.topic.clone(), position.partition), position);
        }
        match probe.positions(&smallest.into_values().collect::<Vec<_>>()) {
            Ok(lags) => lags.iter().for_each(|lag| {
                set_lag("worldtick", &lag.topic, lag.partition, lag.records);
                let labels = [("topic", lag.topic.clone()), ("partition", lag.partition.to_string())];
                metrics::gauge!("worldtick_kafka_consumer_lag_seconds", &labels).set(lag.seconds);
            }),
            Err(error) => tracing::debug!(%error, "lag cannot be measured"),
        }
        match probe.groups("simulation.event", &lag.groups) {
            Ok(lags) => lags.iter().for_each(|lag| {
                if let Some(records) = lag.records {
                    set_lag(&lag.group, &lag.topic, lag.partition, records);
                }
            }),
            Err(error) => tracing::debug!(%error, "lag of the groups cannot be measured"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
fn set_lag(group: &str, topic: &str, partition: i32, records: i64) {
    let labels = [("group", group.to_owned()), ("topic", topic.to_owned()), ("partition", partition.to_string())];
    metrics::gauge!("worldtick_kafka_consumer_lag", &labels).set(records as f64);
}

#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
fn take_gauges(view: &HostView, bridges: &Bridges, most: u32) {
    let mut states = BTreeMap::from([("running", 0_u32), ("paused", 0), ("faulted", 0)]);
    for (index, world) in view.worlds().iter().enumerate() {
        let state = match world.status {
            WorldStatus::Running => "running",
            WorldStatus::Paused { .. } => "paused",
            WorldStatus::Faulted { .. } => "faulted",
        };
        *states.entry(state).or_default() += 1;
        if index < most as usize {
            let name = world.world_id.to_string();
            if let Some(now) = world.now {
                metrics::gauge!("worldtick_world_time_seconds", "world" => name.clone())
                    .set(now.as_micros() as f64 / 1e6);
            }
            metrics::gauge!("worldtick_world_lag_seconds", "world" => name).set(world.lag_seconds);
        }
    }
    for (state, count) in states {
        metrics::gauge!("worldtick_worlds", "state" => state).set(f64::from(count));
    }
    bridges.inbound.with(|inbound| {
        let status = inbound.status();
        for (topic, count) in status.read_timeouts {
            metrics::counter!("worldtick_kafka_read_timeouts_total", "topic" => topic).absolute(count);
        }
        metrics::counter!("worldtick_kafka_silent_partitions_total").absolute(status.silent_partitions);
        metrics::counter!("worldtick_kafka_gaps_total").absolute(status.gaps);
    });
}

#[expect(clippy::disallowed_methods, reason = "ages are wall time")]
fn wall_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
