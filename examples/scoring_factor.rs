//! A scoring factor of your own: in the dark people would rather stay in.
//!
//! `cargo run --example scoring_factor --no-default-features`

#![allow(clippy::print_stdout, reason = "an example shows something")]

use bevy_app::App;
use serde_json::json;
use worldtick::plugins::npc::{NpcAppExt, NpcPlugin};
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

const WORLD: &str = r#"
id: dusk
clock: manual
behaviour:
  activityCategories: { leisure: {} }
  activities:
    read: { category: leisure, minDurationSeconds: 900 }
    walk: { category: leisure, minDurationSeconds: 900 }
  routines:
    always:
      nodes:
        - id: day
          nodeType: time_slot
          timeRangeSeconds: { start: 0, end: 86400 }
          preferredActivities: [{ activityId: read }, { activityId: walk }]
  scoringConfig: { weights: { inertia: 0, custom: { daylight: 0.9 } } }
  simulationConfig: { defaultTier: active }
npcs:
  places: { cabin: { locationTypes: [home] } }
  individuals: { anna: { routine: always, home: cabin } }
"#;

/// Quarters of an hour in which anna walked, in the dark and in daylight, over so many days.
pub(crate) fn walks(days: u32) -> Result<(u32, u32), Box<dyn std::error::Error>> {
    let spec = WorldSpec::from_yaml(WORLD)?;
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin, NpcPlugin));
        // 1 is neutral. The weight of 0.9 in the world file makes 0.1 of this 0.
        app.add_scoring_factor("daylight", |npc, activity| {
            let is_dark = !(6..18).contains(&npc.now.hour_of_day());
            if is_dark && npc.model.activity_name(activity) == "walk" { 0.0 } else { 1.0 }
        });
        app
    })?;
    let (mut dark, mut light) = (0, 0);
    for quarter in 0..days * 96 {
        world.step(std::time::Duration::from_secs(900))?;
        let walked = world.ask("npc.show", json!({ "npc": "anna" }))?["activity"] == "walk";
        let is_light = (24..72).contains(&(quarter % 96));
        *(if is_light { &mut light } else { &mut dark }) += u32::from(walked);
    }
    Ok((dark, light))
}

#[allow(dead_code, reason = "a test runs the example through `walks`")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (dark, light) = walks(10)?;
    println!("in ten days anna walked {dark} quarters of an hour in the dark and {light} in daylight");
    Ok(())
}
