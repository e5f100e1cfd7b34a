//! What a step costs in which about 50 NPCs have their turns, and how it grows with the population.

use std::time::{Duration, Instant};

use bevy_app::App;
use bevy_ecs::prelude::*;
use uuid::Uuid;
use worldtick::components::ids::{StableIds, WorldId};
use worldtick::components::npc::NpcState;
use worldtick::components::tier::{SimulationTier, TierReason, TierWish};
use worldtick::messages::Input;
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::{SchedulerSystems, WorldSetup, WorldStep};
use worldtick::systems::scheduler::admit;
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use crate::{Failure, HELD, Ordering, people};

const POPULATIONS: [u32; 3] = [1_000, 100_000, 1_000_000];
const STEPS: usize = 4_000;
/// Steps of one world after another: so many that its caches are its own for nearly all of them.
const BLOCK: usize = 200;
const TURNS: u32 = 50;
/// Game seconds of a step of entities, and what one waits between two turns for each that there is: so many turns are due
/// in a step.
const STEP_SECONDS: u64 = 30;
const INTERVAL_MILLIS: u64 = 600;
/// Game seconds between two turns of a person, in every population: more than an activity takes, so that each turn comes
/// to a decision, and less than what is caught up with at once. What differs is the length of a step.
const PERSON_SECONDS: u32 = 3_000;

/// Who lives in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Entities that only the scheduler knows, all dormant.
    Entities,
    /// People with a routine, relations and a memory, all in this tier.
    People(SimulationTier),
}

/// When the plan was begun, and how long each took.
#[derive(Resource, Default)]
struct Planning {
    began: Option<Instant>,
    took: Vec<Duration>,
}

fn begin(mut planning: ResMut<Planning>) {
    planning.began = Some(Instant::now());
}

fn end(mut planning: ResMut<Planning>) {
    if let Some(began) = planning.began.take() {
        planning.took.push(began.elapsed());
    }
}

/// An app whose planning is timed.
fn timed(mut spec: WorldSpec) -> App {
    spec.meta.simulation.max_npc_ticks_per_step = TURNS + 10;
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec }, SchedulerPlugin)).init_resource::<Planning>();
    app.add_systems(WorldStep, begin.after(SchedulerSystems::Assign).before(SchedulerSystems::Plan));
    app.add_systems(WorldStep, end.after(SchedulerSystems::Plan).before(SchedulerSystems::Tick));
    app
}

/// A world of entities, and the game microseconds of its steps.
fn entities(population: u32) -> Result<(GameWorld, u64), Failure> {
    let mut spec = WorldSpec::named(WorldId::new("bench")?);
    spec.clock = worldtick::components::clock::ClockSource::Manual;
    let tiers = &mut spec.meta.simulation.tiers;
    tiers.dormant.max_npcs = population;
    let interval = u64::from(population) * INTERVAL_MILLIS / 1_000;
    tiers.dormant.tick_frequency_seconds = Some(u32::try_from(interval)?);
    let mut app = timed(spec);
    app.add_systems(WorldSetup, move |world: &mut World| -> Result<(), BevyError> {
        let wish = TierWish { tier: SimulationTier::Dormant, priority: 0, reason: TierReason::Default };
        for _ in 0..population {
            let id = world.resource_mut::<StableIds>().next_id();
            admit(world, id, wish, ())?;
        }
        Ok(())
    });
    Ok((GameWorld::create(app, Uuid::nil())?, STEP_SECONDS * 1_000_000))
}

/// A world of people, and the game microseconds of its steps.
fn people(population: u32, tier: SimulationTier) -> Result<(GameWorld, u64), Failure> {
    let mut spec = people::spec(population)?;
    let tiers = &mut spec.meta.simulation.tiers;
    let own = if tier == SimulationTier::Active { &mut tiers.active } else { &mut tiers.ambient };
    own.max_npcs = population;
    own.tick_frequency_seconds = Some(PERSON_SECONDS);
    if let Some(behaviour) = &mut spec.behaviour {
        behaviour.simulation_config.default_tier = Some(tier.to_string());
    }
    let mut app = timed(spec);
    app.add_plugins(NpcPlugin);
    let mut world = GameWorld::create(app, Uuid::nil())?;
    people::give_a_past(&mut world);
    Ok((world, u64::from(PERSON_SECONDS) * 1_000_000 * u64::from(TURNS) / u64::from(population)))
}

/// Decisions that everybody has made so far.
fn decisions(world: &mut GameWorld) -> u64 {
    let ecs = world.ecs();
    let mut query = ecs.query::<&NpcState>();
    query.iter(ecs).map(|state| u64::from(state.decisions)).sum()
}

fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// A world under measure, and what has been measured.
struct Measured {
    population: u32,
    world: GameWorld,
    input: Input,
    bytes: f64,
    decided: u64,
    turns: u64,
    steps: Vec<Duration>,
}

impl Measured {
    /// A world that is warm.
    fn new(kind: Kind, population: u32) -> Result<Self, Failure> {
        let before = HELD.load(Ordering::Relaxed);
        let (mut world, micros) = match kind {
            Kind::Entities => entities(population)?,
            Kind::People(tier) => people(population, tier)?,
        };
        let input = Input::advance(micros);
        // What the founding has left behind goes with the first step.
        world.apply(&input)?;
        let bytes = (HELD.load(Ordering::Relaxed) - before) as f64 / f64::from(population);
        // People begin without anything to do: all have had their first turn before it counts.
        let first_round = if kind == Kind::Entities { 0 } else { population / TURNS + 1 };
        for _ in 0..STEPS / 4 + usize::try_from(first_round)? {
            world.apply(&input)?;
        }
        world.ecs().resource_mut::<Planning>().took.clear();
        let decided = decisions(&mut world);
        Ok(Self { population, world, input, bytes, decided, turns: 0, steps: Vec::with_capacity(STEPS) })
    }

    fn run(&mut self, steps: usize) -> Result<(), Failure> {
        for _ in 0..steps {
            let began = Instant::now();
            let outcome = self.world.apply(&self.input)?;
            self.steps.push(began.elapsed());
            self.turns += outcome.report.map_or(0, |report| u64::from(report.turns_in_all()));
        }
        Ok(())
    }

    /// Prints a line; gives the median of a step and that of choosing, in microseconds.
    fn tell(&mut self, kind: Kind) -> Result<(f64, f64), Failure> {
        let (turns, decided) = (self.turns, decisions(&mut self.world) - self.decided);
        if kind != Kind::Entities && decided < turns {
            return Err(format!("{decided} of {turns} turns came to a decision").into());
        }
        let mut planning = std::mem::take(&mut self.world.ecs().resource_mut::<Planning>().took);
        let (step, choosing) = (percentile(&mut self.steps, 0.5), percentile(&mut planning, 0.5));
        println!(
            "{:>9} | {:>12.1} | {step:>13.1} {:>8.1} | {choosing:>17.1} {:>8.1} | {:>12.0}",
            self.population,
            turns as f64 / self.steps.len() as f64,
            percentile(&mut self.steps, 0.99),
            percentile(&mut planning, 0.99),
            self.bytes,
        );
        Ok((step, choosing))
    }
}

/// Measures all populations; whether a goal is missed.
pub(crate) fn compare(kind: Kind) -> Result<bool, Failure> {
    let who = match kind {
        Kind::Entities => "entities".to_owned(),
        Kind::People(tier) => format!("{tier} people"),
    };
    println!("{who}:");
    println!("     NPCs | turns a step | step µs   p50      p99 | choosing µs   p50      p99 | bytes an NPC");
    let mut worlds = Vec::new();
    for population in POPULATIONS {
        worlds.push(Measured::new(kind, population)?);
    }
    // By turns, so that all have the same share of whatever else the machine does.
    for _ in 0..STEPS / BLOCK {
        for world in &mut worlds {
            world.run(BLOCK)?;
        }
    }
    let mut medians = Vec::new();
    for world in &mut worlds {
        medians.push(world.tell(kind)?);
    }
    let (Some(first), Some(last)) = (medians.first(), medians.last()) else { return Ok(false) };
    let ratio = last.0 / first.0;
    println!(
        "a step among a million {who} costs {ratio:.2} times one among a thousand (goal: at most 2); choosing {:.1} µs (goal: at most 10)",
        last.1
    );
    Ok(ratio > 2.0 || last.1 > 10.0)
}
