//! A store that goes from a real cluster to the embedded broker and back.

#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests fail by panicking, tell what they wait for, and have limits in wall time"
)]

mod bridge_support;
mod server_support;

use std::process::Command;

use bridge_support::{Rec, unique, write};
use server_support::ticks::Tick;
use server_support::{HOURLY, TestServer, world};
use worldtick::config::ServerConfig;
use worldtick::plugins::bridge::KafkaSettings;

#[test]
fn ticks_of_the_time_on_the_embedded_broker_are_run_when_it_is_back() {
    let named = std::env::var("WORLDTICK_TEST_KAFKA").ok().filter(|servers| !servers.is_empty());
    let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
    let Some(servers) = named else {
        assert!(!required, "services are required: set WORLDTICK_TEST_KAFKA");
        return eprintln!("skipped: WORLDTICK_TEST_KAFKA is not set");
    };
    let mut apply = Command::new(env!("CARGO_BIN_EXE_worldtick"));
    apply.args(["topics", "apply", "--replication-factor", "1"]).env("KAFKA_BOOTSTRAP_SERVERS", &servers);
    assert!(apply.output().expect("it runs").status.success());

    let id = unique("clusters");
    let kafka = KafkaSettings::new(servers.clone());
    let real = {
        let (servers, groups) = (servers, unique("group"));
        move |config: &mut ServerConfig| {
            config.kafka.bootstrap_servers = Some(servers.clone());
            config.kafka.hourly_group = format!("{groups}-hourly");
            config.kafka.daily_group = format!("{groups}-daily");
        }
    };
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
