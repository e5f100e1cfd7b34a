//! Publishing the outbox: every row once, through restarts, kills and brokers that refuse.
mod broken_off;
mod lost;
mod order;
mod support;
mod trouble;
