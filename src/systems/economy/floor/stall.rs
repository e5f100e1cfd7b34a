//! A commodity's part of the trading floor: its orders in a column, their results in another, and its book.

use bevy_ecs::error::Result;

use crate::components::market::Side;
use crate::systems::economy::book::{Book, Clearing, Limits, PRICE_MAX, QUANTITY_MAX};
use crate::systems::economy::ledger::ClearingHouse;
use crate::world::spec::ClearingRule;

/// An order of a trader, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Buys or sells.
    pub side: Side,
    /// Quoted price of a unit in minor units, 1 to [`PRICE_MAX`].
    pub price: u32,
    /// The price in minor units beyond which the trader itself would rather not trade, 1 to [`PRICE_MAX`].
    pub limit: u32,
    /// Units, 1 to [`QUANTITY_MAX`].
    pub quantity: u32,
    /// Units of a bid that are not to be enjoyed.
    pub for_work: u32,
    /// Units traded, up to the quantity.
    pub filled: u32,
    /// Money paid or received for all of them, in minor units: 0 to [`QUANTITY_MAX`] times [`PRICE_MAX`].
    pub money: i64,
}

impl Placed {
    /// No order: its quantity is 0.
    pub(crate) const NONE: Self =
        Self { side: Side::Bid, price: 0, limit: 0, quantity: 0, for_work: 0, filled: 0, money: 0 };
}

/// Why nothing is left of what a trader wished to buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its money did not cover a unit.
    Money,
    /// It had no room for a unit.
    Room,
}

/// An order as it stands in its column; none where the quantity is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    pub(crate) price: u32,
    pub(crate) limit: u32,
    pub(crate) quantity: u32,
    /// Units of a bid that are not to be enjoyed; [`ASK`] in an ask.
    pub(crate) for_work: u32,
}

/// What marks an ask: more units than an order can have.
const ASK: u32 = u32::MAX;

impl Slot {
    pub(crate) fn bid(price: u32, limit: u32, quantity: u32, for_work: u32) -> Self {
        Self { price, limit, quantity, for_work: for_work.min(quantity) }
    }

    pub(crate) fn ask(price: u32, limit: u32, quantity: u32) -> Self {
        Self { price, limit, quantity, for_work: ASK }
    }

    /// No order, and why there is none: told by the limit, which nobody reads of no order.
    pub(crate) fn cut(why: Cut) -> Self {
        Self { limit: if why == Cut::Money { 1 } else { 2 }, ..Self::default() }
    }

    /// Why there is no order, where one was wished for.
    pub(crate) fn why_cut(&self) -> Option<Cut> {
        match self.limit {
            1 if self.is_empty() => Some(Cut::Money),
            2 if self.is_empty() => Some(Cut::Room),
            _ => None,
        }
    }

    pub(crate) fn side(&self) -> Side {
        if self.for_work == ASK { Side::Ask } else { Side::Bid }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.quantity == 0
    }

    fn placed(&self, result: Filled) -> Placed {
        let side = self.side();
        Placed {
            side,
            price: self.price,
            limit: self.limit,
            quantity: self.quantity,
            for_work: if side == Side::Bid { self.for_work } else { 0 },
            filled: result.units(),
            money: result.money(),
        }
    }
}

/// Units traded and the money for them, in one word: money in the lower bits, units above.
///
/// A trader has one order in a book, so that both fit: no more than [`QUANTITY_MAX`] units at no more than [`PRICE_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Filled(u64);

const MONEY_BITS: u32 = 42;
const _: () = assert!((PRICE_MAX as u64) * (QUANTITY_MAX as u64) < 1 << MONEY_BITS);
const _: () = assert!((QUANTITY_MAX as u64) < 1 << (64 - MONEY_BITS));

impl Filled {
    fn add(&mut self, units: u32, price: u32) {
        let units = u64::from(units);
        self.0 = self.0.wrapping_add(units << MONEY_BITS | (units * u64::from(price)));
    }

    fn units(self) -> u32 {
        (self.0 >> MONEY_BITS) as u32
    }

    #[expect(clippy::cast_possible_wrap, reason = "42 bits are left")]
    fn money(self) -> i64 {
        (self.0 & ((1 << MONEY_BITS) - 1)) as i64
    }
}

/// Orders, results and book of one commodity.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// Each trader's order, by its number on the floor.
    pub(crate) slots: Vec<Slot>,
    results: Vec<Filled>,
    pub(crate) book: Book,
    limits: Limits,
    pub(crate) house: ClearingHouse,
    /// What its matching came to, or why it came to nothing.
    pub(crate) outcome: Option<Result<Outcome, &'static str>>,
}

/// What a matching came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) clearing: Clearing,
    /// The share of the surplus that the traders' own limits allowed and that was realised.
    pub(crate) efficiency: Option<f64>,
}

impl Stall {
    /// Clears it for so many traders.
    pub(crate) fn open(&mut self, traders: usize) {
        self.slots.clear();
        self.slots.resize(traders, Slot::default());
        self.results.clear();
        self.results.resize(traders, Filled::default());
        self.book.clear();
        self.book.reserve(traders);
        self.limits.clear();
        self.limits.reserve(traders);
        self.house = ClearingHouse::default();
        self.outcome = None;
    }

    /// Makes places for traders from outside behind those of the roster.
    pub(crate) fn widen(&mut self, traders: usize) {
        self.slots.resize(traders, Slot::default());
        self.results.resize(traders, Filled::default());
    }

    /// Those of so many traders who bid; those from outside stand behind them and do not count.
    pub(crate) fn bidders(&self, traders: usize) -> usize {
        let outside = self.slots.get(traders..).unwrap_or_default();
        let bids = outside.iter().filter(|slot| !slot.is_empty() && slot.side() == Side::Bid).count();
        self.book.bidders().saturating_sub(bids)
    }

    /// A trader's order and what became of it.
    pub(crate) fn order(&self, seat: usize) -> Option<Placed> {
        let slot = self.slots.get(seat).filter(|slot| !slot.is_empty())?;
        Some(slot.placed(self.results.get(seat).copied().unwrap_or_default()))
    }

    /// The same, with a quantity of 0 where there is no order.
    #[inline]
    pub(crate) fn result(&self, seat: usize) -> Placed {
        let slot = self.slots.get(seat).copied().unwrap_or_default();
        slot.placed(self.results.get(seat).copied().unwrap_or_default())
    }

    /// Why a trader has no order, where it wished to buy.
    pub(crate) fn why_cut(&self, seat: usize) -> Option<Cut> {
        self.slots.get(seat)?.why_cut()
    }

    /// Matches the book and writes the results.
    pub(crate) fn clear_market(&mut self, rule: ClearingRule) {
        let clearing = self.book.match_orders(rule);
        for fill in self.book.fills() {
            for trader in [fill.buyer, fill.seller] {
                match self.results.get_mut(trader as usize) {
                    Some(result) => result.add(fill.quantity, fill.price),
                    None => return self.outcome = Some(Err("a fill without an order")),
                }
            }
        }
        let efficiency = self.efficiency();
        self.outcome = Some(Ok(Outcome { clearing, efficiency }));
    }

    /// The share of the surplus that the traders' own limits allowed and that was realised (Gode and Sunder 1993).
    #[expect(clippy::cast_precision_loss, reason = "a ratio for readers; nothing computes with it")]
    fn efficiency(&mut self) -> Option<f64> {
        self.limits.clear();
        let mut realised = 0_i128;
        for (slot, result) in self.slots.iter().zip(&self.results).filter(|(slot, _)| !slot.is_empty()) {
            let side = slot.side();
            self.limits.take(side, slot.limit, slot.quantity);
            let value = i128::from(i64::from(slot.limit) * i64::from(result.units()));
            realised += if side == Side::Bid { value } else { -value };
        }
        let possible = self.limits.surplus();
        (possible > 0).then(|| realised as f64 / possible as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::systems::economy::book::Order;

    /// A side, a quote, how much further the limit lies, and a quantity.
    fn any_order() -> impl Strategy<Value = (bool, u32, u32, u32)> {
        (any::<bool>(), 20_u32..60, 0_u32..20, 1_u32..5)
    }

    fn opened(orders: &[(bool, u32, u32, u32)]) -> Stall {
        let mut stall = Stall::default();
        stall.open(orders.len());
        for (trader, (bids, quote, further, quantity)) in (0_u32..).zip(orders) {
            let (side, slot) = if *bids {
                (Side::Bid, Slot::bid(*quote, quote + further, *quantity, 0))
            } else {
                (Side::Ask, Slot::ask(*quote, quote - further, *quantity))
            };
            stall.slots[trader as usize] = slot;
            stall
                .book
                .submit(Order { side, price: *quote, quantity: *quantity, trader })
                .expect("an order within bounds");
        }
        stall
    }

    proptest! {
        /// Unit by unit: the dearest wish with the cheapest offer, as long as both gain; and what the fills brought.
        #[test]
        fn the_realised_share_is_that_of_a_count_by_units(
            orders in prop::collection::vec(any_order(), 0..9),
            uniform: bool,
        ) {
            let mut stall = opened(&orders);
            stall.clear_market(if uniform { ClearingRule::Uniform } else { ClearingRule::Midpoint });
            let units = |of_bids: bool| -> Vec<i64> {
                let of_side = orders.iter().filter(|(bids, ..)| *bids == of_bids);
                of_side
                    .flat_map(|(bids, quote, further, quantity)| {
                        let limit = i64::from(if *bids { quote + further } else { quote - further });
                        std::iter::repeat_n(limit, *quantity as usize)
                    })
                    .collect()
            };
            let (mut wished, mut offered) = (units(true), units(false));
            wished.sort_unstable_by(|a, b| b.cmp(a));
            offered.sort_unstable();
            let possible: i64 = wished.iter().zip(&offered).map(|(most, least)| (most - least).max(0)).sum();
            let limit = |trader: u32| i64::from(stall.slots[trader as usize].limit);
            let gain = |fill: &crate::systems::economy::book::Fill| {
                (limit(fill.buyer) - limit(fill.seller)) * i64::from(fill.quantity)
            };
            let realised: i64 = stall.book.fills().iter().map(gain).sum();
            let efficiency = stall.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()).expect("cleared").efficiency;
            let by_units = (possible > 0).then(|| realised as f64 / possible as f64);
            prop_assert_eq!(efficiency, by_units);
            prop_assert!(efficiency.is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
    }

    #[test]
    fn quotes_that_keep_traders_apart_lose_surplus() {
        // The first two trade; the others would at their limits, and their quotes do not meet.
        let mut stall = opened(&[(true, 50, 0, 1), (false, 40, 0, 1), (true, 41, 9, 2), (false, 45, 5, 2)]);
        stall.clear_market(ClearingRule::Midpoint);
        let outcome = stall.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()).expect("cleared");
        assert_eq!(outcome.efficiency, Some(10.0 / 30.0));
    }

    #[test]
    fn a_result_takes_the_largest_order() {
        let mut result = Filled::default();
        result.add(QUANTITY_MAX, PRICE_MAX);
        assert_eq!(result.units(), QUANTITY_MAX);
        assert_eq!(result.money(), i64::from(QUANTITY_MAX) * i64::from(PRICE_MAX));
        let mut parts = Filled::default();
        (0..5).for_each(|price| parts.add(3, price));
        assert_eq!((parts.units(), parts.money()), (15, 30));
    }

    #[test]
    fn a_slot_gives_back_what_was_put_in() {
        let bid = Slot::bid(7, 9, 4, 6).placed(Filled::default());
        assert_eq!((bid.side, bid.price, bid.limit, bid.quantity, bid.for_work), (Side::Bid, 7, 9, 4, 4));
        let ask = Slot::ask(7, 5, 4).placed(Filled::default());
        assert_eq!((ask.side, ask.price, ask.limit, ask.quantity, ask.for_work), (Side::Ask, 7, 5, 4, 0));
        assert!(Slot::default().is_empty() && !Slot::ask(7, 5, 4).is_empty());
        for why in [Cut::Money, Cut::Room] {
            assert!(Slot::cut(why).is_empty() && Slot::cut(why).why_cut() == Some(why));
        }
        assert!(
            [Slot::default(), Slot::bid(1, 1, 1, 1), Slot::ask(2, 2, 2)].iter().all(|slot| slot.why_cut().is_none())
        );
    }
}
