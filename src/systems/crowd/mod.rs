//! The crowd: agents with needs on a grid, stepped a chunk at a time.
//!
//! A step is two passes. In the first every chunk of 4,096 agents is lived by itself, without a branch for each agent
//! where that can be: draws, needs, choices, walks, meals, posts, counts. In the second, what agents want of vendors that
//! may be sold out and of each other is settled in an order that no thread has a part in. [`live_steps`] is all of it and
//! knows nothing of schedules.

mod choose;
mod desk;
mod draw;
mod found;
mod hours;
mod keep;
mod layout;
mod live;
mod meet;
mod near;
mod params;
mod queries;
mod step;
mod telling;
mod ways;

pub use draw::{Key, StepKeys};
pub use found::{found_books, found_crowd, found_ground};
pub use hours::{CrowdModel, FoodMarket, hear_market, live_tick, ready_crowd, tell_demand};
pub use params::Params;
pub use queries::{AskCrowd, NO_CROWD, show_crowd};
pub use step::{CrowdFloor, Terms, live_steps};
pub use telling::{
    CrowdNews, DayBook, SignalBook, TrendBook, tell_actions, tell_movements, tell_signals, tell_stats, tell_trends,
};
