//! The program dies while a world is registered, configured or paused, at a place that the test chooses: what the store
//! holds then is all of it or nothing, and sent again it is done once.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Instant;

use serde_json::Value;

use crate::bridge_support::{unique, wait_for};
use crate::cases::{self, Case, What};
use crate::ground::{Engine, Ground, RESULTS};
use crate::server_support::http::Api;
use crate::services::Rows;

#[test]
fn orders_to_worlds_on_sqlite_are_never_half() {
    kill_at_every_place(Engine::Sqlite);
}

#[test]
fn orders_to_worlds_on_postgresql_are_never_half() {
    kill_at_every_place(Engine::Postgres);
}

fn kill_at_every_place(engine: Engine) {
    let Some(ground) = Ground::start(engine) else { return };
    let began = Instant::now();
    let rows = ground.rows();
    let prefix = unique("w");
    let mut cases = cases::all(&prefix, engine == Engine::Sqlite);
    let now = ground.file("die-now");
    // Each start is the end of one death and the beginning of the next.
    let mut died: Option<Case> = None;
    for (number, case) in cases.iter_mut().enumerate() {
        let (mut server, api) = ground.launch(Some(&format!("{}@{}", case.place, now.display())));
        if let Some(before) = died.take() {
            comes_to_its_end(&before, &api, &rows);
        }
        case.prepare(&api);
        ground.is_quiet();
        case.is_never_half(&rows, false);
        let position = if case.from_kafka { case.position(&rows) } else { 0 };
        std::fs::write(&now, "").unwrap();
        if case.from_kafka {
            case.send(&ground, false);
        } else {
            let asked = case.clone();
            let answered = std::thread::spawn(move || asked.ask(&api)).join();
            assert!(answered.is_err(), "nobody answers: {answered:?}");
        }
        assert_eq!(server.wait().signal(), Some(6), "{number}: it dies at {case:?}");
        std::fs::remove_file(&now).unwrap();
        case.is_never_half(&rows, case.done);
        if case.from_kafka {
            assert_eq!(case.position(&rows), position + i64::from(case.done), "read as far as it is done: {case:?}");
        } else {
            assert_eq!(case.audited(&rows), ["begun"], "{case:?}");
        }
        died = Some(case.clone());
    }
    let (mut server, api) = ground.launch(None);
    comes_to_its_end(died.as_ref().unwrap(), &api, &rows);
    ground.is_quiet();
    nothing_comes_twice(&ground, &cases, &api);

    // What a good end and another start make of it is the same.
    let before: Vec<Value> = cases.iter().map(|case| essence(&case.shown(&api))).collect();
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0), "it stops cleanly");
    let (_server, api) = ground.launch(None);
    let after: Vec<Value> = cases.iter().map(|case| essence(&case.shown(&api))).collect();
    assert_eq!(after, before);
    eprintln!("{engine:?}: {} deaths, {:.0} s", cases.len(), began.elapsed().as_secs_f64());
}

/// What must not change of a world.
fn essence(shown: &Option<Value>) -> Value {
    let world = shown.as_ref().expect("it is there");
    ["world_id", "incarnation", "status", "time_scale", "now", "inputs", "state_hash"]
        .iter()
        .map(|name| world[*name].clone())
        .collect()
}

/// After the restart: it is as it was left, and the same command again does it, or is answered.
fn comes_to_its_end(case: &Case, api: &Api, rows: &Rows) {
    let shown = case.shown(api);
    if case.done {
        assert!(case.holds(shown.as_ref()), "{case:?}: {shown:?}");
        assert_eq!(case.known(api).expect("it is known")["outcome"], "done");
    }
    if case.from_kafka {
        // What was not done is read again, and needs nobody to send it again.
        wait_for("the command is done", || case.known(api));
    } else {
        assert_eq!(case.holds(shown.as_ref()), case.done, "{case:?}: {shown:?}");
        assert_eq!(case.known(api).is_some(), case.done, "{case:?}");
        let first = case.ask(api);
        assert_eq!(first.status, if case.what == What::Register { 201 } else { 200 }, "{case:?}: {}", first.text);
        assert_eq!(case.ask(api).json(), first.json(), "{case:?}: the same answer again");
        let recorded = case.known(api).expect("it is known")["answer"].clone();
        // The answer to a pause is the world, of which the record has the status.
        let answer = if case.what == What::Pause { &recorded["state"] } else { &recorded };
        let told = first.json();
        assert_eq!(if case.what == What::Pause { &told["status"]["state"] } else { &told }, answer, "{case:?}");
        assert_eq!(case.audited(rows), ["begun", "done", "done"], "{case:?}");
    }
    let world = case.shown(api);
    assert!(case.holds(world.as_ref()), "{case:?}: {world:?}");
    if case.done {
        assert_eq!(essence(&world), essence(&shown), "{case:?}: it has not run again");
    }
    case.is_never_half(rows, true);
}

/// Every command is sent once more, through Kafka and to another partition: each is answered, and nothing happens.
fn nothing_comes_twice(ground: &Ground, cases: &[Case], api: &Api) {
    let results = |case: &Case, all: &[Value], outcome: &str| -> Vec<Value> {
        let ours = all.iter().filter(|told| told["command_id"] == case.id.to_string() && told["outcome"] == outcome);
        ours.cloned().collect()
    };
    let is_ours = |world: &str| cases.iter().any(|case| case.world == world);
    let before: Vec<Value> = cases.iter().map(|case| essence(&case.shown(api))).collect();
    let told = ground.told(RESULTS, is_ours);
    let expected = cases.iter().filter(|case| case.from_kafka).count();
    assert_eq!(told.len(), expected, "one result for each command from Kafka, and none for those over HTTP: {told:?}");
    for case in cases.iter().filter(|case| case.from_kafka) {
        let done = results(case, &told, "done");
        assert_eq!(done.len(), 1, "{case:?}: {told:?}");
        assert_eq!(done[0]["answer"], case.known(api).expect("it is known")["answer"], "{case:?}");
    }
    for case in cases {
        case.send(ground, true);
    }
    let told = wait_for("all of them are answered", || {
        let told = ground.told(RESULTS, is_ours);
        (told.len() >= expected + cases.len()).then_some(told)
    });
    assert_eq!(told.len(), expected + cases.len(), "each is answered once: {told:?}");
    for case in cases {
        let again = results(case, &told, "duplicate");
        assert_eq!(again.len(), 1, "{case:?}: {told:?}");
        assert_eq!(again[0]["answer"], case.known(api).expect("it is known")["answer"], "{case:?}");
    }
    ground.is_quiet();
    let after: Vec<Value> = cases.iter().map(|case| essence(&case.shown(api))).collect();
    assert_eq!(after, before, "nothing has run again");
    let events = ground.events(is_ours);
    let expected: Vec<(&str, &str)> =
        cases.iter().filter_map(|case| Some((case.world.as_str(), case.event()?))).collect();
    assert_eq!(events.len(), expected.len(), "{events:?}");
    for event in expected {
        let found =
            events.iter().filter(|told| (&told["world_id"], &told["event_type"]) == (&event.0.into(), &event.1.into()));
        assert_eq!(found.count(), 1, "{event:?}: {events:?}");
    }
}
