//! worldtick: a headless world-simulation server on Bevy ECS.
//!
//! Ticks come in from Kafka, worlds of Bevy entities are stepped, events go out: once each, through any crash. The
//! server is a program (`worldtick`); its parts are here for Bevy developers, who can take
//!
//! - the simulation alone, in an [`App`](bevy_app::App) of their own ([`plugins::simulation`], [`plugins::economy`], [`plugins::crowd`]),
//! - a world stepped by hand, for tests ([`testing::Stepper`]),
//! - the whole server with plugins of their own added (`worldtick::Server`).
//!
//! A market that is cleared by hand, with no service and no clock:
//!
//! ```
//! use bevy_app::App;
//! use worldtick::messages::market::MarketCleared;
//! use worldtick::plugins::economy::EconomyPlugin;
//! use worldtick::plugins::simulation::SimulationPlugin;
//! use worldtick::testing::Stepper;
//! use worldtick::world::spec::WorldSpec;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let spec = WorldSpec::default_world()?;
//! let mut world = Stepper::new(move || {
//!     let mut app = App::new();
//!     app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
//!     app
//! })?;
//! world.hours(1)?;
//! assert_eq!(world.events_of::<MarketCleared>()?.len(), 5, "one for each commodity");
//! # Ok(())
//! # }
//! ```
//!
//! # Contents
//!
//! | module | what is in it |
//! |---|---|
//! | [`schedules`] | `WorldStep`, `HourlyTick`, `DailyTick` and the order of what runs in them: read this first |
//! | [`components`] | data only: ids, money, clock, markets |
//! | [`systems`] | what worlds do: plain functions, with their mathematics beside them |
//! | [`messages`] | what a world takes in and gives out: ticks, inputs, events |
//! | [`world`] | a game world: it takes inputs, one at a time; what plugins declare of it ([`world::RegisterExt`]); world files |
//! | [`plugins`] | wiring: the domains, and the parts of the server |
//! | [`testing`] | worlds stepped by hand |
//! | [`lab`] | economies run at full speed, measured, compared and explained |
//! | `server` | the whole server, put together |
//! | `config` | what the server can be told, and what is wrong with it |
//! | `cli`, `ticker` | the programs `worldtick` and `simulation-ticker` |
//! | `schemas` | JSON Schemas of messages and files |
//!
//! The last four, and the plugins `bridge`, `store`, `host`, `admin` and `metrics`, come with the feature `server`, which
//! is on by default. Without it only the simulation is built, and nothing of Kafka, databases or HTTP.

#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod schemas;
#[cfg(feature = "server")]
pub mod ticker;

pub mod components;
#[cfg(feature = "server")]
pub mod failpoint;
pub mod lab;
pub mod messages;
pub mod plugins;
pub mod schedules;
#[cfg(feature = "server")]
pub mod server;
pub mod systems;
pub mod testing;
pub mod world;

#[cfg(feature = "server")]
pub use server::Server;

/// The Rust of the guides, compiled and run with the doc tests.
#[cfg(all(doctest, feature = "server"))]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/bevy.md")]
    struct ForBevyDevelopers;
}
