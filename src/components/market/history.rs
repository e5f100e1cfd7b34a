//! A trader's last trades.

use bevy_ecs::prelude::Component;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::{CommodityId, Side};
use crate::components::money::{Goods, Money};

/// Trades that a trader remembers.
pub const TRADE_HISTORY_MAX: usize = 10;

/// A trade as one side remembers it: what an order came to in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeRecord {
    /// The economy's hour in which it was made: 1 for the world's first.
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

/// What stands where nothing is remembered yet; nobody sees it.
const NOTHING: TradeRecord =
    TradeRecord { hour: 0, commodity: CommodityId(0), side: Side::Bid, quantity: Goods::ZERO, money: Money::ZERO };

/// A trader's last ten trades, the latest last. They stand with the trader: remembering one allocates nothing.
#[derive(Component, Debug, Clone)]
pub struct TradeHistory {
    /// A ring: the oldest is at `oldest`, or at 0 as long as there are fewer than ten.
    trades: [TradeRecord; TRADE_HISTORY_MAX],
    oldest: u8,
    len: u8,
}

impl Default for TradeHistory {
    fn default() -> Self {
        Self { trades: [NOTHING; TRADE_HISTORY_MAX], oldest: 0, len: 0 }
    }
}

impl TradeHistory {
    /// Remembers a trade; the eleventh last is forgotten.
    pub fn record(&mut self, trade: TradeRecord) {
        let full = usize::from(self.len) >= TRADE_HISTORY_MAX;
        let place = if full { self.oldest } else { self.len };
        if let Some(place) = self.trades.get_mut(usize::from(place)) {
            *place = trade;
        }
        if full {
            self.oldest = if usize::from(self.oldest) + 1 < TRADE_HISTORY_MAX { self.oldest + 1 } else { 0 };
        } else {
            self.len += 1;
        }
    }

    /// The trades, the latest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &TradeRecord> {
        let used = self.trades.get(..usize::from(self.len)).unwrap_or_default();
        let (later, earlier) = used.split_at_checked(usize::from(self.oldest)).unwrap_or((&[], used));
        earlier.iter().chain(later)
    }
}

impl PartialEq for TradeHistory {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for TradeHistory {}

/// As the list of its trades.
impl Serialize for TradeHistory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(Some(usize::from(self.len)))?;
        for trade in self.iter() {
            list.serialize_element(trade)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for TradeHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trades = Vec::<TradeRecord>::deserialize(deserializer)?;
        if trades.len() > TRADE_HISTORY_MAX {
            return Err(D::Error::custom(format!("{} trades where {TRADE_HISTORY_MAX} are remembered", trades.len())));
        }
        let mut history = Self::default();
        trades.into_iter().for_each(|trade| history.record(trade));
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_are_remembered_and_saved_in_their_order() {
        let mut history = TradeHistory::default();
        let mut all = Vec::new();
        for hour in 0..35_u64 {
            let trade = TradeRecord { hour, ..NOTHING };
            history.record(trade);
            all.push(trade);
            let last = &all[all.len().saturating_sub(TRADE_HISTORY_MAX)..];
            assert!(history.iter().eq(last), "{hour}");
            let bytes = postcard::to_stdvec(&history).expect("saved");
            assert_eq!(bytes, postcard::to_stdvec(last).expect("saved"));
            assert_eq!(postcard::from_bytes::<TradeHistory>(&bytes).expect("read"), history);
        }
        assert!(postcard::from_bytes::<TradeHistory>(&postcard::to_stdvec(&all).expect("saved")).is_err());
    }
}
