//! Metrics: their names and meanings, and the recorder behind `/metrics`.

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

/// A metric of this program.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, help }
}

/// Every metric of the server. The process's own (`process_*`) stand beside them.
pub const METRICS: &[Metric] = &[
    gauge("worldtick_build_info", &["version"], "1, with the version of the program."),
    counter(
        "worldtick_ticks_total",
        &["type", "outcome"],
        "Ticks by what became of them, one for each world they concerned.",
    ),
    histogram("worldtick_tick_duration_seconds", &["type"], "Time that one world took to run a tick."),
    histogram("worldtick_step_duration_seconds", &[], "Time that one world took for one step."),
    counter("worldtick_world_faults_total", &[], "Worlds that failed at an input."),
    gauge("worldtick_worlds", &["state"], "Worlds by state: running, paused, faulted."),
    gauge("worldtick_world_time_seconds", &["world"], "Game time of a world, in seconds since 1970 of its calendar."),
    gauge("worldtick_world_lag_seconds", &["world"], "Real time by which a live world is behind."),
    counter("worldtick_markets_cleared_total", &[], "Markets cleared."),
    histogram(
        "worldtick_market_clearing_seconds",
        &[],
        "Time of an hourly tick, shared among the markets that it cleared.",
    ),
    gauge("worldtick_market_clearing_price", &["world", "commodity"], "Last clearing price in major units of money."),
    gauge(
        "worldtick_market_efficiency_ratio",
        &["world", "commodity"],
        "Realised share of the surplus that the orders allowed.",
    ),
    histogram("worldtick_events_per_tick", &[], "Events that one tick caused in one world."),
    counter("worldtick_events_published_total", &["event_type"], "Records published."),
    histogram("worldtick_event_size_bytes", &["event_type"], "Size of a published record's value."),
    counter("worldtick_dead_letters_total", &["topic", "reason"], "Messages that could not be used."),
    gauge("worldtick_outbox_rows", &[], "Rows that wait to be published."),
    histogram("worldtick_commit_duration_seconds", &["stage"], "Time of a commit, by stage: database, kafka."),
    histogram("worldtick_commit_rows", &[], "Rows of a commit."),
    gauge("worldtick_kafka_consumer_lag", &["group", "topic", "partition"], "Records behind the end of a partition."),
    gauge(
        "worldtick_kafka_consumer_lag_seconds",
        &["topic", "partition"],
        "For how long the server has been behind the end of a partition.",
    ),
    counter("worldtick_kafka_read_timeouts_total", &["topic"], "Reads that waited for the whole read time-out."),
    counter("worldtick_kafka_silent_partitions_total", &[], "Times that a silent partition was no longer waited for."),
    counter("worldtick_kafka_gaps_total", &[], "Gaps met in the tick topics."),
    counter("worldtick_http_requests_total", &["route", "status"], "Requests to the admin API."),
];

/// The recorder cannot be set up.
#[derive(Debug, Error)]
#[error("metrics cannot be recorded: {0}")]
pub struct MetricsError(String);

/// Renders the metrics of this process.
#[derive(Clone)]
pub struct Recorder {
    handle: PrometheusHandle,
    process: Arc<metrics_process::Collector>,
}

impl Recorder {
    /// Makes this process's recorder. A process has one: asked again, it is the same.
    ///
    /// # Errors
    /// If another recorder is installed already, or the buckets are refused.
    pub fn install() -> Result<Self, MetricsError> {
        use std::sync::{Mutex, PoisonError};
        static INSTALLED: Mutex<Option<Recorder>> = Mutex::new(None);
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorder) = &*installed {
            return Ok(recorder.clone());
        }
        let seconds = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
        let sizes = [64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 524_288.0];
        let counts = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0];
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_bytes".into()), &sizes))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_rows".into()), &counts))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_per_tick".into()), &counts))
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| MetricsError(error.to_string()))?;
        for metric in METRICS {
            match metric.kind {
                MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
                MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
            }
        }
        metrics::gauge!("worldtick_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let process = metrics_process::Collector::default();
        process.describe();
        let recorder = Self { handle, process: Arc::new(process) };
        *installed = Some(recorder.clone());
        Ok(recorder)
    }

    /// Sorts what histograms were given into their buckets. To be called every now and then: until somebody does, every
    /// single value is kept, and there may be nobody who ever reads the metrics.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.process.collect();
        self.upkeep();
        self.handle.render()
    }
}
