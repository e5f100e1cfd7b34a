//! How many threads match the books decides nothing. A pool of threads is one for a process and is never closed: so this is a
//! program of its own, with one test.

#![allow(clippy::expect_used, reason = "tests fail by panicking")]

use bevy_app::App;
use bevy_tasks::{ComputeTaskPool, TaskPoolBuilder};
use worldtick::components::clock::ClockSource;
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::Floor;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{MarketPlaceSpec, WorldSpec};

/// A world of 8,000 agents, at one place or at several.
fn large(places: &[(&str, f64)]) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    spec.seed = 1;
    let economy = spec.economy.as_mut().expect("an economy");
    economy.population.count = 8_000;
    let place = |(name, share): &(&str, f64)| MarketPlaceSpec {
        name: (*name).to_owned(),
        share: *share,
        yields: std::iter::empty().collect(),
    };
    economy.places = places.iter().map(place).collect();
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

#[test]
fn the_number_of_threads_decides_nothing() -> Result<(), StepError> {
    let kinds: [&[(&str, f64)]; 2] = [&[], &[("harbour", 0.6), ("hills", 0.4)]];
    let mut alone = Vec::new();
    for places in kinds {
        let mut world = large(places)?;
        world.hours(3)?;
        alone.push(world.state_hash()?);
    }
    // From here on books are matched on it where there are 20,000 orders or more.
    let pool = ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().num_threads(3).build());
    assert_eq!(pool.thread_num(), 3, "nobody made one before");
    for (places, alone) in kinds.iter().zip(alone) {
        let mut world = large(places)?;
        world.hours(3)?;
        let orders: usize = world.world().ecs().resource::<Floor>().books().map(|book| book.len()).sum();
        assert!(orders >= 20_000, "{orders} orders at {places:?}");
        assert_eq!(world.state_hash()?, alone, "{places:?}");
    }
    Ok(())
}
