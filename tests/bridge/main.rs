//! The bridge to Kafka: what comes in, what goes out, topics, connections and their security.

#![cfg(feature = "server")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

#[path = "../bridge_support/mod.rs"]
mod bridge_support;

mod connection;
mod inbound;
mod outbound;
mod security;
mod topics;
