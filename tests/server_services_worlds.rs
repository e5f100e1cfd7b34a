//! Worlds that are registered, changed, paused and steered on Apache Kafka and PostgreSQL: by everybody's way, with the
//! real program, and through its death at every place that matters.

#![cfg(all(feature = "server", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

mod bridge_support;
#[path = "server_services_worlds/cases.rs"]
mod cases;
#[path = "server_services_worlds/ground.rs"]
mod ground;
#[path = "server_services_worlds/kills.rs"]
mod kills;
#[path = "server_services_worlds/lives.rs"]
mod lives;
#[path = "server_support/process.rs"]
mod process;
#[path = "server_support/program.rs"]
mod program;
mod server_support;
#[path = "server_support/services.rs"]
mod services;
#[path = "server_services_worlds/tokens.rs"]
mod tokens;
#[path = "server_services_worlds/traces.rs"]
mod traces;
#[path = "server_services_worlds/ways.rs"]
mod ways;
