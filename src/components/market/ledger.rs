//! The sums by which money and goods are accounted for.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use super::{CommodityId, PerCommodity};

/// Why goods come into being or cease to be. New kinds are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoodsEntry {
    /// There at the beginning.
    Endowed,
    /// Made by a recipe.
    Produced,
    /// Used up by a recipe.
    UsedUp,
    /// Eaten: a need that was met.
    Eaten,
    /// Enjoyed: bought with what needs left of the budget.
    Enjoyed,
    /// Spoiled in stock.
    Spoiled,
    /// Bought from a trader from outside.
    Imported,
    /// Sold to a trader from outside.
    Exported,
}

impl GoodsEntry {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Endowed,
        Self::Produced,
        Self::UsedUp,
        Self::Eaten,
        Self::Enjoyed,
        Self::Spoiled,
        Self::Imported,
        Self::Exported,
    ];

    /// Whether goods come into being by it.
    pub fn is_source(self) -> bool {
        matches!(self, Self::Endowed | Self::Produced | Self::Imported)
    }
}

/// Why money comes into being or ceases to be. New kinds are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyEntry {
    /// There at the beginning.
    Endowed,
    /// Given to everybody by a shock.
    Granted,
    /// Taken from everybody by a shock.
    Taken,
    /// Paid by traders from outside for what they bought.
    EarnedAbroad,
    /// Paid to traders from outside for what they sold.
    PaidAbroad,
}

impl MoneyEntry {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Endowed, Self::Granted, Self::Taken, Self::EarnedAbroad, Self::PaidAbroad];

    /// Whether money comes into being by it.
    pub fn is_source(self) -> bool {
        matches!(self, Self::Endowed | Self::Granted | Self::EarnedAbroad)
    }
}

/// Sums of all that ever came into being or ceased to be, by kind. Only ledger functions write to it.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    money: [i64; MoneyEntry::ALL.len()],
    goods: PerCommodity<[i64; GoodsEntry::ALL.len()]>,
}

impl Ledger {
    /// An empty ledger for so many commodities.
    pub fn new(commodities: usize) -> Self {
        Self { money: [0; _], goods: PerCommodity::from_fn(commodities, |_| [0; _]) }
    }

    /// The sum of one kind for one commodity, in units.
    pub fn goods(&self, commodity: CommodityId, entry: GoodsEntry) -> i64 {
        self.goods.get(commodity).map_or(0, |row| row[entry as usize])
    }

    /// The sum of one kind, in minor units.
    pub fn money(&self, entry: MoneyEntry) -> i64 {
        self.money[entry as usize]
    }

    /// Money that must be there: all sources less all sinks.
    pub fn money_expected(&self) -> i64 {
        let signed = |entry: MoneyEntry| if entry.is_source() { self.money(entry) } else { -self.money(entry) };
        MoneyEntry::ALL.into_iter().map(signed).sum()
    }

    /// Units of a commodity that must be there: all sources less all sinks.
    pub fn goods_expected(&self, commodity: CommodityId) -> i64 {
        let signed = |entry: GoodsEntry| {
            let sum = self.goods(commodity, entry);
            if entry.is_source() { sum } else { -sum }
        };
        GoodsEntry::ALL.into_iter().map(signed).sum()
    }

    /// For how many commodities it stands.
    pub fn commodities(&self) -> usize {
        self.goods.len()
    }

    /// Adds to a sum of goods; nothing, and no change, where it does not fit.
    pub(crate) fn post_goods(&mut self, commodity: CommodityId, entry: GoodsEntry, amount: i64) -> Option<()> {
        let sum = &mut self.goods.get_mut(commodity)?[entry as usize];
        *sum = sum.checked_add(amount)?;
        Some(())
    }

    /// Adds to a sum of money; nothing, and no change, where it does not fit.
    pub(crate) fn post_money(&mut self, entry: MoneyEntry, amount: i64) -> Option<()> {
        let sum = &mut self.money[entry as usize];
        *sum = sum.checked_add(amount)?;
        Some(())
    }
}
