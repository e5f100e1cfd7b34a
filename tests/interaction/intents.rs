//! What NPCs propose: handed out in a controlled way, answered or not, and what rests after its use.

use std::time::Duration;

use crate::interaction_support::{intents, refused, session, status, steps_with, totals, village, world, world_of};
use serde_json::{Value, json};
use worldtick::messages::interaction::ChainChange::{Advanced, Completed, Opened, Skipped, StepExpired};
use worldtick::messages::interaction::InteractionChainChanged;
use worldtick::testing::{StepError, Stepper};

fn chatty(limits: Value) -> Value {
    json!({
        "limits": limits,
        "kinds": {
            "chat": {"cooldownSeconds": {"npcAndSession": 600}},
            "sing": {"priority": 10, "cooldownSeconds": {"global": 60, "session": 1200}},
            "warn": {"expiresAfterSeconds": 100, "cooldownSeconds": {"npc": 300},
                "requirements": [{"type": "flag_exists", "key": "world.danger"}]},
        },
        "chains": {"courtship": {"steps": [
            {"stepId": "flirt", "interaction": "chat", "branches": {"declined": "pine", "refused": "pine"}},
            {"stepId": "kiss", "autoAdvance": true, "next": "$completed"},
            {"stepId": "pine", "waitSeconds": 30, "autoAdvance": true, "next": "$failed"},
        ]}},
    })
}

fn propose(world: &mut Stepper, payload: Value) -> Result<u64, StepError> {
    Ok(world.send("intent.propose", payload)?["intentId"].as_u64().expect("an id"))
}

/// The kinds of what was handed out, with their sessions.
fn handed_out(world: &Stepper) -> Vec<(String, Option<String>)> {
    intents(world).into_iter().map(|intent| (intent.kind, intent.session)).collect()
}

#[test]
fn sessions_take_turns_and_each_has_only_so_many_open() -> Result<(), StepError> {
    let limits = json!({"maxIntentsPerStep": 3, "maxOpenPerNpc": 100, "maxOpenPerSession": 2});
    let mut world = world(&chatty(limits))?;
    for name in ["a", "b", "c"] {
        session(&mut world, name)?;
        for _ in 0..3 {
            propose(&mut world, json!({"kind": "chat", "npc": "anna", "sessionId": name}))?;
        }
    }
    let sessions =
        |world: &Stepper| -> Vec<String> { handed_out(world).into_iter().filter_map(|(_, session)| session).collect() };
    world.step(Duration::from_secs(1))?;
    assert_eq!(sessions(&world), ["a", "b", "c"]);
    world.restart()?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(sessions(&world), ["a", "b", "c", "a", "b", "c"], "the turn outlives a restart");
    world.step(Duration::from_secs(5))?;
    assert_eq!(sessions(&world).len(), 6, "each has two open, and may have no more");
    let first = intents(&world)[1].intent_id;
    world.send("intent.decline", json!({"intentId": first}))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(sessions(&world).last().map(String::as_str), Some("b"));
    let list = world.ask("intent.list", json!({"limit": 10, "handedOut": false})).expect("a list");
    assert!(list["intents"][0]["why"].as_str().expect("words").contains("maxOpenPerSession"), "{list}");
    Ok(())
}

#[test]
fn an_npc_has_one_thing_on_its_mind_and_says_the_most_urgent_first() -> Result<(), StepError> {
    let mut world = world(&chatty(json!({"priorityAgeSeconds": 60})))?;
    let chat = propose(&mut world, json!({"kind": "chat", "npc": "anna"}))?;
    let sing = propose(&mut world, json!({"kind": "sing", "npc": "anna", "target": "ben"}))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(intents(&world).iter().map(|intent| intent.intent_id).collect::<Vec<_>>(), [sing]);
    assert_eq!(intents(&world)[0].target.as_deref(), Some("ben"));
    assert!(refused(&mut world, "intent.acknowledge", json!({"intentId": chat})).contains("not been handed out"));
    world.step(Duration::from_secs(1))?;
    assert_eq!(intents(&world).len(), 1, "anna waits for an answer");
    world.send("intent.acknowledge", json!({"intentId": sing}))?;
    assert!(refused(&mut world, "intent.acknowledge", json!({"intentId": sing})).contains("there is no intent"));
    world.restart()?.step(Duration::from_secs(1))?;
    assert_eq!(intents(&world).iter().map(|intent| intent.intent_id).collect::<Vec<_>>(), [sing, chat]);
    // It waited for so long that ten points of priority are made up for.
    let mut world = self::world(&chatty(json!({"priorityAgeSeconds": 60})))?;
    let chat = propose(&mut world, json!({"kind": "chat", "npc": "anna", "delaySeconds": 10}))?;
    world.step(Duration::from_secs(5))?;
    let late = propose(&mut world, json!({"kind": "sing", "npc": "anna", "delaySeconds": 1000, "priority": 16}))?;
    world.step(Duration::from_secs(1))?;
    assert!(intents(&world).is_empty(), "it is too early for both");
    world.step(Duration::from_secs(1_100))?;
    assert_eq!(intents(&world)[0].intent_id, chat, "a minute of waiting for each point: {late} has not made up for it");
    Ok(())
}

#[test]
fn what_nobody_takes_expires_and_is_counted() -> Result<(), StepError> {
    let mut world = world(&chatty(json!({})))?;
    propose(&mut world, json!({"kind": "warn", "npc": "anna"}))?;
    world.step(Duration::from_secs(99))?;
    assert!(intents(&world).is_empty(), "there is no danger");
    world.step(Duration::from_secs(1))?;
    assert_eq!(totals(&mut world)["intentsExpired"], 1);
    world.send("world.set_flag", json!({"key": "danger", "value": true}))?;
    let warned = propose(&mut world, json!({"kind": "warn", "npc": "anna"}))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(intents(&world)[0].intent_id, warned);
    world.step(Duration::from_secs(100))?;
    let totals = totals(&mut world);
    assert_eq!((&totals["intentsExpired"], &totals["intentsUnanswered"]), (&json!(1), &json!(1)));
    assert!(refused(&mut world, "intent.decline", json!({"intentId": warned})).contains("has expired"));
    world.snapshot()?;
    Ok(())
}

#[test]
fn of_many_that_expire_at_once_none_is_handed_out() -> Result<(), StepError> {
    let limits = json!({"maxIntentsPerStep": 5, "maxOpenPerNpc": 1000, "maxOpenPerSession": 1000});
    let mut world = world(&chatty(limits))?;
    for _ in 0..1_100 {
        propose(&mut world, json!({"kind": "chat", "npc": "anna", "expiresAfterSeconds": 60}))?;
    }
    world.step(Duration::from_secs(60))?;
    assert!(intents(&world).is_empty(), "more have expired than are dropped in a step");
    world.step(Duration::from_secs(1))?;
    assert!(intents(&world).is_empty());
    let totals = totals(&mut world);
    assert_eq!((&totals["intentsExpired"], status(&mut world, "intents")), (&json!(1_100), 0));
    Ok(())
}

#[test]
fn a_chain_that_is_declined_takes_its_branch_and_one_without_room_too() -> Result<(), StepError> {
    let mut world = world(&chatty(json!({"maxIntents": 1})))?;
    world.send("chain.start", json!({"chain": "courtship", "npc": "anna"}))?;
    world.send("chain.start", json!({"chain": "courtship", "npc": "ben"}))?;
    world.step(Duration::from_secs(1))?;
    // One of them was asked; for the other there was no room, and it went on by its branch.
    assert_eq!((steps_with(&world, Opened).len(), steps_with(&world, Skipped).len()), (1, 1));
    assert_eq!(totals(&mut world)["intentsRefused"], 1);
    let declined = world.send("intent.decline", json!({"intentId": intents(&world)[0].intent_id}))?;
    assert_eq!(declined["chainWentOn"], true);
    world.step(Duration::from_secs(60))?;
    assert_eq!(totals(&mut world)["chainsFailed"], 2);
    let error = refused(
        &mut world,
        "intent.propose",
        json!({"kind": "sin", "npc": "ann", "priority": 2000,
        "delaySeconds": -1, "target": "", "data": "x".repeat(5000)}),
    );
    for part in ["did you mean `sing`?", "did you mean `anna`?", "/priority", "/delaySeconds", "/target", "/data"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    propose(&mut world, json!({"kind": "sing", "npc": "anna"}))?;
    assert!(refused(&mut world, "intent.propose", json!({"kind": "sing", "npc": "ben"})).contains("maxIntents"));
    Ok(())
}

#[test]
fn what_was_used_rests_in_its_scope_and_the_rest_is_told() -> Result<(), StepError> {
    let mut world = world(&chatty(json!({})))?;
    session(&mut world, "a")?;
    session(&mut world, "b")?;
    let used = |kind: &str, npc: &str, session: &str| json!({"kind": kind, "npc": npc, "sessionId": session});
    world.send("interaction.use", used("chat", "anna", "a"))?;
    assert!(refused(&mut world, "interaction.use", used("chat", "anna", "a")).contains("600 game seconds from now"));
    world.send("interaction.use", used("chat", "anna", "b"))?;
    world.send("interaction.use", used("chat", "ben", "a"))?;
    world.send("interaction.use", used("sing", "anna", "a"))?;
    assert!(refused(&mut world, "interaction.use", used("sing", "ben", "b")).contains("60 game seconds"));
    world.step(Duration::from_secs(60))?;
    world.send("interaction.use", used("sing", "ben", "b"))?;
    assert!(refused(&mut world, "interaction.use", used("sing", "ben", "a")).contains("1140 game seconds"));
    let list = world.ask("cooldown.list", json!({"npc": "anna", "sessionId": "a"})).expect("a list");
    let told: Vec<(String, String, i64)> = list["cooldowns"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().expect("a text").to_owned();
            (text("kind"), text("scope"), row["remainingSeconds"].as_i64().expect("a number"))
        })
        .collect();
    let row = |kind: &str, scope: &str, seconds| (kind.to_owned(), scope.to_owned(), seconds);
    assert_eq!(told, [row("chat", "npcAndSession", 540), row("sing", "session", 1140), row("sing", "global", 60)]);
    world.restart()?;
    world.send("cooldown.clear", json!({"npc": "anna", "sessionId": "a"}))?;
    world.send("interaction.use", used("chat", "anna", "a"))?;
    // What is over leaves nothing behind.
    world.hours(2)?;
    assert!(
        world.ask("cooldown.list", json!({"npc": "anna", "sessionId": "a"})).expect("a list")["cooldowns"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
    world.snapshot()?;
    Ok(())
}

#[test]
fn one_session_never_touches_another_and_a_copy_goes_its_own_way() -> Result<(), StepError> {
    let mut file = chatty(json!({"maxOpenPerNpc": 10}));
    file["chains"]["letter"] = json!({"steps": [
        {"stepId": "write", "waitHours": 10, "autoAdvance": true, "effects": {"flagsSet": {"written": true}}},
        {"stepId": "read", "requiredFlags": ["session.written"]},
    ]});
    let mut world = world(&file)?;
    session(&mut world, "first")?;
    let letter = |session: &str| json!({"chain": "letter", "npc": "anna", "sessionId": session});
    world.send("chain.start", letter("first"))?;
    world.send("interaction.use", json!({"kind": "chat", "npc": "anna", "sessionId": "first"}))?;
    propose(&mut world, json!({"kind": "sing", "npc": "ben", "sessionId": "first"}))?;
    world.step(Duration::from_secs(60))?;
    assert_eq!(handed_out(&world).len(), 1);
    let copy = json!({"sessionId": "first", "newSessionId": "second"});
    let copied = world.send("session.copy", copy.clone())?;
    assert_eq!((copied["chains"].as_u64(), copied["intents"].as_u64()), (Some(1), Some(1)));
    assert!(refused(&mut world, "session.copy", copy).contains("already"));
    session(&mut world, "empty")?;
    let show = |world: &mut Stepper, session: &str| world.ask("chain.show", letter(session));
    let (one, other) = (show(&mut world, "first").expect("it runs"), show(&mut world, "second").expect("it runs"));
    assert_eq!((&one["due"], &one["step"]), (&other["due"], &other["step"]));
    assert!(show(&mut world, "empty").is_err());
    // The copy is cancelled; the first one goes on.
    world.send("chain.cancel", letter("second"))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(handed_out(&world).len(), 2, "what was open is handed out anew to the copy");
    world.hours(11)?.restart()?;
    assert_eq!(show(&mut world, "first").expect("it runs")["step"], "read");
    let flags = |world: &mut Stepper, session: &str| {
        world.ask("session.show", json!({"sessionId": session})).expect("it runs")["flags"].clone()
    };
    assert_eq!(flags(&mut world, "first"), json!({"written": true}));
    assert_eq!((flags(&mut world, "second"), flags(&mut world, "empty")), (json!({}), json!({})));
    // When a session ends, what is its ends with it, and nothing else.
    world.send("chain.start", letter("empty"))?;
    world.send("session.end", json!({"sessionId": "first"}))?;
    let status = world.ask("interaction.status", json!({})).expect("a status");
    assert_eq!(status["chains"], 1);
    session(&mut world, "first")?;
    assert!(show(&mut world, "first").is_err(), "another session of the same name has nothing of it");
    world.hours(11)?;
    assert_eq!(show(&mut world, "empty").expect("it runs")["step"], "read");
    world.snapshot()?;
    Ok(())
}

#[test]
fn npcs_propose_at_the_end_of_what_they_do() -> Result<(), StepError> {
    let mut file = village(&chatty(json!({})));
    file["behaviour"]["activities"]["sit"]["effects"] = json!({"intents": ["chat"]});
    let mut world = world_of(&file)?;
    world.hours(6)?;
    let told = handed_out(&world);
    assert!(told.len() >= 2 && told.iter().all(|(kind, _)| kind == "chat"), "{told:?}");
    assert_eq!(intents(&world)[0].session, None);
    file["behaviour"]["activities"]["sit"]["effects"] = json!({"intents": ["cha"]});
    let error = worldtick::world::spec::WorldSpec::from_yaml(&file.to_string()).expect_err("refused").report;
    assert!(error.contains("did you mean `chat`?"), "{error}");
    Ok(())
}

#[test]
fn a_step_whose_interaction_rests_opens_when_it_is_rested() -> Result<(), StepError> {
    let mut world = world(&chatty(json!({})))?;
    session(&mut world, "s")?;
    world.send("interaction.use", json!({"kind": "chat", "npc": "anna", "sessionId": "s"}))?;
    world.send("chain.start", json!({"chain": "courtship", "npc": "anna", "sessionId": "s"}))?;
    world.step(Duration::from_secs(599))?;
    assert!(steps_with(&world, Opened).is_empty());
    world.step(Duration::from_secs(1))?;
    assert_eq!(steps_with(&world, Opened), ["flirt"]);
    let id = intents(&world)[0].intent_id;
    world.send("intent.acknowledge", json!({"intentId": id, "outcome": "accepted"}))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(
        (steps_with(&world, Advanced), steps_with(&world, Completed)),
        (vec!["flirt".to_owned(), "kiss".to_owned()], vec!["kiss".to_owned()],)
    );
    Ok(())
}

#[test]
fn a_step_that_opens_and_expires_in_one_step_of_the_world_leaves_no_intent() -> Result<(), StepError> {
    let mut world = world(&json!({
        "kinds": {"chat": {}},
        "chains": {"brief": {"steps": [{"stepId": "say", "interaction": "chat", "maxWaitSeconds": 30}]}},
    }))?;
    world.send("chain.start", json!({"chain": "brief", "npc": "anna"}))?;
    world.step(Duration::from_secs(3_600))?;
    assert_eq!(status(&mut world, "intents"), 0);
    world.restart()?;
    assert_eq!(status(&mut world, "intents"), 0, "nothing comes back that was taken back");
    Ok(())
}

/// A step that is asked for, with these branches, in a world that asks again after a minute.
fn asking(branches: &Value) -> Result<Stepper, StepError> {
    let mut world = world(&json!({
        "limits": {"recheckSeconds": 60},
        "kinds": {"chat": {"expiresAfterSeconds": 100}},
        "chains": {"courtship": {"steps": [
            {"stepId": "flirt", "interaction": "chat", "branches": branches, "next": "$completed"},
            {"stepId": "pine", "waitSeconds": 30, "autoAdvance": true, "next": "$failed"},
        ]}},
    }))?;
    world.send("chain.start", json!({"chain": "courtship", "npc": "anna"}))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(steps_with(&world, Opened), ["flirt"]);
    Ok(world)
}

/// The game does not take up what a step has proposed: lets it pass, declines it, or somebody takes it back.
fn not_taken_up(world: &mut Stepper, how: &str) -> Result<(), StepError> {
    let intent = intents(world).last().expect("it was handed out").intent_id;
    match how {
        "expired" => world.step(Duration::from_secs(100)).map(|_| ()),
        "declined" => world.send("intent.decline", json!({"intentId": intent})).map(|_| ()),
        _ => world.send("intent.withdraw", json!({"intentId": intent})).map(|_| ()),
    }
}

#[test]
fn what_a_step_proposes_and_nobody_takes_up_takes_its_branch() -> Result<(), StepError> {
    for how in ["expired", "declined", "withdrawn"] {
        let mut branches = json!({"never": "pine"});
        branches[how] = "pine".into();
        let mut world = asking(&branches)?;
        not_taken_up(&mut world, how)?;
        assert_eq!(steps_with(&world, Advanced), ["flirt"], "{how}");
        let events = world.events_of::<InteractionChainChanged>().expect("events");
        let left = events.into_iter().find(|event| event.change == Advanced).expect("it went on");
        assert_eq!((left.outcome.as_deref(), left.next.as_deref()), (Some(how), Some("pine")));
        let began = (left.at.as_micros() - 3_376_684_800_000_000) / 1_000_000;
        assert_eq!(began, if how == "expired" { 101 } else { 1 }, "{how}: the wait begins when it was over");
        let mut again = world.replay()?.0;
        assert_eq!(again.state_hash()?, world.state_hash()?);
    }
    Ok(())
}

#[test]
fn what_a_step_proposes_and_nobody_takes_up_is_proposed_again() -> Result<(), StepError> {
    for how in ["expired", "declined", "withdrawn"] {
        let mut world = asking(&json!({"never": "pine"}))?;
        not_taken_up(&mut world, how)?;
        let shown = world.ask("chain.show", json!({"chain": "courtship", "npc": "anna"})).expect("it runs");
        assert_eq!((shown["phase"].as_str(), shown["remainingSeconds"].as_i64()), (Some("blocked"), Some(60)), "{how}");
        world.restart()?.step(Duration::from_secs(59))?;
        assert_eq!(intents(&world).len(), 1, "{how}");
        world.step(Duration::from_secs(1))?;
        assert_eq!(intents(&world).len(), 2, "{how}: it is proposed again");
        let intent = intents(&world)[1].intent_id;
        world.send("intent.acknowledge", json!({"intentId": intent, "outcome": "accepted"}))?;
        assert_eq!(steps_with(&world, Completed), ["flirt"], "{how}");
        let mut again = world.replay()?.0;
        assert_eq!(again.state_hash()?, world.state_hash()?);
    }
    Ok(())
}

#[test]
fn a_step_whose_intent_passes_with_its_window_goes_by_its_window() -> Result<(), StepError> {
    let mut world = world(&json!({
        "kinds": {"chat": {"expiresAfterSeconds": 1000}},
        "chains": {"brief": {"steps": [
            {"stepId": "say", "interaction": "chat", "maxWaitSeconds": 30, "onExpiry": {"flagsSet": {"world.sad": true}}},
        ]}},
    }))?;
    world.send("chain.start", json!({"chain": "brief", "npc": "anna"}))?;
    world.step(Duration::from_secs(1))?;
    assert_eq!(intents(&world).len(), 1);
    world.step(Duration::from_secs(29))?;
    assert_eq!(
        (steps_with(&world, StepExpired), totals(&mut world)["chainsExpired"].as_u64()),
        (vec!["say".into()], Some(1))
    );
    world.step(Duration::from_secs(100))?;
    assert_eq!((intents(&world).len(), status(&mut world, "intents")), (1, 0));
    Ok(())
}
