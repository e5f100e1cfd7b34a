//! What a day of diplomacy costs: `cargo xtask bench diplomacy`. Half a minute.
//!
//! For 7, 100, 1,000 and 3,000 factions it prints the daily tick of a world that has nothing else (calendar, powers,
//! incidents, every pair evaluated, changes of state with their reasons and histories, summary; without the state hash),
//! and beside it the limit: the love and fear of every pair on plain arrays, and nothing else. It takes the CPU time of its
//! thread, so that whatever else the machine does counts less, the allocator of the server, and the median of several rounds
//! of days. For 1,000 factions it also tells what a day costs with the state hash.
//! `cargo xtask bench diplomacy -- 1000` measures that size alone.
//!
//! Goals: 499,500 pairs in at most 2 ms a day, and 7 factions in microseconds (at most 100). It fails when one is missed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    unsafe_code,
    reason = "a benchmark measures time, prints what it measured, and counts in floats"
)]

#[path = "../market/cpu.rs"]
mod cpu;
mod factions;
mod limit;

use bevy_app::App;
use mimalloc::MiMalloc;
use serde_json::{Map, Value, json};
use worldtick::components::clock::{ClockSource, GameInstant, MICROS_PER_DAY};
use worldtick::components::ids::WorldId;
use worldtick::messages::diplomacy::DiplomacySummary;
use worldtick::messages::{Input, SimulationEvent, TickInput, TickType};
use worldtick::plugins::diplomacy::DiplomacyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::world::GameWorld;
use worldtick::world::spec::{DiplomacySpec, WorldSpec};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// Days before it is measured: first states have settled.
const SETTLING: u32 = 60;
/// Rounds, of which the median counts.
const ROUNDS: usize = 9;

fn main() -> Result<(), Failure> {
    let wanted: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let mut missed = false;
    for (factions, days, goal) in [(7, 200, 0.1), (100, 100, 1.0), (1_000, 20, 2.0), (3_000, 6, 20.0)] {
        if !wanted.is_empty() && !wanted.contains(&factions) {
            continue;
        }
        let pairs = factions * (factions - 1) / 2;
        let (day, summary) = measure(factions, days, false)?;
        let limit = limit::measure(factions, days);
        let each = |millis: f64| millis * 1e6 / pairs as f64;
        println!(
            "{factions} factions, {pairs} pairs: {day:.4} ms a day, {:.2} ns a pair; limit {limit:.4} ms, {:.2} ns a pair; {:.1} times \
             it (goal: at most {goal} ms)",
            each(day),
            each(limit),
            day / limit
        );
        println!("  the last day: {}", Value::Object(summary));
        if factions == 1_000 {
            println!("  with the state hash: {:.4} ms a day", measure(factions, days, true)?.0);
        }
        missed |= day > goal;
    }
    if missed { Err("a goal is missed".into()) } else { Ok(()) }
}

/// Milliseconds of a day, with its state hash or without, and what the last came to.
fn measure(factions: u32, days: u32, hashes: bool) -> Result<(f64, Map<String, Value>), Failure> {
    let spec = world(factions)?;
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec: spec.clone() }, DiplomacyPlugin));
    let mut world = GameWorld::create(app, uuid::Uuid::nil())?;
    if !hashes {
        world.forgo_hashes();
    }
    let mut now = spec.starts_at;
    let mut last = Map::new();
    // Time passes in an input of its own, which is not measured: the ticks are.
    let mut step = |world: &mut GameWorld| -> Result<f64, Failure> {
        now = now.checked_add_micros(MICROS_PER_DAY).ok_or("the calendar ends")?;
        world.apply(&Input::advance(MICROS_PER_DAY.unsigned_abs()))?;
        let tick = TickInput { tick_id: uuid::Uuid::nil(), tick_type: TickType::Daily, game_time: now };
        let began = cpu::time();
        let outcome = world.apply(&Input::Tick(tick))?;
        let took = (cpu::time() - began).as_secs_f64() * 1e3;
        let summary = outcome.events.into_iter().rfind(|event| event.event_type == DiplomacySummary::EVENT_TYPE);
        last = summary.map(|event| event.payload).unwrap_or_default();
        Ok(took)
    };
    for _ in 0..SETTLING {
        step(&mut world)?;
    }
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let mut sum = 0.0;
        for _ in 0..days {
            sum += step(&mut world)?;
        }
        rounds.push(sum / f64::from(days));
    }
    rounds.sort_by(f64::total_cmp);
    Ok((rounds.get(ROUNDS / 2).copied().unwrap_or_default(), last))
}

/// A world of so many factions.
fn world(factions: u32) -> Result<WorldSpec, Failure> {
    let mut spec = WorldSpec::named(WorldId::new("bench")?);
    spec.clock = ClockSource::Manual;
    spec.starts_at = GameInstant::from_micros(0)?;
    spec.meta.simulation = serde_json::from_value(json!({ "maxStepGameSeconds": 3_600 }))?;
    spec.diplomacy = Some(DiplomacySpec { factions: factions::some(factions), ..DiplomacySpec::default() });
    Ok(spec)
}
