//! What goes into the audit: every change that somebody asks for, before it is made and when it is answered, and those
//! that were refused at the door.

#![expect(clippy::disallowed_methods, reason = "reading has a limit in wall time, and so have refusals in the audit")]

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::access::{Denied, source, too_many};
use super::callers::{Caller, wall_micros};
use super::routes::RouteSpec;
use super::{App, Problem, body, orders, problem};
use crate::components::ids::WorldId;
use crate::failpoint;
use crate::plugins::store::{AuditEnd, AuditOutcome, NewAudit};

/// The longest summary, in bytes.
const SUMMARY_MAX: usize = 2_048;
/// The longest text in a summary, in characters.
const TEXT_MAX: usize = 200;
/// Parts of names whose values nobody shall read.
const SECRET: [&str; 6] = ["password", "secret", "token", "credential", "authorization", "private"];
/// Refusals that are written at once, and how many seconds bring one more.
const BURST: f64 = 20.0;
const SECONDS_FOR_ONE: f64 = 3.0;

/// The row of the audit that a request belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    seq: i64,
}

impl Ticket {
    /// The end of what was asked for, with this answer.
    pub(super) fn end(self, status: StatusCode) -> AuditEnd {
        let outcome = match status.as_u16() {
            ..400 => AuditOutcome::Done,
            400..500 => AuditOutcome::Refused,
            _ => AuditOutcome::Failed,
        };
        AuditEnd { seq: self.seq, at: wall_micros(), outcome, status: status.as_u16() }
    }
}

/// Serves a request that may change something, with its row in the audit. Where the row cannot be written, nothing is
/// changed. It is served to its end even if whoever asked has gone.
pub(super) async fn recorded(app: App, route: RouteSpec, caller: Caller, request: Request, next: Next) -> Response {
    let Ok(permit) = app.changes.clone().try_acquire_owned() else { return too_many() };
    let (mut parts, body) = request.into_parts();
    let reading = body::read(body, app.parts.limits.body_bytes_max);
    // time: admin API: limit of reading a body | real | tokio timer | time-out of `admin.request_timeout_seconds`
    let bytes = match tokio::time::timeout(app.parts.limits.request_timeout, reading).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(problem)) => return problem.into_response(),
        Err(_) => return Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time").into_response(),
    };
    let (summary, named) = summary(&parts, &bytes);
    let row = NewAudit {
        at: wall_micros(),
        who: caller.who,
        token_id: caller.token_id,
        scope: route.scope.to_string(),
        source: source(&parts.extensions),
        method: route.method.to_owned(),
        route: format!("/api/v1{}", route.path),
        world_id: world_of(&mut parts).await.or(named),
        summary,
        outcome: AuditOutcome::Begun,
        status: None,
    };
    let served = tokio::spawn(async move {
        let _permit = permit;
        let ticket = match app.parts.store.audit(&row).await {
            Ok(seq) => Ticket { seq },
            Err(error) => {
                tracing::warn!(%error, route = row.route, "nothing was changed: the audit cannot be written");
                return Problem::from(error).into_response();
            }
        };
        failpoint::hit("admin.audit.begun");
        parts.extensions.insert(ticket);
        let request = Request::from_parts(parts, Body::from(bytes));
        let answered = AssertUnwindSafe(orders::told(next.run(request))).catch_unwind().await;
        let response = answered.unwrap_or_else(problem::panicked);
        failpoint::hit("admin.audit.answered");
        if let Err(error) = app.parts.store.complete_audit(ticket.end(response.status())).await {
            tracing::warn!(%error, seq = ticket.seq, "a row of the audit stays at `begun`");
        }
        response
    });
    served.await.unwrap_or_else(|error| problem::panicked(Box::new(error)))
}

/// Notes that somebody was turned away, unless too many were of late: whoever can send requests must not be able to fill
/// the database. Nobody waits for it.
pub(super) async fn refused(app: &App, route: RouteSpec, denied: &Denied, request: Request) {
    let bucket = if denied.who == "anonymous" { &app.refusals.anonymous } else { &app.refusals.known };
    // time: admin API: how many refusals the audit keeps | real | tokio::time::Instant | a burst, then so many a minute
    let Some(left_out) = bucket.take(Instant::now()) else { return };
    let (mut parts, _) = request.into_parts();
    let mut summary = json!({ "reason": denied.reason });
    if left_out > 0
        && let Some(object) = summary.as_object_mut()
    {
        object.insert("not_recorded_before".into(), left_out.into());
    }
    let row = NewAudit {
        at: wall_micros(),
        who: denied.who.clone(),
        token_id: denied.token_id.clone(),
        scope: route.scope.to_string(),
        source: source(&parts.extensions),
        method: route.method.to_owned(),
        route: format!("/api/v1{}", route.path),
        world_id: world_of(&mut parts).await,
        summary: summary.to_string(),
        outcome: AuditOutcome::Refused,
        status: Some(denied.status()),
    };
    let store = app.parts.store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.audit(&row).await {
            tracing::debug!(%error, "a refusal is not in the audit");
        }
    });
}

/// How many refusals are written: those of nobody cannot crowd out those of tokens.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    anonymous: Bucket,
    known: Bucket,
}

#[derive(Debug, Default)]
struct Bucket(Mutex<Option<Level>>);

#[derive(Debug, Clone, Copy)]
struct Level {
    left: f64,
    at: Instant,
    left_out: u64,
}

impl Bucket {
    /// Takes one out, if there is one: with the number of those that got none since.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut level = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = level.get_or_insert(Level { left: BURST, at: now, left_out: 0 });
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        level.left = (level.left + passed / SECONDS_FOR_ONE).min(BURST);
        level.at = now;
        if level.left < 1.0 {
            level.left_out += 1;
            return None;
        }
        level.left -= 1.0;
        Some(std::mem::take(&mut level.left_out))
    }
}

/// The world in the path.
async fn world_of(parts: &mut Parts) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let world = params.iter().find(|(name, _)| *name == "world")?.1.to_owned();
    WorldId::new(world.as_str()).ok().map(|world| world.to_string())
}

/// What was asked for, without secrets and no longer than [`SUMMARY_MAX`]; and the world that a body names.
fn summary(parts: &Parts, body: &Bytes) -> (String, Option<String>) {
    let mut told = Map::new();
    let mut named = None;
    if let Some(token) = path_token(parts) {
        told.insert("of".into(), cut(&token).into());
    }
    if !body.is_empty() {
        named = yaml_id(body);
        let value = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let world = value.as_ref().and_then(|value| value.get("world_id").or_else(|| value.get("id"))?.as_str());
        named = world.and_then(|world| WorldId::new(world).ok()).map(|world| world.to_string()).or(named);
        told.insert("body".into(), value.map_or_else(|| json!({ "bytes": body.len() }), |value| hide("", value)));
    }
    if let Some(query) = parts.uri.query() {
        told.insert("query".into(), hide_query(query).into());
    }
    if let Some(key) = idempotency_key(&parts.headers) {
        told.insert("idempotency_key".into(), key.into());
    }
    let text = Value::Object(told).to_string();
    if text.len() <= SUMMARY_MAX {
        return (text, named);
    }
    (json!({ "bytes": body.len(), "left_out": "it is too long to be kept" }).to_string(), named)
}

/// The id at the head of a world file in YAML. That the file is no world's is found by whoever reads all of it.
fn yaml_id(body: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("id:"))?;
    let id = id.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    WorldId::new(id).ok().map(|world| world.to_string())
}

/// The last segment of a path that is about something other than a world: which token, say.
fn path_token(parts: &Parts) -> Option<String> {
    let rest = parts.uri.path().split("/tokens/").nth(1)?;
    // Only its name or id: nobody is kept from writing a whole token there.
    let name = rest.split('/').next().unwrap_or_default();
    let is_secret = name.len() > 64 || name.starts_with("wt_");
    Some(if is_secret { "(hidden)".to_owned() } else { name.to_owned() })
}

fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(cut)
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The value without what nobody shall read, and without long texts.
fn hide(name: &str, value: Value) -> Value {
    match value {
        _ if is_secret(name) => "(hidden)".into(),
        Value::Object(object) => {
            Value::Object(object.into_iter().map(|(name, value)| (cut(&name), hide(&name, value))).collect())
        }
        Value::Array(items) => items.into_iter().map(|item| hide("", item)).collect(),
        Value::String(text) => cut(&text).into(),
        other => other,
    }
}

fn hide_query(query: &str) -> String {
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=(hidden)"),
        _ => part.to_owned(),
    });
    cut(&parts.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn named(body: &str) -> Option<String> {
        let (parts, ()) = axum::http::Request::new(()).into_parts();
        summary(&parts, &Bytes::copy_from_slice(body.as_bytes())).1
    }

    #[test]
    fn a_new_world_is_named_whether_its_file_is_json_or_yaml() {
        for body in [r#"{"id":"alpha"}"#, "# A world\nid: alpha # here\nclock: live\n", "id: \"alpha\"\n"] {
            assert_eq!(named(body).as_deref(), Some("alpha"), "{body}");
        }
        for body in ["", "[1]", "seed: 1\nmarkets:\n  - id: alpha\n", "id: a b c\n", "\u{0}"] {
            assert_eq!(named(body), None, "{body}");
        }
    }

    fn told(uri: &str, body: &str) -> String {
        let (parts, ()) = axum::http::Request::builder().uri(uri).body(()).expect("a request").into_parts();
        summary(&parts, &Bytes::copy_from_slice(body.as_bytes())).0
    }

    #[test]
    fn a_summary_holds_no_secret_and_no_more_than_it_may() {
        let text =
            told("/worlds?dryRun=true&token=hush", r#"{"name":"a","Password":"hush","in":[{"api_token":"hush"}]}"#);
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("dryRun=true") && text.contains(r#""name":"a""#), "{text}");
        assert!(!told("/tokens/wt_hush/revoke", "").contains("hush"));
        assert_eq!(told("/tokens/ci/revoke", ""), r#"{"of":"ci"}"#);
        assert_eq!(told("/worlds", "no json"), r#"{"body":{"bytes":7}}"#);
        let many: String = (0..10_000).map(|n| format!("\"k{n}\":{n},")).collect();
        let long = told("/worlds", &format!("{{{many}\"end\":\"{}\"}}", "é".repeat(9_999)));
        assert!(long.len() < SUMMARY_MAX && long.contains("bytes"), "{long}");
        let cut = told("/worlds", &format!("{{\"end\":\"{}\"}}", "é".repeat(9_999)));
        assert!(cut.len() < SUMMARY_MAX && cut.contains("é…"), "{cut}");
        assert!(serde_json::from_str::<Value>(&told("/x", "{\"nul\":\"\\u0000\"}")).is_ok());
        assert!(!told("/x", "{\"nul\":\"\\u0000\"}").contains('\0'));
    }

    #[test]
    fn refusals_are_written_in_bursts_and_then_now_and_again() {
        let bucket = Bucket::default();
        let now = Instant::now();
        let written = (0..1_000).filter(|_| bucket.take(now).is_some()).count();
        assert_eq!(written, 20);
        let later = now + Duration::from_secs(3);
        assert_eq!(bucket.take(later), Some(980), "those that were left out are counted");
        assert_eq!(bucket.take(later), None);
        let day = (1..=86_400).filter(|second| bucket.take(later + Duration::from_secs(*second)).is_some()).count();
        assert!(day <= 28_800, "{day}");
    }
}
