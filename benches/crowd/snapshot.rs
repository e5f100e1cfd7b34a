//! What it takes to save a world with a million agents, and to go on from it.

use std::time::Instant;

use bevy_app::App;
use bevy_ecs::change_detection::DetectChangesMut;
use worldtick::components::crowd::Crowd;
use worldtick::plugins::crowd::CrowdPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::Stepper;
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use crate::{Failure, cpu, goal};

const AGENTS: f64 = 1e6;

/// A world of a million agents, spread over the map, after two days.
pub(crate) fn run() -> Result<bool, Failure> {
    let text = "id: w\nclock: manual\ncrowd: { agents: 1000000, grid: { width: 5000, height: 5000 } }";
    let spec = WorldSpec::from_yaml(text)?;
    let build = move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, CrowdPlugin));
        app
    };
    let mut world = Stepper::new(build.clone())?;
    world.days(2)?;
    let began = Instant::now();
    let hash = world.world().state_hash()?;
    let unchanged = began.elapsed();
    // As a tick leaves it: changed.
    world.world().ecs().resource_mut::<Crowd>().set_changed();
    let began = Instant::now();
    world.world().state_hash()?;
    let hashed = began.elapsed();
    let began = Instant::now();
    let unpacked = world.world().unpacked_snapshot()?;
    let copied = began.elapsed();
    let began = Instant::now();
    let bytes = unpacked.pack()?;
    let packed = began.elapsed();
    let (mut best, mut best_wall) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        let app = build();
        let (began, began_wall) = (cpu::time(), Instant::now());
        let mut again = GameWorld::restore(app, &bytes)?;
        best = best.min((cpu::time() - began).as_secs_f64());
        best_wall = best_wall.min(began_wall.elapsed().as_secs_f64());
        if again.state_hash()? != hash {
            return Err("the world that came back is another".into());
        }
    }
    println!(
        "a million agents: hashed in {hashed:?} (unchanged {unchanged:?}), copied in {copied:?}, packed in {packed:?}, \
         restored in {best_wall:.2} s ({best:.2} s of CPU time)"
    );
    let each = bytes.len() as f64 / AGENTS;
    let small = goal(&format!("{each:.1} bytes an agent, at most 32"), each <= 32.0);
    Ok(goal("restored within a second", best_wall < 1.0) && small)
}
