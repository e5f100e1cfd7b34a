//! The economy through `Stepper` and its file: agents, books, places, shocks, measures.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

mod agents;
mod book;
mod guests;
mod lab;
mod limits;
mod measures;
mod orders;
mod places;
mod population;
mod shocks;
mod signals;
mod spec;
mod treasury;
mod upgrade;
mod world;
