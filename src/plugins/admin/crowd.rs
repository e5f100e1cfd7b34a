//! The crowd of a world.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::npcs::ask;
use super::{App, Problem};

pub(super) async fn show(State(app): State<App>, Path(world): Path<String>) -> Result<Json<Value>, Problem> {
    // A world that refuses the question has no crowd.
    ask(&app, &world, "crowd.state", json!({})).await.map(Json).map_err(Problem::refusal_as_not_found)
}
