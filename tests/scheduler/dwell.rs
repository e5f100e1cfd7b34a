//! What keeps an NPC from flapping between tiers.

use crate::scheduler_support::{in_tier, moves, npc, seconds, simulation, tier, town};
use serde_json::{Value, json};
use worldtick::components::tier::SimulationTier::{Active, Ambient, Detailed};
use worldtick::testing::{StepError, Stepper};

fn quiet_town() -> Stepper {
    town("manual", &simulation([2, 3, 20, 50], 50, 300), vec![(12, Ambient, 0)])
}

fn explain(world: &mut Stepper, npc: &str) -> Value {
    world.ask("npc.tier", json!({ "npc": npc })).expect("an answer")
}

#[test]
fn focus_that_ends_early_leaves_time_to_dwell() -> Result<(), StepError> {
    let mut world = quiet_town();
    world.send("scheduler.focus", json!({"kind": "story", "npcs": ["npc-2"], "ttlSeconds": 1_000}))?;
    world.step(seconds(1))?;
    assert_eq!(tier(&mut world, 2), Active);
    world.send("scheduler.unfocus", json!({}))?;
    world.step(seconds(298))?;
    assert_eq!(tier(&mut world, 2), Active);
    let why = explain(&mut world, "npc-2")["why"].to_string();
    assert!(why.contains("stays active until 2077-01-01T00:05:01Z"), "{why}");
    world.step(seconds(2))?;
    assert_eq!(tier(&mut world, 2), Ambient);
    Ok(())
}

#[test]
fn rules_that_come_and_go_do_not_make_an_npc_flap() -> Result<(), StepError> {
    let mut world = quiet_town();
    for number in 0..600 {
        let tier = if number % 2 == 0 { "detailed" } else { "ambient" };
        world.send("test.rule", json!({"id": 1, "tier": tier, "priority": 1}))?;
        world.step(seconds(1))?;
    }
    let count = moves(&world).len();
    assert!(count <= 2 * (600 / 300) + 1, "{count} moves in 600 s with a dwell of 300 s");
    Ok(())
}

#[test]
fn two_who_contend_for_a_full_tier_do_not_flap() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([1, 3, 20, 50], 50, 300), vec![(1, Detailed, 1), (1, Ambient, 0)]);
    for number in 0..600 {
        let (tier, priority) = if number % 2 == 0 { ("detailed", 2) } else { ("ambient", 0) };
        world.send("test.rule", json!({"id": 2, "tier": tier, "priority": priority}))?;
        world.step(seconds(1))?;
        assert_eq!(in_tier(&mut world, Detailed).len(), 1, "after {number} steps");
        if number == 9 {
            let tiers = [1, 2].map(|id| npc(&mut world, id).tier);
            assert_eq!(tiers, [Active, Detailed]);
            let why = explain(&mut world, "npc-1")["why"].to_string();
            assert!(why.contains("may take the place of another from 2077-01-01T00:05:01Z"), "{why}");
        }
    }
    let count = moves(&world).len();
    assert!((2..=2 * (600 / 300) + 2).contains(&count), "{count} moves in 600 s with a dwell of 300 s");

    // Focus has the place at once, however short a stay it ends.
    let (outside, inside) = if tier(&mut world, 1) == Detailed { ("npc-2", 1) } else { ("npc-1", 2) };
    world.send("test.rule", json!({"id": inside, "tier": "ambient", "priority": 0}))?;
    world.send("scheduler.focus", json!({"kind": "scene", "npcs": [outside], "ttlSeconds": 60}))?;
    world.step(seconds(1))?;
    assert_ne!(in_tier(&mut world, Detailed), [inside]);
    Ok(())
}
