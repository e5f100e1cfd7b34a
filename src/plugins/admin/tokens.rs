//! Tokens and the audit over HTTP.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::audit::Ticket;
use super::body::Body;
use super::callers::{Caller, wall_micros};
use super::lists::page_limit;
use super::scope::{Scope, read_scopes};
use super::secret::{MintError, mint, objections};
use super::{App, Problem};
use crate::components::clock::GameInstant;
use crate::config::Flaw;
use crate::plugins::store::{AuditFilter, AuditRow, TokenMade, TokenRow};

/// What a new token shall be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    name: String,
    scopes: Vec<Scope>,
    #[schemars(with = "Option<GameInstant>")]
    expires_at: Option<Timestamp>,
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(ticket): Extension<Ticket>,
    Body(body): Body<TokenBody>,
) -> Result<Response, Problem> {
    let expires_at = body.expires_at.map(Timestamp::as_microsecond);
    let wrong = objections(&body.name, &body.scopes, expires_at, wall_micros());
    if !wrong.is_empty() {
        return Err(Problem::from_flaws(wrong.iter().filter_map(flaw).collect()));
    }
    let minted = mint(&body.name, &body.scopes, expires_at, &caller.who, wall_micros()).map_err(refused)?;
    let end = ticket.end(StatusCode::CREATED);
    match app.parts.store.create_token(&minted.row, Some(end)).await? {
        TokenMade::Done => {}
        TokenMade::NameTaken => {
            let words = format!("there is a token `{}` already: revoke it first, or take another name", body.name);
            return Err(Problem::new(StatusCode::CONFLICT, words));
        }
        TokenMade::TooMany => {
            return Err(Problem::new(StatusCode::CONFLICT, "there are too many tokens: revoke some first"));
        }
    }
    let mut value = token_json(&minted.row);
    if let Some(object) = value.as_object_mut() {
        object.insert("token".into(), minted.text.expose_secret().into());
    }
    // The one answer that holds the secret is kept by nobody on its way.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(value)).into_response())
}

fn refused(error: MintError) -> Problem {
    match flaw(&error) {
        Some(flaw) => Problem::from_flaws(vec![flaw]),
        None => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// What is wrong with the body, if it is the body's fault.
fn flaw(error: &MintError) -> Option<Flaw> {
    let (pointer, code) = match error {
        MintError::Name => ("/name", "invalid"),
        MintError::NoScope => ("/scopes", "missing"),
        MintError::Expired => ("/expires_at", "out_of_bounds"),
        MintError::Random(_) => return None,
    };
    Some(Flaw::new(pointer, code, error.to_string()))
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let rows = app.parts.store.tokens().await?;
    Ok(Json(json!({ "items": rows.iter().map(token_json).collect::<Vec<_>>() })))
}

pub(super) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(ticket): Extension<Ticket>,
    Path(token): Path<String>,
) -> Result<Json<Value>, Problem> {
    let missing = || Problem::not_found(format!("there is no token `{}`", token.escape_debug()));
    if token.contains('\0') || token.len() > 64 {
        return Err(missing());
    }
    let end = ticket.end(StatusCode::OK);
    let revoked = app.parts.store.revoke_token(&token, wall_micros(), &caller.who, Some(end)).await;
    // Whatever the store says: what is in memory may be wrong from here on.
    app.callers.forget();
    revoked?.map(|row| Json(token_json(&row))).ok_or_else(missing)
}

/// Which rows of the audit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    world: Option<String>,
    who: Option<String>,
    outcome: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn audit(
    State(app): State<App>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let limit = page_limit(query.limit)?;
    let wrong = |_| Problem::invalid("cursor", "invalid", "not a cursor: it is a number, as a list gave it");
    let before = query.cursor.map(|cursor| cursor.parse::<i64>().map_err(wrong)).transpose()?;
    for (name, text) in [("world", &query.world), ("who", &query.who), ("outcome", &query.outcome)] {
        if text.as_ref().is_some_and(|text| text.contains('\0')) {
            return Err(Problem::invalid(name, "invalid", "no NUL"));
        }
    }
    let filter = AuditFilter { world_id: query.world, who: query.who, outcome: query.outcome };
    let rows = app.parts.store.audit_rows(&filter, before, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.seq.to_string());
    Ok(Json(json!({ "items": rows.iter().map(audit_json).collect::<Vec<_>>(), "next": next })))
}

fn wall(micros: Option<i64>) -> Value {
    let at = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    at.map_or(Value::Null, |at| at.to_string().into())
}

/// A token without anything that proves it.
fn token_json(row: &TokenRow) -> Value {
    let state = match (row.revoked_at, row.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= wall_micros() => "expired",
        _ => "active",
    };
    json!({
        "id": row.token_id, "name": row.name, "scopes": read_scopes(&row.scopes), "state": state,
        "created_at": wall(Some(row.created_at)), "created_by": row.created_by, "expires_at": wall(row.expires_at),
        "revoked_at": wall(row.revoked_at), "revoked_by": row.revoked_by, "last_used_at": wall(row.last_used_at),
    })
}

fn audit_json(row: &AuditRow) -> Value {
    json!({
        "seq": row.seq, "at": wall(Some(row.at)), "who": row.who, "token_id": row.token_id, "scope": row.scope,
        "source": row.source, "method": row.method, "route": row.route, "world_id": row.world_id,
        "summary": serde_json::from_str::<Value>(&row.summary).unwrap_or_default(), "outcome": row.outcome,
        "status": row.status, "completed_at": wall(row.completed_at),
    })
}
