//! Worlds: what they are like, and what people ask of them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::lists::{ListQuery, market_json, page_limit};
use super::{App, Problem};
use crate::components::ids::WorldId;
use crate::messages::TickType;
use crate::plugins::host::{Order, OrderMessage, WorldView};
use crate::plugins::store::{Page, WorldStatus};

/// The namespace of tick ids that are derived from an `Idempotency-Key`.
const KEYED_TICKS: Uuid = Uuid::from_u128(0x7774_6b65_7965_6474_6963_6b73_0000_0001);

/// A body that may be missing: then it is `{}`.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let empty = request.headers().get("content-length").is_none_or(|length| length == "0")
            && request.headers().get("transfer-encoding").is_none();
        let value = if empty {
            json!({})
        } else {
            let Json(value) =
                Json::<Value>::from_request(request, state).await.map_err(|error| body_problem(&error))?;
            value
        };
        // A list would do for serde, with the fields in their order.
        if !value.is_object() {
            return Err(Problem::invalid("", "invalid", "the body must be a JSON object"));
        }
        serde_path_to_error::deserialize(value).map(Self).map_err(|error| {
            let pointer = format!("/{}", error.path().to_string().replace('.', "/"));
            Problem::invalid(pointer, "invalid", error.into_inner().to_string())
        })
    }
}

fn body_problem(error: &JsonRejection) -> Problem {
    match error.status() {
        StatusCode::BAD_REQUEST => Problem::new(StatusCode::BAD_REQUEST, error.body_text()),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body with `Content-Type: application/json`")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than admin.body_bytes_max allows")
        }
        status => Problem::new(status, error.body_text()),
    }
}

fn world_id(name: &str) -> Result<WorldId, Problem> {
    WorldId::new(name).map_err(|error| Problem::not_found(error.to_string()))
}

fn view_json(view: &WorldView) -> Value {
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("status".into(), status_json(&view.status));
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

pub(super) async fn list(State(app): State<App>) -> Json<Value> {
    let items: Vec<Value> = app.parts.view.worlds().iter().map(|view| view_json(view)).collect();
    Json(json!({ "items": items }))
}

pub(super) async fn show(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    let id = world_id(&world)?;
    let view = app.parts.view.world(&id).ok_or_else(|| Problem::not_found(format!("there is no world `{id}`")))?;
    Ok(Json(view_json(&view)))
}

/// Gives an order to the engine and waits for its answer, which leaves after the commit.
async fn order(app: &App, world: &str, order: Order) -> Result<Value, Problem> {
    let world = world_id(world)?;
    let (reply, answer) = oneshot::channel();
    if app.parts.orders.try_send(OrderMessage { world, order, reply }).is_err() {
        let words = "the server has too much under way: try again in a moment";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, words));
    }
    match answer.await {
        Ok(answer) => answer.map_err(Problem::from),
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")),
    }
}

/// Pauses a world.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseBody {
    #[serde(default = "no_reason")]
    reason: String,
    #[serde(default = "anybody")]
    by: String,
    until: Option<Timestamp>,
}

fn no_reason() -> String {
    "no reason given".into()
}

fn anybody() -> String {
    "admin".into()
}

pub(super) async fn pause(
    State(app): State<App>,
    Path(world): Path<String>,
    Body(body): Body<PauseBody>,
) -> Result<Json<Value>, Problem> {
    for (pointer, text) in [("/reason", &body.reason), ("/by", &body.by)] {
        if text.chars().count() > 500 || text.contains('\0') {
            return Err(Problem::invalid(pointer, "too_long", "at most 500 characters, and no NUL"));
        }
    }
    if let Some(until) = body.until.filter(|until| *until <= Timestamp::now()) {
        let words = format!("{until} is over: the pause would end before it begins");
        return Err(Problem::invalid("/until", "out_of_bounds", words));
    }
    let until = body.until.map(Timestamp::as_microsecond);
    order(&app, &world, Order::Pause { reason: body.reason, by: body.by, until }).await?;
    show(State(app), Path(world)).await
}

/// A body without fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoBody {}

pub(super) async fn resume(
    State(app): State<App>,
    Path(world): Path<String>,
    Body(NoBody {}): Body<NoBody>,
) -> Result<Json<Value>, Problem> {
    order(&app, &world, Order::Resume).await?;
    show(State(app), Path(world)).await
}

/// Moves a world's time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    #[serde(default = "an_hour")]
    game_seconds: f64,
    #[serde(default = "once")]
    steps: u32,
}

fn an_hour() -> f64 {
    3_600.0
}

fn once() -> u32 {
    1
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie between 0 and 31 days")]
pub(super) async fn step(
    State(app): State<App>,
    Path(world): Path<String>,
    Body(body): Body<StepBody>,
) -> Result<Json<Value>, Problem> {
    let micros = body.game_seconds * 1e6 * f64::from(body.steps);
    let most = 31.0 * 86_400.0 * 1e6;
    if !(1.0..=most).contains(&micros) {
        let words = "game_seconds times steps must come to more than nothing and at most 31 days (2678400 seconds)";
        return Err(Problem::invalid("/game_seconds", "out_of_bounds", words));
    }
    order(&app, &world, Order::Step { game_micros: micros.round() as u64 }).await.map(Json)
}

/// Forces a tick.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TickBody {
    #[serde(rename = "type", default = "hourly")]
    tick_type: TickType,
}

fn hourly() -> TickType {
    TickType::Hourly
}

pub(super) async fn tick(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(body): Body<TickBody>,
) -> Result<Json<Value>, Problem> {
    // The same key is the same tick: sent twice, it runs once.
    let key = headers.get("idempotency-key").map(|key| [world.as_bytes(), b":", key.as_bytes()].concat());
    let tick_id = key.map_or_else(Uuid::new_v4, |key| Uuid::new_v5(&KEYED_TICKS, &key));
    order(&app, &world, Order::Tick { tick_id, tick_type: body.tick_type }).await.map(Json)
}

pub(super) async fn reset(
    State(app): State<App>,
    Path(world): Path<String>,
    Body(NoBody {}): Body<NoBody>,
) -> Result<Json<Value>, Problem> {
    let id = world_id(&world)?;
    let read = app.parts.read_world_file.clone();
    let file = tokio::task::spawn_blocking(move || read(&id)).await.unwrap_or_else(|error| Err(error.to_string()));
    let spec = file.map_err(|error| Problem::new(StatusCode::CONFLICT, error))?.map(Box::new);
    order(&app, &world, Order::Reset { spec }).await.map(Json)
}

/// What becomes of the input that failed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Recovery {
    Retry,
    Skip,
}

/// Brings a faulted world back.
#[derive(Debug, Deserialize)]
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
    Body(body): Body<RecoverBody>,
) -> Result<Json<Value>, Problem> {
    let retry = matches!(body.action, Recovery::Retry);
    order(&app, &world, Order::Recover { retry }).await.map(Json)
}

pub(super) async fn markets(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    let id = world_id(&world)?;
    if app.parts.view.world(&id).is_none() {
        return Err(Problem::not_found(format!("there is no world `{id}`")));
    }
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
pub(super) struct AgentsQuery {
    after: Option<u64>,
    limit: Option<u32>,
    role: Option<String>,
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
    }
    order(&app, &world, Order::Ask { query: "economy.agents".into(), payload }).await.map(Json)
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
    order(&app, &world, ask).await.map(Json).map_err(Problem::refusal_as_not_found)
}
