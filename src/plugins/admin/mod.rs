//! The admin API: what the last commit made visible, and orders for the worlds. The only place that names axum.
//!
//! | module | what it does |
//! |---|---|
//! | [`problem`] | errors as RFC 9457 problem documents |
//! | [`routes`] | the table of all routes, with the scope that each needs |
//! | [`access`] | who may what: the token, its scope, the host, the number of requests |
//! | [`scope`], [`secret`], `callers` | scopes, tokens as text, and whose token it is |
//! | `audit` | every change, and every one that was refused, in the store |
//! | `tokens` | tokens and the audit over HTTP |
//! | [`health`] | `/livez`, `/readyz`, `/metrics` |
//! | [`worlds`] | worlds and their orders, markets, agents |
//! | `registry` | worlds that come and go, their files and commands |
//! | `factions`, `crowd` | factions and how they stand to each other; the crowd |
//! | `npcs`, `sessions` | NPCs, the scheduler and its last steps; sessions and focus |
//! | `interactions` | chains, cooldowns and intents |
//! | `jobs`, `edge` | jobs of generation; what waits for the workers, and its limits |
//! | `simulation` | how a world is simulated: shown and changed |
//! | [`lists`] | ticks, events, dead letters, schemas |
//! | [`tasks`] | periodic tasks, and metrics of the past |
//! | [`stream`] | events as they are committed (SSE) |

pub mod access;
mod audit;
mod body;
mod callers;
mod content;
mod crowd;
mod edge;
mod factions;
pub mod health;
mod interactions;
mod jobs;
pub mod lists;
mod npcs;
mod orders;
pub mod problem;
mod registry;
pub mod routes;
pub mod scope;
pub mod secret;
mod sessions;
mod shocks;
mod simulation;
pub mod stream;
pub mod tasks;
mod tokens;
pub mod worlds;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use crossbeam_channel::Sender;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use callers::BELIEVED_FOR;
pub use health::{Check, Readiness};
pub use problem::Problem;
pub use tasks::{RunOutcome, RunRefused, SharedTasks, TaskAnswer, TaskRun, TaskView, Tasks};

use audit::Refusals;
use callers::Callers;

use crate::components::ids::WorldId;
use crate::plugins::host::{HostView, OrderMessage};
use crate::plugins::store::Store;
use crate::systems::npc::extend::Extensions;
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
    /// What the plugins of the worlds have added, for world files to name.
    pub extensions: Extensions,
    /// World files.
    pub read_world_file: ReadWorldFile,
    /// The token that callers must send, if any.
    pub token: Option<SecretString>,
    /// The periodic tasks.
    pub tasks: SharedTasks,
    /// Whether nobody needs a token where none is configured.
    pub open_on_loopback: bool,
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
    /// Requests that may change something, from the first byte of the body to the end of their row in the audit.
    pub(super) changes: Arc<Semaphore>,
    /// Who changes limits of generation has them for himself.
    pub(super) limits: tokio::sync::Mutex<()>,
    callers: Callers,
    refusals: Refusals,
}

pub(super) type App = Arc<Shared>;

/// Serves the API until `stopping`, then lets requests under way finish.
///
/// # Errors
/// If the listener breaks.
pub async fn serve(listener: tokio::net::TcpListener, parts: AdminParts) -> std::io::Result<()> {
    let shutdown = parts.stopping.clone();
    let service = router(parts).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// The routes.
pub fn router(parts: AdminParts) -> Router {
    let body_bytes_max = parts.limits.body_bytes_max;
    let shared: App = Arc::new(Shared {
        requests: Arc::new(Semaphore::new(parts.limits.requests_max)),
        streams: Arc::new(Semaphore::new(parts.limits.streams_max)),
        changes: Arc::new(Semaphore::new(parts.limits.requests_max)),
        callers: Callers::new(parts.store.clone(), parts.token.clone()),
        refusals: Refusals::default(),
        limits: tokio::sync::Mutex::default(),
        parts,
    });
    let api = routes::api(&shared);
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
