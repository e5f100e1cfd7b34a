//! A plugin's own component, event, command and query in a world: what is declared persists, is hashed and published.

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::{StableId, StableIds, WorldId};
use worldtick::messages::{Envelope, SimulationEvent, TickType};
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::{HourlyTick, WorldSetup};
use worldtick::systems::random::Draws;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;
use worldtick::world::{Answer, Persist, RegisterExt, WorldCommand, WorldQuery};

#[derive(Component, Serialize, Deserialize, Debug, PartialEq)]
struct Tree {
    rings: u64,
}
impl Persist for Tree {
    const NAME: &'static str = "test.tree";
}

#[derive(Message, Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
struct TreeGrew {
    tree: u64,
    rings: u64,
}
impl SimulationEvent for TreeGrew {
    const EVENT_TYPE: &'static str = "simulation.event.tree_grew";
    const SOURCE: &'static str = "test.forest";
    fn key(&self) -> String {
        self.tree.to_string()
    }

    fn example() -> Self {
        Self { tree: 7, rings: 40 }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Fell {
    tree: u64,
}
impl WorldCommand for Fell {
    const NAME: &'static str = "forest.fell";
}

#[derive(Deserialize, JsonSchema)]
struct CountTrees {}
impl WorldQuery for CountTrees {
    const NAME: &'static str = "forest.count";
}

fn plant_trees(mut commands: Commands, mut ids: ResMut<StableIds>) {
    for _ in 0..5 {
        commands.spawn((ids.next_id(), Tree { rings: 0 }));
    }
}

fn grow_trees(mut trees: Query<(&StableId, &mut Tree)>, draws: Draws, mut events: MessageWriter<TreeGrew>) {
    let draws = draws.of("grow_trees");
    let mut grown: Vec<_> = trees.iter_mut().collect();
    grown.sort_by_key(|(id, _)| **id);
    for (id, mut tree) in grown {
        if draws.for_id(*id).chance(0.7) {
            tree.rings += 1;
            events.write(TreeGrew { tree: id.0, rings: tree.rings });
        }
        assert!(tree.rings < 1000, "a tree of a thousand rings");
    }
}

fn fell_tree(In(order): In<Fell>, trees: Query<(Entity, &StableId), With<Tree>>, mut commands: Commands) -> Answer {
    let found = trees.iter().find(|(_, id)| id.0 == order.tree);
    let (entity, _) = found.ok_or_else(|| format!("there is no tree {}", order.tree))?;
    commands.entity(entity).despawn();
    Ok(json!({ "felled": order.tree }))
}

fn count_trees(_: In<CountTrees>, trees: Query<(), With<Tree>>) -> Answer {
    Ok(json!(trees.iter().count()))
}

struct ForestPlugin;
impl Plugin for ForestPlugin {
    fn build(&self, app: &mut App) {
        app.persist_component::<Tree>()
            .emit_event::<TreeGrew>()
            .accept_command::<Fell, _>(fell_tree)
            .answer_query::<CountTrees, _, _>(count_trees)
            .add_systems(WorldSetup, plant_trees)
            .add_systems(HourlyTick, grow_trees);
    }
}

fn forest_on(clock: ClockSource) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let id = WorldId::new("forest").unwrap_or_else(|error| panic!("{error}"));
        let spec = WorldSpec { clock, seed: 7, ..WorldSpec::named(id) };
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec }, ForestPlugin));
        app
    })
}

fn bytes(stepper: &Stepper) -> Vec<Vec<u8>> {
    stepper.events().iter().map(|event| event.to_bytes(Envelope::Flat)).collect()
}

#[test]
fn a_restart_after_every_hour_changes_no_byte() -> Result<(), StepError> {
    let mut undisturbed = forest_on(ClockSource::Manual)?;
    let mut restarted = forest_on(ClockSource::Manual)?;
    for hour in 0..50 {
        undisturbed.hours(1)?;
        restarted.hours(1)?.restart()?;
        if hour == 20 {
            undisturbed.send("forest.fell", json!({"tree": 2}))?;
            restarted.send("forest.fell", json!({"tree": 2}))?;
        }
        assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?, "hour {hour}");
        assert_eq!(undisturbed.snapshot()?, restarted.snapshot()?, "hour {hour}");
    }
    assert_eq!(bytes(&undisturbed), bytes(&restarted));
    assert!(undisturbed.events().len() > 100);
    Ok(())
}

#[test]
fn without_hashes_the_events_are_the_same_and_nothing_can_be_hashed_or_saved() -> Result<(), StepError> {
    let mut plain = forest_on(ClockSource::Manual)?;
    let mut without = forest_on(ClockSource::Manual)?;
    without.world().forgo_hashes();
    plain.hours(10)?;
    without.hours(10)?;
    assert!(!bytes(&plain).is_empty());
    assert_eq!(bytes(&without), bytes(&plain));
    assert!(plain.state_hash().is_ok() && plain.snapshot().is_ok());
    assert!(without.state_hash().is_err() && without.snapshot().is_err());
    Ok(())
}

#[test]
fn a_replay_of_the_journal_gives_the_same_bytes() -> Result<(), StepError> {
    let mut world = forest_on(ClockSource::Ticks)?;
    world.days(2)?;
    let (mut again, events) = world.replay()?;
    assert_eq!(again.state_hash().map_err(StepError::from)?, world.state_hash()?);
    let replayed: Vec<_> = events.iter().map(|event| event.to_bytes(Envelope::Data)).collect();
    let first: Vec<_> = world.events().iter().map(|event| event.to_bytes(Envelope::Data)).collect();
    assert_eq!(replayed, first);
    Ok(())
}

#[test]
fn a_refused_command_changes_nothing() -> Result<(), StepError> {
    let mut world = forest_on(ClockSource::Manual)?;
    let before = world.state_hash()?;
    for (command, payload) in [("forest.fell", json!({"tree": 99})), ("forest.fell", json!({})), ("no.such", json!(1))]
    {
        assert!(matches!(world.send(command, payload), Err(StepError::Refused { .. })));
    }
    assert_eq!(world.state_hash()?, before);
    assert_eq!(world.ask("forest.count", json!({})), Ok(json!(5)));
    assert!(world.ask("forest.size", json!({})).is_err());
    Ok(())
}

#[test]
fn late_and_distant_ticks_do_not_run() -> Result<(), StepError> {
    use worldtick::messages::TickOutcome;
    let at = |text: &str| text.parse().expect("an instant");
    let mut world = forest_on(ClockSource::Ticks)?;
    let outcomes: Vec<_> = [
        ("2024-01-15T14:00:00Z", TickOutcome::Applied),
        ("2024-01-15T15:00:00Z", TickOutcome::Applied),
        ("2024-01-15T15:00:00Z", TickOutcome::Applied),
        ("2024-01-15T14:00:00Z", TickOutcome::Late),
        ("2025-06-15T14:00:00Z", TickOutcome::TooFarAhead),
        ("2024-01-15T18:00:00Z", TickOutcome::Applied),
    ]
    .into_iter()
    .map(|(time, expected)| (world.tick_at(TickType::Hourly, at(time)), expected))
    .collect();
    for (outcome, expected) in outcomes {
        assert_eq!(outcome?.tick, Some(expected));
    }
    assert_eq!(world.now(), Some(at("2024-01-15T18:00:00Z")));
    Ok(())
}

#[test]
fn a_panic_faults_the_world_and_nothing_else() -> Result<(), StepError> {
    let mut world = forest_on(ClockSource::Manual)?;
    let entity = {
        let ecs = world.world().ecs();
        let mut trees = ecs.query::<(Entity, &Tree)>();
        trees.iter(ecs).next().expect("a tree").0
    };
    world.world().ecs().get_mut::<Tree>(entity).expect("a tree").rings = 1000;
    let fault = world.tick(TickType::Hourly).expect_err("a fault");
    assert!(fault.to_string().contains("a thousand rings"), "{fault}");
    assert!(world.hours(1).is_err(), "a broken world stays broken");
    Ok(())
}
