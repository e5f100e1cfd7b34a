//! Requests that are wrong, or come at the wrong time: what is answered, and that nothing has changed.

use serde_json::{Value, json};

use crate::server_support::http::{Answer, Api};
use crate::server_support::{TestServer, world};

/// Pointer and code of everything that is wrong with a request.
fn wrong(answer: &Answer) -> Vec<(String, String)> {
    let problem = answer.problem(422);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = problem["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{problem}"))
        .iter()
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect();
    all.sort();
    for words in ["expected u", "expected i", "unknown variant", "unknown field", "invalid type"] {
        assert!(!answer.text.contains(words), "{words}: {}", answer.text);
    }
    all
}

fn are(answer: &Answer, expected: &[(&str, &str)]) {
    let found = wrong(answer);
    let found: Vec<(&str, &str)> = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
    assert_eq!(found, expected, "{}", answer.text);
}

#[test]
fn everything_wrong_with_a_body_is_told_by_its_place() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let post = |path: &str, body: Value| api.post(&format!("/api/v1/{path}"), &body);
    let of = |path: &str, body: Value| post(&format!("worlds/hand/{path}"), body);
    are(
        &of("pause", json!({"reason": 7, "until": "soon", "resaon": "x"})),
        &[("/reason", "type"), ("/resaon", "unknown_key"), ("/until", "format")],
    );
    assert!(of("pause", json!({"untill": null})).text.contains("did you mean `until`?"));
    are(
        &of("step", json!({"game_seconds": "x", "steps": -1, "colour": 1})),
        &[("/colour", "unknown_key"), ("/game_seconds", "type"), ("/steps", "minimum")],
    );
    are(&of("tick", json!({"type": "weekly"})), &[("/type", "enum")]);
    assert_eq!(of("tick", json!({"type": "game_hour"})).status, 200, "another name of the same");
    are(&of("recover", json!({"action": "rety"})), &[("/action", "enum")]);
    are(&post("tokens", json!({})), &[("", "required"), ("", "required")]);
    are(&post("tokens", json!({"name": "x", "scopes": ["reed"]})), &[("/scopes/0", "enum")]);
    are(
        &post("tokens", json!({"name": "a b", "scopes": [], "expires_at": "2001-01-01T00:00:00Z"})),
        &[("/expires_at", "out_of_bounds"), ("/name", "invalid"), ("/scopes", "missing")],
    );
    for name in ["admin", "server", "loopback"] {
        are(&post("tokens", json!({"name": name, "scopes": ["read"]})), &[("/name", "invalid")]);
    }
    // Commands of plugins, by routes of their own and by their names.
    are(
        &of("focus", json!({"kind": "scen", "ttlSeconds": 0, "plaec": "x"})),
        &[("/kind", "enum"), ("/plaec", "unknown_key"), ("/ttlSeconds", "minimum")],
    );
    are(
        &of("sessions", json!({"sessionID": "a", "flags": 1})),
        &[("", "required"), ("/flags", "type"), ("/sessionID", "unknown_key")],
    );
    are(&of("npcs/npc-1/pin", json!({"tier": "detail", "x": 1})), &[("/tier", "enum"), ("/x", "unknown_key")]);
    are(
        &of("commands", json!({"command": "npc.pin", "payload": {"teir": "active", "npc": "npc-1"}})),
        &[("/payload", "required"), ("/payload/teir", "unknown_key")],
    );
    are(&of("commands", json!({"command": ""})), &[("/command", "invalid")]);
}

#[test]
fn sessions_that_are_not_there_and_those_that_are() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let path = "/api/v1/worlds/hand/sessions";
    let one = format!("{path}/nobody");
    let json_kind = [("Content-Type", "application/json")];
    let missing = api.patch(&one, r#"{"flags": {"a": 1}}"#, &json_kind).problem(404);
    assert!(missing["detail"].as_str().unwrap().contains("no session `nobody`"), "{missing}");
    let gone = api.delete(&one).problem(404);
    assert!(!gone["detail"].as_str().unwrap().contains("start"), "{gone}");
    api.get(&one).problem(404);
    assert_eq!(api.post(path, &json!({"sessionId": "a"})).status, 201);
    let again = api.post(path, &json!({"sessionId": "a"})).problem(409);
    assert!(again["detail"].as_str().unwrap().contains("runs already"), "{again}");
    assert_eq!(api.post(path, &json!({"sessionId": "a b"})).status, 422);
}

#[test]
fn what_a_route_does_not_know_in_its_query_is_refused() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let npcs = api.get("/api/v1/worlds/hand/npcs?limit=1").ok();
    let npc = npcs["items"][0]["name"].as_str().unwrap();
    for path in [
        "worlds",
        "worlds/hand",
        "worlds/hand/file",
        "worlds/hand/simulation",
        "worlds/hand/scheduler",
        "worlds/hand/markets",
        "worlds/hand/npcs/{npc}",
        "worlds/hand/npcs/{npc}/explain",
        "tasks",
        "tokens",
        "catalogue",
        "schemas",
        "ticks",
        "events",
        "dead-letters",
        "audit",
        "worlds/hand/npcs",
        "worlds/hand/commands",
    ] {
        let path = path.replace("{npc}", npc);
        assert_eq!(api.get(&format!("/api/v1/{path}")).status, 200, "{path}");
        let problem = api.get(&format!("/api/v1/{path}?zz=1")).problem(400);
        assert!(problem["detail"].as_str().unwrap().contains("`zz`"), "{path}: {problem}");
    }
    let near = api.get("/api/v1/ticks?limt=5").problem(400);
    assert!(near["detail"].as_str().unwrap().contains("did you mean `limit`?"), "{near}");
    assert_eq!(api.get("/api/v1/dead-letters?outcome=applied").status, 400, "another list's parameter");
    assert_eq!(api.post("/api/v1/worlds/hand/step?game_seconds=5", &json!({})).status, 400);
    assert_eq!(server.world("hand")["now"], "2077-01-01T00:00:00Z");
    let nothing = api.get("/api/v1/nothing").problem(404);
    for name in ["tasks", "tokens", "audit", "metrics/history", "events/stream"] {
        assert!(nothing["detail"].as_str().unwrap().contains(name), "{name}: {nothing}");
    }
}

fn names(api: &Api) -> Vec<Value> {
    api.get("/api/v1/audit").ok()["items"].as_array().unwrap().iter().map(|row| row["who"].clone()).collect()
}

#[test]
fn a_change_names_what_it_changes_and_who_makes_it() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let (tag, _) = api.tagged("/api/v1/worlds/hand/simulation");
    let file = api.get("/api/v1/worlds/hand/file").ok();
    let apply = |tag: &str| {
        let headers = [("Content-Type", "application/json"), ("If-Match", tag)];
        api.post_with("/api/v1/worlds/hand/apply", &file.to_string(), &headers)
    };
    api.post("/api/v1/worlds/hand/apply", &file).problem(428);
    apply("\"0000000000000000\"").problem(412);
    apply(&tag).ok();
    api.post("/api/v1/worlds/hand/apply?dryRun=true", &file).ok();

    // Nobody may be left without a tier.
    let none = json!({"maxNpcs": 0});
    let tiers = json!({"tiers": {"detailed": none, "active": none, "ambient": none, "dormant": {"maxNpcs": 3}}});
    let headers = [("Content-Type", "application/json"), ("If-Match", tag.as_str())];
    let refused = api.patch("/api/v1/worlds/hand/simulation", &tiers.to_string(), &headers);
    are(&refused, &[("/tiers", "out_of_bounds")]);
    assert!(refused.text.contains("but the tiers hold 3: raise `maxNpcs` of one"), "{}", refused.text);
    assert_eq!(api.tagged("/api/v1/worlds/hand/simulation").0, tag);

    // A number would stand for two.
    let made = |name: &str| {
        let place = &file["npcs"]["places"].as_object().unwrap().keys().next().unwrap().clone();
        let routine = &file["behaviour"]["routines"].as_object().unwrap().keys().next().unwrap().clone();
        let payload = json!({"name": name, "home": place, "routine": routine});
        api.post("/api/v1/worlds/hand/commands", &json!({"command": "npc.create", "payload": payload}))
    };
    for name in ["407", "npc-3"] {
        let problem = made(name).problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/payload/name", "{problem}");
    }
    assert_eq!(made("r2d2").status, 200, "{}", made("r2d2").text);

    let mut numbered = file.clone();
    numbered["id"] = "numbered".into();
    let somebody = file["npcs"]["individuals"].as_object().unwrap().values().next().unwrap().clone();
    numbered["npcs"]["individuals"]["407"] = somebody;
    let refused = api.post("/api/v1/worlds", &numbered).problem(422);
    assert!(refused.to_string().contains("a number stands for the NPC of that id"), "{refused}");

    let commands = api.get("/api/v1/worlds/hand/commands?limit=1").ok();
    assert_eq!(commands["items"][0]["issued_by"], "loopback");
    assert!(names(&api).iter().all(|who| who == "loopback"));
}
