//! Wiring: one plugin a domain, and the parts of the server.

pub mod economy;
pub mod simulation;

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod bridge;
#[cfg(feature = "server")]
pub mod host;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod store;
