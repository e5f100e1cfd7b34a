//! A trader's last trades.

use std::collections::VecDeque;

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::{CommodityId, Side};
use crate::components::money::{Goods, Money};

/// Trades that a trader remembers.
pub const TRADE_HISTORY_MAX: usize = 10;

/// A trade as one side remembers it: what an order came to in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeRecord {
    /// The economy's hour in which it was made, counted from the world's first.
    pub hour: u64,
    /// What.
    pub commodity: CommodityId,
    /// Bought or sold.
    pub side: Side,
    /// Units traded.
    pub quantity: Goods,
    /// Money paid or received for all of them.
    pub money: Money,
}

/// A trader's last ten trades, the latest last.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TradeHistory {
    trades: VecDeque<TradeRecord>,
}

impl TradeHistory {
    /// Remembers a trade; the eleventh last is forgotten.
    pub fn record(&mut self, trade: TradeRecord) {
        if self.trades.len() >= TRADE_HISTORY_MAX {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
    }

    /// The trades, the latest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &TradeRecord> {
        self.trades.iter()
    }
}
