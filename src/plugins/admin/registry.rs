//! Worlds that come and go, their files, and the commands that they were given.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access::wants;
use super::body::Body;
use super::callers::Caller;
use super::content::must_be_world_file;
use super::lists::{ListQuery, listed, page_limit, wall};
use super::orders::{command, id_of_key, issued_by, living, order, world_id};
use super::routes::of_command;
use super::{App, Problem};
use crate::components::clock::GameInstant;
use crate::config::check_world_text;
use crate::messages::CommandMessage;
use crate::plugins::host::{Order, Settings, count_refusal, order_of};
use crate::plugins::store::{CommandRow, Page};
use crate::world::spec::WorldSpec;

/// Whether it is only said what would be done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRun {
    #[serde(rename = "dryRun", default)]
    pub(super) dry_run: bool,
}

pub(super) fn dry_run(query: Result<Query<DryRun>, QueryRejection>) -> Result<bool, Problem> {
    query.map(|Query(query)| query.dry_run).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))
}

pub(super) fn text(body: Result<Bytes, BytesRejection>) -> Result<String, Problem> {
    let bytes = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
}

/// A world file, YAML or JSON: JSON is YAML, so that the kind need not be said.
fn world_file(app: &App, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<WorldSpec, Problem> {
    must_be_world_file(headers)?;
    check_world_text(&text(body)?, &app.parts.extensions).map_err(Problem::from_flaws)
}

pub(super) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let spec = Box::new(world_file(&app, &headers, body)?);
    let head = command("world.register", &issued_by(&headers)?, &headers)?;
    let id = spec.id.clone();
    let answer = order(&app, id.as_str(), Order::Register { spec }, Some(head)).await?;
    let place = [(header::LOCATION, format!("/api/v1/worlds/{id}"))];
    Ok((StatusCode::CREATED, place, Json(answer)).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let head = command("world.unregister", &issued_by(&headers)?, &headers)?;
    order(&app, &world, Order::Unregister, Some(head)).await.map(Json)
}

/// The world's file as it is now.
pub(super) async fn file(State(app): State<App>, Path(world): Path<String>) -> Result<Json<WorldSpec>, Problem> {
    let view = living(&app, &world_id(&world)?)?;
    let mut spec = WorldSpec::clone(&view.spec);
    spec.meta.simulation = view.simulation.as_ref().clone();
    Ok(Json(spec))
}

pub(super) async fn apply(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<DryRun>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let dry_run = dry_run(query)?;
    let settings = Settings::File(Box::new(world_file(&app, &headers, body)?));
    let by = issued_by(&headers)?;
    let if_match = if_match(&app, &world, &headers, dry_run)?;
    let head = if dry_run { None } else { Some(command("world.apply", &by, &headers)?) };
    order(&app, &world, Order::Configure { settings, if_match, dry_run, by }, head).await.map(Json)
}

/// The tag of what is to be changed. Who only looks need not give it.
pub(super) fn if_match(app: &App, world: &str, headers: &HeaderMap, dry_run: bool) -> Result<Option<String>, Problem> {
    let wrong = |_| Problem::invalid("If-Match", "invalid", "give the ETag as it was told");
    let tag = headers.get(header::IF_MATCH).map(|tag| tag.to_str().map(str::to_owned).map_err(wrong)).transpose()?;
    let id = world_id(world)?;
    if tag.is_none() && !dry_run && app.parts.view.world(&id).is_some() {
        let words = "say what you change: send the ETag of …/simulation as If-Match";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, words));
    }
    Ok(tag)
}

/// A command by its name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandBody {
    command: String,
    #[serde(default)]
    payload: Map<String, Value>,
}

/// Takes what `world.command` takes.
pub(super) async fn send_command(
    State(app): State<App>,
    Path(world): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(body): Body<CommandBody>,
) -> Result<Json<Value>, Problem> {
    if body.command.is_empty() || body.command.chars().count() > 200 || body.command.contains('\0') {
        return Err(Problem::invalid("/command", "invalid", "give the name of a command, at most 200 characters"));
    }
    wants(&caller, of_command(&body.command))?;
    let head = command(&body.command, &issued_by(&headers)?, &headers)?;
    let message = CommandMessage {
        command_id: head.command_id,
        command: body.command,
        world_id: world_id(&world)?,
        issued_by: head.issued_by.clone(),
        issued_at: Timestamp::from_microsecond(head.issued_at).unwrap_or_default(),
        payload: body.payload,
    };
    let asked = order_of(&message, &app.parts.extensions).map_err(|error| {
        // It never comes to the engine, which counts all others.
        count_refusal(head.source.as_str(), &message.command, None);
        Problem::from(error).under("/payload")
    })?;
    // What a route of its own would say of its body stands inside of this one.
    let place = if message.command == "world.configure" { "/payload/patch" } else { "/payload" };
    let answer = order(&app, &world, asked, Some(head)).await;
    answer.map(Json).map_err(|problem| problem.under(place))
}

pub(super) async fn commands(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let (id, page, limit) = (world_id(&world)?, query.page()?, page_limit(query.limit)?);
    let rows = app.parts.store.commands(Some(id.as_str()), page, limit).await?;
    // Those to a world that is gone, or never was, stay.
    if rows.is_empty() && page == Page::Newest {
        living(&app, &id)?;
    }
    Ok(listed(&rows, limit, command_json))
}

pub(super) async fn show_command(
    State(app): State<App>,
    Path((world, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (world, none) = (world_id(&world)?, || Problem::not_found(format!("no command `{id}` is known here")));
    let rows = app.parts.store.known_commands(&[(world.to_string(), id_of_key(&id))]).await?;
    rows.first().map(command_json).map(Json).ok_or_else(none)
}

fn command_json(row: &CommandRow) -> Value {
    let answer = row.answer.as_deref().and_then(|answer| serde_json::from_str::<Value>(answer).ok());
    let (answer, errors) = if row.error.is_some() { (None, answer) } else { (answer, None) };
    json!({
        "command_id": row.command_id, "command": row.command, "world_id": row.world_id, "issued_by": row.issued_by,
        "issued_at": wall(row.issued_at), "source": row.source, "outcome": row.outcome, "answer": answer,
        "error": row.error, "errors": errors,
        "game_time": row.game_time.and_then(|micros| GameInstant::from_micros(micros).ok()),
        "recorded_at": wall(row.recorded_at), "commit_no": row.commit_no,
    })
}
