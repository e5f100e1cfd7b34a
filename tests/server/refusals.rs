//! What the database refuses for good: the world or the record that led to it is taken out, and all else goes on.

use std::collections::BTreeMap;

use crate::bridge_support::{Rec, write};
use crate::server_support::ticks::Tick;
use crate::server_support::{EVENTS_PER_HOUR, HOURLY, TestServer, metric, world};
use serde_json::{Value, json};

const FAULTS: &str = "worldtick_world_faults_total";
const LETTERS: &str = "world.tick.hourly.dlq";

/// From now on the database refuses the rows of a table for which this holds.
fn refuse(server: &TestServer, name: &str, table: &str, when: &str) {
    server.change_store(&format!(
        "CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'by {name}'); END"
    ));
}

fn outcomes(rows: &[Value]) -> BTreeMap<&str, &str> {
    rows.iter().map(|row| (row["world_id"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect()
}

/// Sends a tick to both worlds and says what became of it.
fn send_to_both(server: &TestServer, expected: [(&str, &str); 2]) {
    let tick = Tick::hourly("x", "2077-01-01T00:00:00Z");
    send(server, &tick, expected);
}

fn send(server: &TestServer, tick: &Tick, expected: [(&str, &str); 2]) {
    server.send(HOURLY, 0, &tick.text().replace(r#","world_id":"x""#, ""));
    assert_eq!(outcomes(&server.history(&tick.id, 2)), expected.into());
}

#[test]
fn a_row_that_the_store_refuses_faults_its_world_alone() {
    let mut server = TestServer::start(&[world("alpha", "manual"), world("beta", "manual")]);
    send_to_both(&server, [("alpha", "applied"), ("beta", "applied")]);
    let healthy = server.world("beta");
    let faults = || metric(&server.api().get("/metrics").text, FAULTS);
    let before = faults();

    let fatal = Tick::hourly("x", "2077-01-01T00:00:00Z");
    refuse(&server, "spite", "journal", &format!("NEW.world_id = 'beta' AND NEW.inputs LIKE '%{}%'", fatal.id));
    send(&server, &fatal, [("alpha", "applied"), ("beta", "faulted")]);
    let broken = server.world("beta");
    assert!(broken["status"]["error"].as_str().unwrap().contains("by spite"), "{broken}");
    assert!(broken["status"]["input"].to_string().contains(&fatal.id), "the fault names the input: {broken}");
    for field in ["now", "inputs", "state_hash"] {
        assert_eq!(broken[field], healthy[field], "its last commit stands: {field}");
    }
    assert!((faults() - before - 1.0).abs() < 1e-9, "counted once");
    send_to_both(&server, [("alpha", "applied"), ("beta", "faulted")]);
    server.wait_until_published();
    assert_eq!(
        (server.events_of("alpha").len(), server.events_of("beta").len()),
        (3 * EVENTS_PER_HOUR, EVENTS_PER_HOUR)
    );

    // The same again, it is refused again; without it the world goes on.
    let again = server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "retry"}));
    assert!(again.status >= 400 && again.text.contains("by spite"), "{}", again.text);
    assert_eq!(server.world("beta")["status"]["state"], "faulted");
    server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "skip"})).ok();
    send_to_both(&server, [("alpha", "applied"), ("beta", "applied")]);
    let states = ["alpha", "beta"].map(|id| server.world(id)["state_hash"].clone());
    server.restart();
    assert_eq!(["alpha", "beta"].map(|id| server.world(id)["state_hash"].clone()), states);
}

#[test]
fn a_record_that_the_store_refuses_keeps_its_bytes_or_is_passed_over() {
    let server = TestServer::start(&[world("alpha", "manual")]);
    refuse(&server, "history", "tick_history", "NEW.outcome = 'unknown_world'");
    refuse(&server, "letters", "dead_letter", "NEW.error_class = 'not_json'");
    refuse(&server, "at_all", "dead_letter", "CAST(NEW.record_value AS TEXT) = 'never'");
    let nobody = Tick::hourly("nobody", "2077-01-01T00:00:00Z");
    let after = Tick::hourly("alpha", "2077-01-01T00:00:00Z");
    let values = [nobody.text(), "no tick".to_owned(), "never".to_owned(), after.text()];
    let records: Vec<Rec> =
        values.iter().map(|value| Rec { key: Some(vec![0xff, 0x00]), ..Rec::to(0, value.as_bytes()) }).collect();
    write(&server.kafka(), HOURLY, &records);
    assert_eq!(outcomes(&server.history(&after.id, 1)), [("alpha", "applied")].into(), "the next one is taken");
    server.wait_until_published();
    let letters = server.read(LETTERS);
    let found: Vec<(&Option<Vec<u8>>, String)> = letters.iter().map(|letter| (&letter.key, letter.text())).collect();
    let key = &records[0].key;
    assert_eq!(found, [(key, values[0].clone()), (key, values[1].clone())]);
    for letter in &letters {
        let class = letter.headers.iter().find(|(name, _)| name == "dlq.error.class").expect("a class");
        assert_eq!(class.1, b"refused_by_store");
    }
    // Nothing is remembered of the refused tick: sent again, it is no repetition.
    server.change_store("DROP TRIGGER history");
    server.send(HOURLY, 0, &nobody.text());
    assert_eq!(server.history(&nobody.id, 1)[0]["outcome"], "unknown_world");
}
