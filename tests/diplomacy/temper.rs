//! What factions strive for, and how they go about it: each of it makes a difference.

use serde_json::{Value, json};
use worldtick::components::faction::{ActKind, Affairs, What};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

use super::support::{days, pair, section, state, strangers, world_of};

/// A number of a pair.
fn of(world: &mut Stepper, (one, other): (&str, &str), name: &str) -> f64 {
    pair(world, one, other)[name].as_f64().expect("a number")
}

#[test]
fn goals_make_strangers_partners_or_rivals_and_caution_makes_them_afraid() -> Result<(), StepError> {
    let mut world = world_of(strangers(json!([
        {"id": "bold", "powers": {"military": 5}, "goals": {"expansion": 0, "commerce": 0, "security": 0}},
        {"id": "landless", "powers": {"military": 5}, "goals": {"expansion": 1, "commerce": 0}},
        {"id": "landlord", "powers": {"military": 5}, "goals": {"expansion": 0.5, "commerce": 0}},
        {"id": "timid", "powers": {"military": 5}, "goals": {"expansion": 0, "commerce": 0.5, "security": 1}},
        {"id": "titan", "powers": {"military": 10}, "goals": {"expansion": 0, "commerce": 1, "security": 0}},
    ])))?;
    days(&mut world, 1)?;
    for (two, love) in [
        (("landless", "landlord"), -0.4),
        (("timid", "titan"), 0.4),
        (("landless", "titan"), 0.0),
        (("bold", "titan"), 0.0),
    ] {
        assert!((of(&mut world, two, "loveByNature") - love).abs() < 1e-3, "{two:?}");
        assert!((of(&mut world, two, "love") - love).abs() < 1e-3, "{two:?}");
    }
    // The titan is feared by both, and by who looks for safety three times as much.
    let (bold, timid) = (of(&mut world, ("bold", "titan"), "fearOfA"), of(&mut world, ("timid", "titan"), "fearOfA"));
    assert!(bold > 0.1 && (timid - 3.0 * bold).abs() < 2e-3, "{bold} {timid}");
    assert_eq!(
        (of(&mut world, ("bold", "titan"), "fearOfB"), of(&mut world, ("timid", "titan"), "fearOfB")),
        (0.0, 0.0)
    );
    Ok(())
}

/// What two factions did in 200 days in which each does something every day: incidents that were hostile and that were
/// friendly, and trades.
fn done(changed: &str, value: f64) -> Result<[[u32; 3]; 2], StepError> {
    let mut one = json!({"id": "one", "powers": {"military": 5}, "goals": {"expansion": 0, "commerce": 0},
        "temperament": {"aggression": 0.5}});
    let (part, name) = changed.split_once('.').expect("two names");
    one[part][name] = value.into();
    let mut spec = strangers(json!([one, {"id": "other", "powers": {"military": 5}, "goals": {"commerce": 0}}]));
    let rules = &mut section(&mut spec).rules;
    (rules.dealings.incidents, rules.dealings.strength, rules.keeping.history) = (1.0, 0.2, 200);
    // Nobody trades in a war: let there be none.
    rules.states.war_enter = -2.0;
    let mut world = world_of(spec)?;
    let mut done = [[0; 3]; 2];
    let mut seen = 0;
    for _ in 0..200 {
        days(&mut world, 1)?;
        let affairs = world.world().ecs().resource::<Affairs>();
        for (_, one) in affairs.histories.since(seen) {
            let What::Act(kind, by) = one.what else { continue };
            let which = match kind {
                ActKind::Incident => usize::from(one.love > 0.0),
                ActKind::Trade => 2,
                _ => panic!("{one:?}"),
            };
            assert!(kind != ActKind::Trade || one.love >= 0.0, "{one:?}");
            done[usize::from(by)][which] += 1;
        }
        seen = affairs.histories.count();
    }
    assert!(done.iter().all(|of| of.iter().sum::<u32>() == 200), "one each day: {done:?}");
    Ok(done)
}

#[test]
fn who_is_aggressive_does_hostile_things() -> Result<(), StepError> {
    // A quarter and three quarters of what it does; the other's is half.
    let ([mild, other], [wild, same]) = (done("temperament.aggression", 0.0)?, done("temperament.aggression", 1.0)?);
    assert!((30..=70).contains(&mild[0]) && (130..=170).contains(&wild[0]), "{mild:?} {wild:?}");
    assert!((75..=125).contains(&other[0]) && (75..=125).contains(&same[0]), "{other:?} {same:?}");
    Ok(())
}

#[test]
fn who_strives_for_commerce_trades_where_others_are_only_friendly() -> Result<(), StepError> {
    let all: Vec<[u32; 3]> = [0.0, 0.5, 1.0]
        .into_iter()
        .map(|value| done("goals.commerce", value).map(|done| done[0]))
        .collect::<Result<_, _>>()?;
    assert!(all[0][2] == 0 && all[0][1] > 75, "{all:?}");
    assert!(all[1][2] > 30 && all[1][1] > 30, "{all:?}");
    assert!(all[2][2] > 75 && all[2][1] == 0, "{all:?}");
    Ok(())
}

#[test]
fn nobody_trades_with_who_is_at_war_with_him() -> Result<(), StepError> {
    let mut spec = strangers(json!([
        {"id": "one", "powers": {"military": 5}, "goals": {"expansion": 0, "commerce": 1}, "temperament": {"aggression": 0}},
        {"id": "other", "powers": {"military": 5}, "goals": {"expansion": 0, "commerce": 1}},
    ]));
    let rules = &mut section(&mut spec).rules;
    (rules.dealings.incidents, rules.keeping.history, rules.states.war_least_days) = (1.0, 200, 60.0);
    let mut world = world_of(spec)?;
    days(&mut world, 1)?;
    world.send("diplomacy.declare_war", json!({"by": "one", "with": "other"}))?;
    let before = world.world().ecs().resource::<Affairs>().histories.count();
    days(&mut world, 50)?;
    assert_eq!(state(&mut world, "one", "other"), "WAR");
    let affairs = world.world().ecs().resource::<Affairs>();
    let kinds: Vec<What> = affairs.histories.since(before).map(|(_, one)| one.what).collect();
    assert!(
        kinds.len() >= 100 && kinds.iter().all(|what| matches!(what, What::Act(ActKind::Incident, _))),
        "{kinds:?}"
    );
    Ok(())
}

/// Two allies, one of them of this loyalty, where a betrayal is as likely as can be.
fn allies(loyalty: f64) -> WorldSpec {
    let mut spec = strangers(json!([
        {"id": "one", "powers": {"military": 5}, "temperament": {"loyalty": loyalty}},
        {"id": "other", "powers": {"military": 5}, "temperament": {"loyalty": 1}},
    ]));
    section(&mut spec).rules.dealings.betrayal = 1.0;
    section(&mut spec).relations =
        serde_json::from_value(json!([{"between": ["one", "other"], "love": 0.6, "trust": 0.4}])).expect("relations");
    spec
}

#[test]
fn who_is_loyal_betrays_nobody() -> Result<(), StepError> {
    let betrayed = |loyalty: f64| -> Result<bool, StepError> {
        let mut world = world_of(allies(loyalty))?;
        days(&mut world, 30)?;
        let history = pair(&mut world, "one", "other")["history"].clone();
        let betrayals = |of: &&Value| of["what"] == "betrayal" && of["by"] == "one";
        let count = history.as_array().expect("a list").iter().filter(betrayals).count();
        assert_eq!(state(&mut world, "one", "other") == "ALLIANCE", count == 0, "{history}");
        Ok(count > 0)
    };
    assert!(!betrayed(1.0)? && betrayed(0.0)?);
    Ok(())
}

#[test]
fn who_forgives_comes_back_to_what_it_is_by_nature() -> Result<(), StepError> {
    let love = |forgiveness: f64, strength: f64| -> Result<f64, StepError> {
        let mut world = world_of(strangers(json!([
            {"id": "one", "powers": {"military": 5}, "temperament": {"forgiveness": forgiveness}},
            {"id": "other", "powers": {"military": 5}, "temperament": {"forgiveness": forgiveness}},
        ])))?;
        days(&mut world, 1)?;
        let nature = of(&mut world, ("one", "other"), "love");
        let incident = json!({"by": "one", "with": "other", "strength": strength, "id": "x"});
        world.send("diplomacy.incident", incident)?;
        days(&mut world, 30)?;
        Ok((of(&mut world, ("one", "other"), "love") - nature) / (0.3 * strength))
    };
    for strength in [-1.0, 1.0] {
        let left = [love(0.0, strength)?, love(0.5, strength)?, love(1.0, strength)?];
        // 4% of the way back in a day, for who forgives everything.
        let expected = [1.0, 0.98_f64.powi(30), 0.96_f64.powi(30)];
        assert!(left.iter().zip(expected).all(|(left, expected)| (left - expected).abs() < 1e-2), "{left:?}");
    }
    Ok(())
}
