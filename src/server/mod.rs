//! The whole server: worlds, bridge, store and admin API, put together.
//!
//! ```no_run
//! use worldtick::config::ServerConfig;
//! use worldtick::server::Server;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! Server::builder(ServerConfig::default())
//!     .add_plugins(|app| {
//!         // Your own plugins: what they declare persists and is published like the built-in domains.
//!         let _ = app;
//!     })
//!     .run()?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `start` | the steps of a start, in the order of the commit protocol |
//! | `ground` | the second half of a start: Kafka is waited for, the worlds are restored and run |
//! | `seeking` | looking for the cluster until it answers |
//! | `turning_away` | orders that come before the worlds run |
//! | `cluster` | which cluster it is, and where reading and publishing begin on it |
//! | `links`, `fresh` | what the parts tell each other; the rows that go from the engine to the publisher |
//! | `running` | a running server: waiting for it, stopping it |
//! | `ready` | what readiness depends on |
//! | `signals` | SIGTERM and Ctrl-C |
//! | `tasks` | periodic tasks: old rows go, metrics are kept, what stands still is found |
//! | `chores` | lag and gauges are taken |
//! | `error` | why a server does not start or does not go on |

mod chores;
mod cluster;
mod error;
mod fresh;
mod ground;
mod links;
mod ready;
mod running;
mod seeking;
mod signals;
mod start;
mod tasks;
mod turning_away;

use std::sync::Arc;

use bevy_app::App;
use serde_json::Value;
use uuid::Uuid;

pub use error::ServerError;
pub use running::Running;

use crate::config::ServerConfig;
use crate::plugins::WorldPlugins;
use crate::plugins::host::BuildApp;
use crate::world::GameWorld;
use crate::world::spec::WorldSpec;

type AddPlugins = Arc<dyn Fn(&mut App) + Send + Sync>;

/// A server that can be started.
pub struct Server {
    config: ServerConfig,
    plugins: Vec<AddPlugins>,
}

impl Server {
    /// A server with the built-in domains.
    pub fn builder(config: ServerConfig) -> Self {
        Self { config, plugins: Vec::new() }
    }

    /// Adds plugins to every world. `add` is called once for each world that is made or restored.
    #[must_use]
    pub fn add_plugins(mut self, add: impl Fn(&mut App) + Send + Sync + 'static) -> Self {
        self.plugins.push(Arc::new(add));
        self
    }

    /// Starts everything and returns when it is under way. A cluster that does not answer is waited for in the
    /// background; `/readyz` says so. A database server that does not answer is waited for here; the log says so.
    ///
    /// # Errors
    /// When something is wrong that waiting does not mend.
    pub fn start(self) -> Result<Running, ServerError> {
        let build = self.build_app();
        let catalogue = catalogue(&build)?;
        start::start(self.config, build, catalogue)
    }

    /// Starts everything as a program does that has nothing else to do: until [`Running::wait_for_signal`] listens,
    /// SIGTERM and Ctrl-C end the process at once, with exit code 0.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_process(self) -> Result<Running, ServerError> {
        let early = signals::LeaveAtOnce::begin()?;
        Ok(self.start()?.with_early_end(early))
    }

    /// Starts everything and runs until SIGTERM or Ctrl-C, then finishes, commits and returns.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when another server takes over or the store is lost for good.
    pub fn run(self) -> Result<(), ServerError> {
        self.start_process()?.wait_for_signal()
    }

    fn build_app(&self) -> BuildApp {
        let plugins = self.plugins.clone();
        Arc::new(move |spec| {
            let mut app = App::new();
            app.add_plugins(WorldPlugins { spec });
            for add in &plugins {
                add(&mut app);
            }
            app
        })
    }
}

/// What the worlds of this server declare, asked of a world that is made for the purpose.
fn catalogue(build: &BuildApp) -> Result<Value, ServerError> {
    let spec = WorldSpec::from_yaml("id: catalogue").map_err(|error| ServerError::Plugins(error.to_string()))?;
    let world = GameWorld::create(build(spec), Uuid::nil()).map_err(|error| ServerError::Plugins(error.to_string()))?;
    serde_json::to_value(world.catalogue()).map_err(|error| ServerError::Plugins(error.to_string()))
}
