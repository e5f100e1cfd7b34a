//! An economy in an app of your own: step a few hours, look at the prices. No Kafka, no database, no clock.
//!
//! `cargo run --example stepper --no-default-features`

#![allow(clippy::print_stdout, reason = "an example shows something")]

use bevy_app::App;
use worldtick::messages::market::MarketCleared;
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = WorldSpec::default_world()?;
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })?;
    world.hours(3)?;
    for market in world.events_of::<MarketCleared>()? {
        println!("{:02}:00  {:<8} {:>9.2} {:>6}", market.game_hour, market.commodity, market.price, market.volume);
    }
    Ok(())
}
