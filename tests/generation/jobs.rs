//! Jobs of generation, as stories: a picture that is asked for, let go, painted, refused, lost.

use std::time::Duration;

use crate::generation_support::{
    admit, answer, ask, changes, done, failed, jobs, life, painted, refused, refused_file, same_again, status, total,
    village, world_of,
};
use serde_json::{Value, json};
use worldtick::components::generation::JobState::{
    Cancelled, Dead, Expired, Failed, Pending, Queued, Running, Succeeded,
};
use worldtick::messages::Input;
use worldtick::messages::generation::{GenerationAction, WorkOrder};
use worldtick::messages::interaction::InteractionChainChanged;
use worldtick::testing::{StepError, Stepper};

fn second(world: &mut Stepper) -> Result<(), StepError> {
    world.step(Duration::from_secs(1)).map(|_| ())
}

fn portrait(session: &str) -> Value {
    json!({"chain": "portrait", "npc": "anna", "sessionId": session})
}

fn flags(world: &mut Stepper, session: &str) -> Value {
    world.ask("session.show", json!({ "sessionId": session })).expect("a session")["flags"].clone()
}

fn outcomes(world: &Stepper) -> Vec<(String, Option<String>)> {
    let events = world.events_of::<InteractionChainChanged>().expect("events of chains");
    events.into_iter().map(|event| (event.step, event.outcome)).collect()
}

/// A story with a session, whose chain waits for a job that the edge has let go.
fn waiting() -> Result<(Stepper, u64), StepError> {
    let mut world = world_of(&painted())?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    world.send("chain.start", portrait("nora"))?;
    second(&mut world)?;
    let waiting = admit(&mut world);
    assert_eq!(waiting.len(), 1, "the step that asks also lets go");
    Ok((world, waiting[0]))
}

#[test]
fn a_story_waits_for_its_picture_and_goes_on_when_it_is_painted() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    let shown = world.ask("chain.show", portrait("nora")).expect("a chain");
    assert_eq!((shown["jobId"].as_u64(), shown["phase"].as_str()), (Some(job), Some("open")));
    assert_eq!(answer(&mut world, job, 1, json!({"status": "progress", "progress": 40})), "taken");
    second(&mut world)?;
    assert_eq!(world.ask("generation.show", json!({ "jobId": job })).expect("a job")["progress"], 40);
    let painted = json!({"status": "succeeded", "reference": "s3://anna.png"});
    assert_eq!(answer(&mut world, job, 1, painted), "taken");
    assert_eq!(flags(&mut world, "nora"), json!({}), "nothing happens before the next step");
    second(&mut world)?;
    assert_eq!(life(&world, job), [Pending, Queued, Queued, Running, Succeeded]);
    assert_eq!(flags(&mut world, "nora"), json!({"picture": "s3://anna.png", "ready": true}));
    let steps = outcomes(&world);
    assert_eq!(steps.last(), Some(&("hang".to_owned(), None)), "the same step that heard of it hung it: {steps:?}");
    assert_eq!(world.ask("chain.show", portrait("nora")).expect("a chain")["ended"]["end"], "completed");
    assert_eq!(status(&mut world)["users"], 0, "who has no jobs is forgotten");
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_story_waits_through_a_pause_and_a_restart() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    answer(&mut world, job, 1, done());
    world.apply(Input::Paused { reason: "tea".into(), by: "test".into(), until: None })?;
    world.restart()?;
    assert_eq!(jobs(&mut world, &json!({})), [job], "while the world is paused, nothing takes effect");
    world.apply(Input::Resumed { by: "test".into() })?;
    second(&mut world)?;
    assert_eq!(jobs(&mut world, &json!({})), [] as [u64; 0]);
    assert_eq!(flags(&mut world, "nora")["ready"], true);
    same_again(&mut world);
    Ok(())
}

#[test]
fn what_workers_get_is_told_with_the_admission() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    ask(&mut world, json!({"kind": "picture", "npc": "anna"}))?;
    let outcome = world.apply(Input::advance(1_000_000))?;
    assert_eq!(outcome.jobs.0.iter().map(|told| &told.order).collect::<Vec<_>>(), [&WorkOrder::Admit]);
    let counted = outcome.generation.expect("a count");
    assert_eq!((counted.added.dispatched, counted.pending, counted.in_flight), (1, 0, 1));
    let job = jobs(&mut world, &json!({}))[0];
    let input = worldtick::messages::CommandInput {
        command_id: uuid::Uuid::nil(),
        command: "generation.admit".into(),
        issued_by: "edge".into(),
        payload: json!({ "jobIds": [job] }),
    };
    let outcome = world.apply(Input::Command(input))?;
    let [told] = outcome.jobs.0.as_slice() else { panic!("{:?}", outcome.jobs) };
    assert_eq!(told.order, WorkOrder::Send { payload: json!({"style": "oil"}), timeout_real_seconds: 300 });
    assert_eq!(told.change.attempt, 1);
    assert_eq!(serde_json::to_value(GenerationAction::Generate).expect("JSON"), "generate");
    Ok(())
}

#[test]
fn an_attempt_that_fails_is_made_again_until_the_job_is_dead() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    answer(&mut world, job, 1, failed("overloaded"));
    second(&mut world)?;
    let shown = world.ask("generation.show", json!({ "jobId": job })).expect("a job");
    assert_eq!((shown["state"].as_str(), shown["waitsForEdge"].as_bool()), (Some("queued"), Some(true)));
    assert!(shown["why"].as_str().is_some_and(|why| why.contains("overloaded")), "{shown}");
    assert_eq!(admit(&mut world), [job]);
    assert_eq!(answer(&mut world, job, 1, done()), "late", "the first attempt is over");
    answer(&mut world, job, 2, failed("timeout"));
    second(&mut world)?;
    assert_eq!(life(&world, job), [Pending, Queued, Queued, Queued, Queued, Dead]);
    assert_eq!(jobs(&mut world, &json!({"state": "dead"})), [job]);
    assert_eq!(flags(&mut world, "nora"), json!({"spoiled": true}));
    assert!(outcomes(&world).contains(&("paint".into(), Some("failed".into()))), "the story takes its other branch");
    // It is sent again: first counted, then as a job of its own.
    let count = world.send("generation.resend", json!({"kind": "picture", "countOnly": true}))?;
    assert_eq!(count["matching"], 1);
    let again = world.send("generation.resend", json!({"kind": "picture"}))?;
    let new = again["sent"][0]["newJobId"].as_u64().expect("an id");
    assert_eq!(jobs(&mut world, &json!({})), [new]);
    second(&mut world)?;
    admit(&mut world);
    answer(&mut world, new, 1, done());
    second(&mut world)?;
    assert_eq!(flags(&mut world, "nora"), json!({"spoiled": true, "ready": true}));
    assert_eq!(changes(&world).last().map(|change| change.again_for), Some(Some(job)));
    assert_eq!((total(&mut world, "dead"), total(&mut world, "sentAgain"), total(&mut world, "succeeded")), (1, 1, 1));
    same_again(&mut world);
    Ok(())
}

#[test]
fn what_makes_no_sense_is_not_tried_again() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    answer(&mut world, job, 1, failed("refused"));
    second(&mut world)?;
    assert_eq!(life(&world, job).last(), Some(&Failed));
    let last = changes(&world).pop().expect("a change");
    assert_eq!((last.reason.as_deref(), last.message.as_deref()), (Some("refused"), Some("no paint")));
    assert_eq!(answer(&mut world, job, 1, done()), "finished");
    Ok(())
}

#[test]
fn workers_say_too_much_and_each_word_is_counted() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    assert_eq!(answer(&mut world, 1_000_000, 1, done()), "unknown");
    assert_eq!(answer(&mut world, job, 2, done()), "early");
    assert_eq!(answer(&mut world, job, 1, done()), "taken");
    assert_eq!(answer(&mut world, job, 1, failed("invalid")), "duplicate", "the first answer counts");
    second(&mut world)?;
    assert_eq!(answer(&mut world, job, 1, done()), "finished");
    for (what, count) in [("Unknown", 1), ("Early", 1), ("Duplicate", 1), ("Finished", 1), ("Late", 0), ("Applied", 1)]
    {
        assert_eq!(total(&mut world, &format!("results{what}")), count, "{what}");
    }
    assert!(
        refused(
            &mut world,
            "generation.result",
            json!({"jobId": job, "attempt": 1, "status": "succeeded",
        "outcome": "", "reference": "x".repeat(257)})
        )
        .contains("/reference")
    );
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_deadline_is_in_game_time_and_ends_a_job_wherever_it_is() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    let pending = {
        world.send("generation.limits", json!({"maxInFlight": 1}))?;
        ask(&mut world, json!({"kind": "line", "deadlineSeconds": 60}))?
    };
    world.step(Duration::from_secs(7_199))?;
    assert_eq!(life(&world, pending), [Pending, Expired]);
    assert_eq!(life(&world, job).last(), Some(&Queued), "a second is missing");
    let outcome = world.apply(Input::advance(1_000_000))?;
    assert_eq!(outcome.jobs.0[0].order, WorkOrder::Stop, "workers are told to stop");
    assert_eq!(life(&world, job).last(), Some(&Expired));
    assert!(outcomes(&world).contains(&("paint".into(), Some("failed".into()))));
    Ok(())
}

#[test]
fn a_chain_that_leaves_its_step_takes_its_job_back() -> Result<(), StepError> {
    for (command, more) in
        [("chain.cancel", json!({})), ("chain.complete", json!({"step": "paint"})), ("session.end", json!({}))]
    {
        let (mut world, job) = waiting()?;
        let mut payload = portrait("nora");
        payload.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        if command == "session.end" {
            payload = json!({"sessionId": "nora"});
        }
        world.send(command, payload)?;
        assert_eq!(life(&world, job).last(), Some(&Cancelled), "{command}");
        assert_eq!(jobs(&mut world, &json!({})), [] as [u64; 0]);
        assert_eq!(answer(&mut world, job, 1, done()), "finished");
        same_again(&mut world);
    }
    Ok(())
}

#[test]
fn a_step_whose_window_passes_while_it_waits_takes_its_job_back() -> Result<(), StepError> {
    let mut file = painted();
    file["interactions"]["chains"]["portrait"]["steps"][0]["maxWaitSeconds"] = json!(30);
    let mut world = world_of(&file)?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    world.send("chain.start", portrait("nora"))?;
    // The step opens and expires within one step of the world.
    world.step(Duration::from_secs(3_600))?;
    assert_eq!(changes(&world).iter().map(|change| change.state).collect::<Vec<_>>(), [Pending, Cancelled]);
    assert_eq!(jobs(&mut world, &json!({})), [] as [u64; 0]);
    same_again(&mut world);
    Ok(())
}

#[test]
fn the_same_is_not_asked_for_twice_while_it_is_under_way() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    let wants = json!({"kind": "line", "user": "nora", "dedupKey": "greeting"});
    let job = ask(&mut world, wants.clone())?;
    let joined = world.send(
        "generation.request",
        json!({"kind": "line", "user": "nora", "dedupKey": "greeting",
        "sessionId": "nora", "npc": "ben"}),
    )?;
    assert_eq!((joined["jobId"].as_u64(), joined["joined"].as_bool()), (Some(job), Some(true)));
    let other = ask(&mut world, json!({"kind": "line", "user": "olaf", "dedupKey": "greeting"}))?;
    assert_ne!(other, job, "another user's key is another key");
    second(&mut world)?;
    admit(&mut world);
    answer(&mut world, job, 1, done());
    second(&mut world)?;
    assert_ne!(ask(&mut world, wants)?, job, "what is over can be asked for again");
    assert_eq!(total(&mut world, "joined"), 1);
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_full_window_refuses_or_sheds_and_says_so() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["limits"] = json!({"maxPending": 2, "maxPendingPerUser": 2, "maxInFlight": 0});
    let mut world = world_of(&file)?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    let low = ask(&mut world, json!({"kind": "line", "user": "a", "priority": -5}))?;
    let kept = ask(&mut world, json!({"kind": "line", "user": "b", "priority": 5}))?;
    assert!(
        refused(
            &mut world,
            "generation.request",
            json!({"kind": "line", "user": "c", "priority": -5,
        "sessionId": "nora"})
        )
        .contains("maxPending")
    );
    // Something more urgent takes the place of what is less so.
    let urgent = ask(&mut world, json!({"kind": "line", "user": "c", "priority": 5}))?;
    assert_eq!(jobs(&mut world, &json!({})), [kept, urgent]);
    let shed = changes(&world).into_iter().find(|change| change.state == Cancelled).expect("one was shed");
    assert_eq!((shed.job_id, shed.reason.as_deref()), (low, Some("shed")));
    // A story for which there is no room reacts to it.
    world.send("chain.start", portrait("nora"))?;
    world.step(Duration::from_secs(11))?;
    assert!(outcomes(&world).contains(&("paint".into(), Some("refused".into()))), "{:?}", outcomes(&world));
    assert_eq!(world.ask("chain.show", portrait("nora")).expect("a chain")["ended"]["end"], "completed");
    assert_eq!((total(&mut world, "refused"), total(&mut world, "shed")), (1, 1));
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_user_has_no_more_than_their_share() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["limits"] = json!({"maxPendingPerUser": 3, "maxInFlightPerUser": 2});
    let mut world = world_of(&file)?;
    for _ in 0..3 {
        ask(&mut world, json!({"kind": "line", "user": "greedy"}))?;
    }
    let error = refused(&mut world, "generation.request", json!({"kind": "line", "user": "greedy"}));
    assert!(error.contains("maxPendingPerUser"), "{error}");
    second(&mut world)?;
    assert_eq!((status(&mut world)["inFlight"].as_u64(), status(&mut world)["pending"].as_u64()), (Some(2), Some(1)));
    let waits = jobs(&mut world, &json!({"state": "pending"}))[0];
    let why = world.ask("generation.show", json!({ "jobId": waits })).expect("a job")["why"].to_string();
    assert!(why.contains("maxInFlightPerUser"), "{why}");
    world.send("generation.limits", json!({"maxInFlightPerUser": 3}))?;
    second(&mut world)?;
    assert_eq!(status(&mut world)["pending"], 0, "limits are changed while the world runs");
    same_again(&mut world);
    Ok(())
}

#[test]
fn the_edge_holds_back_and_says_why() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    let held = ask(&mut world, json!({"kind": "line", "user": "a"}))?;
    let free = ask(&mut world, json!({"kind": "line", "user": "b"}))?;
    world.send("generation.hold", json!({"user": "a", "reason": "60 an hour"}))?;
    second(&mut world)?;
    assert_eq!(jobs(&mut world, &json!({"state": "queued"})), [free]);
    let why = |world: &mut Stepper, job: u64| {
        world.ask("generation.show", json!({ "jobId": job })).expect("a job")["why"].to_string()
    };
    assert!(why(&mut world, held).contains("60 an hour"));
    world.send("generation.hold", json!({"jobIds": [free], "reason": "all workers are busy"}))?;
    assert!(why(&mut world, free).contains("all workers are busy"));
    world.send("generation.hold", json!({"all": true, "reason": "no budget"}))?;
    world.send("generation.hold", json!({"user": "a"}))?;
    second(&mut world)?;
    assert!(why(&mut world, held).contains("no budget"));
    world.send("generation.hold", json!({"all": true}))?;
    second(&mut world)?;
    assert_eq!(jobs(&mut world, &json!({"state": "queued"})), [held, free]);
    assert!(refused(&mut world, "generation.hold", json!({"reason": "nothing"})).contains("names no user"));
    assert!(refused(&mut world, "generation.admit", json!({"jobIds": [77]})).contains("none of these"));
    same_again(&mut world);
    Ok(())
}

#[test]
fn generation_gives_way_to_other_work_and_never_stops() -> Result<(), StepError> {
    let mut file = painted();
    file["npcs"]["groups"] = json!([{"name": "sleeper", "count": 200, "routines": ["only"], "homes": ["hut"]}]);
    file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(8);
    file["meta"]["simulation"]["maxNpcTicksPerStep"] = json!(1);
    let mut world = world_of(&file)?;
    for user in 0..20 {
        ask(&mut world, json!({"kind": "line", "user": format!("u{user}")}))?;
    }
    world.step(Duration::from_secs(600))?;
    assert_eq!(status(&mut world)["last"]["dispatched"], 2, "a quarter, as turns had to be put off");
    assert!(total(&mut world, "gaveWay") > 0);
    Ok(())
}

#[test]
fn an_activity_asks_too() -> Result<(), StepError> {
    let mut file = painted();
    file["behaviour"]["activities"]["sit"]["effects"] = json!({"generations": ["line"]});
    let mut world = world_of(&file)?;
    world.step(Duration::from_secs(4 * 3_600))?;
    let asked = total(&mut world, "asked");
    assert!(asked > 0, "{}", status(&mut world));
    let first = changes(&world).into_iter().next().expect("a job");
    assert_eq!((first.user.as_str(), first.session, first.kind.as_str()), ("world", None, "line"));
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_copied_session_waits_for_the_same_picture() -> Result<(), StepError> {
    let (mut world, job) = waiting()?;
    world.send("session.copy", json!({"sessionId": "nora", "newSessionId": "mona"}))?;
    world.send("session.end", json!({"sessionId": "nora"}))?;
    assert_eq!(jobs(&mut world, &json!({})), [job], "somebody waits for it");
    answer(&mut world, job, 1, done());
    second(&mut world)?;
    assert_eq!(flags(&mut world, "mona")["ready"], true);
    assert_eq!(world.ask("chain.show", portrait("mona")).expect("a chain")["ended"]["end"], "completed");
    same_again(&mut world);
    Ok(())
}

#[test]
fn a_job_for_nobody_marks_a_scene_of_its_session() -> Result<(), StepError> {
    let mut world = world_of(&painted())?;
    world.send("session.start", json!({"sessionId": "nora"}))?;
    let job = ask(&mut world, json!({"kind": "picture", "sessionId": "nora"}))?;
    second(&mut world)?;
    admit(&mut world);
    answer(&mut world, job, 1, json!({"status": "succeeded", "reference": "s3://wood.png"}));
    second(&mut world)?;
    assert_eq!(flags(&mut world, "nora"), json!({"picture": "s3://wood.png", "ready": true}));
    Ok(())
}

#[test]
fn ten_thousand_requests_in_one_step_stay_within_the_window() -> Result<(), StepError> {
    let steps = json!([{"stepId": "say", "generation": {"kind": "line"}, "branches": {"refused": "$failed"}}]);
    let mut file = village(
        &json!({"kinds": {"line": {}}, "limits": {"maxPending": 100, "maxPendingPerUser": 10_000}}),
        &json!({"chains": {"talk": { "steps": steps }}}),
    );
    file["npcs"]["groups"] = json!([{"name": "sleeper", "count": 10_000, "routines": ["only"], "homes": ["hut"]}]);
    file["meta"]["simulation"]["tiers"] = json!({
        "detailed": {"maxNpcs": 50}, "active": {"maxNpcs": 200}, "ambient": {"maxNpcs": 500},
        "dormant": {"maxNpcs": 20_000},
    });
    file["meta"]["simulation"]["maxChainOpsPerStep"] = json!(100_000);
    file["meta"]["simulation"]["maxNpcTicksPerStep"] = json!(100_000);
    let mut world = world_of(&file)?;
    for at in 1..=10_000 {
        world.send("chain.start", json!({"chain": "talk", "npc": format!("sleeper-{at}")}))?;
    }
    second(&mut world)?;
    assert_eq!((total(&mut world, "asked"), total(&mut world, "refused")), (100, 9_900));
    assert_eq!(status(&mut world)["inFlight"], 4, "of one user, four are under way");
    Ok(())
}

#[test]
fn bad_files_and_bad_requests_are_told_with_their_places() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["kinds"]["picture"]["cost"] = json!(0);
    file["generation"]["limits"] = json!({"maxDead": 100_001});
    file["interactions"]["chains"]["portrait"]["steps"][0]["autoAdvance"] = json!(true);
    let report = refused_file(&file);
    for words in ["cost", "maxDead", "cannot be autoAdvance"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    let mut file = painted();
    file["interactions"]["chains"]["portrait"]["steps"][0]["generation"]["kind"] = json!("pictures");
    assert!(refused_file(&file).contains("picture"), "the nearest name is told");
    let mut world = world_of(&painted())?;
    let error = refused(
        &mut world,
        "generation.request",
        json!({"kind": "song", "npc": "zoe", "sessionId": "none", "priority": 5_000, "deadlineSeconds": -1, "user": "",
            "payload": "x".repeat(20_000)}),
    );
    for place in ["/kind", "/npc", "/sessionId", "/priority", "/deadlineSeconds", "/user", "/payload"] {
        assert!(error.contains(place), "{place}: {error}");
    }
    assert!(refused(&mut world, "generation.cancel", json!({"jobId": 5})).contains("there is no job"));
    assert!(refused(&mut world, "generation.limits", json!({"maxInFlight": 100_001})).contains("/maxInFlight"));
    assert!(refused(&mut world, "generation.resend", json!({"jobId": 5})).contains("that is dead"));
    Ok(())
}
