//! What matching a book costs, by itself and with what traders learn from it.

use std::hint::black_box;
use std::time::Duration;

use worldtick::components::market::{Belief, Personality, Side};
use worldtick::systems::economy::book::{Book, Order};
use worldtick::systems::economy::{MarketNews, Placed, learn};
use worldtick::world::spec::{ClearingRule, EconomyParameters};

use crate::limit::{radix, radix_and_beliefs};
use crate::{Failure, at_most, cpu, nanos_each};

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const ROUNDS: usize = 9;
/// Orders of a round: small books are matched again and again.
const ROUND: u32 = 1_000_000;

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

/// Orders in words as a book packs them.
pub(crate) fn words(orders: &[Order]) -> Vec<u64> {
    let word = |order: &Order| u64::from(order.price) << 42 | u64::from(order.quantity) << 22 | u64::from(order.trader);
    orders.iter().map(word).collect()
}

/// Fills and matches a book; gives the volume.
fn clear(book: &mut Book, orders: &[Order]) -> Result<u64, Failure> {
    book.clear();
    for order in orders {
        book.submit(*order)?;
    }
    Ok(book.match_orders(ClearingRule::Midpoint).volume)
}

/// Books of one size.
struct Bench {
    orders: Vec<Order>,
    words: Vec<u64>,
    book: Book,
    scratch: [Vec<u64>; 2],
    beliefs: Vec<Belief>,
    /// Units and money of each trader in one word, as the library keeps them.
    results: Vec<u64>,
    plain: (Vec<u64>, Vec<f64>),
    matched: Vec<Duration>,
    sorted: Vec<Duration>,
    learned: Vec<Duration>,
}

impl Bench {
    fn new(count: u32) -> Self {
        let orders = orders(count, 7);
        let beliefs = orders.iter().map(|order| Belief { price: f64::from(order.price), doubt: 0.02 }).collect();
        Self {
            words: words(&orders),
            results: vec![0; orders.len()],
            plain: (vec![0; orders.len()], vec![2_000.0; orders.len()]),
            orders,
            book: Book::default(),
            scratch: [Vec::new(), Vec::new()],
            beliefs,
            matched: Vec::new(),
            sorted: Vec::new(),
            learned: Vec::new(),
        }
    }

    fn repeats(&self) -> u32 {
        (ROUND / u32::try_from(self.orders.len()).unwrap_or(1)).max(1)
    }

    fn round(&mut self) -> Result<(), Failure> {
        let began = cpu::time();
        for _ in 0..self.repeats() {
            black_box(clear(&mut self.book, black_box(&self.orders))?);
        }
        let matched = cpu::time();
        for _ in 0..self.repeats() {
            let [words, spare] = &mut self.scratch;
            words.clone_from(black_box(&self.words));
            radix(words, spare);
            black_box(words);
        }
        self.matched.push((matched - began) / self.repeats());
        self.sorted.push((cpu::time() - matched) / self.repeats());
        Ok(())
    }

    /// The same with results and beliefs: fills are added up for each trader, and each learns.
    fn round_with_beliefs(&mut self) -> Result<(), Failure> {
        let (personality, parameters) = (Personality::default(), EconomyParameters::default());
        let began = cpu::time();
        for _ in 0..self.repeats() {
            clear(&mut self.book, black_box(&self.orders))?;
            self.results.fill(0);
            for fill in self.book.fills() {
                let traded =
                    (u64::from(fill.quantity) << MONEY_BITS) | (u64::from(fill.quantity) * u64::from(fill.price));
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
        }
        let learned = cpu::time();
        for _ in 0..self.repeats() {
            let [words, spare] = &mut self.scratch;
            words.clone_from(black_box(&self.words));
            radix_and_beliefs(words, spare, &mut self.plain.0, &mut self.plain.1);
            black_box(&mut self.plain);
        }
        self.learned.push((learned - began) / self.repeats());
        self.sorted.push((cpu::time() - learned) / self.repeats());
        Ok(())
    }
}

fn sizes() -> Vec<Bench> {
    SIZES.into_iter().map(Bench::new).collect()
}

/// Measures all sizes in turn and prints them; whether no order costs more than `most` nanoseconds in any of them.
fn measure(what: &str, limit: &str, most: f64, round: fn(&mut Bench) -> Result<(), Failure>) -> Result<bool, Failure> {
    println!("{what}; the limit: {limit}");
    println!("   orders | ns an order |  limit | ratio | fills an order");
    let mut sizes = sizes();
    for _ in 0..ROUNDS {
        for size in &mut sizes {
            round(size)?;
        }
    }
    let mut met = true;
    for size in &mut sizes {
        let orders = size.orders.len() as f64;
        let times = if size.matched.is_empty() { &mut size.learned } else { &mut size.matched };
        let (each, limit) = (nanos_each(times, orders), nanos_each(&mut size.sorted, orders));
        let fills = size.book.fills().len() as f64 / orders;
        print!("{orders:>9} | {each:>11.1} | {limit:>6.1} | {:>5.2} | {fills:>14.2}", each / limit);
        met &= at_most(" ns an order", each, most);
    }
    Ok(met)
}

/// Matching alone, beside the limit; whether its goal is met.
pub(crate) fn run() -> Result<bool, Failure> {
    measure("a book is filled and matched, fills written", "its words sorted by radix", 25.0, Bench::round)
}

/// Matching and learning; whether its goal is met.
pub(crate) fn run_with_beliefs() -> Result<bool, Failure> {
    let limit = "the same words sorted, written to their traders, and a mean taken";
    measure("a book is filled and matched, and every trader learns", limit, 40.0, Bench::round_with_beliefs)
}
