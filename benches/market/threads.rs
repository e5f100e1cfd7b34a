//! What a second thread brings where several books are matched, and whether it changes anything.

use std::time::{Duration, Instant};

use bevy_tasks::TaskPoolBuilder;
use worldtick::systems::economy::book::{Book, Clearing, Order};
use worldtick::systems::economy::match_in_parallel;
use worldtick::world::spec::ClearingRule;

use crate::books::{orders, words};
use crate::limit::radix;
use crate::{Failure, goal};

const BOOKS: u64 = 8;
const ORDERS: u32 = 100_000;
const ROUNDS: usize = 21;

fn fill(books: &mut [Book], orders: &[Vec<Order>]) -> Result<(), Failure> {
    for (book, orders) in books.iter_mut().zip(orders) {
        book.clear();
        for order in orders {
            book.submit(*order)?;
        }
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

/// How many times as fast two threads of the system sort the words of the books as one does: what the machine gives.
fn limit(orders: &[Vec<Order>]) -> f64 {
    let words: Vec<Vec<u64>> = orders.iter().map(|orders| words(orders)).collect();
    let sort = |words: &[Vec<u64>]| {
        let (mut copy, mut spare) = (Vec::new(), Vec::new());
        for words in words {
            copy.clone_from(words);
            radix(&mut copy, &mut spare);
            std::hint::black_box(&copy);
        }
    };
    let (one_half, other_half) = words.split_at(words.len() / 2);
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        sort(&words);
        alone.push(began.elapsed());
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| sort(one_half));
            sort(other_half);
        });
        together.push(began.elapsed());
    }
    median(&mut alone) / median(&mut together)
}

/// Eight books of a hundred thousand orders, in wall time; whether the goal is met.
pub(crate) fn run() -> Result<bool, Failure> {
    println!("{BOOKS} books of {ORDERS} orders on one thread and on two:");
    let pool = TaskPoolBuilder::new().num_threads(2).build();
    let orders: Vec<_> = (0..BOOKS).map(|seed| orders(ORDERS, seed)).collect();
    let mut books: Vec<Book> = (0..BOOKS).map(|_| Book::default()).collect();
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    let mut same = true;
    for _ in 0..ROUNDS {
        fill(&mut books, &orders)?;
        let began = Instant::now();
        let first: Vec<Clearing> = books.iter_mut().map(|book| book.match_orders(ClearingRule::Midpoint)).collect();
        alone.push(began.elapsed());
        let fills: Vec<_> = books.iter().map(|book| book.fills().to_vec()).collect();
        fill(&mut books, &orders)?;
        let mut second = vec![Clearing::default(); books.len()];
        let mut work: Vec<_> = books.iter_mut().zip(&mut second).collect();
        let began = Instant::now();
        match_in_parallel(Some(&pool), &mut work, |(book, clearing)| {
            **clearing = book.match_orders(ClearingRule::Midpoint);
        });
        together.push(began.elapsed());
        same &= first == second && books.iter().zip(&fills).all(|(book, fills)| book.fills() == fills.as_slice());
    }
    if !same {
        return Err("two threads came to other results than one".into());
    }
    let (ratio, limit) = (median(&mut alone) / median(&mut together), limit(&orders));
    println!("  two threads are {ratio:.2} times as fast as one, with the same results; the limit: {limit:.2} times");
    println!("  that is {:.2} of the limit", ratio / limit);
    Ok(goal("one over the other, at least 1.6 times", 1.0 / ratio, 1.0 / 1.6))
}
