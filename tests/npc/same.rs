//! The same seed and the same inputs give the same world: through restarts, with focus, pins, tiers and a budget that is
//! too small, and whatever else is in the app.

use std::collections::BTreeMap;
use std::time::Duration;

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use serde_json::json;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::{StableId, StableIds};
use worldtick::components::npc::{Memory, Npc, NpcState, Relationships};
use worldtick::plugins::WorldPlugins;
use worldtick::schedules::{HourlyTick, SetupSystems, WorldSetup, WorldStep};
use worldtick::systems::random::{SystemDraws, WorldSeed};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;
use worldtick::world::{Persist, RegisterExt, StateHash};

/// The default world by hand, with a budget that defers.
fn default_world(budget: u32) -> WorldSpec {
    let mut spec = WorldSpec::default_world().expect("valid");
    spec.clock = ClockSource::Manual;
    spec.meta.simulation.max_npc_ticks_per_step = budget;
    spec
}

fn world(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins(WorldPlugins { spec: spec.clone() });
        app
    })
}

/// What happens in an hour besides time.
fn orders(world: &mut Stepper, hour: u32) -> Result<(), StepError> {
    match hour % 12 {
        1 => world.send("session.start", json!({
            "sessionId": format!("s{hour}"), "flags": {"hour": hour}, "preferences": {"activityWeights": {"deal": 0.9}},
        }))?,
        2 => world.send("scheduler.focus", json!({
            "sessionId": format!("s{}", hour - 1), "kind": "player_location", "place": "bazaar", "ttlSeconds": 9_000,
        }))?,
        3 => world.send("scheduler.focus", json!({
            "kind": "story", "npcs": ["mara-voss", "docker-3", "trader-2"], "ttlSeconds": 20_000,
        }))?,
        4 => world.send("npc.pin", json!({"npc": "silas-crow", "tier": "detailed"}))?,
        5 => world.send("npc.set_flag", json!({"npc": "lena-park", "key": "story.lena-park", "value": true}))?,
        6 => world.send("npc.pin", json!({"npc": format!("clerk-{}", 1 + hour % 40), "tier": "dormant"}))?,
        7 => world.send("npc.create", json!({"name": format!("new-{hour}"), "routine": "drifter", "home": "lantern-court"}))?,
        8 => world.send("npc.unpin", json!({"npc": "silas-crow"}))?,
        9 => world.send("session.end", json!({"sessionId": format!("s{}", hour - 8)}))?,
        10 => world.send("npc.remove", json!({"npc": format!("new-{}", hour - 3)}))?,
        _ => json!(null),
    };
    Ok(())
}

/// The hash after every quarter of an hour.
fn hashes(world: &mut Stepper, hours: u32, restarts: bool) -> Result<Vec<StateHash>, StepError> {
    let mut all = Vec::new();
    for hour in 0..hours {
        orders(world, hour)?;
        for _ in 0..4 {
            world.step(Duration::from_secs(900))?;
            all.push(world.state_hash()?);
        }
        if restarts {
            world.restart()?;
            all.push(world.state_hash()?);
        } else {
            all.push(world.state_hash()?);
        }
    }
    Ok(all)
}

#[test]
fn restarts_change_nothing_with_focus_pins_and_a_budget() -> Result<(), StepError> {
    let (mut straight, mut restarted) = (world(default_world(120))?, world(default_world(120))?);
    let expected = hashes(&mut straight, 36, false)?;
    let found = hashes(&mut restarted, 36, true)?;
    let first = expected.iter().zip(&found).position(|(one, other)| one != other);
    assert_eq!(first, None, "the first difference is after quarter {first:?} (five hashes an hour)");
    assert_eq!(straight.events(), restarted.events());
    let context = straight.ask("scheduler.context", json!({})).expect("an answer");
    assert!(context["state"]["moves"].as_array().expect("a list").len() > 4, "tiers were used: {context}");
    assert!(
        context["state"]["last"]["deferredBy"]["maxNpcTicksPerStep"].as_u64() > Some(0),
        "the budget told: {context}"
    );
    let (mut again, events) = straight.replay()?;
    assert_eq!(again.state_hash()?, straight.state_hash()?);
    assert_eq!(events, straight.events());
    Ok(())
}

/// Something of a developer's own that has nothing to do with people, but ids, state and draws of its own.
struct Weather;

#[derive(Component, serde::Serialize, serde::Deserialize)]
struct Cloud(f64);

impl Persist for Cloud {
    const NAME: &'static str = "test.cloud";
}

fn gather(mut ids: ResMut<StableIds>, mut commands: Commands) {
    for _ in 0..20 {
        commands.spawn((ids.next_id(), Cloud(0.0)));
    }
}

fn drift(seed: Res<WorldSeed>, mut clouds: Query<(&StableId, &mut Cloud)>) {
    for (id, mut cloud) in &mut clouds {
        cloud.0 += SystemDraws::new(seed.0, 1, "test.drift").for_id(*id).unit();
    }
}

impl Plugin for Weather {
    fn build(&self, app: &mut App) {
        app.persist_component::<Cloud>()
            .add_systems(WorldSetup, gather.in_set(SetupSystems::Own))
            .add_systems(WorldStep, drift)
            .add_systems(HourlyTick, drift);
    }
}

type Lives = BTreeMap<StableId, (NpcState, Memory, Relationships)>;

fn lives(world: &mut Stepper) -> Lives {
    let ecs = world.world().ecs();
    let mut query = ecs.query_filtered::<(&StableId, &NpcState, &Memory, &Relationships), With<Npc>>();
    let parts = query.iter(ecs);
    parts.map(|(id, state, memory, relations)| (*id, (state.clone(), memory.clone(), relations.clone()))).collect()
}

#[test]
fn a_plugin_that_has_nothing_to_do_with_them_changes_nobodys_decisions() -> Result<(), StepError> {
    let mut without = world(default_world(400))?;
    let mut with = Stepper::new(|| {
        let mut app = App::new();
        app.add_plugins((WorldPlugins { spec: default_world(400) }, Weather));
        app
    })?;
    without.hours(30)?;
    with.hours(30)?;
    let (without, with) = (lives(&mut without), lives(&mut with));
    assert_eq!(without.len(), 312);
    for (id, life) in &without {
        assert_eq!(with.get(id), Some(life), "NPC {id}");
    }
    Ok(())
}
