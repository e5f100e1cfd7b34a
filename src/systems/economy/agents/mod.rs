//! What an agent does in its hour: it works, plans what to trade, bids and asks, and learns from what came of it.

pub(crate) mod learn;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod produce;
pub(crate) mod resting;
pub(crate) mod wish;
pub(crate) mod work;
