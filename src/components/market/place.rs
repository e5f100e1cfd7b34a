//! Markets: one a commodity, at every market place.

use std::collections::VecDeque;

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::{CommodityId, Measures};
use crate::components::money::{Goods, Money};

/// Hours that a market remembers.
pub const MARKET_HISTORY_MAX: usize = 72;

/// An hour of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketHour {
    /// Clearing price of a unit; without trades, the last one.
    pub price: Money,
    /// Units traded.
    pub volume: Goods,
}

/// The market of a commodity at a place, as its last clearing left it.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[require(Measures)]
pub struct Market {
    /// What is traded.
    pub commodity: CommodityId,
    /// Its name, `market-<commodity>`; in a world with several places `market-<place>-<commodity>`.
    pub market_id: String,
    /// Mean price of the last trades, weighted by volume; before the first, the initial price.
    pub price: Money,
    /// Units traded.
    pub volume: Goods,
    /// Money that changed hands.
    pub turnover: Money,
    /// Trades.
    pub trades: u64,
    /// Units wanted and not bought.
    pub bids_unfilled: Goods,
    /// Units offered and not sold.
    pub asks_unfilled: Goods,
    /// Highest price among the bids left.
    pub best_bid: Option<Money>,
    /// Lowest price among the asks left.
    pub best_ask: Option<Money>,
    /// Share of the surplus that the orders' own limits allowed and that was realised, 0 to 1.
    pub efficiency: Option<f64>,
    /// The last hours, the latest last.
    pub history: VecDeque<MarketHour>,
}

impl Market {
    /// A market that has not been cleared yet.
    pub fn new(commodity: CommodityId, market_id: String, price: Money) -> Self {
        Self {
            commodity,
            market_id,
            price,
            volume: Goods::ZERO,
            turnover: Money::ZERO,
            trades: 0,
            bids_unfilled: Goods::ZERO,
            asks_unfilled: Goods::ZERO,
            best_bid: None,
            best_ask: None,
            efficiency: None,
            history: VecDeque::new(),
        }
    }

    /// Keeps an hour; the oldest beyond [`MARKET_HISTORY_MAX`] is forgotten.
    pub fn remember(&mut self, hour: MarketHour) {
        while self.history.len() >= MARKET_HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(hour);
    }

    /// Change of the price over three clearings, as a share.
    pub fn trend(&self) -> f64 {
        let mut back = self.history.iter().rev().map(|hour| price_of(*hour));
        let (Some(now), Some(before)) = (back.next(), back.nth(2)) else { return 0.0 };
        if before > 0.0 { now / before - 1.0 } else { 0.0 }
    }

    /// Standard deviation of the price over the last five clearings, as a share of their mean.
    pub fn volatility(&self) -> f64 {
        let last = || self.history.iter().rev().take(5).map(|hour| price_of(*hour));
        let count = last().map(|_| 1.0).sum::<f64>();
        if count < 2.0 {
            return 0.0;
        }
        let mean = last().sum::<f64>() / count;
        let variance = last().map(|price| (price - mean) * (price - mean)).sum::<f64>() / count;
        if mean > 0.0 { variance.sqrt() / mean } else { 0.0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "prices of a unit are far below 2^53")]
fn price_of(hour: MarketHour) -> f64 {
    hour.price.0 as f64
}
