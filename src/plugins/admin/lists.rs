//! Lists: ticks, events, dead letters, schemas. Newest first, with cursors.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{App, Problem};
use crate::components::clock::GameInstant;
use crate::components::money::Money;
use crate::config::nearest;
use crate::plugins::store::{
    Cursor, DeadLetterRow, EventFilter, Listed, MarketStateRow, OutboxRow, Page, TickFilter, TickHistoryRow,
};

const ROWS_DEFAULT: u32 = 50;
const ROWS_MAX: u32 = 1_000;

/// What a list takes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    world: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    outcome: Option<String>,
    tick: Option<Uuid>,
    topic: Option<String>,
    /// Those before this place.
    cursor: Option<String>,
    /// The same, under the name that a history uses.
    before: Option<String>,
    /// Those after this place, oldest first.
    after: Option<String>,
    pub(super) limit: Option<u32>,
}

impl ListQuery {
    pub(super) fn page(&self) -> Result<Page, Problem> {
        let parse = |name: &str, text: &str| {
            text.parse::<Cursor>().map_err(|error| Problem::invalid(name, "invalid", error.to_string()))
        };
        match (&self.after, self.cursor.as_ref().or(self.before.as_ref())) {
            (Some(after), None) => parse("after", after).map(Page::After),
            (None, Some(cursor)) => parse("cursor", cursor).map(Page::Before),
            (None, None) => Ok(Page::Newest),
            (Some(_), Some(_)) => Err(Problem::invalid("after", "invalid", "give `after` or `cursor`, not both")),
        }
    }
}

pub(super) fn page_limit(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(ROWS_DEFAULT) {
        limit @ 1..=ROWS_MAX => Ok(limit),
        limit => Err(Problem::invalid("limit", "out_of_bounds", format!("{limit}: it goes from 1 to {ROWS_MAX}"))),
    }
}

/// What can become of a tick, as the history says it.
const OUTCOMES: [&str; 11] = [
    "applied",
    "duplicate",
    "late",
    "rejected",
    "paused",
    "faulted",
    "skipped",
    "unknown_world",
    "no_world",
    "foreign_incarnation",
    "gap",
];

/// A name that is none of those there are, and what was probably meant.
fn none_of<'a>(written: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = known.clone().collect::<Vec<_>>().join(", ");
    match nearest(written, known) {
        Some(meant) => format!("`{written}` is none of: {all}; did you mean `{meant}`?"),
        None => format!("`{written}` is none of: {all}"),
    }
}

/// Refuses a world that is not there. Before the worlds are restored nothing is known of them.
pub(super) fn must_exist(app: &App, world: Option<&str>) -> Result<(), Problem> {
    let (Some(world), worlds) = (world, app.parts.view.worlds()) else { return Ok(()) };
    if worlds.is_empty() || worlds.iter().any(|known| known.world_id.as_str() == world) {
        return Ok(());
    }
    let words = none_of(world, worlds.iter().map(|known| known.world_id.as_str()));
    Err(Problem::not_found(format!("there is no such world: {words}")))
}

type Asked = Result<Query<ListQuery>, QueryRejection>;

fn asked(query: Asked) -> Result<ListQuery, Problem> {
    query.map(|Query(query)| query).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))
}

pub(super) fn listed<T>(rows: &[Listed<T>], limit: u32, item: impl Fn(&T) -> Value) -> Json<Value> {
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.cursor.to_string());
    let items = rows.iter().map(|row| {
        let mut value = item(&row.row);
        if let Some(object) = value.as_object_mut() {
            object.insert("cursor".into(), row.cursor.to_string().into());
        }
        value
    });
    Json(json!({ "items": items.collect::<Vec<_>>(), "next": next }))
}

pub(super) async fn ticks(State(app): State<App>, query: Asked) -> Result<Json<Value>, Problem> {
    let query = asked(query)?;
    let (page, limit) = (query.page()?, page_limit(query.limit)?);
    if let Some(outcome) = query.outcome.as_deref().filter(|outcome| !OUTCOMES.contains(outcome)) {
        return Err(Problem::invalid("outcome", "unknown", none_of(outcome, OUTCOMES.into_iter())));
    }
    let filter =
        TickFilter { world_id: query.world, tick_type: query.kind, outcome: query.outcome, tick_id: query.tick };
    let rows = app.parts.store.tick_history(&filter, page, limit).await?;
    if rows.is_empty() {
        // A world that was taken away, or never was, may still have rows.
        must_exist(&app, filter.world_id.as_deref())?;
    }
    Ok(listed(&rows, limit, tick_json))
}

pub(super) async fn events(State(app): State<App>, query: Asked) -> Result<Json<Value>, Problem> {
    let query = asked(query)?;
    let (page, limit) = (query.page()?, page_limit(query.limit)?);
    let topic = Some(query.topic.unwrap_or_else(|| "simulation.event".into()));
    let filter = EventFilter { topic, world_id: query.world, event_type: query.kind, tick_id: query.tick };
    let rows = app.parts.store.events(&filter, page, limit).await?;
    if rows.is_empty() {
        // A world that was taken away, or never was, may still have rows.
        must_exist(&app, filter.world_id.as_deref())?;
    }
    Ok(listed(&rows, limit, event_json))
}

pub(super) async fn dead_letters(State(app): State<App>, query: Asked) -> Result<Json<Value>, Problem> {
    let query = asked(query)?;
    let (page, limit) = (query.page()?, page_limit(query.limit)?);
    let rows = app.parts.store.dead_letters(query.topic.as_deref(), page, limit).await?;
    Ok(listed(&rows, limit, letter_json))
}

pub(super) async fn catalogue(State(app): State<App>) -> Json<Value> {
    Json(app.parts.catalogue.clone())
}

pub(super) async fn schemas(State(app): State<App>) -> Json<Value> {
    let names: Vec<Value> = app
        .parts
        .schemas
        .keys()
        .map(|name| json!({ "name": name, "href": format!("/api/v1/schemas/{name}") }))
        .collect();
    Json(json!({ "items": names }))
}

pub(super) async fn schema(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let found = app.parts.schemas.get(&name).or_else(|| app.parts.schemas.get(name.trim_end_matches(".json")));
    found
        .cloned()
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no schema `{name}`; see /api/v1/schemas")))
}

pub(super) fn wall(micros: i64) -> Value {
    Timestamp::from_microsecond(micros).map_or(Value::Null, |at| at.to_string().into())
}

pub(super) fn game(micros: i64) -> Value {
    GameInstant::from_micros(micros).map_or(Value::Null, |at| at.to_string().into())
}

fn tick_json(row: &TickHistoryRow) -> Value {
    json!({
        "tick_id": row.tick_id, "tick_type": row.tick_type, "world_id": row.world_id, "outcome": row.outcome,
        "detail": row.detail, "game_time": row.game_time.map(game), "topic": row.topic, "partition": row.partition,
        "offset": row.offset, "events": row.events, "markets_cleared": row.markets_cleared,
        "recorded_at": wall(row.recorded_at), "commit_no": row.commit_no,
    })
}

fn event_json(row: &OutboxRow) -> Value {
    let body = row.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
    json!({
        "event_id": row.event_id, "event_type": row.event_type, "world_id": row.world_id, "tick_id": row.tick_id,
        "topic": row.topic, "key": row.key.as_deref().map(String::from_utf8_lossy), "created_at": wall(row.created_at),
        "body": body,
    })
}

fn letter_json(row: &DeadLetterRow) -> Value {
    json!({
        "topic": row.topic, "partition": row.partition, "offset": row.offset, "error_class": row.error_class,
        "error_message": row.error_message, "key": row.key.as_deref().map(String::from_utf8_lossy),
        "value": row.value.as_deref().map(String::from_utf8_lossy), "recorded_at": wall(row.recorded_at),
    })
}

pub(super) fn market_json(row: &MarketStateRow) -> Value {
    json!({
        "market_id": row.market_id, "commodity": row.commodity, "price": row.price.map(|price| Money(price).to_major()),
        "volume": row.volume, "bids_unfilled": row.bids_unfilled, "asks_unfilled": row.asks_unfilled,
        "game_time": game(row.game_time), "tick_id": row.tick_id,
        "measures": serde_json::from_str::<Value>(&row.measures).unwrap_or_default(),
    })
}
