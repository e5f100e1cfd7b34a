//! Limits: what the least of the same work costs, written by hand on plain arrays, on the same machine in the same run.

use std::hint::black_box;

use crate::books::Numbers;

/// Sorts words like those of a book by radix, least significant digit first, and nothing else.
pub(crate) fn radix(words: &mut Vec<u64>, spare: &mut Vec<u64>) {
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

/// Numbers of the traders in the lowest bits of a word.
const TRADER: u64 = (1 << 22) - 1;

/// Sorts words, gives each trader a result in the order of the words, and moves each trader's belief by it.
pub(crate) fn radix_and_beliefs(words: &mut Vec<u64>, spare: &mut Vec<u64>, results: &mut [u64], beliefs: &mut [f64]) {
    radix(words, spare);
    for word in words.iter() {
        results[(word & TRADER) as usize] = word >> 22;
    }
    for (belief, result) in beliefs.iter_mut().zip(results.iter()) {
        *belief += ((result >> 20) as f64 - *belief) * 0.3;
    }
}

const GOODS: usize = 5;

/// An hour of a market of five goods with the least that an agent can do: it draws, uses up, quotes, trades and learns.
/// Columns, no entities, no roles, no ledger, no limits, nothing that could fail.
pub(crate) struct PlainHour {
    beliefs: Vec<f64>,
    stock: Vec<i64>,
    money: Vec<i64>,
    books: [[Vec<u64>; 2]; GOODS],
    spare: Vec<u64>,
    results: Vec<[i64; 2]>,
    numbers: Numbers,
}

impl PlainHour {
    pub(crate) fn new(agents: usize) -> Self {
        Self {
            beliefs: (0..agents * GOODS).map(|place| 1_900.0 + (place % 201) as f64).collect(),
            stock: vec![5; agents * GOODS],
            money: vec![1_000_000; agents],
            books: Default::default(),
            spare: Vec::new(),
            results: vec![[0; 2]; agents * GOODS],
            numbers: Numbers(3),
        }
    }

    /// Lives for an hour; gives the number of orders.
    pub(crate) fn live(&mut self) -> usize {
        self.order();
        let orders = self.books.iter().flatten().map(Vec::len).sum();
        self.clear();
        for ((belief, stock), [units, money]) in self.beliefs.iter_mut().zip(&mut self.stock).zip(&mut self.results) {
            *stock = (*stock + *units).clamp(0, 20);
            let price = if *units == 0 { 2_000.0 } else { *money as f64 / *units as f64 };
            *belief += (price - *belief) * 0.1;
            (*units, *money) = (0, 0);
        }
        black_box(&self.beliefs);
        orders
    }

    fn order(&mut self) {
        self.books.iter_mut().flatten().for_each(Vec::clear);
        for (agent, money) in self.money.iter().enumerate() {
            for (good, book) in self.books.iter_mut().enumerate() {
                let place = agent * GOODS + good;
                let drawn = self.numbers.below(5);
                // Three of five goods are wanted or offered, as in the world that ships.
                if drawn >= 3 {
                    continue;
                }
                let units = u64::from(drawn) + 1;
                let price = (self.beliefs[place] * 10.0 / (5 + self.stock[place]) as f64).clamp(500.0, 4_000.0) as u64;
                let asks = agent % GOODS == good;
                let price = if asks { price } else { (*money as u64 / units).min(price) };
                let key = if asks { price } else { (1 << 22) - 1 - price };
                book[usize::from(asks)].push(key << 42 | units << 22 | agent as u64);
            }
        }
    }

    fn clear(&mut self) {
        for (good, [bids, asks]) in self.books.iter_mut().enumerate() {
            radix(bids, &mut self.spare);
            self.spare.clear();
            radix(asks, &mut self.spare);
            self.spare.clear();
            for (bid, ask) in bids.iter().zip(asks.iter()) {
                let price = ((1 << 22) - 1 - (bid >> 42)).midpoint(ask >> 42) as i64;
                for (word, sign) in [(bid, 1), (ask, -1)] {
                    let result = &mut self.results[(word & TRADER) as usize * GOODS + good];
                    result[0] += sign;
                    result[1] += sign * price;
                }
            }
        }
    }
}
