//! A small town, and what tests ask of it.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::expect_used, reason = "a test may panic")]

use bevy_app::App;
use serde_json::{Value, json};
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

pub(crate) const TOWN: &str = include_str!("town.yaml");

/// The town as its file describes it.
pub(crate) fn town() -> WorldSpec {
    WorldSpec::from_yaml(TOWN).unwrap_or_else(|error| panic!("{error}"))
}

/// An app with everything that NPCs need.
pub(crate) fn app(spec: &WorldSpec) -> App {
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin, NpcPlugin));
    app
}

pub(crate) fn world(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || app(&spec))
}

/// A part of a world file as its type.
pub(crate) fn part<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a part of a world file")
}

/// A world of one NPC `anna` that can do nothing but `act`, and of what `change` makes of it.
pub(crate) fn hermit(change: impl FnOnce(&mut Value)) -> WorldSpec {
    WorldSpec::from_yaml(&hermitage(change).to_string()).unwrap_or_else(|error| panic!("{error}"))
}

/// The same as text, unchecked.
pub(crate) fn hermitage(change: impl FnOnce(&mut Value)) -> Value {
    let mut spec = json!({
        "id": "hermitage", "clock": "manual",
        "meta": {"simulation": {
            "timeScale": 60.0, "tickIntervalSeconds": 1.0, "maxStepGameSeconds": 60, "maxNpcTicksPerStep": 1000,
            "tiers": {
                "detailed": {"maxNpcs": 100, "tickFrequencySeconds": 60},
                "active": {"maxNpcs": 100, "tickFrequencySeconds": 60},
                "ambient": {"maxNpcs": 100, "tickFrequencySeconds": 60},
                "dormant": {"maxNpcs": 100, "tickFrequencySeconds": 3600},
            },
        }},
        "behaviour": {
            "activityCategories": {"any": {}},
            "activities": {"act": {"category": "any", "minDurationSeconds": 60}},
            "routines": {"only": {"nodes": [{
                "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86400},
                "preferredActivities": [{"activityId": "act", "weight": 1}],
            }]}},
        },
        "npcs": {
            "roles": ["friend"],
            "places": {"hut": {"district": "wood", "locationTypes": ["home"]}},
            "individuals": {"anna": {"routine": "only", "home": "hut", "energy": 50}},
        },
    });
    change(&mut spec);
    spec
}

/// Everything about an NPC.
pub(crate) fn show(world: &mut Stepper, npc: &str) -> Value {
    world.ask("npc.show", json!({ "npc": npc })).expect("an NPC")
}

/// What an NPC does.
pub(crate) fn activity(world: &mut Stepper, npc: &str) -> Option<String> {
    show(world, npc)["activity"].as_str().map(str::to_owned)
}
