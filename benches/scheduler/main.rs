//! What a step of the scheduler costs in worlds of a thousand, a hundred thousand and a million NPCs that all have the same
//! work due: `cargo xtask bench scheduler`.
//!
//! For each population it prints, over many steps of about 50 turns each: the whole step with its state hash, the choosing
//! of turns alone, and the bytes that an NPC costs. First for entities whom only the scheduler knows: what the scheduler
//! itself costs. Then for people, who live in their turns: time passes for them, and each turn comes to a decision among
//! six activities, by weights in the ambient tier and by all scores in the active one. Last what such a turn costs by
//! itself, and what an NPC with four relations and eight remembered activities weighs. It fails when a step in the largest
//! world costs more than twice as much as in the smallest, be it of entities or of people, choosing takes more than 10 µs,
//! a decision more than 1 µs, or an NPC more than 400 bytes.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unsafe_code,
    reason = "a benchmark measures wall time, counts its memory, prints what it measured, and counts in floats"
)]

mod npcs;
mod people;
mod steps;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use worldtick::components::tier::SimulationTier;
use worldtick::systems::npc::decide::Care;

use steps::Kind;

type Failure = Box<dyn std::error::Error>;

/// Counts what is allocated.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; the counter has no influence on it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Failure> {
    if std::env::args().any(|argument| argument == "--npcs") {
        return people_alone();
    }
    let kinds = [Kind::Entities, Kind::People(SimulationTier::Ambient), Kind::People(SimulationTier::Active)];
    let mut missed = false;
    for kind in kinds {
        missed |= steps::compare(kind)?;
    }
    let told = people_alone();
    if missed { Err("a goal is missed".into()) } else { told }
}

/// What a decision costs and what an NPC weighs; `--npcs` measures nothing else.
fn people_alone() -> Result<(), Failure> {
    let (full, simple) = (npcs::decision(Care::Full)?, npcs::decision(Care::Simple)?);
    println!(
        "a turn with a decision among six activities: {full:.0} ns by all scores, {simple:.0} ns by weights (goal: at most 1000)"
    );
    let bytes = npcs::bytes(1_000_000)?;
    println!("an NPC with four relations and eight remembered activities: {bytes:.0} bytes (goal: at most 400)");
    if full > 1_000.0 || bytes > 400.0 { Err("a goal is missed".into()) } else { Ok(()) }
}
