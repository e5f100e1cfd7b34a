//! Chains, cooldowns, intents and sessions through `Stepper`: what waits, who proposes, what holds of them.

#![allow(clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../interaction_support/mod.rs"]
mod interaction_support;

mod chains;
mod defined;
mod intents;
mod properties;
mod spec;
