//! Worlds that come, change and go while the server runs: over HTTP and through `world.command`.

mod changes;

use crate::bridge_support::wait_for;
use crate::server_support::http::Api;
use crate::server_support::ticks::Tick;
use crate::server_support::{EVENTS, HOURLY, TestServer, world};
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::plugins::npc::NpcAppExt;

const COMMANDS: &str = "world.command";
const RESULTS: &str = "world.command.result";

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

fn names(api: &Api) -> Vec<String> {
    items(&api.get("/api/v1/worlds").ok()).iter().map(|w| w["world_id"].as_str().unwrap().to_owned()).collect()
}

/// A command as it is on the wire.
fn command(id: Uuid, name: &str, world: &str, payload: Value) -> String {
    json!({
        "command_id": id, "command": name, "world_id": world, "issued_by": "game-master",
        "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
    })
    .to_string()
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

#[test]
fn worlds_are_registered_and_removed_while_others_run() {
    let mut server = TestServer::start_with(&[world("first", "manual")], |config| config.host.worlds_max = 3);
    let api = server.api();
    // YAML and JSON alike.
    let made = api.post_with("/api/v1/worlds", "id: second\nclock: manual\n", &[("Content-Type", "application/yaml")]);
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["world_id"], "second");
    assert_eq!(api.post("/api/v1/worlds", &json!({"id": "third", "clock": "live"})).status, 201);
    assert_eq!(names(&api), ["first", "second", "third"]);
    wait_for("a live world runs", || (server.world("third")["inputs"].as_u64() > Some(0)).then_some(()));
    assert_eq!(api.post("/api/v1/worlds/second/step", &json!({})).ok()["now"], "2077-01-01T01:00:00Z");

    // What cannot be is refused, and leaves nothing.
    let problem = api.post("/api/v1/worlds", &json!({"id": "second"})).problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("exists"), "{problem}");
    let problem = api.post("/api/v1/worlds", &json!({"id": "fourth"})).problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("host.worlds_max"), "{problem}");
    let wrong = json!({"id": "W!", "clok": "live", "meta": {"simulation": {"timeScale": 0}}});
    let problem = api.post("/api/v1/worlds", &wrong).problem(422);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    for pointer in ["/id", "/clok", "/meta/simulation/timeScale"] {
        assert!(pointers.contains(&pointer), "{pointer}: {problem}");
    }
    api.post_with("/api/v1/worlds", "id: [", &[("Content-Type", "application/yaml")]).problem(422);
    api.delete("/api/v1/worlds/nobody").problem(404);

    // Removed: gone for readers and ticks, and its name is free for another incarnation.
    let before = server.world("second")["incarnation"].clone();
    api.delete("/api/v1/worlds/second").ok();
    api.get("/api/v1/worlds/second").problem(404);
    assert_eq!(names(&api), ["first", "third"]);
    let tick = Tick::hourly("second", "2077-01-01T02:00:00Z");
    server.send(HOURLY, 0, &tick.text());
    assert_eq!(server.history(&tick.id, 1)[0]["outcome"], "unknown_world");
    assert_eq!(api.post("/api/v1/worlds", &json!({"id": "second", "clock": "manual"})).status, 201);
    let again = server.world("second");
    assert_ne!(again["incarnation"], before);
    assert_eq!(again["now"], "2077-01-01T00:00:00Z");

    // All this survives a restart; a world that its file describes stays away until the file changes.
    api.delete("/api/v1/worlds/first").ok();
    server.restart();
    assert_eq!(names(&server.api()), ["second", "third"]);
    let file = server.folder.path().join("worlds/0.yaml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, format!("{text}\n# the same\n")).expect("written");
    server.restart();
    assert_eq!(names(&server.api()), ["second", "third"], "a comment changes nothing");
    std::fs::write(&file, text.replace("\nseed: ", "\nseed: 7")).expect("written");
    server.restart();
    assert_eq!(names(&server.api()), ["first", "second", "third"], "a changed file brings it back");
}

#[test]
fn a_world_that_cannot_be_made_is_refused_and_never_there() {
    let mut server = TestServer::prepare(&[world("first", "manual")], |_| {}).plugins(|app| {
        app.add_systems(
            worldtick::schedules::WorldSetup,
            |spec: bevy_ecs::prelude::Res<worldtick::world::spec::WorldSpec>| {
                assert!(spec.description != "cursed", "the stars are wrong");
            },
        );
    });
    server.begin();
    let api = server.api();
    let problem = api.post("/api/v1/worlds", &json!({"id": "second", "description": "cursed"})).problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("the stars are wrong"), "{problem}");
    assert_eq!(names(&api), ["first"]);
    assert_eq!(api.post("/api/v1/worlds", &json!({"id": "second"})).status, 201, "its name is free");
    server.restart();
    assert_eq!(names(&server.api()), ["first", "second"]);
}

#[test]
fn a_file_that_no_world_can_be_made_of_is_refused_with_all_that_is_wrong_before_it_is_registered() {
    let mut server = TestServer::prepare(&[world("first", "manual")], |_| {}).plugins(|app| {
        app.add_npc_condition("is_rich", |_, _, _| true);
    });
    server.begin();
    let api = server.api();
    let file = |evaluator: &str, formula: &str, value: Value| {
        let conditions = json!([
            {"type": "custom", "evaluatorId": evaluator}, {"type": "expression", "expression": formula},
            {"type": "flag_equals", "key": "seen", "value": value},
        ]);
        let dig = json!({"category": "work", "minDurationSeconds": 60, "requirements": {"conditions": conditions}});
        json!({"id": "second", "clock": "manual", "behaviour": {"activityCategories": {"work": {}}, "activities": {"dig": dig}}})
    };
    let wrong = file("is_rihc", "energy >", json!({}));
    let at = "/behaviour/activities/dig/requirements/conditions";
    let expected =
        [("0/evaluatorId", "did you mean `is_rich`?"), ("1/expression", ""), ("2/value", "true, false, a number")];
    let check = |errors: &Value, base: &str| {
        let errors = errors.as_array().expect("errors");
        assert_eq!(errors.len(), expected.len(), "{errors:?}");
        for (place, words) in expected {
            let told = errors.iter().find(|error| error["pointer"] == format!("{base}{at}/{place}"));
            assert!(told.is_some_and(|error| error["detail"].as_str().unwrap().contains(words)), "{place}: {errors:?}");
        }
    };
    let problem = api.post("/api/v1/worlds", &wrong).problem(422);
    check(&problem["errors"], "");
    assert!(!problem.to_string().contains("::"), "no names of Rust: {problem}");
    let id = Uuid::from_u128(1);
    server.send(COMMANDS, 0, &command(id, "world.register", "second", json!({"world": wrong})));
    let refused = results(&server, id, 1).remove(0);
    assert_eq!(refused["outcome"], "refused", "{refused}");
    check(&refused["errors"], "/world");
    assert!(!refused.to_string().contains("::"), "no names of Rust: {refused}");
    assert_eq!(names(&api), ["first"]);

    // A folder with such a file does not start, and says the same; what the plugin has added may be named.
    let right = file("is_rich", "energy > 20", json!(true));
    let path = server.folder.path().join("worlds/second.json");
    server.stop();
    std::fs::write(&path, wrong.to_string()).expect("written");
    let told = server.try_begin().expect_err("refused").to_string();
    for place in ["conditions[0].evaluatorId`", "conditions[1].expression`", "conditions[2].value`"] {
        assert!(told.contains(place), "{place}: {told}");
    }
    std::fs::write(&path, right.to_string()).expect("written");
    server.begin();
    assert_eq!(names(&server.api()), ["first", "second"]);
    assert_eq!(server.world("second")["status"]["state"], "running");
}

#[test]
fn a_command_is_carried_out_once_however_often_it_is_sent() {
    let mut server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let keyed = |key: &'static str| [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    let step = |api: &Api, key| api.post_with("/api/v1/worlds/hand/step", r#"{"game_seconds": 60}"#, &keyed(key));
    let one = step(&api, "once").ok();
    assert_eq!(one["now"], "2077-01-01T00:01:00Z");
    assert_eq!(step(&api, "once").ok(), one);
    assert_eq!(server.world("hand")["now"], "2077-01-01T00:01:00Z", "it ran once");
    assert_eq!(step(&api, "twice").ok()["now"], "2077-01-01T00:02:00Z");
    // The key of one thing is not the key of another.
    api.post_with("/api/v1/worlds/hand/tick", "{}", &keyed("once")).problem(409);
    api.post_with("/api/v1/worlds/hand/step", "{}", &keyed("")).problem(422);
    // Refusals are remembered, too.
    let refused = |api: &Api| api.post_with("/api/v1/worlds/hand/recover", "{}", &keyed("mend")).problem(409);
    assert_eq!(refused(&api), refused(&api));
    let nobody = |api: &Api| api.post_with("/api/v1/worlds/nobody/pause", "{}", &keyed("nobody")).problem(404);
    assert_eq!(nobody(&api), nobody(&api));
    // Registering is a command like others.
    let register = |api: &Api| {
        let made = api.post_with("/api/v1/worlds", r#"{"id": "new", "clock": "manual"}"#, &keyed("make"));
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()
    };
    assert_eq!(register(&api), register(&api));
    // From Kafka under the same id it is the same command.
    let id = Uuid::from_u128(0x77);
    let text = id.to_string();
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", text.as_str())];
    api.post_with("/api/v1/worlds/hand/step", r#"{"game_seconds": 60}"#, &headers).ok();
    server.send(COMMANDS, 3, &command(id, "world.step", "hand", json!({"game_seconds": 60})));
    let told = results(&server, id, 1);
    assert_eq!((&told[0]["outcome"], &told[0]["answer"]["now"]), (&"duplicate".into(), &"2077-01-01T00:03:00Z".into()));

    server.restart();
    let api = server.api();
    assert_eq!(step(&api, "once").ok(), one, "it is remembered over a restart");
    assert_eq!(server.world("hand")["now"], "2077-01-01T00:03:00Z");
    let known = items(&api.get("/api/v1/worlds/hand/commands").ok());
    let outcomes: Vec<(&str, &str)> =
        known.iter().map(|row| (row["command"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect();
    let expected =
        [("world.step", "done"), ("world.recover", "refused"), ("world.step", "done"), ("world.step", "done")];
    assert_eq!(outcomes, expected);
    let shown = api.get(&format!("/api/v1/worlds/hand/commands/{id}")).ok();
    assert_eq!((&shown["source"], &shown["issued_by"]), (&"api".into(), &"loopback".into()));
    api.get("/api/v1/worlds/hand/commands/nothing").problem(404);
}

#[test]
fn worlds_are_steered_through_kafka() {
    let mut server = TestServer::start(&[world("hand", "manual"), world("ticks", "ticks")]);
    let api = server.api();
    let id = Uuid::from_u128;
    let send = |partition, number: u128, name: &str, world: &str, payload: Value| {
        server.send(COMMANDS, partition, &command(id(number), name, world, payload));
    };
    let one = |number: u128| results(&server, id(number), 1).remove(0);
    send(0, 1, "world.register", "new", json!({"world": {"id": "new", "clock": "manual"}}));
    assert_eq!((&one(1)["outcome"], &one(1)["answer"]["world_id"]), (&"done".into(), &"new".into()));
    // Any partition will do, and the same command again is not run, even while the first is under way.
    for partition in [5, 6] {
        send(partition, 2, "world.step", "new", json!({"game_seconds": 1800, "times": 3}));
    }
    let both = results(&server, id(2), 2);
    assert_eq!((&both[0]["outcome"], &both[0]["game_time"]), (&"done".into(), &"2077-01-01T01:30:00Z".into()));
    assert_eq!((&both[1]["outcome"], &both[1]["answer"]), (&"duplicate".into(), &both[0]["answer"]));
    assert_eq!(server.world("new")["now"], "2077-01-01T01:30:00Z");
    send(1, 3, "world.step", "new", json!({"real_seconds": 1}));
    assert_eq!(one(3)["game_time"], "2077-01-01T01:31:00Z", "real time goes through the scale of 60");
    send(1, 4, "world.tick", "new", json!({"tick_type": "daily"}));
    let tick = one(4)["answer"]["tick_id"].as_str().expect("an id").to_owned();
    assert_eq!(server.history(&tick, 1)[0]["tick_type"], "daily");
    send(1, 5, "world.pause", "new", json!({"reason": "a scene"}));
    assert_eq!(one(5)["outcome"], "done");
    let status = server.world("new")["status"].clone();
    assert_eq!((&status["reason"], &status["by"]), (&"a scene".into(), &"game-master".into()));
    send(1, 6, "world.resume", "new", json!({}));
    send(1, 7, "world.configure", "new", json!({"patch": {"timeScale": 120}}));
    assert_eq!(one(7)["answer"]["changes"][0]["pointer"], "/timeScale");
    assert_eq!(
        (&server.world("new")["time_scale"], &server.world("new")["status"]["state"]),
        (&120.0.into(), &"running".into())
    );

    // What cannot be done is refused with a reason, and nothing changes.
    send(2, 8, "world.configure", "new", json!({"patch": {"timeScale": 0, "tickInterval": 1}}));
    let errors = one(8)["errors"].as_array().expect("errors").len();
    assert_eq!((&one(8)["outcome"], errors), (&"refused".into(), 2), "{}", one(8));
    send(2, 9, "world.pause", "nobody", json!({}));
    assert!(one(9)["error"].as_str().unwrap().contains("no world `nobody`"), "{}", one(9));
    send(2, 10, "world.explode", "new", json!({}));
    send(2, 11, "plugin.unknown", "new", json!({}));
    send(2, 12, "world.register", "new", json!({"world": {"id": "new"}}));
    send(2, 13, "world.configure", "new", json!({"patch": {"timeScale": 1}, "if_match": "\"0000000000000000\""}));
    for number in 10..=13 {
        assert_eq!(one(number)["outcome"], "refused", "{}", one(number));
    }
    // What is no command becomes a dead letter with its bytes unchanged.
    let bad = r#"{"command_id": "none", "command": "world.pause"}"#;
    server.send(COMMANDS, 2, bad);
    let letter = wait_for("a dead letter", || server.read("world.command.dlq").into_iter().next());
    assert_eq!(letter.text(), bad);

    // A world that has much to do is removed all the same, and what follows is not lost.
    for number in 100..120 {
        send(1, number, "world.step", "new", json!({"game_seconds": 3600}));
    }
    send(1, 120, "world.unregister", "new", json!({}));
    send(1, 121, "world.step", "new", json!({}));
    send(1, 122, "world.register", "new", json!({"world": {"id": "new", "clock": "manual"}}));
    assert_eq!(one(120)["outcome"], "done");
    assert_eq!(one(121)["outcome"], "refused");
    assert_eq!(one(122)["outcome"], "done");
    assert_eq!(server.world("new")["now"], "2077-01-01T00:00:00Z");
    // The tick topics go on as before.
    let tick = Tick::hourly("ticks", "2077-03-01T00:00:00Z");
    server.send(HOURLY, 0, &tick.text());
    assert_eq!(server.history(&tick.id, 1)[0]["outcome"], "applied");

    let all = server.read(RESULTS);
    let keys: std::collections::BTreeSet<String> =
        all.iter().filter_map(|record| record.key.clone()).map(|key| String::from_utf8(key).expect("text")).collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["new", "nobody"]);
    // The broker forgets and gives everything again: nothing of it runs twice.
    let before = (server.world("hand"), api.get("/api/v1/worlds/new/commands?limit=1000").ok());
    server.restart();
    assert_eq!(server.world("hand")["now"], before.0["now"]);
    assert_eq!(server.api().get("/api/v1/worlds/new/commands?limit=1000").ok(), before.1);
}

#[test]
fn the_configuration_of_a_living_world_changes_by_merge_patch() {
    let mut server = TestServer::start(&[world("live", "live"), world("hand", "manual")]);
    let api = server.api();
    let path = "/api/v1/worlds/hand/simulation";
    let (tag, block) = api.tagged(path);
    assert_eq!(block["timeScale"], 36000.0);
    let merge = |tag: &str, body: &Value| {
        api.patch(
            path,
            &body.to_string(),
            &[("Content-Type", "application/merge-patch+json"), ("If-Match", tag), ("X-Issued-By", "anna")],
        )
    };
    let kind = [("Content-Type", "application/merge-patch+json")];
    api.patch(path, r#"{"timeScale": 60}"#, &kind).problem(428);
    merge("\"0123456789abcdef\"", &json!({"timeScale": 60})).problem(412);
    // Looked at first: nothing changes.
    let seen = api.patch(&format!("{path}?dryRun=true"), r#"{"timeScale": 60}"#, &kind).ok();
    assert_eq!((&seen["dry_run"], &seen["changes"][0]["to"]), (&true.into(), &60.0.into()));
    assert_eq!(api.tagged(path).0, tag);
    // Everything that is wrong, at once, and nothing of it happens.
    let wrong = json!({"timeScale": 0, "tickIntervalSecond": 1, "tiers": {"active": {"maxNpcs": "many"}}, "maxNpcTicksPerStep": 7});
    let problem = merge(&tag, &wrong).problem(422);
    let told: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    assert_eq!(told.len(), 3, "{problem}");
    assert!(told.contains(&("/tickIntervalSecond", "unknown_key")), "{problem}");
    assert!(problem.to_string().contains("did you mean `tickIntervalSeconds`?"), "{problem}");
    assert_eq!(api.tagged(path).0, tag);

    let done = merge(&tag, &json!({"timeScale": 60, "tiers": {"active": {"maxNpcs": 7}}})).ok();
    let (new, block) = api.tagged(path);
    assert_eq!(done["etag"], new.as_str());
    assert_ne!(new, tag);
    assert_eq!((&block["timeScale"], &block["tiers"]["active"]["maxNpcs"]), (&60.0.into(), &7.into()));
    assert_eq!(block["tiers"]["detailed"]["maxNpcs"], 20, "what is not named stays");
    merge(&tag, &json!({"timeScale": 61})).problem(412);
    merge(&new, &json!({"timeScale": 60})).ok();
    let rows = items(&api.get(&format!("{path}/history")).ok());
    let (seven, hundred) = (json!(7), json!(100));
    let expected = [
        (&json!("/timeScale"), &json!(36000.0), &json!(60.0), &json!("anna")),
        (&json!("/tiers/active/maxNpcs"), &hundred, &seven, &json!("anna")),
    ];
    assert_eq!(rows.len(), 2, "what stays the same is no change: {rows:?}");
    for change in expected {
        assert!(
            rows.iter().any(|row| (&row["pointer"], &row["from"], &row["to"], &row["changed_by"]) == change),
            "{change:?}: {rows:?}"
        );
    }
    // It is how the world runs now: a real second is a game minute.
    let stepped = api.post("/api/v1/worlds/hand/step", &json!({"real_seconds": 1})).ok();
    assert_eq!(stepped["now"], "2077-01-01T00:01:00Z");

    // The pace follows at once: a world that steps once a minute steps ten times a second from now on.
    let live = "/api/v1/worlds/live/simulation";
    let slow = |body: &str| {
        let (tag, _) = api.tagged(live);
        api.patch(live, body, &[("Content-Type", "application/merge-patch+json"), ("If-Match", &tag)]).ok()
    };
    slow(r#"{"tickIntervalSeconds": 60}"#);
    let inputs = api.post("/api/v1/worlds/live/commands", &json!({"command": "nobody.knows"}));
    assert_eq!(inputs.status, 422, "{}", inputs.text);
    let before = server.world("live")["inputs"].clone();
    slow(r#"{"tickIntervalSeconds": 0.05}"#);
    let more = before.as_u64().unwrap() + 5;
    wait_for("it steps", || (server.world("live")["inputs"].as_u64() > Some(more)).then_some(()));

    server.restart();
    let (kept, block) = server.api().tagged(path);
    assert_eq!((kept, &block["timeScale"]), (new, &60.0.into()));
    assert_eq!(server.world("hand")["now"], "2077-01-01T00:01:00Z");
    let stepped = server.api().post("/api/v1/worlds/hand/step", &json!({"real_seconds": 1})).ok();
    assert_eq!(stepped["now"], "2077-01-01T00:02:00Z");
}

#[test]
fn pauses_and_changes_leave_events_of_the_world() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let pause = json!({"reason": "lunch", "by": "anna", "until": "2100-01-01T00:00:00Z"});
    api.post("/api/v1/worlds/hand/pause", &pause).ok();
    api.post("/api/v1/worlds/hand/pause", &pause).ok();
    api.post_with("/api/v1/worlds/hand/resume", "{}", &[("Content-Type", "application/json"), ("X-Issued-By", "bob")])
        .ok();
    api.post("/api/v1/worlds/hand/resume", &json!({})).ok();
    let (tag, block) = api.tagged("/api/v1/worlds/hand/simulation");
    let kind = [("Content-Type", "application/json"), ("If-Match", tag.as_str())];
    api.patch("/api/v1/worlds/hand/simulation", r#"{"maxNpcTicksPerStep": 9}"#, &kind).ok();
    server.wait_until_published();
    let events = server.events_of("hand");
    let types: Vec<&str> = events.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        ["world_paused", "world_resumed", "world_config_changed"].map(|name| format!("simulation.event.{name}"))
    );
    let fields = (&events[0]["reason"], &events[0]["by"], &events[0]["until"], &events[0]["world_id"]);
    assert_eq!(fields, (&json!("lunch"), &json!("anna"), &json!("2100-01-01T00:00:00Z"), &json!("hand")));
    assert_eq!(events[1]["by"], "bob");
    let before = &block["maxNpcTicksPerStep"];
    assert_eq!(events[2]["changes"], json!([{"pointer": "/maxNpcTicksPerStep", "from": before, "to": 9}]));
    assert!(server.read(EVENTS).iter().all(|record| record.key.as_deref() == Some(b"hand")));
    // Each in the commit of what it is about: the commands' answers name it.
    let rows = items(&api.get("/api/v1/worlds/hand/commands").ok());
    assert_eq!(rows.len(), 5, "{rows:?}");
}

#[test]
fn a_changed_file_is_applied_to_a_living_world() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let living = api.get("/api/v1/worlds/hand/file").ok();
    let mut file = living.clone();
    file["description"] = "Another city".into();
    file["seed"] = 99.into();
    file["meta"]["simulation"]["timeScale"] = 90.into();
    let effects = |answer: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        answer["changes"].as_array().unwrap().iter().map(|c| (text(&c["pointer"]), text(&c["effect"]))).collect()
    };
    let expected = [("/description", "in_place"), ("/meta/simulation/timeScale", "in_place"), ("/seed", "reset")]
        .map(|(pointer, effect)| (pointer.to_owned(), effect.to_owned()));
    let seen = api.post("/api/v1/worlds/hand/apply?dryRun=true", &file).ok();
    assert_eq!(effects(&seen), expected);
    assert_eq!(api.get("/api/v1/worlds/hand/file").ok(), living, "nothing has changed");
    let apply = |file: &Value| {
        let (tag, _) = api.tagged("/api/v1/worlds/hand/simulation");
        let headers = [("Content-Type", "application/json"), ("If-Match", tag.as_str())];
        api.post_with("/api/v1/worlds/hand/apply", &file.to_string(), &headers)
    };
    assert_eq!(effects(&apply(&file).ok()), expected);
    let after = api.get("/api/v1/worlds/hand/file").ok();
    assert_eq!((&after["description"], &after["seed"]), (&"Another city".into(), &living["seed"]));
    assert_eq!(after["meta"]["simulation"]["timeScale"], 90.0);
    let left = effects(&apply(&file).ok());
    assert_eq!(left, [("/seed".to_owned(), "reset".to_owned())]);
    api.post("/api/v1/worlds/nobody/apply", &file).problem(404);
    file["id"] = "other".into();
    apply(&file).problem(422);
}
