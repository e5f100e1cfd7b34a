//! Publishing the outbox: every row once, through restarts, kills and brokers that refuse.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod bridge_support;
#[path = "bridge_outbound/broken_off.rs"]
mod broken_off;
#[path = "bridge_outbound/lost.rs"]
mod lost;
#[path = "bridge_outbound/order.rs"]
mod order;
#[path = "bridge_outbound/support.rs"]
mod support;
#[path = "bridge_outbound/trouble.rs"]
mod trouble;
