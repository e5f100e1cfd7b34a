//! A book that is filled from a column of orders, one for each trader by its number.

use super::{Book, PRICE_MAX, QUANTITY_BITS, QUANTITY_MAX, TRADER_BITS, TRADERS_MAX};
use crate::components::market::Side;

impl Book {
    /// Takes all orders of a column, each side, price and quantity, in place of what was in the book; the position is the
    /// trader, and an order for 0 units is none. What [`submit`](Self::submit) comes to for each of them, without a branch
    /// on what nobody can foretell.
    ///
    /// # Errors
    /// When an order is outside the limits of a book, which is empty then.
    pub(in crate::systems::economy) fn fill(
        &mut self,
        orders: impl ExactSizeIterator<Item = (Side, u32, u32)>,
    ) -> Result<(), &'static str> {
        let count = orders.len();
        self.clear();
        if u32::try_from(count).map_or(true, |count| count > TRADERS_MAX) {
            return Err("more traders than a book takes");
        }
        self.bids.resize(count, 0);
        self.asks.resize(count, 0);
        let (mut bids, mut asks, mut wrong) = (0, 0, false);
        for (trader, (side, price, quantity)) in (0_u32..).zip(orders) {
            let there = quantity > 0;
            wrong |= (there & ((price == 0) | (price > PRICE_MAX))) | (quantity > QUANTITY_MAX);
            let rest = u64::from(QUANTITY_MAX.wrapping_sub(quantity)) << TRADER_BITS | u64::from(trader);
            let above = |price: u32| u64::from(price).wrapping_shl(QUANTITY_BITS + TRADER_BITS) | rest;
            // Each is written to both sides, and stays where it belongs.
            if let Some(place) = self.bids.get_mut(bids) {
                *place = above(PRICE_MAX.wrapping_sub(price));
            }
            if let Some(place) = self.asks.get_mut(asks) {
                *place = above(price);
            }
            bids += usize::from(there & (side == Side::Bid));
            asks += usize::from(there & (side == Side::Ask));
        }
        self.bids.truncate(bids);
        self.asks.truncate(asks);
        if wrong {
            self.clear();
            return Err("an order outside the limits of a book");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::systems::economy::book::Order;
    use crate::world::spec::ClearingRule;

    fn column() -> impl Strategy<Value = Vec<(Side, u32, u32)>> {
        let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
        prop::collection::vec((side, 0_u32..=PRICE_MAX, prop_oneof![Just(0), 1..=QUANTITY_MAX]), 0..600)
    }

    proptest! {
        #[test]
        fn a_column_gives_the_book_of_its_orders(column in column()) {
            let column: Vec<_> = column.into_iter().map(|(side, price, units)| (side, price.max(1), units)).collect();
            let (mut filled, mut submitted) = (Book::default(), Book::default());
            filled.submit(Order { side: Side::Bid, price: 9, quantity: 3, trader: 5 }).expect("taken");
            filled.fill(column.iter().copied()).expect("within the limits");
            for (trader, (side, price, quantity)) in (0_u32..).zip(column).filter(|(_, order)| order.2 > 0) {
                submitted.submit(Order { side, price, quantity, trader }).expect("taken");
            }
            prop_assert_eq!(filled.len(), submitted.len());
            let rule = ClearingRule::Uniform;
            prop_assert_eq!(filled.match_orders(rule), submitted.match_orders(rule));
            prop_assert_eq!(filled.fills(), submitted.fills());
        }
    }

    #[test]
    fn a_column_with_an_order_beyond_the_limits_is_refused() {
        let good = (Side::Ask, 10, 1);
        for (price, quantity) in [(0, 1), (PRICE_MAX + 1, 1), (u32::MAX, 1), (1, QUANTITY_MAX + 1), (1, u32::MAX)] {
            for side in [Side::Bid, Side::Ask] {
                let mut book = Book::default();
                let column = [good, (side, price, quantity), good];
                assert!(book.fill(column.into_iter()).is_err(), "{price} {quantity}");
                assert!(book.is_empty());
            }
        }
        let mut book = Book::default();
        assert_eq!(book.fill([good, (Side::Bid, 0, 0), (Side::Bid, PRICE_MAX, QUANTITY_MAX)].into_iter()), Ok(()));
        assert_eq!((book.len(), book.bidders()), (2, 1));
        assert!(book.fill(vec![(Side::Bid, 0, 0); TRADERS_MAX as usize + 1].into_iter()).is_err());
    }
}
