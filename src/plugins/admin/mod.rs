//! The admin API: what the last commit made visible, and orders for the worlds. The only place that names axum.
//!
//! | module | what it does |
//! |---|---|
//! | [`problem`] | errors as RFC 9457 problem documents |
//! | [`access`] | who may: the token, the host, the number of requests |
//! | [`health`] | `/livez`, `/readyz`, `/metrics` |
//! | [`worlds`] | worlds and their orders, markets, agents |
//! | [`lists`] | ticks, events, dead letters, schemas |
//! | [`stream`] | events as they are committed (SSE) |

pub mod access;
pub mod health;
pub mod lists;
pub mod problem;
pub mod stream;
pub mod worlds;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use crossbeam_channel::Sender;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use health::{Check, Readiness};
pub use problem::Problem;

use crate::components::ids::WorldId;
use crate::plugins::host::{HostView, OrderMessage};
use crate::plugins::store::Store;
use crate::world::spec::WorldSpec;

/// Reads a world's file again, as it is now.
pub type ReadWorldFile = Arc<dyn Fn(&WorldId) -> Result<Option<WorldSpec>, String> + Send + Sync>;

/// The limits of the API.
#[derive(Debug, Clone)]
pub struct AdminLimits {
    /// The largest body of a request.
    pub body_bytes_max: usize,
    /// The longest that a request may take.
    pub request_timeout: Duration,
    /// Followers of the stream of events at a time.
    pub streams_max: usize,
    /// Requests at a time.
    pub requests_max: usize,
}

/// What the API is made of.
pub struct AdminParts {
    /// What the last commit made visible.
    pub view: HostView,
    /// Where orders go.
    pub orders: Sender<OrderMessage>,
    /// The store, for lists.
    pub store: Store,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What `/readyz` asks.
    pub readiness: Readiness,
    /// JSON Schemas by name.
    pub schemas: BTreeMap<String, Value>,
    /// Event types, commands and queries of the worlds.
    pub catalogue: Value,
    /// World files.
    pub read_world_file: ReadWorldFile,
    /// The token that callers must send, if any.
    pub token: Option<SecretString>,
    /// The limits.
    pub limits: AdminLimits,
    /// Ends the streams.
    pub stopping: CancellationToken,
}

/// What the handlers share.
pub(super) struct Shared {
    pub(super) parts: AdminParts,
    pub(super) requests: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
}

pub(super) type App = Arc<Shared>;

/// Serves the API until `stopping`, then lets requests under way finish.
///
/// # Errors
/// If the listener breaks.
pub async fn serve(listener: tokio::net::TcpListener, parts: AdminParts) -> std::io::Result<()> {
    let shutdown = parts.stopping.clone();
    axum::serve(listener, router(parts)).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// The routes.
pub fn router(parts: AdminParts) -> Router {
    let body_bytes_max = parts.limits.body_bytes_max;
    let shared: App = Arc::new(Shared {
        requests: Arc::new(Semaphore::new(parts.limits.requests_max)),
        streams: Arc::new(Semaphore::new(parts.limits.streams_max)),
        parts,
    });
    let api = Router::new()
        .route("/worlds", get(worlds::list))
        .route("/worlds/{world}", get(worlds::show))
        .route("/worlds/{world}/pause", post(worlds::pause))
        .route("/worlds/{world}/resume", post(worlds::resume))
        .route("/worlds/{world}/step", post(worlds::step))
        .route("/worlds/{world}/tick", post(worlds::tick))
        .route("/worlds/{world}/reset", post(worlds::reset))
        .route("/worlds/{world}/recover", post(worlds::recover))
        .route("/worlds/{world}/markets", get(worlds::markets))
        .route("/worlds/{world}/markets/{market}", get(worlds::market_history))
        .route("/worlds/{world}/agents", get(worlds::agents))
        .route("/worlds/{world}/agents/{agent}", get(worlds::agent))
        .route("/ticks", get(lists::ticks))
        .route("/events", get(lists::events))
        .route("/dead-letters", get(lists::dead_letters))
        .route("/catalogue", get(lists::catalogue))
        .route("/schemas", get(lists::schemas))
        .route("/schemas/{name}", get(lists::schema))
        .layer(from_fn_with_state(shared.clone(), access::bounded))
        .route("/events/stream", get(stream::events))
        .layer(from_fn_with_state(shared.clone(), access::allowed));
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", api)
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(axum::middleware::from_fn(access::measured))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .with_state(shared)
}
