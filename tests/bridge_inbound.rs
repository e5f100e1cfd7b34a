//! Reading ticks: order, bytes, positions, and what happens when the log is not where it was.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod bridge_support;
#[path = "bridge_inbound/gaps.rs"]
mod gaps;
#[path = "bridge_inbound/order.rs"]
mod order;
#[path = "bridge_inbound/support.rs"]
mod support;
