//! The economy: agents work, trade and consume; every hour every market is cleared.
//!
//! | set | systems | reads | writes |
//! |---|---|---|---|
//! | Review | [`call_roster`], [`review_roles`] | statistics | roster, roles |
//! | Produce | [`meet_needs`], [`run_recipes`] | beliefs | stocks, ledger |
//! | Order | [`place_orders`] | beliefs, stocks, statistics | books, escrow, budgets |
//! | Clear | [`match_books`], [`settle_orders`] | books | markets, purses, stocks, histories |
//! | Learn | [`learn_prices`] | orders, markets | beliefs |
//! | Report | [`measure_economy`], [`report_markets`] | everything | statistics, events |
//!
//! Traders are always visited in the order of their stable ids. Nothing here is parallel, nothing keeps state of its
//! own: what matters after the hour is in components and persisted resources.

pub mod book;
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

pub use clear::{match_books, settle_orders};
pub use floor::{Floor, Placed, call_roster};
pub use learn::{MarketNews, learn, learn_prices};
pub use model::{Commodity, Economy, Recipe};
pub use order::place_orders;
pub use produce::{meet_needs, run_recipes};
pub use queries::{AskAgent, AskAgents, AskMarkets, list_agents, show_agent, show_markets};
pub use report::{measure_economy, report_markets};
pub use review::review_roles;
pub use setup::{check_economy, found_economy};
