//! A condition of your own: NPCs that only dance when the moon is full.
//!
//! `cargo run --example npc_condition --no-default-features`

#![allow(clippy::print_stdout, reason = "an example shows something")]

use bevy_app::App;
use serde_json::json;
use worldtick::plugins::npc::{NpcAppExt, NpcPlugin};
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

const WORLD: &str = r#"
id: moonlit
clock: manual
behaviour:
  activityCategories: { leisure: {} }
  activities:
    dance:
      category: leisure
      requirements: { conditions: [{ type: custom, evaluatorId: moon_is_full, params: { day: 3 } }] }
      minDurationSeconds: 600
  routines:
    always:
      nodes:
        - id: day
          nodeType: time_slot
          timeRangeSeconds: { start: 0, end: 86400 }
          preferredActivities: [{ activityId: dance }]
npcs:
  places: { meadow: { locationTypes: [outside] } }
  individuals: { anna: { routine: always, home: meadow } }
"#;

/// Whether anna danced, day by day.
pub(crate) fn dances(days: u32) -> Result<Vec<bool>, Box<dyn std::error::Error>> {
    let spec = WorldSpec::from_yaml(WORLD)?;
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin, NpcPlugin));
        // A month has 29 days here; `params` is what stands in the world file.
        app.add_npc_condition("moon_is_full", |npc, params, _draw| {
            params["day"].as_i64() == Some(npc.now.day_index().rem_euclid(29))
        });
        app
    })?;
    let mut danced = Vec::new();
    for _ in 0..days {
        world.hours(12)?;
        danced.push(world.ask("npc.show", json!({ "npc": "anna" }))?["activity"] == "dance");
        world.hours(12)?;
    }
    Ok(danced)
}

#[allow(dead_code, reason = "a test runs the example through `dances`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (day, danced) in dances(29)?.into_iter().enumerate() {
        println!("day {day:>2}: {}", if danced { "dances" } else { "-" });
    }
    Ok(())
}
