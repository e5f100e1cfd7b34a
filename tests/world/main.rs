//! Worlds: their files, how they are made and imported, and how they live.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

#[path = "../world_support/mod.rs"]
mod world_support;

mod files;
mod import;
mod lifecycle;
#[cfg(feature = "server")]
mod made;
mod routines;
mod shipped;
