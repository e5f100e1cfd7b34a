//! Treaties: from when to when they hold, and that nobody gets out of one for nothing.

use serde_json::{Value, json};
use worldtick::components::clock::{GameInstant, MICROS_PER_DAY};
use worldtick::messages::diplomacy::RelationState;
use worldtick::testing::{StepError, Stepper};

use super::support::{
    by_ticks, calm, days, pair, refused, section, seven, state, states, strangers, updates, world_of,
};

/// An order of the militia to the tyger claws.
fn order(more: Value) -> Value {
    let mut all = json!({"by": "militia", "with": "tyger_claws"});
    all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    all
}

/// The same as an instant, so many days from now.
fn in_days(world: &Stepper, days: i64) -> GameInstant {
    world.now().expect("a time").checked_add_micros(days * MICROS_PER_DAY).expect("an instant")
}

/// The treaties of the two: kind, beginning, end.
fn treaties(world: &mut Stepper) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = pair(world, "militia", "tyger_claws")["treaties"].clone();
    let all = all.as_array().expect("a list").iter();
    all.map(|of| (text(&of["kind"]), text(&of["begins"]), text(&of["ends"]))).collect()
}

fn truce(begins: GameInstant, ends: GameInstant) -> Vec<(String, String, String)> {
    vec![("truce".to_owned(), begins.to_string(), ends.to_string())]
}

/// A world in which the two are at war, and have been for its least time.
fn at_war() -> Result<Stepper, StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    world.send("diplomacy.declare_war", order(json!({})))?;
    days(&mut world, 5)?;
    Ok(world)
}

#[test]
fn a_signed_truce_is_as_long_as_it_says() -> Result<(), StepError> {
    for length in [3, 40] {
        let mut world = at_war()?;
        world.send("diplomacy.sign_treaty", order(json!({"treaty": "truce", "days": length})))?;
        assert_eq!(treaties(&mut world), truce(in_days(&world, 0), in_days(&world, length)));
        days(&mut world, u32::try_from(length - 1).expect("few"))?;
        assert!(refused(&mut world, "diplomacy.declare_war", order(json!({}))).contains("a truce holds"));
        days(&mut world, 1)?;
        assert_eq!(treaties(&mut world), []);
        assert_eq!(world.send("diplomacy.declare_war", order(json!({})))?["state"], "WAR");
    }
    Ok(())
}

#[test]
fn a_truce_that_ends_a_war_holds_at_once() -> Result<(), StepError> {
    let mut world = at_war()?;
    let later = json!({"treaty": "truce", "begins": in_days(&world, 3), "ends": in_days(&world, 30)});
    assert!(refused(&mut world, "diplomacy.sign_treaty", order(later)).contains("holds from now on"));
    assert_eq!(state(&mut world, "militia", "tyger_claws"), "WAR");
    Ok(())
}

#[test]
fn nobody_gets_out_of_a_truce_by_signing_another_or_by_betrayal() -> Result<(), StepError> {
    let mut world = at_war()?;
    world.send("diplomacy.sign_treaty", order(json!({"treaty": "truce", "days": 20})))?;
    let (begins, ends) = (in_days(&world, 0), in_days(&world, 20));
    for short in [1, 19] {
        let short = order(json!({"treaty": "truce", "days": short}));
        assert!(refused(&mut world, "diplomacy.sign_treaty", short).contains("can be made longer, or broken"));
    }
    days(&mut world, 1)?;
    world.send("diplomacy.sign_treaty", order(json!({"treaty": "truce", "days": 25})))?;
    assert_eq!(treaties(&mut world), truce(begins, in_days(&world, 25)));
    assert!(in_days(&world, 25) > ends, "longer it may be");
    // They are allied and one betrays the other: every treaty ends but the truce, and there is no war.
    world.send("diplomacy.form_alliance", order(json!({"days": 100})))?;
    let ends = in_days(&world, 25);
    world.send("diplomacy.incident", order(json!({"strength": -1, "id": "i-1"})))?;
    let answer = world.send("diplomacy.betray", order(json!({})))?;
    assert!(answer["score"].as_f64().expect("a number") < -0.7, "low enough for a war: {answer}");
    assert_eq!(answer["state"], "COLD_WAR");
    assert_eq!(treaties(&mut world), truce(begins, ends));
    assert!(refused(&mut world, "diplomacy.declare_war", order(json!({}))).contains("a truce holds"));
    days(&mut world, 24)?;
    assert_eq!(state(&mut world, "militia", "tyger_claws"), "COLD_WAR");
    Ok(())
}

#[test]
fn a_betrayal_leads_to_war_where_nothing_keeps_it_away_and_never_to_friendship() -> Result<(), StepError> {
    let betrayed = |exhaustion: f64| -> Result<String, StepError> {
        let mut spec = calm(seven());
        section(&mut spec).rules.conflict.exhaustion = exhaustion;
        let mut world = world_of(by_ticks(spec))?;
        days(&mut world, 1)?;
        // Both wage a war against others, and it wears them out.
        for (by, with) in [("militia", "nomad_nomads"), ("tyger_claws", "arastov_family")] {
            world.send("diplomacy.declare_war", json!({"by": by, "with": with}))?;
        }
        days(&mut world, 3)?;
        world.send("diplomacy.incident", order(json!({"strength": -1, "id": "i-1"})))?;
        world.send("diplomacy.betray", order(json!({})))?;
        Ok(state(&mut world, "militia", "tyger_claws"))
    };
    assert_eq!(betrayed(0.0)?, "WAR");
    assert_eq!(betrayed(0.4)?, "COLD_WAR", "too weary");
    // Whatever a file makes of a betrayal: it betters nothing.
    let mut spec = calm(seven());
    section(&mut spec).rules.effects.betrayal.love = 2.0;
    let mut world = world_of(by_ticks(spec))?;
    days(&mut world, 1)?;
    let answer = world.send("diplomacy.betray", json!({"by": "maelstrom_gang", "with": "militia"}))?;
    assert!(answer["score"].as_f64().expect("a number") > 0.2 && answer["state"] == "COLD_WAR", "{answer}");
    Ok(())
}

#[test]
fn a_treaty_is_renewed_without_a_gap() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    let start = in_days(&world, 0);
    let trade = |from: GameInstant, to: GameInstant| order(json!({"treaty": "trade", "begins": from, "ends": to}));
    let at = |days: i64| start.checked_add_micros(days * MICROS_PER_DAY).expect("an instant");
    world.send("diplomacy.sign_treaty", trade(at(0), at(10)))?;
    // What does not follow on it is refused, and changes nothing.
    assert!(
        refused(&mut world, "diplomacy.sign_treaty", trade(at(11), at(20))).contains("another has to follow on it")
    );
    assert!(refused(&mut world, "diplomacy.sign_treaty", trade(at(2), at(9))).contains("can be made longer"));
    world.send("diplomacy.sign_treaty", trade(at(10), at(20)))?;
    let whole = ("trade".to_owned(), at(0).to_string(), at(20).to_string());
    assert_eq!(treaties(&mut world), [whole]);
    for _ in 0..20 {
        assert_eq!(pair(&mut world, "militia", "tyger_claws")["treatyBonus"], 0.2);
        days(&mut world, 1)?;
    }
    assert_eq!(pair(&mut world, "militia", "tyger_claws")["treatyBonus"], 0.0);
    // One that is to come is met from before, and cannot be broken yet.
    world.send("diplomacy.sign_treaty", trade(at(30), at(40)))?;
    let broken = refused(&mut world, "diplomacy.break_treaty", order(json!({"treaty": "trade"})));
    assert!(broken.contains("begins only at"), "{broken}");
    assert!(refused(&mut world, "diplomacy.sign_treaty", trade(at(20), at(29))).contains("has to follow"));
    world.send("diplomacy.sign_treaty", trade(at(20), at(30)))?;
    assert_eq!(treaties(&mut world), [("trade".to_owned(), at(20).to_string(), at(40).to_string())]);
    assert_eq!(pair(&mut world, "militia", "tyger_claws")["treatyBonus"], 0.2);
    world.send("diplomacy.break_treaty", order(json!({"treaty": "trade"})))?;
    assert_eq!(treaties(&mut world), []);
    Ok(())
}

#[test]
fn a_treaty_whose_time_is_over_is_none_even_before_the_day_is() -> Result<(), StepError> {
    let mut world = world_of(calm(seven()))?;
    world.days(1)?;
    let soon = world.now().expect("a time").checked_add_micros(MICROS_PER_DAY / 4).expect("an instant");
    world.send("diplomacy.form_alliance", order(json!({"ends": soon})))?;
    world.send("diplomacy.sign_treaty", order(json!({"treaty": "trade", "ends": soon})))?;
    assert!(refused(&mut world, "diplomacy.form_alliance", order(json!({}))).contains("allied already"));
    assert_eq!(pair(&mut world, "militia", "tyger_claws")["treatyBonus"], 0.5);
    world.hours(7)?;
    let shown = world.ask("diplomacy.explain", json!({"one": "militia", "other": "tyger_claws"})).expect("an answer");
    let of_treaties = shown["terms"].as_array().expect("a list").iter().find(|term| term["name"] == "treaties");
    assert_eq!((&shown["treatyBonus"], &of_treaties.expect("a term")["value"]), (&json!(0.0), &json!(0.0)), "{shown}");
    let broken = refused(&mut world, "diplomacy.break_treaty", order(json!({"treaty": "trade"})));
    assert!(broken.contains("there is no treaty of `trade`"), "{broken}");
    world.send("diplomacy.form_alliance", order(json!({"days": 9})))?;
    let now = world.now().expect("a time");
    let ends = in_days(&world, 9);
    assert_eq!(treaties(&mut world), [("alliance".to_owned(), now.to_string(), ends.to_string())]);
    world.days(2)?;
    // That they ended is told once.
    let history = pair(&mut world, "militia", "tyger_claws")["history"].clone();
    let ended = history.as_array().expect("a list").iter().filter(|one| one["what"] == "treaty_ended");
    assert_eq!(ended.count(), 2, "{history}");
    Ok(())
}

/// What is left to hatred alone: two that hate each other by nature, and are never weary for long.
#[test]
fn a_war_that_ends_by_itself_leaves_a_truce_of_fourteen_days_and_no_less() -> Result<(), StepError> {
    let mut spec = strangers(json!([
        {"id": "militia", "powers": {"military": 5}, "goals": {"expansion": 1, "commerce": 0}},
        {"id": "tyger_claws", "powers": {"military": 5}, "goals": {"expansion": 1, "commerce": 0}},
    ]));
    let rules = &mut section(&mut spec).rules;
    (rules.drift.nature, rules.conflict.losses, rules.conflict.damage) = (1.0, 0.0, 0.0);
    (rules.conflict.exhaustion, rules.conflict.rest) = (0.5, 1.0);
    rules.effects.war_ended = Default::default();
    let mut world = world_of(spec)?;
    days(&mut world, 1)?;
    assert_eq!(states(&mut world), [RelationState::War]);
    let mut lasted = Vec::new();
    let mut before = RelationState::War;
    let mut since = 1;
    for day in 2..=60 {
        days(&mut world, 1)?;
        let now = states(&mut world)[0];
        if now == before {
            continue;
        }
        lasted.push((before, day - since));
        (before, since) = (now, day);
        if now == RelationState::ColdWar {
            assert_eq!(treaties(&mut world), truce(in_days(&world, 0), in_days(&world, 14)));
        }
    }
    let (war, cold) = ((RelationState::War, 5), (RelationState::ColdWar, 14));
    assert_eq!(lasted, [war, cold, war, cold, war, cold]);
    assert_eq!(updates(&world).len(), 6);
    Ok(())
}

#[test]
fn who_has_a_treaty_does_not_begin_at_war() -> Result<(), StepError> {
    for (with, expected) in [(false, RelationState::War), (true, RelationState::ColdWar)] {
        let mut spec = strangers(json!([
            {"id": "militia", "powers": {"military": 5}},
            {"id": "tyger_claws", "powers": {"military": 5}},
        ]));
        let both = json!(["militia", "tyger_claws"]);
        section(&mut spec).relations =
            serde_json::from_value(json!([{"between": both, "love": -1, "trust": -1}])).expect("relations");
        if with {
            section(&mut spec).treaties =
                serde_json::from_value(json!([{"between": both, "kind": "truce", "days": 9}])).expect("treaties");
        }
        let mut world = world_of(spec)?;
        for _ in 0..9 {
            days(&mut world, 1)?;
            assert_eq!(states(&mut world), [expected]);
        }
        days(&mut world, 1)?;
        assert_eq!(states(&mut world), [RelationState::War], "the truce is over");
    }
    Ok(())
}
