//! The crowd: its rules against a plain reference, what it tells, and what is conserved.

#![allow(
    clippy::expect_used,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

#[path = "../crowd_support/mod.rs"]
mod crowd_support;

mod originals;
mod properties;
#[cfg(feature = "server")]
mod published;
mod spec;
mod telling;
mod world;
