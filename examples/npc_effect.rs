//! An effect of your own: whoever trains becomes a little stronger, up to what the world file says.
//!
//! `cargo run --example npc_effect --no-default-features`

#![allow(clippy::print_stdout, reason = "an example shows something")]

use bevy_app::App;
use serde_json::json;
use worldtick::components::npc::FlagValue;
use worldtick::plugins::npc::{NpcAppExt, NpcPlugin};
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

const WORLD: &str = r#"
id: gym
clock: manual
behaviour:
  activityCategories: { leisure: {} }
  activities:
    train:
      category: leisure
      effects: { customEffects: { trains: { most: 5 } } }
      minDurationSeconds: 1800
  routines:
    always:
      nodes:
        - id: day
          nodeType: time_slot
          timeRangeSeconds: { start: 0, end: 86400 }
          preferredActivities: [{ activityId: train }]
npcs:
  places: { gym: { locationTypes: [gym] } }
  individuals: { anna: { routine: always, home: gym } }
"#;

/// How strong anna is after so many hours.
pub(crate) fn strength(hours: u32) -> Result<f64, Box<dyn std::error::Error>> {
    let spec = WorldSpec::from_yaml(WORLD)?;
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin, NpcPlugin));
        // Whatever persists is the NPC's: here a flag. Effects run when their activity ends.
        app.add_npc_effect("trains", |npc, params| {
            let strength = match npc.flag("npc.strength") {
                Some(FlagValue::Number(strength)) => *strength,
                _ => 0.0,
            };
            let most = params["most"].as_f64().unwrap_or(10.0);
            npc.set_flag("npc.strength", Some(FlagValue::Number((strength + 1.0).min(most))));
        });
        app
    })?;
    world.hours(hours)?;
    Ok(world.ask("npc.show", json!({ "npc": "anna" }))?["flags"]["strength"].as_f64().unwrap_or(0.0))
}

#[allow(dead_code, reason = "a test runs the example through `strength`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for hours in [1, 4, 24] {
        println!("after {hours:>2} h: {}", strength(hours)?);
    }
    Ok(())
}
