//! Systems of one's own in the schedules: where they go, and what happens to those that nobody has ordered.
//!
//! `cargo run --example own_system --no-default-features`

#![allow(clippy::print_stdout, reason = "an example shows something")]

mod wealth;

use bevy_app::{App, Plugin};
use wealth::{UnorderedPlugin, WealthPlugin};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

fn app(spec: &WorldSpec, plugin: impl Plugin) -> App {
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, plugin));
    app
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = WorldSpec::default_world()?;
    let unordered = spec.clone();
    if let Err(error) = Stepper::new(move || app(&unordered, UnorderedPlugin)) {
        println!("Without an order the world is refused:\n{error}\n");
    }
    let mut world = Stepper::new(move || app(&spec, WealthPlugin))?;
    world.hours(5)?;
    world.restart()?; // what persists comes back
    world.hours(5)?;
    println!("{:?}", world.world().ecs().resource::<wealth::Richest>());
    Ok(())
}
