//! What waits to be published: how much may, and what to do when a database was restored from a back-up.

use std::fs;
use std::path::Path;

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{Broker, read_all, unique, wait_for};
use crate::process::{Process, folder_with};
use crate::program::program;
use crate::server_support::{EVENTS, TestServer, world};
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::topics::{TopicCatalogue, apply};

/// Rows that wait to be published in the server that has a small outbox.
const ROWS_MAX: u64 = 100;
/// Own ticks that may be on their way in the other one.
const TICKS_MAX: u64 = 3;
/// A step of these worlds is an hour: its tick, and at midnight the day's.
const TICKS_OF_A_STEP: u64 = 2;

/// Each market cleared, demand for each commodity, and what agents did.
const EVENTS_OF_A_TICK: u64 = 11;

/// Rows that wait, and whether readiness says that these are as many as may.
fn outbox(server: &TestServer) -> (u64, bool) {
    let checks = server.api().get("/readyz?verbose").json();
    let all = checks["checks"].as_array().expect("checks");
    let check = all.iter().find(|check| check["name"] == "outbox").expect("of the outbox");
    let words = check["detail"].as_str().expect("words");
    let rows = words.split(' ').next().and_then(|rows| rows.parse().ok()).expect("rows");
    assert_eq!(check["ok"], !words.contains("host.outbox_rows_max"), "{words}");
    (rows, check["ok"] == false)
}

/// Waits until a live world has stood still for two seconds of its own reckoning; `bound` must hold all the time.
fn stands_still(server: &TestServer, id: &str, bound: impl Fn()) {
    let mut still = server.world(id);
    wait_for("the live world stands still", || {
        bound();
        let world = server.world(id);
        if world["now"] != still["now"] {
            still = world;
            return None;
        }
        // How far it is behind shows all the while.
        (world["lag_seconds"].as_f64()? >= still["lag_seconds"].as_f64()? + 2.0).then_some(())
    });
}

#[test]
fn a_live_world_stands_still_while_its_ticks_or_the_outbox_wait_for_kafka_and_then_goes_on() {
    let Some(mut kafka) = PrivateKafka::start() else { return };
    apply(&KafkaSettings::new(kafka.plain.clone()), &TopicCatalogue::built_in().expect("a catalogue"), Some(1))
        .expect("topics");
    let begin = |id: &str, ticks: u64, rows: u64| {
        let (servers, groups) = (kafka.plain.clone(), id.to_owned());
        TestServer::start_with(&[world(id, "live")], move |config| {
            config.kafka.bootstrap_servers = Some(servers.clone());
            config.kafka.hourly_group = format!("{groups}-hourly");
            config.kafka.daily_group = format!("{groups}-daily");
            config.host.outstanding_ticks_max = ticks.try_into().expect("few");
            config.host.outbox_rows_max = rows;
        })
    };
    let (mut full, mut few) = (begin("full", 1_000, ROWS_MAX), begin("few", TICKS_MAX, 100_000));
    for (server, id) in [(&full, "full"), (&few, "few")] {
        wait_for("it lives", || (server.world(id)["inputs"].as_u64()? >= 10).then_some(()));
    }
    kafka.stop();
    // By the number of its ticks that are on their way, which no reader can give back.
    stands_still(&few, "few", || {
        let outstanding = few.world("few")["outstanding_ticks"].as_u64().expect("a number");
        assert!(outstanding <= TICKS_MAX + TICKS_OF_A_STEP, "{outstanding}");
    });
    assert!(few.world("few")["outstanding_ticks"].as_u64() > Some(TICKS_MAX), "that is what it waits for");
    assert!(!outbox(&few).1);
    // By the room in the outbox. A tick that had come when the broker went has its events.
    wait_for("the outbox is full", || outbox(&full).1.then_some(()));
    stands_still(&full, "full", || {
        let (rows, _) = outbox(&full);
        assert!(rows < ROWS_MAX + TICKS_OF_A_STEP + EVENTS_OF_A_TICK, "{rows}");
    });
    assert_eq!(full.api().get("/readyz").status, 503);
    let stood = [full.world("full"), few.world("few")];

    kafka.run();
    for ((server, id), stood) in [(&full, "full"), (&few, "few")].into_iter().zip(&stood) {
        server.wait_until_ready();
        wait_for("it goes on", || {
            let world = server.world(id);
            (world["inputs"].as_u64()? >= stood["inputs"].as_u64()? + 20).then_some(())
        });
        // What it would have lived through meanwhile is dropped, but for what may be caught up; and counted.
        let dropped = |world: &serde_json::Value| world["dropped_seconds"].as_f64().expect("seconds");
        assert!(dropped(&server.world(id)) >= dropped(stood) + 1.0, "{id}");
        server.api().post(&format!("/api/v1/worlds/{id}/pause"), &serde_json::json!({"reason": "to count"})).ok();
        wait_for("no tick is on its way", || (server.world(id)["outstanding_ticks"] == 0).then_some(()));
        server.wait_until_published();
        // Each hour that has passed is a tick that has run: nothing was dropped but time.
        let mut hours = std::collections::BTreeSet::new();
        let mut path = format!("/api/v1/ticks?world={id}&limit=1000");
        loop {
            let page = server.api().get(&path).ok();
            let rows = page["items"].as_array().expect("items");
            for row in rows.iter().filter(|row| row["tick_type"] == "hourly" && row["outcome"] == "applied") {
                let time: jiff::Timestamp = row["game_time"].as_str().expect("a time").parse().expect("a time");
                assert!(hours.insert(time.as_second() / 3_600), "an hour twice: {row}");
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/ticks?world={id}&limit=1000&cursor={next}");
        }
        let (first, last) = (*hours.first().expect("ticks"), *hours.last().expect("ticks"));
        assert_eq!(hours.len(), usize::try_from(last - first + 1).expect("few"), "{id}: hours are missing");
    }
    full.stop();
    few.stop();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn a_folder_restored_from_a_back_up_goes_on_with_the_commands_that_the_error_names() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    apply(&settings, &TopicCatalogue::built_in().expect("a catalogue"), Some(1)).expect("topics");
    let id = unique("live");
    let folder = folder_with(&[world(&id, "live")]);
    let (data, saved) = (folder.path().join("worldtick-data"), folder.path().join("saved"));
    let servers = format!("kafka.bootstrap_servers={}", settings.bootstrap_servers);
    let more = ["--set", servers.as_str()];
    let lives = |process: &mut Process| {
        let (api, _) = process.ready();
        let path = format!("/api/v1/worlds/{id}");
        let before = api.get(&path).ok()["inputs"].as_u64().expect("a number");
        wait_for("it lives", || (api.get(&path).ok()["inputs"].as_u64()? >= before + 20).then_some(()));
        let now = api.get(&path).ok()["now"].as_str().expect("a time").to_owned();
        process.signal("-TERM");
        assert_eq!(process.wait().code(), Some(0), "{}", process.seen.join("\n"));
        now
    };
    let saved_at = lives(&mut Process::start(folder.path(), &more));
    copy(&data, &saved);
    let lived_until = lives(&mut Process::start(folder.path(), &more));
    assert!(lived_until > saved_at);
    let published = || {
        let records = read_all(&settings, EVENTS);
        records.iter().filter(|record| record.text().contains(&id)).count()
    };
    let before = published();

    fs::remove_dir_all(&data).expect("gone");
    copy(&saved, &data);
    let mut refused = Process::start(folder.path(), &more);
    assert_eq!(refused.wait().code(), Some(1), "{}", refused.seen.join("\n"));
    let error = refused.line("why", |line| line.starts_with("error:").then(|| line.to_owned()));
    assert!(error.contains("Kafka is ahead of this database, which was restored from a back-up"), "{error}");
    assert_eq!(published(), before, "nothing was published");

    // Word by word what stands between the back-quotes, with the server's configuration.
    let commands: Vec<&str> = error.split('`').filter(|part| part.starts_with("worldtick outbox skip-to ")).collect();
    assert!(!commands.is_empty(), "{error}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let output = program(folder.path(), &[&words[..], &more[..]].concat()).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}: {told}");
        let [.., last, _, shard] = words[..] else { panic!("{words:?}") };
        let next = last.parse::<i64>().expect("a number") + 1;
        assert!(told.contains(&format!("shard {shard}: the next outbox id is {next}")), "{command}: {told}");
    }
    let mut again = Process::start(folder.path(), &more);
    let (api, _) = again.ready();
    let world = api.get(&format!("/api/v1/worlds/{id}")).ok();
    assert!(world["now"].as_str().is_some_and(|now| now >= saved_at.as_str()), "{world}");
    wait_for("it is published what happens now", || (published() >= before + 10).then_some(()));
    lives(&mut again);
}
