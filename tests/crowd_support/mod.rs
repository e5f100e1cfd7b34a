//! Worlds with a crowd and little else, for the tests of crowds.

#![allow(dead_code, reason = "each test takes what it needs")]

use bevy_app::App;
use worldtick::components::crowd::{Crowd, CrowdBooks, Doing, Ground, SectorTally, Tallies};
use worldtick::plugins::crowd::CrowdPlugin;
use worldtick::plugins::diplomacy::DiplomacyPlugin;
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

/// A manual world with this seed and this `crowd` section (YAML flow).
pub(crate) fn world(seed: u64, crowd: &str) -> Stepper {
    with_more(seed, crowd, "")
}

/// The same with further sections.
pub(crate) fn with_more(seed: u64, crowd: &str, more: &str) -> Stepper {
    let text = format!("id: w\nclock: manual\nseed: {seed}\ncrowd: {crowd}\n{more}");
    let spec = WorldSpec::from_yaml(&text).unwrap_or_else(|error| panic!("{error}"));
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, CrowdPlugin));
        app
    })
    .expect("a world")
}

/// The world that ships, but for its people with names: stepped by hand, with its economy, factions and crowd.
pub(crate) fn shipped() -> Stepper {
    let mut spec = WorldSpec::default_world().unwrap_or_else(|error| panic!("{error}"));
    spec.clock = worldtick::components::clock::ClockSource::Manual;
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, DiplomacyPlugin, CrowdPlugin));
        app
    })
    .expect("a world")
}

pub(crate) fn crowd(world: &mut Stepper) -> &Crowd {
    world.world().ecs().resource::<Crowd>()
}

pub(crate) fn books(world: &mut Stepper) -> CrowdBooks {
    world.world().ecs().resource::<CrowdBooks>().clone()
}

pub(crate) fn tallies(world: &mut Stepper) -> &Tallies {
    world.world().ecs().resource::<Tallies>()
}

pub(crate) fn ground(world: &mut Stepper) -> &Ground {
    world.world().ecs().resource::<Ground>()
}

/// How many did this in a step of the last tick.
pub(crate) fn did(world: &mut Stepper, step: usize, doing: Doing) -> u32 {
    tallies(world).step(step).iter().map(|sector| sector.count(doing)).sum()
}

/// The sum of something over all steps and sectors of the last tick.
pub(crate) fn sum(world: &mut Stepper, of: impl Fn(&SectorTally) -> u64) -> u64 {
    tallies(world).rows.iter().map(of).sum()
}

/// Money of agents, vendors and employers is what it was in the beginning.
pub(crate) fn assert_conserved(world: &mut Stepper) {
    let books = books(world);
    let all = crowd(world).money() + books.vendors + books.employers;
    assert_eq!(all, books.founded_with, "{books:?}");
}
