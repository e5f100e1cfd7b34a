//! What a start makes of a store that another version wrote or that is damaged.

use crate::server_support::ticks::Tick;
use crate::server_support::{EVENTS_PER_HOUR, HOURLY, TestServer, world};
use bevy_ecs::prelude::*;
use serde_json::Value;
use worldtick::components::clock::WorldClock;
use worldtick::messages::SimulationEvent;
use worldtick::schedules::HourlyTick;
use worldtick::world::RegisterExt;

fn tick(server: &TestServer) -> Value {
    let tick = Tick::hourly("alpha", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &tick.text());
    server.history(&tick.id, 1)[0].clone()
}

#[test]
fn a_journal_of_another_version_waits_for_that_version() {
    let mut server = TestServer::start(&[world("alpha", "manual"), world("beta", "manual")]);
    for _ in 0..3 {
        tick(&server);
    }
    let before = server.world("alpha");
    server.stop();
    // As after a crash: no snapshot since, and a journal of a build that is not this one.
    server.change_store("DELETE FROM snapshot WHERE world_id = 'alpha'");
    server.change_store("UPDATE journal SET simulation_version = '0.0.1-old'");
    server.begin();
    let shown = server.world("alpha");
    assert_eq!(shown["status"]["state"], "faulted", "{shown}");
    let words = shown["status"]["error"].as_str().expect("words");
    assert!(words.contains("0.0.1-old") && words.contains("stop it cleanly"), "{words}");
    assert_eq!(server.world("beta")["status"]["state"], "running", "the others go on");
    assert_eq!(tick(&server)["outcome"], "faulted");
    server.stop();

    // The old build, started once and stopped cleanly, leaves a snapshot; then the new one goes on from there.
    server.change_store(&format!("UPDATE journal SET simulation_version = '{}'", env!("CARGO_PKG_VERSION")));
    server.begin();
    let back = server.world("alpha");
    for field in ["status", "now", "inputs", "state_hash"] {
        assert_eq!(back[field], before[field], "{field}");
    }
    server.stop();
    server.change_store("UPDATE journal SET simulation_version = '0.0.1-old'");
    server.begin();
    assert_eq!(server.world("alpha")["state_hash"], before["state_hash"]);
    assert_eq!(tick(&server)["outcome"], "applied");
}

#[test]
fn a_damaged_snapshot_has_an_older_brother() {
    let mut server = TestServer::start(&[world("alpha", "manual")]);
    // Each stop leaves a snapshot; two are kept, with the journal between them.
    for _ in 0..3 {
        tick(&server);
        server.restart();
    }
    tick(&server);
    let before = server.world("alpha");
    server.stop();
    let newest = "commit_no = (SELECT max(commit_no) FROM snapshot)";
    server.change_store(&format!("UPDATE snapshot SET bytes = x'00112233' WHERE {newest}"));
    server.begin();
    for field in ["status", "now", "inputs", "state_hash"] {
        assert_eq!(server.world("alpha")[field], before[field], "{field}");
    }
}

/// An event that no topic takes.
#[derive(Message, Debug, Clone, serde::Serialize, schemars::JsonSchema)]
struct Epic {
    text: String,
}

impl SimulationEvent for Epic {
    const EVENT_TYPE: &'static str = "simulation.event.epic";
    const SOURCE: &'static str = "test.poet";

    fn key(&self) -> String {
        "poet".to_owned()
    }

    fn example() -> Self {
        Self { text: "Sing to me".to_owned() }
    }
}

#[test]
fn an_event_that_is_too_large_is_kept_whole_and_published_as_a_reference() {
    let bytes = 3_000_000;
    let mut server = TestServer::prepare(&[world("alpha", "manual")], |_| {}).plugins(move |app| {
        app.emit_event::<Epic>();
        app.add_systems(HourlyTick, move |clock: Res<WorldClock>, mut epics: MessageWriter<Epic>| {
            if clock.inputs == 0 {
                epics.write(Epic { text: "x".repeat(bytes) });
            }
        });
    });
    server.begin();
    tick(&server);
    tick(&server);
    server.wait_until_published();
    let events = server.events_of("alpha");
    assert_eq!(events.len(), 2 * EVENTS_PER_HOUR + 1, "those behind it are not kept waiting");
    let reference = events.iter().find(|event| event["event_type"] == Epic::EVENT_TYPE).expect("the reference");
    assert_eq!(
        (&reference["reference"], &reference["kept_in"]),
        (&"too_large".into(), &"dead_letter table of the store".into())
    );
    server.stop();
    let letters = server.query_store(
        "SELECT length(record_value), error_class, error_message FROM dead_letter WHERE topic = 'simulation.event'",
    );
    let event_id = reference["event_id"].as_str().expect("an id");
    assert_eq!(letters.len(), 1);
    assert!(letters[0][0].parse::<usize>().expect("a length") > bytes, "whole: {letters:?}");
    assert_eq!(letters[0][1], "too_large");
    assert!(letters[0][2].contains(event_id), "{letters:?}");
}
