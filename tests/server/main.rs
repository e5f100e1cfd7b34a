//! The server as a whole: over HTTP, over Kafka, as a process, with everything that may go wrong.

#![cfg(feature = "server")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

#[path = "../bridge_support/mod.rs"]
mod bridge_support;
#[path = "../server_support/process.rs"]
mod process;
#[path = "../server_support/program.rs"]
mod program;
#[path = "../server_support/mod.rs"]
mod server_support;
#[path = "../server_support/services.rs"]
mod services;
#[cfg(unix)]
#[path = "../server_support/tokens.rs"]
mod token_support;

mod absent;
mod admin;
#[cfg(unix)]
mod as_process;
#[cfg(unix)]
mod audit;
mod bad_input;
mod clusters;
mod commands;
#[cfg(unix)]
mod crowd;
mod custom_plugin;
#[cfg(target_os = "linux")]
mod database;
#[cfg(unix)]
mod denied;
mod factions;
mod faults;
mod generation;
mod generation_edge;
mod interactions;
mod market_agent;
mod npcs;
#[cfg(unix)]
mod outbox;
mod real_services;
mod recovery;
mod refusals;
mod restart;
mod same;
mod shock_everywhere;
mod shocks;
mod slow;
mod tasks;
mod ticks;
#[cfg(unix)]
mod tokens;
mod worlds;
