//! Factions of a world, and how they stand to each other.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::page_limit;
use super::npcs::{ask, rejected};
use super::{App, Problem};
use crate::systems::diplomacy::NO_FACTION;

/// Factions in one answer at most.
const FACTIONS_MAX: u32 = 200;

/// Which factions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactionsQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Whose relations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationsQuery {
    /// Ids with commas between them.
    factions: Option<String>,
}

fn nobody_as_not_found(problem: Problem) -> Problem {
    if problem.detail().starts_with(NO_FACTION) { problem.refusal_as_not_found() } else { problem }
}

pub(super) async fn list(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<FactionsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let limit = page_limit(query.limit)?.min(FACTIONS_MAX);
    let mut answer = ask(&app, &world, "diplomacy.factions", json!({ "after": query.cursor, "limit": limit })).await?;
    let more = answer["more"] == true;
    let items = answer["factions"].take();
    let last = items.as_array().and_then(|items| items.last()).map(|faction| faction["id"].clone());
    Ok(Json(json!({
        "items": items, "next": last.filter(|_| more), "count": answer["count"], "relations": answer["relations"],
        "days": answer["days"], "byState": answer["byState"].take(), "treaties": answer["treaties"],
    })))
}

pub(super) async fn show(
    State(app): State<App>,
    Path((world, faction)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let answer = ask(&app, &world, "diplomacy.faction", json!({ "faction": faction })).await;
    answer.map(Json).map_err(nobody_as_not_found)
}

pub(super) async fn matrix(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<RelationsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let named = query.factions.unwrap_or_default();
    let factions: Vec<&str> = named.split(',').filter(|id| !id.is_empty()).collect();
    let answer = ask(&app, &world, "diplomacy.matrix", json!({ "factions": factions })).await;
    answer.map(Json).map_err(nobody_as_not_found)
}

async fn of_pair(
    app: &App,
    (world, one, other): (String, String, String),
    query: &str,
) -> Result<Json<Value>, Problem> {
    let answer = ask(app, &world, query, json!({ "one": one, "other": other })).await;
    answer.map(Json).map_err(nobody_as_not_found)
}

pub(super) async fn pair(
    State(app): State<App>,
    Path(names): Path<(String, String, String)>,
) -> Result<Json<Value>, Problem> {
    of_pair(&app, names, "diplomacy.pair").await
}

pub(super) async fn explain(
    State(app): State<App>,
    Path(names): Path<(String, String, String)>,
) -> Result<Json<Value>, Problem> {
    of_pair(&app, names, "diplomacy.explain").await
}
