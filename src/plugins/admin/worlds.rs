//! Worlds: what they are like, and what people ask of them.

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::callers::Caller;
use super::lists::{ListQuery, market_json, page_limit};
use super::orders::{being_restored, command, issued_by, living, order, world_id};
use super::{App, Problem};
use crate::components::clock::GameInstant;
use crate::config::Flaw;
use crate::messages::TickType;
use crate::plugins::host::{Order, StepSpan, WorldView};
use crate::plugins::store::{Page, WorldStatus};

fn view_json(view: &WorldView) -> Value {
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("status".into(), status_json(&view.status));
        object.insert("lag_seconds".into(), view.lag_seconds().into());
    }
    value
}

/// A status with its instants as people read them.
fn status_json(status: &WorldStatus) -> Value {
    let at = |micros: i64| Timestamp::from_microsecond(micros).map_or(Value::Null, |at| at.to_string().into());
    match status {
        WorldStatus::Running => json!({ "state": "running" }),
        WorldStatus::Paused { reason, by, since, until } => json!({
            "state": "paused", "reason": reason, "by": by, "since": at(*since), "until": until.map(at),
        }),
        WorldStatus::Faulted { error, input, since } => json!({
            "state": "faulted", "error": error, "since": at(*since),
            "input": input.as_deref().and_then(|input| serde_json::from_str::<Value>(input).ok()),
        }),
    }
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>, Problem> {
    if !app.parts.view.is_restored() {
        return Err(being_restored());
    }
    let items: Vec<Value> = app.parts.view.worlds().iter().map(|view| view_json(view)).collect();
    Ok(Json(json!({ "items": items })))
}

pub(super) async fn show(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(view_json(&*living(&app, &world_id(&world)?)?)))
}

/// Pauses a world.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseBody {
    #[serde(default = "no_reason")]
    #[schemars(length(max = 500))]
    reason: String,
    #[schemars(length(max = 500))]
    by: Option<String>,
    #[schemars(with = "Option<GameInstant>")]
    until: Option<Timestamp>,
}

fn no_reason() -> String {
    "no reason given".into()
}

pub(super) async fn pause(
    State(app): State<App>,
    Path(world): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(body): Body<PauseBody>,
) -> Result<Json<Value>, Problem> {
    // Whoever has a name of his own cannot pause in another's.
    let by = body.by.filter(|_| caller.token_id.is_none());
    let by = by.map_or_else(|| issued_by(&headers), Ok)?;
    let bad = |text: &str| text.chars().count() > 500 || text.contains('\0');
    let texts = [("/reason", &body.reason), ("/by", &by)].into_iter().filter(|(_, text)| bad(text));
    let flaws: Vec<Flaw> =
        texts.map(|(pointer, _)| Flaw::new(pointer, "invalid", "at most 500 characters, and no NUL")).collect();
    if !flaws.is_empty() {
        return Err(Problem::from_flaws(flaws));
    }
    let until = body.until.map(Timestamp::as_microsecond);
    let head = command("world.pause", &by, &headers)?;
    let answer = order(&app, &world, Order::Pause { reason: body.reason, by, until }, Some(head)).await?;
    Ok(stands(&world, answer))
}

/// How a world stands after a pause or its end: as it was recorded, not as it is by now.
fn stands(world: &str, answer: Value) -> Json<Value> {
    let status = serde_json::from_value(answer).map_or(Value::Null, |status| status_json(&status));
    Json(json!({ "world_id": world, "status": status }))
}

/// A body without fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoBody {}

pub(super) async fn resume(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(NoBody {}): Body<NoBody>,
) -> Result<Json<Value>, Problem> {
    let by = issued_by(&headers)?;
    let head = command("world.resume", &by, &headers)?;
    let answer = order(&app, &world, Order::Resume { by }, Some(head)).await?;
    Ok(stands(&world, answer))
}

/// Moves a world's time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    game_seconds: Option<f64>,
    real_seconds: Option<f64>,
    #[schemars(range(min = 1, max = 10_000))]
    steps: Option<u32>,
    /// The same, under the name that the topic uses.
    #[schemars(range(min = 1, max = 10_000))]
    times: Option<u32>,
}

pub(super) async fn step(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(body): Body<StepBody>,
) -> Result<Json<Value>, Problem> {
    if body.steps.is_some() && body.times.is_some() {
        return Err(Problem::invalid("/times", "invalid", "give `steps` or `times`, not both"));
    }
    let steps = body.steps.or(body.times);
    let span = StepSpan::of(body.game_seconds, body.real_seconds, steps.map(f64::from));
    let wrong = |(name, detail)| {
        let name = if name == "times" { "steps" } else { name };
        Problem::invalid(format!("/{name}"), "out_of_bounds", detail)
    };
    let (span, steps) = span.map_err(wrong)?;
    let head = command("world.step", &issued_by(&headers)?, &headers)?;
    order(&app, &world, Order::Step { span, steps }, Some(head)).await.map(Json)
}

/// Forces a tick.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TickBody {
    #[serde(rename = "type", default = "hourly")]
    tick_type: TickName,
}

fn hourly() -> TickName {
    TickName::Hourly
}

/// What a tick is called.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TickName {
    Hourly,
    GameHour,
    Daily,
    GameDay,
}

impl From<TickName> for TickType {
    fn from(name: TickName) -> Self {
        match name {
            TickName::Hourly | TickName::GameHour => Self::Hourly,
            TickName::Daily | TickName::GameDay => Self::Daily,
        }
    }
}

pub(super) async fn tick(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(body): Body<TickBody>,
) -> Result<Json<Value>, Problem> {
    let head = command("world.tick", &issued_by(&headers)?, &headers)?;
    order(&app, &world, Order::Tick { tick_type: body.tick_type.into() }, Some(head)).await.map(Json)
}

pub(super) async fn reset(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(NoBody {}): Body<NoBody>,
) -> Result<Json<Value>, Problem> {
    let id = world_id(&world)?;
    let head = command("world.reset", &issued_by(&headers)?, &headers)?;
    let read = app.parts.read_world_file.clone();
    let file = tokio::task::spawn_blocking(move || read(&id)).await.unwrap_or_else(|error| Err(error.to_string()));
    let spec = file.map_err(|error| Problem::new(StatusCode::CONFLICT, error))?.map(Box::new);
    order(&app, &world, Order::Reset { spec }, Some(head)).await.map(Json)
}

/// What becomes of the input that failed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Recovery {
    Retry,
    Skip,
}

/// Brings a faulted world back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecoverBody {
    #[serde(default = "retry")]
    action: Recovery,
}

fn retry() -> Recovery {
    Recovery::Retry
}

pub(super) async fn recover(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(body): Body<RecoverBody>,
) -> Result<Json<Value>, Problem> {
    let head = command("world.recover", &issued_by(&headers)?, &headers)?;
    let retry = matches!(body.action, Recovery::Retry);
    order(&app, &world, Order::Recover { retry }, Some(head)).await.map(Json)
}

pub(super) async fn markets(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    let id = world_id(&world)?;
    living(&app, &id)?;
    let rows = app.parts.store.latest_markets(id.as_str()).await?;
    Ok(Json(json!({ "items": rows.iter().map(market_json).collect::<Vec<_>>() })))
}

pub(super) async fn market_history(
    State(app): State<App>,
    Path((world, market)): Path<(String, String)>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let id = world_id(&world)?;
    let limit = page_limit(query.limit)?;
    let page = query.page()?;
    let rows = app.parts.store.market_history(id.as_str(), &market, page, limit).await?;
    if rows.is_empty() && page == Page::Newest {
        return Err(Problem::not_found(format!("world `{id}` has no market `{market}`, or it was never cleared")));
    }
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.cursor.to_string());
    let items: Vec<Value> = rows.iter().map(|row| market_json(&row.row)).collect();
    Ok(Json(json!({ "items": items, "next": next })))
}

/// Which agents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentsQuery {
    after: Option<u64>,
    limit: Option<u32>,
    role: Option<String>,
    place: Option<String>,
}

pub(super) async fn agents(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<AgentsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let mut payload = json!({ "limit": page_limit(query.limit)?.min(500) });
    if let Some(object) = payload.as_object_mut() {
        object.extend(query.after.map(|after| ("after".to_owned(), after.into())));
        object.extend(query.role.map(|role| ("role".to_owned(), role.into())));
        object.extend(query.place.map(|place| ("place".to_owned(), place.into())));
    }
    order(&app, &world, Order::Ask { query: "economy.agents".into(), payload }, None).await.map(Json)
}

pub(super) async fn ledger(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    let ask = Order::Ask { query: "economy.ledger".into(), payload: json!({}) };
    // A world that refuses the question has no economy.
    order(&app, &world, ask, None).await.map(Json).map_err(Problem::refusal_as_not_found)
}

/// Whom to explain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainQuery {
    agent: Option<u64>,
}

pub(super) async fn explain(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<ExplainQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let ask = Order::Ask { query: "economy.explain".into(), payload: json!({ "agent": query.agent }) };
    // A world that refuses the question has no economy, or no such agent.
    order(&app, &world, ask, None).await.map(Json).map_err(Problem::refusal_as_not_found)
}

pub(super) async fn agent(
    State(app): State<App>,
    Path((world, agent)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let Ok(number) = agent.parse::<u64>() else {
        return Err(Problem::not_found(format!("`{agent}` is no agent: agents have numbers, see …/agents")));
    };
    let ask = Order::Ask { query: "economy.agent".into(), payload: json!({ "id": number }) };
    // A world that refuses the question has no such agent.
    order(&app, &world, ask, None).await.map(Json).map_err(Problem::refusal_as_not_found)
}
