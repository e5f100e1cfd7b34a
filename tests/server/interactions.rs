//! Chains, cooldowns, intents and sessions of a living world: over HTTP, on the command line, in metrics.

use crate::bridge_support::wait_for;
use crate::program::program;
use crate::server_support::http::{Answer, Api};
use crate::server_support::{TestServer, metric, world};
use serde_json::{Value, json};

const STORY: &str = "
interactions:
  limits: { maxIntents: 3 }
  kinds:
    ask_for_help: { data: { line: Have you seen my ring? }, cooldownSeconds: { npcAndSession: 600, global: 60 } }
  chains:
    lost_ring:
      category: quest
      steps:
        - { stepId: ask, interaction: ask_for_help, branches: { declined: $failed } }
        - { stepId: search, waitHours: 2, autoAdvance: true, effects: { flagsSet: { ring_found: true } } }
        - { stepId: thank, requiredFlags: [ring_found, world.peace], optional: false }
";

fn server() -> TestServer {
    TestServer::start(&[format!("{}{STORY}", world("hand", "manual"))])
}

fn at(rest: &str) -> String {
    format!("/api/v1/worlds/hand/{rest}")
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

fn created(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn step(api: &Api, game_seconds: u32) {
    api.post(&at("step"), &json!({ "game_seconds": game_seconds })).ok();
}

fn somebody(api: &Api) -> (String, String) {
    let all = items(&api.get(&at("npcs?limit=2")).ok());
    let name = |at: usize| all[at]["name"].as_str().expect("a name").to_owned();
    (name(0), name(1))
}

fn session(api: &Api, id: &str) {
    created(&api.post(&at("sessions"), &json!({ "sessionId": id })));
}

#[test]
fn a_quest_is_started_answered_explained_and_cancelled_over_http() {
    let mut server = server();
    let api = server.api();
    step(&api, 60);
    let (npc, other) = somebody(&api);
    session(&api, "alice");
    let quest = json!({ "chain": "lost_ring", "npc": npc, "sessionId": "alice" });
    assert_eq!(created(&api.post(&at("chains"), &quest))["step"], "ask");
    api.post(&at("chains"), &quest).problem(409);
    api.post(&at("chains"), &json!({ "chain": "lost_rign", "npc": npc })).problem(422);
    api.post(&at("chains"), &json!({ "chain": "lost_ring", "npc": npc, "sessionId": "nobody" })).problem(422);
    step(&api, 1);
    let one = at(&format!("chains/lost_ring/npcs/{npc}"));
    let shown = api.get(&format!("{one}?session=alice")).ok();
    assert_eq!((&shown["phase"], &shown["asks"]["interaction"]), (&"open".into(), &"ask_for_help".into()), "{shown}");
    api.get(&one).problem(404);
    api.get(&format!("{one}x?session=alice")).problem(404);
    api.get(&at(&format!("chains/lost_rin/npcs/{npc}"))).problem(404);
    // She has asked; the player says yes, and looks for the ring.
    let intents = items(&api.get(&at("intents?handedOut=true&session=alice")).ok());
    assert_eq!((intents.len(), &intents[0]["chain"]), (1, &"lost_ring".into()));
    let intent = at(&format!("intents/{}", intents[0]["intentId"]));
    assert_eq!(api.get(&intent).ok()["data"]["line"], "Have you seen my ring?");
    let words = api.post(&format!("{intent}/acknowledge"), &json!({ "outcome": "x".repeat(65) })).problem(422);
    assert_eq!(words["errors"][0]["pointer"], "/outcome", "{words}");
    assert_eq!(api.post(&format!("{intent}/acknowledge"), &json!({ "outcome": "yes" })).ok()["stepCompleted"], true);
    api.post(&format!("{intent}/decline"), &json!({})).problem(404);
    api.get(&at("intents/one")).problem(404);
    let rests = items(&api.get(&at(&format!("cooldowns?npc={npc}&session=alice"))).ok());
    let scopes: Vec<_> = rests.iter().map(|row| (row["scope"].clone(), row["remainingSeconds"].clone())).collect();
    assert_eq!(scopes, [("npcAndSession".into(), 600.into()), ("global".into(), 60.into())]);
    let complete = json!({ "step": "search", "sessionId": "alice" });
    assert!(api.post(&format!("{one}/complete"), &complete).problem(409).to_string().contains("waits until"));
    api.post(&format!("{one}/complete"), &json!({ "step": "serach", "sessionId": "alice" })).problem(422);
    // A copy goes its own way, also through a restart.
    assert_eq!(created(&api.post(&at("sessions/alice/copy"), &json!({ "newSessionId": "bob" })))["chains"], 1);
    api.post(&at("sessions/alice/copy"), &json!({ "newSessionId": "bob" })).problem(409);
    api.post(&at("sessions/carol/copy"), &json!({ "newSessionId": "dave" })).problem(404);
    assert_eq!(api.delete(&format!("{one}?session=bob")).ok()["ended"], "cancelled");
    api.delete(&format!("{one}?session=bob")).problem(404);
    server.restart();
    let api = server.api();
    step(&api, 7_200);
    let shown = api.get(&format!("{one}?session=alice")).ok();
    assert_eq!((&shown["step"], &shown["phase"]), (&"thank".into(), &"blocked".into()));
    let flags = &shown["asks"]["requiredFlags"];
    assert_eq!((&flags[0]["set"], &flags[1]["set"]), (&true.into(), &false.into()), "{shown}");
    api.post(&format!("{one}/skip"), &json!({ "step": "thank", "sessionId": "alice" })).problem(409);
    // Lists have filters and pages.
    for npc in [&npc, &other] {
        created(&api.post(&at("chains"), &json!({ "chain": "lost_ring", "npc": npc })));
    }
    assert_eq!(items(&api.get(&at("chains?phase=blocked")).ok()).len(), 1);
    assert_eq!(items(&api.get(&at("chains?session=alice")).ok()).len(), 1);
    assert_eq!(items(&api.get(&at(&format!("chains?npc={other}"))).ok()).len(), 1);
    let first = api.get(&at("chains?limit=2")).ok();
    let rest = api.get(&at(&format!("chains?limit=2&cursor={}", first["next"].as_str().expect("more")))).ok();
    assert_eq!((items(&first).len(), items(&rest).len(), &rest["next"]), (2, 1, &Value::Null));
    api.get(&at("chains?phase=asleep")).problem(422);
    api.get(&at("chains?limit=0")).problem(422);
    api.get(&at("chains?what=x")).problem(400);
    let status = api.get(&at("interactions")).ok();
    assert_eq!((&status["chains"], &status["totals"]["chainsStarted"]), (&3.into(), &3.into()), "{status}");
    assert_eq!(server.world("hand")["chains"], 3);
    api.post(&format!("{one}/forget"), &json!({ "sessionId": "alice" })).problem(409);
    api.delete(&at("sessions/alice")).ok();
    assert_eq!(server.world("hand")["chains"], 2);
}

#[test]
fn chains_are_defined_and_intents_proposed_over_http() {
    let server = server();
    let api = server.api();
    step(&api, 60);
    let (npc, _) = somebody(&api);
    let watch = json!({ "chain": "watch", "definition": { "steps": [{ "stepId": "stand", "waitHours": 1 }] } });
    assert_eq!(created(&api.post(&at("chain-definitions"), &watch))["replaced"], false);
    let wrong = json!({ "chain": "bad", "definition": { "steps": [
        { "stepId": "a", "waitSeconds": -1, "interaction": "ask_for_hepl" }, { "stepId": "b", "autoAdvance": true, "next": "b" },
    ] } });
    let problem = api.post(&at("chain-definitions"), &wrong).problem(422);
    let places: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().filter_map(|error| error["pointer"].as_str()).collect();
    for place in ["/definition/steps/0/waitSeconds", "/definition/steps/0/interaction", "/definition/steps"] {
        assert!(places.contains(&place), "{place} is not in {problem}");
    }
    let mut in_file = watch.clone();
    in_file["chain"] = json!("lost_ring");
    api.post(&at("chain-definitions"), &in_file).problem(409);
    let list = items(&api.get(&at("chain-definitions")).ok());
    let told: Vec<_> = list.iter().map(|row| (row["chain"].clone(), row["source"].clone())).collect();
    assert_eq!(told, [("lost_ring".into(), "file".into()), ("watch".into(), "command".into())]);
    let page = api.get(&at("chain-definitions?limit=1")).ok();
    let rest = api.get(&at(&format!("chain-definitions?cursor={}", page["next"].as_str().expect("more")))).ok();
    assert_eq!((items(&rest)[0]["chain"].as_str(), &rest["next"]), (Some("watch"), &Value::Null));
    let shown = api.get(&at("chain-definitions/watch")).ok();
    assert_eq!(shown["definition"]["steps"][0]["waitHours"], 1);
    api.get(&at("chain-definitions/wacht")).problem(404);
    created(&api.post(&at("chains"), &json!({ "chain": "watch", "npc": npc })));
    assert_eq!(api.delete(&at("chain-definitions/watch")).ok()["gone"], 1);
    api.delete(&at("chain-definitions/watch")).problem(404);
    // What NPCs propose, the game has them propose.
    let propose =
        json!({ "kind": "ask_for_help", "npc": npc, "priority": 7, "delaySeconds": 30, "data": { "why": "fun" } });
    let id = created(&api.post(&at("intents"), &propose))["intentId"].clone();
    api.post(&at("intents"), &json!({ "kind": "sing", "npc": npc })).problem(422);
    let one = at(&format!("intents/{id}"));
    assert!(
        api.post(&format!("{one}/acknowledge"), &json!({})).problem(409).to_string().contains("not been handed out")
    );
    step(&api, 30);
    assert_eq!(api.get(&one).ok()["data"], json!({ "why": "fun" }));
    api.post(&format!("{one}/acknowledge"), &json!({})).ok();
    let other = created(&api.post(&at("intents"), &propose))["intentId"].clone();
    let before = items(&api.get(&at("intents?handedOut=false")).ok());
    assert_eq!((before.len(), &before[0]["intentId"]), (1, &other));
    api.delete(&at(&format!("intents/{other}"))).ok();
    for _ in 0..3 {
        created(&api.post(&at("intents"), &propose));
    }
    assert!(api.post(&at("intents"), &propose).problem(409).to_string().contains("maxIntents"));
    let page = api.get(&at("intents?limit=2")).ok();
    let rest = api.get(&at(&format!("intents?limit=2&cursor={}", page["next"].as_str().expect("more")))).ok();
    assert_eq!((items(&page).len(), items(&rest).len(), &rest["next"]), (2, 1, &Value::Null));
    // What is used rests, until somebody ends that.
    let used = json!({ "kind": "ask_for_help", "npc": npc });
    assert!(api.post(&at("cooldowns"), &used).problem(409).to_string().contains("rests until"));
    assert_eq!(api.post(&at("cooldowns/clear"), &json!({ "npc": npc })).ok()["cleared"], 1);
    assert_eq!(api.post(&at("cooldowns/clear"), &json!({})).ok()["cleared"], 1);
    api.post(&at("cooldowns"), &used).ok();
    api.post(&at("cooldowns"), &json!({ "kind": "sing" })).problem(422);
    // And the metrics sum it up; those of a process are those of all servers in it.
    let text = wait_for("chains and intents are counted", || {
        let text = api.get("/metrics").text;
        let gauges = ["worldtick_chains 0", "worldtick_intents 3"];
        gauges.iter().all(|gauge| text.lines().any(|line| line == *gauge)).then_some(text)
    });
    for (series, least) in [
        (r#"worldtick_chains_total{change="started"}"#, 1.0),
        (r#"worldtick_chains_total{change="gone"}"#, 1.0),
        (r#"worldtick_intents_total{change="handed_out"}"#, 1.0),
        (r#"worldtick_intents_total{change="withdrawn"}"#, 1.0),
        ("worldtick_cooldowns_begun_total", 4.0),
        (r#"worldtick_budget_used_ratio_bucket{budget="maxChainOpsPerStep",le="1"}"#, 1.0),
        (r#"worldtick_budget_deferred_total{budget="maxChainOpsPerStep"}"#, 0.0),
    ] {
        let said = metric(&text, series);
        assert!(said >= least, "{series} is {said}");
    }
}

#[test]
fn the_command_line_does_what_the_api_does() {
    let server = server();
    let api = server.api();
    step(&api, 60);
    let (npc, _) = somebody(&api);
    let npc = npc.as_str();
    let address = format!("http://{}", server.running().admin_address());
    let run = |arguments: &[&str]| {
        let output =
            program(server.folder.path(), &[arguments, &["--server", &address]].concat()).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let ok = |arguments: &[&str]| {
        let (code, out, error) = run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
        out
    };
    let json_of = |arguments: &[&str]| -> Value {
        serde_json::from_str(&ok(&[arguments, &["--output", "json"]].concat())).expect("JSON")
    };
    ok(&["sessions", "start", "hand", "alice", "met=true"]);
    ok(&["sessions", "set", "hand", "alice", "gold=12"]);
    assert_eq!(json_of(&["sessions", "show", "hand", "alice"])["flags"], json!({ "met": true, "gold": 12 }));
    ok(&["chains", "start", "hand", "lost_ring", npc, "--session", "alice"]);
    step(&api, 1);
    let explained = ok(&["chains", "explain", "hand", "lost_ring", npc, "--session", "alice"]);
    assert!(explained.contains("stands at ask") && explained.contains("interaction ask_for_help"), "{explained}");
    let open = json_of(&["intents", "list", "hand", "--handed-out", "true"]);
    let id = open["items"][0]["intentId"].to_string();
    assert!(ok(&["intents", "show", "hand", &id]).contains("Have you seen my ring?"));
    ok(&["intents", "acknowledge", "hand", &id, "--outcome", "yes"]);
    let list = ok(&["chains", "list", "hand", "--session", "alice", "--phase", "waiting"]);
    assert!(list.contains("lost_ring") && list.contains("search") && list.contains("7200"), "{list}");
    assert!(ok(&["intents", "cooldowns", "hand", "--npc", npc, "--session", "alice"]).contains("npcAndSession"));
    ok(&["sessions", "copy", "hand", "alice", "bob"]);
    assert!(ok(&["sessions", "list", "hand"]).contains("bob"));
    let (code, _, error) = run(&["chains", "complete", "hand", "lost_ring", npc, "search", "--session", "bob"]);
    assert!(code == Some(1) && error.contains("waits until"), "{code:?} {error}");
    ok(&["chains", "cancel", "hand", "lost_ring", npc, "--session", "bob"]);
    assert!(ok(&["chains", "explain", "hand", "lost_ring", npc, "--session", "bob"]).contains("it has cancelled"));
    ok(&["chains", "forget", "hand", "lost_ring", npc, "--session", "bob"]);
    let file = server.folder.path().join("watch.yaml");
    std::fs::write(&file, "steps:\n  - { stepId: stand, optional: true, waitHours: 1 }\n  - { stepId: rest }\n")
        .unwrap();
    let file = file.to_str().expect("a path");
    ok(&["chains", "define", "hand", "watch", file]);
    assert!(ok(&["chains", "definitions", "hand"]).contains("command"));
    assert_eq!(json_of(&["chains", "definition", "hand", "watch"])["definition"]["steps"][1]["stepId"], "rest");
    ok(&["chains", "start", "hand", "watch", npc]);
    ok(&["chains", "skip", "hand", "watch", npc, "stand"]);
    ok(&["chains", "complete", "hand", "watch", npc, "rest", "--outcome", "well"]);
    assert_eq!(json_of(&["chains", "show", "hand", "watch", npc])["ended"]["end"], "completed");
    ok(&["chains", "undefine", "hand", "watch"]);
    let proposed = json_of(&["intents", "propose", "hand", "ask_for_help", npc, "--in", "5", "--data", "{\"a\": 1}"]);
    ok(&["intents", "withdraw", "hand", &proposed["intentId"].to_string()]);
    ok(&["intents", "clear", "hand", "--kind", "ask_for_help"]);
    ok(&["intents", "use", "hand", "--kind", "ask_for_help", "--npc", npc]);
    let again = json_of(&["intents", "propose", "hand", "ask_for_help", npc, "--priority", "-3"]);
    step(&api, 600);
    ok(&["intents", "decline", "hand", &again["intentId"].to_string()]);
    assert_eq!(json_of(&["intents", "status", "hand"])["totals"]["intentsDeclined"], 1);
    ok(&["sessions", "end", "hand", "bob"]);
    let (code, _, error) = run(&["sessions", "show", "hand", "bob"]);
    assert!(code == Some(1) && error.contains("no session `bob`"), "{code:?} {error}");
    let (code, _, error) = run(&["chains", "list", "hand", "--command-id", "550e8400-e29b-41d4-a716-446655440000"]);
    assert_eq!(code, Some(2), "{error}");
}
