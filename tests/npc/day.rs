//! People live their day: they sleep at night, work, eat, meet; the same again after every restart.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::npc_support::{activity, app, hermit, show, town, world};
use serde_json::json;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::StableId;
use worldtick::components::npc::{Memory, Npc, NpcState, Relationships};
use worldtick::messages::npc::NpcActivityChanged;
use worldtick::plugins::npc::NpcAppExt;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

/// What everybody does and where, by name.
fn scene(world: &mut Stepper) -> BTreeMap<String, (String, String)> {
    let list = world.ask("npc.list", json!({ "limit": 500 })).expect("a list");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let rows = list["npcs"].as_array().expect("rows").iter();
    rows.map(|row| (text(&row["name"]), (text(&row["activity"]), text(&row["place"])))).collect()
}

fn doing(scene: &BTreeMap<String, (String, String)>, activity: &str) -> usize {
    scene.values().filter(|(does, _)| does == activity).count()
}

#[test]
fn a_day_makes_sense() -> Result<(), StepError> {
    let mut world = world(town())?;
    // 2077-01-01 is a Friday. Everybody's first turn is within the first minute.
    world.hours(4)?;
    let night = scene(&mut world);
    assert_eq!(night.len(), 32);
    assert!(doing(&night, "sleep") + doing(&night, "rest") >= 31, "{night:?}");
    for (name, (does, place)) in &night {
        assert!(does != "sleep" || place == "flats", "{name} sleeps at {place}");
    }
    world.hours(6)?;
    let day = scene(&mut world);
    assert!(doing(&day, "work") >= 18, "at ten most work: {day:?}");
    world.hours(10)?;
    let evening = scene(&mut world);
    assert_eq!(evening["mona"], ("serve".into(), "old_bar".into()));
    assert!(doing(&evening, "drink") >= 5, "{evening:?}");
    for (name, (does, place)) in evening.iter().filter(|(_, (does, _))| does == "drink") {
        assert_eq!(place, "old_bar", "{name} {does}s where the bartender is, not at the nearer bar");
    }
    world.hours(28)?;
    let saturday_night = scene(&mut world);
    assert_eq!(doing(&saturday_night, "work"), 0);
    for state in states(&mut world) {
        assert!((0.0..=100.0).contains(&state.energy) && state.valence.abs() <= 100.0);
    }
    let nils = show(&mut world, "nils");
    assert!(nils["relationships"].as_array().expect("a list").len() <= 64);
    Ok(())
}

fn states(world: &mut Stepper) -> Vec<NpcState> {
    let ecs = world.world().ecs();
    ecs.query::<&NpcState>().iter(ecs).cloned().collect()
}

#[test]
fn the_default_world_sleeps_at_night_and_works_by_day() -> Result<(), StepError> {
    let mut spec = WorldSpec::default_world().expect("valid");
    spec.clock = ClockSource::Manual;
    let mut world = world(spec)?;
    let count = |world: &mut Stepper, categories: &[&str]| {
        let spec = WorldSpec::default_world().expect("valid");
        let activities = spec.behaviour.expect("behaviour").activities;
        let meant = |does: &str| activities.get(does).is_some_and(|one| categories.contains(&one.category.as_str()));
        scene(world).values().filter(|(does, _)| meant(does) || categories.contains(&does.as_str())).count()
    };
    // The world begins on a Friday. By Monday it is forgotten how they began.
    world.hours(3 * 24 + 3)?;
    let people = scene(&mut world).len();
    let asleep = count(&mut world, &["sleep"]);
    assert!(people > 250 && asleep * 10 > people * 7, "{asleep} of {people} sleep at three");
    world.hours(8)?;
    let (asleep, at_work) = (count(&mut world, &["sleep"]), count(&mut world, &["work"]));
    assert!(asleep * 4 < people, "{asleep} of {people} sleep at eleven");
    assert!(at_work * 6 > people, "{at_work} of {people} work on a Monday at eleven");
    let idle = scene(&mut world).values().filter(|(does, _)| does == "-").count();
    assert!(idle * 50 < people, "{idle} of {people} have nothing to do");
    world.restart()?;
    Ok(())
}

#[test]
fn an_imported_world_lives() -> Result<(), StepError> {
    let text = include_str!("../fixtures/imported_lakeside.json");
    let spec = WorldSpec::from_yaml("id: lakeside\nclock: manual").expect("valid");
    let imported = worldtick::world::spec::BehaviourSpec::import(text).expect("it is imported");
    let spec = WorldSpec { behaviour: Some(imported.spec), ..spec };
    // What the world it comes from had of its own, its developer adds.
    let mut world = Stepper::new(move || {
        let mut app = app(&spec);
        app.add_npc_effect("unlock_scene", |_, _| {}).add_npc_condition("weather_is", |_, _, _| true);
        app
    })?;
    world.hours(2)?;
    Ok(())
}

#[test]
fn what_activities_do_at_their_end_is_seen() -> Result<(), StepError> {
    let mut world = world(town())?;
    world.hours(24)?;
    let drank: Vec<String> = world
        .events_of::<NpcActivityChanged>()?
        .into_iter()
        .filter(|event| event.from.as_deref() == Some("drink"))
        .map(|event| event.name)
        .collect();
    assert!(drank.is_empty(), "ambient NPCs are not told of unless the configuration says so");
    let list = scene(&mut world);
    let mut served = 0;
    for name in list.keys() {
        let npc = show(&mut world, name);
        if npc["flags"]["had_a_drink"] == true {
            served += 1;
            let likes = npc["relationships"].as_array().expect("a list").iter();
            let to_mona =
                likes.filter(|relation| relation["to"] == 1).filter_map(|relation| relation["value"].as_f64());
            assert!(to_mona.sum::<f64>() >= 52.0, "{name}: {npc}");
        }
    }
    assert!(served >= 5, "{served} have had a drink");
    Ok(())
}

#[test]
fn changes_are_told_as_the_configuration_says() -> Result<(), StepError> {
    let count = |share: f64| -> Result<usize, StepError> {
        let mut spec = town();
        spec.meta.simulation.events.npc_activity_changed.ambient = share;
        let mut world = world(spec)?;
        world.hours(24)?;
        let events = world.events_of::<NpcActivityChanged>()?;
        assert!(events.iter().all(|event| event.from != event.to || event.from.is_some()));
        Ok(events.len())
    };
    let (all, some) = (count(1.0)?, count(0.25)?);
    assert!(all > 150, "{all}");
    assert!((all / 8..all / 2).contains(&some), "a quarter of {all} is not {some}");
    Ok(())
}

#[test]
fn an_activity_is_not_chosen_again_before_its_cooldown_is_over() -> Result<(), StepError> {
    let mut spec = town();
    spec.meta.simulation.events.npc_activity_changed.ambient = 1.0;
    let mut world = world(spec)?;
    world.days(3)?;
    let mut ended: BTreeMap<String, i64> = BTreeMap::new();
    let mut again = 0;
    for record in world.events() {
        let Some(name) = record.payload.get("name").and_then(|name| name.as_str()) else { continue };
        let at = record.timestamp.as_micros() / 1_000_000;
        if record.payload.get("to").is_some_and(|to| to == "eat")
            && let Some(last) = ended.get(name)
        {
            again += 1;
            assert!(at - last >= 14_400, "{name} eats {} s after it ate", at - last);
        }
        if record.payload.get("from").is_some_and(|from| from == "eat") {
            ended.insert(name.to_owned(), at);
        }
    }
    assert!(again > 20, "{again} ate again");
    Ok(())
}

#[test]
fn a_restart_after_every_hour_changes_nothing() -> Result<(), StepError> {
    let (mut without, mut with) = (world(town())?, world(town())?);
    for hour in 0..36 {
        without.hours(1)?;
        with.hours(1)?.restart()?;
        assert_eq!(without.state_hash()?, with.state_hash()?, "hour {hour}");
    }
    assert_eq!(without.events(), with.events());
    let (mut replayed, _) = without.replay()?;
    assert_eq!(replayed.state_hash().expect("a hash"), without.state_hash()?);
    Ok(())
}

#[test]
fn others_change_nobodys_decisions() -> Result<(), StepError> {
    // Nobody needs company here, so that others are no part of anybody's life.
    let lonely = |count: u32| {
        let mut spec = town();
        let drink = spec.behaviour.as_mut().expect("behaviour").activities.get_mut("drink").expect("drink");
        drink.requirements.required_npc_roles_or_ids.clear();
        drink.effects.relationship_changes.clear();
        let groups = &mut spec.npcs.as_mut().expect("people").groups;
        groups[0].acquaintances = 0;
        let mut strangers = groups[0].clone();
        (strangers.name, strangers.count) = (Some("stranger".into()), count);
        groups.push(strangers);
        spec
    };
    let (mut few, mut many) = (world(lonely(1))?, world(lonely(200))?);
    few.days(2)?;
    many.days(2)?;
    let parts = |world: &mut Stepper| -> BTreeMap<StableId, (NpcState, Memory, Relationships)> {
        let ecs = world.world().ecs();
        let mut query = ecs.query::<(&StableId, &Npc, &NpcState, &Memory, &Relationships)>();
        let known = query
            .iter(ecs)
            .filter(|(_, npc, ..)| npc.name.as_deref().is_some_and(|name| !name.starts_with("stranger")));
        known
            .map(|(id, _, state, memory, relations)| (*id, (state.clone(), memory.clone(), relations.clone())))
            .collect()
    };
    let (few, many) = (parts(&mut few), parts(&mut many));
    assert_eq!(few.len(), 32);
    assert_eq!(few, many);
    Ok(())
}

#[test]
fn a_slot_may_pass_midnight() -> Result<(), StepError> {
    let spec = hermit(|spec| {
        spec["behaviour"]["activities"]["watch"] = json!({"category": "any", "minDurationSeconds": 60});
        spec["behaviour"]["routines"]["only"]["nodes"] = json!([
            {"id": "late", "nodeType": "time_slot", "timeRangeSeconds": {"start": 82800, "end": 7200},
             "preferredActivities": [{"activityId": "watch"}]},
            {"id": "else", "nodeType": "time_slot", "timeRangeSeconds": {"start": 7200, "end": 82800},
             "preferredActivities": [{"activityId": "act"}]},
        ]);
    });
    let mut world = world(spec)?;
    let mut seen = Vec::new();
    for _ in 0..48 {
        world.step(Duration::from_secs(1_800))?;
        seen.push(activity(&mut world, "anna").expect("something is always possible"));
    }
    // The half hours end at 0:30, 1:00, …, 24:00.
    let watched: Vec<usize> = (0..48).filter(|half| seen[*half] == "watch").collect();
    assert_eq!(watched, [0, 1, 2, 45, 46, 47], "{seen:?}");
    Ok(())
}

#[test]
fn an_activity_without_a_duration_is_decided_about_once_a_turn() -> Result<(), StepError> {
    let spec = hermit(|spec| spec["behaviour"]["activities"]["act"]["minDurationSeconds"] = json!(0));
    let mut world = world(spec)?;
    world.hours(1)?;
    let decisions = show(&mut world, "anna")["decisions"].as_u64().expect("a number");
    assert!((59..=60).contains(&decisions), "{decisions}");
    Ok(())
}

#[test]
fn effects_follow_the_time_that_really_passed() -> Result<(), StepError> {
    for seconds in [60_u64, 600, 3_600] {
        let spec = hermit(|spec| {
            spec["meta"]["simulation"]["maxStepGameSeconds"] = json!(3_600);
            spec["behaviour"]["activities"]["act"]["effects"] =
                json!({"energyDeltaPerHour": -5, "moodImpact": {"valence": 6, "arousal": 0}});
        });
        let mut world = world(spec)?;
        world.step(Duration::from_secs(60))?;
        for _ in 0..4 * 3_600 / seconds {
            world.step(Duration::from_secs(seconds))?;
        }
        let anna = show(&mut world, "anna");
        let energy = anna["energy"].as_f64().expect("a number");
        assert!((energy - 30.0).abs() < 0.2, "steps of {seconds} s: {energy}");
        // Six points up and two down in each hour.
        let valence = anna["valence"].as_f64().expect("a number");
        assert!((valence - 16.0).abs() < 0.2, "steps of {seconds} s: {valence}");
    }
    Ok(())
}
