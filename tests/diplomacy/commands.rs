//! What people order to happen between factions, what a file has for a day, and what is told of it.

use serde_json::json;
use worldtick::messages::diplomacy::{DiplomacySummary, RelationState};
use worldtick::testing::StepError;
use worldtick::world::spec::WorldSpec;

use super::support::{by_ticks, calm, days, pair, refused, section, seven, state, updates, world_of};

fn near(value: &serde_json::Value, expected: f64) -> bool {
    (value.as_f64().expect("a number") - expected).abs() < 2e-3
}

#[test]
fn a_war_is_declared_lasts_its_least_time_and_ends_with_a_truce() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    assert!(
        refused(&mut world, "diplomacy.declare_war", json!({"by": "militia", "with": "tyger_claws"}))
            .contains("its time has not begun")
    );
    days(&mut world, 1)?;
    let before = pair(&mut world, "corporation", "tyger_claws");
    assert_eq!(before["treaties"][0]["kind"], "trade");
    let order = json!({"by": "corporation", "with": "tyger_claws", "reason": "a tower burnt down"});
    let answer = world.send("diplomacy.declare_war", order.clone())?;
    assert_eq!((answer["state"].as_str(), answer["changes"].as_u64()), (Some("WAR"), Some(1)));
    assert!(near(&answer["loveChange"], -0.5) && near(&answer["trustChange"], -0.8), "{answer}");
    // It is told at once, with the change of the score and why.
    let update = updates(&world).pop().expect("one");
    assert_eq!((update.faction_a_id.as_str(), update.faction_b_id.as_str()), ("corporation", "tyger_claws"));
    assert_eq!(update.new_relation_state, RelationState::War);
    assert!(update.score_change < -50.0, "{update:?}");
    assert!(update.reason.contains("hatred -") && update.reason.contains("a tower burnt down"), "{update:?}");
    let at_war = pair(&mut world, "tyger_claws", "corporation");
    assert_eq!(at_war["treaties"], json!([]), "trade stops");
    assert_eq!(at_war["history"][1]["what"], "war_declared");
    assert_eq!((&at_war["history"][0]["from"], &at_war["history"][0]["to"]), (&json!("PEACE"), &json!("WAR")));
    // Nothing can be agreed on but a truce, and not yet.
    assert!(refused(&mut world, "diplomacy.declare_war", order.clone()).contains("at war already"));
    let with = |more: serde_json::Value| {
        let mut all = json!({"by": "corporation", "with": "tyger_claws"});
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        all
    };
    for (command, payload) in [
        ("diplomacy.form_alliance", with(json!({}))),
        ("diplomacy.betray", with(json!({}))),
        ("diplomacy.trade", with(json!({"strength": 0.5}))),
        ("diplomacy.sign_treaty", with(json!({"treaty": "trade", "days": 5}))),
    ] {
        assert!(refused(&mut world, command, payload).contains("they are at war"), "{command}");
    }
    let truce = with(json!({"treaty": "truce", "days": 10}));
    assert!(refused(&mut world, "diplomacy.sign_treaty", truce.clone()).contains("lasts for at least 120 hours"));
    days(&mut world, 5)?;
    assert_eq!(world.send("diplomacy.sign_treaty", truce)?["state"], "COLD_WAR");
    // While the truce holds there is no war: not by order, and not by hatred.
    assert!(refused(&mut world, "diplomacy.declare_war", order.clone()).contains("a truce holds between them until"));
    world.send("diplomacy.incident", with(json!({"strength": -1.0, "id": "i-1"})))?;
    days(&mut world, 9)?;
    assert_eq!(state(&mut world, "corporation", "tyger_claws"), "COLD_WAR");
    world.send("diplomacy.break_treaty", with(json!({"treaty": "truce"})))?;
    assert_eq!(world.send("diplomacy.declare_war", order)?["state"], "WAR");
    Ok(())
}

#[test]
fn war_wears_out_who_wages_it_until_it_ends_and_rest_heals() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    world.send("diplomacy.declare_war", json!({"by": "militia", "with": "maelstrom_gang"}))?;
    let faction = |world: &mut worldtick::testing::Stepper, id: &str| {
        world.ask("diplomacy.faction", json!({"faction": id})).expect("a faction")
    };
    days(&mut world, 5)?;
    let (weak, strong) = (faction(&mut world, "militia"), faction(&mut world, "maelstrom_gang"));
    let lost = |of: &serde_json::Value| {
        1.0 - of["powers"]["military"].as_f64().expect("a number")
            / of["firstPowers"]["military"].as_f64().expect("a number")
    };
    assert!(lost(&weak) > lost(&strong) && lost(&strong) > 0.02, "the weaker loses more: {weak} {strong}");
    assert!(weak["exhaustion"].as_f64().expect("a number") > strong["exhaustion"].as_f64().expect("a number"));
    assert_eq!(weak["atWarWith"], json!(["maelstrom_gang"]));
    let lasted = (6..120).find(|_| {
        days(&mut world, 1).expect("a day");
        state(&mut world, "militia", "maelstrom_gang") != "WAR"
    });
    assert!(lasted.is_some(), "it ends by itself");
    let update = updates(&world).pop().expect("one");
    assert!(
        update.new_relation_state == RelationState::ColdWar && update.reason.contains("war-weariness +"),
        "{update:?}"
    );
    assert_eq!(pair(&mut world, "militia", "maelstrom_gang")["treaties"][0]["kind"], "truce");
    let worn = faction(&mut world, "militia");
    days(&mut world, 200)?;
    let rested = faction(&mut world, "militia");
    assert!(lost(&rested) < 0.05 && lost(&worn) > lost(&rested), "{worn} {rested}");
    assert_eq!(rested["exhaustion"], 0.0);
    Ok(())
}

#[test]
fn alliances_are_formed_and_betrayed() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    let two = json!({"by": "arastov_family", "with": "valentino_gang"});
    let answer =
        world.send("diplomacy.form_alliance", json!({"by": "arastov_family", "with": "valentino_gang", "days": 30}))?;
    assert_eq!(answer["state"], "ALLIANCE");
    assert!(near(&answer["loveChange"], 0.4) && near(&answer["trustChange"], 0.6), "{answer}");
    assert!(near(&pair(&mut world, "arastov_family", "valentino_gang")["treatyBonus"], 0.3));
    assert!(refused(&mut world, "diplomacy.form_alliance", two.clone()).contains("allied already"));
    days(&mut world, 29)?;
    assert_eq!(pair(&mut world, "arastov_family", "valentino_gang")["treaties"].as_array().map(Vec::len), Some(1));
    days(&mut world, 1)?;
    let ended = pair(&mut world, "arastov_family", "valentino_gang");
    assert!(ended["treaties"] == json!([]) && near(&ended["treatyBonus"], 0.0), "its time is over: {ended}");
    assert_eq!(ended["history"][0]["what"], "treaty_ended");
    let answer = world.send("diplomacy.betray", two)?;
    assert!(answer["state"] != "ALLIANCE" && near(&answer["loveChange"], -0.8), "{answer}");
    assert!(updates(&world).pop().expect("one").reason.contains("lately a betrayal"));
    Ok(())
}

#[test]
fn treaties_count_once_and_trade_and_incidents_move_feelings_within_bounds() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    let treaty = |kind: &str, days: u32| json!({"by": "militia", "with": "nomad_nomads", "treaty": kind, "days": days});
    for _ in 0..3 {
        world.send("diplomacy.sign_treaty", treaty("trade", 20))?;
    }
    world.send("diplomacy.sign_treaty", treaty("non_aggression", 20))?;
    let now = pair(&mut world, "militia", "nomad_nomads");
    assert!(near(&now["treatyBonus"], 0.3) && now["treaties"].as_array().map(Vec::len) == Some(2), "{now}");
    world.send("diplomacy.break_treaty", json!({"by": "militia", "with": "nomad_nomads", "treaty": "trade"}))?;
    let now = pair(&mut world, "militia", "nomad_nomads");
    assert!(near(&now["treatyBonus"], 0.1), "{now}");
    let again = json!({"by": "militia", "with": "nomad_nomads", "treaty": "trade"});
    assert!(refused(&mut world, "diplomacy.break_treaty", again).contains("there is no treaty of `trade`"));
    for number in 0..40 {
        let id = format!("raid-{number}");
        let raid = json!({"by": "militia", "with": "nomad_nomads", "strength": -1, "id": id, "reason": "a raid"});
        world.send("diplomacy.incident", raid.clone())?;
        assert!(refused(&mut world, "diplomacy.incident", raid).contains("has happened already"));
    }
    let now = pair(&mut world, "militia", "nomad_nomads");
    assert!(near(&now["love"], -1.0) && near(&now["trust"], -1.0), "{now}");
    assert_eq!(now["history"].as_array().map(Vec::len), Some(20), "the last twenty");
    let trade = json!({"by": "militia", "with": "nomad_nomads", "strength": 0.5});
    assert!(near(&world.send("diplomacy.trade", trade)?["loveChange"], 0.025));
    Ok(())
}

#[test]
fn a_treaty_that_begins_later_counts_from_then() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    let treaty = json!({
        "by": "militia", "with": "tyger_claws", "treaty": "trade",
        "begins": "2077-01-04T00:00:00Z", "ends": "2077-01-06T00:00:00Z",
    });
    world.send("diplomacy.sign_treaty", treaty)?;
    let mut bonuses = Vec::new();
    for _ in 0..6 {
        bonuses.push(pair(&mut world, "militia", "tyger_claws")["treatyBonus"].as_f64().expect("a number"));
        days(&mut world, 1)?;
    }
    assert_eq!(bonuses, [0.0, 0.0, 0.0, 0.2, 0.2, 0.0]);
    Ok(())
}

#[test]
fn orders_that_make_no_sense_are_refused_with_every_reason() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    let mut told = |command: &str, payload: serde_json::Value| refused(&mut world, command, payload);
    let text = told("diplomacy.declare_war", json!({"by": "milita", "with": "nobody", "days": 3}));
    for part in ["did you mean `militia`", "/with: there is no faction `nobody`", "/days: `war_declared` has no use"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(told("diplomacy.betray", json!({"by": "militia", "with": "militia"})).contains("stands on both sides"));
    let bad = json!({"by": "militia", "with": "corporation", "strength": 1.5, "id": ""});
    let text = told("diplomacy.incident", bad);
    assert!(text.contains("/strength: 1.5 is outside -1 to 1") && text.contains("/id: it takes 1 to 64"), "{text}");
    assert!(
        told("diplomacy.incident", json!({"by": "militia", "with": "corporation"})).contains("`incident` needs it")
    );
    assert!(
        told("diplomacy.trade", json!({"by": "militia", "with": "corporation", "strength": 0})).contains("above 0")
    );
    let backwards = json!({
        "by": "militia", "with": "corporation", "treaty": "trade",
        "begins": "2078-01-01T00:00:00Z", "ends": "2077-06-01T00:00:00Z",
    });
    assert!(told("diplomacy.sign_treaty", backwards).contains("it only begins at"));
    let over = json!({"by": "militia", "with": "corporation", "treaty": "trade", "ends": "2076-06-01T00:00:00Z"});
    assert!(told("diplomacy.sign_treaty", over).contains("the treaty would end at 2076"));
    let both =
        json!({"by": "militia", "with": "corporation", "treaty": "trade", "ends": "2079-06-01T00:00:00Z", "days": 4});
    assert!(told("diplomacy.sign_treaty", both).contains("leave one of them out"));
    assert!(
        told("diplomacy.trade", json!({"by": "militia", "with": "corporation", "amount": 4})).contains("unknown field")
    );
    Ok(())
}

#[test]
fn a_world_without_factions_says_so() -> Result<(), StepError> {
    let mut spec = seven();
    spec.diplomacy = None;
    let mut world = world_of(by_ticks(spec))?;
    days(&mut world, 2)?;
    assert!(world.events().is_empty());
    assert!(refused(&mut world, "diplomacy.betray", json!({"by": "a", "with": "b"})).contains("has no factions"));
    assert!(world.ask("diplomacy.factions", json!({})).expect_err("refused").contains("has no factions"));
    Ok(())
}

#[test]
fn what_the_file_has_for_a_day_happens_on_it_or_is_noted_as_refused() -> Result<(), StepError> {
    let mut spec = calm(seven());
    section(&mut spec).events = serde_json::from_value(json!([
        {"kind": "alliance_formed", "inDays": 4, "by": "militia", "with": "nomad_nomads", "days": 50},
        {"kind": "war_declared", "inDays": 2, "by": "militia", "with": "nomad_nomads", "reason": "water rights"},
        {"kind": "incident", "inDays": 2.5, "by": "corporation", "with": "tyger_claws", "strength": 0.5, "id": "gift"},
    ]))
    .expect("events");
    for spec in [by_ticks(spec.clone()), spec] {
        let mut world = world_of(spec)?;
        let day = |world: &mut worldtick::testing::Stepper| match world.world().clock().source {
            worldtick::components::clock::ClockSource::Ticks => days(world, 1),
            _ => world.days(1).map(|_| ()),
        };
        // The first tick is the first day of a world that ticks drive; the others have begun a day before theirs.
        day(&mut world)?;
        assert_eq!(state(&mut world, "militia", "nomad_nomads"), "PEACE");
        day(&mut world)?;
        if state(&mut world, "militia", "nomad_nomads") == "PEACE" {
            day(&mut world)?;
        }
        assert_eq!(state(&mut world, "militia", "nomad_nomads"), "WAR");
        day(&mut world)?;
        assert!(near(&pair(&mut world, "corporation", "tyger_claws")["history"][0]["loveChange"], 0.15));
        day(&mut world)?;
        let war = pair(&mut world, "militia", "nomad_nomads");
        assert_eq!((&war["history"][0]["what"], &war["state"]), (&json!("refused"), &json!("WAR")));
        assert!(
            war["history"][0]["words"].as_str().expect("words").contains("did not happen: they are at war"),
            "{war}"
        );
    }
    Ok(())
}

#[test]
fn each_day_is_summed_up() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 2)?;
    world.send("diplomacy.declare_war", json!({"by": "militia", "with": "nomad_nomads"}))?;
    days(&mut world, 1)?;
    let all: Vec<DiplomacySummary> = world.events_of()?;
    let told: Vec<_> = all.iter().map(|day| (day.relations, day.changes, day.happenings, day.treaties)).collect();
    assert_eq!(told, [(21, 0, 0, 1), (21, 0, 0, 1), (21, 1, 2, 1)]);
    let states = all[2].by_state;
    assert_eq!([states.war, states.cold_war, states.peace, states.alliance], [1, 7, 10, 3]);
    assert_eq!(all[0].location, "night-city");
    Ok(())
}

#[test]
fn a_pair_is_explained_to_the_last_part() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(seven()))?;
    days(&mut world, 3)?;
    let told = world.ask("diplomacy.explain", json!({"one": "militia", "other": "maelstrom_gang"})).expect("an answer");
    let sum: f64 =
        told["terms"].as_array().expect("a list").iter().map(|term| term["value"].as_f64().expect("a number")).sum();
    assert!((sum - told["scoreNow"].as_f64().expect("a number")).abs() < 5e-3, "{told}");
    assert!((told["score"].as_f64().expect("a number") - sum).abs() <= 0.101, "the day's mood lies between: {told}");
    // Fear differs by side where power does.
    assert!(told["fearOfB"].as_f64().expect("a number") > 0.1 && told["fearOfA"] == 0.0, "{told}");
    assert_eq!(told["sides"][1]["faction"], "militia");
    assert!(told["leavesBelow"].is_number() && told["held"]["stateLastsUntil"].is_string(), "{told}");
    assert!(world.ask("diplomacy.explain", json!({"one": "militia", "other": "militia"})).is_err());
    assert!(
        world
            .ask("diplomacy.pair", json!({"one": "militia", "other": "x"}))
            .expect_err("refused")
            .contains("no faction")
    );
    Ok(())
}

#[test]
fn lists_and_matrices_are_bounded() -> Result<(), StepError> {
    let mut spec: WorldSpec = seven();
    let one = section(&mut spec).factions[0].clone();
    section(&mut spec).factions.extend((0..250).map(|number| {
        let mut faction = one.clone();
        faction.id = format!("zz-{number:03}");
        faction
    }));
    let mut world = world_of(by_ticks(spec))?;
    days(&mut world, 1)?;
    let list = world.ask("diplomacy.factions", json!({"limit": 100})).expect("a list");
    assert_eq!((list["factions"].as_array().map(Vec::len), &list["more"]), (Some(100), &json!(true)));
    let next = world.ask("diplomacy.factions", json!({"after": "zz-200"})).expect("a list");
    assert_eq!((&next["factions"][0]["id"], &next["more"]), (&json!("zz-201"), &json!(false)));
    assert!(world.ask("diplomacy.factions", json!({"limit": 201})).is_err());
    let matrix = world.ask("diplomacy.matrix", json!({})).expect("a matrix");
    assert_eq!(matrix["cells"].as_array().map(Vec::len), Some(200));
    let some = world.ask("diplomacy.matrix", json!({"factions": ["zz-001", "militia", "zz-001"]})).expect("a matrix");
    assert_eq!((some["cells"].as_array().map(Vec::len), &some["cells"][0][0]), (Some(2), &json!(null)));
    let all: Vec<String> = (0..201).map(|number| format!("zz-{number:03}")).collect();
    assert!(world.ask("diplomacy.matrix", json!({"factions": all})).expect_err("refused").contains("at most 200"));
    Ok(())
}
