//! The sums by which money and goods are accounted for.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// A tool that was worn out by work.
    WornOut,
    /// Brought by a newcomer.
    Arrived,
    /// Taken along by somebody who left.
    Left,
    /// Bought from a trader from outside.
    Imported,
    /// Sold to a trader from outside.
    Exported,
}

impl GoodsEntry {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Endowed,
        Self::Produced,
        Self::UsedUp,
        Self::Eaten,
        Self::Enjoyed,
        Self::Spoiled,
        Self::WornOut,
        Self::Arrived,
        Self::Left,
        Self::Imported,
        Self::Exported,
    ];

    /// Whether goods come into being by it.
    pub fn is_source(self) -> bool {
        matches!(self, Self::Endowed | Self::Produced | Self::Arrived | Self::Imported)
    }
}

/// Why money comes into being, ceases to be, or moves between traders and the treasury. New kinds are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyEntry {
    /// There at the beginning.
    Endowed,
    /// Brought by a newcomer.
    Arrived,
    /// Taken along by somebody who left.
    Left,
    /// Lost by who had to idle because inputs were missing.
    Idle,
    /// The treasury's first money.
    Founded,
    /// Tax on what was sold.
    SalesTax,
    /// Tax on what was earned.
    IncomeTax,
    /// Tax on money above what is exempt.
    WealthTax,
    /// Paid to who missed meals.
    Relief,
    /// Paid to who found no work.
    Wages,
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
    pub const ALL: [Self; 14] = [
        Self::Endowed,
        Self::Arrived,
        Self::Left,
        Self::Idle,
        Self::Founded,
        Self::SalesTax,
        Self::IncomeTax,
        Self::WealthTax,
        Self::Relief,
        Self::Wages,
        Self::Granted,
        Self::Taken,
        Self::EarnedAbroad,
        Self::PaidAbroad,
    ];

    /// What it does to the money of the traders and to that of the treasury: 1 adds, -1 takes away, 0 leaves it.
    pub fn effect(self) -> (i64, i64) {
        match self {
            Self::Endowed | Self::Arrived | Self::Granted | Self::EarnedAbroad => (1, 0),
            Self::Left | Self::Idle | Self::Taken | Self::PaidAbroad => (-1, 0),
            Self::Founded => (0, 1),
            Self::SalesTax | Self::IncomeTax | Self::WealthTax => (-1, 1),
            Self::Relief | Self::Wages => (1, -1),
        }
    }
}

/// Sums by kind. Written with their number, so that kinds that are added later read as 0 where they are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sums<const N: usize>([i64; N]);

impl<const N: usize> Default for Sums<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Serialize for Sums<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Sums<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Vec::<i64>::deserialize(deserializer)?;
        if read.len() > N {
            return Err(serde::de::Error::custom(format!("{} kinds of entries: this program knows {N}", read.len())));
        }
        let mut sums = Self::default();
        sums.0.iter_mut().zip(read).for_each(|(sum, read)| *sum = read);
        Ok(sums)
    }
}

/// Sums of all that ever came into being, ceased to be, or moved between traders and treasury, by kind. Only ledger
/// functions write to it.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    money: Sums<{ MoneyEntry::ALL.len() }>,
    goods: PerCommodity<Sums<{ GoodsEntry::ALL.len() }>>,
}

impl Ledger {
    /// An empty ledger for so many commodities.
    pub fn new(commodities: usize) -> Self {
        Self { money: Sums::default(), goods: PerCommodity::from_fn(commodities, |_| Sums::default()) }
    }

    /// Reads what was written when there were one kind of money and six of goods (version 1; postcard bytes).
    ///
    /// # Errors
    /// With a sentence, where the bytes are not that.
    pub fn read_version_1(bytes: &[u8]) -> Result<Self, String> {
        let read: Result<([i64; 1], PerCommodity<[i64; 6]>), _> = postcard::from_bytes(bytes);
        let ([endowed], goods) = read.map_err(|error| format!("the ledger's version 1: {error}"))?;
        let mut ledger = Self::new(goods.len());
        ledger.money.0[MoneyEntry::Endowed as usize] = endowed;
        ledger.goods = PerCommodity::from_fn(goods.len(), |commodity| {
            let mut sums = Sums::default();
            let old = goods.get(commodity).into_iter().flatten();
            sums.0.iter_mut().zip(old).for_each(|(sum, old)| *sum = *old);
            sums
        });
        Ok(ledger)
    }

    /// The sum of one kind for one commodity, in units.
    pub fn goods(&self, commodity: CommodityId, entry: GoodsEntry) -> i64 {
        self.goods.get(commodity).map_or(0, |row| row.0[entry as usize])
    }

    /// The sum of one kind, in minor units.
    pub fn money(&self, entry: MoneyEntry) -> i64 {
        self.money.0[entry as usize]
    }

    /// Money that must be there: all sources less all sinks.
    pub fn money_expected(&self) -> i64 {
        self.money_of_traders() + self.money_of_treasury()
    }

    /// Money that traders must have.
    pub fn money_of_traders(&self) -> i64 {
        MoneyEntry::ALL.into_iter().map(|entry| entry.effect().0 * self.money(entry)).sum()
    }

    /// Money that the treasury must have.
    pub fn money_of_treasury(&self) -> i64 {
        MoneyEntry::ALL.into_iter().map(|entry| entry.effect().1 * self.money(entry)).sum()
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
        let sum = &mut self.goods.get_mut(commodity)?.0[entry as usize];
        *sum = sum.checked_add(amount)?;
        Some(())
    }

    /// Adds to a sum of money; nothing, and no change, where it does not fit.
    pub(crate) fn post_money(&mut self, entry: MoneyEntry, amount: i64) -> Option<()> {
        let sum = &mut self.money.0[entry as usize];
        *sum = sum.checked_add(amount)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_1_wrote_is_read() {
        let old: ([i64; 1], Vec<[i64; 6]>) = ([700], vec![[1, 2, 3, 4, 5, 6], [7; 6]]);
        let bytes = postcard::to_allocvec(&old).expect("bytes");
        let ledger = Ledger::read_version_1(&bytes).expect("read");
        assert_eq!((ledger.money_expected(), ledger.commodities()), (700, 2));
        assert_eq!(ledger.goods(CommodityId(0), GoodsEntry::Spoiled), 6);
        assert_eq!(ledger.goods(CommodityId(1), GoodsEntry::WornOut), 0);
        assert!(Ledger::read_version_1(&[1]).is_err());
    }

    #[test]
    fn kinds_that_are_missing_read_as_nothing_and_unknown_ones_are_refused() {
        let few = postcard::to_allocvec(&(vec![5_i64], vec![vec![3_i64, 4]])).expect("bytes");
        let ledger: Ledger = postcard::from_bytes(&few).expect("read");
        assert_eq!((ledger.money_expected(), ledger.goods_expected(CommodityId(0))), (5, 7));
        let many = postcard::to_allocvec(&(vec![0_i64; 99], Vec::<Vec<i64>>::new())).expect("bytes");
        assert!(postcard::from_bytes::<Ledger>(&many).is_err());
    }
}
