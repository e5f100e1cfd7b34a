//! What an hour of a whole economy costs.

use std::time::Duration;

use bevy_app::App;
use bevy_ecs::message::Messages;
use uuid::Uuid;
use worldtick::components::clock::{ClockSource, WorldClock};
use worldtick::messages::market::{AggregatedStats, DemandSignal, MarketCleared};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::HourlyTick;
use worldtick::systems::economy::Floor;
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use crate::limit::PlainHour;
use crate::{Failure, cpu, goal, held, made, nanos_each};

const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// Hours that a world lives before it is measured: trade has settled, and every buffer has grown.
const WARM_UP: usize = 50;
const ROUNDS: usize = 11;
/// Agent-hours of a round.
const ROUND: u32 = 100_000;

/// A world under measure, and what has been measured.
struct Measured {
    agents: u32,
    world: GameWorld,
    bytes: usize,
    times: Vec<Duration>,
    hours: usize,
    orders: usize,
    allocations: usize,
    plain: PlainHour,
    /// Nanoseconds an order of the plain hours.
    limits: Vec<f64>,
}

/// The economy that ships, with so many agents and nothing else in the world.
pub(crate) fn world(agents: u32) -> Result<GameWorld, Failure> {
    let mut spec = WorldSpec::default_world()?;
    spec.clock = ClockSource::Manual;
    spec.economy.as_mut().ok_or("the world has no economy")?.population.count = agents;
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
    Ok(GameWorld::create(app, Uuid::nil())?)
}

/// An hour, without the state hash and the bookkeeping of inputs.
fn hour(world: &mut GameWorld) {
    let ecs = world.ecs();
    ecs.resource_mut::<WorldClock>().runs += 1;
    ecs.run_schedule(HourlyTick);
}

/// Takes what an hour told away, as the server does after each.
fn forget_events(world: &mut GameWorld) {
    let ecs = world.ecs();
    ecs.resource_mut::<Messages<MarketCleared>>().clear();
    ecs.resource_mut::<Messages<DemandSignal>>().clear();
    ecs.resource_mut::<Messages<AggregatedStats>>().clear();
}

impl Measured {
    fn new(agents: u32) -> Result<Self, Failure> {
        let before = held();
        let mut world = world(agents)?;
        for _ in 0..WARM_UP {
            hour(&mut world);
            forget_events(&mut world);
        }
        let bytes = held().saturating_sub(before);
        let mut plain = PlainHour::new(agents as usize);
        for _ in 0..10 {
            plain.live();
        }
        let (times, limits) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
        Ok(Self { agents, world, bytes, times, hours: 0, orders: 0, allocations: 0, plain, limits })
    }

    fn round(&mut self) {
        let hours = (ROUND / self.agents).max(1) as usize;
        let (mut took, made_before) = (Duration::ZERO, made());
        for _ in 0..hours {
            let began = cpu::time();
            hour(&mut self.world);
            took += cpu::time().saturating_sub(began);
            let ecs = self.world.ecs();
            self.orders += ecs.resource::<Floor>().books().map(|book| book.len()).sum::<usize>();
            forget_events(&mut self.world);
        }
        self.allocations += made() - made_before;
        self.hours += hours;
        self.times.push(took / u32::try_from(hours).unwrap_or(1));
        let began = cpu::time();
        let orders: usize = (0..hours).map(|_| self.plain.live()).sum();
        self.limits.push(cpu::time().saturating_sub(began).as_secs_f64() * 1e9 / orders.max(1) as f64);
    }

    /// Prints a line; gives nanoseconds an order and allocations an hour.
    fn tell(&mut self) -> (f64, f64) {
        let orders = self.orders as f64 / self.hours as f64;
        let each = nanos_each(&mut self.times, orders);
        let allocations = self.allocations as f64 / self.hours as f64;
        self.limits.sort_by(f64::total_cmp);
        let limit = self.limits.get(self.limits.len() / 2).copied().unwrap_or(f64::NAN);
        println!(
            "{:>9} | {:>15.2} | {each:>11.1} {:>8.1} | {limit:>6.1} | {:>5.2} | {allocations:>19.1} | {:>14.0}",
            self.agents,
            orders / f64::from(self.agents),
            each * orders / f64::from(self.agents),
            each / limit,
            self.bytes as f64 / f64::from(self.agents),
        );
        (each, allocations)
    }
}

/// Measures all populations; whether all goals are met.
pub(crate) fn run() -> Result<bool, Failure> {
    println!(
        "a whole hour of five commodities on one thread; the limit: agents that draw, quote, trade, learn, nothing else"
    );
    println!(
        "   agents | orders an agent | ns an order an agent |  limit | ratio | allocations an hour | bytes an agent"
    );
    let mut worlds = SIZES.into_iter().map(Measured::new).collect::<Result<Vec<_>, _>>()?;
    for _ in 0..ROUNDS {
        worlds.iter_mut().for_each(Measured::round);
    }
    let told: Vec<(f64, f64)> = worlds.iter_mut().map(Measured::tell).collect();
    let &[_, (smaller, _), (largest, allocations)] = told.as_slice() else { return Ok(false) };
    let mut met = goal("ns an order with 100,000 agents", largest, 100.0);
    met &= goal("an order among 100,000 agents against one among 10,000", largest / smaller, 1.5);
    met &= goal("allocations in an hour of 100,000 agents", allocations, 0.0);
    Ok(met)
}
