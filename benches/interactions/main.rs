//! What a step costs in which a hundred chains go on, in worlds with a thousand, a hundred thousand and a million waiting
//! chains, and what a waiting chain weighs: `cargo xtask bench interactions`.
//!
//! Each chain belongs to an NPC in a session of its own and goes round by itself, with a condition at each step; every step
//! of the world has a hundred that are due, wherever they lie in memory. It fails when a step among a million costs more
//! than twice as much as one among a thousand, or a waiting chain more than 200 bytes.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::expect_used,
    unsafe_code,
    reason = "a benchmark measures wall time, counts its memory, prints what it measured, and counts in floats"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bevy_app::App;
use mimalloc::MiMalloc;
use serde_json::json;
use uuid::Uuid;
use worldtick::components::clock::GameInstant;
use worldtick::components::ids::{StableId, StableIds};
use worldtick::components::interaction::{ChainId, ChainPhase, ChainState, Interactions};
use worldtick::messages::{CommandInput, Input};
use worldtick::plugins::interaction::InteractionPlugin;
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::WorldReady;
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

/// Counts what is allocated, from the allocator of the program.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the allocator of the program; the counter has no influence on it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { MiMalloc.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// NPCs of each world, and chains of each session.
const NPCS: u64 = 1_000;
/// Chains that go on in each step.
const DUE: u64 = 100;
/// Game seconds of a step.
const STEP_SECONDS: u64 = 10;
/// Steps that are measured.
const STEPS: usize = 300;

/// A world of a thousand NPCs that hardly have a turn, in which chains go round in so many seconds.
fn spec(chains: u64) -> Result<WorldSpec, Box<dyn std::error::Error>> {
    let round = chains / DUE * STEP_SECONDS;
    let file = json!({
        "id": "bench", "clock": "manual",
        "meta": {"simulation": {"maxNpcTicksPerStep": 1, "maxChainOpsPerStep": 1_000, "tiers": {
            "detailed": {"maxNpcs": 0}, "active": {"maxNpcs": 0}, "ambient": {"maxNpcs": 0},
            "dormant": {"maxNpcs": 10_000, "tickFrequencySeconds": 604_800},
        }}},
        "behaviour": {
            "activityCategories": {"any": {}},
            "activities": {"sit": {"category": "any", "minDurationSeconds": 604_800}},
            "routines": {"only": {"nodes": [{
                "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86_400},
                "preferredActivities": [{"activityId": "sit", "weight": 1}],
            }]}},
        },
        "npcs": {
            "maxSessions": 10_000, "places": {"hut": {"locationTypes": ["home"]}},
            "groups": [{"name": "villager", "count": NPCS, "routines": ["only"], "homes": ["hut"]}],
        },
        "interactions": {
            "limits": {"maxChains": 10_000_000},
            "chains": {"round": {"steps": [{"stepId": "go", "waitSeconds": round, "autoAdvance": true, "next": "go",
                "conditions": [{"type": "energy_between", "min": 0, "max": 100}]}]}},
        },
    });
    Ok(WorldSpec::from_yaml(&file.to_string())?)
}

fn send(world: &mut GameWorld, command: &str, payload: serde_json::Value) -> Result<(), Box<dyn std::error::Error>> {
    let command_id = Uuid::new_v4();
    let input = CommandInput { command_id, command: command.into(), issued_by: "bench".into(), payload };
    world.apply(&Input::Command(input))?.reply.unwrap_or(Ok(json!(null)))?;
    Ok(())
}

/// A world with so many waiting chains, and the bytes of each.
fn world(chains: u64) -> Result<(GameWorld, f64), Box<dyn std::error::Error>> {
    let spec = spec(chains)?;
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec }, SchedulerPlugin, NpcPlugin, InteractionPlugin));
    let mut world = GameWorld::create(app, Uuid::nil())?;
    let sessions = u32::try_from(chains / NPCS)?;
    for number in 1..=sessions {
        // Sessions are numbered when they have something.
        let session = format!("s{number}");
        send(&mut world, "session.start", json!({ "sessionId": session }))?;
        send(&mut world, "chain.start", json!({"chain": "round", "npc": "villager-1", "sessionId": session}))?;
        send(&mut world, "chain.cancel", json!({"chain": "round", "npc": "villager-1", "sessionId": session}))?;
        send(&mut world, "chain.forget", json!({"chain": "round", "npc": "villager-1", "sessionId": session}))?;
    }
    let (now, before) = (world.now().ok_or("a clock")?, HELD.load(Ordering::Relaxed));
    let rounds = chains / DUE;
    for number in 0..chains {
        // A permutation: neighbours in time are none in memory.
        let place = number.wrapping_mul(7_919_317) % chains;
        let micros = i64::try_from((place % rounds + 1) * STEP_SECONDS * 1_000_000)?;
        let due = now.checked_add_micros(micros).ok_or("the calendar")?;
        let state = ChainState {
            chain: ChainId(0),
            step: 0,
            phase: ChainPhase::Waiting,
            completed: 0,
            skipped: 0,
            started: now,
            since: GameInstant::from_micros(due.as_micros() - i64::try_from(rounds * STEP_SECONDS * 1_000_000)?)?,
            due,
        };
        let mut all = Interactions::new(StableId(number % NPCS + 1), u32::try_from(number / NPCS)? + 1);
        all.put(state);
        let id = world.ecs().resource_mut::<StableIds>().next_id();
        world.ecs().spawn((id, all));
    }
    world.ecs().run_schedule(WorldReady);
    world.state_hash()?;
    let bytes = HELD.load(Ordering::Relaxed).saturating_sub(before) as f64 / chains as f64;
    Ok((world, bytes))
}

/// The median of what a step takes, in microseconds.
fn measure(world: &mut GameWorld) -> Result<f64, Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(STEPS);
    for _ in 0..STEPS {
        let begin = Instant::now();
        let outcome = world.apply(&Input::advance(STEP_SECONDS * 1_000_000))?;
        times.push(begin.elapsed().as_nanos() as f64 / 1_000.0);
        if outcome.events.len() != usize::try_from(DUE)? {
            return Err(format!("{} chains went on, not {DUE}", outcome.events.len()).into());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[STEPS / 2])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut first, mut last, mut heaviest) = (None, 0.0, 0.0_f64);
    for chains in [1_000, 100_000, 1_000_000] {
        let (mut world, bytes) = world(chains)?;
        measure(&mut world)?;
        let micros = measure(&mut world)?;
        println!("{chains:>9} waiting chains: a step in which {DUE} go on takes {micros:.0} µs; {bytes:.0} bytes each");
        first.get_or_insert(micros);
        (last, heaviest) = (micros, if chains >= 100_000 { heaviest.max(bytes) } else { heaviest });
    }
    let ratio = last / first.unwrap_or(last);
    println!(
        "a million against a thousand: {ratio:.2} times (goal: at most 2); {heaviest:.0} bytes (goal: at most 200)"
    );
    if ratio > 2.0 || heaviest > 200.0 { Err("a goal is missed".into()) } else { Ok(()) }
}
