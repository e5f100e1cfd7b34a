//! People with a life, and with a past.

use serde_json::json;
use worldtick::components::ids::StableId;
use worldtick::components::npc::{ActivityId, AxisId, Memory, Relationships};
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use crate::Failure;

/// Six activities at one node, as they are written in earnest: requirements, moods, effects, cooldowns, places.
pub(crate) fn spec(count: u32) -> Result<WorldSpec, Failure> {
    let activity = |category: &str, place: &str, energy: f64, cooldown: u32| {
        json!({
            "category": category, "minDurationSeconds": 1_800, "cooldownSeconds": cooldown,
            "requirements": {"locationTypes": [place], "minEnergy": if energy < 0.0 { 5 } else { 0 }},
            "effects": {"energyDeltaPerHour": energy, "moodImpact": {"valence": 1, "arousal": 0}},
        })
    };
    let names = ["sleep", "eat", "work", "drink", "read", "walk"];
    let offers: Vec<_> = names.iter().map(|name| json!({"activityId": name, "weight": 2})).collect();
    let spec = json!({
        "id": "bench", "clock": "manual",
        "meta": {"simulation": {"tiers": {
            "detailed": {"maxNpcs": 10}, "active": {"maxNpcs": 10}, "ambient": {"maxNpcs": count}, "dormant": {"maxNpcs": 10},
        }}},
        "behaviour": {
            "activityCategories": {"needs": {}, "work": {}, "social": {}, "leisure": {}},
            "activities": {
                "sleep": activity("needs", "home", 12.0, 0), "eat": activity("needs", "home", 4.0, 7_200),
                "work": activity("work", "work", -5.0, 0), "drink": activity("social", "bar", -4.0, 3_600),
                "read": activity("leisure", "home", -1.0, 0), "walk": activity("leisure", "park", -4.0, 3_600),
            },
            "routines": {"day": {"nodes": [{
                "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86_400},
                "preferredActivities": offers,
            }]}},
            "presets": {"npcPreferences": {"keen": {"preferences": {
                "activityWeights": {"drink": 0.8, "read": 0.3}, "categoryWeights": {"work": 0.7},
                "traitModifiers": {"extraversion": 70},
            }}}},
        },
        "npcs": {
            "places": {
                "flats": {"district": "a", "locationTypes": ["home"]}, "mill": {"district": "a", "locationTypes": ["work"]},
                "bar": {"district": "a", "locationTypes": ["bar"]}, "park": {"district": "b", "locationTypes": ["park"]},
            },
            "groups": [{
                "count": count, "routines": ["day"], "presets": ["keen"], "homes": ["flats"], "works": ["mill"],
            }],
        },
    });
    Ok(WorldSpec::from_yaml(&spec.to_string())?)
}

/// The relations of a person.
pub(crate) fn relations(id: u64) -> Relationships {
    Relationships::from_values((1..=4_u32).map(|other| (StableId(id + u64::from(other)), AxisId(0), 70.0)))
}

/// Gives everybody four relations and eight remembered activities.
pub(crate) fn give_a_past(world: &mut GameWorld) {
    let ecs = world.ecs();
    let mut query = ecs.query::<(&StableId, &mut Relationships, &mut Memory)>();
    for (id, mut relationships, mut memory) in query.iter_mut(ecs) {
        *relationships = relations(id.0);
        (0..8).for_each(|activity| memory.note(ActivityId(activity), 1_000, |_| 0));
    }
}
