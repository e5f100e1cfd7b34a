//! A store that goes from a real cluster to the embedded broker and back.

use std::process::Command;

use crate::bridge_support::{Rec, unique, wait_for, write};
use crate::server_support::ticks::Tick;
use crate::server_support::{HOURLY, TestServer, world};
use serde_json::json;
use worldtick::config::ServerConfig;
use worldtick::plugins::bridge::KafkaSettings;

/// A real cluster with the topics.
fn cluster() -> Option<String> {
    let named = std::env::var("WORLDTICK_TEST_KAFKA").ok().filter(|servers| !servers.is_empty());
    let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
    let Some(servers) = named else {
        assert!(!required, "services are required: set WORLDTICK_TEST_KAFKA");
        eprintln!("skipped: WORLDTICK_TEST_KAFKA is not set");
        return None;
    };
    let mut apply = Command::new(env!("CARGO_BIN_EXE_worldtick"));
    apply.args(["topics", "apply", "--replication-factor", "1"]).env("KAFKA_BOOTSTRAP_SERVERS", &servers);
    assert!(apply.output().expect("it runs").status.success());
    Some(servers)
}

fn on(servers: &str) -> impl Fn(&mut ServerConfig) + Clone + Send + Sync + 'static {
    let (servers, groups) = (servers.to_owned(), unique("group"));
    move |config: &mut ServerConfig| {
        config.kafka.bootstrap_servers = Some(servers.clone());
        config.kafka.hourly_group = format!("{groups}-hourly");
        config.kafka.daily_group = format!("{groups}-daily");
    }
}

#[test]
fn ticks_of_the_time_on_the_embedded_broker_are_run_when_it_is_back() {
    let Some(servers) = cluster() else { return };
    let id = unique("clusters");
    let kafka = KafkaSettings::new(servers.clone());
    let real = on(&servers);
    let mut server = TestServer::start_with(&[world(&id, "manual")], real.clone());
    let before = Tick::hourly(&id, "2077-01-01T00:00:00Z");
    write(&kafka, HOURLY, &[Rec::to(0, before.text().as_str())]);
    assert_eq!(server.history(&before.id, 1)[0]["outcome"], "applied");
    server.stop();

    let mut server = server.changed(|_| {});
    server.begin();
    server.stop();
    let meanwhile = Tick::hourly(&id, "2077-01-01T01:00:00Z");
    write(&kafka, HOURLY, &[Rec::to(1, meanwhile.text().as_str())]);

    let mut server = server.changed(real);
    server.begin();
    assert_eq!(server.history(&meanwhile.id, 1)[0]["outcome"], "applied");
    let rows = server.history(&before.id, 2);
    let outcomes: Vec<&str> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["duplicate", "applied"], "newest first");
    assert_eq!(server.world(&id)["inputs"], 2, "each ran once");
    server.stop();
}

#[test]
fn own_ticks_that_are_on_the_former_broker_come_again_on_the_new_one() {
    let Some(servers) = cluster() else { return };
    let id = unique("moved");
    let mut server = TestServer::start(&[world(&id, "manual")]);
    server.api().post(&format!("/api/v1/worlds/{id}/step"), &json!({"game_seconds": 6 * 3_600})).ok();
    let has_taken = |server: &TestServer, inputs: u64| {
        let what = format!("{inputs} inputs have been taken");
        wait_for(&what, || (server.world(&id)["inputs"].as_u64() == Some(inputs)).then_some(()));
        assert_eq!(server.world(&id)["outstanding_ticks"], 0);
    };
    // The step and its six hours.
    has_taken(&server, 7);
    server.stop();
    // As if none of them had been read back before the store went elsewhere.
    server.change_store("DELETE FROM tick");
    let mut server = server.changed(on(&servers));
    server.begin();
    has_taken(&server, 13);
    server.stop();
}

#[test]
fn a_server_that_dies_in_its_start_has_its_first_positions() {
    let Some(servers) = cluster() else { return };
    let id = unique("first");
    let mut server = TestServer::prepare(&[world(&id, "manual")], on(&servers));
    let groups = unique("group");
    let dies = |server: &TestServer| {
        let folder = server.folder.path();
        let mut program = Command::new(env!("CARGO_BIN_EXE_worldtick"));
        program.env_remove("DATABASE_URL").env("KAFKA_BOOTSTRAP_SERVERS", &servers);
        program.env("WORLDTICK_SERVER_DATA_DIR", folder.join("data"));
        program.env("WORLDTICK_WORLDS_DIR", folder.join("worlds")).env("WORLDTICK_ADMIN_LISTEN", "127.0.0.1:0");
        program.env("WORLDTICK_KAFKA_HOURLY_GROUP", format!("{groups}-hourly"));
        program.env("WORLDTICK_KAFKA_DAILY_GROUP", format!("{groups}-daily"));
        let end = program.env("WORLDTICK_FAILPOINT", "start.after_places").output().expect("it runs");
        assert_eq!(end.status.code(), None, "killed by a signal: {}", String::from_utf8_lossy(&end.stderr));
    };
    // On a store that is new, and on one that knows the cluster and has lost its positions.
    dies(&server);
    server.change_store("DELETE FROM input_position");
    dies(&server);
    // Written while nobody runs, behind the first position.
    let tick = Tick::hourly(&id, "2077-01-01T00:00:00Z");
    write(&KafkaSettings::new(servers.clone()), HOURLY, &[Rec::to(0, tick.text().as_str())]);
    server.begin();
    assert_eq!(server.history(&tick.id, 1)[0]["outcome"], "applied");
    server.stop();
}
