//! NPCs and their scheduler: who is where, why, and what people may change of it.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::lists::page_limit;
use super::orders::{command, issued_by, living, order, world_id};
use super::{App, Problem};
use crate::components::tier::SimulationTier;
use crate::messages::CommandInput;
use crate::plugins::host::Order;

/// NPCs in one answer at most.
const NPCS_MAX: u32 = 500;
/// How a world begins its answer where there is nobody of a name.
const NOBODY: &str = "there is no NPC";

/// Which NPCs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NpcsQuery {
    cursor: Option<u64>,
    limit: Option<u32>,
    tier: Option<SimulationTier>,
    place: Option<String>,
}

pub(super) fn rejected(error: &QueryRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, error.body_text())
}

pub(super) async fn ask(app: &App, world: &str, query: &str, payload: Value) -> Result<Value, Problem> {
    order(app, world, Order::Ask { query: query.into(), payload }, None).await
}

pub(super) async fn list(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<NpcsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let limit = page_limit(query.limit)?.min(NPCS_MAX);
    let payload = json!({
        "after": query.cursor.unwrap_or(0), "limit": limit, "tier": query.tier, "place": query.place,
    });
    let mut answer = ask(&app, &world, "npc.list", payload).await?;
    let more = answer["more"] == true;
    let items = answer["npcs"].take();
    let last = items.as_array().and_then(|items| items.last()).map(|npc| npc["npcId"].to_string());
    Ok(Json(json!({ "items": items, "next": last.filter(|_| more) })))
}

/// An NPC as worlds know it: a number in the path is one's stable id.
pub(super) fn named(npc: &str) -> String {
    if npc.parse::<u64>().is_ok() { format!("npc-{npc}") } else { npc.to_owned() }
}

async fn shown(app: &App, world: &str, npc: &str) -> Result<Value, Problem> {
    ask(app, world, "npc.show", json!({ "npc": npc })).await.map_err(nobody_as_not_found)
}

fn nobody_as_not_found(problem: Problem) -> Problem {
    if problem.detail().starts_with(NOBODY) { problem.refusal_as_not_found() } else { problem }
}

pub(super) async fn show(
    State(app): State<App>,
    Path((world, npc)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    shown(&app, &world, &named(&npc)).await.map(Json)
}

/// Why an NPC is in its tier, when its turn is due and why that late, and how it decides, factor by factor.
pub(super) async fn explain(
    State(app): State<App>,
    Path((world, npc)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let npc = named(&npc);
    shown(&app, &world, &npc).await?;
    let payload = || json!({ "npc": npc });
    let tier = ask(&app, &world, "npc.tier", payload()).await.map_err(nobody_as_not_found)?;
    let decision = ask(&app, &world, "npc.decision", payload()).await.map_err(nobody_as_not_found)?;
    Ok(Json(json!({ "npcId": tier["npcId"], "name": tier["name"], "tier": tier, "decision": decision })))
}

/// Gives the world a command of one of its plugins.
pub(super) async fn tell(
    app: &App,
    world: &str,
    headers: &HeaderMap,
    name: &str,
    payload: Map<String, Value>,
) -> Result<Value, Problem> {
    let head = command(name, &issued_by(headers)?, headers)?;
    let (command_id, issued_by) = (head.command_id, head.issued_by.clone());
    let input = CommandInput { command_id, command: name.into(), issued_by, payload: Value::Object(payload) };
    order(app, world, Order::Command(input), Some(head)).await
}

pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A command to one NPC. The world's own words on a stranger have no suggestion; showing it has.
async fn tell_npc(
    app: &App,
    world: &str,
    npc: &str,
    headers: &HeaderMap,
    (name, mut payload): (&str, Map<String, Value>),
) -> Result<Json<Value>, Problem> {
    let npc = named(npc);
    payload.insert("npc".into(), npc.as_str().into());
    match tell(app, world, headers, name, payload).await {
        Ok(answer) => Ok(Json(answer)),
        Err(problem) if problem.detail().starts_with(NOBODY) => {
            Err(shown(app, world, &npc).await.err().unwrap_or(nobody_as_not_found(problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// Into which tier.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PinBody {
    tier: SimulationTier,
}

pub(super) async fn pin(
    State(app): State<App>,
    Path((world, npc)): Path<(String, String)>,
    headers: HeaderMap,
    Body(body): Body<PinBody>,
) -> Result<Json<Value>, Problem> {
    let payload = object([("tier", body.tier.as_str().into())]);
    tell_npc(&app, &world, &npc, &headers, ("npc.pin", payload)).await
}

pub(super) async fn unpin(
    State(app): State<App>,
    Path((world, npc)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    // Refused for an NPC that is not pinned: there is no such pin.
    let answer = tell_npc(&app, &world, &npc, &headers, ("npc.unpin", Map::new())).await;
    answer.map_err(Problem::refusal_as_not_found)
}

pub(super) async fn focus(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    tell(&app, &world, &headers, "scheduler.focus", payload).await.map(Json)
}

pub(super) async fn unfocus(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    tell(&app, &world, &headers, "scheduler.unfocus", payload).await.map(Json)
}

/// How a world is simulated and how its scheduler does, with the shard that the world alone does not know.
pub(super) async fn scheduler(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    let mut context = ask(&app, &world, "scheduler.context", json!({})).await?;
    let shard = app.parts.view.world(&world_id(&world)?).map(|view| view.shard);
    if let Some(context) = context.as_object_mut() {
        context.insert("shardId".into(), shard.into());
    }
    Ok(Json(context))
}

/// How many steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepsQuery {
    limit: Option<u32>,
}

/// The last steps, newest first: what they did, and where the time went.
pub(super) async fn steps(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<StepsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let (id, limit) = (world_id(&world)?, page_limit(query.limit)?);
    living(&app, &id)?;
    let steps = app.parts.view.steps(&id);
    let items: Vec<Value> = steps.iter().take(limit as usize).map(|step| step.json()).collect();
    Ok(Json(json!({ "items": items, "next": null })))
}
