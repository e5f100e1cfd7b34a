//! The surplus that the traders' own limits allow: what efficiency is measured against.
//!
//! No fills and no priority, so that nothing needs to be sorted. At any price, what buyers would have paid above it and
//! what sellers would have taken below it adds up to no less than any trades between them can bring, and at the price
//! where as much is wanted as offered, to just that. This price is found by counting units, coarsely first and then more
//! finely, as a weighted quantile of all limits.

use super::{PRICE_MAX, QUANTITY_MAX};
use crate::components::market::Side;

/// Steps that a range of prices is cut into.
const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 10;

/// Finds the surplus that limits allow; what it has allocated stays.
#[derive(Debug, Default)]
pub struct Limits {
    /// Units by price, and those outside the range at the end.
    counts: Vec<u64>,
}

impl Limits {
    /// The most surplus that any trades can bring, in minor units, between orders with these limits and quantities: the
    /// most that a buyer would have paid for each unit, or the least that a seller would have taken. Beyond [`PRICE_MAX`]
    /// and [`QUANTITY_MAX`] they count as these; an order for 0 units is none.
    pub fn surplus(&mut self, orders: impl Iterator<Item = (Side, u32, u32)> + Clone) -> u128 {
        let orders =
            orders.map(|(side, limit, quantity)| (side, limit.min(PRICE_MAX), u64::from(quantity.min(QUANTITY_MAX))));
        let margin = self.margin(orders.clone());
        orders.map(|(side, limit, quantity)| u128::from(beyond(side, limit, margin) * quantity)).sum()
    }

    /// The lowest limit up to which there are as many units, wanted and offered, as are wanted at all: at a price of that,
    /// those who would trade find as much as they want.
    fn margin(&mut self, orders: impl Iterator<Item = (Side, u32, u64)> + Clone) -> u32 {
        let (mut low, mut high, mut wanted) = (PRICE_MAX, 0, 0);
        for (side, limit, quantity) in orders.clone() {
            let there = quantity > 0;
            low = low.min(if there { limit } else { PRICE_MAX });
            high = high.max(if there { limit } else { 0 });
            wanted += if side == Side::Bid { quantity } else { 0 };
        }
        // Prices of a range that is cut into steps of 2 to the power of `shift`; what lies below it has been counted.
        let mut shift = (u32::BITS - high.saturating_sub(low).leading_zeros()).saturating_sub(STEP_BITS);
        let (mut size, mut below) = (high.saturating_sub(low).saturating_add(1), 0);
        loop {
            self.counts.clear();
            self.counts.resize(STEPS + 1, 0);
            for (_, limit, quantity) in orders.clone() {
                let from_low = limit.wrapping_sub(low);
                let step = if from_low < size { (from_low >> shift) as usize } else { STEPS };
                if let Some(count) = self.counts.get_mut(step) {
                    *count += quantity;
                }
            }
            let mut step = 0;
            for count in self.counts.iter().take(STEPS - 1) {
                if below + count >= wanted {
                    break;
                }
                below += count;
                step += 1;
            }
            low += step << shift;
            if shift == 0 {
                return low;
            }
            size = 1 << shift;
            shift = shift.saturating_sub(STEP_BITS);
        }
    }
}

/// How far a limit lies on the side of a price on which its owner would trade.
#[inline]
fn beyond(side: Side, limit: u32, price: u32) -> u64 {
    let (above, below) = (u64::from(limit.saturating_sub(price)), u64::from(price.saturating_sub(limit)));
    if side == Side::Bid { above } else { below }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::systems::economy::book::{Book, Order};
    use crate::world::spec::ClearingRule;

    fn orders() -> impl Strategy<Value = Vec<(Side, u32, u32)>> {
        let price =
            prop_oneof![6 => 90_u32..110, 2 => 1_u32..5_000, 1 => 1..=PRICE_MAX, 1 => Just(1), 1 => Just(PRICE_MAX)];
        let quantity = prop_oneof![8 => 0_u32..12, 1 => Just(QUANTITY_MAX)];
        let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
        prop::collection::vec((side, price, quantity), 0..900)
    }

    fn of_a_book(orders: &[(Side, u32, u32)]) -> u128 {
        let mut book = Book::default();
        for (trader, (side, price, quantity)) in (0_u32..).zip(orders.iter().copied()).filter(|(_, order)| order.2 > 0)
        {
            book.submit(Order { side, price, quantity, trader }).expect("taken");
        }
        book.match_orders(ClearingRule::Midpoint).surplus
    }

    proptest! {
        #[test]
        fn a_book_of_the_same_orders_has_the_same_surplus(orders in orders(), few in 0_usize..9) {
            let mut limits = Limits::default();
            prop_assert_eq!(limits.surplus(orders.iter().copied()), of_a_book(&orders));
            let few = orders.get(..few.min(orders.len())).unwrap_or_default();
            prop_assert_eq!(limits.surplus(few.iter().copied()), of_a_book(few));
        }
    }

    #[test]
    fn with_one_side_alone_there_is_none() {
        for side in [Side::Bid, Side::Ask] {
            let orders = [(side, PRICE_MAX, QUANTITY_MAX), (side, 1, 1), (side, 700, 3)];
            assert_eq!(Limits::default().surplus(orders.into_iter()), 0);
        }
        assert_eq!(Limits::default().surplus(std::iter::empty()), 0);
    }

    #[test]
    fn the_largest_orders_are_counted_in_full() {
        let orders = [(Side::Bid, PRICE_MAX, QUANTITY_MAX), (Side::Ask, 1, QUANTITY_MAX)].repeat(1_000);
        let each = u128::from(PRICE_MAX - 1) * u128::from(QUANTITY_MAX);
        assert_eq!(Limits::default().surplus(orders.iter().copied()), each * 1_000);
        assert_eq!(Limits::default().surplus(orders.iter().map(|order| (order.0, u32::MAX, u32::MAX))), 0);
    }
}
