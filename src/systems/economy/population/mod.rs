//! Who takes part: agents are settled, renewed, change role or place, and leave.

pub(crate) mod leaving;
pub(crate) mod moving;
pub(crate) mod renewal;
pub(crate) mod review;
pub(crate) mod setup;
