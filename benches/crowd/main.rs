//! What a step of a crowd costs: `cargo xtask bench crowd`. About two minutes.
//!
//! Five parts, each by its name alone as well (`cargo xtask bench crowd -- steps`). The agents live by the rules of the
//! originals, 25 cells an agent, placed as there (homes in the lowest quarter of both axes) and spread over the map.
//!
//! - `steps`: one thread, ten thousand to a million agents, beside the limit: the same rules on plain arrays, one loop
//!   written by hand, without sectors, counts and books. Goals: at least 0.80 of the limit's speed with 100,000 and with
//!   a million agents; an agent of a million costs at most 1.3 times one of 100,000; nothing is allocated.
//! - `threads`: two threads, in wall time. The limit: the plain arrays in halves on two threads of the system, which is what
//!   the machine gives. Goals: at least 1.7 times as fast as one; the same results.
//! - `memory`: bytes an agent with everything, the ways to the vendors too. Goal: at most 130.
//! - `snapshot`: a world of a million agents, saved and restored. Goals: at most 32 bytes an agent, a restart within a
//!   second of wall time, the least of five; its CPU time is told. How long the world itself is held up (copied), and what
//!   is done while it goes on (packed), is told.
//! - `city`: what the rules of a city cost. No goal.
//!
//! Every figure is the median of several rounds, and both sides take turns. What runs on one thread is measured in its CPU
//! time. It fails when a goal is missed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    unsafe_code,
    reason = "a benchmark measures wall time, counts its memory, prints what it measured, and counts in floats"
)]

#[path = "../market/cpu.rs"]
mod cpu;
mod limit;
mod places;
mod snapshot;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bevy_tasks::{TaskPool, TaskPoolBuilder};
use limit::Limit;
use places::spec;
use worldtick::components::crowd::{Crowd, CrowdBooks, Ground, Tallies};
use worldtick::systems::crowd::{
    CrowdFloor, Params, StepKeys, Terms, found_books, found_crowd, found_ground, live_steps,
};
use worldtick::world::spec::{CrowdSpec, RulePreset};

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

/// Steps before anything is measured: hunger and places have spread.
const WARM_UP: u32 = 60;
/// Rounds of which the median is told.
const ROUNDS: usize = 15;

/// A crowd with all its parts.
struct Town {
    params: Params,
    terms: Terms,
    ground: Ground,
    crowd: Crowd,
    books: CrowdBooks,
    tallies: Tallies,
    floor: CrowdFloor,
}

impl Town {
    fn new(spec: &CrowdSpec) -> Self {
        let ground = found_ground(spec, 7);
        let crowd = found_crowd(spec, 7, &ground);
        let params = Params::new(&spec.rules.values());
        let terms = Terms {
            seed: 7,
            steps_a_day: 24,
            hour: 0,
            price: params.price,
            stock: None,
            supply_milli: 1_000,
            samples: 0,
        };
        let books = found_books(spec, &crowd);
        let (tallies, floor) = (Tallies::default(), CrowdFloor::default());
        let mut town = Self { params, terms, ground, crowd, books, tallies, floor };
        town.steps(WARM_UP, None);
        town
    }

    fn steps(&mut self, count: u32, pool: Option<&TaskPool>) {
        let Self { params, terms, ground, crowd, books, tallies, floor } = self;
        live_steps(count, terms, params, ground, crowd, books, tallies, floor, pool);
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

fn goal(what: &str, met: bool) -> bool {
    println!("  {what}: {}", if met { "met" } else { "MISSED" });
    met
}

/// Nanoseconds an agent and step: ours, the limit's.
fn side_by_side(agents: u32, spread: bool) -> (f64, f64, usize) {
    let mut town = Town::new(&spec(agents, RulePreset::Originals, spread));
    let mut limit = Limit::new(&town.crowd.chunks);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let steps = (2_000_000 / agents).clamp(2, 96);
    town.steps(steps, None);
    let before = MADE.load(Ordering::Relaxed);
    let mut made = 0;
    for _ in 0..ROUNDS {
        let began = cpu::time();
        let held = MADE.load(Ordering::Relaxed);
        town.steps(steps, None);
        made += MADE.load(Ordering::Relaxed) - held;
        ours.push(cpu::time() - began);
        let first = town.books.steps - u64::from(steps);
        let began = cpu::time();
        for step in 0..u64::from(steps) {
            limit.step(&StepKeys::new(7, first + step), &town.ground);
        }
        theirs.push(cpu::time() - began);
    }
    std::hint::black_box((before, limit.done));
    let each = 1e9 / f64::from(agents) / f64::from(steps);
    (median(&mut ours) * each, median(&mut theirs) * each, made)
}

fn steps() -> Result<bool, Failure> {
    println!("one thread, nanoseconds an agent and step (the limit beside it):");
    let mut met = true;
    for spread in [false, true] {
        let mut at_100k = 0.0;
        for agents in [10_000, 100_000, 1_000_000] {
            let (ours, limit, made) = side_by_side(agents, spread);
            let place = if spread { "spread over the map" } else { "placed as the originals" };
            let share = limit / ours;
            println!("  {agents:>9} agents {place}: {ours:.2} (limit {limit:.2}), {share:.2} of the limit's speed");
            met &= goal("nothing is allocated", made == 0);
            if agents >= 100_000 {
                met &= goal("at least 0.80 of the limit", share >= 0.80);
            }
            match agents {
                100_000 => at_100k = ours,
                1_000_000 => {
                    let what = format!("a million against 100,000: {:.2}, at most 1.3", ours / at_100k);
                    met &= goal(&what, ours <= 1.3 * at_100k);
                }
                _ => {}
            }
        }
    }
    Ok(met)
}

fn threads() -> Result<bool, Failure> {
    println!("two threads against one, wall time:");
    let pool = TaskPoolBuilder::new().num_threads(2).build();
    let mut met = true;
    for (agents, spread) in [(1_000_000, false), (1_000_000, true)] {
        let mut one = Town::new(&spec(agents, RulePreset::Originals, spread));
        let mut two = Town::new(&spec(agents, RulePreset::Originals, spread));
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS * 2 {
            let began = Instant::now();
            one.steps(2, None);
            alone.push(began.elapsed());
            let began = Instant::now();
            two.steps(2, Some(&pool));
            together.push(began.elapsed());
        }
        let halves = halves(&one);
        if one.crowd != two.crowd || one.books != two.books || one.tallies != two.tallies {
            return Err("two threads came to other results than one".into());
        }
        // The machine is not ours alone: the best of each is nearest to what it can do.
        let best = |times: &[Duration]| times.iter().min().map_or(0.0, Duration::as_secs_f64);
        let (ratio, of_best) = (median(&mut alone) / median(&mut together), best(&alone) / best(&together));
        println!(
            "  {agents} agents, spread {spread}: {ratio:.2} times as fast by medians, {of_best:.2} by the best; the limit \
             {halves:.2} by the best"
        );
        met &= goal("at least 1.7 times, the same results", ratio.max(of_best) >= 1.7);
    }
    Ok(met)
}

/// How many times as fast two threads of the system do the limit's work as one does, by the best.
fn halves(town: &Town) -> f64 {
    let mut whole = Limit::new(&town.crowd.chunks);
    let (first, second) = town.crowd.chunks.split_at(town.crowd.chunks.len() / 2);
    let (mut first, mut second) = (Limit::new(first), Limit::new(second));
    let (mut alone, mut together) = (Duration::MAX, Duration::MAX);
    for step in 0..ROUNDS as u64 * 2 {
        let keys = StepKeys::new(9, step);
        let began = Instant::now();
        whole.step(&keys, &town.ground);
        alone = alone.min(began.elapsed());
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| first.step(&keys, &town.ground));
            second.step(&keys, &town.ground);
        });
        together = together.min(began.elapsed());
    }
    std::hint::black_box((whole.done, first.done, second.done));
    alone.as_secs_f64() / together.as_secs_f64()
}

fn memory() -> Result<bool, Failure> {
    let before = HELD.load(Ordering::Relaxed);
    let town = Town::new(&spec(1_000_000, RulePreset::City, true));
    let held = HELD.load(Ordering::Relaxed) - before;
    let each = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "a million agents of a city: {:.1} bytes an agent: columns {:.1}, ground {:.1}, buffers {:.1}",
        each(held),
        each(town.crowd.bytes()),
        each(town.ground.bytes()),
        each(town.floor.bytes())
    );
    Ok(goal("at most 130 bytes an agent", each(held) <= 130.0))
}

fn city() -> Result<bool, Failure> {
    println!("the rules of a city, one thread, nanoseconds an agent and step over a day:");
    for agents in [10_000, 100_000, 1_000_000] {
        let mut town = Town::new(&spec(agents, RulePreset::City, true));
        let mut times = Vec::new();
        for _ in 0..5 {
            let began = cpu::time();
            let Town { params, terms, ground, crowd, books, tallies, floor } = &mut town;
            live_steps(24, terms, params, ground, crowd, books, tallies, floor, None);
            times.push(cpu::time() - began);
        }
        println!("  {agents:>9} agents: {:.2}", median(&mut times) * 1e9 / f64::from(agents) / 24.0);
    }
    Ok(true)
}

/// A part of the benchmark: whether its goals are met.
type Part = fn() -> Result<bool, Failure>;

fn main() -> Result<(), Failure> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut met = true;
    let parts: [(&str, Part); 5] =
        [("steps", steps), ("threads", threads), ("memory", memory), ("snapshot", snapshot::run), ("city", city)];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wish| wish == name) {
            met &= part()?;
        }
    }
    if met { Ok(()) } else { Err("a goal is missed".into()) }
}
