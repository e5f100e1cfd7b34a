//! Orders and questions about NPCs: what is refused changes nothing, and says what is wrong.

use crate::npc_support::{app, hermit, hermitage, part, show, town, world};
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

fn refused(world: &mut Stepper, command: &str, payload: Value) -> String {
    let before = world.state_hash().expect("a hash");
    let error = world.send(command, payload.clone()).expect_err(&payload.to_string()).to_string();
    assert_eq!(world.state_hash().expect("a hash"), before, "{command} {payload} has changed something");
    error
}

#[test]
fn npcs_come_and_go() -> Result<(), StepError> {
    let mut world = world(town())?;
    world.hours(1)?;
    let order = json!({"name": "otto", "routine": "citizen", "preset": "busy", "home": "flats", "work": "office", "roles": ["clerk"]});
    let made = world.send("npc.create", order.clone())?;
    assert_eq!((made["npcId"].as_u64(), made["name"].as_str()), (Some(33), Some("otto")));
    let nameless = world.send("npc.create", json!({"routine": "citizen", "home": "flats"}))?;
    assert_eq!(nameless["name"], "npc-34");
    assert!(refused(&mut world, "npc.create", order).contains("name of an NPC"));
    world.hours(1)?.restart()?;
    assert!(show(&mut world, "otto")["activity"].is_string());
    assert!(show(&mut world, "npc-34")["decisions"].as_u64() > Some(0));
    world.send("npc.remove", json!({"npc": "otto"}))?;
    world.send("npc.remove", json!({"npc": 34}))?;
    assert!(world.ask("npc.show", json!({"npc": "otto"})).is_err());
    world.send("npc.remove", json!({"npc": "mona"}))?;
    world.hours(20)?.restart()?;
    let list = world.ask("npc.list", json!({"place": "old_bar"})).expect("a list");
    let drinks = list["npcs"].as_array().expect("rows").iter().filter(|npc| npc["activity"] == "drink").count();
    assert_eq!(drinks, 0, "nobody drinks without a bartender");
    Ok(())
}

#[test]
fn bad_orders_are_refused_with_everything_that_is_wrong() -> Result<(), StepError> {
    let mut world = world(town())?;
    world.hours(1)?;
    let error = refused(
        &mut world,
        "npc.create",
        json!({
            "name": "npc-7", "routine": "citzen", "preset": "lazy", "home": "flat", "work": "moon", "roles": ["clerc"],
        }),
    );
    for part in [
        "npc-7",
        "did you mean `citizen`?",
        "no preset `lazy`",
        "did you mean `flats`?",
        "no place `moon`",
        "did you mean `clerk`?",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert!(refused(&mut world, "npc.create", json!({"routine": "citizen"})).contains("home"));
    assert!(
        refused(&mut world, "npc.create", json!({"routine": "citizen", "home": "flats", "name": " "})).contains("name")
    );
    assert!(
        refused(&mut world, "npc.create", json!({"routine": "citizen", "home": "flats", "colour": 1}))
            .contains("colour")
    );
    assert!(refused(&mut world, "npc.remove", json!({"npc": "monna"})).contains("did you mean `mona`?"));
    assert!(refused(&mut world, "npc.remove", json!({"npc": 999})).contains("999"));
    let long = "x".repeat(300);
    for (key, value) in
        [("", json!(1)), (long.as_str(), json!(1)), ("k", json!(long)), ("k", json!([1])), ("k", json!({}))]
    {
        refused(&mut world, "npc.set_flag", json!({"npc": "mona", "key": key, "value": value}));
        refused(&mut world, "world.set_flag", json!({"key": key, "value": value}));
    }
    for number in 0..32 {
        world.send("npc.set_flag", json!({"npc": "mona", "key": format!("k{number}"), "value": number}))?;
    }
    assert!(
        refused(&mut world, "npc.set_flag", json!({"npc": "mona", "key": "more", "value": 1})).contains("32 flags")
    );
    assert_eq!(show(&mut world, "mona")["flags"]["k31"], 31.0);
    world.restart()?;
    world.snapshot()?;
    Ok(())
}

#[test]
fn a_full_world_refuses_more_and_uses_no_id_up() -> Result<(), StepError> {
    let mut world = world(hermit(|spec| {
        for tier in ["detailed", "active", "ambient"] {
            spec["meta"]["simulation"]["tiers"][tier]["maxNpcs"] = json!(0);
        }
        spec["meta"]["simulation"]["tiers"]["dormant"]["maxNpcs"] = json!(2);
    }))?;
    let order = json!({"routine": "only", "home": "hut"});
    assert_eq!(world.send("npc.create", order.clone())?["npcId"], 2);
    assert!(refused(&mut world, "npc.create", order.clone()).contains("full"));
    world.send("npc.remove", json!({"npc": 2}))?;
    assert_eq!(world.send("npc.create", order)?["npcId"], 3);
    Ok(())
}

#[test]
fn lists_are_paged_and_filtered() -> Result<(), StepError> {
    let mut world = world(town())?;
    world.hours(1)?;
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = world.ask("npc.list", json!({"after": after, "limit": 7})).expect("a page");
        let rows = page["npcs"].as_array().expect("rows");
        seen.extend(rows.iter().filter_map(|row| row["npcId"].as_u64()));
        if page["more"] == false {
            break;
        }
        after = *seen.last().expect("some");
    }
    assert_eq!(seen, (1..=32).collect::<Vec<u64>>());
    let count = |world: &mut Stepper, filter: Value| {
        world.ask("npc.list", filter).expect("a list")["npcs"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count(&mut world, json!({"tier": "ambient"})), 32);
    assert_eq!(count(&mut world, json!({"tier": "detailed"})), 0);
    assert!(world.ask("npc.list", json!({"limit": 0})).is_err());
    assert!(world.ask("npc.list", json!({"tier": "close"})).is_err());
    assert!(
        world.ask("npc.list", json!({"place": "flat"})).is_err_and(|error| error.contains("did you mean `flats`?"))
    );
    assert!(world.ask("npc.decision", json!({"npc": "nobody"})).is_err());
    Ok(())
}

#[test]
fn a_world_file_with_faults_is_refused_with_all_of_them() {
    // As a program may make it, past the checks of files.
    let spec: WorldSpec = part(hermitage(|spec| {
        let activity = &mut spec["behaviour"]["activities"]["act"];
        activity["requirements"] = json!({
            "moodTags": ["hapy"], "requiredNpcRolesOrIds": ["ana"],
            "conditions": [
                {"type": "expression", "expression": "energy >"},
                {"type": "custom", "evaluatorId": "is_rich"},
                {"type": "stat_axis_gt", "statDefinition": "need", "axis": "energy", "threshold": 1},
            ],
        });
        activity["effects"] = json!({"customEffects": {"sing": {}}, "flagsSet": {"a": [1]}});
        spec["behaviour"]["scoringConfig"] = json!({"weights": {"custom": {"luck": 1}}});
        spec["behaviour"]["simulationConfig"] = json!({"defaultTier": "near"});
    }));
    let error = GameWorld::create(app(&spec), Uuid::nil()).expect_err("refused").to_string();
    for part in [
        "did you mean `happy`?",
        "did you mean `anna`?",
        "at its end",
        "no registered condition `is_rich` (registered: none)",
        "did you mean `needs`?",
        "no registered effect `sing`",
        "flagsSet/a",
        "no registered scoring factor `luck`",
        "no tier `near`",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn a_session_that_names_what_is_not_there_is_refused_with_all_of_it() -> Result<(), StepError> {
    let mut world = world(town())?;
    world.hours(1)?;
    let wrong = json!({
        "activityWeights": {"drnk": 0.5, "sleep": 7}, "categoryWeights": {"socal": 1},
        "traitModifiers": {"extravertion": 50}, "favoriteLocations": ["old_bra"], "preferredNpcIdsOrRoles": ["mna"],
    });
    let before = world.state_hash()?;
    let meant = ["`drink`", "7 is outside", "`social`", "`extraversion`", "`old_bar`", "`mona`"];
    let reason = refused(&mut world, "session.start", json!({"sessionId": "s", "preferences": wrong}));
    for part in meant {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert_eq!(world.state_hash()?, before);
    let right = json!({"activityWeights": {"drink": 0.5}, "preferredNpcIdsOrRoles": ["mona"]});
    world.send("session.start", json!({"sessionId": "s", "preferences": right}))?;
    let reason = refused(&mut world, "session.set", json!({"sessionId": "s", "flags": {"a": 1}, "preferences": wrong}));
    assert!(meant.iter().all(|part| reason.contains(part)), "{reason}");
    world.send("session.set", json!({"sessionId": "s", "preferences": {"nightOwl": true}}))?;
    Ok(())
}

#[test]
fn focus_on_what_is_not_there_is_told_with_what_was_meant() -> Result<(), StepError> {
    let mut world = world(town())?;
    world.hours(1)?;
    let npcs = json!(["mona", "monna", "clrek-3", "clerk-31", "zzz"]);
    let reason = refused(&mut world, "scheduler.focus", json!({"kind": "scene", "npcs": npcs, "ttlSeconds": 60}));
    for (place, meant) in
        [("/npcs/1: there is no NPC `monna`", "`mona`"), ("/npcs/2: there is no NPC `clrek-3`", "`clerk-3`")]
    {
        assert!(reason.contains(place) && reason.contains(&format!("did you mean {meant}?")), "{reason}");
    }
    assert!(reason.contains("/npcs/3: ") && reason.contains("/npcs/4: ") && !reason.contains("/npcs/0: "), "{reason}");
    let reason = refused(&mut world, "scheduler.focus", json!({"kind": "scene", "place": "old_bra", "ttlSeconds": 60}));
    assert!(reason.ends_with("/place: there is no place `old_bra`; did you mean `old_bar`?"), "{reason}");
    Ok(())
}

#[test]
fn a_world_without_people_takes_questions_and_orders() -> Result<(), StepError> {
    let mut world = world(WorldSpec::from_yaml("id: empty\nclock: manual").expect("valid"))?;
    world.hours(2)?;
    assert_eq!(world.ask("npc.list", json!({})).expect("a list"), json!({"npcs": [], "more": false}));
    assert!(refused(&mut world, "npc.create", json!({"routine": "any", "home": "any"})).contains("no routine"));
    world.send("world.set_flag", json!({"key": "curfew", "value": true}))?;
    world.restart()?;
    Ok(())
}
