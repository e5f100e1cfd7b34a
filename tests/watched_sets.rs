//! Watching where a step's time goes changes nothing of what the step comes to.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use bevy_app::App;
use worldtick::plugins::WorldPlugins;
use worldtick::plugins::watch::{SetEdge, WatchPlugin};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{DEFAULT_WORLD, WorldSpec};

type Seen = Arc<Mutex<Vec<SetEdge>>>;

fn world(seen: Option<Seen>) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let text = DEFAULT_WORLD.replace("clock: live", "clock: manual");
        let mut app = App::new();
        app.add_plugins(WorldPlugins { spec: WorldSpec::from_yaml(&text).expect("the world that ships") });
        if let Some(seen) = seen.clone() {
            let watcher = Arc::new(move |edge| seen.lock().expect("a lock").push(edge));
            app.add_plugins(WatchPlugin { watcher });
        }
        app
    })
}

#[test]
fn a_watched_world_is_the_same_world() -> Result<(), StepError> {
    let seen = Seen::default();
    let (mut plain, mut watched) = (world(None)?, world(Some(seen.clone()))?);
    for hour in 0..6 {
        plain.hours(1)?;
        watched.hours(1)?;
        assert_eq!(plain.state_hash()?, watched.state_hash()?, "after hour {hour}");
        assert_eq!(plain.events(), watched.events());
    }
    assert!(!seen.lock().expect("a lock").is_empty());
    Ok(())
}

#[test]
fn sets_are_told_in_their_order_one_within_the_other() -> Result<(), StepError> {
    let seen = Seen::default();
    let mut world = world(Some(seen.clone()))?;
    world.hours(1)?;
    let edges = seen.lock().expect("a lock").clone();
    let names: Vec<&str> = edges.iter().filter_map(|edge| edge.begun).collect();
    let turns = ["tick", "tick/detailed", "tick/active", "tick/ambient", "tick/dormant"];
    let step = [&["land", "assign", "plan"][..], &turns, &["chains", "intents", "jobs", "settle"]].concat();
    assert_eq!(names.get(..step.len()), Some(&step[..]), "the first step");
    let hour = ["review", "produce", "order", "clear", "learn", "report"].map(|name| format!("economy/{name}"));
    assert_eq!(names.get(names.len() - hour.len()..).expect("an hour"), hour, "the hour ends the input");
    // What begins ends, and what began last ends first.
    let mut open = Vec::new();
    for SetEdge { ended, begun } in edges {
        assert_eq!(ended.and_then(|_| open.pop()), ended);
        open.extend(begun);
    }
    assert!(open.is_empty(), "{open:?}");
    Ok(())
}
