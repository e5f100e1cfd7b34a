//! Wiring: one plugin a domain, and the parts of the server.

#[cfg(feature = "server")]
pub mod bridge;
#[cfg(feature = "server")]
pub mod store;
