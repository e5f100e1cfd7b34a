//! What it costs to let ten jobs of generation go, of a thousand, a hundred thousand and a million that wait for up to 10,000
//! users, and what a waiting job weighs: `cargo xtask bench generation`.
//!
//! A step that lets ten go is held against one that lets none go: what is measured holds everything that follows from it,
//! their events among it. It fails when ten of a million cost more than 20 µs, when a job weighs more than 300 bytes, or
//! when a user has a second turn before all others had one.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::expect_used,
    unsafe_code,
    reason = "a benchmark measures wall time, counts its memory, prints what it measured, and counts in floats"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bevy_app::App;
use mimalloc::MiMalloc;
use serde_json::json;
use uuid::Uuid;
use worldtick::components::clock::GameInstant;
use worldtick::components::generation::{
    Asker, GenerationJob, GenerationKindId, GenerationUser, JobSource, JobState, Life,
};
use worldtick::components::ids::{StableId, StableIds};
use worldtick::messages::Input;
use worldtick::plugins::interaction::InteractionPlugin;
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::WorldReady;
use worldtick::world::GameWorld;
use worldtick::world::spec::{WorldSimulationConfig, WorldSpec};

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

/// Jobs that are let go in each step.
const LET_GO: usize = 10;
/// Steps that are measured.
const STEPS: usize = 300;

fn spec() -> Result<WorldSpec, Box<dyn std::error::Error>> {
    let file = json!({
        "id": "bench", "clock": "manual", "meta": {"simulation": {"maxJobOpsPerStep": LET_GO}},
        "generation": {
            "kinds": {"scene": {}},
            "limits": {"maxPending": 2_000_000, "maxInFlight": 100_000, "maxInFlightPerUser": 100_000},
        },
    });
    Ok(WorldSpec::from_yaml(&file.to_string())?)
}

/// A world with so many jobs of so many users, and the bytes of each job.
fn world(jobs: u64, users: u64) -> Result<(GameWorld, f64), Box<dyn std::error::Error>> {
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec: spec()? }, SchedulerPlugin, NpcPlugin, InteractionPlugin));
    let mut world = GameWorld::create(app, Uuid::nil())?;
    let now = world.now().ok_or("a clock")?;
    let before = HELD.load(Ordering::Relaxed);
    let mut ids: Vec<StableId> = Vec::new();
    for number in 0..users {
        let id = world.ecs().resource_mut::<StableIds>().next_id();
        world.ecs().spawn((id, GenerationUser::new(&format!("user-{number}"))));
        ids.push(id);
    }
    for number in 0..jobs {
        // A permutation: neighbours in time are none in memory.
        let place = number.wrapping_mul(7_919_317) % jobs;
        let asked = GameInstant::from_micros(now.as_micros() - i64::try_from(place)?)?;
        let deadline = now.checked_add_micros(86_400_000_000).ok_or("the calendar")?;
        let user = ids[usize::try_from(number % users)?];
        let asker = Asker { session: 0, npc: StableId(0), source: JobSource::Command };
        let job = GenerationJob::new(user, (GenerationKindId(0), 0), (asked, deadline), asker, Life::new(3));
        let id = world.ecs().resource_mut::<StableIds>().next_id();
        world.ecs().spawn((id, job));
    }
    world.ecs().run_schedule(WorldReady);
    world.state_hash()?;
    let bytes = HELD.load(Ordering::Relaxed).saturating_sub(before) as f64 / jobs as f64;
    Ok((world, bytes))
}

/// Lets so many jobs go in each step from now on.
fn configure(world: &mut GameWorld, most: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut simulation = world.ecs().resource::<WorldSimulationConfig>().clone();
    simulation.max_job_ops_per_step = u32::try_from(most)?;
    world.apply(&Input::Configure { simulation: Box::new(simulation), by: "bench".into() })?;
    Ok(())
}

/// The median of what a step takes, in microseconds, and the users whose jobs were let go, in their order.
fn measure(world: &mut GameWorld) -> Result<(f64, Vec<String>), Box<dyn std::error::Error>> {
    let (mut times, mut users) = (Vec::with_capacity(STEPS), Vec::new());
    for _ in 0..STEPS {
        let begin = Instant::now();
        let outcome = world.apply(&Input::advance(1_000_000))?;
        times.push(begin.elapsed().as_nanos() as f64 / 1_000.0);
        let let_go = outcome.jobs.0.into_iter().filter(|told| told.change.state == JobState::Queued);
        users.extend(let_go.map(|told| told.change.user));
    }
    times.sort_by(f64::total_cmp);
    Ok((times[STEPS / 2], users))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut dearest, mut heaviest, mut fair) = (0.0, 0.0_f64, true);
    for (jobs, users) in [(10_000, 5_000), (100_000, 10_000), (1_000_000, 10_000)] {
        let (mut world, bytes) = world(jobs, users)?;
        configure(&mut world, 0)?;
        let (idle, _) = measure(&mut world)?;
        configure(&mut world, LET_GO)?;
        let (busy, served) = measure(&mut world)?;
        let distinct: BTreeSet<&String> = served.iter().collect();
        fair &= distinct.len() == served.len() && served.len() == LET_GO * STEPS;
        println!(
            "{jobs:>9} jobs of {users} users: {LET_GO} let go in {:.1} µs (a step without takes {idle:.1}); {bytes:.0} bytes \
             each; {} users had {} turns",
            busy - idle,
            distinct.len(),
            served.len()
        );
        (dearest, heaviest) = (busy - idle, heaviest.max(if jobs >= 100_000 { bytes } else { 0.0 }));
    }
    println!("ten of a million: {dearest:.1} µs (goal: at most 20); {heaviest:.0} bytes (goal: at most 300)");
    if dearest > 20.0 || heaviest > 300.0 || !fair { Err("a goal is missed".into()) } else { Ok(()) }
}
