//! What the check of a world file calls valid can be made into a world: both readers agree.

use std::mem::discriminant;

use bevy_app::App;
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::config::{Flaw, check_world};
use worldtick::plugins::npc::NpcAppExt;
use worldtick::plugins::{WorldPlugins, built_in_extensions, extensions_of};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

/// The shipped world, driven by hand.
fn shipped() -> Value {
    let mut world = serde_json::to_value(WorldSpec::default_world().expect("valid")).expect("JSON");
    world["clock"] = json!("manual");
    world
}

fn put(world: &mut Value, pointer: &str, value: Value) {
    let (around, key) = pointer.rsplit_once('/').expect("a pointer");
    match world.pointer_mut(around).unwrap_or_else(|| panic!("{pointer}")) {
        Value::Object(table) => drop(table.insert(key.replace("~1", "/"), value)),
        Value::Array(items) => items[key.parse::<usize>().expect("a number")] = value,
        _ => panic!("{pointer}"),
    }
}

fn app(spec: WorldSpec) -> App {
    let mut app = App::new();
    app.add_plugins(WorldPlugins { spec });
    app
}

fn make(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || app(spec.clone()))
}

/// The first activity of the shipped world and a routine's first node: any will do.
fn places(world: &Value) -> [String; 2] {
    let first = |section: &str| {
        let table = world["behaviour"][section].as_object().expect("a table");
        format!("/behaviour/{section}/{}", table.keys().next().expect("one"))
    };
    [first("activities"), format!("{}/nodes/0", first("routines"))]
}

#[test]
fn what_no_world_can_be_made_of_is_told_all_at_once_with_its_place_and_what_to_do() {
    let mut world = shipped();
    let [activity, node] = places(&world);
    let condition = |what: Value| json!([what]);
    let long = "x".repeat(257);
    let cases = [
        (
            format!("{activity}/requirements/conditions"),
            condition(json!({"type": "expression", "expression": "energy >"})),
            "/0/expression",
            "",
        ),
        (
            format!("{node}/decisionConditions"),
            condition(json!({"type": "flag_equals", "key": "seen", "value": {"by": "ann"}})),
            "/0/value",
            "a flag is true, false, a number or a text",
        ),
        (
            format!("{node}/preferredActivities/0/conditions"),
            condition(json!({"type": "custom", "evaluatorId": "weather_is"})),
            "/0/evaluatorId",
            "there is no registered condition `weather_is`",
        ),
        (format!("{activity}/effects/flagsSet"), json!({"a~b/c": [1]}), "/a~0b~1c", "a flag is true, false"),
        (
            format!("{activity}/effects/customEffects"),
            json!({"unlock": {}}),
            "/unlock",
            "no registered effect `unlock`",
        ),
        (
            "/behaviour/scoringConfig/weights/custom".into(),
            json!({"lazy": 1}),
            "/lazy",
            "no registered scoring factor `lazy`",
        ),
    ];
    for (pointer, value, ..) in &cases {
        put(&mut world, pointer, value.clone());
    }
    let flaws = check_world(&world, &built_in_extensions()).expect_err("refused");
    for (pointer, _, inner, words) in &cases {
        let at = format!("{pointer}{inner}");
        let told = flaws.iter().find(|flaw| flaw.pointer == at);
        assert!(told.is_some_and(|flaw| flaw.detail.contains(words)), "{at}: {flaws:#?}");
    }
    assert_eq!(flaws.len(), cases.len(), "{flaws:#?}");
    let mut world = shipped();
    put(&mut world, &format!("{activity}/effects/flagsSet"), json!({"tale": long}));
    let flaws = check_world(&world, &built_in_extensions()).expect_err("refused");
    assert!(flaws[0].detail.contains("at most 256 characters"), "{flaws:?}");
    // Nor can it be made, and what is said then has no names of Rust in it.
    let error = make(serde_json::from_value(world).expect("the shape is right")).expect_err("refused").to_string();
    let expected = format!("{activity}/effects/flagsSet/tale: a flag's text has at most 256 characters");
    assert!(error.ends_with(&format!("of world `night-city`: {expected}")), "{error}");
}

#[test]
fn bounds_the_wrong_way_round_are_odd_and_the_world_is_made() {
    let mut world = shipped();
    let [activity, node] = places(&world);
    put(&mut world, &format!("{activity}/requirements"), json!({"minEnergy": 90, "maxEnergy": 10}));
    let between = json!([{"type": "energy_between", "min": 9, "max": 5}]);
    put(&mut world, &format!("{node}/preferredActivities/0/conditions"), between);
    let spec = check_world(&world, &built_in_extensions()).expect("valid");
    let odd = spec.warnings();
    assert!(
        odd.iter().any(|warning| warning.pointer == activity && warning.message.contains("it can never be chosen: "))
    );
    assert!(odd.iter().any(|warning| warning.message.contains("never holds: its `min` is above its `max`")), "{odd:?}");
    make(spec).expect("made").hours(2).expect("it lives");
}

#[test]
fn a_plugins_own_names_are_known_where_it_is_there() {
    let extensions = extensions_of(&|spec| {
        let mut app = app(spec);
        app.add_npc_condition("is_rich", |_, _, _| true);
        app
    });
    let mut world = shipped();
    let [activity, _] = places(&world);
    let at = format!("{activity}/requirements/conditions");
    put(&mut world, &at, json!([{"type": "custom", "evaluatorId": "is_rich"}]));
    assert!(check_world(&world, &extensions).is_ok());
    let told = |flaws: Vec<Flaw>| flaws.into_iter().map(|flaw| flaw.detail).collect::<Vec<_>>().join("; ");
    assert!(told(check_world(&world, &built_in_extensions()).expect_err("refused")).contains("registered: none"));
    put(&mut world, &at, json!([{"type": "custom", "evaluatorId": "is_rihc"}]));
    let told = told(check_world(&world, &extensions).expect_err("refused"));
    assert!(told.contains("did you mean `is_rich`?"), "{told}");
}

/// A value that is put in the place of another.
fn any_value() -> impl Strategy<Value = Value> {
    let conditions = prop::sample::select(vec![
        json!({"type": "expression", "expression": "energy > 20 && hour >= 8"}),
        json!({"type": "expression", "expression": "energy >"}),
        json!({"type": "flag_equals", "key": "world.x", "value": []}),
        json!({"type": "flag_equals", "key": "session.", "value": 1}),
        json!({"type": "flag_exists", "key": "npc.{npc.id}"}),
        json!({"type": "energy_between", "min": 80, "max": 20}),
        json!({"type": "mood_in", "moodTags": []}),
        json!({"type": "day_of_week_in", "days": [6, 0]}),
        json!({"type": "relationship_gt", "npcIdOrRole": "nobody", "metric": "awe", "threshold": 10}),
        json!({"type": "stat_axis_between", "statDefinition": "needs", "axis": "energy", "min": 5, "max": 1}),
        json!({"type": "custom", "evaluatorId": "weather_is", "params": null}),
        json!({"type": "location_type_in", "locationTypes": ["moon"]}),
    ]);
    let numbers = prop::sample::select(vec![0.0, -1.0, 1.0, 0.5, 7.0, 60.0, 101.0, 86_400.0, 4e9, 65_536.0]);
    let words =
        prop::sample::select(vec!["", "home", "work", "sleep", "detailed", "dormant", "night", "/", "a.b", "~", "x"]);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        numbers.prop_map(Value::from),
        (0..2_000_u32).prop_map(Value::from),
        words.prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"x": {}})),
        Just(json!({"a/b": [1]})),
        conditions.clone(),
        conditions.prop_map(|one| json!([one])),
    ]
}

/// Where values stand.
fn pointers(value: &Value, around: &str, all: &mut Vec<String>) {
    all.push(around.to_owned());
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(table) => {
            table.iter().for_each(|(key, inner)| pointers(inner, &format!("{around}/{}", escaped(key)), all));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, inner)| pointers(inner, &format!("{around}/{number}"), all));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_check_calls_valid_is_made(changes in prop::collection::vec((any::<usize>(), prop::collection::vec(any_value(), 8)), 1..3)) {
        let mut world = shipped();
        for (which, values) in changes {
            let mut all = Vec::new();
            for section in ["/behaviour", "/npcs", "/economy", "/meta/simulation"] {
                if let Some(found) = world.pointer(section) {
                    pointers(found, section, &mut all);
                }
            }
            if let Some(target) = all.get(which % all.len().max(1)).and_then(|pointer| world.pointer_mut(pointer)) {
                // Of the same kind if there is one: what has the wrong shape is refused early and shows little.
                let alike = values.iter().find(|value| discriminant(*value) == discriminant(target));
                *target = alike.unwrap_or(&values[0]).clone();
            }
        }
        match check_world(&world, &built_in_extensions()) {
            Ok(spec) => {
                let made = make(spec);
                prop_assert!(made.is_ok(), "{:?}", made.err());
            }
            Err(flaws) => prop_assert!(!flaws.is_empty()),
        }
    }
}
