//! worldtick: a headless world-simulation server on Bevy ECS.

#[cfg(feature = "server")]
pub mod config;

pub mod components;
#[cfg(feature = "server")]
pub mod failpoint;
pub mod messages;
pub mod plugins;
pub mod schedules;
pub mod systems;
pub mod testing;
pub mod world;
