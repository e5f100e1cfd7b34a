//! Sessions of a world, and what is in focus.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::lists::page_limit;
use super::npcs::{ask, object, rejected, tell};
use super::{App, Problem};
use crate::systems::scheduler::{LIST_MAX, NO_SESSION, NOT_YET, RUNS_ALREADY};

/// What a world's refusal means for a session: that it is not there, or that it is not the time for it.
fn by_state(problem: Problem) -> Problem {
    let detail = problem.detail();
    if detail.starts_with(NO_SESSION) {
        problem.refusal_as_not_found()
    } else if detail.contains(RUNS_ALREADY) || detail.starts_with(NOT_YET) {
        problem.refusal_as_conflict()
    } else {
        problem
    }
}

/// Which sessions: those after an id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Which entries of focus: those after so many.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FocusQuery {
    cursor: Option<u32>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<SessionsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let limit = page_limit(query.limit)?.min(LIST_MAX);
    let mut answer = ask(&app, &world, "session.list", json!({ "after": query.cursor, "limit": limit })).await?;
    let items = answer["sessions"].take();
    let last = items.as_array().and_then(|items| items.last()).map(|session| session["sessionId"].clone());
    Ok(Json(json!({ "items": items, "next": last.filter(|_| answer["more"] == true) })))
}

pub(super) async fn show(
    State(app): State<App>,
    Path((world, session)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let answer = ask(&app, &world, "session.show", json!({ "sessionId": session })).await;
    answer.map(Json).map_err(Problem::refusal_as_not_found)
}

pub(super) async fn start(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = tell(&app, &world, &headers, "session.start", payload).await.map_err(by_state)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn set(
    State(app): State<App>,
    Path((world, session)): Path<(String, String)>,
    headers: HeaderMap,
    Body(mut payload): Body<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    payload.insert("sessionId".into(), session.into());
    tell(&app, &world, &headers, "session.set", payload).await.map(Json).map_err(by_state)
}

pub(super) async fn end(
    State(app): State<App>,
    Path((world, session)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let payload = object([("sessionId", session.into())]);
    tell(&app, &world, &headers, "session.end", payload).await.map(Json).map_err(by_state)
}

pub(super) async fn copy(
    State(app): State<App>,
    Path((world, session)): Path<(String, String)>,
    headers: HeaderMap,
    Body(mut payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    payload.insert("sessionId".into(), session.into());
    let answer = tell(&app, &world, &headers, "session.copy", payload).await.map_err(by_state)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// What is in focus, that of no session first.
pub(super) async fn focused(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<FocusQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let (skip, limit) = (query.cursor.unwrap_or(0), page_limit(query.limit)?.min(LIST_MAX));
    let mut answer = ask(&app, &world, "focus.list", json!({ "skip": skip, "limit": limit })).await?;
    let next = (answer["more"] == true).then(|| skip.saturating_add(limit).to_string());
    Ok(Json(json!({ "items": answer["focus"].take(), "next": next })))
}
