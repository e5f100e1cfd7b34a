//! People through `Stepper`: what they choose, what it costs, and that they do the same each time.

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

#[path = "../npc_support/mod.rs"]
mod npc_support;

mod choices;
mod day;
mod explain;
mod extensions;
mod month;
mod orders;
mod routines;
mod same;
mod scores;
mod tiers;
