//! The surplus that the traders' own limits allow: what efficiency is measured against.
//!
//! No fills and no priority: only prices and quantities count, so that these words are shorter and sorted sooner than
//! those of a book.

use super::arrange::Words;
use super::{PRICE_MAX, QUANTITY_BITS, QUANTITY_MAX, half};
use crate::components::market::Side;

/// Limits and quantities of one commodity.
#[derive(Debug, Default)]
pub struct Limits {
    /// Of bids, then of asks.
    halves: [Words; 2],
    spare: Vec<u64>,
}

impl Limits {
    /// Forgets all. What has been allocated stays.
    pub fn clear(&mut self) {
        self.halves.iter_mut().for_each(Words::clear);
    }

    /// Makes room for the limit of each of so many traders.
    pub(in crate::systems::economy) fn reserve(&mut self, traders: usize) {
        self.halves.iter_mut().for_each(|half| half.reserve(traders));
        self.spare.reserve(traders.saturating_sub(self.spare.len()));
    }

    /// Takes the limit of an order: the most that a buyer would have paid for each unit, or the least that a seller would
    /// have taken. Beyond [`PRICE_MAX`] and [`QUANTITY_MAX`] it counts as these.
    pub fn take(&mut self, side: Side, limit: u32, quantity: u32) {
        let (limit, quantity) = (limit.min(PRICE_MAX), u64::from(quantity.min(QUANTITY_MAX)));
        let turned = if side == Side::Bid { u64::from(PRICE_MAX) << QUANTITY_BITS } else { 0 };
        if let Some(half) = self.halves.get_mut(half(side)) {
            half.push((u64::from(limit) << QUANTITY_BITS | quantity) ^ turned, QUANTITY_BITS);
        }
    }

    /// The most surplus that any trades between them can bring, in minor units.
    pub fn surplus(&mut self) -> u128 {
        // Quantities need no order: the surplus is the same.
        self.halves.iter_mut().for_each(|half| half.sort_by_upper(&mut self.spare, QUANTITY_BITS));
        let [bids, asks] = &self.halves;
        let (mut bids, mut asks) =
            (bids.as_slice().iter().copied().map(split), asks.as_slice().iter().copied().map(split));
        let mut surplus = 0_u128;
        let (mut bid, mut ask) = (bids.next(), asks.next());
        while let (Some((from_top, wanted)), Some((least, offered))) = (bid, ask) {
            let most = u64::from(PRICE_MAX) - from_top;
            if most < least {
                break;
            }
            let traded = wanted.min(offered);
            surplus += u128::from((most - least) * traded);
            bid = if wanted > traded { Some((from_top, wanted - traded)) } else { bids.next() };
            ask = if offered > traded { Some((least, offered - traded)) } else { asks.next() };
        }
        surplus
    }
}

/// Price and quantity of a word.
fn split(word: u64) -> (u64, u64) {
    (word >> QUANTITY_BITS, word & u64::from(QUANTITY_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::systems::economy::book::{Book, Order};
    use crate::world::spec::ClearingRule;

    fn orders() -> impl Strategy<Value = Vec<(bool, u32, u32)>> {
        let price = prop_oneof![6 => 90_u32..110, 2 => 1_u32..5_000, 1 => Just(1_u32), 1 => Just(PRICE_MAX)];
        let quantity = prop_oneof![8 => 1_u32..12, 1 => Just(QUANTITY_MAX)];
        prop::collection::vec((any::<bool>(), price, quantity), 0..900)
    }

    proptest! {
        #[test]
        fn a_book_of_the_same_orders_has_the_same_surplus(orders in orders()) {
            let (mut limits, mut book) = (Limits::default(), Book::default());
            for (trader, (bids, price, quantity)) in (0_u32..).zip(orders) {
                let side = if bids { Side::Bid } else { Side::Ask };
                limits.take(side, price, quantity);
                book.submit(Order { side, price, quantity, trader }).expect("taken");
            }
            prop_assert_eq!(limits.surplus(), book.match_orders(ClearingRule::Midpoint).surplus);
        }
    }
}
