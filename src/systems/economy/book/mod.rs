//! An order book that is cleared at once: a double auction with partial fills.
//!
//! An order is packed into one word with price, quantity and trader, so that sorting the words sorts the orders by
//! their priority: better price, then larger quantity, then lower trader. The packing sets the limits [`PRICE_MAX`],
//! [`QUANTITY_MAX`] and [`TRADERS_MAX`]. A trader stands on one side of a book only: nobody can trade with himself, and
//! the matching of best with best is the best for the submitted prices (Gode and Sunder 1993 measure against it).
//!
//! Pure: no world, no allocation once the buffers have grown.

mod arrange;
mod limits;

use thiserror::Error;

use self::arrange::Words;
pub use self::limits::Limits;

use crate::components::market::Side;
use crate::world::spec::ClearingRule;

const PRICE_BITS: u32 = 22;
const QUANTITY_BITS: u32 = 20;
const TRADER_BITS: u32 = 22;

/// The highest price of an order, in minor units.
pub const PRICE_MAX: u32 = (1 << PRICE_BITS) - 1;
/// The largest quantity of an order, in units.
pub const QUANTITY_MAX: u32 = (1 << QUANTITY_BITS) - 1;
/// Traders in a book at most; they are numbered from 0.
pub const TRADERS_MAX: u32 = 1 << TRADER_BITS;

/// What somebody wants to trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Buys or sells.
    pub side: Side,
    /// Minor units a unit: the most that a bid pays, the least that an ask takes. 1 to [`PRICE_MAX`].
    pub price: u32,
    /// Units. 1 to [`QUANTITY_MAX`].
    pub quantity: u32,
    /// Number of the trader, below [`TRADERS_MAX`]. Lower numbers go first.
    pub trader: u32,
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OrderRefused {
    /// The price is 0 or too high.
    #[error("a price of {0} minor units is outside 1 to {PRICE_MAX}")]
    Price(u32),
    /// The quantity is 0 or too large.
    #[error("a quantity of {0} is outside 1 to {QUANTITY_MAX}")]
    Quantity(u32),
    /// The number of the trader is too large.
    #[error("trader {0} is beyond the {TRADERS_MAX} that a book takes")]
    Trader(u32),
    /// The trader already stands on the other side.
    #[error("trader {0} stands on the other side already: nobody trades with himself")]
    OtherSide(u32),
}

/// A trade between two orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Who buys.
    pub buyer: u32,
    /// Who sells.
    pub seller: u32,
    /// Units.
    pub quantity: u32,
    /// Minor units for each.
    pub price: u32,
}

/// What a clearing came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clearing {
    /// Units traded.
    pub volume: u64,
    /// Money that changed hands, in minor units.
    pub turnover: u128,
    /// Price times quantity of the bids less that of the asks, over all that was traded.
    pub surplus: u128,
    /// Units wanted and not bought.
    pub bids_unfilled: u64,
    /// Units offered and not sold.
    pub asks_unfilled: u64,
    /// Highest price among the bids left.
    pub best_bid: Option<u32>,
    /// Lowest price among the asks left.
    pub best_ask: Option<u32>,
}

impl Clearing {
    /// Mean price weighted by volume, to the nearest minor unit; nothing without trades.
    pub fn price(&self) -> Option<u32> {
        let volume = u128::from(self.volume);
        if volume == 0 {
            return None;
        }
        u32::try_from((self.turnover + volume / 2) / volume).ok()
    }
}

/// The orders of one commodity, and the fills of its last clearing.
#[derive(Debug, Default)]
pub struct Book {
    /// Bids, then asks: one piece of code for both, as nobody can foretell which comes next.
    halves: [Words; 2],
    fills: Vec<Fill>,
    /// What side a trader stands on: 0 for none, else one more than the number of the half.
    sides: Vec<u8>,
    spare: Vec<u64>,
}

const NO_SIDE: u8 = 0;

/// The number of a side's half of a book.
fn half(side: Side) -> usize {
    usize::from(side == Side::Ask)
}

/// What a word of a side has turned round: the higher a bid, the earlier it comes.
fn turned(side: Side) -> u64 {
    if side == Side::Bid { u64::from(PRICE_MAX) << (QUANTITY_BITS + TRADER_BITS) } else { 0 }
}

impl Book {
    /// Empties the book. What it has allocated stays.
    pub fn clear(&mut self) {
        self.halves.iter_mut().for_each(Words::clear);
        self.fills.clear();
        self.sides.fill(NO_SIDE);
    }

    /// Makes room for an order of each of so many traders: nothing grows then, whatever an hour brings.
    pub(super) fn reserve(&mut self, traders: usize) {
        // A fill uses up at least one of its two orders, so that there are no more fills than orders.
        self.halves.iter_mut().for_each(|half| half.reserve(traders));
        self.fills.reserve(traders);
        self.spare.reserve(traders.saturating_sub(self.spare.len()));
        self.sides.resize(traders.max(self.sides.len()), NO_SIDE);
    }

    /// Takes an order.
    ///
    /// # Errors
    /// When a number is outside its limits or the trader stands on the other side; nothing has changed then.
    #[inline]
    pub fn submit(&mut self, order: Order) -> Result<(), OrderRefused> {
        if order.price == 0 || order.price > PRICE_MAX {
            return Err(OrderRefused::Price(order.price));
        }
        if order.quantity == 0 || order.quantity > QUANTITY_MAX {
            return Err(OrderRefused::Quantity(order.quantity));
        }
        if order.trader >= TRADERS_MAX {
            return Err(OrderRefused::Trader(order.trader));
        }
        let index = order.trader as usize;
        if index >= self.sides.len() {
            self.sides.resize(index + 1, NO_SIDE);
        }
        let half = half(order.side);
        let side = if half == 0 { 1 } else { 2 };
        match self.sides.get_mut(index) {
            Some(present) if *present == NO_SIDE || *present == side => *present = side,
            _ => return Err(OrderRefused::OtherSide(order.trader)),
        }
        if let Some(half) = self.halves.get_mut(half) {
            half.push(pack(order), TRADER_BITS);
        }
        Ok(())
    }

    /// Matches the orders, best with best, and keeps the fills.
    pub fn match_orders(&mut self, rule: ClearingRule) -> Clearing {
        let cuts = [TRADER_BITS, TRADER_BITS + QUANTITY_BITS];
        self.halves.iter_mut().for_each(|half| half.sort(&mut self.spare, cuts));
        self.fills.clear();
        let mut clearing = Clearing::default();
        let [bids, asks] = &self.halves;
        let (mut bids, mut asks) = (Cursor::new(bids.as_slice(), Side::Bid), Cursor::new(asks.as_slice(), Side::Ask));
        let mut last = None;
        while let (Some(bid), Some(ask)) = (bids.order(), asks.order()) {
            if bid.price < ask.price {
                break;
            }
            let quantity = bid.quantity.min(ask.quantity);
            let price = midpoint(bid.price, ask.price);
            self.fills.push(Fill { buyer: bid.trader, seller: ask.trader, quantity, price });
            clearing.volume += u64::from(quantity);
            clearing.turnover += u128::from(u64::from(price) * u64::from(quantity));
            clearing.surplus += u128::from(u64::from(bid.price - ask.price) * u64::from(quantity));
            last = Some((bid.price, ask.price));
            bids.fill(quantity);
            asks.fill(quantity);
        }
        (clearing.best_bid, clearing.best_ask) = (bids.price(), asks.price());
        if let (ClearingRule::Uniform, Some((bid, ask))) = (rule, last) {
            // Any price works that the last pair takes and that nobody left out would have bettered.
            let low = ask.max(clearing.best_bid.unwrap_or(0)).min(bid);
            let high = bid.min(clearing.best_ask.unwrap_or(PRICE_MAX)).max(low);
            let price = midpoint(low, high);
            for fill in &mut self.fills {
                fill.price = price;
            }
            clearing.turnover = u128::from(price) * u128::from(clearing.volume);
        }
        clearing.bids_unfilled = bids.rest();
        clearing.asks_unfilled = asks.rest();
        clearing
    }

    /// The trades of the last clearing, in the order in which they were matched.
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// Bids in the book: one a trader.
    pub fn bidders(&self) -> usize {
        self.halves[0].len()
    }

    /// Orders in the book.
    pub fn len(&self) -> usize {
        self.halves.iter().map(Words::len).sum()
    }

    /// Whether nobody wants to trade.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A walk through the orders of one side, best first.
///
/// Nobody can foretell which of two orders is used up by a trade: both walks take the same steps either way, without a
/// branch.
struct Cursor<'a> {
    words: &'a [u64],
    turned: u64,
    /// Which order is at hand, and what is left of it.
    at: usize,
    left: u32,
}

impl<'a> Cursor<'a> {
    fn new(words: &'a [u64], side: Side) -> Self {
        Self { words, turned: turned(side), at: 0, left: words.first().map_or(0, |word| quantity(*word)) }
    }

    /// The order at hand, with what is left of it.
    #[inline]
    fn order(&self) -> Option<Rest> {
        let word = self.words.get(self.at)? ^ self.turned;
        Some(Rest { price: price(word), quantity: self.left, trader: trader(word) })
    }

    #[inline]
    fn fill(&mut self, filled: u32) {
        self.left -= filled;
        let used_up = self.left == 0;
        self.at += usize::from(used_up);
        let next = self.words.get(self.at).map_or(0, |word| quantity(*word));
        self.left |= next & 0_u32.wrapping_sub(u32::from(used_up));
    }

    fn price(&self) -> Option<u32> {
        self.order().map(|order| order.price)
    }

    fn rest(self) -> u64 {
        let after = self.words.get(self.at + 1..).unwrap_or_default();
        u64::from(self.left) + after.iter().map(|word| u64::from(quantity(*word))).sum::<u64>()
    }
}

/// What is left of an order.
struct Rest {
    price: u32,
    quantity: u32,
    trader: u32,
}

fn midpoint(low: u32, high: u32) -> u32 {
    u32::midpoint(low, high)
}

/// One word that sorts, rising, as the orders of a side shall be served.
fn pack(order: Order) -> u64 {
    let word = u64::from(order.price) << (QUANTITY_BITS + TRADER_BITS)
        | u64::from(QUANTITY_MAX - order.quantity) << TRADER_BITS
        | u64::from(order.trader);
    word ^ turned(order.side)
}

/// The price of a word that is not turned.
fn price(word: u64) -> u32 {
    (word >> (QUANTITY_BITS + TRADER_BITS)) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "it is masked to fewer than 32 bits")]
fn quantity(word: u64) -> u32 {
    QUANTITY_MAX - ((word >> TRADER_BITS) as u32 & QUANTITY_MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "it is masked to fewer than 32 bits")]
fn trader(word: u64) -> u32 {
    word as u32 & (TRADERS_MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(orders: &[(Side, u32, u32, u32)]) -> Book {
        let mut book = Book::default();
        for (side, price, quantity, trader) in orders.iter().copied() {
            book.submit(Order { side, price, quantity, trader }).expect("taken");
        }
        book
    }

    #[test]
    fn packing_keeps_the_extremes() {
        for side in [Side::Bid, Side::Ask] {
            for (most, units, number) in [(1, 1, 0), (PRICE_MAX, QUANTITY_MAX, TRADERS_MAX - 1), (77, 5, 9)] {
                let order = Order { side, price: most, quantity: units, trader: number };
                let word = pack(order);
                let plain = word ^ turned(side);
                assert_eq!((price(plain), quantity(word), trader(word)), (order.price, order.quantity, order.trader));
            }
        }
    }

    #[test]
    fn best_trades_with_best_at_the_midpoint() {
        let mut book =
            book(&[(Side::Bid, 120, 5, 0), (Side::Bid, 100, 5, 1), (Side::Ask, 80, 7, 2), (Side::Ask, 110, 9, 3)]);
        let clearing = book.match_orders(ClearingRule::Midpoint);
        assert_eq!(
            book.fills(),
            [
                Fill { buyer: 0, seller: 2, quantity: 5, price: 100 },
                Fill { buyer: 1, seller: 2, quantity: 2, price: 90 }
            ]
        );
        assert_eq!((clearing.volume, clearing.turnover, clearing.price()), (7, 680, Some(97)));
        assert_eq!((clearing.bids_unfilled, clearing.asks_unfilled), (3, 9));
        assert_eq!((clearing.best_bid, clearing.best_ask), (Some(100), Some(110)));
    }

    #[test]
    fn one_price_for_all_lies_where_nobody_left_out_would_better_it() {
        let orders = [(Side::Bid, 120, 5, 0), (Side::Bid, 100, 5, 1), (Side::Ask, 80, 7, 2), (Side::Ask, 110, 9, 3)];
        let mut book = book(&orders);
        let clearing = book.match_orders(ClearingRule::Uniform);
        // The bid at 100 is partly filled: it holds the price at 100.
        assert!(book.fills().iter().all(|fill| fill.price == 100));
        assert_eq!((clearing.volume, clearing.turnover), (7, 700));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_and_changes_nothing() {
        let mut book = Book::default();
        let order = Order { side: Side::Bid, price: 10, quantity: 1, trader: 4 };
        assert_eq!(book.submit(Order { price: 0, ..order }), Err(OrderRefused::Price(0)));
        assert_eq!(book.submit(Order { price: PRICE_MAX + 1, ..order }), Err(OrderRefused::Price(PRICE_MAX + 1)));
        assert_eq!(book.submit(Order { quantity: 0, ..order }), Err(OrderRefused::Quantity(0)));
        assert_eq!(book.submit(Order { trader: TRADERS_MAX, ..order }), Err(OrderRefused::Trader(TRADERS_MAX)));
        assert!(book.is_empty());
        book.submit(order).expect("taken");
        assert_eq!(book.submit(Order { side: Side::Ask, ..order }), Err(OrderRefused::OtherSide(4)));
        assert_eq!(book.len(), 1);
    }
}
