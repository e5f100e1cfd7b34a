//! Factions of a world, and how they stand to each other.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::{ListQuery, game, page_limit, wall};
use super::npcs::{ask, rejected};
use super::orders::{living, world_id};
use super::{App, Problem};
use crate::plugins::store::{RelationHistoryRow, RelationRow};
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

/// What happened between two factions, as the database has it.
pub(super) async fn history(
    State(app): State<App>,
    Path((world, one, other)): Path<(String, String, String)>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let (limit, page) = (page_limit(query.limit)?, query.page()?);
    let id = world_id(&world)?;
    // Whoever they are, and in which order: of a pair that is not there, it is told as everywhere.
    let pair = ask(&app, &world, "diplomacy.pair", json!({ "one": one, "other": other })).await;
    let pair = pair.map_err(nobody_as_not_found)?;
    let name = |side: &str| pair[side].as_str().unwrap_or_default().to_owned();
    let (a, b) = (name("factionA"), name("factionB"));
    let rows = app.parts.store.relation_history(id.as_str(), (&a, &b), page, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.cursor.to_string());
    let items: Vec<Value> = rows.iter().map(|row| happening_json(&row.row)).collect();
    Ok(Json(json!({ "factionA": a, "factionB": b, "items": items, "next": next })))
}

/// How pairs stand, as the database has it. The cursor is the last pair: its ids with a comma between them.
pub(super) async fn standings(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<FactionsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let limit = page_limit(query.limit)?;
    let id = world_id(&world)?;
    living(&app, &id)?;
    let after = query.cursor.unwrap_or_default();
    let after = after.split_once(',').unwrap_or((&after, ""));
    let rows = app.parts.store.relations(id.as_str(), after, limit).await?;
    let full = rows.last().filter(|_| rows.len() == limit as usize);
    let next = full.map(|row| format!("{},{}", row.faction_a, row.faction_b));
    Ok(Json(json!({ "items": rows.iter().map(standing_json).collect::<Vec<_>>(), "next": next })))
}

fn standing_json(row: &RelationRow) -> Value {
    json!({
        "factionA": row.faction_a, "factionB": row.faction_b, "state": row.state, "since": game(row.since),
        "score": shortest(row.score), "love": shortest(row.love), "trust": shortest(row.trust),
        "fearOfA": shortest(row.fear_a), "fearOfB": shortest(row.fear_b),
        "gameTime": game(row.game_time), "recordedAt": wall(row.recorded_at),
    })
}

fn happening_json(row: &RelationHistoryRow) -> Value {
    json!({
        "what": row.what, "by": row.by, "from": row.from, "to": row.to, "loveChange": shortest(row.love_change),
        "trustChange": shortest(row.trust_change), "scoreChange": (row.score_change * 1_000.0).round() / 10.0 + 0.0,
        "words": row.words, "gameTime": game(row.game_time), "recordedAt": wall(row.recorded_at),
        "incarnation": row.incarnation,
    })
}

/// A number of single precision as the database has it, in the fewest digits that tell it from its neighbours; never `-0.0`.
#[expect(clippy::cast_possible_truncation, reason = "relations are of single precision")]
fn shortest(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value) + 0.0
}

pub(super) async fn explain(
    State(app): State<App>,
    Path(names): Path<(String, String, String)>,
) -> Result<Json<Value>, Problem> {
    of_pair(&app, names, "diplomacy.explain").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_more_digits_than_they_need() {
        let shown = |value: f32| json!(shortest(value.into())).to_string();
        assert_eq!([shown(0.1), shown(-0.4), shown(-0.0), shown(0.0)], ["0.1", "-0.4", "0.0", "0.0"]);
        assert_eq!(shown(f32::MIN_POSITIVE).parse::<f32>(), Ok(f32::MIN_POSITIVE), "it reads back");
    }
}
