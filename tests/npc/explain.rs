//! How the last decision is told, in every tier.

use std::time::Duration;

use crate::npc_support::{hermit, show, world};
use serde_json::{Value, json};
use worldtick::testing::{StepError, Stepper};

/// Anna with two things to do, in this tier.
fn choosing(tier: &str) -> Result<Stepper, StepError> {
    world(hermit(|spec| {
        let behaviour = &mut spec["behaviour"];
        behaviour["activities"]["other"] = json!({"category": "any", "minDurationSeconds": 60});
        behaviour["activities"]["never"] =
            json!({"category": "any", "minDurationSeconds": 60, "requirements": {"maxEnergy": 1}});
        behaviour["routines"]["only"]["nodes"][0]["preferredActivities"] =
            json!([{"activityId": "act", "weight": 3}, {"activityId": "other", "weight": 2}, {"activityId": "never"}]);
        behaviour["simulationConfig"] = json!({ "defaultTier": tier });
    }))
}

fn decision(world: &mut Stepper, npc: &str) -> Value {
    world.ask("npc.decision", json!({ "npc": npc })).expect("an answer")
}

/// The score of each is the product of its factors, and the chances are those scores.
fn adds_up(decision: &Value, care: &str) {
    assert_eq!(decision["care"], care, "{decision}");
    let rows = decision["considered"].as_array().expect("a list");
    assert_eq!(rows.len(), 3);
    let mut chances = 0.0;
    for row in rows.iter().filter(|row| row["possible"] == true) {
        let factors = row["factors"].as_object().expect("factors").values();
        let product: f64 = factors.map(|factor| factor.as_f64().expect("a number")).product();
        let product = product * row["ownFactors"].as_f64().expect("a number");
        assert!((product - row["score"].as_f64().expect("a number")).abs() < 1e-9, "{row}");
        if care == "simple" {
            assert_eq!(row["factors"]["baseWeight"], row["weight"], "{row}");
        }
        chances += row["chance"].as_f64().expect("a number");
    }
    assert!((chances - 1.0).abs() < 1e-9);
    let never = rows.iter().find(|row| row["activity"] == "never").expect("considered");
    assert_eq!(never["because"], "too_much_energy");
}

#[test]
fn the_last_decision_is_told_in_every_tier() -> Result<(), StepError> {
    let tiers = [("detailed", "full"), ("active", "full"), ("ambient", "simple"), ("dormant", "full")];
    for (tier, care) in tiers {
        let mut world = choosing(tier)?;
        world.hours(2)?;
        for _ in 0..3 {
            world.hours(1)?;
            let (told, anna) = (decision(&mut world, "anna"), show(&mut world, "anna"));
            assert_eq!(told["tier"], tier);
            let last = &told["last"];
            adds_up(last, care);
            assert_eq!(last["decision"].as_u64().map(|number| number + 1), anna["decisions"].as_u64(), "{tier}");
            assert_eq!(last["chosen"]["activity"], anna["activity"], "{tier}");
            assert!(told["why"].is_null());
            adds_up(&told["now"], care);
        }
    }
    Ok(())
}

#[test]
fn where_the_last_decision_is_not_known_it_is_said_why() -> Result<(), StepError> {
    let mut world = choosing("ambient")?;
    let why = |world: &mut Stepper| {
        let told = decision(world, "anna");
        assert!(told["last"].is_null() && told["now"].is_object(), "{told}");
        told["why"].as_str().expect("words").to_owned()
    };
    assert!(why(&mut world).contains("not decided anything yet"));
    world.step(Duration::from_secs(300))?.restart()?;
    assert!(why(&mut world).contains("since the world was loaded"));
    world.step(Duration::from_secs(300))?;
    assert!(decision(&mut world, "anna")["last"].is_object());
    Ok(())
}

#[test]
fn in_a_large_world_who_is_watched_is_told_of_first() -> Result<(), StepError> {
    let mut world = world(hermit(|spec| {
        spec["npcs"]["groups"] = json!([{"name": "clerk", "count": 600, "routines": ["only"], "homes": ["hut"]}]);
        spec["meta"]["simulation"]["tiers"]["ambient"]["maxNpcs"] = json!(1_000);
        spec["behaviour"]["simulationConfig"] = json!({"defaultTier": "ambient"});
    }))?;
    world.step(Duration::from_secs(300))?;
    let names: Vec<String> = (1..=600).map(|number| format!("clerk-{number}")).collect();
    let mut untold = None;
    let mut told = 0;
    for name in &names {
        let answer = decision(&mut world, name);
        if answer["last"].is_null() {
            assert!(answer["why"].as_str().expect("words").contains("512"), "{answer}");
            untold = Some(name.clone());
        } else {
            told += 1;
        }
    }
    assert!((511..=512).contains(&told), "{told}");
    let untold = untold.expect("somebody");
    world.send("npc.pin", json!({"npc": untold, "tier": "ambient"}))?;
    world.step(Duration::from_secs(300))?;
    assert!(decision(&mut world, &untold)["last"].is_object(), "who is pinned has a page");
    Ok(())
}
