//! What becomes of a story whose picture comes to nothing, and words of workers that come at the wrong time.

use std::time::Duration;

use crate::generation_support::{
    admit, answer, ask, done, failed, jobs, let_die, life, painted, refused, same_again, show, status, total, village,
    world_of,
};
use serde_json::{Value, json};
use worldtick::components::generation::JobState::{Cancelled, Expired, Pending, Succeeded};
use worldtick::messages::interaction::InteractionChainChanged;
use worldtick::testing::{StepError, Stepper};

fn second(world: &mut Stepper) -> Result<(), StepError> {
    world.step(Duration::from_secs(1)).map(|_| ())
}

fn outcomes(world: &Stepper) -> Vec<(String, Option<String>)> {
    let events = world.events_of::<InteractionChainChanged>().expect("events of chains");
    events.into_iter().filter(|event| event.outcome.is_some()).map(|event| (event.step, event.outcome)).collect()
}

fn portrait() -> Value {
    json!({"chain": "portrait", "npc": "anna"})
}

/// A village whose story has these branches, and room for one job that waits.
fn story(branches: &Value) -> Result<Stepper, StepError> {
    let mut file = painted();
    file["interactions"]["limits"] = json!({"recheckSeconds": 60});
    file["interactions"]["chains"]["portrait"]["steps"] = json!([
        {"stepId": "paint", "generation": {"kind": "picture", "deadlineSeconds": 600}, "branches": branches,
            "next": "$completed"},
        {"stepId": "sketch", "waitSeconds": 10, "autoAdvance": true, "next": "$completed"},
        {"stepId": "sulk", "waitSeconds": 10, "autoAdvance": true, "next": "$failed"},
    ]);
    file["generation"]["limits"] = json!({"maxPending": 1});
    let mut world = world_of(&file)?;
    world.send("generation.hold", json!({"all": true, "reason": "so"}))?;
    world.send("chain.start", portrait())?;
    second(&mut world)?;
    assert_eq!(jobs(&mut world, &json!({"state": "pending"})).len(), 1);
    Ok(world)
}

/// Branches that lead somewhere, and where all others would be seen at once.
fn branches(words: &[&str]) -> Value {
    let mut branches = json!({"nothing": "sketch", "never": "sulk"});
    for word in words {
        branches[*word] = "sketch".into();
    }
    branches
}

#[test]
fn a_story_whose_picture_had_to_make_room_reacts_to_that() -> Result<(), StepError> {
    for (words, taken) in [
        (&["shed", "refused", "failed"][..], Some("shed")),
        (&["refused", "failed"][..], Some("refused")),
        (&["failed"][..], Some("failed")),
        (&[][..], None),
    ] {
        let mut world = story(&branches(words))?;
        let shed = jobs(&mut world, &json!({}))[0];
        let urgent = ask(&mut world, json!({"kind": "line", "user": "vip", "priority": 900}))?;
        assert_eq!(life(&world, shed), [Pending, Cancelled], "{words:?}");
        if let Some(word) = taken {
            assert_eq!(outcomes(&world), [("paint".to_owned(), Some(word.to_owned()))]);
        } else {
            // Nobody else's urgency ends a story: it asks again, as where there was no room at all.
            assert_eq!(world.ask("chain.show", portrait()).expect("it runs")["phase"], "blocked");
            world.send("generation.cancel", json!({ "jobId": urgent }))?;
            world.step(Duration::from_secs(61))?;
            assert_eq!(world.ask("chain.show", portrait()).expect("it runs")["phase"], "open");
            assert_ne!(jobs(&mut world, &json!({})), [shed]);
        }
        same_again(&mut world);
    }
    Ok(())
}

#[test]
fn each_bad_end_of_a_job_has_a_branch_of_its_own() -> Result<(), StepError> {
    for end in ["dead", "expired", "cancelled"] {
        for (words, taken) in [(&[end, "failed"][..], Some(end)), (&["failed"][..], Some("failed")), (&[][..], None)] {
            let mut world = story(&branches(words))?;
            let job = jobs(&mut world, &json!({}))[0];
            match end {
                "dead" => {
                    world.send("generation.hold", json!({"all": true}))?;
                    second(&mut world)?;
                    let_die(&mut world, job)?;
                }
                "expired" => {
                    world.step(Duration::from_secs(601))?;
                }
                _ => {
                    world.send("generation.cancel", json!({ "jobId": job }))?;
                }
            }
            let first = outcomes(&world).into_iter().next();
            assert_eq!(first, Some(("paint".to_owned(), Some(taken.unwrap_or(end).to_owned()))), "{words:?}");
            let ended = world.ask("chain.show", portrait()).expect("it runs")["ended"]["end"].clone();
            assert_eq!(ended == "failed", taken.is_none(), "without a branch a story fails: {end} {ended}");
            same_again(&mut world);
        }
    }
    Ok(())
}

#[test]
fn an_answer_after_the_time_out_is_late_and_a_second_answer_is_a_duplicate() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    for (error, word) in [("timeout", "late"), ("transient", "duplicate")] {
        let job = ask(&mut world, json!({"kind": "line", "user": error}))?;
        second(&mut world)?;
        admit(&mut world);
        assert_eq!(answer(&mut world, job, 1, failed(error)), "taken");
        assert_eq!(answer(&mut world, job, 1, done()), word, "before the step");
        second(&mut world)?;
        assert_eq!(answer(&mut world, job, 1, done()), word, "while it waits for the edge to send it again");
        admit(&mut world);
        assert_eq!(answer(&mut world, job, 1, done()), "late", "it has been sent again");
        assert_eq!(answer(&mut world, job, 2, done()), "taken");
        assert_eq!(answer(&mut world, job, 2, done()), "duplicate");
        second(&mut world)?;
    }
    assert_eq!((total(&mut world, "resultsLate"), total(&mut world, "resultsDuplicate")), (4, 4));
    same_again(&mut world);
    Ok(())
}

#[test]
fn what_was_answered_in_time_does_not_expire_because_others_were_before_it() -> Result<(), StepError> {
    let mut file = village(&json!({"kinds": {"line": {}}}), &json!({}));
    file["generation"]["limits"] =
        json!({"maxPendingPerUser": 10_000, "maxInFlight": 10_000, "maxInFlightPerUser": 10_000});
    file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(10_000);
    let mut world = world_of(&file)?;
    let count = 1_002;
    for _ in 0..count {
        ask(&mut world, json!({"kind": "line", "deadlineSeconds": 60}))?;
    }
    second(&mut world)?;
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(admit(&mut world));
    }
    for job in &all {
        // A word of how far it is goes before the answer and takes no place of its own.
        assert_eq!(answer(&mut world, *job, 1, json!({"status": "progress", "progress": 5})), "taken");
    }
    for job in &all[..count - 1] {
        assert_eq!(answer(&mut world, *job, 1, done()), "taken");
    }
    world.step(Duration::from_secs(60))?;
    // A thousand took effect; one that has its answer waits for the next step; one that has none has expired.
    assert_eq!((total(&mut world, "succeeded"), total(&mut world, "expired")), (1_000, 1));
    assert_eq!(life(&world, all[count - 1]).last(), Some(&Expired));
    second(&mut world)?;
    assert_eq!(life(&world, all[count - 2]).last(), Some(&Succeeded));
    assert_eq!((total(&mut world, "succeeded"), total(&mut world, "resultsApplied")), (1_001, 1_001));
    Ok(())
}

#[test]
fn generation_gives_way_to_chains_too() -> Result<(), StepError> {
    let mut file = painted();
    file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(8);
    file["meta"]["simulation"]["maxChainOpsPerStep"] = json!(1);
    file["interactions"]["chains"]["walk"] = json!({"steps": [{"stepId": "go", "autoAdvance": true}]});
    let mut world = world_of(&file)?;
    for user in 0..20 {
        ask(&mut world, json!({"kind": "line", "user": format!("u{user}")}))?;
    }
    for npc in ["anna", "ben"] {
        world.send("chain.start", json!({"chain": "walk", "npc": npc}))?;
    }
    second(&mut world)?;
    assert_eq!(status(&mut world)["last"]["dispatched"], 2, "a quarter, as a chain had to be put off");
    second(&mut world)?;
    assert_eq!(status(&mut world)["last"]["dispatched"], 8);
    assert_eq!(total(&mut world, "gaveWay"), 1);
    Ok(())
}

#[test]
fn why_there_is_no_room_is_true() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["limits"] = json!({"maxPending": 2, "maxInFlight": 0, "priorityAgeSeconds": 1});
    let mut world = world_of(&file)?;
    // What has waited for long stands before what is more urgent: it is not the one that makes room.
    let old = ask(&mut world, json!({"kind": "line", "user": "a", "priority": -5}))?;
    world.step(Duration::from_secs(100))?;
    ask(&mut world, json!({"kind": "line", "user": "b", "priority": 5}))?;
    let error = refused(&mut world, "generation.request", json!({"kind": "line", "user": "c", "priority": 5}));
    assert!(error.contains("the last in their order is no less urgent"), "{error}");
    assert_eq!(show(&mut world, old)["state"], "pending");
    Ok(())
}
