//! What a market costs: `cargo xtask bench market`. About two minutes.
//!
//! Four parts, each by its name alone as well (`cargo xtask bench market -- hours`). Beside each figure stands its limit:
//! the least of the same work, written by hand on plain arrays and measured in the same run. Machines differ, and so does
//! what else they do meanwhile: the ratio is what can be compared.
//!
//! - `books`: one book of a thousand to a million orders is matched, fills written. The limit: the packed words sorted by
//!   radix and nothing else. Goal: at most 25 ns an order in every size.
//! - `beliefs`: the same, and every trader learns from what became of its order. The limit: words sorted, written to
//!   their traders, and a mean taken. Goal: at most 40 ns an order.
//! - `hours`: a whole hour of an economy of five commodities (needs, work, orders, books, settlement, learning, measures;
//!   not the state hash) on one thread, with a thousand to a hundred thousand agents. The limit: an hour of agents that
//!   draw, quote, trade and learn, and do nothing else. Goals: at most 100 ns an order with a hundred thousand agents, no
//!   more than 1.5 times what an order costs with ten thousand, no allocation. Bytes an agent are told.
//! - `threads`: the books of an hour on two threads. The limit: the same words sorted on two threads of the system. Goals:
//!   at least 1.6 times as fast as on one, and the same results.
//!
//! Every figure is the median of several rounds, and sizes take turns. What runs on one thread is measured in its CPU
//! time, so that whatever else the machine does counts less. It fails when a goal is missed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    unsafe_code,
    reason = "a benchmark measures wall time, counts its memory, prints what it measured, and counts in floats"
)]

mod books;
mod cpu;
mod hours;
mod limit;
mod threads;
mod traders;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

/// Counts what is allocated.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MADE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; the counters have no influence on it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        MADE.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are held now.
fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// Allocations so far.
fn made() -> usize {
    MADE.load(Ordering::Relaxed)
}

/// The median of some times in nanoseconds, divided by `parts`.
fn nanos_each(times: &mut [Duration], parts: f64) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e9) / parts.max(1.0)
}

/// Ends a line with a goal, its unit behind it, and whether it is met.
fn at_most(unit: &str, value: f64, most: f64) -> bool {
    let met = value <= most;
    println!(" | at most {most}{unit}: {}", if met { "met" } else { "MISSED" });
    met
}

/// Prints a goal with what was measured; whether it is met.
fn goal(what: &str, value: f64, most: f64) -> bool {
    print!("  {what}: {value:.2}");
    at_most("", value, most)
}

/// A part of the benchmark: whether its goals are met.
type Part = fn() -> Result<bool, Failure>;

fn main() -> Result<(), Failure> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut met = true;
    let parts: [(&str, Part); 4] =
        [("books", books::run), ("beliefs", books::run_with_beliefs), ("hours", hours::run), ("threads", threads::run)];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wish| wish == name) {
            met &= part()?;
        }
    }
    if met { Ok(()) } else { Err("a goal is missed".into()) }
}
