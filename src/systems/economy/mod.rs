//! The economy: agents work, trade and consume; every hour every market is cleared.
//!
//! | set | systems | reads | writes |
//! |---|---|---|---|
//! | Review | [`uncover_orders`], [`turn_influences`], [`renew_population`], [`review_roles`], [`move_traders`], [`call_roster`] | shocks, statistics | conditions, agents, roles, places, roster, rates |
//! | Produce | [`meet_needs`], [`run_recipes`] | beliefs, rates, conditions | stocks, ledger |
//! | Order | [`place_orders`], [`place_outside_orders`] | beliefs, stocks, rates, conditions | books, escrow, budgets |
//! | Clear | [`match_books`], [`settle_orders`], [`keep_treasury`], [`rest_orders`] | books | markets, purses, stocks, histories |
//! | Learn | [`learn_prices`] | orders, markets | beliefs |
//! | Report | [`measure_economy`], [`measure_markets`], [`report_markets`], [`signal_demand`], [`summarise_hour`] | everything | statistics, measures, events |
//! | Report | [`keep_chronicle`], before the events | purses, stocks, beliefs | chronicles |
//!
//! In [`DailyTick`](crate::schedules::DailyTick) [`summarise_day`] tells of the day. Whenever somebody
//! stops being a trader, [`see_off_trader`] accounts for what it had.
//!
//! Traders are visited as they lie in memory, and it makes no difference in which order: draws are keyed by id, sums that
//! come of many are sums of whole numbers, and books go by the traders' numbers, which are in the order of their ids.
//! Nothing keeps state of its own: what matters after the hour is in components and persisted resources.

mod abroad;
pub mod book;
mod conditions;
pub mod explain;
mod heard;
pub mod ledger;

mod accounts;
mod clear;
mod floor;
mod learn;
mod leaving;
mod maths;
mod measure;
mod model;
mod moving;
mod order;
mod parallel;
mod plan;
mod produce;
mod queries;
mod rates;
mod renewal;
mod report;
mod resting;
mod review;
mod setup;
mod shocks;
mod signals;
pub(crate) mod spread;
mod stall;
mod treasury;
mod wish;
mod work;

pub use abroad::place_outside_orders;
pub use accounts::{AskLedger, show_ledger};
pub use clear::{match_books, settle_orders};
pub use conditions::{Conditions, LocalConditions, turn_influences};
pub use explain::{AskExplain, Dealing, Dealings, Part, PriceMade};
pub use floor::{Floor, call_roster};
pub use heard::SignalCounts;
pub use learn::{Lesson, MarketNews, learn, learn_prices};
pub use leaving::see_off_trader;
pub(crate) use measure::worth;
pub use measure::{keep_chronicle, measure_markets};
pub use model::{Commodity, Economy, Place, Recipe};
pub use moving::move_traders;
pub use order::place_orders;
pub use parallel::match_in_parallel;
pub use produce::{meet_needs, run_recipes};
pub use queries::{AskAgent, AskAgents, AskMarkets, list_agents, show_agent, show_markets};
pub use renewal::renew_population;
pub use report::{measure_economy, report_markets};
pub use resting::{rest_orders, uncover_orders};
pub use review::review_roles;
pub use setup::{check_economy, found_economy};
pub use shocks::{AddShock, AskShocks, EndShock, NO_SHOCK, SHOCK_IS_THERE, add_shock, end_shock, list_shocks};
pub use signals::{signal_demand, summarise_day, summarise_hour};
pub use spread::quantile;
pub use stall::Placed;
pub use treasury::keep_treasury;
