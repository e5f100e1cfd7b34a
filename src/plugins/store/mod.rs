//! The store: the memory of the worlds. The only place that names SQL.
//!
//! One database, SQLite or PostgreSQL, behind one handle:
//!
//! | file | what it holds |
//! |---|---|
//! | `rows` | the rows, and the [`Commit`] that writes them |
//! | `store` | [`Store`]: open, close, whether the database answers |
//! | `lease`, `lease_rows`, `advisory`, `heartbeat`, `lock`, `place` | who may run |
//! | `commit`, `prepared`, `plan`, `tables`, `statements` | a commit: fence, rows, unknown outcomes, repetition |
//! | `worlds`, `inputs`, `outbox` | what a start reads: worlds, snapshots, journal; positions, tick ids; what to publish |
//! | `query`, `pages`, `commands` | lists for the admin API; commands that are known |
//! | `jobs`, `edge` | jobs of generation: rows and lists; attempts, limits and answers that wait for their worlds |
//! | `relations` | how factions stand, and what happened between them: rows and lists |
//! | `token`, `audit` | tokens of the admin API, and who changed what through it |
//! | `sweep` | removal of what is old or too much, step by step |
//! | `metric_history` | metrics of the past |
//! | `engine`, `session`, `value`, `error`, `migrate` | the two engines under one set of statements |
//!
//! Each statement is written once, with `$1` placeholders that both engines take; the few words that differ come
//! from [`EngineKind`]. Every operation has a limit in time, and a connection whose state is uncertain is closed.

mod advisory;
mod agents;
mod audit;
mod commands;
mod commit;
mod config;
mod edge;
mod engine;
mod error;
mod heartbeat;
mod inputs;
mod jobs;
mod lease;
mod lease_rows;
mod lock;
mod metric_history;
mod migrate;
mod outbox;
mod pages;
mod place;
mod plan;
mod prepared;
mod query;
mod relations;
mod rows;
mod session;
mod statements;
#[expect(clippy::module_inception, reason = "the handle is what the module is about")]
mod store;
mod sweep;
mod tables;
mod token;
mod value;
mod worlds;

pub use agents::AgentRow;
pub use audit::{AuditEnd, AuditFilter, AuditOutcome, AuditRow, NewAudit};
pub use commit::CommitOutcome;
pub use config::StoreConfig;
pub use edge::{AnswerRow, AttemptRow, EdgeRows, LIMITS_MAX, LimitRow, LimitsChanged};
pub use engine::EngineKind;
pub use error::StoreError;
pub use jobs::{JobFilter, JobRow, JobStage};
pub use lease::{Lease, LeaseState};
pub use metric_history::{MetricFilter, MetricSample, OverdueTicks};
pub use outbox::ClusterUse;
pub use pages::{Cursor, EventFilter, Listed, NotACursor, PAGE_ROWS_MAX, Page, TickFilter};
pub use query::StoreCounts;
pub use relations::{RelationHistoryRow, RelationRow};
pub use rows::*;
pub use store::{DatabaseState, Store};
pub use sweep::{Sweep, Swept};
pub use token::{TOKENS_MAX, TokenMade, TokenRow};
