//! What a crowd tells of itself: signals of what is unusual, movements, trends, sums, and what a few agents did.
//!
//! All of it is made from the [`Tallies`](crate::components::crowd::Tallies) of the tick, in
//! [`CrowdSystems::Tell`](crate::schedules::CrowdSystems::Tell). What must be remembered from tick to tick (what is usual,
//! which signals last, which trends spread) persists. Every kind of event has a bound in the world file's
//! `crowd.telling`; what is more is told in sums.

mod actions;
mod lengths;
mod movements;
mod signals;
mod stats;
mod trends;
mod unusual;
mod usual;
mod windows;

pub use actions::tell_actions;
pub use movements::tell_movements;
pub use signals::{CrowdNews, SignalBook, tell_signals};
pub use stats::{DayBook, tell_stats};
pub use trends::{TrendBook, tell_trends};
