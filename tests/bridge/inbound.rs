//! Reading ticks: order, bytes, positions, and what happens when the log is not where it was.
mod gaps;
mod order;
mod support;
