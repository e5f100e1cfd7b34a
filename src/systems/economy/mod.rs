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
//!
//! | folder | what it is |
//! |---|---|
//! | `model` | the economy of a world file, ready to be used |
//! | `ledger`, `treasury` | the only ways in which money and goods change hands |
//! | `book` | one order book: packed orders in, trades out |
//! | `floor` | who is here this hour, their orders in columns, the books, and clearing |
//! | `agents` | what an agent does: work, plan, bid, learn |
//! | `population` | who comes, changes role or place, and leaves |
//! | `influences` | what comes from outside: shocks, signals, trade |
//! | `telling` | what the hour came to: measures, events, answers |

pub mod book;
pub mod ledger;
pub mod telling;

mod agents;
mod floor;
mod influences;
mod maths;
mod model;
mod population;
mod treasury;

pub use agents::learn::{Lesson, MarketNews, learn, learn_prices};
pub use agents::order::place_orders;
pub use agents::produce::{meet_needs, run_recipes};
pub use agents::resting::{rest_orders, uncover_orders};
pub use floor::clear::{match_books, settle_orders};
pub use floor::parallel::match_in_parallel;
pub use floor::stall::Placed;
pub use floor::{Floor, call_roster};
pub use influences::abroad::place_outside_orders;
pub use influences::conditions::{Conditions, LocalConditions, turn_influences};
pub use influences::heard::SignalCounts;
pub use influences::shocks::{
    AddShock, AskShocks, EndShock, NO_SHOCK, SHOCK_IS_THERE, add_shock, end_shock, list_shocks,
};
pub use model::{Commodity, Economy, Place, Recipe};
pub use population::leaving::see_off_trader;
pub use population::moving::move_traders;
pub use population::renewal::renew_population;
pub use population::review::review_roles;
pub use population::setup::{check_economy, found_economy};
pub use telling::accounts::{AskLedger, show_ledger};
pub use telling::explain::{AskExplain, Dealing, Dealings, Part, PriceMade};
pub(crate) use telling::measure::worth;
pub use telling::measure::{keep_chronicle, measure_markets};
pub use telling::queries::{AskAgent, AskAgents, AskMarkets, list_agents, show_agent, show_markets};
pub use telling::report::{measure_economy, report_markets};
pub use telling::signals::{signal_demand, summarise_day, summarise_hour};
pub use telling::spread::quantile;
pub use treasury::keep_treasury;
