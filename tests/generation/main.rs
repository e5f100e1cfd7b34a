//! Jobs of generation through `Stepper`: their life, fair turns, what holds of them.

#![allow(clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../generation_support/mod.rs"]
mod generation_support;

mod askers;
mod fallbacks;
mod held;
mod jobs;
mod properties;
mod tangle;
