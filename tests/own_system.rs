//! The example of systems of one's own: ordered they run, persist and are the same again; unordered they are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../examples/own_system/wealth.rs"]
mod wealth;

use bevy_app::{App, Plugin};
use wealth::{Richest, UnorderedPlugin, WealthPlugin};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

fn stepper<P: Plugin>(plugin: fn() -> P) -> Result<Stepper, StepError> {
    let spec = WorldSpec::default_world().unwrap();
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, plugin()));
        app
    })
}

fn richest(world: &mut Stepper) -> Richest {
    world.world().ecs().resource::<Richest>().clone()
}

#[test]
fn a_system_in_its_place_runs_each_hour_and_survives_a_restart() {
    let mut undisturbed = stepper(|| WealthPlugin).unwrap();
    let mut restarted = stepper(|| WealthPlugin).unwrap();
    for _ in 0..30 {
        undisturbed.hours(1).unwrap();
        restarted.hours(1).unwrap().restart().unwrap();
        assert_eq!(richest(&mut undisturbed), richest(&mut restarted));
    }
    let found = richest(&mut undisturbed);
    assert!(found.who.is_some() && (1..=24).contains(&found.hours), "{found:?}");
    assert_eq!(undisturbed.state_hash().unwrap(), restarted.state_hash().unwrap());
}

#[test]
fn a_system_without_a_place_is_refused_with_both_names_and_what_they_share() {
    let error = stepper(|| UnorderedPlugin).expect_err("it is refused").to_string();
    for part in ["find_richest", "settle_orders", "Purse"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    // The page for developers shows this very message.
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bevy.md")).unwrap();
    for line in error.lines().map(str::trim).filter(|line| line.starts_with("conflict on")) {
        assert!(page.contains(line), "docs/bevy.md does not show: {line}\n{error}");
    }
}
