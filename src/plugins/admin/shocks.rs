//! Shocks of a world's economy.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::body::Body;
use super::npcs::{ask, object, tell};
use super::{App, Problem};
use crate::systems::economy::{NO_SHOCK, SHOCK_IS_THERE};

/// What a world's refusal means for a shock: that it is not there, or that there is one of its name.
fn by_state(problem: Problem) -> Problem {
    if problem.detail().starts_with(NO_SHOCK) {
        problem.refusal_as_not_found()
    } else if problem.says(SHOCK_IS_THERE) {
        problem.refusal_as_conflict()
    } else {
        problem
    }
}

pub(super) async fn list(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    let mut answer = ask(&app, &world, "economy.shocks", json!({})).await?;
    Ok(Json(json!({
        "items": answer["shocks"].take(), "next": null, "hour": answer["hour"], "signals": answer["signals"].take(),
    })))
}

pub(super) async fn add(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = tell(&app, &world, &headers, "economy.add_shock", payload).await.map_err(by_state)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn end(
    State(app): State<App>,
    Path((world, shock)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let payload = object([("shock", shock.into())]);
    tell(&app, &world, &headers, "economy.end_shock", payload).await.map(Json).map_err(by_state)
}
