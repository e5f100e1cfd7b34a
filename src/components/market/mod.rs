//! What traders and markets are made of.

mod belief;
mod chronicle;
mod commodity;
mod history;
mod ledger;
mod measures;
mod place;
mod resting;
mod shock;
mod statistics;
mod trader;
mod treasury;

pub use belief::{Belief, Beliefs, Personality};
pub use chronicle::{Chronicle, Sample, WealthOfPlaces, WealthStatistics};
pub use commodity::{CommodityId, PerCommodity, PlaceId, RoleId, Side};
pub use history::{TRADE_HISTORY_MAX, TradeHistory, TradeRecord};
pub use ledger::{GoodsEntry, Ledger, MoneyEntry};
pub use measures::{Distribution, Measures, TradedHour};
pub use place::{MARKET_HISTORY_MAX, Market, MarketHour};
pub use resting::{Resting, RestingOrder};
pub use shock::{
    DaySums, ENDED_MAX, Effect, EndedShock, Influence, OutsideOrder, SHOCKS_MAX, SIGNALS_MAX, Shock, ShockCause,
    ShockEnd, ShockKind, Shocks, YieldOf,
};
pub use statistics::{Flow, MarketStatistics, Moves, PlaceMoves, RoleStatistics};
pub use trader::{Budget, Holding, Purse, Role, Stock, Storeroom, Trader};
pub use treasury::{Livelihood, Treasury};
