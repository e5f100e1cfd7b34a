//! Worlds of factions alone, for tests.

use bevy_app::App;
use serde_json::{Value, json};
use worldtick::components::clock::{ClockSource, MICROS_PER_DAY};
use worldtick::components::faction::{RelationState, Relations};
use worldtick::messages::TickType;
use worldtick::messages::diplomacy::DiplomacyUpdate;
use worldtick::plugins::diplomacy::DiplomacyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{DiplomacySpec, WorldSpec};

/// The seven factions of the default world, and nothing else.
pub(crate) fn seven() -> WorldSpec {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    (spec.economy, spec.behaviour, spec.npcs) = (None, None, None);
    spec
}

/// The section of a world file.
pub(crate) fn section(spec: &mut WorldSpec) -> &mut DiplomacySpec {
    spec.diplomacy.as_mut().expect("a section")
}

/// Factions of a test's own, as a file has them, that nothing is said of.
pub(crate) fn strangers(factions: Value) -> WorldSpec {
    let mut spec = calm(seven());
    let diplomacy = section(&mut spec);
    diplomacy.factions = serde_json::from_value(factions).expect("factions");
    (diplomacy.relations, diplomacy.treaties) = (Vec::new(), Vec::new());
    by_ticks(spec)
}

/// Without noise, and nobody does anything of their own accord.
pub(crate) fn calm(mut spec: WorldSpec) -> WorldSpec {
    let rules = &mut section(&mut spec).rules;
    (rules.score.noise, rules.dealings.incidents, rules.dealings.betrayal) = (0.0, 0.0, 0.0);
    spec
}

/// A world of them.
pub(crate) fn world_of(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, DiplomacyPlugin));
        app
    })
}

/// So many days with nothing but their daily ticks, in a world that is driven by them: what happens in the hours is
/// others' business.
pub(crate) fn days(world: &mut Stepper, count: u32) -> Result<(), StepError> {
    for _ in 0..count {
        let start = world.world().ecs().resource::<WorldSpec>().starts_at;
        let next = world.now().map_or(Some(start), |now| now.checked_add_micros(MICROS_PER_DAY)).expect("an instant");
        world.tick_at(TickType::Daily, next)?;
    }
    Ok(())
}

/// Runs a world from tick to tick.
pub(crate) fn by_ticks(mut spec: WorldSpec) -> WorldSpec {
    spec.clock = ClockSource::Ticks;
    spec.meta.simulation.max_step_game_seconds = 3_600;
    spec
}

/// The state of a pair.
pub(crate) fn state(world: &mut Stepper, one: &str, other: &str) -> String {
    pair(world, one, other)["state"].as_str().expect("a state").to_owned()
}

/// A pair, as the query shows it.
pub(crate) fn pair(world: &mut Stepper, one: &str, other: &str) -> Value {
    world.ask("diplomacy.pair", json!({"one": one, "other": other})).expect("an answer")
}

/// What is refused, and why.
pub(crate) fn refused(world: &mut Stepper, command: &str, payload: Value) -> String {
    let before = world.state_hash().expect("a hash");
    let Err(StepError::Refused { reason, .. }) = world.send(command, payload.clone()) else {
        panic!("{command} {payload} was not refused");
    };
    assert_eq!(world.state_hash().expect("a hash"), before, "{command}: nothing has changed");
    reason
}

/// All changes of state so far.
pub(crate) fn updates(world: &Stepper) -> Vec<DiplomacyUpdate> {
    world.events_of::<DiplomacyUpdate>().expect("updates")
}

/// The relations themselves.
pub(crate) fn relations(world: &mut Stepper) -> Relations {
    world.world().ecs().resource::<Relations>().clone()
}

/// The state of each pair, in their order.
pub(crate) fn states(world: &mut Stepper) -> Vec<RelationState> {
    relations(world).state.iter().map(|state| RelationState::of_number(*state)).collect()
}
