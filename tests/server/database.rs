//! A database that is full, or that somebody else holds: nothing is taken in, nothing is published that is not stored,
//! readiness says so, and it goes on afterwards without anybody's help.

use std::process::Command;

use crate::bridge_support::{Rec, read_all, wait_for, write};
use crate::process::{Process, folder_with};
use crate::server_support::http::Api;
use crate::server_support::ticks::Tick;
use crate::server_support::{EVENTS, EVENTS_PER_HOUR, HOURLY, TestServer, world};
use serde_json::Value;
use sqlx::Connection as _;
use worldtick::config::Seconds;
use worldtick::plugins::bridge::KafkaSettings;

/// What readiness says of the store, when it is 503 for that.
fn trouble(api: &Api) -> Option<String> {
    let answer = api.get("/readyz?verbose");
    let checks = answer.json();
    let store = checks["checks"].as_array()?.iter().find(|check| check["name"] == "store")?.clone();
    (answer.status == 503 && store["ok"] == false).then(|| store["detail"].as_str().unwrap_or_default().to_owned())
}

fn outcomes(api: &Api, tick: &Tick) -> Vec<Value> {
    let found = api.get(&format!("/api/v1/ticks?tick={}", tick.id)).ok();
    found["items"].as_array().expect("items").iter().map(|row| row["outcome"].clone()).collect()
}

/// Sends a tick while the store takes nothing; sees that nothing comes of it, and that everything does after `mend`.
fn a_tick_waits(api: &Api, kafka: &KafkaSettings, reason: &str, mend: impl FnOnce()) {
    // The live world's own commits run into it, without a tick.
    let told = wait_for("readiness says so", || trouble(api));
    assert!(told.contains(reason), "{told}");
    let tick = Tick::hourly("ticks", "2077-03-01T05:00:00Z");
    write(kafka, HOURLY, &[Rec::to(0, tick.text())]);
    let attempts = |told: &str| told.split(' ').find_map(|word| word.parse::<u64>().ok()).expect("a number");
    wait_for("it is tried again and again", || (attempts(&trouble(api)?) >= attempts(&told) + 3).then_some(()));
    assert!(outcomes(api, &tick).is_empty(), "nothing is taken in");
    let events = |world: &str| {
        let all = read_all(kafka, EVENTS);
        all.iter().filter(|record| record.text().contains(&format!("\"world_id\":\"{world}\""))).count()
    };
    assert_eq!(events("ticks"), 0, "nothing is published that is not stored");
    let published = events("live");
    mend();
    wait_for("it is ready again", || (api.get("/readyz").status == 200).then_some(()));
    wait_for("the tick has run", || (outcomes(api, &tick) == ["applied"]).then_some(()));
    wait_for("its events are there", || (events("ticks") >= EVENTS_PER_HOUR).then_some(()));
    wait_for("the live world goes on", || (events("live") >= published + 10).then_some(()));
    assert_eq!(events("ticks"), EVENTS_PER_HOUR, "once each");
    nothing_is_lost(api, kafka);
}

/// Stands the live world still, and compares what is stored with what is published.
fn nothing_is_lost(api: &Api, kafka: &KafkaSettings) {
    api.post("/api/v1/worlds/live/pause", &serde_json::json!({"reason": "to count"})).ok();
    let stored = || -> usize {
        ["live", "ticks"]
            .iter()
            .map(|world| {
                let mut path = format!("/api/v1/events?world={world}&limit=1000");
                let mut count = 0;
                loop {
                    let page = api.get(&path).ok();
                    count += page["items"].as_array().expect("items").len();
                    let Some(next) = page["next"].as_str() else { return count };
                    path = format!("/api/v1/events?world={world}&limit=1000&cursor={next}");
                }
            })
            .sum()
    };
    wait_for("ticks that were on their way have run", || {
        (api.get("/api/v1/worlds/live").ok()["outstanding_ticks"] == 0).then_some(())
    });
    let all = stored();
    let published = wait_for("everything stored is published", || {
        let ids: Vec<String> = read_all(kafka, EVENTS)
            .iter()
            .map(|record| serde_json::from_str::<Value>(&record.text()).expect("JSON")["event_id"].to_string())
            .collect();
        (ids.len() >= all).then_some(ids)
    });
    let once: std::collections::BTreeSet<&String> = published.iter().collect();
    assert_eq!((published.len(), once.len(), stored()), (all, all, all), "everything once, and nothing else");
}

#[test]
fn a_store_that_somebody_else_has_locked_is_waited_for() {
    let mut server = TestServer::start_with(&[world("live", "live"), world("ticks", "ticks")], |config| {
        config.store.operation_timeout_seconds = Seconds::whole(1);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = format!("sqlite:{}", server.folder.path().join("data/worldtick.db").display());
    let lock = runtime.block_on(async {
        let mut link = sqlx::SqliteConnection::connect(&url).await.expect("the store's file");
        sqlx::raw_sql("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").execute(&mut link).await.expect("locked");
        link
    });
    a_tick_waits(&server.api(), &server.kafka(), "locked", || runtime.block_on(lock.close()).expect("unlocked"));
    server.stop();
}

/// How large a file of a process may become from now on; writing beyond fails as it does on a full disk.
fn limit_files(process: &Process, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &process.child.id().to_string(), &limit]).status();
    assert!(done.expect("prlimit of util-linux runs").success());
}

#[test]
fn a_store_that_cannot_grow_is_waited_for_and_loses_nothing() {
    let folder = folder_with(&[world("live", "live"), world("ticks", "ticks")]);
    let mut process = Process::start_deaf_to_full_disks(folder.path());
    let (api, kafka) = process.ready();
    wait_for("the live world lives", || (api.get("/api/v1/worlds/live").ok()["inputs"].as_u64()? >= 5).then_some(()));
    limit_files(&process, "1024");
    a_tick_waits(&api, &kafka, "disk", || limit_files(&process, "unlimited"));
    // And a start finds everything in order.
    let before = api.get("/api/v1/worlds/ticks").ok();
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", process.seen.join("\n"));
    let mut again = Process::start(folder.path(), &[]);
    let (api, _) = again.ready();
    assert_eq!(api.get("/api/v1/worlds/ticks").ok()["state_hash"], before["state_hash"]);
}
