//! Traders with an order each in one book, who learn from what became of it.

use std::hint::black_box;

use worldtick::components::market::{Belief, Personality, Side};
use worldtick::systems::economy::book::{Book, Order};
use worldtick::systems::economy::{MarketNews, Placed, learn};
use worldtick::world::spec::{ClearingRule, EconomyParameters};

use crate::Failure;

/// Bits of a result that hold the money; units lie above.
const MONEY_BITS: u32 = 42;

/// Numbers by chance, the same in each run (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from(((u128::from(mixed ^ (mixed >> 31)) * u128::from(end)) >> 64) as u64 & 0xFFFF_FFFF).unwrap_or(0)
    }
}

/// Half of them bids, at prices about 2,000 that overlap; each trader has one order.
pub(crate) fn orders(count: u32, seed: u64) -> Vec<Order> {
    let mut numbers = Numbers(seed);
    let mut order = |trader| {
        let side = if numbers.below(2) == 0 { Side::Bid } else { Side::Ask };
        let away = numbers.below(1_000) + numbers.below(1_000);
        let price = if side == Side::Bid { 1_100 + away } else { 900 + away };
        Order { side, price, quantity: 1 + numbers.below(20), trader }
    };
    (0..count).map(&mut order).collect()
}

/// The traders, their book and what they believe.
pub(crate) struct Traders {
    pub(crate) orders: Vec<Order>,
    pub(crate) book: Book,
    beliefs: Vec<Belief>,
    /// Units and money of each trader in one word, as the library keeps them.
    results: Vec<u64>,
}

impl Traders {
    /// So many.
    pub(crate) fn new(count: u32) -> Self {
        let orders = orders(count, 7);
        let beliefs = orders.iter().map(|order| Belief { price: f64::from(order.price), doubt: 0.02 }).collect();
        Self { book: Book::default(), beliefs, results: vec![0; orders.len()], orders }
    }

    /// Fills and matches the book; gives the volume.
    pub(crate) fn clear(&mut self) -> Result<u64, Failure> {
        self.book.clear();
        for order in black_box(&self.orders) {
            self.book.submit(*order)?;
        }
        Ok(self.book.match_orders(ClearingRule::Midpoint).volume)
    }

    /// The same; then fills are added up for each trader, and each learns.
    pub(crate) fn learn(&mut self) -> Result<(), Failure> {
        let (personality, parameters) = (Personality::default(), EconomyParameters::default());
        self.clear()?;
        self.results.fill(0);
        for fill in self.book.fills() {
            let traded = (u64::from(fill.quantity) << MONEY_BITS) | (u64::from(fill.quantity) * u64::from(fill.price));
            for trader in [fill.buyer, fill.seller] {
                self.results[trader as usize] += traded;
            }
        }
        let news = MarketNews {
            price: Some(2_000.0),
            best_bid: Some(1_990.0),
            best_ask: Some(2_010.0),
            trend: 0.01,
            volatility: 0.01,
        };
        let lesson = news.lesson(&parameters);
        for ((belief, order), result) in self.beliefs.iter_mut().zip(&self.orders).zip(&self.results) {
            let Order { side, price, quantity, .. } = *order;
            let limit = if side == Side::Bid { price + 50 } else { price - 50 };
            let (filled, money) = ((result >> MONEY_BITS) as u32, (result & ((1 << MONEY_BITS) - 1)) as i64);
            let placed = Placed { side, price, limit, quantity, for_work: 0, filled, money };
            *belief = learn(*belief, Some(&placed), &lesson, &personality, &parameters);
        }
        Ok(())
    }
}
