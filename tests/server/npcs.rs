//! NPCs, their scheduler and the last steps of a world, over HTTP.

use crate::bridge_support::wait_for;
use crate::server_support::http::Api;
use crate::server_support::{TestServer, world};
use serde_json::{Value, json};

const TIERS: [&str; 4] = ["detailed", "active", "ambient", "dormant"];

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

fn step(api: &Api, game_seconds: u32) {
    api.post("/api/v1/worlds/hand/step", &json!({ "game_seconds": game_seconds })).ok();
}

fn sum(tiers: &Value) -> u64 {
    TIERS.iter().map(|tier| tiers[tier].as_u64().expect("a number")).sum()
}

#[test]
fn npcs_are_listed_shown_explained_and_pinned() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    step(&api, 3_600);

    // All of them, page by page.
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/api/v1/worlds/hand/npcs?limit=100{cursor}")).ok();
        seen.extend(items(&page));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let everybody = sum(&server.world("hand")["npcs"]);
    assert_eq!(seen.len() as u64, everybody);
    assert!(seen.len() > 100 && seen.is_sorted_by_key(|npc| npc["npcId"].as_u64()), "more than a page, by id");
    let dormant = items(&api.get("/api/v1/worlds/hand/npcs?tier=dormant&limit=500").ok());
    assert!(dormant.iter().all(|npc| npc["tier"] == "dormant"));
    api.get("/api/v1/worlds/hand/npcs?tier=sleepy").problem(400);
    api.get("/api/v1/worlds/hand/npcs?place=nowhere").problem(422);
    api.get("/api/v1/worlds/nobody/npcs").problem(404);

    let named = seen.iter().find(|npc| !npc["name"].as_str().unwrap().starts_with("npc-")).expect("one with a name");
    let (name, number) = (named["name"].as_str().unwrap(), named["npcId"].as_u64().unwrap());
    let path = format!("/api/v1/worlds/hand/npcs/{name}");
    let shown = api.get(&path).ok();
    assert_eq!(shown, api.get(&format!("/api/v1/worlds/hand/npcs/{number}")).ok(), "by its number, too");
    assert_eq!(shown["npcId"], number);

    let why = api.get(&format!("{path}/explain")).ok();
    assert!(why["tier"]["why"].as_str().unwrap().contains("because"), "{why}");
    assert!(why["tier"]["turn"]["due"].is_string(), "{why}");
    let considered = why["decision"]["now"]["considered"].as_array().expect("a list");
    let possible = considered.iter().find(|one| one["possible"] == true).expect("something can be done");
    assert_eq!(possible["factors"].as_object().unwrap().len(), 8, "{possible}");

    // Pinned, it moves with the next step, and the answer says why.
    let pinned = api.post(&format!("{path}/pin"), &json!({ "tier": "detailed" })).ok();
    assert_eq!(pinned["tier"], "detailed");
    step(&api, 60);
    let why = api.get(&format!("{path}/explain")).ok();
    assert_eq!((&why["tier"]["tier"], &why["tier"]["pin"]), (&"detailed".into(), &"detailed".into()));
    assert!(why["tier"]["why"].as_str().unwrap().contains("pinned"), "{why}");
    let commands = items(&api.get("/api/v1/worlds/hand/commands").ok());
    assert!(commands.iter().any(|command| command["command"] == "npc.pin"), "it is kept as a command");
    api.delete(&format!("{path}/pin")).ok();
    api.delete(&format!("{path}/pin")).problem(404);

    // A stranger is nobody, whoever asks; the nearest name is told.
    let stranger = format!("/api/v1/worlds/hand/npcs/{name}x");
    let problems = [
        api.get(&stranger).problem(404),
        api.get(&format!("{stranger}/explain")).problem(404),
        api.post(&format!("{stranger}/pin"), &json!({ "tier": "active" })).problem(404),
        api.delete(&format!("{stranger}/pin")).problem(404),
    ];
    for problem in problems {
        assert!(problem["detail"].as_str().unwrap().contains(&format!("did you mean `{name}`")), "{problem}");
    }
    api.get("/api/v1/worlds/hand/npcs/999999999").problem(404);
    let wrong = api.post(&format!("{path}/pin"), &json!({ "tier": "sleepy" })).problem(422);
    assert_eq!(wrong["errors"][0]["pointer"], "/tier", "{wrong}");
}

#[test]
fn sessions_focus_npcs_and_the_scheduler_tells() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    step(&api, 3_600);
    let npc = items(&api.get("/api/v1/worlds/hand/npcs?limit=1").ok())[0]["name"].as_str().unwrap().to_owned();
    let sessions = "/api/v1/worlds/hand/sessions";
    assert_eq!(api.post(sessions, &json!({ "sessionId": "alice-1", "flags": { "met": true } })).status, 201);
    api.post(sessions, &json!({ "sessionId": "alice-1" })).problem(409);
    let body = json!({ "flags": { "met": false } }).to_string();
    let json_kind = [("Content-Type", "application/json")];
    let set = api.patch(&format!("{sessions}/alice-1"), &body, &json_kind).ok();
    assert_eq!(set["flags"]["met"], false);
    let focus = json!({ "kind": "scene", "npcs": [npc], "ttlSeconds": 1_800, "sessionId": "alice-1" });
    assert_eq!(api.post("/api/v1/worlds/hand/focus", &focus).ok()["npcs"], 1);
    let keyed = [("Content-Type", "application/json"), ("Idempotency-Key", "focus-once")];
    let send = || api.post_with("/api/v1/worlds/hand/focus", &focus.to_string(), &keyed).ok();
    assert_eq!(send(), send(), "the same key has the same answer");
    api.post("/api/v1/worlds/hand/focus", &json!({ "kind": "scene", "ttlSeconds": 60 })).problem(422);
    step(&api, 60);

    let scheduler = api.get("/api/v1/worlds/hand/scheduler").ok();
    assert_eq!(scheduler["worldId"], "hand");
    assert_eq!(scheduler["shardId"], server.world("hand")["shard"]);
    assert_eq!((&scheduler["state"]["sessions"], &scheduler["state"]["focusEntries"]), (&1.into(), &1.into()));
    let why = api.get(&format!("/api/v1/worlds/hand/npcs/{npc}/explain")).ok();
    assert_eq!((&why["tier"]["tier"], &why["tier"]["session"]), (&"detailed".into(), &"alice-1".into()));
    api.post(sessions, &json!({ "sessionId": "bob", "preferences": { "nightOwl": true } }));
    let first = api.get(&format!("{sessions}?limit=1")).ok();
    assert_eq!((&items(&first)[0]["sessionId"], &items(&first)[0]["focus"]), (&"alice-1".into(), &1.into()));
    let second = api.get(&format!("{sessions}?limit=1&cursor={}", first["next"].as_str().expect("more"))).ok();
    assert_eq!((&items(&second)[0]["sessionId"], &second["next"]), (&"bob".into(), &Value::Null));
    let alice = api.get(&format!("{sessions}/alice-1")).ok();
    assert_eq!((&alice["flags"]["met"], &alice["focus"][0]["npc"]), (&false.into(), &npc.as_str().into()));
    assert_eq!(api.get(&format!("{sessions}/bob")).ok()["preferences"]["nightOwl"], true);
    let for_all = json!({ "kind": "player_location", "place": "bazaar", "ttlSeconds": 60 });
    api.post("/api/v1/worlds/hand/focus", &for_all).ok();
    let focus = items(&api.get("/api/v1/worlds/hand/focus").ok());
    assert_eq!((&focus[0]["place"], &focus[0]["session"]), (&"bazaar".into(), &Value::Null));
    assert_eq!((&focus[1]["kind"], &focus[1]["session"]), (&"scene".into(), &"alice-1".into()));
    let page = api.get("/api/v1/worlds/hand/focus?limit=1").ok();
    let rest = api.get(&format!("/api/v1/worlds/hand/focus?cursor={}", page["next"].as_str().expect("more"))).ok();
    assert_eq!(items(&rest), focus[1..]);
    api.get(&format!("{sessions}/carol")).problem(404);
    api.get(&format!("{sessions}?limit=0")).problem(422);
    api.get("/api/v1/worlds/hand/focus?cursor=x").problem(400);
    api.delete(&format!("{sessions}/bob")).ok();
    assert_eq!(api.post("/api/v1/worlds/hand/unfocus", &json!({ "sessionId": "alice-1" })).ok()["ended"], 1);
    api.delete(&format!("{sessions}/alice-1")).ok();
    api.delete(&format!("{sessions}/alice-1")).problem(404);
    assert_eq!(api.get("/api/v1/worlds/hand/scheduler").ok()["state"]["sessions"], 0);
    api.get("/api/v1/worlds/nobody/scheduler").problem(404);
}

#[test]
fn the_last_steps_say_what_they_did_and_where_the_time_went() {
    let server = TestServer::start_with(&[world("hand", "manual")], |config| config.host.steps_kept = 5);
    let api = server.api();
    let before = sum(&server.world("hand")["npcs"]);
    assert!(before > 0, "they are known before the first step");
    for minutes in 1..=9 {
        step(&api, minutes * 60);
    }
    let steps = items(&api.get("/api/v1/worlds/hand/steps").ok());
    assert_eq!(steps.len(), 5, "no more are kept");
    let newest = &steps[0];
    assert_eq!((&newest["delta_game_seconds"], &newest["cause"]), (&540.0.into(), &"order".into()));
    assert_eq!(newest["now"], server.world("hand")["now"]);
    assert_eq!(sum(&newest["npcs"]), before);
    assert_eq!(newest["npc_ticks"], sum(&newest["scheduler"]["turns"]));
    assert!(newest["scheduler"]["lateness"]["ambient"].is_array(), "{newest}");
    let sets: Vec<&str> = newest["sets"].as_array().unwrap().iter().map(|set| set["set"].as_str().unwrap()).collect();
    let expected =
        ["assign", "plan", "tick", "tick/detailed", "tick/active", "tick/ambient", "tick/dormant", "settle", "rest"];
    assert_eq!(sets, expected);
    let seconds = |pointer: &str| {
        let all = newest["sets"].as_array().unwrap();
        all.iter().find(|set| set["set"] == pointer).unwrap()["seconds"].as_f64().unwrap()
    };
    assert!(seconds("tick") > 0.0 && seconds("tick") >= seconds("tick/ambient"), "{newest}");
    assert!(newest["cost_seconds"].as_f64().unwrap() >= seconds("tick"), "{newest}");
    assert_eq!(items(&api.get("/api/v1/worlds/hand/steps?limit=2").ok()).len(), 2);
    assert_eq!(server.world("hand")["steps"], 9);

    // A tick shows what the economy took.
    api.post("/api/v1/worlds/hand/tick", &json!({})).ok();
    let tick = &items(&api.get("/api/v1/worlds/hand/steps?limit=1").ok())[0];
    assert!(tick["sets"].as_array().unwrap().iter().any(|set| set["set"] == "economy/clear"), "{tick}");
    api.get("/api/v1/worlds/nobody/steps").problem(404);

    // And the metrics sum it up.
    let text = wait_for("the NPCs are counted", || {
        let text = api.get("/metrics").text;
        text.contains(r#"worldtick_npcs{tier="dormant"}"#).then_some(text)
    });
    for name in [
        r#"worldtick_npc_ticks_total{tier="ambient"}"#,
        r#"worldtick_npc_lateness_seconds_bucket{tier="ambient",le="86400"}"#,
        r#"worldtick_budget_used_ratio_bucket{budget="maxNpcTicksPerStep",le="1"}"#,
        r#"worldtick_budget_deferred_total{budget="maxNpcTicksPerStep"}"#,
    ] {
        assert!(text.contains(name), "{name}\n{text}");
    }
}
