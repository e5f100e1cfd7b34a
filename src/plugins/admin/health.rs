//! Whether the server lives, whether it is ready, and its metrics. Open to everybody who reaches the port.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;

/// One thing that readiness depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What there is to say.
    pub detail: String,
}

/// Asks everything that readiness depends on, without waiting for anything.
pub type Readiness = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

/// The process answers. Depends on nothing else.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// 200 when everything is in order, otherwise 503; with `?verbose` the reasons and the guarantee that holds.
pub(super) async fn readyz(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let checks = (app.parts.readiness)();
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if query.is_some_and(|query| query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="))) {
        return (status, Json(json!({ "ready": ready, "checks": checks }))).into_response();
    }
    let failing: Vec<String> =
        checks.iter().filter(|check| !check.ok).map(|check| format!("{}: {}", check.name, check.detail)).collect();
    let words = if ready { "ready".to_owned() } else { format!("not ready: {}", failing.join("; ")) };
    (status, format!("{words}\n")).into_response()
}

/// Metrics in Prometheus' text format.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let text = (app.parts.metrics)();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
