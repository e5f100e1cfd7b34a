//! The periodic tasks: their list, running one now, and the metrics that one of them keeps.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::lists::page_limit;
use super::{App, Problem};
use crate::plugins::store::MetricFilter;

/// How a run of a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// There is nothing left to do until the next time.
    Done,
    /// Its budget was used up before it was through; it goes on the next time.
    Unfinished,
    /// It failed.
    Failed,
}

impl RunOutcome {
    /// Its name in metrics and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
        }
    }
}

/// A run of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskRun {
    /// When it began (wall time in microseconds).
    #[serde(serialize_with = "instant")]
    pub started_at: i64,
    /// How long it took.
    pub took_seconds: f64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// What it did, or why it failed.
    pub did: String,
}

/// A task as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskView {
    /// Its name.
    pub name: &'static str,
    /// Time between two runs.
    pub interval_seconds: f64,
    /// By how much its times are put off: always the same, and another for each task and store.
    pub jitter_seconds: f64,
    /// How long a run may take.
    pub budget_seconds: f64,
    /// Whether it runs at this moment.
    pub running: bool,
    /// When it runs next (wall time in microseconds).
    #[serde(serialize_with = "instant_or_none")]
    pub next_run_at: Option<i64>,
    /// Runs since this process began.
    pub runs: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// The last run.
    pub last_run: Option<TaskRun>,
    /// Why it failed the last time that it did.
    pub last_error: Option<String>,
    /// When the last run began that did not fail (wall time in microseconds).
    #[serde(serialize_with = "instant_or_none")]
    pub last_success_at: Option<i64>,
}

/// Why a task is not run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunRefused {
    /// There is no such task.
    Unknown,
    /// It runs already, or is about to.
    Running,
    /// The server is stopping.
    Stopping,
}

/// Where the run is told of when it is over.
pub type TaskAnswer = oneshot::Receiver<TaskRun>;

/// The periodic tasks of the server.
pub trait Tasks: Send + Sync {
    /// All of them.
    fn list(&self) -> Vec<TaskView>;
    /// Begins a run now.
    ///
    /// # Errors
    /// Says why not.
    fn run(&self, name: &str) -> Result<TaskAnswer, RunRefused>;
}

/// The tasks, shared.
pub type SharedTasks = Arc<dyn Tasks>;

fn text(micros: i64) -> Option<String> {
    Timestamp::from_microsecond(micros).ok().map(|at| at.to_string())
}

fn instant<S: Serializer>(micros: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    text(*micros).serialize(serializer)
}

fn instant_or_none<S: Serializer>(micros: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    micros.and_then(text).serialize(serializer)
}

pub(super) async fn list(State(app): State<App>) -> Json<Value> {
    Json(json!({ "items": app.parts.tasks.list() }))
}

/// Runs a task and answers when the run is over.
pub(super) async fn run(State(app): State<App>, Path(name): Path<String>) -> Result<Json<TaskRun>, Problem> {
    let refused = |refused: RunRefused| match refused {
        RunRefused::Unknown => Problem::not_found(format!("there is no task `{name}`; see /api/v1/tasks")),
        RunRefused::Running => Problem::new(StatusCode::CONFLICT, format!("`{name}` runs already")),
        RunRefused::Stopping => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"),
    };
    let answer = app.parts.tasks.run(&name).map_err(refused)?;
    answer.await.map(Json).map_err(|_| refused(RunRefused::Stopping))
}

/// What the list of past metrics takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    name: Option<String>,
    labels: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A metric as it was, newest first.
pub(super) async fn metric_history(
    State(app): State<App>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let name = query.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Problem::invalid("name", "missing", "the name of a metric, as /metrics has it"))?;
    let limit = page_limit(query.limit)?;
    let before = match (&query.cursor, query.to) {
        (Some(cursor), None) => Some(place(cursor).ok_or_else(|| {
            Problem::invalid("cursor", "invalid", "not a cursor: it has the form in which this list gave it")
        })?),
        // No labels come before all others: nothing of that instant is left out by mistake.
        (None, Some(to)) => Some((to.as_microsecond(), String::new())),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(Problem::invalid("to", "invalid", "give `to` or `cursor`, not both")),
    };
    let from = query.from.map(Timestamp::as_microsecond);
    let filter = MetricFilter { name, labels: query.labels, from, before };
    let samples = app.parts.store.metric_history(&filter, limit).await?;
    let next = samples.last().filter(|_| samples.len() == limit as usize);
    let next = next.map(|sample| format!("{}.{}", sample.at, sample.labels));
    let items: Vec<Value> = samples
        .iter()
        .map(|sample| {
            json!({ "name": sample.name, "labels": sample.labels, "value": sample.value, "at": text(sample.at) })
        })
        .collect();
    Ok(Json(json!({ "items": items, "next": next })))
}

fn place(cursor: &str) -> Option<(i64, String)> {
    let (at, labels) = cursor.split_once('.')?;
    Some((at.parse().ok()?, labels.to_owned()))
}
