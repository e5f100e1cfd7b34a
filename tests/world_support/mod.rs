//! A small world file, and what is found in one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use garde::Validate;
use serde_json::{Value, json};
use worldtick::world::spec::WorldSpec;

/// A small world in which everything is right and nothing is odd.
pub(crate) fn sound() -> Value {
    json!({
        "id": "w",
        "behaviour": {
            "activityCategories": {"needs": {}, "work": {"defaultWeight": 0.6}},
            "activities": {
                "sleep": {"category": "needs", "minDurationSeconds": 3600, "requirements": {"locationTypes": ["home"]}},
                "dig": {"category": "work", "minDurationSeconds": 3600, "requirements": {"timeOfDay": ["morning"]}},
            },
            "routines": {"digger": {
                "nodes": [
                    {"id": "night", "nodeType": "time_slot", "timeRangeSeconds": {"start": 79200, "end": 21600},
                     "preferredActivities": [{"activityId": "sleep"}]},
                    {"id": "day", "nodeType": "time_slot", "timeRangeSeconds": {"start": 21600, "end": 79200}},
                    {"id": "fresh", "nodeType": "decision", "decisionConditions": [{"type": "energy_between", "min": 30, "max": 100}]},
                    {"id": "pit", "nodeType": "activity", "preferredActivities": [{"activityId": "dig", "weight": 5}]},
                ],
                "edges": [{"from": "day", "to": "fresh"}, {"from": "fresh", "to": "pit"}, {"from": "night", "to": "day"}],
            }},
            "simulationConfig": {
                "tiers": [{"id": "near", "tickFrequencySeconds": 60}],
                "priorityRules": [{"condition": {"type": "flag_exists", "key": "seen"}, "tier": "near", "priority": 5}],
                "defaultTier": "ambient",
            },
            "presets": {"npcPreferences": {"keen": {"preferences": {
                "activityWeights": {"dig": 0.9}, "categoryWeights": {"work": 0.7}, "traitModifiers": {"openness": 70},
                "favoriteLocations": ["hut"], "preferredNpcIdsOrRoles": ["ann", "digger"], "avoidedNpcIdsOrRoles": ["crew-2"],
            }}}},
        },
        "npcs": {
            "places": {"hut": {"locationTypes": ["home"]}, "hole": {"locationTypes": ["work"]}},
            "roles": ["digger"],
            "individuals": {
                "ann": {"routine": "digger", "preset": "keen", "home": "hut", "work": "hole", "roles": ["digger"],
                        "relationships": {"bob": {"trust": 60}, "crew-1": {"affinity": 40}}, "energy": 80},
                "bob": {"routine": "digger", "home": "hut"},
            },
            "groups": [{"name": "crew", "count": 4, "routines": ["digger"], "presets": ["keen"], "homes": ["hut"], "works": ["hole"], "acquaintances": 2}],
        },
    })
}

/// Everything that is wrong: `path: message` lines.
pub(crate) fn errors(world: &WorldSpec) -> Vec<String> {
    let Err(report) = world.validate() else { return Vec::new() };
    report.iter().map(|(path, error)| format!("{path}: {}", error.message())).collect()
}

pub(crate) fn warnings(world: &WorldSpec) -> Vec<String> {
    world.warnings().into_iter().map(|warning| format!("{}: {}", warning.pointer, warning.message)).collect()
}
