//! Chains, cooldowns and intents of a world.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::lists::page_limit;
use super::npcs::{ask, named, object, rejected, tell};
use super::{App, Problem};
use crate::systems::interaction::{IN_FILE, NO_INTENT, NOT_RUNNING, REPEATED, RESTS};
use crate::systems::scheduler::{LIST_MAX, NO_SESSION, NOT_YET, RUNS_ALREADY};

type Answered = Result<Json<Value>, Problem>;

/// What the refusal of something new means: that it is not the time for it, or that it is wrong.
fn of_new(problem: Problem) -> Problem {
    let is_not_now = problem.detail().starts_with(NOT_YET)
        || [RUNS_ALREADY, REPEATED, IN_FILE].iter().any(|words| problem.says(words));
    if is_not_now { problem.refusal_as_conflict() } else { problem }
}

/// What a refusal means for something that is named in the path: that it is not there, or that it is not the time for it.
/// What is wrong in a place of the body stays so.
fn of_one(problem: Problem) -> Problem {
    let detail = problem.detail();
    if ["there is no", NO_SESSION].iter().any(|words| detail.starts_with(words)) || problem.says(NOT_RUNNING) {
        problem.refusal_as_not_found()
    } else if problem.is_of_the_whole() {
        problem.refusal_as_conflict()
    } else {
        problem
    }
}

/// Which chains.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainsQuery {
    session: Option<String>,
    npc: Option<String>,
    chain: Option<String>,
    phase: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn chains(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<ChainsQuery>, QueryRejection>,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let payload = json!({
        "sessionId": query.session, "npc": query.npc.as_deref().map(named), "chain": query.chain, "phase": query.phase,
        "after": query.cursor, "limit": page_limit(query.limit)?.min(LIST_MAX),
    });
    let mut answer = ask(&app, &world, "chain.list", payload).await?;
    Ok(Json(json!({ "items": answer["chains"].take(), "next": answer["after"].take() })))
}

pub(super) async fn start(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = tell(&app, &world, &headers, "chain.start", payload).await.map_err(of_new)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// In which session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionQuery {
    session: Option<String>,
}

/// A chain of an NPC: world, chain, NPC.
type One = Path<(String, String, String)>;

pub(super) async fn chain(
    State(app): State<App>,
    Path((world, chain, npc)): One,
    query: Result<Query<SessionQuery>, QueryRejection>,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let payload = json!({ "chain": chain, "npc": named(&npc), "sessionId": query.session });
    ask(&app, &world, "chain.show", payload).await.map(Json).map_err(of_one)
}

/// A command to one chain.
async fn tell_chain(
    app: &App,
    (world, chain, npc): (String, String, String),
    headers: &HeaderMap,
    (command, mut payload): (&str, Map<String, Value>),
) -> Answered {
    payload.insert("chain".into(), chain.into());
    payload.insert("npc".into(), named(&npc).into());
    tell(app, &world, headers, command, payload).await.map(Json).map_err(of_one)
}

pub(super) async fn cancel(
    State(app): State<App>,
    Path(one): One,
    query: Result<Query<SessionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    tell_chain(&app, one, &headers, ("chain.cancel", object([("sessionId", query.session.into())]))).await
}

macro_rules! steps {
    ($($name:ident = $command:literal),* $(,)?) => {
        $(
            pub(super) async fn $name(
                State(app): State<App>,
                Path(one): One,
                headers: HeaderMap,
                Body(payload): Body<Map<String, Value>>,
            ) -> Answered {
                tell_chain(&app, one, &headers, ($command, payload)).await
            }
        )*
    };
}

steps! { complete = "chain.complete", skip = "chain.skip", forget = "chain.forget" }

/// Which definitions: those after an id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DefinitionsQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn definitions(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<DefinitionsQuery>, QueryRejection>,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let limit = page_limit(query.limit)?.min(LIST_MAX);
    let payload = json!({ "after": query.cursor, "limit": limit });
    let mut answer = ask(&app, &world, "chain.definitions", payload).await?;
    let items = answer["definitions"].take();
    let last = items.as_array().and_then(|items| items.last()).map(|chain| chain["chain"].clone());
    Ok(Json(json!({ "items": items, "next": last.filter(|_| answer["more"] == true) })))
}

pub(super) async fn definition(State(app): State<App>, Path((world, chain)): Path<(String, String)>) -> Answered {
    ask(&app, &world, "chain.definition", json!({ "chain": chain })).await.map(Json).map_err(of_one)
}

pub(super) async fn define(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = tell(&app, &world, &headers, "chain.define", payload).await.map_err(of_new)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn undefine(
    State(app): State<App>,
    Path((world, chain)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let payload = object([("chain", chain.into())]);
    tell(&app, &world, &headers, "chain.undefine", payload).await.map(Json).map_err(of_one)
}

/// Which intents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct IntentsQuery {
    session: Option<String>,
    npc: Option<String>,
    handed_out: Option<bool>,
    cursor: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn intents(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<IntentsQuery>, QueryRejection>,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let payload = json!({
        "sessionId": query.session, "npc": query.npc.as_deref().map(named), "handedOut": query.handed_out,
        "after": query.cursor.unwrap_or(0), "limit": page_limit(query.limit)?.min(LIST_MAX),
    });
    let mut answer = ask(&app, &world, "intent.list", payload).await?;
    let items = answer["intents"].take();
    let last = items.as_array().and_then(|items| items.last()).map(|intent| intent["intentId"].to_string());
    Ok(Json(json!({ "items": items, "next": last.filter(|_| answer["more"] == true) })))
}

pub(super) async fn propose(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = tell(&app, &world, &headers, "intent.propose", payload).await.map_err(of_new)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The number of an intent in a path.
fn number(intent: &str) -> Result<u64, Problem> {
    intent.parse().map_err(|_| Problem::not_found(format!("{NO_INTENT} `{intent}`: they have numbers")))
}

pub(super) async fn intent(State(app): State<App>, Path((world, intent)): Path<(String, String)>) -> Answered {
    ask(&app, &world, "intent.show", json!({ "intentId": number(&intent)? })).await.map(Json).map_err(of_one)
}

pub(super) async fn acknowledge(
    State(app): State<App>,
    Path((world, intent)): Path<(String, String)>,
    headers: HeaderMap,
    Body(mut payload): Body<Map<String, Value>>,
) -> Answered {
    payload.insert("intentId".into(), number(&intent)?.into());
    tell(&app, &world, &headers, "intent.acknowledge", payload).await.map(Json).map_err(of_one)
}

pub(super) async fn decline(
    State(app): State<App>,
    Path((world, intent)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let payload = object([("intentId", number(&intent)?.into())]);
    tell(&app, &world, &headers, "intent.decline", payload).await.map(Json).map_err(of_one)
}

pub(super) async fn withdraw(
    State(app): State<App>,
    Path((world, intent)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let payload = object([("intentId", number(&intent)?.into())]);
    tell(&app, &world, &headers, "intent.withdraw", payload).await.map(Json).map_err(of_one)
}

/// Whose cooldowns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CooldownsQuery {
    npc: Option<String>,
    session: Option<String>,
}

pub(super) async fn cooldowns(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<CooldownsQuery>, QueryRejection>,
) -> Answered {
    let Query(query) = query.map_err(|error| rejected(&error))?;
    let payload = json!({ "npc": query.npc.as_deref().map(named), "sessionId": query.session });
    let mut answer = ask(&app, &world, "cooldown.list", payload).await?;
    Ok(Json(json!({ "items": answer["cooldowns"].take(), "next": null })))
}

pub(super) async fn use_kind(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Answered {
    // What is not there is wrong in the body; what rests is not the time for it.
    let answer = tell(&app, &world, &headers, "interaction.use", payload).await;
    answer.map(Json).map_err(|problem| if problem.says(RESTS) { problem.refusal_as_conflict() } else { problem })
}

pub(super) async fn clear(
    State(app): State<App>,
    Path(world): Path<String>,
    headers: HeaderMap,
    Body(payload): Body<Map<String, Value>>,
) -> Answered {
    tell(&app, &world, &headers, "cooldown.clear", payload).await.map(Json)
}

pub(super) async fn status(State(app): State<App>, Path(world): Path<String>) -> Answered {
    ask(&app, &world, "interaction.status", json!({})).await.map(Json)
}
