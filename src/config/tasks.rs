//! The periodic tasks: what can be said about each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Seconds;

/// Makes the section of all tasks from a list: name, description, interval and budget in seconds.
macro_rules! tasks {
    ($($(#[doc = $doc:literal])+ $name:ident: $interval:literal, $budget:literal;)+) => {
        /// What is done every now and then, by wall time.
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        #[schemars(inline)]
        pub struct TasksSection {
            $($(#[doc = $doc])+ pub $name: TaskSection,)+
        }

        impl Default for TasksSection {
            fn default() -> Self {
                Self { $($name: TaskSection::every(Seconds::whole($interval), Seconds::whole($budget)),)+ }
            }
        }

        impl TasksSection {
            /// Every task: its name, its section, and the place of its budget in the configuration.
            pub fn all(&self) -> Vec<(&'static str, &TaskSection, &'static str)> {
                vec![$((stringify!($name), &self.$name, concat!("/tasks/", stringify!($name), "/budget_seconds")),)+]
            }
        }
    };
}

tasks! {
    /// Task: forgets ids of ticks after `store.tick_retention_days`.
    tick_ids: 60, 2;
    /// Task: removes what became of ticks, after `store.tick_retention_days` and beyond `store.history_rows_max`.
    tick_history: 60, 2;
    /// Task: removes market states, after `store.market_retention_days` and beyond `store.history_rows_max`.
    market_history: 60, 2;
    /// Task: removes what happened between factions, after `store.relation_retention_days` and beyond `store.history_rows_max`.
    relation_history: 60, 2;
    /// Task: removes messages that could not be used, after `store.dead_letter_retention_days` and beyond `store.history_rows_max`.
    dead_letters: 300, 2;
    /// Task: removes published events, after `store.outbox_retention_days` and beyond `store.outbox_history_rows_max`.
    outbox: 60, 2;
    /// Task: forgets what became of commands after `store.command_retention_days`.
    commands: 60, 2;
    /// Task: removes changes of configuration beyond `store.history_rows_max`; they never grow too old.
    config_changes: 300, 2;
    /// Task: writes the metrics as they are to the database.
    metric_snapshots: 60, 2;
    /// Task: removes metrics from the database, after `metrics.history_days` and beyond `metrics.history_rows_max`.
    metric_history: 300, 2;
    /// Task: removes rows of the audit, after `store.audit_retention_days` and beyond `store.history_rows_max`.
    audit: 300, 2;
    /// Task: forgets tokens that were revoked, after `store.audit_retention_days`.
    revoked_tokens: 3_600, 2;
    /// Task: looks for what should have gone on by itself and has not: own ticks that never came back, pauses that are over, worlds that have failed.
    retry_checks: 60, 5;
    /// Task: compares Kafka's topics with the catalogue again.
    topics: 600, 30;
}

/// One periodic task.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct TaskSection {
    /// Time between the beginnings of two runs. All runs are put off by the same part of it, at most a tenth, which
    /// follows from the task's name and the store: servers that were started together do not run together.
    #[schemars(range(min = 1, max = 604_800))]
    pub interval_seconds: Seconds,
    /// A run begins nothing more after this time, and what it is writing is broken off; what is left waits for the next.
    /// Less than the interval.
    #[schemars(range(min = 0.01, max = 300))]
    pub budget_seconds: Seconds,
}

impl TaskSection {
    fn every(interval_seconds: Seconds, budget_seconds: Seconds) -> Self {
        Self { interval_seconds, budget_seconds }
    }
}

impl Default for TaskSection {
    fn default() -> Self {
        Self::every(Seconds::whole(60), Seconds::whole(2))
    }
}
