//! Chains, told as stories: what waits, waits in game time, whatever happens to the world meanwhile.

use std::time::Duration;

use crate::interaction_support::{
    DAY, intents, refused, seconds_of, session, steps_with, story, totals, village, world, world_of,
};
use serde_json::{Value, json};
use worldtick::components::clock::{ClockSource, TimeScale};
use worldtick::messages::Input;
use worldtick::messages::interaction::ChainChange::{
    Advanced, Cancelled, Completed, Expired, Failed, Opened, Skipped, Started, StepExpired,
};
use worldtick::testing::{StepError, Stepper};

/// A ring was lost. Anna asks for help, the player looks for two days, and she says thank you.
fn lost_ring() -> Value {
    json!({
        "kinds": {"ask_for_help": {"data": {"line": "Have you seen my ring?"}, "expiresAfterSeconds": 604800}},
        "chains": {"lost_ring": {
            "name": "The lost ring", "category": "quest", "npc": "anna",
            "steps": [
                {"stepId": "ask", "interaction": "ask_for_help", "branches": {"refused_by_player": "sulk"}},
                {"stepId": "search", "waitDays": 2, "autoAdvance": true, "next": "thank",
                    "effects": {"flagsSet": {"ring_found": true}}},
                {"stepId": "sulk", "waitHours": 1, "autoAdvance": true, "next": "$failed"},
                {"stepId": "thank", "waitMinutes": 30, "requiredFlags": ["ring_found"], "autoAdvance": true},
            ],
        }},
    })
}

#[test]
fn a_quest_waits_two_days_through_a_pause_and_a_change_of_time_scale() -> Result<(), StepError> {
    let mut file = village(&lost_ring());
    file["clock"] = json!("live");
    file["meta"]["simulation"]["timeScale"] = json!(3600);
    let mut world = world_of(&file)?;
    // A live world: an hour of the game in a second of the wall clock.
    let elapse = |world: &mut Stepper, seconds: u64, steps: u32| {
        world.apply(Input::Elapsed { real_micros: seconds * 1_000_000, steps, wall_micros: 0 }).map(|_| ())
    };
    session(&mut world, "nora")?;
    let quest = json!({"chain": "lost_ring", "npc": "anna", "sessionId": "nora"});
    world.send("chain.start", quest.clone())?;
    elapse(&mut world, 1, 1)?;
    assert_eq!(intents(&world).len(), 1, "anna has asked");
    let intent = intents(&world).remove(0);
    assert_eq!((intent.kind.as_str(), intent.session.as_deref()), ("ask_for_help", Some("nora")));
    assert_eq!(intent.details["line"], "Have you seen my ring?");
    world.send("intent.acknowledge", json!({"intentId": intent.intent_id, "outcome": "accepted"}))?;
    let shown = world.ask("chain.show", quest.clone()).expect("the quest");
    assert_eq!((shown["step"].as_str(), shown["remainingSeconds"].as_i64()), (Some("search"), Some(2 * DAY)));
    // 24 hours pass.
    elapse(&mut world, 24, 24)?;
    // The world is paused: for whatever time of the wall clock, no game time passes.
    world.apply(Input::Paused { reason: "a scene".into(), by: "test".into(), until: None })?;
    world.restart()?;
    world.apply(Input::Resumed { by: "test".into() })?;
    let shown = world.ask("chain.show", quest.clone()).expect("the quest");
    assert_eq!(shown["remainingSeconds"], DAY);
    // From now on a game minute passes in a second.
    world.apply(Input::Clock { source: ClockSource::Live, scale: TimeScale::from_factor(60.0) })?;
    elapse(&mut world, 24 * 60 - 1, 24)?;
    assert_eq!(steps_with(&world, Advanced), ["ask"], "a minute is missing");
    elapse(&mut world, 1, 1)?;
    assert_eq!(steps_with(&world, Advanced), ["ask", "search"]);
    assert_eq!(seconds_of(&world, Advanced, "search"), Some(3600 + 2 * DAY), "two days after she was answered");
    elapse(&mut world, 30, 1)?;
    assert_eq!(steps_with(&world, Completed), ["thank"]);
    assert_eq!(world.ask("chain.show", quest).expect("the quest")["ended"]["end"], "completed");
    world.snapshot()?;
    Ok(())
}

#[test]
fn the_same_game_time_passes_in_steps_of_whatever_length() -> Result<(), StepError> {
    let run = |step_seconds: u32, pieces: &[u64]| -> Result<Vec<(String, i64)>, StepError> {
        let mut file = village(&json!({"chains": {"rounds": {"steps": [
            {"stepId": "one", "waitSeconds": 10, "autoAdvance": true},
            {"stepId": "two", "waitSeconds": 25, "autoAdvance": true},
            {"stepId": "three", "waitMinutes": 70, "autoAdvance": true},
        ]}}}));
        file["meta"]["simulation"]["maxStepGameSeconds"] = json!(step_seconds);
        let mut world = world_of(&file)?;
        world.send("chain.start", json!({"chain": "rounds", "npc": "ben"}))?;
        for seconds in pieces {
            world.step(Duration::from_secs(*seconds))?;
        }
        let steps = ["one", "two", "three"];
        Ok(steps.map(|step| (step.to_owned(), seconds_of(&world, Advanced, step).expect("it passed"))).to_vec())
    };
    let expected = vec![("one".to_owned(), 10), ("two".to_owned(), 35), ("three".to_owned(), 35 + 4_200)];
    assert_eq!(run(86_400, &[7_200])?, expected, "at once");
    assert_eq!(run(7, &[7_200])?, expected, "in steps of seven seconds");
    assert_eq!(run(3_600, &[1, 33, 999, 6_000])?, expected, "now and then");
    Ok(())
}

#[test]
fn a_step_blocks_until_its_flags_and_conditions_hold() -> Result<(), StepError> {
    let mut world = world(&json!({
        "limits": {"recheckSeconds": 60},
        "chains": {"visit": {"steps": [
            {"stepId": "enter", "requiredFlags": ["world.door_open"], "autoAdvance": true,
                "conditions": [{"type": "energy_between", "min": 0, "max": 100}]},
        ]}},
    }))?;
    world.send("chain.start", json!({"chain": "visit", "npc": "anna"}))?;
    world.step(Duration::from_secs(600))?;
    let shown = world.ask("chain.show", json!({"chain": "visit", "npc": "anna"})).expect("it runs");
    assert_eq!(shown["phase"], "blocked");
    assert!(shown["why"].as_str().expect("words").contains("asked again at"), "{shown}");
    let error = refused(&mut world, "chain.complete", json!({"chain": "visit", "npc": "anna", "step": "enter"}));
    assert!(error.contains("do not hold"), "{error}");
    world.send("world.set_flag", json!({"key": "door_open", "value": false}))?;
    world.step(Duration::from_secs(61))?;
    assert!(steps_with(&world, Advanced).is_empty(), "false is not set");
    world.send("world.set_flag", json!({"key": "door_open", "value": true}))?;
    world.step(Duration::from_secs(61))?;
    assert_eq!(steps_with(&world, Completed), ["enter"]);
    Ok(())
}

#[test]
fn optional_steps_are_passed_over_and_windows_expire() -> Result<(), StepError> {
    let mut world = world(&json!({"chains": {
        "evening": {"steps": [
            {"stepId": "dance", "optional": true, "requiredFlags": ["music"], "autoAdvance": true},
            {"stepId": "talk", "optional": true, "waitSeconds": 60, "maxWaitSeconds": 600},
            {"stepId": "leave", "waitSeconds": 60, "maxWaitSeconds": 600, "branches": {"expired": "hurry"},
                "onExpiry": {"flagsSet": {"late": true}}},
            {"stepId": "hurry", "autoAdvance": true},
        ]},
        "wager": {"steps": [{"stepId": "answer", "maxWaitSeconds": 300}],
            "onExpiry": {"flagsSet": {"npc.disappointed": true}}},
        "errand": {"expiresAfterSeconds": 1000, "steps": [{"stepId": "walk", "waitSeconds": 10},
            {"stepId": "return"}]},
    }}))?;
    session(&mut world, "s")?;
    for chain in ["evening", "wager", "errand"] {
        world.send("chain.start", json!({"chain": chain, "npc": "anna", "sessionId": "s"}))?;
    }
    world.step(Duration::from_secs(60))?;
    let skip = |step: &str| json!({"chain": "evening", "npc": "anna", "sessionId": "s", "step": step});
    assert!(refused(&mut world, "chain.skip", skip("leave")).contains("stands at step `talk`"));
    world.step(Duration::from_secs(3600))?;
    assert_eq!(steps_with(&world, Skipped), ["dance", "talk"]);
    assert_eq!(seconds_of(&world, Skipped, "talk"), Some(600));
    assert_eq!(seconds_of(&world, StepExpired, "leave"), Some(1_200));
    assert_eq!(steps_with(&world, Expired), ["answer", "walk"]);
    assert_eq!(seconds_of(&world, Expired, "walk"), Some(1_000));
    assert_eq!(steps_with(&world, Completed), ["hurry"]);
    let flags = world.ask("session.show", json!({"sessionId": "s"})).expect("it runs")["flags"].clone();
    assert_eq!(flags, json!({"late": true}), "without a place it is the session's");
    assert_eq!(world.ask("npc.show", json!({"npc": "anna"})).expect("anna")["flags"]["disappointed"], true);
    let shown = world.ask("chain.show", json!({"chain": "evening", "npc": "anna", "sessionId": "s"}));
    assert_eq!(shown.expect("it has run")["ended"]["end"], "completed");
    world.snapshot()?;
    Ok(())
}

#[test]
fn outcomes_branch_and_unknown_ones_go_on() -> Result<(), StepError> {
    let mut world = world(&json!({"chains": {"trial": {"repeatable": true, "steps": [
        {"stepId": "plead", "branches": {"guilty": "$failed", "hung_jury": "again"}, "next": "$completed"},
        {"stepId": "again", "waitSeconds": 5, "next": "plead", "autoAdvance": true},
    ]}}}))?;
    let plead = |outcome: &str| json!({"chain": "trial", "npc": "ben", "step": "plead", "outcome": outcome});
    let start = json!({"chain": "trial", "npc": "ben"});
    world.send("chain.start", start.clone())?;
    world.send("chain.complete", plead("hung_jury"))?;
    assert!(refused(&mut world, "chain.complete", plead("guilty")).contains("stands at step `again`"));
    world.step(Duration::from_secs(10))?;
    assert_eq!(world.send("chain.complete", plead("guilty"))?["ended"], "failed");
    world.send("chain.start", start.clone())?;
    assert_eq!(world.send("chain.complete", plead("whatever"))?["ended"], "completed");
    assert!(refused(&mut world, "chain.complete", plead("x")).contains("does not run"));
    assert_eq!(steps_with(&world, Failed), ["plead"]);
    Ok(())
}

#[test]
fn a_repeatable_chain_rests_and_others_run_once() -> Result<(), StepError> {
    let mut world = world(&json!({"chains": {
        "daily": {"repeatable": true, "repeatCooldownSeconds": DAY, "steps": [{"stepId": "greet"}]},
        "once": {"steps": [{"stepId": "greet"}]},
    }}))?;
    let of = |chain: &str| json!({"chain": chain, "npc": "anna"});
    let greet = |chain: &str| json!({"chain": chain, "npc": "anna", "step": "greet"});
    for chain in ["daily", "once"] {
        world.send("chain.start", of(chain))?;
        assert!(refused(&mut world, "chain.start", of(chain)).contains("runs already"));
        world.send("chain.complete", greet(chain))?;
    }
    assert!(refused(&mut world, "chain.start", of("once")).contains("is not repeatable"));
    assert!(refused(&mut world, "chain.start", of("daily")).contains("can be repeated from 2077-01-02T00:00:00Z"));
    world.hours(24)?.restart()?;
    world.send("chain.start", of("daily"))?;
    world.send("chain.cancel", of("daily"))?;
    assert_eq!(story(&world).last().map(|(_, change, _)| *change), Some(Cancelled));
    world.send("chain.forget", of("once"))?;
    world.send("chain.start", of("once"))?;
    assert_eq!(totals(&mut world)["chainsStarted"], 4);
    Ok(())
}

#[test]
fn no_more_chains_are_looked_at_in_a_step_than_may_be_and_the_most_overdue_come_first() -> Result<(), StepError> {
    let mut file = village(&json!({"chains": {"nap": {"repeatable": true, "steps": [
        {"stepId": "sleep", "waitSeconds": 100, "autoAdvance": true},
    ]}}}));
    file["meta"]["simulation"]["maxChainOpsPerStep"] = json!(3);
    file["meta"]["simulation"]["maxStepGameSeconds"] = json!(10);
    file["npcs"]["groups"] = json!([{"name": "sleeper", "count": 20, "routines": ["only"], "homes": ["hut"]}]);
    let mut world = world_of(&file)?;
    for number in 1..=20 {
        // The later ones begin first.
        let npc = format!("sleeper-{}", 21 - number);
        world.send("chain.start", json!({"chain": "nap", "npc": npc}))?;
        world.step(Duration::from_secs(1))?;
    }
    world.step(Duration::from_secs(79))?;
    let mut done = Vec::new();
    for _ in 0..10 {
        world.take_events();
        world.step(Duration::from_secs(10))?;
        let events = world.events_of::<worldtick::messages::interaction::InteractionChainChanged>()?;
        let completed: Vec<String> =
            events.into_iter().filter(|event| event.change == Completed).map(|event| event.name).collect();
        assert!(completed.len() <= 3, "{completed:?}");
        done.extend(completed);
    }
    let expected: Vec<String> = (1..=20).rev().map(|number| format!("sleeper-{number}")).collect();
    assert_eq!(done, expected);
    assert!(totals(&mut world)["chainOpsDeferred"].as_u64() > Some(0));
    Ok(())
}

#[test]
fn chains_of_npcs_that_are_gone_are_counted_and_forgotten() -> Result<(), StepError> {
    let mut world = world(&lost_ring())?;
    world.send("chain.start", json!({"chain": "lost_ring", "npc": "anna"}))?;
    world.hours(1)?;
    world.send("npc.remove", json!({"npc": "anna"}))?;
    let status = world.ask("interaction.status", json!({})).expect("a status");
    assert_eq!((status["chains"].as_u64(), status["intents"].as_u64()), (Some(0), Some(0)));
    assert_eq!(status["totals"]["chainsGone"], 1);
    world.hours(5)?.restart()?;
    world.snapshot()?;
    Ok(())
}

#[test]
fn a_wait_beyond_the_calendar_is_refused_or_ends_the_chain() -> Result<(), StepError> {
    let mut file = village(&json!({"chains": {
        "long": {"steps": [{"stepId": "one", "waitHours": 30, "autoAdvance": true}, {"stepId": "two", "waitHours": 30}]},
        "late": {"steps": [{"stepId": "one", "waitHours": 40}]},
    }}));
    file["startsAt"] = json!("9999-12-29T00:00:00Z");
    let mut world = world_of(&file)?;
    world.send("chain.start", json!({"chain": "long", "npc": "anna"}))?;
    world.hours(10)?;
    let error = refused(&mut world, "chain.start", json!({"chain": "late", "npc": "anna"}));
    assert!(error.contains("beyond the calendar"), "{error}");
    world.hours(20)?;
    let shown = world.ask("chain.show", json!({"chain": "long", "npc": "anna"})).expect("it has run");
    assert_eq!(shown["ended"]["end"], "failed");
    let totals = totals(&mut world);
    assert_eq!((&totals["chainsFailed"], &totals["chainsBeyondCalendar"]), (&json!(1), &json!(1)));
    Ok(())
}

#[test]
fn nonsense_is_refused_and_changes_nothing() -> Result<(), StepError> {
    let mut world = world(&lost_ring())?;
    world.send("chain.start", json!({"chain": "lost_ring", "npc": "anna"}))?;
    let commands = [
        "chain.start",
        "chain.complete",
        "chain.skip",
        "chain.cancel",
        "chain.forget",
        "chain.define",
        "chain.undefine",
        "intent.propose",
        "intent.acknowledge",
        "intent.decline",
        "intent.withdraw",
        "interaction.use",
        "cooldown.clear",
        "session.copy",
    ];
    let of = |step: &str| json!({"chain": "lost_ring", "npc": "anna", "step": step});
    for command in commands {
        for payload in [
            json!(null),
            json!([1, 2, 3, 4, 5, 6, 7, 8, 9]),
            json!({"chain": 7, "npc": {}, "kind": true, "intentId": -1}),
            json!({"chain": "x".repeat(10_000), "npc": "anna", "step": "ask"}),
            json!({"npc": 99, "chain": "lost_ring", "step": "ask", "kind": "ask_for_help"}),
            json!({"intentId": 77}),
            json!({"sessionId": "", "newSessionId": "\u{7}", "kind": "ask_for_help", "npc": "anna"}),
        ] {
            refused(&mut world, command, payload);
        }
    }
    assert!(refused(&mut world, "chain.complete", of("sulk")).contains("stands at step `ask`"));
    assert!(refused(&mut world, "chain.complete", of("asks")).contains("did you mean `ask`?"));
    let mut long = of("ask");
    long["outcome"] = json!("x".repeat(65));
    assert!(refused(&mut world, "chain.complete", long).contains("/outcome"));
    assert!(refused(&mut world, "chain.skip", of("ask")).contains("is not optional"));
    for (query, payload) in [
        ("chain.list", json!({"limit": 0})),
        ("chain.list", json!({"limit": 10, "after": "1.2"})),
        ("chain.list", json!({"limit": 10, "phase": "asleep"})),
        ("intent.list", json!({"limit": 501})),
        ("intent.show", json!({"intentId": 1})),
        ("cooldown.list", json!({"npc": "nobody"})),
        ("chain.definition", json!({"chain": "lost_rin"})),
    ] {
        world.ask(query, payload.clone()).expect_err(&payload.to_string());
    }
    Ok(())
}

#[test]
fn chains_are_listed_page_by_page_and_by_what_is_asked() -> Result<(), StepError> {
    let mut file = village(&lost_ring());
    file["interactions"]["chains"]["walk"] = json!({"steps": [{"stepId": "go", "waitHours": 1}]});
    let mut world = world_of(&file)?;
    for name in ["a", "b"] {
        session(&mut world, name)?;
        for npc in ["anna", "ben"] {
            world.send("chain.start", json!({"chain": "walk", "npc": npc, "sessionId": name}))?;
        }
        world.send("chain.start", json!({"chain": "lost_ring", "npc": "anna", "sessionId": name}))?;
    }
    world.send("chain.start", json!({"chain": "walk", "npc": "ben"}))?;
    world.step(Duration::from_secs(1))?;
    let mut list = |payload: Value| world.ask("chain.list", payload).expect("a list");
    let names = |list: &Value| -> Vec<String> {
        let rows = list["chains"].as_array().expect("rows").iter();
        rows.map(|row| format!("{}/{}/{}", row["sessionId"].as_str().unwrap_or("-"), row["npc"], row["chain"]))
            .collect()
    };
    let all = names(&list(json!({"limit": 100})));
    assert_eq!(all.len(), 7);
    assert!(all.is_sorted(), "by session and NPC: {all:?}");
    let (mut paged, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = list(json!({"limit": 2, "after": after}));
        paged.extend(names(&page));
        assert!(paged.len() <= all.len(), "nothing is on two pages: {paged:?}");
        if page["after"].is_null() {
            break;
        }
        after = page["after"].clone();
    }
    assert_eq!(paged, all);
    let count = |list: &Value| list["chains"].as_array().expect("rows").len();
    for (payload, expected) in [
        (json!({"sessionId": "a", "limit": 9}), 3),
        (json!({"npc": "ben", "limit": 9}), 3),
        (json!({"npc": "ben", "sessionId": "b", "limit": 9}), 1),
        (json!({"chain": "lost_ring", "limit": 9}), 2),
        (json!({"phase": "open", "limit": 9}), 2),
        (json!({"phase": "waiting", "limit": 9}), 5),
        (json!({"phase": "blocked", "limit": 9}), 0),
    ] {
        assert_eq!(count(&list(payload.clone())), expected, "{payload}");
    }
    Ok(())
}

#[test]
fn a_world_goes_on_the_same_after_a_restart_and_in_a_replay() -> Result<(), StepError> {
    let run = |restarts: bool| -> Result<Stepper, StepError> {
        let mut interactions = lost_ring();
        interactions["kinds"]["ask_for_help"]["requirements"] = json!([{"type": "random_chance", "probability": 0.3}]);
        let mut world = world(&interactions)?;
        for name in ["a", "b", "c"] {
            session(&mut world, name)?;
            world.send("chain.start", json!({"chain": "lost_ring", "npc": "anna", "sessionId": name}))?;
        }
        for _ in 0..30 {
            world.step(Duration::from_secs(250))?;
            if restarts {
                world.restart()?;
            }
            for intent in intents(&world) {
                let _ = world.send("intent.acknowledge", json!({"intentId": intent.intent_id, "outcome": "yes"}));
            }
        }
        world.days(3)?;
        Ok(world)
    };
    let (mut one, mut other) = (run(false)?, run(true)?);
    assert_eq!(story(&one), story(&other));
    assert_eq!(one.state_hash()?, other.state_hash()?);
    assert_eq!(steps_with(&one, Completed).len(), 3);
    let (mut replayed, events) = one.replay()?;
    assert_eq!(replayed.state_hash().expect("a hash"), one.state_hash()?);
    assert_eq!(events.len(), one.events().len());
    Ok(())
}

#[test]
fn what_starts_is_told_and_what_is_not_there_is_refused() -> Result<(), StepError> {
    let mut world = world(&lost_ring())?;
    let start = |chain: &str, npc: &str| json!({"chain": chain, "npc": npc});
    assert!(refused(&mut world, "chain.start", start("lost_rnig", "anna")).contains("did you mean `lost_ring`?"));
    assert!(refused(&mut world, "chain.start", start("lost_ring", "ann")).contains("did you mean `anna`?"));
    assert!(refused(&mut world, "chain.start", start("lost_ring", "ben")).contains("not for this NPC"));
    let mut in_session = start("lost_ring", "anna");
    in_session["sessionId"] = json!("nobody");
    assert!(refused(&mut world, "chain.start", in_session).contains("no session `nobody` runs"));
    world.send("chain.start", start("lost_ring", "anna"))?;
    world.hours(1)?;
    let told: Vec<_> = story(&world).into_iter().map(|(_, change, step)| (change, step)).collect();
    assert_eq!(told, [(Started, "ask".to_owned()), (Opened, "ask".to_owned())]);
    Ok(())
}
