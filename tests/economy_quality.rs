//! The quality of the economy: what a designer and an economist may expect of it, on ensembles of seeds.
//!
//! Small ensembles by default; with `WORLDTICK_TEST_LONG` and `--release`, as `cargo xtask test --long` runs them, 20
//! seeds, up to 10,000 hours, and all worlds. Each test prints its figures (`--nocapture`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "tests")]

#[path = "economy_quality/originals.rs"]
mod originals;
#[path = "economy_quality/shocks.rs"]
mod shocks;
#[path = "economy_quality/smith.rs"]
mod smith;
#[path = "economy_quality/starts.rs"]
mod starts;
#[path = "economy_quality/support.rs"]
mod support;
#[path = "economy_quality/worlds.rs"]
mod worlds;
