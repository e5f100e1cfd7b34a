//! worldtick: a headless world-simulation server on Bevy ECS.

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
pub mod messages;
pub mod plugins;
pub mod schedules;
#[cfg(feature = "server")]
pub mod server;
pub mod systems;
pub mod testing;
pub mod world;
