//! What one whole tick of a full world costs: `cargo xtask bench tick`. About two minutes.
//!
//! The world has a crowd of a million agents by the rules of the originals that lives one step in the tick, 50 NPCs that
//! come to a decision in it, and 100 factions of which every pair is evaluated. A tick is what a CronJob sends at midnight
//! to a world with clock `ticks`: the hourly tick (a world step of an hour for the NPCs, then the crowd) and the daily one
//! (diplomacy). Between both a book of 100,000 orders is filled and matched, and each of its traders learns. Events and
//! state hashes are included, on one thread; the commit is not.
//!
//! Two worlds: the crowd placed as in the originals (homes in the lowest quarter of both axes), and spread over the map.
//! Goals: below 25 ms and below 45 ms. Every figure is CPU time of the thread, the median of several ticks, with the
//! allocator of the server.
//!
//! For each it also prints the same tick with a whole hour of an economy in place of the book: the one that ships, with so
//! many agents that they write 100,000 orders, work, plan, are settled and hashed. For that one it tells where the time
//! goes, from a run of its own with a stopwatch between the parts, and what it costs without state hashes. It has no goal.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    unsafe_code,
    reason = "a benchmark measures time, prints what it measured, and counts in floats"
)]

#[path = "../market/cpu.rs"]
mod cpu;
#[path = "../diplomacy/factions.rs"]
mod factions;
mod parts;
#[path = "../scheduler/people.rs"]
mod people;
#[path = "../crowd/places.rs"]
mod places;
#[path = "../market/traders.rs"]
mod traders;
mod worlds;

use worldtick::components::clock::GameInstant;
use worldtick::messages::{Input, TickInput, TickType};
use worldtick::world::GameWorld;

use mimalloc::MiMalloc;
use parts::Parts;
use traders::Traders;
use worlds::Kind;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// Days before anything is measured: people have spread, trade has settled, every buffer has grown.
const WARM_UP: usize = 3;
/// Midnights of which the median is told.
const ROUNDS: usize = 9;
/// Orders of the book that is matched by itself.
const ORDERS: u32 = 100_000;

/// A world, the hour that it has reached, and traders with an order each where it has no economy.
struct Town {
    world: GameWorld,
    now: GameInstant,
    traders: Option<Traders>,
}

/// What a tick did.
#[derive(Debug, Clone, Copy, Default)]
struct Tick {
    millis: f64,
    /// Of these, in the book of the traders.
    book: f64,
    orders: usize,
    decisions: u64,
    events: usize,
}

impl Town {
    fn new(kind: Kind, parts: Option<&Parts>) -> Result<Self, Failure> {
        let world = worlds::build(kind, parts)?;
        let traders = (!kind.economy).then(|| Traders::new(ORDERS));
        let mut town = Self { world, now: worlds::begins()?, traders };
        for _ in 0..WARM_UP {
            town.day(None)?;
        }
        Ok(town)
    }

    fn apply(&mut self, tick_type: TickType) -> Result<(f64, usize), Failure> {
        let input = Input::Tick(TickInput { tick_id: uuid::Uuid::nil(), tick_type, game_time: self.now });
        let began = cpu::time();
        let outcome = self.world.apply(&input)?;
        Ok(((cpu::time() - began).as_secs_f64() * 1e3, outcome.events.len()))
    }

    /// Milliseconds in which the traders' book is filled and matched, and they learn.
    fn trade(&mut self) -> Result<f64, Failure> {
        let began = cpu::time();
        if let Some(traders) = &mut self.traders {
            traders.learn()?;
        }
        Ok((cpu::time() - began).as_secs_f64() * 1e3)
    }

    fn next_hour(&mut self) -> Result<(), Failure> {
        self.now = self.now.checked_add_micros(3_600_000_000).ok_or("the calendar ends")?;
        Ok(())
    }

    /// A day's hours, and what its midnight came to: the hourly and the daily tick.
    fn day(&mut self, parts: Option<&Parts>) -> Result<Tick, Failure> {
        for _ in 1..24 {
            self.next_hour()?;
            self.apply(TickType::Hourly)?;
        }
        self.next_hour()?;
        let before = worlds::decisions(&mut self.world);
        if let Some(parts) = parts {
            parts.watch_on(true);
        }
        let (hour, of_hour) = self.apply(TickType::Hourly)?;
        let book = self.trade()?;
        let (day, of_day) = self.apply(TickType::Daily)?;
        if let Some(parts) = parts {
            parts.watch_on(false);
        }
        let decisions = worlds::decisions(&mut self.world) - before;
        let orders = match &self.traders {
            Some(traders) => traders.orders.len(),
            None => worlds::orders(&mut self.world),
        };
        Ok(Tick { millis: hour + book + day, book, orders, decisions, events: of_hour + of_day })
    }

    /// The midnights that are measured, by what they took.
    fn rounds(&mut self, parts: Option<&Parts>) -> Result<Vec<Tick>, Failure> {
        let mut ticks = (0..ROUNDS).map(|_| self.day(parts)).collect::<Result<Vec<_>, _>>()?;
        ticks.sort_by(|one, other| one.millis.total_cmp(&other.millis));
        Ok(ticks)
    }
}

fn median(ticks: &[Tick]) -> Tick {
    ticks.get(ticks.len() / 2).copied().unwrap_or_default()
}

fn tell(what: &str, ticks: &[Tick]) -> f64 {
    let all = median(ticks);
    let least = ticks.first().map_or(0.0, |tick| tick.millis);
    println!(
        "  {what}: {:.1} ms a tick (the least {least:.1}); {} orders, {} decisions, {} events",
        all.millis, all.orders, all.decisions, all.events
    );
    all.millis
}

/// Measures one placement; whether its goal is met.
fn measure(spread: bool, most: f64) -> Result<bool, Failure> {
    println!("a million agents {}", if spread { "spread over the map" } else { "placed as in the originals" });
    let kind = Kind { spread, economy: false, hashes: true };
    let ticks = Town::new(kind, None)?.rounds(None)?;
    let millis = tell("with a book and what its traders learn", &ticks);
    let met = millis < most;
    println!(
        "    of it the book {:.1} ms; below {most} ms: {}",
        median(&ticks).book,
        if met { "met" } else { "MISSED" }
    );
    let full = Kind { economy: true, ..kind };
    tell("with a whole hour of an economy", &Town::new(full, None)?.rounds(None)?);
    let parts = Parts::default();
    Town::new(full, Some(&parts))?.rounds(Some(&parts))?;
    parts.tell(ROUNDS);
    let bare = median(&Town::new(Kind { hashes: false, ..full }, None)?.rounds(None)?);
    println!("    without state hashes {:.1} ms", bare.millis);
    Ok(met)
}

fn main() -> Result<(), Failure> {
    let mut met = measure(false, 25.0)?;
    met &= measure(true, 45.0)?;
    if met { Ok(()) } else { Err("a goal is missed".into()) }
}
