//! The economy: agents work, trade and consume; every hour every market is cleared.
//!
//! | set | systems | reads | writes |
//! |---|---|---|---|
//! | Review | [`renew_population`], [`call_roster`], [`review_roles`] | statistics | agents, roster, rates, roles |
//! | Produce | [`meet_needs`], [`run_recipes`] | beliefs, rates | stocks, ledger |
//! | Order | [`place_orders`] | beliefs, stocks, rates | books, escrow, budgets |
//! | Clear | [`match_books`], [`settle_orders`], [`keep_treasury`] | books | markets, purses, stocks, histories |
//! | Learn | [`learn_prices`] | orders, markets | beliefs |
//! | Report | [`measure_economy`], [`measure_markets`], [`keep_chronicle`], [`report_markets`] | everything | statistics, measures, chronicles, events |
//!
//! Traders are visited as they lie in memory, and it makes no difference in which order: draws are keyed by id, sums that
//! come of many are sums of whole numbers, and books go by the traders' numbers, which are in the order of their ids.
//! Nothing keeps state of its own: what matters after the hour is in components and persisted resources.

pub mod book;
pub mod ledger;

mod accounts;
mod clear;
mod floor;
mod learn;
mod maths;
mod measure;
mod model;
mod order;
mod parallel;
mod plan;
mod produce;
mod queries;
mod rates;
mod renewal;
mod report;
mod review;
mod setup;
mod spread;
mod stall;
mod treasury;
mod work;

pub use accounts::{AskLedger, show_ledger};
pub use clear::{match_books, settle_orders};
pub use floor::{Floor, call_roster};
pub use learn::{News, learn, learn_prices};
pub use measure::{keep_chronicle, measure_markets};
pub use model::{Commodity, Economy, Recipe};
pub use order::place_orders;
pub use parallel::match_in_parallel;
pub use produce::{meet_needs, run_recipes};
pub use queries::{AskAgent, AskAgents, AskMarkets, list_agents, show_agent, show_markets};
pub use renewal::renew_population;
pub use report::{measure_economy, report_markets};
pub use review::review_roles;
pub use setup::{check_economy, found_economy};
pub use stall::Placed;
pub use treasury::keep_treasury;
