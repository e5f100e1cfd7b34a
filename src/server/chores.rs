//! What is measured every now and then: lag and gauges.

#![expect(clippy::disallowed_methods, reason = "gauges are taken by wall time")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::links::Bridges;
use crate::components::tier::PerTier;
use crate::config::model::LagSection;
use crate::plugins::bridge::KafkaSettings;
use crate::plugins::bridge::lag::LagProbe;
use crate::plugins::host::HostView;
use crate::plugins::metrics::Recorder;
use crate::plugins::store::{Store, WorldStatus};

const GAUGE_INTERVAL: Duration = Duration::from_secs(2);

/// What the chores need.
pub(super) struct Chores {
    pub(super) store: Store,
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
        let stop = self.stop.clone();
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
    // time: gauges of metrics | real | tokio timer | interval of 2 s
    let mut beat = tokio::time::interval(interval);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => chore().await,
            () = stop.cancelled() => return,
        }
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
        // time: lag of consumer groups | real | tokio timer | interval of `lag.interval_seconds` on a thread
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
    let mut npcs: PerTier<u64> = PerTier::default();
    let (mut chains, mut intents) = (0_u64, 0_u64);
    let (mut pending, mut dead, mut oldest) = (0_u64, 0_u64, 0_u64);
    let worlds = view.worlds();
    for (index, world) in worlds.iter().enumerate() {
        let state = match world.status {
            WorldStatus::Running => "running",
            WorldStatus::Paused { .. } => "paused",
            WorldStatus::Faulted { .. } => "faulted",
        };
        *states.entry(state).or_default() += 1;
        for (tier, count) in world.counts.npcs.iter() {
            npcs[tier] += u64::from(*count);
        }
        (chains, intents) = (chains + world.counts.chains, intents + world.counts.intents);
        (pending, dead) = (pending + world.counts.jobs_pending, dead + world.counts.jobs_dead);
        oldest = oldest.max(world.counts.jobs_oldest_seconds);
        if index < most as usize {
            let (name, series) = (world.world_id.as_str(), view.series());
            if let Some(now) = world.now {
                series.set("worldtick_world_time_seconds", name, None, now.as_micros() as f64 / 1e6);
            }
            series.set("worldtick_world_lag_seconds", name, None, world.lag_seconds());
            series.set("worldtick_world_dropped_seconds_total", name, None, world.dropped_seconds);
            if world.spec.generation.is_some() {
                series.set("worldtick_generation_started_total", name, None, world.counts.jobs_started as f64);
                series.set("worldtick_generation_completed_total", name, None, world.counts.jobs_completed as f64);
            }
        }
    }
    let labelled: BTreeSet<&str> = worlds.iter().take(most as usize).map(|world| world.world_id.as_str()).collect();
    view.series().keep(&labelled);
    for (state, count) in states {
        metrics::gauge!("worldtick_worlds", "state" => state).set(f64::from(count));
    }
    for (tier, count) in npcs.iter() {
        metrics::gauge!("worldtick_npcs", "tier" => tier.as_str()).set(*count as f64);
    }
    metrics::gauge!("worldtick_chains").set(chains as f64);
    metrics::gauge!("worldtick_intents").set(intents as f64);
    metrics::gauge!("worldtick_generation_queue_depth", "state" => "pending").set(pending as f64);
    metrics::gauge!("worldtick_generation_queue_depth", "state" => "dead").set(dead as f64);
    metrics::gauge!("worldtick_generation_queue_oldest_seconds").set(oldest as f64);
    bridges.inbound.with(|inbound| {
        let status = inbound.status();
        for (topic, count) in status.read_timeouts {
            metrics::counter!("worldtick_kafka_read_timeouts_total", "topic" => topic).absolute(count);
        }
        metrics::counter!("worldtick_kafka_silent_partitions_total").absolute(status.silent_partitions);
        metrics::counter!("worldtick_kafka_gaps_total").absolute(status.gaps);
    });
}
