//! What comes from outside of the markets: shocks, signals of other services, and trade with the outside world.

pub(crate) mod abroad;
pub(crate) mod conditions;
pub(crate) mod heard;
pub(crate) mod shocks;
