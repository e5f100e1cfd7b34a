//! Orders for the engine: what each says of itself, and the wait for its answer.

#![expect(clippy::disallowed_methods, reason = "a command says when it was given")]

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{App, Problem};
use crate::components::ids::WorldId;
use crate::plugins::host::{CommandHead, CommandSource, Order, OrderMessage, WorldView, no_such_world};

/// The namespace of command ids that are derived from an `Idempotency-Key` that is no UUID.
const KEYS: Uuid = Uuid::from_u128(0x7774_6b65_7965_6463_6f6d_6d61_6e64_0001);
/// The longest `Idempotency-Key`.
const KEY_MAX: usize = 128;
/// The longest name of who asks.
const NAME_MAX: usize = 200;

/// The header of an answer that says under which id its command is recorded.
const COMMAND_ID: HeaderName = HeaderName::from_static("command-id");

tokio::task_local! {
    /// The id of the command that the request under way is.
    static ASKED: Cell<Option<Uuid>>;
}

/// Serves a request; if it was a command, its answer says under which id.
pub(super) async fn told(serve: impl Future<Output = Response>) -> Response {
    let asked = async {
        let response = serve.await;
        (response, ASKED.with(Cell::get))
    };
    let (mut response, id) = ASKED.scope(Cell::new(None), asked).await;
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        response.headers_mut().insert(COMMAND_ID, id);
    }
    response
}

/// The id of a command by what was sent as its key.
pub(super) fn id_of_key(key: &str) -> Uuid {
    let key = key.trim().trim_matches('"');
    key.parse().unwrap_or_else(|_| Uuid::new_v5(&KEYS, key.as_bytes()))
}

/// The name in a path as a world's.
pub(super) fn world_id(name: &str) -> Result<WorldId, Problem> {
    WorldId::new(name).map_err(|error| Problem::not_found(error.to_string()))
}

/// What is said of worlds while the store's are not all there: nobody may take them for removed.
pub(super) fn being_restored() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "worlds are being restored: ask again in a moment, or see /readyz")
}

/// A world that is there.
pub(super) fn living(app: &App, id: &WorldId) -> Result<Arc<WorldView>, Problem> {
    let view = &app.parts.view;
    view.world(id).ok_or_else(|| {
        if !view.is_restored() {
            return being_restored();
        }
        let known = view.worlds();
        Problem::not_found(no_such_world(id, known.iter().map(|world| &world.world_id)))
    })
}

/// Who asks, as the header `X-Issued-By` has it.
pub(super) fn issued_by(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(name) = headers.get("x-issued-by") else { return Ok("loopback".into()) };
    match name.to_str().map(str::trim) {
        Ok(name) if !name.is_empty() && name.chars().count() <= NAME_MAX => Ok(name.to_owned()),
        _ => Err(Problem::invalid("X-Issued-By", "invalid", "give 1 to 200 characters of ASCII, or leave it out")),
    }
}

/// What a command says of itself. Sent again under the same `Idempotency-Key`, it is answered and not carried out.
pub(super) fn command(name: &str, by: &str, headers: &HeaderMap) -> Result<CommandHead, Problem> {
    let key = headers.get("idempotency-key").map(|key| key.to_str().map(|key| key.trim().trim_matches('"')));
    let (command_id, keyed) = match key {
        None => (Uuid::new_v4(), false),
        Some(Ok(key)) if !key.is_empty() && key.len() <= KEY_MAX => (id_of_key(key), true),
        Some(_) => {
            let words = "give a UUID or another text of 1 to 128 characters of ASCII";
            return Err(Problem::invalid("Idempotency-Key", "invalid", words));
        }
    };
    // time: commands: when they were given | real | jiff::Timestamp | read when a request comes
    let issued_at = jiff::Timestamp::now().as_microsecond();
    let (command, issued_by) = (name.to_owned(), by.to_owned());
    // Nobody waits for it where no request is under way.
    let _ = ASKED.try_with(|asked| asked.set(Some(command_id)));
    Ok(CommandHead { command_id, command, issued_by, issued_at, source: CommandSource::Api, keyed })
}

/// Gives an order to the engine and waits for its answer, which leaves after the commit.
pub(super) async fn order(
    app: &App,
    world: &str,
    order: Order,
    command: Option<CommandHead>,
) -> Result<Value, Problem> {
    let world = world_id(world)?;
    let (reply, answer) = oneshot::channel();
    if app.parts.orders.try_send(OrderMessage { world, order, command, reply }).is_err() {
        let words = "the server has too much under way: try again in a moment";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, words));
    }
    match answer.await {
        Ok(answer) => answer.map_err(Problem::from),
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")),
    }
}
