//! The scheduler through `Stepper`: tiers, plans and how long somebody stays in a tier.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

#[path = "../scheduler_support/mod.rs"]
mod scheduler_support;

mod dwell;
mod plan;
mod tiers;
