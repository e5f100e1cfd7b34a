//! What a trader wishes to buy, and what of it its money covers. Pure.

use crate::components::market::CommodityId;
use crate::systems::economy::book::{PRICE_MAX, QUANTITY_MAX};
use crate::systems::economy::floor::stall::{Cut, Slot};
use crate::systems::economy::maths::whole;

/// What a trader wishes to buy of one commodity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wish {
    id: CommodityId,
    need: i64,
    input: i64,
    treat: i64,
    price: f64,
    limit: f64,
    /// The price that is quoted, in minor units: 1 to [`PRICE_MAX`].
    quote: i64,
}

/// Units of an order at most.
const MOST: i64 = QUANTITY_MAX as i64;

impl Wish {
    pub(crate) fn of(id: CommodityId) -> Self {
        Self { id, ..Self::default() }
    }

    /// Units that are needed, at a price that goes no further than a limit. The other two are the same for units to work
    /// with, and to be enjoyed.
    pub(crate) fn need(&mut self, units: i64, price: f64, limit: f64) {
        self.need = units;
        self.raise(price, limit);
    }

    pub(crate) fn input(&mut self, units: i64, price: f64, limit: f64) {
        self.input = units;
        self.raise(price, limit);
    }

    pub(crate) fn treat(&mut self, units: i64, price: f64, limit: f64) {
        self.treat = units;
        self.raise(price, limit);
    }

    fn raise(&mut self, price: f64, limit: f64) {
        let price = if price < limit { price } else { limit };
        self.price = if price > self.price { price } else { self.price };
        self.limit = if limit > self.limit { limit } else { self.limit };
    }

    /// The wish with its price in minor units; nothing, where nothing is wished for.
    pub(crate) fn quoted(self) -> Option<Self> {
        if self.need | self.input | self.treat == 0 {
            return None;
        }
        let (need, input, treat) = (self.need.min(MOST), self.input.min(MOST), self.treat.min(MOST));
        let quote = whole(self.price).clamp(1, i64::from(PRICE_MAX));
        Some(Self { need, input, treat, quote, ..self })
    }

    /// What it costs: far below what fits, by the limits of units and price.
    fn cost(&self) -> i64 {
        (self.need + self.input + self.treat) * self.quote
    }

    /// Its commodity, and the order for it; none, where the money covers nothing of it.
    pub(crate) fn bid(&self) -> (CommodityId, Slot) {
        let for_work = self.need + self.input;
        let fit = |units: i64| u32::try_from(units.min(MOST)).unwrap_or(0);
        let (price, most) = (u32::try_from(self.quote).unwrap_or(PRICE_MAX), i64::from(PRICE_MAX));
        let limit = u32::try_from(whole(self.limit).clamp(self.quote, most)).unwrap_or(price);
        let quantity = fit(for_work + self.treat);
        let slot = if quantity == 0 { Slot::cut(Cut::Money) } else { Slot::bid(price, limit, quantity, fit(for_work)) };
        (self.id, slot)
    }
}

/// Cuts wishes down to what the money covers: needs first, then inputs, then treats.
pub(crate) fn cover(wishes: &mut [Wish], mut money: i64) {
    let all = wishes.iter().map(Wish::cost).try_fold(0_i64, i64::checked_add);
    if all.is_some_and(|all| all <= money) {
        return;
    }
    let mut afford = |units: &mut i64, price: i64| {
        *units = (*units).min(money / price).max(0);
        money -= *units * price;
    };
    wishes.iter_mut().for_each(|wish| afford(&mut wish.need, wish.quote));
    wishes.iter_mut().for_each(|wish| afford(&mut wish.input, wish.quote));
    wishes.iter_mut().for_each(|wish| afford(&mut wish.treat, wish.quote));
}

/// Cuts wishes down to what there is room for, in the same order. Goods that are offered free no room before they are
/// sold.
pub(crate) fn fit(wishes: &mut [Wish], mut room: i64) {
    let mut take = |units: &mut i64| {
        *units = (*units).min(room).max(0);
        room -= *units;
    };
    wishes.iter_mut().for_each(|wish| take(&mut wish.need));
    wishes.iter_mut().for_each(|wish| take(&mut wish.input));
    wishes.iter_mut().for_each(|wish| take(&mut wish.treat));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish(id: u16, [need, input, treat]: [i64; 3], price: f64) -> Option<Wish> {
        let mut wish = Wish::of(CommodityId(id));
        wish.need(need, price, price * 2.0);
        wish.input(input, price, price * 3.0);
        wish.treat(treat, price, price);
        wish.quoted()
    }

    #[test]
    fn needs_come_before_inputs_and_those_before_treats() {
        let mut wishes: Vec<Wish> =
            [wish(0, [2, 0, 5], 10.0), wish(1, [0, 3, 0], 10.0)].into_iter().flatten().collect();
        cover(&mut wishes, 55);
        let bids: Vec<_> = wishes.iter().map(|wish| wish.bid().1).collect();
        assert_eq!(bids, [Slot::bid(10, 30, 2, 2), Slot::bid(10, 30, 3, 3)]);
    }

    #[test]
    fn an_input_that_stands_first_takes_no_room_from_what_is_eaten() {
        let cut = |room| -> Vec<i64> {
            let mut wishes: Vec<Wish> =
                [wish(0, [0, 9, 0], 10.0), wish(1, [4, 1, 3], 10.0)].into_iter().flatten().collect();
            fit(&mut wishes, room);
            wishes.iter().flat_map(|wish| [wish.need, wish.input, wish.treat]).collect()
        };
        assert_eq!(cut(i64::MAX), [0, 9, 0, 4, 1, 3]);
        assert_eq!(cut(16), [0, 9, 0, 4, 1, 2]);
        assert_eq!(cut(12), [0, 8, 0, 4, 0, 0]);
        assert_eq!(cut(3), [0, 0, 0, 3, 0, 0]);
        assert_eq!(cut(0), [0; 6]);
    }

    #[test]
    fn a_wish_for_nothing_is_none() {
        assert_eq!(wish(0, [0, 0, 0], 10.0), None);
    }

    proptest! {
        #[test]
        fn orders_never_cost_more_than_there_is(
            units in prop::collection::vec(prop::array::uniform3(0_i64..2_000_000), 1..6),
            price in 0.0_f64..1e7,
            money in 0_i64..1_000_000_000_000,
        ) {
            let mut wishes: Vec<Wish> = (0..).zip(units).filter_map(|(id, units)| wish(id, units, price)).collect();
            cover(&mut wishes, money);
            let cost = |slot: Slot| i64::from(slot.price) * i64::from(slot.quantity);
            prop_assert!(wishes.iter().map(|wish| cost(wish.bid().1)).sum::<i64>() <= money);
        }
    }
}
