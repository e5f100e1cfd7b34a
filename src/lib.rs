//! worldtick: a headless world-simulation server on Bevy ECS.

#[cfg(feature = "server")]
pub mod failpoint;
#[cfg(feature = "server")]
pub mod plugins;
