//! Chains that are defined while the world lives, what is said of definitions, and why a chain waits.

use std::time::Duration;

use crate::interaction_support::{intents, refused, session, status, steps_with, totals, world};
use serde_json::{Value, json};
use worldtick::messages::interaction::ChainChange::{Advanced, Completed};
use worldtick::testing::{StepError, Stepper};

fn section() -> Value {
    json!({
        "kinds": {"chat": {"cooldownSeconds": {"npcAndSession": 600}}},
        "chains": {"in_file": {"category": "quest", "npc": "anna", "steps": [
            {"stepId": "wait", "waitHours": 1, "autoAdvance": true},
            {"stepId": "talk", "interaction": "chat", "requiredFlags": ["met", "world.peace"],
                "conditions": [{"type": "energy_between", "min": 0, "max": 100}, {"type": "mood_in", "moodTags": ["tense"]}]},
        ]}},
    })
}

fn watch(hours: u32) -> Value {
    json!({"chain": "watch", "definition": {"repeatable": true, "steps": [
        {"stepId": "stand", "waitHours": hours, "autoAdvance": true},
        {"stepId": "report", "interaction": "chat"},
    ]}})
}

fn ids(list: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, key: &str| row[key].as_str().expect("a text").to_owned();
    list["definitions"].as_array().expect("rows").iter().map(|row| (text(row, "chain"), text(row, "source"))).collect()
}

#[test]
fn a_chain_is_defined_runs_and_outlives_a_restart_and_a_replay() -> Result<(), StepError> {
    let mut world = world(&section())?;
    let start = json!({"chain": "watch", "npc": "ben"});
    assert!(refused(&mut world, "chain.start", start.clone()).contains("there is no chain `watch`"));
    assert_eq!(world.send("chain.define", watch(2))?, json!({"chain": "watch", "replaced": false, "gone": 0}));
    world.send("chain.start", start.clone())?;
    world.restart()?.hours(2)?.restart()?;
    assert_eq!(steps_with(&world, Advanced), ["stand"]);
    assert_eq!(world.ask("chain.show", start).expect("it runs")["step"], "report");
    let list = world.ask("chain.definitions", json!({"limit": 10})).expect("a list");
    let row = |chain: &str, source: &str| (chain.to_owned(), source.to_owned());
    assert_eq!(ids(&list), [row("in_file", "file"), row("watch", "command")]);
    let page = world.ask("chain.definitions", json!({"limit": 1})).expect("a page");
    assert_eq!((ids(&page), &page["more"]), (vec![row("in_file", "file")], &json!(true)));
    let page = world.ask("chain.definitions", json!({"limit": 1, "after": "in_file"})).expect("a page");
    assert_eq!((ids(&page), &page["more"]), (vec![row("watch", "command")], &json!(false)));
    let shown = world.ask("chain.definition", json!({"chain": "watch"})).expect("it is there");
    assert_eq!((&shown["source"], &shown["definition"]["steps"][0]["waitHours"]), (&json!("command"), &json!(2)));
    assert_eq!(world.ask("chain.definition", json!({"chain": "in_file"})).expect("it is there")["source"], "file");
    let (mut replayed, _) = world.replay()?;
    assert_eq!(replayed.state_hash().expect("a hash"), world.state_hash()?);
    Ok(())
}

#[test]
fn what_replaces_a_definition_or_takes_it_away_ends_what_runs_of_it() -> Result<(), StepError> {
    let mut world = world(&section())?;
    session(&mut world, "s")?;
    world.send("chain.define", watch(1))?;
    world.send("chain.start", json!({"chain": "watch", "npc": "ben"}))?;
    world.send("chain.start", json!({"chain": "watch", "npc": "anna", "sessionId": "s"}))?;
    world.send("chain.start", json!({"chain": "in_file", "npc": "anna", "sessionId": "s"}))?;
    world.step(Duration::from_secs(1800))?;
    assert_eq!(world.send("chain.define", watch(5))?, json!({"chain": "watch", "replaced": true, "gone": 2}));
    assert_eq!((status(&mut world, "chains"), &totals(&mut world)["chainsGone"]), (1, &json!(2)));
    world.send("chain.start", json!({"chain": "watch", "npc": "ben"}))?;
    world.step(Duration::from_secs(4 * 3600))?;
    assert!(!steps_with(&world, Advanced).contains(&"stand".to_owned()), "it waits for five hours by now");
    world.step(Duration::from_secs(3601))?;
    assert_eq!((intents(&world).len(), status(&mut world, "intents")), (1, 1), "ben has reported");
    assert_eq!(world.send("chain.undefine", json!({"chain": "watch"}))?["gone"], 1);
    assert_eq!((status(&mut world, "chains"), status(&mut world, "intents")), (1, 0));
    assert_eq!(totals(&mut world)["intentsWithdrawn"], 1);
    world.restart()?;
    let list = world.ask("chain.definitions", json!({"limit": 10})).expect("a list");
    assert_eq!(ids(&list), [("in_file".to_owned(), "file".to_owned())], "it does not come back");
    assert!(refused(&mut world, "chain.start", json!({"chain": "watch", "npc": "ben"})).contains("no chain `watch`"));
    assert!(refused(&mut world, "chain.undefine", json!({"chain": "watch"})).contains("no chain `watch`"));
    assert!(refused(&mut world, "chain.undefine", json!({"chain": "in_file"})).contains("defined by command"));
    // A number is not used twice: what ended under the old definition is no history of the new one.
    world.send("chain.define", watch(1))?;
    world.restart()?;
    world.send("chain.start", json!({"chain": "watch", "npc": "ben"}))?;
    world.snapshot()?;
    Ok(())
}

#[test]
fn a_definition_that_is_wrong_is_refused_with_all_that_is_wrong_and_its_places() -> Result<(), StepError> {
    let mut world = world(&section())?;
    let error = refused(
        &mut world,
        "chain.define",
        json!({"chain": "bad", "definition": {"npc": "bem", "expiresAfterSeconds": -1, "steps": [
            {"stepId": "a", "waitDays": -2, "interaction": "chatt", "next": "c"},
            {"stepId": "b", "requiredFlags": [""]},
            {"stepId": "c", "autoAdvance": true, "next": "d"},
            {"stepId": "d", "autoAdvance": true, "next": "c", "branches": {"done": "nowhere"},
                "effects": {"relationshipChanges": {"anna": {"awe": 5}}}},
            {"stepId": "e", "autoAdvance": true, "next": "e"},
        ]}}),
    );
    for part in [
        "/definition/npc: ",
        "did you mean `ben`?",
        "/definition/expiresAfterSeconds: -1 is negative",
        "/definition/steps/0/waitDays: -2 is negative",
        "/definition/steps/0/interaction: ",
        "did you mean `chat`?",
        "/definition/steps/1: no way leads to it",
        "/definition/steps/1/requiredFlags/0: ",
        "/definition/steps/3/branches/done: there is no step `nowhere`",
        "/definition: there is no axis of relationships `awe`",
        "/definition/steps: a cycle without a wait: `e`",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    for place in
        ["/definition/steps/0/waitDays", "/definition/steps/0/interaction", "/definition/steps/3/branches/done"]
    {
        assert_eq!(error.matches(place).count(), 1, "each is told once: {error}");
    }
    let error =
        refused(&mut world, "chain.define", json!({"chain": "in_file", "definition": {"steps": [{"stepId": "a"}]}}));
    assert!(error.contains("is a chain of the world file"), "{error}");
    let error = refused(&mut world, "chain.define", json!({"chain": "", "definition": {"steps": [{"stepId": "a"}]}}));
    assert!(error.contains("/chain: it has 1 to 64"), "{error}");
    Ok(())
}

fn asks(world: &mut Stepper) -> Value {
    let quest = json!({"chain": "in_file", "npc": "anna", "sessionId": "s"});
    world.ask("chain.show", quest).expect("it runs")["asks"].clone()
}

#[test]
fn a_chain_says_what_its_step_asks_for_and_what_of_it_holds() -> Result<(), StepError> {
    let mut world = world(&section())?;
    session(&mut world, "s")?;
    world.send("chain.start", json!({"chain": "in_file", "npc": "anna", "sessionId": "s"}))?;
    assert_eq!(asks(&mut world)["requiredFlags"], json!([]), "its first step asks for nothing");
    world.hours(1)?;
    world.send("interaction.use", json!({"kind": "chat", "npc": "anna", "sessionId": "s"}))?;
    world.send("session.set", json!({"sessionId": "s", "flags": {"met": true}}))?;
    let told = asks(&mut world);
    let flags = |met: bool, peace: bool| json!([{"flag": "met", "set": met}, {"flag": "world.peace", "set": peace}]);
    assert_eq!(told["requiredFlags"], flags(true, false));
    assert_eq!((&told["interaction"], &told["restsSeconds"]), (&json!("chat"), &json!(600)));
    assert_eq!((&told["conditions"][0]["holds"], &told["conditions"][1]["holds"]), (&json!(true), &json!(false)));
    assert_eq!(told["conditions"][0]["condition"]["type"], "energy_between");
    world.send("world.set_flag", json!({"key": "peace", "value": true}))?;
    world.step(Duration::from_secs(600))?;
    let told = asks(&mut world);
    assert_eq!((&told["requiredFlags"], &told["freeAt"]), (&flags(true, true), &Value::Null));
    let never = world.ask("chain.show", json!({"chain": "in_file", "npc": "anna"})).expect_err("not outside");
    assert!(never.contains("does not run for this NPC"), "{never}");
    Ok(())
}

#[test]
fn a_step_that_is_left_takes_its_intent_back() -> Result<(), StepError> {
    let mut world = world(&json!({
        "kinds": {"chat": {}},
        "chains": {"talk": {"repeatable": true, "steps": [{"stepId": "say", "interaction": "chat"}]}},
    }))?;
    let say = json!({"chain": "talk", "npc": "anna", "step": "say"});
    for ends in ["chain.complete", "chain.cancel"] {
        world.send("chain.start", json!({"chain": "talk", "npc": "anna"}))?;
        world.step(Duration::from_secs(1))?;
        let id = intents(&world).last().expect("she has asked").intent_id;
        let one = world.ask("intent.show", json!({"intentId": id})).expect("it is there");
        assert_eq!((&one["chain"], &one["step"]), (&json!("talk"), &json!("say")));
        let mut payload = say.clone();
        if ends == "chain.cancel" {
            payload.as_object_mut().expect("fields").remove("step");
        }
        world.send(ends, payload)?;
        assert_eq!(status(&mut world, "intents"), 0, "{ends}");
        assert!(refused(&mut world, "intent.acknowledge", json!({"intentId": id})).contains("there is no intent"));
        assert!(world.ask("intent.show", json!({"intentId": id})).is_err());
    }
    assert_eq!(totals(&mut world)["intentsWithdrawn"], 2);
    assert_eq!(steps_with(&world, Completed), ["say"]);
    Ok(())
}
