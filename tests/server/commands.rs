//! Keys of commands: a key stands for one request of one world, over HTTP and on the topic.

mod requests;

use crate::bridge_support::wait_for;
use crate::server_support::http::{Answer, Api};
use crate::server_support::{TestServer, world};
use serde_json::{Value, json};
use uuid::Uuid;

const COMMANDS: &str = "world.command";
const RESULTS: &str = "world.command.result";

fn keyed(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    api.post_with(path, &body.to_string(), &headers)
}

fn send(server: &TestServer, id: Uuid, name: &str, payload: Value) {
    let text = json!({
        "command_id": id, "command": name, "world_id": "hand", "issued_by": "game-master",
        "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
    });
    server.send(COMMANDS, 0, &text.to_string());
}

/// What was said of a command on the topic of results, once as many have been said.
fn results(server: &TestServer, id: Uuid, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} results of {id}"), || {
        let records = server.read(RESULTS);
        let all = records.iter().map(|record| serde_json::from_str::<Value>(&record.text()).expect("JSON"));
        let found: Vec<Value> = all.filter(|result| result["command_id"] == id.to_string()).collect();
        (found.len() >= count).then_some(found)
    })
}

fn says(problem: &Value, words: &str) {
    assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
}

#[test]
fn a_key_stands_for_one_request() {
    let mut server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let step =
        |api: &Api, seconds: u64| keyed(api, "/api/v1/worlds/hand/step", "k1", &json!({"game_seconds": seconds}));
    let first = step(&api, 60).ok();
    says(&step(&api, 61).problem(409), "another `world.step`");
    says(&keyed(&api, "/api/v1/worlds/hand/step", "k1", &json!({"real_seconds": 60})).problem(409), "another");
    says(&keyed(&api, "/api/v1/worlds/hand/tick", "k1", &json!({})).problem(409), "`world.step` already");
    assert_eq!(step(&api, 60).ok(), first, "the same is answered from the record");
    assert_eq!(server.world("hand")["now"], first["now"], "and nothing has moved");

    // Of the configuration, of two NPCs, of two files.
    let (tag, _) = api.tagged("/api/v1/worlds/hand/simulation");
    let patch = |body: &str| {
        let headers = [("Content-Type", "application/json"), ("If-Match", tag.as_str()), ("Idempotency-Key", "k2")];
        api.patch("/api/v1/worlds/hand/simulation", body, &headers)
    };
    let changed = patch(r#"{"timeScale": 60, "maxNpcTicksPerStep": 9}"#).ok();
    patch(r#"{"timeScale": 61}"#).problem(409);
    assert_eq!(patch(r#"{"maxNpcTicksPerStep": 9, "timeScale": 60}"#).ok(), changed, "the order of keys is no matter");
    let names: Vec<String> = api.get("/api/v1/worlds/hand/npcs?limit=2").ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|npc| npc["name"].as_str().unwrap().to_owned())
        .collect();
    let pin =
        |name: &str| keyed(&api, &format!("/api/v1/worlds/hand/npcs/{name}/pin"), "k3", &json!({"tier": "active"}));
    pin(&names[0]).ok();
    says(&pin(&names[1]).problem(409), "another `npc.pin`");
    let make = |seed: u64| keyed(&api, "/api/v1/worlds", "k4", &json!({"id": "new", "clock": "manual", "seed": seed}));
    assert_eq!(make(1).status, 201);
    assert_eq!(make(1).status, 201);
    says(&make(2).problem(409), "another `world.register`");

    // A pause says what was recorded, even when it is over.
    let pause = |api: &Api| keyed(api, "/api/v1/worlds/hand/pause", "k5", &json!({"reason": "lunch"})).ok();
    let paused = pause(&api);
    api.post("/api/v1/worlds/hand/resume", &json!({})).ok();
    assert_eq!(pause(&api), paused);
    assert_eq!(server.world("hand")["status"]["state"], "running");

    server.restart();
    let api = server.api();
    step(&api, 61).problem(409);
    assert_eq!(step(&api, 60).ok(), first);
}

#[test]
fn on_the_topic_another_command_under_a_known_id_is_refused() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let id = Uuid::from_u128(0x55);
    let step = json!({"game_seconds": 60});
    send(&server, id, "world.step", step.clone());
    assert_eq!(results(&server, id, 1)[0]["outcome"], "done");
    send(&server, id, "world.pause", json!({}));
    send(&server, id, "world.step", json!({"game_seconds": 61}));
    send(&server, id, "world.step", json!({"game_seconds": "x"}));
    send(&server, id, "world.step", step);
    let told = results(&server, id, 5);
    let outcomes: Vec<&str> = told.iter().map(|result| result["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "refused", "refused", "refused", "duplicate"], "{told:?}");
    assert!(told[1]["error"].as_str().unwrap().contains("`world.step` already"), "{}", told[1]);
    assert_eq!((&told[1]["command"], &told[1]["answer"]), (&json!("world.pause"), &Value::Null));
    assert_eq!(told[4]["answer"], told[0]["answer"]);
    let now = server.world("hand");
    assert_eq!((&now["now"], &now["status"]["state"]), (&json!("2077-01-01T00:01:00Z"), &json!("running")));
    let row = api.get(&format!("/api/v1/worlds/hand/commands/{id}")).ok();
    assert_eq!((&row["command"], &row["outcome"]), (&json!("world.step"), &json!("done")), "the first one's stays");
    let audit = api.get("/api/v1/audit?world=hand").ok()["items"].clone();
    assert_eq!(audit.as_array().map(Vec::len), Some(1), "what was carried out leaves a row: {audit}");
    let row = &audit[0];
    assert_eq!(
        (&row["source"], &row["route"], &row["outcome"]),
        (&json!("kafka"), &json!("world.command"), &json!("done"))
    );
    assert_eq!(row["summary"]["command_id"], json!(id));
    // While the first is still under way it is no different.
    let id = Uuid::from_u128(0x56);
    send(&server, id, "world.step", json!({"game_seconds": 7200}));
    send(&server, id, "world.step", json!({"game_seconds": 7201}));
    let outcomes: Vec<Value> = results(&server, id, 2).iter().map(|result| result["outcome"].clone()).collect();
    assert_eq!(outcomes, ["done", "refused"]);
}

#[test]
fn a_key_of_an_earlier_incarnation_does_not_answer_for_the_next() {
    let server = TestServer::start(&[world("other", "manual")]);
    let api = server.api();
    let file = json!({"id": "hand", "clock": "manual"});
    let make = || keyed(&api, "/api/v1/worlds", "make", &file);
    let step = || keyed(&api, "/api/v1/worlds/hand/step", "step", &json!({"game_seconds": 60}));
    let remove = || api.send("DELETE", "/api/v1/worlds/hand", "", &[("Idempotency-Key", "remove")]);
    let early = keyed(&api, "/api/v1/worlds/hand/step", "early", &json!({}));
    early.problem(404);
    assert_eq!(make().status, 201);
    says(&keyed(&api, "/api/v1/worlds/hand/step", "early", &json!({})).problem(409), "no world `hand`");
    step().ok();
    let removed = remove().ok();
    assert_eq!(remove().ok(), removed, "it is gone, as was said");
    says(&make().problem(409), "earlier incarnation");
    assert_eq!(api.get("/api/v1/worlds/hand").status, 404);
    step().problem(409);
    assert_eq!(api.post("/api/v1/worlds", &file).status, 201);
    says(&make().problem(409), "earlier incarnation");
    says(&step().problem(409), "earlier incarnation");
    says(&remove().problem(409), "earlier incarnation");
    assert_eq!(server.world("hand")["now"], "2077-01-01T00:00:00Z");
}

#[test]
fn a_command_is_found_under_its_key_and_its_id() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let told = keyed(&api, "/api/v1/worlds/hand/step", "a key", &json!({"game_seconds": 60}));
    let id = told.command_id.clone().expect("it is told");
    let shown = api.get("/api/v1/worlds/hand/commands/a%20key").ok();
    assert_eq!((&shown["command_id"], &shown["outcome"]), (&json!(id), &json!("done")));
    assert_eq!(api.get(&format!("/api/v1/worlds/hand/commands/{id}")).ok(), shown);
    assert_eq!(keyed(&api, "/api/v1/worlds/hand/step", "a key", &json!({"game_seconds": 60})).command_id, Some(id));
    // Without a key, too, and of one that was refused.
    let unkeyed = api.post("/api/v1/worlds/hand/step", &json!({})).command_id.expect("it is told");
    assert_eq!(api.get(&format!("/api/v1/worlds/hand/commands/{unkeyed}")).ok()["outcome"], "done");
    assert!(api.post("/api/v1/worlds/hand/recover", &json!({})).command_id.is_some());
    // What is none has none.
    assert_eq!(api.get("/api/v1/worlds/hand").command_id, None);
    assert_eq!(api.post("/api/v1/worlds/hand/apply?dryRun=true", &json!({"id": "hand"})).command_id, None);
    api.get("/api/v1/worlds/hand/commands/nothing").problem(404);
}
