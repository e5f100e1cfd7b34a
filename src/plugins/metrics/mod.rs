//! Metrics: their names and meanings, and the recorder behind `/metrics`.

mod worlds;

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

pub use worlds::WorldSeries;

use crate::messages::tier::LATENESS_BOUNDS;

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
    histogram(
        "worldtick_step_duration_seconds",
        &[],
        "Time that one world took for one input that moved its time, at its own pace or by order. A world that takes its \
         time from ticks is stepped within them: see worldtick_tick_duration_seconds.",
    ),
    counter("worldtick_npc_ticks_total", &["tier"], "Turns that NPCs had, by the tier in which they had them."),
    gauge("worldtick_npcs", &["tier"], "NPCs by tier, of all worlds together."),
    histogram(LATENESS, &["tier"], "Game time by which turns of NPCs were later than due."),
    counter("worldtick_npc_tier_moves_total", &["from", "to", "reason"], "Moves of NPCs between tiers, by why."),
    histogram("worldtick_budget_used_ratio", &["budget"], "Share of a budget that the steps of one input used."),
    counter(
        "worldtick_budget_deferred_total",
        &["budget"],
        "What a budget put off to a later step: for maxNpcTicksPerStep turns that were due; for movesPerStep the steps that \
         left moves between tiers over; for maxChainOpsPerStep chains whose time had come.",
    ),
    gauge("worldtick_chains", &[], "Chains of interactions that run, of all worlds together."),
    counter(
        "worldtick_chains_total",
        &["change"],
        "Chains by what happened to them: started, copied (with their session), completed, failed, expired, cancelled, gone (their NPC or definition is).",
    ),
    counter(
        "worldtick_chain_steps_total",
        &["change"],
        "Steps of chains by what happened to them: completed, skipped, expired, blocked (asked and not opened).",
    ),
    gauge("worldtick_intents", &[], "Intents that wait or are unanswered, of all worlds together."),
    counter(
        "worldtick_intents_total",
        &["change"],
        "Intents by what happened to them: proposed, refused (no room), handed_out, acknowledged, declined, expired (before they were handed out), unanswered, withdrawn, gone (their NPC or session is).",
    ),
    counter(
        "worldtick_generation_jobs_total",
        &["outcome"],
        "Jobs of generation by what happened to them: asked, joined (the same was under way), refused (no room), gone (kind, NPC or session is), shed, dispatched (by a world), started (an attempt was sent to the workers), retried, succeeded, failed, cancelled, expired, dead, sent_again, dead_forgotten.",
    ),
    counter(
        "worldtick_generation_results_total",
        &["outcome"],
        "Words of workers by what became of them: applied, duplicate, late (of an attempt before the present one), early, finished (the job is over), unknown, kept (its world has faulted, and hears it when it is back).",
    ),
    gauge(
        "worldtick_generation_in_flight",
        &[],
        "Jobs of generation that are with the workers, of all worlds together.",
    ),
    gauge(
        "worldtick_generation_queue_depth",
        &["state"],
        "Jobs of generation that wait: pending (in their worlds), edge (let go by their worlds, held back here or waiting for another attempt), dead (kept to be sent again).",
    ),
    gauge(
        "worldtick_generation_edge_oldest_seconds",
        &[],
        "Real seconds that the oldest of the jobs that wait for the edge could have gone by now.",
    ),
    gauge(
        "worldtick_generation_saturation_ratio",
        &[],
        "Share of what may be with the workers in all, at once or within an hour, that is used: 1 where nothing more may go.",
    ),
    counter(
        "worldtick_generation_started_total",
        &["world"],
        "Attempts at jobs of a world that were sent to the workers.",
    ),
    counter("worldtick_generation_completed_total", &["world"], "Jobs of a world that came to an end, whichever."),
    gauge(
        "worldtick_generation_queue_oldest_seconds",
        &[],
        "Game seconds that the oldest job has waited in its world, of all worlds.",
    ),
    histogram(GENERATION_WAIT, &[], "Game seconds from when a job was asked for until its world let it go."),
    counter("worldtick_cooldowns_begun_total", &[], "Cooldowns that began."),
    counter("worldtick_world_faults_total", &[], "Worlds that failed at an input."),
    counter(
        "worldtick_commands_total",
        &["source", "outcome"],
        "Commands to worlds by where they came from (api, kafka) and what became of them (done, refused); what cannot be read as a command is none.",
    ),
    gauge("worldtick_worlds", &["state"], "Worlds by state: running, paused, faulted."),
    gauge("worldtick_world_time_seconds", &["world"], "Game time of a world, in seconds since 1970 of its calendar."),
    gauge(
        "worldtick_world_lag_seconds",
        &["world"],
        "Real time by which a live world is behind and which it may still catch up: about maxCatchUpSteps intervals at \
         most, but for one long step.",
    ),
    counter(
        "worldtick_world_dropped_seconds_total",
        &["world"],
        "Real time that a live world could not catch up and has dropped.",
    ),
    counter("worldtick_steps_dropped_total", &[], "Steps that live worlds could not catch up and have dropped."),
    counter("worldtick_markets_cleared_total", &[], "Markets cleared."),
    histogram(
        "worldtick_market_clearing_seconds",
        &[],
        "Time of an hourly tick, shared among the markets that it cleared.",
    ),
    counter(
        "worldtick_economy_shocks_total",
        &["kind", "phase"],
        "Shocks of economies by kind and by what happened to them (started, ended); commands to add one that were refused (refused), of a kind that there is none of as of kind unknown.",
    ),
    counter(
        "worldtick_economy_signals_total",
        &["outcome"],
        "Signals of other plugins to economies by outcome (taken, refused).",
    ),
    counter(
        "worldtick_diplomacy_changes_total",
        &["state"],
        "Pairs of factions that changed how they stand, by the state that began (WAR, COLD_WAR, PEACE, ALLIANCE).",
    ),
    gauge(
        "worldtick_diplomacy_relations",
        &["world", "state"],
        "Pairs of factions of a world by how they stand (war, cold_war, peace, alliance), after its last day.",
    ),
    gauge("worldtick_market_clearing_price", &["world", "commodity"], "Last clearing price in major units of money."),
    gauge(
        "worldtick_market_efficiency_ratio",
        &["world", "commodity"],
        "Realised share of the surplus that the orders allowed.",
    ),
    gauge("worldtick_market_volume_units", &["world", "commodity"], "Units traded in the last clearing."),
    gauge("worldtick_market_bids_unfilled_units", &["world", "commodity"], "Units wanted and not bought."),
    gauge("worldtick_market_asks_unfilled_units", &["world", "commodity"], "Units offered and not sold."),
    gauge(
        "worldtick_market_spread",
        &["world", "commodity"],
        "Lowest ask left less highest bid left, in major units of money.",
    ),
    gauge(
        "worldtick_market_alpha_ratio",
        &["world", "commodity"],
        "Smith's alpha: deviation of the prices paid over a window, as a share of their mean.",
    ),
    gauge(
        "worldtick_market_volatility_ratio",
        &["world", "commodity"],
        "Deviation of the price over five clearings, as a share of their mean.",
    ),
    gauge(
        "worldtick_market_trend_ratio",
        &["world", "commodity"],
        "Change of the price over three clearings, as a share.",
    ),
    gauge(
        "worldtick_market_needs_met_ratio",
        &["world", "commodity"],
        "Share of the needs of the hour that were met; nothing where nobody needs it.",
    ),
    gauge(
        "worldtick_market_belief_median",
        &["world", "commodity"],
        "What the median trader believes that a unit costs, in major units of money.",
    ),
    gauge(
        "worldtick_economy_wealth_gini_ratio",
        &["world"],
        "Gini coefficient of wealth, goods at market prices included.",
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
    counter(
        "worldtick_task_runs_total",
        &["task", "outcome"],
        "Runs of periodic tasks by outcome: done, unfinished (its budget was used up), failed.",
    ),
    histogram("worldtick_task_duration_seconds", &["task"], "Time of a run of a periodic task."),
    gauge(
        "worldtick_task_last_success_timestamp_seconds",
        &["task"],
        "When a run of a periodic task last ended that did not fail, in seconds since 1970.",
    ),
    gauge(
        "worldtick_task_failed",
        &["task"],
        "1 where the last run of a periodic task failed; GET /api/v1/tasks says why.",
    ),
    gauge(
        "worldtick_task_next_run_timestamp_seconds",
        &["task"],
        "When a periodic task runs next, in seconds since 1970; while it runs, when it was to.",
    ),
    gauge("worldtick_task_interval_seconds", &["task"], "Time between two runs of a periodic task."),
    gauge("worldtick_task_jitter_seconds", &["task"], "By how much the runs of a periodic task are put off."),
    gauge("worldtick_task_budget_seconds", &["task"], "How long a run of a periodic task may take."),
    gauge("worldtick_overdue", &["what"], "What should have gone on by itself and has not: own_ticks, pauses."),
    counter("worldtick_http_requests_total", &["route", "status"], "Requests to the admin API."),
    counter(
        "worldtick_admin_denied_total",
        &["reason"],
        "Requests to the admin API that were turned away: missing, malformed, unknown, revoked, expired, scope, origin, unavailable.",
    ),
];

/// Lateness is in game time, and counted in buckets of its own.
const LATENESS: &str = "worldtick_npc_lateness_seconds";
/// So is how long jobs of generation wait.
const GENERATION_WAIT: &str = "worldtick_generation_wait_seconds";

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
        let ratios = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0];
        let lateness = LATENESS_BOUNDS.map(f64::from);
        let counts = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0];
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_bytes".into()), &sizes))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_rows".into()), &counts))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_per_tick".into()), &counts))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_used_ratio".into()), &ratios))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(LATENESS.into()), &lateness))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(GENERATION_WAIT.into()), &lateness))
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| MetricsError(error.to_string()))?;
        for metric in METRICS {
            match metric.kind {
                MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
                MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
            }
        }
        // Nothing was dropped, which is not the same as not knowing.
        metrics::counter!("worldtick_steps_dropped_total").increment(0);
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
