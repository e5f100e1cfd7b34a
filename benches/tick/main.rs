//! What one whole tick of a full world costs: `cargo xtask bench tick`. About two minutes.
//!
//! The world has a crowd of a million agents by the rules of the originals that lives one step in the tick, 50 NPCs that
//! come to a decision in it, an economy (the one that ships) with so many agents that they write 100,000 orders, and 100
//! factions of which every pair is evaluated. A tick is what a CronJob sends at midnight to a world with clock `ticks`:
//! the hourly tick (a world step of an hour for the NPCs, then market and crowd) and the daily one (diplomacy). Events and
//! state hashes are included, on one thread; the commit is not.
//!
//! Two worlds: the crowd placed as in the originals (homes in the lowest quarter of both axes), and spread over the map.
//! Goals: below 25 ms and below 45 ms. Every figure is CPU time of the thread, the median of several ticks. For each world
//! it also prints where the time goes, from a run of its own with a stopwatch between the parts, and what the same tick
//! costs without state hashes, and without an economy. It fails when a goal is missed.

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
mod worlds;

use worldtick::components::clock::GameInstant;
use worldtick::messages::{Input, TickInput, TickType};
use worldtick::world::GameWorld;

use parts::Parts;
use worlds::Kind;

type Failure = Box<dyn std::error::Error>;

/// Days before anything is measured: people have spread, trade has settled, every buffer has grown.
const WARM_UP: usize = 3;
/// Midnights of which the median is told.
const ROUNDS: usize = 9;

/// A world, and the hour that it has reached.
struct Town {
    world: GameWorld,
    now: GameInstant,
}

/// What a tick did.
#[derive(Debug, Clone, Copy, Default)]
struct Tick {
    millis: f64,
    orders: usize,
    decisions: u64,
    events: usize,
}

impl Town {
    fn new(kind: Kind, parts: Option<&Parts>) -> Result<Self, Failure> {
        let world = worlds::build(kind, parts)?;
        let mut town = Self { world, now: worlds::begins()? };
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
        let (day, of_day) = self.apply(TickType::Daily)?;
        if let Some(parts) = parts {
            parts.watch_on(false);
        }
        let decisions = worlds::decisions(&mut self.world) - before;
        let orders = worlds::orders(&mut self.world);
        Ok(Tick { millis: hour + day, orders, decisions, events: of_hour + of_day })
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

/// Measures one placement; whether its goal is met.
fn measure(spread: bool, most: f64) -> Result<bool, Failure> {
    let place = if spread { "spread over the map" } else { "placed as in the originals" };
    let full = Kind { spread, economy: true, hashes: true };
    let ticks = Town::new(full, None)?.rounds(None)?;
    let all = median(&ticks);
    let least = ticks.first().map_or(0.0, |tick| tick.millis);
    println!(
        "a million agents {place}: {:.1} ms a tick (the least {least:.1}); {} orders, {} decisions, {} events",
        all.millis, all.orders, all.decisions, all.events
    );
    let parts = Parts::default();
    Town::new(full, Some(&parts))?.rounds(Some(&parts))?;
    parts.tell(ROUNDS);
    let bare = median(&Town::new(Kind { hashes: false, ..full }, None)?.rounds(None)?);
    let alone = median(&Town::new(Kind { economy: false, ..full }, None)?.rounds(None)?);
    println!("  without state hashes {:.1} ms, without an economy {:.1} ms", bare.millis, alone.millis);
    let met = all.millis < most;
    println!("  below {most} ms: {}", if met { "met" } else { "MISSED" });
    Ok(met)
}

fn main() -> Result<(), Failure> {
    let mut met = measure(false, 25.0)?;
    met &= measure(true, 45.0)?;
    if met { Ok(()) } else { Err("a goal is missed".into()) }
}
