//! The economy: agents work, trade and consume; every hour every market is cleared.
//!
//! | set | systems | reads | writes |
//! |---|---|---|---|
//! | Review | [`turn_influences`], [`call_roster`], [`review_roles`] | shocks, statistics | conditions, roster, roles |
//! | Produce | [`meet_needs`], [`run_recipes`] | beliefs, conditions | stocks, ledger |
//! | Order | [`place_orders`], [`place_outside_orders`] | beliefs, stocks, statistics, conditions | books, escrow, budgets |
//! | Clear | [`match_books`], [`settle_orders`] | books | markets, purses, stocks, histories |
//! | Learn | [`learn_prices`] | orders, markets | beliefs |
//! | Report | [`measure_economy`], [`report_markets`], [`signal_demand`], [`summarise_hour`] | everything | statistics, events |
//!
//! In [`DailyTick`](crate::schedules::DailyTick) [`summarise_day`] tells of the day.
//!
//! Traders are always visited in the order of their stable ids. Nothing here is parallel, nothing keeps state of its
//! own: what matters after the hour is in components and persisted resources.

mod abroad;
pub mod book;
mod conditions;
mod heard;
pub mod ledger;

mod clear;
mod floor;
mod learn;
mod maths;
mod model;
mod order;
mod plan;
mod produce;
mod queries;
mod report;
mod review;
mod setup;
mod shocks;
mod signals;

pub use abroad::place_outside_orders;
pub use clear::{match_books, settle_orders};
pub use conditions::{Conditions, turn_influences};
pub use floor::{Floor, Placed, call_roster};
pub use heard::SignalCounts;
pub use learn::learn_prices;
pub use model::{Commodity, Economy, Recipe};
pub use order::place_orders;
pub use produce::{meet_needs, run_recipes};
pub use queries::{AskAgent, AskAgents, AskMarkets, list_agents, show_agent, show_markets};
pub use report::{measure_economy, report_markets};
pub use review::review_roles;
pub use setup::{check_economy, found_economy};
pub use shocks::{AddShock, AskShocks, EndShock, NO_SHOCK, SHOCK_IS_THERE, add_shock, end_shock, list_shocks};
pub use signals::{signal_demand, summarise_day, summarise_hour};
