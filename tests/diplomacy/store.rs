//! What the store is told of relations: how pairs stand, and all that happened to them.

use serde_json::json;
use worldtick::components::clock::MICROS_PER_DAY;
use worldtick::components::faction::{Affairs, RelationState};
use worldtick::messages::relation::{PairStanding, RelationsTold};
use worldtick::messages::{CommandInput, Input, TickType};
use worldtick::testing::{StepError, Stepper};

use super::support::{by_ticks, calm, days, pair, relations, section, seven, world_of};

/// What is told in a day.
fn day(world: &mut Stepper) -> Result<RelationsTold, StepError> {
    let next = world.now().expect("a time").checked_add_micros(MICROS_PER_DAY).expect("an instant");
    Ok(world.tick_at(TickType::Daily, next)?.relations)
}

fn order(world: &mut Stepper, name: &str, payload: serde_json::Value) -> Result<RelationsTold, StepError> {
    let (command, issued_by) = (name.to_owned(), "test".to_owned());
    let input = CommandInput { command_id: uuid::Uuid::nil(), command, issued_by, payload };
    Ok(world.apply(Input::Command(input))?.relations)
}

fn named(standing: &PairStanding) -> (&str, &str) {
    (&standing.faction_a, &standing.faction_b)
}

#[test]
fn a_day_tells_how_every_pair_stands_and_a_command_how_its_own() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(calm(seven())))?;
    days(&mut world, 1)?;
    let told = day(&mut world)?;
    assert_eq!((told.standing.len(), told.happened.len()), (21, 0));
    let war = json!({"by": "tyger_claws", "with": "militia", "reason": "a stolen shipment"});
    let told = order(&mut world, "diplomacy.declare_war", war.clone())?;
    let standing: Vec<_> = told.standing.iter().map(|one| (named(one), one.state)).collect();
    assert_eq!(standing, [(("militia", "tyger_claws"), RelationState::War)]);
    let happened: Vec<_> = told.happened.iter().map(|one| (one.what, one.by.as_deref(), one.states)).collect();
    let change = Some((RelationState::Peace, RelationState::War));
    assert_eq!(happened, [("war_declared", Some("tyger_claws"), None), ("state_changed", None, change)]);
    assert!(told.happened[0].words.contains("a stolen shipment") && told.happened[1].score < -0.5);
    // Once is enough, and what is refused is not told.
    assert_eq!(order(&mut world, "diplomacy.declare_war", war)?, RelationsTold::default());
    // What the rows say is what the world says.
    let told = day(&mut world)?;
    assert_eq!(told.happened, [], "the command's are told");
    for standing in &told.standing {
        let shown = pair(&mut world, &standing.faction_a, &standing.faction_b);
        assert_eq!(shown["state"], standing.state.as_str());
        assert_eq!(shown["since"], standing.since.to_string());
        let near = |name: &str, value: f32| (shown[name].as_f64().expect("a number") - f64::from(value)).abs() < 6e-4;
        assert!(near("score", standing.score) && near("love", standing.love) && near("trust", standing.trust));
        assert!(near("fearOfA", standing.fear[0]) && near("fearOfB", standing.fear[1]), "{shown} {standing:?}");
    }
    Ok(())
}

#[test]
fn nothing_that_happens_is_left_out_even_where_histories_forget() -> Result<(), StepError> {
    let mut spec = by_ticks(seven());
    let rules = &mut section(&mut spec).rules;
    (rules.dealings.incidents, rules.keeping.history, rules.keeping.history_total) = (1.0, 1, 3);
    let mut world = world_of(spec)?;
    days(&mut world, 1)?;
    let mut told = world.world().ecs().resource::<Affairs>().histories.count();
    for _ in 0..30 {
        told += u64::try_from(day(&mut world)?.happened.len()).expect("few");
        assert_eq!(world.world().ecs().resource::<Affairs>().histories.count(), told);
    }
    assert!(told > 200, "{told}");
    Ok(())
}

#[test]
fn of_more_pairs_than_are_stored_only_those_to_which_something_happened_are_told() -> Result<(), StepError> {
    let mut spec = by_ticks(seven());
    section(&mut spec).rules.keeping.stored_pairs = 20;
    let mut world = world_of(spec)?;
    days(&mut world, 1)?;
    let mut most = 0;
    for _ in 0..20 {
        let told = day(&mut world)?;
        let mut expected: Vec<_> = told.happened.iter().map(|one| (&*one.faction_a, &*one.faction_b)).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(told.standing.iter().map(named).collect::<Vec<_>>(), expected);
        most = most.max(expected.len());
    }
    assert!((1..21).contains(&most) && relations(&mut world).pairs().count() == 21);
    Ok(())
}
