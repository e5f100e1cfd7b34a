//! A village with a few stories, and what tests ask of it.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::expect_used, reason = "a test may panic")]

pub(crate) mod deeds;

use bevy_app::App;
use serde_json::{Value, json};
use worldtick::messages::interaction::{ChainChange, InteractionChainChanged, InteractionIntent};
use worldtick::plugins::interaction::InteractionPlugin;
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

pub(crate) const DAY: i64 = 86_400;

/// A village of `anna` and `ben`, who do nothing but sit, with these interactions.
pub(crate) fn village(interactions: &Value) -> Value {
    json!({
        "id": "village", "clock": "manual", "seed": 5,
        "meta": {"simulation": {"maxStepGameSeconds": 3600, "maxNpcTicksPerStep": 1000}},
        "behaviour": {
            "activityCategories": {"any": {}},
            "activities": {"sit": {"category": "any", "minDurationSeconds": 3600}},
            "routines": {"only": {"nodes": [{
                "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86400},
                "preferredActivities": [{"activityId": "sit", "weight": 1}],
            }]}},
        },
        "npcs": {
            "roles": ["friend"],
            "places": {"hut": {"district": "wood", "locationTypes": ["home"]}},
            "individuals": {
                "anna": {"routine": "only", "home": "hut", "energy": 50, "roles": ["friend"]},
                "ben": {"routine": "only", "home": "hut", "energy": 50},
            },
        },
        "interactions": interactions,
    })
}

pub(crate) fn read(file: &Value) -> WorldSpec {
    WorldSpec::from_yaml(&file.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

/// Why a world file with these interactions is refused.
pub(crate) fn refused_file(interactions: &Value) -> String {
    WorldSpec::from_yaml(&village(interactions).to_string()).expect_err("it is refused").report
}

pub(crate) fn app(spec: &WorldSpec) -> App {
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin, NpcPlugin, InteractionPlugin));
    app
}

pub(crate) fn world_of(file: &Value) -> Result<Stepper, StepError> {
    let spec = read(file);
    Stepper::new(move || app(&spec))
}

pub(crate) fn world(interactions: &Value) -> Result<Stepper, StepError> {
    world_of(&village(interactions))
}

/// Starts a session.
pub(crate) fn session(world: &mut Stepper, id: &str) -> Result<(), StepError> {
    world.send("session.start", json!({ "sessionId": id })).map(|_| ())
}

/// What happened to chains, in order: (chain, change, step).
pub(crate) fn story(world: &Stepper) -> Vec<(String, ChainChange, String)> {
    let events = world.events_of::<InteractionChainChanged>().expect("events of chains");
    events.into_iter().map(|event| (event.chain, event.change, event.step)).collect()
}

/// The steps to which something happened.
pub(crate) fn steps_with(world: &Stepper, change: ChainChange) -> Vec<String> {
    story(world).into_iter().filter(|(_, other, _)| *other == change).map(|(.., step)| step).collect()
}

/// The instant at which something first happened, in seconds since the world began.
pub(crate) fn seconds_of(world: &Stepper, change: ChainChange, step: &str) -> Option<i64> {
    let events = world.events_of::<InteractionChainChanged>().expect("events of chains");
    let found = events.into_iter().find(|event| event.change == change && event.step == step)?;
    Some((found.at.as_micros() - 3_376_684_800_000_000) / 1_000_000)
}

pub(crate) fn intents(world: &Stepper) -> Vec<InteractionIntent> {
    world.events_of::<InteractionIntent>().expect("events of intents")
}

pub(crate) fn totals(world: &mut Stepper) -> Value {
    world.ask("interaction.status", json!({})).expect("a status")["totals"].clone()
}

/// Why a command is refused. It has changed nothing.
pub(crate) fn refused(world: &mut Stepper, command: &str, payload: Value) -> String {
    let before = world.state_hash().expect("a hash");
    let error = world.send(command, payload.clone()).expect_err(&payload.to_string()).to_string();
    assert_eq!(world.state_hash().expect("a hash"), before, "{command} {payload} has changed something");
    error
}

/// How much there is of something, as the status says.
pub(crate) fn status(world: &mut Stepper, what: &str) -> u64 {
    let status = world.ask("interaction.status", json!({})).expect("a status");
    status[what].as_u64().unwrap_or_else(|| panic!("no {what} in {status}"))
}

/// A village with so many others in it: `sleeper-1` and so on.
pub(crate) fn with_sleepers(interactions: &Value, count: u32) -> Value {
    let mut file = village(interactions);
    file["npcs"]["groups"] = json!([{"name": "sleeper", "count": count, "routines": ["only"], "homes": ["hut"]}]);
    file
}
