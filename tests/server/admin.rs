//! The admin API over HTTP: steering worlds, reading what they did, and what it answers to those who may not.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use crate::bridge_support::{LIMIT, wait_for};
use crate::server_support::ticks::Tick;
use crate::server_support::{COMMODITIES, EVENTS_PER_HOUR, HOURLY, TestServer, world};
use jiff::Timestamp;
use serde_json::{Value, json};
use worldtick::config::Secret;

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

#[test]
fn worlds_are_paused_resumed_stepped_ticked_and_reset() {
    let server = TestServer::start(&[world("live", "live"), world("hand", "manual"), world("ticks", "ticks")]);
    let api = server.api();
    let names: Vec<Value> = items(&api.get("/api/v1/worlds").ok()).iter().map(|w| w["world_id"].clone()).collect();
    assert_eq!(names, ["hand", "live", "ticks"]);

    // Paused, a live world stands still, and says who paused it and why.
    let paused = api.post("/api/v1/worlds/live/pause", &json!({"reason": "lunch", "by": "anna"})).ok();
    assert_eq!(paused["status"]["state"], "paused");
    assert_eq!((&paused["status"]["reason"], &paused["status"]["by"]), (&"lunch".into(), &"anna".into()));
    let again = api.post("/api/v1/worlds/live/pause", &json!({"reason": "lunch", "by": "anna"})).ok();
    assert_eq!(again["status"]["state"], "paused", "idempotent");
    // What was under way is done with the step's answer: steps are in order.
    let now = api.post("/api/v1/worlds/live/step", &json!({"game_seconds": 60})).ok()["now"].clone();
    let still = Instant::now();
    while still.elapsed() < crate::server_support::http::MOMENT {
        assert_eq!(server.world("live")["now"], now);
    }
    api.post("/api/v1/worlds/live/resume", &json!({})).ok();
    wait_for("it goes on", || (server.world("live")["now"] != now).then_some(()));

    // By hand.
    let stepped = api.post("/api/v1/worlds/hand/step", &json!({"game_seconds": 1800, "steps": 3})).ok();
    assert_eq!(stepped["now"], "2077-01-01T01:30:00Z");
    let own = wait_for("the tick of the hour that was passed", || {
        let rows = items(&api.get("/api/v1/ticks?world=hand").ok());
        rows.first().cloned()
    });
    assert_eq!((&own["outcome"], &own["game_time"]), (&"applied".into(), &"2077-01-01T01:00:00Z".into()));
    let ticked = api.post("/api/v1/worlds/hand/tick", &json!({"type": "daily"})).ok();
    let rows = server.history(ticked["tick_id"].as_str().expect("an id"), 1);
    assert_eq!((&rows[0]["outcome"], &rows[0]["tick_type"]), (&"applied".into(), &"daily".into()));

    // The same key is the same tick.
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "once")];
    let one = api.post_with("/api/v1/worlds/hand/tick", "{}", &headers).ok();
    let two = api.post_with("/api/v1/worlds/hand/tick", "{}", &headers).ok();
    assert_eq!(one["outcome"], "applied");
    assert_eq!(two, one);
    assert_eq!(server.history(one["tick_id"].as_str().expect("an id"), 1).len(), 1);

    // Begun anew.
    let before = server.world("hand");
    let reset = api.post("/api/v1/worlds/hand/reset", &json!({})).ok();
    let after = server.world("hand");
    assert_eq!(reset["incarnation"], after["incarnation"]);
    assert_ne!(before["incarnation"], after["incarnation"]);
    assert_eq!((&after["now"], &after["inputs"]), (&"2077-01-01T00:00:00Z".into(), &0.into()));

    // A file that has changed has effect with the reset.
    let file = server.folder.path().join("worlds/1.yaml");
    let text = std::fs::read_to_string(&file).expect("read").replace("startsAt: 2077", "startsAt: 2078");
    std::fs::write(&file, text).expect("written");
    // What is wrong with other files does not matter.
    std::fs::write(server.folder.path().join("worlds/other.yaml"), "id: other\ncolour: red\n").expect("written");
    std::fs::write(server.folder.path().join("worlds/torn.yaml"), "id: [").expect("written");
    api.post("/api/v1/worlds/hand/reset", &json!({})).ok();
    assert_eq!(server.world("hand")["now"], "2078-01-01T00:00:00Z");
    // Broken, it has none, and says what is wrong.
    std::fs::write(&file, "id: hand\ncolour: red\n").expect("written");
    let problem = api.post("/api/v1/worlds/hand/reset", &json!({})).problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("colour"), "{problem}");
    assert_eq!(server.world("hand")["now"], "2078-01-01T00:00:00Z");
}

#[test]
fn a_pause_until_an_instant_ends_by_itself() {
    let server = TestServer::start(&[world("live", "live")]);
    let until = Timestamp::now() + Duration::from_millis(1_500);
    let paused = server.api().post("/api/v1/worlds/live/pause", &json!({"until": until.to_string()})).ok();
    assert_eq!(
        paused["status"]["until"].as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond(),
        until.as_millisecond()
    );
    wait_for("it goes on by itself", || (server.world("live")["status"]["state"] == "running").then_some(()));
    assert!(Timestamp::now() >= until, "not before the instant");
    let now = server.world("live")["now"].clone();
    wait_for("its time moves", || (server.world("live")["now"] != now).then_some(()));
}

#[test]
fn what_cannot_be_done_is_a_problem_document() {
    let server = TestServer::start(&[world("live", "live"), world("hand", "manual"), world("ticks", "ticks")]);
    let api = server.api();
    let post = |path: &str, body: Value| api.post(path, &body);

    for path in ["/api/v1/worlds/nobody", "/api/v1/worlds/Not%20A%20Name", "/api/v1/nothing", "/nothing"] {
        api.get(path).problem(404);
    }
    for path in ["markets", "markets/market-Food", "agents", "agents/1"] {
        api.get(&format!("/api/v1/worlds/nobody/{path}")).problem(404);
    }
    api.get("/api/v1/worlds/hand/markets/market-Gold").problem(404);
    api.get("/api/v1/worlds/hand/agents/999999").problem(404);
    api.get("/api/v1/worlds/hand/agents/bob").problem(404);
    api.get("/api/v1/schemas/nothing").problem(404);
    post("/api/v1/worlds/nobody/pause", json!({})).problem(404);
    api.get("/api/v1/worlds/hand/pause").problem(405);

    post("/api/v1/worlds/live/step", json!({})).problem(409);
    post("/api/v1/worlds/ticks/step", json!({})).problem(409);
    let told = post("/api/v1/worlds/ticks/tick", json!({})).problem(409);
    assert!(told["detail"].as_str().unwrap().contains("first tick message"), "{told}");
    post("/api/v1/worlds/hand/recover", json!({})).problem(409);

    let wrong = post("/api/v1/worlds/hand/step", json!({"game_seconds": -1})).problem(422);
    assert_eq!(wrong["errors"][0]["pointer"], "/game_seconds");
    let wrong = post("/api/v1/worlds/hand/step", json!({"game_seconds": "long"})).problem(422);
    assert_eq!(wrong["errors"][0]["pointer"], "/game_seconds");
    for path in ["ticks?world=hadn", "events?world=hadn", "events/stream?world=hadn"] {
        let told = api.get(&format!("/api/v1/{path}")).problem(404);
        assert!(told["detail"].as_str().unwrap().contains("did you mean `hand`?"), "{told}");
    }
    let told = api.get("/api/v1/ticks?outcome=aplied").problem(422);
    assert!(told["errors"][0]["detail"].as_str().unwrap().contains("did you mean `applied`?"), "{told}");
    let told = api.get("/api/v1").problem(404);
    assert!(told["detail"].as_str().unwrap().contains("dead-letters"), "{told}");
    let told = post("/api/v1/worlds/hand/pause", json!({"reason": "x".repeat(2_000_000)})).problem(413);
    assert!(told["detail"].as_str().unwrap().contains("admin.body_bytes_max"), "{told}");
    post("/api/v1/worlds/hand/step", json!({"game_seconds": 1e300})).problem(422);
    post("/api/v1/worlds/hand/step", json!({"game_second": 1})).problem(422);
    post("/api/v1/worlds/hand/tick", json!({"type": "weekly"})).problem(422);
    post("/api/v1/worlds/hand/recover", json!({"action": "hope"})).problem(422);
    post("/api/v1/worlds/hand/pause", json!({"reason": "x".repeat(501)})).problem(422);
    post("/api/v1/worlds/hand/pause", json!({"reason": "\u{0}"})).problem(422);
    post("/api/v1/worlds/hand/pause", json!({"until": "tomorrow"})).problem(422);
    post("/api/v1/worlds/hand/pause", json!({"until": "2020-01-01T00:00:00Z"})).problem(422);
    post("/api/v1/worlds/hand/resume", json!([])).problem(422);
    for query in ["limit=0", "limit=1001", "cursor=x", "after=x", "cursor=1&after=1"] {
        api.get(&format!("/api/v1/ticks?{query}")).problem(422);
    }
    for query in ["limit=many", "colour=red", "tick=1"] {
        api.get(&format!("/api/v1/ticks?{query}")).problem(400);
    }
    api.get("/api/v1/events/stream?colour=red").problem(400);
    let head = "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: yesterday";
    assert_eq!(api.raw(head, "").0, 422);

    let json_kind = [("Content-Type", "application/json")];
    api.post_with("/api/v1/worlds/hand/pause", "{", &json_kind).problem(400);
    api.post_with("/api/v1/worlds/hand/pause", "{}", &[("Content-Type", "text/plain")]).problem(415);
    let huge = format!("{{\"reason\":\"{}\"}}", "x".repeat(1_048_577));
    api.post_with("/api/v1/worlds/hand/pause", &huge, &json_kind).problem(413);

    // Nothing of all this has done anything.
    let hand = server.world("hand");
    assert_eq!((&hand["status"]["state"], &hand["inputs"]), (&"running".into(), &0.into()));
}

#[test]
fn without_a_token_only_this_machine_is_served() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let head = |host: &str, more: &str| format!("POST /api/v1/worlds/hand/pause HTTP/1.1\r\nHost: {host}{more}");
    for host in ["evil.example", "127.0.0.1.evil.example:8080"] {
        let (status, reply) = api.raw(&head(host, ""), "");
        assert_eq!(status, 403, "{reply}");
        assert!(reply.contains("application/problem+json"), "{reply}");
    }
    let (status, reply) = api.raw(&head("localhost", "\r\nOrigin: https://evil.example"), "");
    assert_eq!(status, 403, "{reply}");
    assert_eq!(server.world("hand")["status"]["state"], "running");
    let (status, reply) = api.raw(&head("localhost", ""), "");
    assert_eq!(status, 200, "{reply}");
}

#[test]
fn with_a_token_nobody_else_is_served_but_probes() {
    let server = TestServer::start_with(&[world("hand", "manual")], |config| {
        config.admin.token = Some(Secret::new("open sesame"));
    });
    let api = server.api();
    let problem = api.get("/api/v1/worlds").problem(401);
    assert!(problem["detail"].as_str().unwrap().contains("Bearer"), "{problem}");
    api.post("/api/v1/worlds/hand/pause", &json!({})).problem(401);
    api.get("/api/v1/events/stream").problem(401);
    server.api().token("open sesam").get("/api/v1/worlds").problem(401);
    assert_eq!(items(&server.api().token("open sesame").get("/api/v1/worlds").ok()).len(), 1);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
}

#[test]
fn who_is_refused_before_his_body_was_read_is_told_to_connect_anew() {
    let server = TestServer::start_with(&[world("hand", "manual")], |config| {
        config.admin.token = Some(Secret::new("open sesame"));
    });
    let head_of_answer = |head: &str, body: &str| {
        let mut stream = std::net::TcpStream::connect(server.running().admin_address()).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        write!(stream, "{head}\r\nHost: localhost\r\n\r\n{body}").expect("sent");
        let lines = BufReader::new(stream).lines().map(|line| line.expect("an answer").to_lowercase());
        lines.take_while(|line| !line.is_empty()).collect::<Vec<String>>()
    };
    let is_ended = |head: &[String]| head.iter().any(|line| line == "connection: close");
    let pause = "POST /api/v1/worlds/hand/pause HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2";
    let refused = head_of_answer(pause, "");
    assert!(refused[0].contains("401") && is_ended(&refused), "{refused:?}");
    let allowed = head_of_answer(&format!("{pause}\r\nAuthorization: Bearer open sesame"), "{}");
    assert!(allowed[0].contains("200") && !is_ended(&allowed), "{allowed:?}");
    let refused = head_of_answer("GET /api/v1/worlds HTTP/1.1", "");
    assert!(refused[0].contains("401") && !is_ended(&refused), "{refused:?}");
}

#[test]
fn a_token_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "open sesame\n").expect("written");
    let server = TestServer::start_with(&[world("hand", "manual")], move |config| {
        config.admin.token_file = Some(path.clone());
    });
    server.api().get("/api/v1/worlds").problem(401);
    assert_eq!(items(&server.api().token("open sesame").get("/api/v1/worlds").ok()).len(), 1);
}

#[test]
fn time_requests_and_followers_have_limits() {
    // The world stands still in its tick for as long as the gate is held.
    let gate = std::sync::Arc::new(std::sync::Mutex::new(()));
    let inside = gate.clone();
    let mut server = TestServer::prepare(&[world("hand", "manual")], |config| {
        config.admin.request_timeout_seconds = serde_json::from_value(json!(1)).expect("seconds");
        config.admin.requests_max = 1;
        config.admin.streams_max = 1;
    })
    .plugins(move |app| {
        let gate = inside.clone();
        app.add_systems(worldtick::schedules::HourlyTick, move || drop(gate.lock()));
    });
    server.begin();
    let api = server.api();
    let held = gate.lock().expect("nobody has failed");
    let late = {
        let api = server.api();
        // It may itself be the one too many, beside a look of the other thread.
        let order = move || api.post("/api/v1/worlds/hand/tick", &json!({ "type": "hourly" }));
        std::thread::spawn(move || {
            wait_for("the order is let in", || Some(order()).filter(|answer| answer.status != 503))
        })
    };
    wait_for("the one request is under way", || {
        let answer = api.get("/api/v1/worlds");
        (answer.status == 503).then(|| answer.problem(503))
    });
    assert_eq!(api.get("/livez").status, 200, "probes are served all the same");
    late.join().expect("an answer").problem(504);
    drop(held);
    wait_for("there is room again", || (api.get("/api/v1/worlds").status == 200).then_some(()));
    let _follower = api.follow("/api/v1/events/stream");
    api.get("/api/v1/events/stream").problem(503);
}

#[test]
fn lists_have_pages_and_a_stream_follows() {
    let mut server = TestServer::start(&[world("alpha", "manual"), world("beta", "manual")]);
    let api = server.api();
    let mut stream = api.follow("/api/v1/events/stream?world=alpha");
    let mut everything = api.follow("/api/v1/events/stream");
    let ticks: Vec<Tick> = (0..7).map(|_| Tick::hourly("alpha", "2077-01-01T00:00:00Z")).collect();
    ticks.iter().for_each(|tick| server.send(HOURLY, 0, &tick.text()));
    server.send(HOURLY, 0, &Tick::hourly("beta", "2077-01-01T00:00:00Z").text());
    ticks.iter().for_each(|tick| drop(server.history(&tick.id, 1)));
    let expected: Vec<&str> = ticks.iter().rev().map(|tick| tick.id.as_str()).collect();

    // Pages of three: newest first, each row once.
    let mut found = Vec::new();
    let mut path = "/api/v1/ticks?world=alpha&limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = api.get(&path).ok();
        found.extend(items(&page).iter().map(|row| row["tick_id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/ticks?world=alpha&limit=3&cursor={next}");
    }
    assert_eq!((found, pages), (expected.iter().map(ToString::to_string).collect(), 3));
    // After a place: oldest first, as somebody who follows wants it.
    let oldest = items(&api.get("/api/v1/ticks?world=alpha&limit=7").ok()).last().expect("a row")["cursor"].clone();
    let after = api.get(&format!("/api/v1/ticks?world=alpha&after={}", oldest.as_str().expect("a cursor"))).ok();
    let after: Vec<Value> = items(&after).iter().map(|row| row["tick_id"].clone()).collect();
    assert_eq!(after, ticks[1..].iter().map(|tick| tick.id.clone()).collect::<Vec<_>>());

    // Events: by tick, by type, and in pages.
    let of_tick = items(&api.get(&format!("/api/v1/events?tick={}", ticks[0].id)).ok());
    assert_eq!(of_tick.len(), EVENTS_PER_HOUR);
    assert!(of_tick.iter().all(|event| event["body"]["tick_id"] == ticks[0].id.as_str()));
    assert_eq!(items(&api.get("/api/v1/events?type=nothing").ok()).len(), 0);
    let mut events = Vec::new();
    let mut path = "/api/v1/events?world=alpha&limit=8".to_owned();
    loop {
        let page = api.get(&path).ok();
        events.extend(items(&page).iter().map(|row| row["event_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/events?world=alpha&limit=8&cursor={next}");
    }
    assert_eq!(events.len(), 7 * EVENTS_PER_HOUR);
    events.sort();
    events.dedup();
    assert_eq!(events.len(), 7 * EVENTS_PER_HOUR, "each once");

    // The stream had them as they were committed, with the bytes that are on Kafka.
    server.wait_until_published();
    let mut on_kafka = server.events_of("alpha");
    let mut places = Vec::new();
    let mut told: Vec<Value> = (0..7 * EVENTS_PER_HOUR)
        .map(|_| {
            let sent = stream.next_event().expect("an event");
            let value: Value = serde_json::from_str(&sent.data).expect("JSON");
            assert_eq!(sent.event, value["event_type"].as_str().expect("a type"));
            places.push(sent.id);
            value
        })
        .collect();
    // Whoever comes back goes on behind the last that it has had, first with what it has missed, then with what happens.
    let mut again = api.follow_after("/api/v1/events/stream?world=alpha", &places[9]);
    let later = Tick::hourly("alpha", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &later.text());
    server.history(&later.id, 1);
    for expected in &told[10..] {
        assert_eq!(serde_json::from_str::<Value>(&again.next_event().expect("an event").data).unwrap(), *expected);
    }
    for _ in 0..EVENTS_PER_HOUR {
        let sent: Value = serde_json::from_str(&again.next_event().expect("an event").data).unwrap();
        assert_eq!(sent["tick_id"], later.id.as_str());
    }
    let listed = api.get("/api/v1/events?world=alpha&limit=88").ok();
    let mut cursors: Vec<String> =
        items(&listed).iter().rev().map(|row| row["cursor"].as_str().unwrap().to_owned()).collect();
    cursors.truncate(7 * EVENTS_PER_HOUR);
    assert_eq!(places, cursors, "the ids of the stream are the places of the list");
    let id = |event: &Value| event["event_id"].as_str().expect("an id").to_owned();
    on_kafka.sort_by_key(id);
    told.sort_by_key(id);
    assert_eq!(told, on_kafka);
    let worlds: std::collections::BTreeSet<String> = (0..8 * EVENTS_PER_HOUR)
        .map(|_| {
            let sent = everything.next_event().expect("an event");
            serde_json::from_str::<Value>(&sent.data).expect("JSON")["world_id"].to_string()
        })
        .collect();
    assert_eq!(worlds.len(), 2);

    // Markets: the latest of each, and the history of one.
    let markets = items(&api.get("/api/v1/worlds/alpha/markets").ok());
    let mut names: Vec<&str> = markets.iter().map(|market| market["commodity"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, COMMODITIES);
    assert!(markets.iter().all(|market| market["tick_id"] == later.id.as_str()));
    let first = api.get("/api/v1/worlds/alpha/markets/market-Food?limit=5").ok();
    let next = first["next"].as_str().expect("more");
    let second = api.get(&format!("/api/v1/worlds/alpha/markets/market-Food?limit=4&before={next}")).ok();
    let history: Vec<Value> = items(&first).iter().chain(&items(&second)).map(|row| row["tick_id"].clone()).collect();
    assert_eq!(history[0], later.id.as_str());
    assert_eq!(history[1..], expected);
    assert_eq!(second["next"], Value::Null);

    // Agents.
    let agents = api.get("/api/v1/worlds/alpha/agents?limit=10").ok();
    let agents = agents.as_array().or(agents["agents"].as_array()).or(agents["items"].as_array()).expect("agents");
    assert_eq!(agents.len(), 10);
    let id = agents[3]["id"].as_u64().expect("an id");
    let agent = api.get(&format!("/api/v1/worlds/alpha/agents/{id}")).ok();
    assert_eq!(agent["id"], id);
    assert!(agent["commodities"]["Food"]["stock"].is_i64(), "{agent}");

    // The end of the server is the end of the streams, and soon.
    let began = Instant::now();
    server.stop();
    while stream.next_event().is_some() {}
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn schemas_catalogue_and_health_are_served() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let schemas = items(&api.get("/api/v1/schemas").ok());
    assert!(schemas.len() >= 12, "{}", schemas.len());
    for schema in &schemas {
        let served = api.get(schema["href"].as_str().expect("a path")).ok();
        let name = schema["name"].as_str().expect("a name");
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/schemas/{name}.schema.json"));
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
        assert_eq!(served, file, "{name}");
    }
    let catalogue = api.get("/api/v1/catalogue").ok();
    assert_eq!(catalogue["events"]["simulation.event.market_cleared"]["source"], "economy.market");
    assert!(catalogue["queries"]["economy.agent"].is_object(), "{catalogue}");
    assert!(catalogue["persisted"]["economy.purse"].is_number(), "{catalogue}");

    assert_eq!(api.get("/livez").text, "ok\n");
    assert_eq!(api.get("/readyz").text, "ready\n");
    let verbose = api.get("/readyz?verbose").ok();
    assert_eq!(verbose["ready"], true);
    let checks = verbose["checks"].as_array().expect("checks");
    for name in ["server", "store", "lease", "kafka_in", "kafka_out", "outbox", "guarantee"] {
        assert!(checks.iter().any(|check| check["name"] == name && check["ok"] == true), "{name}: {verbose}");
    }
    let guarantee = checks.iter().find(|check| check["name"] == "guarantee").expect("there");
    assert!(guarantee["detail"].as_str().unwrap().contains("at least once"), "{guarantee}");
}
