//! Periodic tasks: what a server does every now and then, by wall time and outside the worlds.
//!
//! Each has a name, an interval, a budget for each run and times that are put off a little, differently for each task and
//! store. Runs of one task never overlap; an error or a panic ends a run and nothing else. What is known of them is on the
//! board, which the admin API shows.
//!
//! | module | what it does |
//! |---|---|
//! | `runner` | times and runs of one task |
//! | `board` | what is known of all |
//! | `clock` | wall time, which the tests replace |
//! | `retentions` | how long the cluster keeps messages |
//! | `sweeping` | rows that are old or too many go |
//! | `snapshots` | metrics go to the database |
//! | `checks` | what should have gone on by itself; Kafka's topics |

mod board;
mod checks;
mod clock;
mod retentions;
mod runner;
mod snapshots;
mod sweeping;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub(super) use board::Board;
pub(super) use retentions::Retentions;
pub(super) use snapshots::Render;

use checks::{RetryChecks, Told, TopicChecks};
use clock::{Clock, RealClock};
use runner::{Runner, Times, Work};
use snapshots::Snapshots;
use sweeping::{Outlive, Sweeping};

use crate::config::ServerConfig;
use crate::config::model::TaskSection;
use crate::plugins::bridge::KafkaSettings;
use crate::plugins::bridge::topics::TopicCatalogue;
use crate::plugins::host::HostView;
use crate::plugins::store::{Store, Swept};

/// Topics whose messages are known by ids.
const TICK_TOPICS: &[&str] = &["world.tick.hourly", "world.tick.daily"];
const COMMAND_TOPICS: &[&str] = &["world.command"];

/// What the tasks need.
pub(super) struct TaskParts {
    pub(super) config: ServerConfig,
    pub(super) store: Store,
    pub(super) view: HostView,
    pub(super) settings: KafkaSettings,
    pub(super) topics: TopicCatalogue,
    pub(super) embedded: bool,
    /// How long the cluster keeps messages, as far as it has been asked.
    pub(super) retentions: Retentions,
    pub(super) render: Render,
    pub(super) stop: CancellationToken,
}

impl TaskParts {
    /// Begins all tasks on the runtime; they end with `stop`.
    pub(super) fn begin(self, runtime: &Handle) -> Board {
        let board = Board::default();
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        for (name, section, work) in self.tasks() {
            let (interval, budget) = (section.interval_seconds.duration(), section.budget_seconds.duration());
            let times = Times { interval, budget, jitter: runner::jitter(name, self.store.id(), interval) };
            let asked = board.add(name, times);
            let runner = Runner { name, times, work, clock: clock.clone(), board: board.clone() };
            runtime.spawn(runner.run(asked, self.stop.clone()));
        }
        board
    }

    fn tasks(&self) -> Vec<(&'static str, &TaskSection, Arc<dyn Work>)> {
        let (tasks, kept, metrics) = (&self.config.tasks, &self.config.store, &self.config.metrics);
        let sweep = |what, days, rows_max| -> Arc<dyn Work> {
            Arc::new(Sweeping { store: self.store.clone(), what, days: Some(days), rows_max, outlive: None })
        };
        let ids = |what, days, topics| -> Arc<dyn Work> {
            let retentions = self.retentions.clone();
            // Nothing in the broker inside the process outlives it.
            let outlive = (!self.embedded).then(|| Outlive { topics, retentions, told: Told::default() });
            Arc::new(Sweeping { store: self.store.clone(), what, days: Some(days), rows_max: None, outlive })
        };
        let by_number = |what, rows_max| -> Arc<dyn Work> {
            Arc::new(Sweeping { store: self.store.clone(), what, days: None, rows_max: Some(rows_max), outlive: None })
        };
        let rows = Some(kept.history_rows_max);
        let snapshots = Snapshots { store: self.store.clone(), render: self.render.clone() };
        let checks = RetryChecks::new(self.store.clone(), self.view.clone());
        let topics =
            TopicChecks::new(self.settings.clone(), self.topics.clone(), self.embedded, self.retentions.clone());
        vec![
            // An id that is forgotten by number would let its tick run again: only age counts.
            ("tick_ids", &tasks.tick_ids, ids(Swept::TickIds, kept.tick_retention_days, TICK_TOPICS)),
            ("tick_history", &tasks.tick_history, sweep(Swept::TickHistory, kept.tick_retention_days, rows)),
            ("market_history", &tasks.market_history, sweep(Swept::MarketHistory, kept.market_retention_days, rows)),
            (
                "relation_history",
                &tasks.relation_history,
                sweep(Swept::RelationHistory, kept.relation_retention_days, rows),
            ),
            ("dead_letters", &tasks.dead_letters, sweep(Swept::DeadLetters, kept.dead_letter_retention_days, rows)),
            (
                "outbox",
                &tasks.outbox,
                sweep(Swept::Outbox, kept.outbox_retention_days, Some(kept.outbox_history_rows_max)),
            ),
            ("commands", &tasks.commands, ids(Swept::Commands, kept.command_retention_days, COMMAND_TOPICS)),
            // A world that is changed once a year has a history of years: age says nothing of what is of use.
            ("config_changes", &tasks.config_changes, by_number(Swept::ConfigChanges, kept.history_rows_max)),
            ("metric_snapshots", &tasks.metric_snapshots, Arc::new(snapshots)),
            (
                "metric_history",
                &tasks.metric_history,
                sweep(Swept::MetricHistory, metrics.history_days, Some(metrics.history_rows_max)),
            ),
            ("audit", &tasks.audit, sweep(Swept::Audit, kept.audit_retention_days, rows)),
            ("revoked_tokens", &tasks.revoked_tokens, sweep(Swept::RevokedTokens, kept.audit_retention_days, None)),
            ("retry_checks", &tasks.retry_checks, Arc::new(checks)),
            ("topics", &tasks.topics, Arc::new(topics)),
        ]
    }
}
