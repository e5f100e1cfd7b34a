//! Who waits for a job: who joins, who leaves, who is copied, and whose a job is that is over.

use std::time::Duration;

use crate::generation_support::{
    admit, answer, ask, changes, done, jobs, let_die, life, order, painted, refused, same_again, show, status, total,
    world_of,
};
use serde_json::{Value, json};
use worldtick::components::generation::JobState::{Cancelled, Pending, Succeeded};
use worldtick::messages::generation::WorkOrder;
use worldtick::testing::{StepError, Stepper};

fn second(world: &mut Stepper) -> Result<(), StepError> {
    world.step(Duration::from_secs(1)).map(|_| ())
}

fn flags(world: &mut Stepper, session: &str) -> Value {
    world.ask("session.show", json!({ "sessionId": session })).expect("a session")["flags"].clone()
}

fn line(key: &str) -> Value {
    json!({"kind": "line", "user": "nora", "dedupKey": key})
}

#[test]
fn a_dead_job_leaves_its_key_to_the_one_that_is_sent_again() -> Result<(), StepError> {
    let run = |restarts: bool| -> Result<Stepper, StepError> {
        let mut world = world_of(&painted())?;
        let first = ask(&mut world, line("greeting"))?;
        second(&mut world)?;
        let_die(&mut world, first)?;
        let again = world.send("generation.resend", json!({}))?["sent"][0]["newJobId"].as_u64().expect("an id");
        if restarts {
            world.restart()?;
        }
        assert_eq!(ask(&mut world, line("greeting"))?, again, "it is under way");
        second(&mut world)?;
        same_again(&mut world);
        Ok(world)
    };
    assert_eq!(run(true)?.state_hash()?, run(false)?.state_hash()?);
    Ok(())
}

#[test]
fn a_dead_job_that_is_forgotten_takes_nothing_along_that_is_not_its_own() -> Result<(), StepError> {
    let mut file = painted();
    // A story that asks for another picture when the first has come to nothing.
    file["interactions"]["chains"]["portrait"]["steps"] = json!([
        {"stepId": "paint", "generation": {"kind": "picture", "dedupKey": "anna"}, "branches": {"failed": "again"}},
        {"stepId": "again", "generation": {"kind": "picture", "dedupKey": "anna"}},
    ]);
    let mut world = world_of(&file)?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    let portrait = json!({"chain": "portrait", "npc": "anna", "sessionId": "nora"});
    world.send("chain.start", portrait.clone())?;
    second(&mut world)?;
    let first = jobs(&mut world, &json!({}))[0];
    let_die(&mut world, first)?;
    second(&mut world)?;
    let [other] = jobs(&mut world, &json!({"state": "queued"}))[..] else { panic!("it asks again") };
    assert_eq!(jobs(&mut world, &json!({"state": "dead"})), [first]);
    // The first one is forgotten at once, and the second is still that of its story and its key.
    let outcome = order(&mut world, "generation.limits", json!({"maxDead": 0}))?;
    let told: Vec<_> = outcome.jobs.0.iter().map(|told| (told.change.job_id, told.change.reason.as_deref())).collect();
    assert_eq!((told, &outcome.jobs.0[0].order), (vec![(first, Some("forgotten"))], &WorkOrder::None));
    assert!(outcome.events.is_empty(), "nothing has become of it");
    assert_eq!((status(&mut world)["dead"].as_u64(), total(&mut world, "deadForgotten")), (Some(0), 1));
    assert_eq!(world.ask("chain.show", portrait.clone()).expect("it runs")["jobId"], other);
    let same = json!({"kind": "picture", "user": "nora", "dedupKey": "anna", "sessionId": "nora", "npc": "anna"});
    assert_eq!(ask(&mut world, same)?, other);
    world.send("chain.cancel", portrait)?;
    assert_eq!(show(&mut world, other)["askers"], 1, "the chain has left, the other one waits");
    same_again(&mut world);
    Ok(())
}

#[test]
fn what_is_sent_again_is_told_to_whoever_remembers_jobs() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    let job = ask(&mut world, json!({"kind": "line"}))?;
    second(&mut world)?;
    let_die(&mut world, job)?;
    let outcome = order(&mut world, "generation.resend", json!({ "jobId": job }))?;
    let told: Vec<_> = outcome.jobs.0.iter().map(|told| (told.change.state, told.change.reason.as_deref())).collect();
    assert_eq!(told[0], (Pending, None), "the new one");
    let old = &outcome.jobs.0[1].change;
    assert_eq!((old.job_id, old.state.as_str(), old.reason.as_deref()), (job, "dead", Some("sent_again")));
    assert_eq!(old.message.as_deref(), Some("no paint"), "what was wrong with it is still known");
    assert_eq!(life(&world, job).iter().filter(|state| state.is_final()).count(), 1, "a job ends once");
    Ok(())
}

#[test]
fn whoever_asks_twice_waits_once_and_only_so_many_wait_for_one_job() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    for at in 0..65 {
        world.send("session.start", json!({"sessionId": format!("s{at}")}))?;
    }
    let wants = |at: u32| json!({"kind": "line", "user": "all", "dedupKey": "k", "sessionId": format!("s{at}")});
    let job = ask(&mut world, wants(0))?;
    for at in 0..64 {
        assert_eq!(ask(&mut world, wants(at))?, job);
    }
    assert_eq!(show(&mut world, job)["askers"], 64);
    let error = refused(&mut world, "generation.request", wants(64));
    assert!(error.contains("64 wait for job"), "{error}");
    assert_eq!(ask(&mut world, wants(7))?, job, "who waits already may ask again");
    let error = refused(&mut world, "session.copy", json!({"sessionId": "s3", "newSessionId": "t"}));
    assert!(error.contains("more than 64"), "{error}");
    assert_eq!((show(&mut world, job)["askers"].as_u64(), total(&mut world, "joined")), (Some(64), 65));
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_job_that_nobody_waits_for_any_more_says_whose_it_was() -> Result<(), StepError> {
    let gone = [("chain.cancel", true), ("session.end", true), ("npc.remove", true), ("session.end", false)];
    for (command, is_story) in gone {
        let mut world = world_of(&painted())?;
        world.send("session.start", json!({"sessionId": "nora"}))?;
        let portrait = json!({"chain": "portrait", "npc": "anna", "sessionId": "nora"});
        if is_story {
            world.send("chain.start", portrait.clone())?;
        } else {
            ask(&mut world, json!({"kind": "picture", "sessionId": "nora", "npc": "anna"}))?;
        }
        second(&mut world)?;
        let job = admit(&mut world)[0];
        let payload = match command {
            "session.end" => json!({"sessionId": "nora"}),
            "npc.remove" => json!({"npc": "anna"}),
            _ => portrait,
        };
        let outcome = order(&mut world, command, payload)?;
        assert_eq!(outcome.jobs.0.iter().map(|told| &told.order).collect::<Vec<_>>(), [&WorkOrder::Stop], "{command}");
        let last = changes(&world).pop().expect("a change");
        assert_eq!((last.job_id, last.state, last.reason.as_deref()), (job, Cancelled, Some("forsaken")), "{command}");
        assert_eq!((last.session.as_deref(), last.npc_id.is_some()), (Some("nora"), true), "{command}");
        let story = is_story.then_some(("portrait", "paint"));
        assert_eq!(last.chain.as_deref().zip(last.step.as_deref()), story, "{command}");
        same_again(&mut world);
    }
    Ok(())
}

#[test]
fn an_npc_that_goes_leaves_the_jobs_of_others_be() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    let wants = |npc: &str, key: &str| json!({"kind": "line", "user": "u", "npc": npc, "dedupKey": key});
    let shared = ask(&mut world, wants("anna", "shared"))?;
    assert_eq!(ask(&mut world, wants("ben", "shared"))?, shared);
    let own = ask(&mut world, wants("anna", "own"))?;
    world.send("npc.remove", json!({"npc": "anna"}))?;
    assert_eq!((life(&world, own), life(&world, shared)), (vec![Pending, Cancelled], vec![Pending]));
    assert_eq!(show(&mut world, shared)["askers"], 1);
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_copied_session_waits_for_everything_that_the_first_one_waits_for() -> Result<(), StepError> {
    let mut file = painted();
    let asks = json!({"kind": "picture", "user": "all", "dedupKey": "k"});
    file["interactions"]["chains"]["portrait"]["steps"] =
        json!([{"stepId": "one", "generation": asks}, {"stepId": "two", "generation": asks}]);
    let mut world = world_of(&file)?;
    let portrait = |session: &str| json!({"chain": "portrait", "npc": "anna", "sessionId": session});
    for session in ["olga", "nora"] {
        world.send("session.start", json!({ "sessionId": session }))?;
        world.send("chain.start", portrait(session))?;
    }
    second(&mut world)?;
    // Both wait for the same picture, each at another step.
    let mut done_with = portrait("nora");
    done_with["step"] = "one".into();
    world.send("chain.complete", done_with)?;
    second(&mut world)?;
    let scene = ask(&mut world, json!({"kind": "picture", "user": "scene", "sessionId": "nora"}))?;
    world.send("session.copy", json!({"sessionId": "nora", "newSessionId": "mona"}))?;
    world.send("session.end", json!({"sessionId": "nora"}))?;
    second(&mut world)?;
    let both = admit(&mut world);
    assert_eq!((both.len(), both[1]), (2, scene), "somebody waits for the scene, too");
    answer(&mut world, scene, 1, json!({"status": "succeeded", "reference": "s3://wood.png"}));
    second(&mut world)?;
    assert_eq!(flags(&mut world, "mona"), json!({"picture": "s3://wood.png", "ready": true}));
    answer(&mut world, both[0], 1, done());
    second(&mut world)?;
    assert_eq!(world.ask("chain.show", portrait("mona")).expect("it ran")["ended"]["end"], "completed");
    assert_eq!(world.ask("chain.show", portrait("olga")).expect("it runs")["step"], "two");
    same_again(&mut world);
    Ok(())
}

#[test]
fn what_is_sent_again_for_somebody_who_is_gone_is_nobodys() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["kinds"]["line"] = json!({"maxAttempts": 1, "onSuccess": {"flagsSet": {"said": true}}});
    let mut world = world_of(&file)?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    world.send("session.start", json!({"sessionId": "olga"}))?;
    let mut dead = Vec::new();
    for (session, npc) in [("nora", "anna"), ("olga", "ben")] {
        dead.push(ask(&mut world, json!({"kind": "line", "user": "u", "sessionId": session, "npc": npc}))?);
        second(&mut world)?;
        let_die(&mut world, dead[dead.len() - 1])?;
    }
    world.send("session.end", json!({"sessionId": "nora"}))?;
    world.send("npc.remove", json!({"npc": "ben"}))?;
    assert_eq!(world.send("generation.resend", json!({}))?["sent"].as_array().map(Vec::len), Some(2));
    second(&mut world)?;
    for job in admit(&mut world) {
        assert_eq!(answer(&mut world, job, 1, done()), "taken");
    }
    second(&mut world)?;
    assert_eq!(changes(&world).iter().filter(|change| change.state == Succeeded).count(), 2);
    let anna = world.ask("npc.show", json!({"npc": "anna"})).expect("anna");
    assert_eq!(anna["flags"], json!({}), "what was for one session is not for all of them");
    assert_eq!(flags(&mut world, "olga"), json!({"said": true}), "the session is still there");
    same_again(&mut world);
    Ok(())
}

#[test]
fn one_for_whom_there_is_no_room_is_in_nobodys_way_when_all_are_sent_again() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["kinds"]["line"] = json!({"maxAttempts": 1});
    file["generation"]["limits"] = json!({"maxPendingPerUser": 1, "maxInFlightPerUser": 1});
    let mut world = world_of(&file)?;
    for user in ["full", "free"] {
        let job = ask(&mut world, json!({"kind": "line", "user": user}))?;
        second(&mut world)?;
        let_die(&mut world, job)?;
    }
    world.send("generation.hold", json!({"all": true, "reason": "so"}))?;
    ask(&mut world, json!({"kind": "line", "user": "full"}))?;
    let error = refused(&mut world, "generation.resend", json!({"user": "full"}));
    assert!(error.contains("maxPendingPerUser"), "{error}");
    let again = world.send("generation.resend", json!({}))?;
    assert_eq!((again["sent"].as_array().map(Vec::len), again["refused"].as_u64()), (Some(1), Some(1)), "{again}");
    assert!(again["why"].as_str().is_some_and(|why| why.contains("maxPendingPerUser")), "{again}");
    assert_eq!(jobs(&mut world, &json!({"state": "dead"})).len(), 1);
    same_again(&mut world);
    Ok(())
}
