//! World files: what is wrong is told all at once, what is odd is warned of, and no input makes reading one panic.

use crate::world_support::{errors, sound, warnings};
use garde::Validate;
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::world::spec::WorldSpec;

/// The sound world with one value changed.
fn with(pointer: &str, value: Value) -> WorldSpec {
    let mut world = sound();
    let (around, key) = pointer.rsplit_once('/').expect("a pointer");
    let table = world.pointer_mut(around).unwrap_or_else(|| panic!("{pointer}"));
    match table {
        Value::Object(table) => drop(table.insert(key.to_owned(), value)),
        Value::Array(items) => match items.get_mut(key.parse::<usize>().expect("a number")) {
            Some(item) => *item = value,
            None => items.push(value),
        },
        _ => panic!("{pointer}"),
    }
    serde_json::from_value(world).unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

#[test]
fn the_small_world_is_sound() {
    let world: WorldSpec = serde_json::from_value(sound()).expect("valid");
    assert_eq!((errors(&world), warnings(&world)), (vec![], vec![]));
}

#[test]
fn each_error_is_found_at_its_place() {
    let dig = "/behaviour/activities/dig";
    let digger = "/behaviour/routines/digger";
    let keen = "/behaviour/presets/npcPreferences/keen/preferences";
    let ann = "/npcs/individuals/ann";
    let at = |around: &str, rest: &str| format!("{around}/{rest}");
    let long = "x".repeat(2_000);
    let cases: Vec<(String, Value, &str)> = vec![
        // Ranges.
        ("/behaviour/activityCategories/work/defaultWeight".into(), json!(1.5), "1.5 is outside 0 to 1"),
        (at(dig, "priority"), json!(101), "101 is outside 0 to 100"),
        (at(dig, "minDurationSeconds"), json!(604_801), "outside 0 to 604800"),
        (at(dig, "cooldownSeconds"), json!(31_536_001), "outside 0 to 31536000"),
        (at(dig, "requirements"), json!({"minEnergy": -1}), "-1 is outside 0 to 100"),
        (at(dig, "effects"), json!({"energyDeltaPerHour": 101}), "outside -100 to 100"),
        (at(dig, "effects"), json!({"moodImpact": {"arousal": -101}}), "effects.moodImpact.arousal"),
        (at(dig, "effects"), json!({"relationshipChanges": {"ann": {"trust": 200}}}), "200 is outside"),
        (at(dig, "effects"), json!({"flagsSet": {"": 1}}), "a name has 1 to 128 characters"),
        (at(dig, "effects"), json!({"flagsSet": {"f": "x".repeat(5_000)}}), "bytes long"),
        ("/behaviour/scoringConfig".into(), json!({"weights": {"urgency": 11}}), "scoringConfig.weights.urgency: 11"),
        ("/behaviour/scoringConfig".into(), json!({"weights": {"custom": {"own": -1}}}), "custom.own: -1"),
        (at(digger, "nodes/3/preferredActivities/0/weight"), json!(10.5), "outside 0 to 10"),
        (at(digger, "edges/0/weight"), json!(-1), "outside 0 to 10"),
        (at(keen, "activityWeights/dig"), json!(1.1), "outside 0 to 1"),
        (at(keen, "traitModifiers/openness"), json!(101), "outside 0 to 100"),
        (at(ann, "energy"), json!(101), "outside 0 to 100"),
        (at(ann, "relationships/bob"), json!({"trust": -1}), "outside 0 to 100"),
        ("/npcs/groups/0/count".into(), json!(0), "outside 1 to 1000000"),
        ("/npcs/groups/0/acquaintances".into(), json!(17), "outside 0 to 16"),
        ("/npcs/maxSessions".into(), json!(10_001), "outside 0 to 10000"),
        ("/behaviour/simulationConfig/priorityRules/0/priority".into(), json!(1_001), "outside -1000 to 1000"),
        ("/behaviour/simulationConfig/tiers/0/tickFrequencySeconds".into(), json!(0), "outside 1 to 604800"),
        // Names that nothing bears.
        (at(dig, "category"), json!("wrok"), "there is no category `wrok`: did you mean `work`?"),
        (at(digger, "nodes/3/preferredActivities/0/activityId"), json!("digg"), "did you mean `dig`?"),
        (at(digger, "edges/1/to"), json!("pitt"), "there is no node `pitt`: did you mean `pit`?"),
        (at(keen, "activityWeights/slep"), json!(0.5), "did you mean `sleep`?"),
        (at(keen, "categoryWeights/need"), json!(0.5), "did you mean `needs`?"),
        (at(keen, "traitModifiers/opennes"), json!(50), "did you mean `openness`?"),
        (at(keen, "favoriteLocations/0"), json!("hutt"), "there is no place `hutt`: did you mean `hut`?"),
        (
            at(keen, "preferredNpcIdsOrRoles/0"),
            json!("diger"),
            "there is no NPC or role `diger`: did you mean `digger`?",
        ),
        (at(keen, "avoidedNpcIdsOrRoles/0"), json!("crew-5"), "there is no NPC or role `crew-5`"),
        (at(keen, "avoidedNpcIdsOrRoles/0"), json!("crew-01"), "there is no NPC or role `crew-01`"),
        (at(dig, "requirements"), json!({"requiredNpcRolesOrIds": ["anne"]}), "did you mean `ann`?"),
        (at(dig, "requirements"), json!({"moodTags": ["hapy"]}), "there is no mood `hapy`: did you mean `happy`?"),
        (
            "/behaviour/simulationConfig/defaultTier".into(),
            json!("ambiant"),
            "there is no tier `ambiant`: did you mean `ambient`?",
        ),
        ("/behaviour/simulationConfig/priorityRules/0/tier".into(), json!("neer"), "did you mean `near`?"),
        (at(ann, "routine"), json!("diggers"), "there is no routine `diggers`: did you mean `digger`?"),
        (at(ann, "preset"), json!("ken"), "there is no preset `ken`: did you mean `keen`?"),
        (at(ann, "home"), json!("hat"), "there is no place `hat`"),
        (at(ann, "roles/0"), json!("dagger"), "there is no role `dagger`: did you mean `digger`?"),
        (at(ann, "relationships/bobby"), json!({}), "there is no NPC `bobby`: did you mean `bob`?"),
        (at(ann, "relationships/ann"), json!({}), "nobody has a relationship to themselves"),
        ("/npcs/groups/0/routines".into(), json!([]), "it needs at least one"),
        ("/npcs/groups/0/homes/0".into(), json!("hute"), "did you mean `hut`?"),
        // What is there twice, or means two things.
        (at(dig, "id"), json!("dog"), "it is `dog`, but the entry is called `dig`"),
        (at(digger, "nodes/3/id"), json!("fresh"), "`fresh` is there twice"),
        ("/npcs/roles/1".into(), json!("digger"), "`digger` is there twice"),
        ("/npcs/roles/1".into(), json!("ann"), "`ann` is an NPC, too"),
        (
            "/npcs/individuals/crew-3".into(),
            json!({"routine": "digger", "home": "hut"}),
            "the group `crew` has an NPC of this name",
        ),
        ("/npcs/individuals/npc-3".into(), json!({"routine": "digger", "home": "hut"}), "choose another"),
        (
            "/behaviour/simulationConfig/tiers/1".into(),
            json!({"id": "near", "tickFrequencySeconds": 9}),
            "`near` is there twice",
        ),
        // Routines.
        (at(digger, "nodes/1/timeRangeSeconds/end"), json!(86_401), "the seconds of a day"),
        (at(digger, "nodes/1/timeRangeSeconds"), json!({"start": 5, "end": 5}), "there is no time in it"),
        (at(digger, "nodes/1/timeRangeSeconds"), Value::Null, "a time slot needs its time"),
        (at(digger, "nodes"), json!([]), "there is no node to begin at"),
        (at(digger, "nodes/3/preferredActivities"), json!([]), "no activity can be reached from this decision"),
        (at(digger, "nodes/3/preferredActivities/0/weight"), json!(0), "it is a dead end"),
        (at(digger, "edges/1/weight"), json!(0), "no activity can be reached from this decision: it is a dead end"),
        (at(digger, "edges/0/weight"), json!(0), "no activity can be reached from this time slot: it is a dead end"),
        (at(digger, "edges/3"), json!({"from": "fresh", "to": "fresh"}), "leads in a circle: fresh → fresh"),
        // Conditions.
        (at(digger, "edges/0/conditions"), json!([{"type": "random_chance", "probability": 2}]), "2 is outside 0 to 1"),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "day_of_week_in", "days": [7]}]),
            "7 is outside 0 (Monday) to 6",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "energy_between", "min": -5, "max": 5}]),
            "conditions[0].min: -5",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "mood_in", "moodTags": ["glad"]}]),
            "there is no mood `glad`",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "expression", "expression": " "}]),
            "a formula has 1 to 512",
        ),
        (at(digger, "edges/0/conditions"), json!([{"type": "flag_exists", "key": long}]), "a name has 1 to 128"),
        (at(digger, "edges/0/conditions"), json!([{"type": "custom", "evaluatorId": ""}]), "evaluatorId: a name has"),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "stat_axis_gt", "statDefinition": "neds", "axis": "energy", "threshold": 1}]),
            "did you mean `needs`?",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "stat_axis_lt", "statDefinition": "mood", "axis": "valance", "threshold": 1}]),
            "did you mean `valence`?",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "stat_axis_gt", "statDefinition": "relationships", "axis": "trust", "threshold": 1}]),
            "needs `npcIdOrRole`",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "relationship_gt", "npcIdOrRole": "ane", "metric": "trust", "threshold": 101}]),
            "101 is outside 0 to 100",
        ),
        // What the reader that makes the world refuses, the check does.
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "expression", "expression": "energy >"}]),
            "edges[0].conditions[0].expression: ",
        ),
        (
            at(digger, "edges/0/conditions"),
            json!([{"type": "flag_equals", "key": "seen", "value": {"by": "ann"}}]),
            "edges[0].conditions[0].value: a flag is true, false, a number or a text",
        ),
        (at(dig, "effects"), json!({"flagsSet": {"a.b/c": [1]}}), "flagsSet.a.b/c: a flag is true, false, a number"),
        (at(dig, "effects"), json!({"flagsSet": {"tale": long}}), "a flag's text has at most 256 characters"),
        // Room: from the tier in which they begin down.
        ("/npcs/groups/0/count".into(), json!(5_501), "there are 5503 NPCs, but ambient and dormant"),
        (
            "/npcs/groups/0/count".into(),
            json!(6_000),
            "there are 6002 NPCs, but ambient and dormant, where they begin, hold 5500",
        ),
    ];
    for (pointer, value, expected) in cases {
        let told = errors(&with(&pointer, value.clone()));
        assert!(told.iter().any(|line| line.contains(expected)), "{pointer} = {value}: {told:#?}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let mut world = sound();
    *world.pointer_mut("/behaviour/activities/dig/category").expect("there") = json!("wrok");
    *world.pointer_mut("/npcs/individuals/ann/home").expect("there") = json!("nowhere");
    *world.pointer_mut("/behaviour/routines/digger/edges/0/to").expect("there") = json!("moon");
    world["meta"] = json!({"simulation": {"timeScale": 0, "maxNpcTicksPerStep": 0, "tickIntervalSeconds": 61,
        "tiers": {"detailed": {"maxNpcs": 20_000_000}, "active": {"maxNpcs": 1, "tickFrequencySeconds": 0}, "ambient": {"maxNpcs": 1, "share": 2_000}, "dormant": {"maxNpcs": 9}}}});
    world["description"] = json!("x".repeat(2_001));
    let told = errors(&serde_json::from_value(world).expect("the shape is right"));
    for place in [
        "description",
        "meta.simulation.time_scale",
        "meta.simulation.max_npc_ticks_per_step",
        "meta.simulation.tick_interval_seconds",
        "meta.simulation.tiers.detailed.max_npcs",
        "meta.simulation.tiers.active.tick_frequency_seconds",
        "meta.simulation.tiers.ambient.share",
        "behaviour.activities.dig.category",
        "behaviour.routines.digger.edges[0].to",
        "npcs.individuals.ann.home",
    ] {
        assert!(told.iter().any(|line| line.starts_with(&format!("{place}:"))), "{place}: {told:#?}");
    }
}

#[test]
fn what_is_odd_is_warned_of_with_its_reason() {
    let dig = "/behaviour/activities/dig";
    let node = "/behaviour/routines/digger/nodes";
    let cases: Vec<(String, Value, &str)> = vec![
        (format!("{dig}/minDurationSeconds"), json!(0), "dig/minDurationSeconds: it takes no time"),
        (
            format!("{dig}/requirements"),
            json!({"minEnergy": 60, "maxEnergy": 40}),
            "it can never be chosen: its `minEnergy` 60 is above its `maxEnergy` 40",
        ),
        (
            format!("{dig}/requirements"),
            json!({"locationTypes": ["moon"]}),
            "it can never be chosen: no place is of the type moon",
        ),
        (
            format!("{dig}/requirements"),
            json!({"locationTypes": ["wrk", "home"]}),
            "locationTypes/0: there is no place of the type `wrk`: did you mean `work`?",
        ),
        (format!("{dig}/requirements"), json!({"timeOfDay": ["night"]}), "no routine prefers it at the times of day"),
        (
            format!("{dig}/requirements"),
            json!({"conditions": [{"type": "random_chance", "probability": 0}]}),
            "one of its conditions never holds",
        ),
        (
            format!("{dig}/requirements"),
            json!({"minEnergy": 50, "conditions": [{"type": "energy_between", "min": 0, "max": 40}]}),
            "its own bounds exclude that",
        ),
        (
            format!("{dig}/requirements"),
            json!({"timeOfDay": ["morning"], "conditions": [{"type": "time_of_day_in", "times": ["evening"]}]}),
            "no time in common",
        ),
        (
            format!("{dig}/requirements"),
            json!({"moodTags": ["happy"], "conditions": [{"type": "mood_in", "moodTags": ["sad"]}]}),
            "no mood in common",
        ),
        (
            "/behaviour/activities/sing".into(),
            json!({"category": "needs", "minDurationSeconds": 60}),
            "activities/sing: it can never be chosen: no routine that can be entered prefers it",
        ),
        (format!("{node}/0/timeRangeSeconds/end"), json!(18_000), "no time slot covers 05:00 to 06:00"),
        (
            format!("{node}/4"),
            json!({"id": "lone", "nodeType": "activity", "preferredActivities": [{"activityId": "dig"}]}),
            "nodes/4: no time slot leads here",
        ),
        (
            "/behaviour/routines/digger/edges/3".into(),
            json!({"from": "pit", "to": "fresh"}),
            "it leaves an activity node",
        ),
        (
            "/behaviour/routines/digger/edges/3".into(),
            json!({"from": "night", "to": "pit", "weight": 0}),
            "edges/3/weight: its weight is 0: it is never followed",
        ),
        // From 22 to 23, but the way there is open by day alone; from 21 to 7 the two meet in the morning.
        (
            format!("{node}/3/timeRangeSeconds"),
            json!({"start": 79_200, "end": 82_800}),
            "nodes/3: it never holds at the times of the ways that lead here: it is never entered",
        ),
        (
            format!("{node}/3/timeRangeSeconds"),
            json!({"start": 79_200, "end": 82_800}),
            "nodes/1: what it leads to never holds at the times at which it is entered",
        ),
        (
            format!("{node}/3/timeRangeSeconds"),
            json!({"start": 79_200, "end": 82_800}),
            "activities/dig: it can never be chosen: no routine that can be entered prefers it",
        ),
        (format!("{node}/3/timeRangeSeconds"), json!({"start": 75_600, "end": 25_200}), ""),
        (
            format!("{node}/3/timeRangeSeconds"),
            json!({"start": 75_600, "end": 21_600}),
            "activities/dig: it can never be chosen: no routine prefers it at the times of day",
        ),
        (
            "/behaviour/routines/digger/edges/0/conditions".into(),
            json!([{"type": "energy_between", "min": 9, "max": 5}]),
            "this never holds: its `min` is above its `max`",
        ),
        (
            "/behaviour/routines/digger/edges/0/conditions".into(),
            json!([{"type": "time_of_day_in", "times": []}]),
            "its list of times is empty",
        ),
        (
            "/behaviour/routines/digger/edges/0/conditions".into(),
            json!([{"type": "relationship_gt", "npcIdOrRole": "ann", "metric": "trsut", "threshold": 5}]),
            "called `trsut`: did you mean `trust`?",
        ),
        ("/behaviour/presets/npcPreferences/keen/preferences/morningPerson".into(), json!(true), ""),
        ("/npcs/places/void".into(), json!({}), "places/void/locationTypes: it has no type"),
        ("/npcs/groups/0/acquaintances".into(), json!(4), "everybody knows all others"),
        // How often a tier of the file's own is due is said elsewhere.
        (
            "/behaviour/simulationConfig/tiers/0/tickFrequencySeconds".into(),
            json!(61),
            "tiers/0/tickFrequencySeconds: it only says which of the four tiers `near` is, `detailed`, and that is due every 60 s",
        ),
        (
            "/behaviour/simulationConfig/maxNpcsPerTick".into(),
            json!(12),
            "maxNpcsPerTick: it has no effect here: `meta.simulation.maxNpcTicksPerStep` is 50",
        ),
        ("/behaviour/simulationConfig/maxNpcsPerTick".into(), json!(50), ""),
        // Whose name it is, the app knows into which it is put.
        (format!("{dig}/effects"), json!({"customEffects": {"cheer_up": {}}}), ""),
    ];
    for (pointer, value, expected) in cases {
        let world = with(&pointer, value.clone());
        assert_eq!(errors(&world), Vec::<String>::new(), "{pointer}: warnings refuse nothing");
        let told = warnings(&world);
        if expected.is_empty() {
            assert_eq!(told, Vec::<String>::new(), "{pointer}");
        } else {
            assert!(told.iter().any(|line| line.contains(expected)), "{pointer} = {value}: {told:#?}");
        }
    }
    let preferences = json!({"morningPerson": true, "nightOwl": true});
    let told = warnings(&with("/behaviour/routines/digger/defaultPreferences", preferences));
    assert!(told[0].contains("cancel each other out"), "{told:?}");
    let vacant = with("/npcs/roles/1", json!("smith"));
    assert_eq!(warnings(&vacant), Vec::<String>::new());
    let mut world = serde_json::to_value(vacant).expect("JSON");
    world["behaviour"]["activities"]["dig"]["requirements"] = json!({"requiredNpcRolesOrIds": ["smith"]});
    let told = warnings(&serde_json::from_value(world).expect("valid"));
    assert!(told[0].contains("nobody has the role `smith`"), "{told:?}");
}

#[test]
fn the_tiers_from_the_one_in_which_people_begin_must_hold_them() {
    let mut world = sound();
    world["behaviour"]["simulationConfig"]["defaultTier"] = json!("dormant");
    world["meta"] = json!({"simulation": {"tiers": {
        "detailed": {"maxNpcs": 9}, "active": {"maxNpcs": 9}, "ambient": {"maxNpcs": 9}, "dormant": {"maxNpcs": 0}}}});
    let told = errors(&serde_json::from_value(world.clone()).expect("the shape is right"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("there are 6 NPCs, but dormant, where they begin, holds 0"), "{told:?}");
    world["behaviour"]["simulationConfig"]["defaultTier"] = json!("near");
    assert_eq!(errors(&serde_json::from_value(world).expect("the shape is right")), Vec::<String>::new());
}

#[test]
fn a_time_scale_is_in_millionths() {
    let told = |scale: f64| {
        let mut world = sound();
        world["meta"] =
            json!({"simulation": {"timeScale": scale, "tiers": worldtick::world::spec::TiersSpec::default()}});
        errors(&serde_json::from_value(world).expect("the shape is right"))
    };
    for scale in [0.1, 0.123_456, 1.1, 59.999_999, 86_399.999_999, 86_400.0] {
        assert_eq!(told(scale), Vec::<String>::new(), "{scale}");
    }
    for (scale, near) in [(0.123_456_7, "0.123457"), (59.999_999_9, "60"), (1.0 / 0.3, "3.333333")] {
        let told = told(scale);
        let expected = format!("meta.simulation.time_scale: {scale} has more than six decimals");
        assert!(
            told.len() == 1 && told[0].starts_with(&expected) && told[0].ends_with(&format!("write {near}")),
            "{told:?}"
        );
    }
}

#[test]
fn references_to_people_are_free_where_a_file_has_none() {
    let mut world = sound();
    world.as_object_mut().expect("a table").remove("npcs");
    let world: WorldSpec = serde_json::from_value(world).expect("valid");
    assert_eq!((errors(&world), warnings(&world)), (vec![], vec![]));
    let mut world = sound();
    world.as_object_mut().expect("a table").remove("behaviour");
    let told = errors(&serde_json::from_value(world).expect("the shape is right"));
    assert!(told.iter().any(|line| line.contains("there is no routine `digger`: there is none at all")), "{told:?}");
}

/// A value that is put in the place of another.
fn any_value() -> impl Strategy<Value = Value> {
    let numbers = prop::sample::select(vec![0.0, -1.0, 1.0, 0.5, 86_400.0, 4e9, -4e9, 1e300, 65_536.0]);
    let words =
        prop::sample::select(vec!["", "dig", "fresh", "pit", "ann", "crew-1", "ambient", "time_slot", "/", "a.b", "~"]);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        numbers.prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        words.prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"x": {}})),
        Just(json!(["dig"])),
        Just(json!({"type": "random_chance", "probability": 1})),
    ]
}

fn pointers(value: &Value, around: &str, all: &mut Vec<String>) {
    all.push(around.to_owned());
    match value {
        Value::Object(table) => table.iter().for_each(|(key, inner)| pointers(inner, &format!("{around}/{key}"), all)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, inner)| pointers(inner, &format!("{around}/{number}"), all));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_change_of_values_makes_a_check_panic(changes in prop::collection::vec((any::<usize>(), any_value()), 1..4)) {
        let mut world = sound();
        for (which, value) in changes {
            let mut all = Vec::new();
            pointers(&world, "", &mut all);
            if let Some(target) = world.pointer_mut(&all[which % all.len()]) {
                *target = value;
            }
        }
        if let Ok(read) = WorldSpec::from_yaml(&world.to_string()) {
            prop_assert!(read.validate().is_ok());
        }
        if let Ok(world) = serde_json::from_value::<WorldSpec>(world) {
            let _ = (world.validate(), world.warnings());
        }
    }
}
