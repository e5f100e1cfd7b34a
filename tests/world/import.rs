//! Worlds in the JSON format of the systems that worlds come from: they load, and what was not understood is reported.
//!
//! After a change on purpose: `INSTA_UPDATE=always cargo test --test world import::`.

use bevy_app::App;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::WorldId;
use worldtick::components::tier::SimulationTier;
use worldtick::plugins::npc::NpcAppExt;
use worldtick::plugins::{WorldPlugins, built_in_extensions};
use worldtick::systems::npc::extend::Extensions;
use worldtick::testing::Stepper;
use worldtick::world::spec::{BehaviourSpec, ConditionSpec, NpcsSpec, WorldSimulationConfig, WorldSpec};

const LAKESIDE: &str = include_str!("../fixtures/imported_lakeside.json");
const VILLAGE: &str = include_str!("../fixtures/imported_village.json");

fn id() -> WorldId {
    WorldId::new("w").expect("an id")
}

#[test]
fn a_rich_world_loads_unchanged() {
    let imported = BehaviourSpec::import(LAKESIDE).expect("it loads");
    insta::assert_snapshot!("lakeside", imported.report.to_string());
    let original: Value = serde_json::from_str(LAKESIDE).expect("JSON");
    let original = &original["meta"]["behavior"];
    let kept = serde_json::to_value(&imported.spec).expect("JSON");
    // Everything that was said is said still, but for what needs a plugin; the tiers bear the names of the four already.
    let mut lost = Vec::new();
    compare(original, &kept, "", &mut lost);
    assert_eq!(
        lost,
        [
            "/activities/activity:confide/effects/customEffects/unlock_scene",
            "/activities/activity:night_swim/requirements/conditions/6/days/0",
            "/activities/activity:night_swim/requirements/conditions/6/days/1",
            "/activities/activity:night_swim/requirements/conditions/9/type",
            "/activities/activity:night_swim/requirements/conditions/9/evaluatorId",
            "/activities/activity:night_swim/requirements/conditions/9/params",
            "/routines/routine:barista/edges/0/source",
            "/routines/routine:barista/edges/0/target",
            "/routines/routine:barista/edges/1/fromNodeId",
            "/routines/routine:barista/edges/1/toNodeId",
            "/simulationConfig/tiers",
            "/simulationConfig/maxNpcsPerTick",
        ]
    );
    assert_eq!(kept.pointer("/activities/activity:night_swim/requirements/conditions/6/days"), Some(&json!([4, 5, 6])));
    assert_eq!(kept.pointer("/routines/routine:barista/edges/1/to"), Some(&json!("swim")));
    // `meta.simulation` said the budget itself, and nothing of intervals.
    assert_eq!(imported.simulation.max_npc_ticks_per_step, 50);
    assert_eq!(imported.simulation.tiers.interval_seconds(SimulationTier::Ambient), 1_800);
}

/// What of the original is not in the copy: its pointers. Lists and tables may have grown.
fn compare(original: &Value, copy: &Value, pointer: &str, lost: &mut Vec<String>) {
    match (original, copy) {
        (Value::Object(original), Value::Object(copy)) => {
            for (key, value) in original {
                let pointer = format!("{pointer}/{key}");
                match copy.get(key) {
                    Some(other) => compare(value, other, &pointer, lost),
                    None => lost.push(pointer),
                }
            }
        }
        (Value::Array(original), Value::Array(copy)) if original.len() == copy.len() => {
            for (number, (one, other)) in original.iter().zip(copy).enumerate() {
                compare(one, other, &format!("{pointer}/{number}"), lost);
            }
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        _ if original == copy => {}
        _ => lost.push(pointer.to_owned()),
    }
}

#[test]
fn what_was_not_understood_is_reported_and_left_out() {
    let imported = BehaviourSpec::import(VILLAGE).expect("it loads");
    insta::assert_snapshot!("village", imported.report.to_string());
    let spec = &imported.spec;
    assert_eq!(spec.activities["milk"].cooldown_seconds, 14_401, "14400.5 is rounded");
    assert!(spec.activity_categories.contains_key("idle"));
    let storm = &spec.routines["farmer"].nodes[1];
    let never = ConditionSpec::RandomChance { probability: 0.0 };
    assert_eq!(storm.decision_conditions, [never.clone(), never]);
    assert_eq!(spec.simulation_config.priority_rules[0].tier, "detailed");
    assert_eq!(spec.simulation_config.default_tier.as_deref(), Some("ambient"));
    assert_eq!(imported.simulation.max_npc_ticks_per_step, 12);
    let seconds = |tier| imported.simulation.tiers.interval_seconds(tier);
    assert_eq!(SimulationTier::ALL.map(seconds), [1, 300, 3_600, 14_400]);
    // A requirement of which nothing was understood is not dropped.
    assert_eq!(spec.activities["milk"].requirements.conditions, [ConditionSpec::RandomChance { probability: 0.0 }]);
}

#[test]
fn it_may_stand_at_several_places() {
    let behaviour = json!({"activityCategories": {"a": {}}});
    for document in [
        behaviour.clone(),
        json!({"behavior": behaviour}),
        json!({"behaviour": behaviour}),
        json!({"meta": {"behavior": behaviour}}),
        json!({"meta": {"behaviour": behaviour, "simulation": {}}}),
        json!({"behavior": behaviour, "simulation": {}}),
        json!({"activityCategories": {"a": {}}, "meta": {"simulation": {}}}),
        json!({"activityCategories": [{"id": "a"}]}),
    ] {
        let imported = BehaviourSpec::import(&document.to_string()).expect("it loads");
        assert!(imported.spec.activity_categories.contains_key("a"), "{document}");
        assert_eq!(imported.report.notes, [], "{document}");
        assert_eq!(imported.simulation, WorldSimulationConfig { ..imported.simulation.clone() });
        // What is imported is a world file.
        let world = imported.into_world(id());
        let text = serde_json::to_string(&world).expect("JSON");
        assert_eq!(WorldSpec::from_yaml(&text).expect("valid"), world);
    }
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let document = json!({"meta": {
        "behavior": {
            "activities": {"a": {"category": "c", "minDurationSeconds": "long", "priority": [1]}, "b": 7},
            "routines": {"r": {"nodes": [{"nodeType": "loop"}], "edges": [{"from": "x"}]}}
        },
        "simulation": {"timeScale": "fast", "tiers": {"detailed": {}}}
    }});
    let told = BehaviourSpec::import(&document.to_string()).expect_err("refused").report;
    insta::assert_snapshot!("refused", told);
    let document = json!({
        "activityCategories": {"c": {"defaultWeight": 7}},
        "activities": {"a": {"category": "c", "priority": -1}},
        "routines": {"r": {"nodes": [{"id": "n", "nodeType": "time_slot", "preferredActivities": [{"activityId": "b"}]}]}},
        "simulation": {"timeScale": 0}
    });
    let told = BehaviourSpec::import(&document.to_string()).expect_err("refused").report;
    insta::assert_snapshot!("refused_by_rules", told);
    for text in ["", "nonsense", "[]", "7", "{}", "{\"meta\": 3}", "{\"behavior\": []}"] {
        assert!(BehaviourSpec::import(text).is_err(), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(BehaviourSpec::import(&deep).is_err());
}

/// The block of the document that first described it, comments and all.
const SIMULATION_BLOCK: &str = r#"
"meta": {
  "simulation": {
    "timeScale": 60,              // 1 real second = 60 game seconds
    "maxNpcTicksPerStep": 50,
    "maxJobOpsPerStep": 10,
    "tickIntervalSeconds": 1,     // real-time
    "tiers": {
      "detailed": { "maxNpcs": 20 },
      "active":   { "maxNpcs": 100 },
      "ambient":  { "maxNpcs": 500 },
      "dormant":  { "maxNpcs": 5000 }
    }
  }
}
"#;

#[test]
fn the_simulation_block_of_its_first_description_is_understood_with_defaults_for_the_rest() {
    let without_comments: String =
        SIMULATION_BLOCK.lines().map(|line| line.split("//").next().unwrap_or(line)).collect();
    let document: Value = serde_json::from_str(&format!("{{{without_comments}}}")).expect("JSON");
    let block = document.pointer("/meta/simulation").expect("there").clone();
    let config: WorldSimulationConfig = serde_json::from_value(block.clone()).expect("it is understood");
    assert_eq!(config, WorldSimulationConfig::default(), "its numbers are the defaults");
    let mut lost = Vec::new();
    compare(&block, &serde_json::to_value(&config).expect("JSON"), "", &mut lost);
    assert_eq!(lost, Vec::<String>::new());
    insta::assert_json_snapshot!("simulation_defaults", config);
}

/// A world that says of one activity what is given here.
fn with_activity(activity: &Value) -> String {
    json!({"activityCategories": {"a": {}}, "activities": {"x": activity}}).to_string()
}

#[test]
fn what_no_world_could_be_made_of_never_holds_or_is_left_out() {
    let never = ConditionSpec::RandomChance { probability: 0.0 };
    for condition in [
        json!({"type": "custom", "evaluatorId": "weather_is"}),
        json!({"type": "expression", "expression": "energy >"}),
        json!({"type": "expression", "expression": "mood == 'glad'"}),
        json!({"type": "flag_equals", "key": "seen", "value": {"by": "ann"}}),
        json!({"type": "flag_equals", "key": "", "value": 1}),
        json!({"type": "flag_exists", "key": "world."}),
    ] {
        let text = with_activity(&json!({"category": "a", "requirements": {"conditions": [condition]}}));
        let imported = BehaviourSpec::import(&text).unwrap_or_else(|error| panic!("{condition}: {error}"));
        assert_eq!(imported.spec.activities["x"].requirements.conditions, std::slice::from_ref(&never), "{condition}");
        let note = imported.report.notes.iter().find(|note| note.pointer.ends_with("/requirements/conditions/0"));
        assert!(note.expect("noted").message.contains("taken as a condition that never holds"), "{note:?}");
    }
    let effects = json!({
        "flagsSet": {"list": [1], "long": "x".repeat(257), "fine": true, "world.": 1}, "customEffects": {"unlock": {}},
    });
    let imported = BehaviourSpec::import(&with_activity(&json!({"category": "a", "effects": effects}))).expect("loads");
    let kept = &imported.spec.activities["x"].effects;
    assert_eq!(kept.flags_set.keys().collect::<Vec<_>>(), ["fine"]);
    assert!(kept.custom_effects.is_empty());
    for place in ["flagsSet/list", "flagsSet/long", "flagsSet/world.", "customEffects/unlock"] {
        let note = imported.report.notes.iter().find(|note| note.pointer.ends_with(place));
        assert!(note.is_some_and(|note| note.message.ends_with(": left out")), "{place}: {:?}", imported.report);
    }
}

#[test]
fn a_requirement_of_which_nothing_was_understood_never_holds() {
    for (requirements, place, holds) in [
        (json!({"timeOfDay": ["dawn"]}), "timeOfDay", false),
        (json!({"timeOfDay": "dawn", "conditions": null}), "timeOfDay", false),
        (json!({"moodTags": ["playful"]}), "moodTags", false),
        (json!({"timeOfDay": ["dawn", "night"], "moodTags": ["playful", "happy"]}), "", true),
        (json!({"timeOfDay": [], "moodTags": []}), "", true),
    ] {
        let text = with_activity(&json!({"category": "a", "requirements": requirements}));
        let imported = BehaviourSpec::import(&text).expect("it loads");
        let conditions = &imported.spec.activities["x"].requirements.conditions;
        let expected = if holds { vec![] } else { vec![ConditionSpec::RandomChance { probability: 0.0 }] };
        assert_eq!(*conditions, expected, "{requirements}");
        if !holds {
            let at = format!("/activities/x/requirements/{place}");
            let mut notes = imported.report.notes.iter().filter(|note| note.pointer == at);
            assert!(notes.any(|note| note.message.contains("taken as a condition that never holds")), "{requirements}");
        }
    }
}

#[test]
fn that_a_world_stood_still_is_said_first() {
    for (key, still) in [("enabled", false), ("pauseSimulation", true)] {
        let document = |said: bool| {
            json!({"name": "Old town", "behavior": {"activityCategories": {"a": {}}}, "simulation": {key: said}})
                .to_string()
        };
        let notes = BehaviourSpec::import(&document(still)).expect("it loads").report.notes;
        assert_eq!(notes[0].pointer, format!("/simulation/{key}"));
        assert!(notes[0].message.contains("RUNS as soon as it is registered"), "{notes:?}");
        let notes = BehaviourSpec::import(&document(!still)).expect("it loads").report.notes;
        assert_eq!(notes.len(), 1, "that it runs is nothing to be told: {notes:?}");
    }
}

/// Places and people for the world of the fixture, which has none.
fn people() -> NpcsSpec {
    let place = |kind: &str| json!({"locationTypes": [kind], "district": "shore"});
    let npc =
        |roles: Value| json!({"routine": "routine:barista", "preset": "outgoing", "home": "flat", "roles": roles});
    let npcs = json!({
        "places": {"flat": place("home"), "cafe:lakeside": place("cafe"), "green": place("park"), "lake": place("lake")},
        "roles": ["friend"],
        "individuals": {"npc:mira": npc(json!(["friend"])), "npc:rival": npc(json!([])), "npc:ann": npc(json!([]))},
    });
    serde_json::from_value(npcs).expect("places and people")
}

#[test]
fn what_was_imported_lives_a_day() {
    let mut spec = BehaviourSpec::import(LAKESIDE).expect("it loads").into_world(id());
    spec.clock = ClockSource::Manual;
    spec.npcs = Some(people());
    let text = serde_json::to_string(&spec).expect("JSON");
    assert_eq!(WorldSpec::from_yaml(&text).expect("valid"), spec);
    assert_eq!(spec.faults(Some(&built_in_extensions())), []);
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins(WorldPlugins { spec: spec.clone() });
        app
    })
    .expect("the shipped plugins make it");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..24 {
        world.hours(1).expect("it lives");
        let npc = world.ask("npc.show", json!({"npc": "npc:ann"})).expect("there");
        seen.insert(npc["activity"].to_string());
    }
    assert!(seen.len() >= 2, "{seen:?}");
}

#[test]
fn a_plugins_own_names_are_kept_where_it_is_there() {
    let mut app = App::new();
    app.add_npc_condition("weather_is", |_, _, _| true).add_npc_effect("unlock_scene", |_, _| {});
    let extensions = app.world().resource::<Extensions>().clone();
    let imported = BehaviourSpec::import_for(LAKESIDE, &extensions).expect("it loads");
    let swim = &imported.spec.activities["activity:night_swim"].requirements.conditions;
    assert!(matches!(&swim[9], ConditionSpec::Custom { evaluator_id, .. } if evaluator_id == "weather_is"));
    assert!(imported.spec.activities["activity:confide"].effects.custom_effects.contains_key("unlock_scene"));
}

/// Any JSON, with the keys of the format in places where they may and may not stand.
fn any_json() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "meta",
        "behavior",
        "simulation",
        "activities",
        "activityCategories",
        "routines",
        "nodes",
        "edges",
        "id",
        "type",
        "nodeType",
        "timeRangeSeconds",
        "start",
        "end",
        "preferredActivities",
        "activityId",
        "weight",
        "conditions",
        "decisionConditions",
        "requirements",
        "effects",
        "category",
        "moodTags",
        "tiers",
        "priorityRules",
        "condition",
        "tier",
        "priority",
        "presets",
        "npcPreferences",
        "preferences",
        "activityWeights",
        "defaultTier",
        "from",
        "to",
        "source",
        "days",
        "value",
        "params",
        "flagsSet",
        "relationshipChanges",
        "simulationConfig",
        "scoringConfig",
        "weights",
        "maxNpcs",
        "detailed",
        "timeScale",
        "a",
        "b",
        "",
        "/",
        "~",
        "a.b",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..100_000_i64).prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "a",
            "b",
            "time_slot",
            "decision",
            "activity",
            "morning",
            "happy",
            "random_chance",
            "mood_in",
            "custom",
            "flag_equals",
            "expression",
            "detailed",
            "far_away",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 96, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// A value of a document, replaced by another.
fn replaced(mut document: Value, which: usize, by: Value) -> Value {
    fn pointers(value: &Value, around: &str, all: &mut Vec<String>) {
        all.push(around.to_owned());
        match value {
            Value::Object(table) => {
                for (key, inner) in table {
                    pointers(inner, &format!("{around}/{}", key.replace('~', "~0").replace('/', "~1")), all);
                }
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(number, inner)| pointers(inner, &format!("{around}/{number}"), all));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    pointers(&document, "", &mut all);
    if let Some(target) = document.pointer_mut(&all[which % all.len()]) {
        *target = by;
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_json_makes_an_import_panic(value in any_json()) {
        if let Ok(imported) = BehaviourSpec::import(&value.to_string()) {
            prop_assert!(WorldSpec::from_yaml(&serde_json::to_string(&imported.into_world(id())).expect("JSON")).is_ok());
        }
    }

    #[test]
    fn no_change_of_one_value_makes_an_import_panic(which in any::<usize>(), by in any_json(), rich in any::<bool>()) {
        let document = serde_json::from_str(if rich { LAKESIDE } else { VILLAGE }).expect("JSON");
        let text = replaced(document, which, by).to_string();
        if let Ok(imported) = BehaviourSpec::import(&text) {
            // What was imported is a world that can be used, and made by the shipped plugins.
            let world = imported.into_world(id());
            let spec = world.clone();
            let made = Stepper::new(move || {
                let mut app = App::new();
                app.add_plugins(WorldPlugins { spec: spec.clone() });
                app
            });
            prop_assert!(made.is_ok(), "{:?}", made.err());
            prop_assert_eq!(&WorldSpec::from_yaml(&serde_json::to_string(&world).expect("JSON")).expect("valid"), &world);
        }
    }

    #[test]
    fn no_text_makes_an_import_panic(text in "\\PC{0,200}") {
        let _ = BehaviourSpec::import(&text);
    }
}
