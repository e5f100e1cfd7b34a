//! What makes an activity possible and likely: conditions of every type, requirements, preferences, scores.

use std::time::Duration;

use crate::npc_support::{activity, hermit, show, world};
use serde_json::{Value, json};
use worldtick::testing::{StepError, Stepper};

/// A hermit whose only activity has this condition, after a few minutes; `prepare` may order things before.
fn acts(condition: &Value, change: impl FnOnce(&mut Value), prepare: impl FnOnce(&mut Stepper)) -> bool {
    let spec = hermit(|spec| {
        spec["behaviour"]["activities"]["act"]["requirements"] = json!({ "conditions": [condition] });
        spec["npcs"]["places"]["inn"] = json!({"district": "town", "locationTypes": ["bar"]});
        spec["npcs"]["individuals"]["bert"] = json!({"routine": "only", "home": "inn", "roles": ["friend"]});
        spec["npcs"]["individuals"]["anna"]["relationships"] = json!({"bert": {"affinity": 60, "trust": 20}});
        change(spec);
    });
    let mut world = world(spec).unwrap_or_else(|error| panic!("{condition}: {error}"));
    prepare(&mut world);
    world.step(Duration::from_secs(180)).expect("steps");
    activity(&mut world, "anna").is_some()
}

fn holds(condition: Value) -> bool {
    acts(&condition, |_| {}, |_| {})
}

fn order(command: &'static str, payload: Value) -> impl FnOnce(&mut Stepper) {
    move |world| {
        world.send(command, payload).expect("taken");
    }
}

#[test]
fn relationship_conditions_ask_npcs_and_roles() {
    for whom in ["bert", "friend"] {
        let relation = |kind: &str, metric: &str, threshold: f64| {
            holds(json!({"type": kind, "npcIdOrRole": whom, "metric": metric, "threshold": threshold}))
        };
        assert!(
            relation("relationship_gt", "affinity", 59.0) && !relation("relationship_gt", "affinity", 60.0),
            "{whom}"
        );
        assert!(relation("relationship_lt", "trust", 21.0) && !relation("relationship_lt", "trust", 20.0), "{whom}");
    }
    let envy = |kind: &str, threshold: f64| {
        holds(json!({"type": kind, "npcIdOrRole": "bert", "metric": "envy", "threshold": threshold}))
    };
    assert!(envy("relationship_gt", 49.0) && envy("relationship_lt", 51.0), "50 where nothing is felt");
}

#[test]
fn statistics_are_asked_by_axis() {
    let stat = |kind: &str, rest: Value| {
        let mut condition = json!({"type": kind, "statDefinition": "needs", "axis": "energy"});
        for (key, value) in rest.as_object().expect("an object") {
            condition[key] = value.clone();
        }
        holds(condition)
    };
    assert!(stat("stat_axis_gt", json!({"threshold": 49})) && !stat("stat_axis_gt", json!({"threshold": 50})));
    assert!(stat("stat_axis_lt", json!({"threshold": 51})) && !stat("stat_axis_lt", json!({"threshold": 50})));
    assert!(stat("stat_axis_between", json!({"min": 50, "max": 50})));
    assert!(!stat("stat_axis_between", json!({"min": 51, "max": 60})));
    let mood = json!({"statDefinition": "mood", "axis": "valence", "threshold": -1});
    assert!(stat("stat_axis_gt", mood.clone()) && !stat("stat_axis_lt", mood));
    let relation =
        json!({"statDefinition": "relationships", "axis": "trust", "npcIdOrRole": "bert", "min": 20, "max": 30});
    assert!(stat("stat_axis_between", relation));
}

#[test]
fn flags_are_looked_up_at_the_npc_then_the_session_then_the_world() {
    let equals = json!({"type": "flag_equals", "key": "mark", "value": 2});
    let exists = json!({"type": "flag_exists", "key": "world.met_{npc.id}"});
    assert!(!acts(&equals, |_| {}, |_| {}));
    assert!(acts(&equals, |_| {}, order("npc.set_flag", json!({"npc": "anna", "key": "mark", "value": 2}))));
    assert!(acts(&equals, |_| {}, order("world.set_flag", json!({"key": "mark", "value": 2.0}))));
    assert!(!acts(&equals, |_| {}, order("world.set_flag", json!({"key": "mark", "value": "2"}))));
    assert!(!acts(
        &equals,
        |_| {},
        |world| {
            order("world.set_flag", json!({"key": "mark", "value": 2}))(world);
            order("npc.set_flag", json!({"npc": "anna", "key": "mark", "value": 3}))(world);
        }
    ));
    assert!(acts(&exists, |_| {}, order("world.set_flag", json!({"key": "met_anna", "value": false}))));
    assert!(!acts(&exists, |_| {}, order("world.set_flag", json!({"key": "met_bert", "value": true}))));
    assert!(holds(json!({"type": "flag_equals", "key": "mark", "value": false})), "what is not set is false");
}

#[test]
fn moods_energy_times_days_and_places_are_asked() {
    assert!(holds(json!({"type": "mood_in", "moodTags": ["neutral"]})));
    assert!(!holds(json!({"type": "mood_in", "moodTags": ["happy", "sad"]})));
    assert!(holds(json!({"type": "energy_between", "min": 50, "max": 60})));
    assert!(!holds(json!({"type": "energy_between", "min": 0, "max": 49.9})));
    // The world begins at midnight, on a Friday.
    assert!(holds(json!({"type": "time_of_day_in", "times": ["night"]})));
    assert!(!holds(json!({"type": "time_of_day_in", "times": ["morning", "afternoon", "evening"]})));
    assert!(holds(json!({"type": "day_of_week_in", "days": [4]})));
    assert!(!holds(json!({"type": "day_of_week_in", "days": [0, 1, 2, 3, 5, 6]})));
    assert!(holds(json!({"type": "location_type_in", "locationTypes": ["home"]})));
    assert!(!holds(json!({"type": "location_type_in", "locationTypes": ["bar"]})));
    assert!(holds(json!({"type": "random_chance", "probability": 1})));
    assert!(!holds(json!({"type": "random_chance", "probability": 0})));
    assert!(holds(json!({"type": "expression", "expression": "energy >= 50 && hour == 0 && !flag.tired"})));
    assert!(!holds(json!({"type": "expression", "expression": "day > 4"})));
}

#[test]
fn chance_is_what_it_says() -> Result<(), StepError> {
    let spec = hermit(|spec| {
        spec["behaviour"]["activities"]["act"]["requirements"] =
            json!({"conditions": [{"type": "random_chance", "probability": 0.3}]});
        spec["behaviour"]["routines"]["only"]["nodes"][0]["preferredActivities"] =
            json!([{"activityId": "act", "weight": 10}, {"activityId": "other", "weight": 0.001}]);
        spec["behaviour"]["activities"]["other"] = json!({"category": "any", "minDurationSeconds": 60});
        spec["behaviour"]["simulationConfig"] = json!({"defaultTier": "ambient"});
        spec["meta"]["simulation"]["events"] = json!({"npcActivityChanged": {"ambient": 1}});
    });
    let mut world = world(spec)?;
    let mut acted = 0;
    for _ in 0..2_000 {
        world.step(Duration::from_secs(60))?;
        acted += usize::from(activity(&mut world, "anna").as_deref() == Some("act"));
    }
    assert!((520..680).contains(&acted), "{acted} of 2000 at 0.3");
    Ok(())
}

/// Whether the only activity is chosen with these requirements.
fn possible(requirements: &Value, change: impl FnOnce(&mut Value)) -> bool {
    let change = |spec: &mut Value| {
        spec["behaviour"]["activities"]["act"]["requirements"] = requirements.clone();
        change(spec);
    };
    acts(&json!({"type": "flag_exists", "key": "never"}), change, |_| {})
}

#[test]
fn every_requirement_is_enforced() {
    let plain = |requirements: Value| possible(&requirements, |_| {});
    assert!(plain(json!({})));
    assert!(plain(json!({"minEnergy": 50})) && !plain(json!({"minEnergy": 50.5})));
    assert!(plain(json!({"maxEnergy": 50})) && !plain(json!({"maxEnergy": 49.5})));
    assert!(plain(json!({"timeOfDay": ["night"]})) && !plain(json!({"timeOfDay": ["morning"]})));
    assert!(plain(json!({"moodTags": ["neutral"]})) && !plain(json!({"moodTags": ["tense"]})));
    assert!(plain(json!({"locationTypes": ["bar"]})));
    assert!(!plain(json!({"requiredNpcRolesOrIds": ["bert"]})), "bert is at the inn, anna at home");
    assert!(plain(json!({"locationTypes": ["bar"], "requiredNpcRolesOrIds": ["bert"]})), "she goes to him");
    assert!(plain(json!({"locationTypes": ["bar", "home"], "requiredNpcRolesOrIds": ["friend"]})));
    assert!(!plain(json!({"locationTypes": ["home"], "requiredNpcRolesOrIds": ["friend"]})));
    let with_role = |spec: &mut Value| spec["npcs"]["individuals"]["anna"]["roles"] = json!(["friend"]);
    assert!(!possible(&json!({"requiredNpcRolesOrIds": ["friend"]}), with_role), "nobody is their own company");
    assert!(!possible(&json!({"requiredNpcRolesOrIds": ["anna"]}), |_| {}));
}

#[test]
fn places_are_chosen_favourites_first_then_own_then_near() -> Result<(), StepError> {
    let goes_to = |favourites: Value, home: &str| -> Result<Value, StepError> {
        let spec = hermit(|spec| {
            let places = &mut spec["npcs"]["places"];
            places["near"] = json!({"district": "wood", "locationTypes": ["bar"]});
            places["far_1"] = json!({"district": "town", "locationTypes": ["bar"]});
            places["far_2"] = json!({"district": "town", "locationTypes": ["bar", "home"]});
            spec["behaviour"]["activities"]["act"]["requirements"] = json!({"locationTypes": ["bar"]});
            spec["behaviour"]["presets"] =
                json!({"npcPreferences": {"p": {"preferences": {"favoriteLocations": favourites}}}});
            spec["npcs"]["individuals"]["anna"]["preset"] = json!("p");
            spec["npcs"]["individuals"]["anna"]["home"] = json!(home);
        });
        let mut world = world(spec)?;
        world.step(Duration::from_secs(120))?;
        Ok(show(&mut world, "anna")["place"].clone())
    };
    assert_eq!(goes_to(json!([]), "hut")?, "near");
    assert_eq!(goes_to(json!(["hut", "far_1"]), "hut")?, "far_1", "the first favourite where it can be done");
    assert_eq!(goes_to(json!([]), "far_2")?, "far_2", "at home");
    Ok(())
}

/// A world with two activities, of which the session, the preset and the routine think differently.
fn opinions() -> Result<Stepper, StepError> {
    world(hermit(|spec| {
        let behaviour = &mut spec["behaviour"];
        behaviour["activities"]["other"] = json!({"category": "any", "minDurationSeconds": 60});
        let routine = &mut behaviour["routines"]["only"];
        routine["nodes"][0]["preferredActivities"] =
            json!([{"activityId": "act"}, {"activityId": "other", "weight": 2}]);
        routine["defaultPreferences"] = json!({
            "activityWeights": {"act": 0.1, "other": 0.2}, "categoryWeights": {"any": 0.25},
        });
        behaviour["presets"] = json!({"npcPreferences": {"p": {"preferences": {"activityWeights": {"act": 0.7}}}}});
        behaviour["simulationConfig"] = json!({"defaultTier": "detailed"});
        spec["npcs"]["individuals"]["anna"]["preset"] = json!("p");
    }))
}

fn factor(decision: &Value, activity: &str, factor: &str) -> f64 {
    let rows = decision["considered"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["activity"] == activity).expect("considered");
    row["factors"][factor].as_f64().unwrap_or_else(|| panic!("no {factor} in {row}"))
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn preferences_cascade_key_by_key_and_the_decision_is_explained() -> Result<(), StepError> {
    let mut world = opinions()?;
    world.step(Duration::from_secs(120))?;
    let explained = world.ask("npc.decision", json!({"npc": "anna"})).expect("an answer");
    let (last, now) = (&explained["last"], &explained["now"]);
    assert!(close(factor(last, "act", "activityPreference"), 0.7), "the NPC's own: {last}");
    assert!(close(factor(last, "other", "activityPreference"), 0.2), "the routine's");
    assert!(close(factor(last, "other", "categoryPreference"), 0.25 * 0.8), "the routine's, weighed");
    assert!(close(factor(last, "other", "baseWeight"), 2.0));
    let chances: f64 =
        now["considered"].as_array().expect("a list").iter().filter_map(|row| row["chance"].as_f64()).sum();
    assert!(close(chances, 1.0));
    let doing = activity(&mut world, "anna").expect("something");
    assert!(close(factor(now, &doing, "inertia"), 1.3), "{now}");
    assert_eq!(last["chosen"]["activity"], doing.as_str());

    world.send(
        "session.start",
        json!({
            "sessionId": "s1", "preferences": {"activityWeights": {"other": 1.0}}, "flags": {"seen": true},
        }),
    )?;
    world.send("scheduler.focus", json!({"kind": "scene", "sessionId": "s1", "npcs": ["anna"], "ttlSeconds": 3600}))?;
    world.step(Duration::from_secs(120))?;
    let explained = world.ask("npc.decision", json!({"npc": "anna"})).expect("an answer");
    assert_eq!(explained["last"]["session"], "s1");
    assert!(close(factor(&explained["last"], "other", "activityPreference"), 1.0), "the session's");
    assert!(
        close(factor(&explained["last"], "act", "activityPreference"), 0.7),
        "the NPC's, where the session is silent"
    );
    Ok(())
}

#[test]
fn a_decision_foretold_is_the_decision_made() -> Result<(), StepError> {
    let mut world = opinions()?;
    world.step(Duration::from_secs(120))?;
    for _ in 0..20 {
        let told = world.ask("npc.decision", json!({"npc": "anna"})).expect("an answer")["now"].clone();
        world.step(Duration::from_secs(60))?;
        let made = world.ask("npc.decision", json!({"npc": "anna"})).expect("an answer")["last"].clone();
        assert_eq!(told["decision"], made["decision"]);
        assert_eq!(told["chosen"], made["chosen"]);
    }
    Ok(())
}

#[test]
fn places_with_people_who_are_avoided_come_last() -> Result<(), StepError> {
    // Bert is at the bar in her district, and lives there; the other bar is far away.
    let goes_to = |avoided: Value, types: Value, homes: [&str; 2], has_other: bool| -> Result<Value, StepError> {
        let spec = hermit(|spec| {
            let places = &mut spec["npcs"]["places"];
            places["near"] = json!({"district": "wood", "locationTypes": ["bar"]});
            places["flat"] = json!({"district": "wood", "locationTypes": ["home"]});
            if has_other {
                places["far"] = json!({"district": "town", "locationTypes": ["bar"]});
            }
            spec["behaviour"]["activities"]["act"]["requirements"] = json!({ "locationTypes": types });
            spec["behaviour"]["presets"] =
                json!({"npcPreferences": {"p": {"preferences": {"avoidedNpcIdsOrRoles": avoided}}}});
            spec["npcs"]["individuals"]["anna"]["preset"] = json!("p");
            spec["npcs"]["individuals"]["anna"]["home"] = json!(homes[0]);
            spec["npcs"]["individuals"]["bert"] = json!({"routine": "only", "home": homes[1], "roles": ["friend"]});
        });
        let mut world = world(spec)?;
        world.step(Duration::from_secs(120))?;
        Ok(show(&mut world, "anna")["place"].clone())
    };
    let bar = || json!(["bar"]);
    assert_eq!(goes_to(json!([]), bar(), ["hut", "near"], true)?, "near");
    assert_eq!(goes_to(json!(["bert"]), bar(), ["hut", "near"], true)?, "far", "the other bar");
    assert_eq!(goes_to(json!(["friend"]), bar(), ["hut", "near"], true)?, "far", "nor anybody of the role");
    assert_eq!(goes_to(json!(["bert"]), bar(), ["hut", "near"], false)?, "near", "there is no other bar");
    assert_eq!(goes_to(json!(["bert"]), json!(["home"]), ["hut", "hut"], true)?, "hut", "at home whoever is there");
    Ok(())
}
