//! What matching a book costs, by itself and with what traders learn from it.

use std::hint::black_box;
use std::time::Duration;

use worldtick::systems::economy::book::Order;

use crate::limit::{radix, radix_and_beliefs};
use crate::traders::Traders;
pub(crate) use crate::traders::{Numbers, orders};
use crate::{Failure, at_most, cpu, nanos_each};

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const ROUNDS: usize = 9;
/// Orders of a round: small books are matched again and again.
const ROUND: u32 = 1_000_000;

/// Orders in words as a book packs them.
pub(crate) fn words(orders: &[Order]) -> Vec<u64> {
    let word = |order: &Order| u64::from(order.price) << 42 | u64::from(order.quantity) << 22 | u64::from(order.trader);
    orders.iter().map(word).collect()
}

/// Books of one size.
struct Bench {
    traders: Traders,
    words: Vec<u64>,
    scratch: [Vec<u64>; 2],
    plain: (Vec<u64>, Vec<f64>),
    matched: Vec<Duration>,
    sorted: Vec<Duration>,
    learned: Vec<Duration>,
}

impl Bench {
    fn new(count: u32) -> Self {
        let traders = Traders::new(count);
        let len = traders.orders.len();
        Self {
            words: words(&traders.orders),
            plain: (vec![0; len], vec![2_000.0; len]),
            traders,
            scratch: [Vec::new(), Vec::new()],
            matched: Vec::new(),
            sorted: Vec::new(),
            learned: Vec::new(),
        }
    }

    fn repeats(&self) -> u32 {
        (ROUND / u32::try_from(self.traders.orders.len()).unwrap_or(1)).max(1)
    }

    fn round(&mut self) -> Result<(), Failure> {
        let began = cpu::time();
        for _ in 0..self.repeats() {
            black_box(self.traders.clear()?);
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
        let began = cpu::time();
        for _ in 0..self.repeats() {
            self.traders.learn()?;
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
        let orders = size.traders.orders.len() as f64;
        let times = if size.matched.is_empty() { &mut size.learned } else { &mut size.matched };
        let (each, limit) = (nanos_each(times, orders), nanos_each(&mut size.sorted, orders));
        let fills = size.traders.book.fills().len() as f64 / orders;
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
