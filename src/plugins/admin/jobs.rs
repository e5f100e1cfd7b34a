//! Jobs of generation of a world.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::lists::page_limit;
use super::npcs::{ask, object, rejected, tell};
use super::orders::{living, world_id};
use super::{App, Problem};
use crate::components::clock::GameInstant;
use crate::components::generation::JobState;
use crate::plugins::store::{JobFilter, JobRow};
use crate::systems::generation::NO_JOB;

type Answered = Result<Json<Value>, Problem>;

/// Which jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobsQuery {
    state: Option<String>,
    user: Option<String>,
    kind: Option<String>,
    cursor: Option<i64>,
    limit: Option<u32>,
}

/// The jobs of the store: of every state, those that are over among them.
pub(super) async fn list(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<JobsQuery>, QueryRejection>,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let limit = page_limit(query.limit)?;
    if let Some(state) = query.state.as_deref().filter(|state| JobState::of(state).is_none()) {
        let all: Vec<&str> = JobState::ALL.iter().map(|state| state.as_str()).collect();
        return Err(Problem::new(StatusCode::BAD_REQUEST, format!("state: `{state}` is none of {}", all.join(", "))));
    }
    let filter = JobFilter { state: query.state, user: query.user, kind: query.kind };
    let rows = app.parts.store.jobs(&world, &filter, query.cursor.unwrap_or(0), limit).await?;
    // As everywhere: a page that is full may have one after it.
    let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|row| row.job_id.to_string());
    if rows.is_empty() {
        living(&app, &world_id(&world)?)?;
    }
    let items: Vec<Value> = rows.iter().map(job_json).collect();
    Ok(Json(json!({ "items": items, "next": next })))
}

fn job_json(row: &JobRow) -> Value {
    let instant = |micros: i64| GameInstant::from_micros(micros).ok();
    json!({
        "jobId": row.job_id, "state": row.state, "kind": row.kind, "user": row.user, "sessionId": row.session,
        "npcId": row.npc_id, "chain": row.chain, "step": row.step, "priority": row.priority, "attempt": row.attempt,
        "reason": row.reason, "message": row.message, "reference": row.reference, "againFor": row.again_for,
        "asked": instant(row.asked_at), "deadline": instant(row.deadline), "over": row.is_over,
    })
}

/// The number of a job in a path.
fn number(job: &str) -> Result<u64, Problem> {
    job.parse().map_err(|_| Problem::not_found(format!("{NO_JOB} `{job}`: they have numbers")))
}

/// What a refusal means for a job that is named in the path.
fn of_one(problem: Problem) -> Problem {
    if problem.detail().starts_with(NO_JOB) {
        problem.refusal_as_not_found()
    } else if problem.is_of_the_whole() {
        problem.refusal_as_conflict()
    } else {
        problem
    }
}

/// One that is not over, from its world, with why it waits; one that is over, from the store.
pub(super) async fn show(State(app): State<App>, Path((world, job)): Path<(String, String)>) -> Answered {
    let id = number(&job)?;
    let asked = ask(&app, &world, "generation.show", json!({ "jobId": id })).await;
    let gone = match asked {
        Ok(mut answer) => {
            let at_the_edge = world_id(&world).ok().and_then(|world| app.parts.view.edge_explained(&world, id));
            if let (Some(edge), Value::Object(answer)) = (at_the_edge, &mut answer) {
                answer.insert("edge".to_owned(), edge);
            }
            return Ok(Json(answer));
        }
        Err(problem) => problem,
    };
    if !gone.detail().starts_with(NO_JOB) {
        return Err(gone);
    }
    let before = i64::try_from(id).unwrap_or(i64::MAX).saturating_sub(1);
    let rows = app.parts.store.jobs(&world, &JobFilter::default(), before, 1).await?;
    match rows.first().filter(|row| row.job_id.unsigned_abs() == id) {
        Some(row) => Ok(Json(job_json(row))),
        None => Err(gone.refusal_as_not_found()),
    }
}

pub(super) async fn request(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = tell(&app, &world, &headers, "generation.request", payload).await;
    // What is wrong with it has its places; what is left is that there is no room, or that the world has not begun.
    let answer =
        answer.map_err(|problem| if problem.is_of_the_whole() { problem.refusal_as_conflict() } else { problem });
    Ok((StatusCode::CREATED, Json(answer?)))
}

pub(super) async fn cancel(
    State(app): State<App>,
    Path((world, job)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let payload = object([("jobId", number(&job)?.into())]);
    tell(&app, &world, &headers, "generation.cancel", payload).await.map(Json).map_err(of_one)
}

pub(super) async fn resend(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Answered {
    tell(&app, &world, &headers, "generation.resend", payload).await.map(Json).map_err(of_one)
}

pub(super) async fn status(State(app): State<App>, Path(world): Path<String>) -> Answered {
    ask(&app, &world, "generation.status", json!({})).await.map(Json)
}

pub(super) async fn limit(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Answered {
    tell(&app, &world, &headers, "generation.limits", payload).await.map(Json)
}
