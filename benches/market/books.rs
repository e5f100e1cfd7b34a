//! What matching a book costs, by itself and with what traders learn from it.

use std::hint::black_box;
use std::time::Duration;

use worldtick::components::market::{Belief, Personality, Side};
use worldtick::systems::economy::book::{Book, Order};
use worldtick::systems::economy::{MarketNews, Placed, learn};
use worldtick::world::spec::{ClearingRule, EconomyParameters};

use crate::{Failure, cpu, goal, nanos_each};

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const ROUNDS: usize = 15;
/// Orders of a round: small books are matched again and again.
const ROUND: u32 = 1_000_000;

/// Numbers by chance, the same in each run (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u32 {
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

/// Fills and matches a book; gives the volume.
fn clear(book: &mut Book, orders: &[Order]) -> Result<u64, Failure> {
    book.clear();
    for order in orders {
        book.submit(*order)?;
    }
    Ok(book.match_orders(ClearingRule::Midpoint).volume)
}

/// The limit: words like those of a book, sorted by radix, least significant digit first, and nothing else.
fn radix(words: &mut Vec<u64>, spare: &mut Vec<u64>) {
    spare.resize(words.len(), 0);
    for shift in [22, 33, 44, 55] {
        let digit = |word: u64| (word >> shift & 0x7FF) as usize;
        let mut places = [0_usize; 2_048];
        words.iter().for_each(|word| places[digit(*word)] += 1);
        let mut next = 0;
        for place in &mut places {
            (*place, next) = (next, next + *place);
        }
        for word in words.iter() {
            let place = &mut places[digit(*word)];
            spare[*place] = *word;
            *place += 1;
        }
        std::mem::swap(words, spare);
    }
}

/// Books of one size.
struct Bench {
    orders: Vec<Order>,
    words: Vec<u64>,
    book: Book,
    scratch: [Vec<u64>; 2],
    beliefs: Vec<Belief>,
    results: Vec<(u32, i64)>,
    matched: Vec<Duration>,
    sorted: Vec<Duration>,
    learned: Vec<Duration>,
}

impl Bench {
    fn new(count: u32) -> Self {
        let orders = orders(count, 7);
        let word =
            |order: &Order| u64::from(order.price) << 42 | u64::from(order.quantity) << 22 | u64::from(order.trader);
        let beliefs = orders.iter().map(|order| Belief { price: f64::from(order.price), doubt: 0.02 }).collect();
        Self {
            words: orders.iter().map(word).collect(),
            results: vec![(0, 0); orders.len()],
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
            self.results.fill((0, 0));
            for fill in self.book.fills() {
                for trader in [fill.buyer, fill.seller] {
                    let (units, money) = &mut self.results[trader as usize];
                    *units += fill.quantity;
                    *money += i64::from(fill.quantity) * i64::from(fill.price);
                }
            }
            let news = MarketNews { price: Some(2_000.0), best_bid: Some(1_990.0), best_ask: Some(2_010.0) };
            for ((belief, order), (filled, money)) in self.beliefs.iter_mut().zip(&self.orders).zip(&self.results) {
                let Order { side, price, quantity, .. } = *order;
                let limit = if side == Side::Bid { price + 50 } else { price - 50 };
                let placed = Placed { side, price, limit, quantity, for_work: 0, filled: *filled, money: *money };
                *belief = learn(*belief, Some(&placed), news, &personality, &parameters);
            }
        }
        self.learned.push((cpu::time() - began) / self.repeats());
        Ok(())
    }
}

fn sizes() -> Vec<Bench> {
    SIZES.into_iter().map(Bench::new).collect()
}

/// Matching alone, beside the limit; whether its goal is met.
pub(crate) fn run() -> Result<bool, Failure> {
    println!("a book is filled and matched, fills written:");
    let mut sizes = sizes();
    for _ in 0..ROUNDS {
        for size in &mut sizes {
            size.round()?;
        }
    }
    println!("   orders | ns an order | limit: radix sort alone | fills an order");
    let mut met = true;
    for size in &mut sizes {
        let orders = size.orders.len() as f64;
        let (each, limit) = (nanos_each(&mut size.matched, orders), nanos_each(&mut size.sorted, orders));
        println!("{:>9} | {each:>11.1} | {limit:>23.1} | {:>14.2}", orders, size.book.fills().len() as f64 / orders);
        met &= goal("ns an order", each, 25.0);
    }
    Ok(met)
}

/// Matching and learning; whether its goal is met.
pub(crate) fn run_with_beliefs() -> Result<bool, Failure> {
    println!("a book is filled and matched, and every trader learns:");
    let mut sizes = sizes();
    for _ in 0..ROUNDS {
        for size in &mut sizes {
            size.round_with_beliefs()?;
        }
    }
    println!("   orders | ns an order");
    let mut met = true;
    for size in &mut sizes {
        let orders = size.orders.len() as f64;
        let each = nanos_each(&mut size.learned, orders);
        println!("{orders:>9} | {each:>11.1}");
        met &= goal("ns an order", each, 40.0);
    }
    Ok(met)
}
