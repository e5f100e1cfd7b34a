//! The server is killed while worlds are registered, changed and paused: each is done or not done, never half, and
//! sent again it is done once.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::ground::{Engine, Ground, factor, wait_for};
use super::load::Sender;
use super::server::{Launch, Server};
use super::topics;

/// Where the server dies. Several commits are made while commands come, so that each is met with commands in it.
const PLACES: [&str; 6] = [
    "store.commit.before",
    "store.commit.after_fence",
    "store.commit.before_commit",
    "store.commit.after_commit",
    "publish.before_commit",
    "publish.after_commit",
];
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn commands_on_sqlite_are_done_once_or_not_at_all() {
    kill_among_commands(Engine::Sqlite);
}

#[test]
fn commands_on_postgresql_are_done_once_or_not_at_all() {
    kill_among_commands(Engine::Postgres);
}

/// The commands of one world, in their order.
fn commands(number: usize) -> [(Uuid, &'static str, Value); 4] {
    let id = |nth: u128| Uuid::from_u128(((number as u128) << 8) + nth);
    let file = json!({"id": name(number), "clock": "manual"});
    [
        (id(1), "world.register", json!({ "world": file })),
        (id(2), "world.configure", json!({"patch": {"timeScale": scale(number)}})),
        (id(3), "world.step", json!({"game_seconds": 60})),
        (id(4), "world.pause", json!({"reason": format!("reason {number}")})),
    ]
}

fn name(number: usize) -> String {
    format!("world-{number}")
}

#[expect(clippy::cast_precision_loss, reason = "few worlds")]
fn scale(number: usize) -> f64 {
    100.0 + number as f64
}

/// Sends everything for a world over HTTP, until the server does not answer any more.
fn send(server: &mut Server, number: usize) -> bool {
    let path = format!("/api/v1/worlds/{}/commands", name(number));
    commands(number).iter().all(|(id, command, payload)| {
        let body = json!({"command": command, "payload": payload});
        match server.send(&path, &body, &id.to_string()) {
            Some((status, text)) => {
                assert!(status == 200 || status == 503, "{command} of world {number}: {status} {text}");
                status == 200
            }
            None => false,
        }
    })
}

fn message(number: usize, (id, command, payload): &(Uuid, &'static str, Value)) -> Vec<u8> {
    let message = json!({
        "command_id": id, "command": command, "world_id": name(number), "issued_by": "test",
        "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
    });
    message.to_string().into_bytes()
}

/// What has been recorded is so, and what has not is not.
fn is_never_half(server: &mut Server, number: usize) {
    let path = format!("/api/v1/worlds/{}", name(number));
    // Of a world that never had one nothing is found.
    let rows =
        server.try_get(&format!("{path}/commands")).map(|rows| rows["items"].as_array().expect("a list").clone());
    let rows = rows.unwrap_or_default();
    let recorded = |command: &str| {
        let row = rows.iter().find(|row| row["command"] == command);
        row.inspect(|row| assert_eq!(row["outcome"], "done", "{row}")).is_some()
    };
    let world = server.try_get(&path);
    assert_eq!(world.is_some(), recorded("world.register"), "world {number}: {rows:?}");
    let Some(world) = world else { return };
    let has = |command: &str, holds: bool| assert_eq!(holds, recorded(command), "{command} of {world}: {rows:?}");
    has("world.configure", world["time_scale"] == scale(number));
    has("world.step", world["now"] == "2077-01-01T00:01:00Z");
    has("world.pause", world["status"]["state"] == "paused");
    let history = server.get(&format!("{path}/simulation/history"));
    assert_eq!(history["items"].as_array().map(Vec::len), Some(usize::from(recorded("world.configure"))), "{history}");
}

fn kill_among_commands(engine: Engine) {
    let Some(ground) = Ground::start(engine) else { return };
    let began = Instant::now();
    let servers = ground.bootstrap_servers();
    let mut launch = Launch::new(&ground, "commands");
    let mut over_http = Vec::new();
    let mut over_kafka = Vec::new();
    let mut next = 0;
    for (round, place) in PLACES.repeat(factor()).into_iter().enumerate() {
        let mut server = launch.start_to_die_at(&format!("{place}:{}", 3 + round % 5));
        let sender = Sender::new(&servers);
        let sent = next;
        // Half of the worlds come through Kafka, half over HTTP; all go on until the server is dead.
        while server.ended().is_none() {
            for command in commands(next) {
                sender.send_to("world.command", name(next).as_bytes(), &message(next, &command));
            }
            over_kafka.push(next);
            if server.try_get("/readyz").is_some() {
                over_http.push(next + 1);
                send(&mut server, next + 1);
            } else {
                std::thread::park_timeout(Duration::from_millis(250));
            }
            next += 2;
        }
        sender.finish();
        assert_eq!(server.wait(LIMIT).signal(), Some(6), "it dies at {place}\n{}", server.said());
        let mut server = launch.start();
        server.is_ready();
        for number in over_http.iter().copied().filter(|number| *number >= sent) {
            is_never_half(&mut server, number);
            assert!(send(&mut server, number), "world {number}\n{}", server.said());
            is_never_half(&mut server, number);
        }
        server.stop();
    }
    let mut server = launch.start();
    server.is_ready();
    let all: Vec<usize> = over_http.iter().chain(&over_kafka).copied().collect();
    wait_for("every command has come", LIMIT, || {
        let worlds = server.get("/api/v1/worlds")["items"].as_array().expect("a list").clone();
        let paused = worlds.iter().filter(|world| world["status"]["state"] == "paused").count();
        (paused == all.len()).then_some(())
    });
    for number in &all {
        is_never_half(&mut server, *number);
    }
    server.stop();
    let events = topics::read_all(&servers, "simulation.event");
    let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
    for event in events.values().flatten().map(|bytes| topics::json_of(bytes)) {
        let part = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        *told.entry((part("world_id"), part("event_type"))).or_default() += 1;
    }
    for number in &all {
        for event in ["simulation.event.world_config_changed", "simulation.event.world_paused"] {
            assert_eq!(told.get(&(name(*number), event.to_owned())), Some(&1), "{event} of world {number}");
        }
    }
    let results = topics::read_all(&servers, "world.command.result");
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for result in results.values().flatten().map(|bytes| topics::json_of(bytes)) {
        assert_eq!(result["outcome"], "done", "{result}");
        *done.entry(result["command_id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> =
        over_kafka.iter().flat_map(|number| commands(*number)).map(|(id, ..)| (id.to_string(), 1)).collect();
    assert_eq!(done, expected, "each command has one result");
    eprintln!("{engine:?}: {} worlds, {:.0} s", all.len(), began.elapsed().as_secs_f64());
}
