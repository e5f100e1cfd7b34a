//! Conditions, effects and scoring factors of a developer's own: the examples do what they say.

#[path = "../../examples/npc_condition.rs"]
mod npc_condition;
#[path = "../../examples/npc_effect.rs"]
mod npc_effect;
#[path = "../../examples/scoring_factor.rs"]
mod scoring_factor;

use crate::npc_support::{app, hermit};
use serde_json::json;
use uuid::Uuid;
use worldtick::plugins::npc::NpcAppExt;
use worldtick::world::GameWorld;

#[test]
fn a_condition_of_ones_own_decides() {
    let danced = npc_condition::dances(29).expect("it runs");
    assert_eq!(danced.iter().filter(|danced| **danced).count(), 1, "{danced:?}");
}

#[test]
fn an_effect_of_ones_own_runs_at_the_end_and_persists() {
    assert!(npc_effect::strength(1).expect("it runs") <= 2.0);
    assert!((npc_effect::strength(24).expect("it runs") - 5.0).abs() < 1e-9);
}

#[test]
fn a_scoring_factor_of_ones_own_weighs() {
    let (dark, light) = scoring_factor::walks(20).expect("it runs");
    assert!(light > 300 && dark * 3 < light, "{dark} in the dark, {light} in daylight");
}

#[test]
fn a_name_that_nobody_added_is_refused_with_those_that_are_there() {
    let spec = hermit(|spec| {
        spec["behaviour"]["activities"]["act"]["requirements"] =
            json!({"conditions": [{"type": "custom", "evaluatorId": "is_ritch"}]});
    });
    let mut wrong = app(&spec);
    wrong.add_npc_condition("is_rich", |_, _, _| true).add_npc_condition("is_old", |_, _, _| true);
    let error = GameWorld::create(wrong, Uuid::nil()).expect_err("refused").to_string();
    assert!(error.contains("did you mean `is_rich`?") && error.contains("registered: is_old, is_rich"), "{error}");
    let mut twice = app(&hermit(|_| {}));
    twice.add_npc_effect("sing", |_, _| {}).add_npc_effect("sing", |_, _| {});
    let error = GameWorld::create(twice, Uuid::nil()).expect_err("refused").to_string();
    assert!(error.contains("two plugins add the effect `sing`"), "{error}");
}
