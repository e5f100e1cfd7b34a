//! How a world is simulated: shown, changed while it lives, and who changed what.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::lists::{ListQuery, listed, page_limit, wall};
use super::orders::{command, issued_by, living, order, world_id};
use super::registry::{DryRun, dry_run, if_match, text};
use super::{App, Problem};
use crate::config::Once;
use crate::plugins::host::{Order, Settings, entity_tag};
use crate::plugins::store::{ConfigChangeRow, Page};

pub(super) async fn show(State(app): State<App>, Path(world): Path<String>) -> Result<Response, Problem> {
    let view = living(&app, &world_id(&world)?)?;
    let tag = [(header::ETAG, entity_tag(&view.simulation, &view.spec.description))];
    Ok((tag, Json(view.simulation.as_ref().clone())).into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<DryRun>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let dry_run = dry_run(query)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !["application/merge-patch+json", "application/json"].contains(&kind) {
        let words = "send a JSON Merge Patch with `Content-Type: application/merge-patch+json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
    }
    let text = text(body)?;
    let Once(patch) = serde_json::from_str(&text)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}")))?;
    if !patch.is_object() {
        return Err(Problem::invalid("", "type", "the patch must be a JSON object with what is to change"));
    }
    let if_match = if_match(&app, &world, &headers, dry_run)?;
    let by = issued_by(&headers)?;
    let head = if dry_run { None } else { Some(command("world.configure", &by, &headers)?) };
    let asked = Order::Configure { settings: Settings::Patch(patch), if_match, dry_run, by };
    let answer = order(&app, &world, asked, head).await?;
    let tag = answer["etag"].as_str().unwrap_or_default().to_owned();
    if dry_run {
        return Ok(Json(answer).into_response());
    }
    Ok(([(header::ETAG, tag)], Json(answer)).into_response())
}

pub(super) async fn history(
    State(app): State<App>,
    Path(world): Path<String>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let (id, page, limit) = (world_id(&world)?, query.page()?, page_limit(query.limit)?);
    let rows = app.parts.store.config_changes(id.as_str(), page, limit).await?;
    // The histories of a world that is gone stay.
    if rows.is_empty() && page == Page::Newest {
        living(&app, &id)?;
    }
    Ok(listed(&rows, limit, change_json))
}

fn change_json(row: &ConfigChangeRow) -> Value {
    let value = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "pointer": row.pointer, "from": value(&row.from), "to": value(&row.to), "changed_by": row.changed_by,
        "command_id": row.command_id, "recorded_at": wall(row.recorded_at), "commit_no": row.commit_no,
    })
}
