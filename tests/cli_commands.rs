//! What the programs say, as golden files: help, checking the configuration, checking messages.
//!
//! After a change on purpose: `TRYCMD=overwrite cargo test --test cli_commands`.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

#[test]
fn the_programs_say_what_the_golden_files_hold() {
    let cases = trycmd::TestCases::new();
    cases.register_bins([
        ("worldtick", bin(env!("CARGO_BIN_EXE_worldtick"))),
        ("simulation-ticker", bin(env!("CARGO_BIN_EXE_simulation-ticker"))),
    ]);
    for name in [
        "KAFKA_BOOTSTRAP_SERVERS",
        "DATABASE_URL",
        "LOG_LEVEL",
        "WORLDTICK_CONFIG",
        "WORLDTICK_SERVER",
        "WORLDTICK_TOKEN",
        "WORLDTICK_DATA_DIR",
    ] {
        // Empty is unset: what the machine of the test has set must not matter.
        cases.env(name, "");
    }
    cases.env("NO_COLOR", "1").env("COLUMNS", "100").case("tests/cmd/*.trycmd");
}

fn bin(path: &'static str) -> trycmd::schema::Bin {
    trycmd::schema::Bin::Path(path.into())
}

/// Runs the program in a folder, with this on its standard input.
fn run(folder: &std::path::Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worldtick"));
    command.current_dir(folder).args(arguments).env_remove("WORLDTICK_CONFIG");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    child.wait_with_output().expect("it ends")
}

#[test]
fn messages_on_standard_input_are_checked_and_errors_are_data_for_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = "{\"event_type\": \"simulation.event.crowd_signal\", \"magnitude\": 101}\n";
    let checked = run(folder.path(), &["validate", "-", "--output", "json"], input);
    assert_eq!(checked.status.code(), Some(65));
    let told: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!(told["messages"], 1);
    let codes: Vec<&str> =
        told["errors"].as_array().expect("a list").iter().filter_map(|e| e["code"].as_str()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "required").count(), 3, "{told:#}");
    assert!(codes.contains(&"maximum"));
}

#[test]
fn schemas_are_written_and_what_is_out_of_date_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(run(folder.path(), &["schemas", "write", "s"], "").status.success());
    assert!(run(folder.path(), &["schemas", "check", "s"], "").status.success());
    std::fs::write(folder.path().join("s/base-event.schema.json"), "{}").expect("written");
    std::fs::write(folder.path().join("s/old.schema.json"), "{}").expect("written");
    std::fs::remove_file(folder.path().join("s/world-file.schema.json")).expect("removed");
    let check = run(folder.path(), &["schemas", "check", "s"], "");
    assert_eq!(check.status.code(), Some(3));
    let told = String::from_utf8(check.stdout).expect("text");
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(run(folder.path(), &["schemas", "write", "s"], "").status.success());
    assert!(run(folder.path(), &["schemas", "check", "s"], "").status.success());
    assert_eq!(run(folder.path(), &["schemas", "check", "nowhere"], "").status.code(), Some(74));
}

#[test]
fn an_explained_configuration_and_completions_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let example = run(folder.path(), &["config", "example"], "");
    std::fs::write(folder.path().join("server.toml"), &example.stdout).expect("written");
    let shown = run(folder.path(), &["config", "show", "--config", "server.toml", "--output", "json"], "");
    let told: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(told["kafka"]["embedded_port"], serde_json::json!({"value": 9092, "source": "default"}));
    let script = run(folder.path(), &["completions", "bash"], "").stdout;
    assert!(String::from_utf8(script).expect("text").contains("_worldtick()"));
}

#[test]
fn a_store_that_cannot_be_meant_is_a_wrong_configuration_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    for url in ["sqlite::memory:", "postgres://sim:hush@db:port/world", "mysql://db/world"] {
        let set = format!("store.url={url}");
        for command in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"][..]] {
            let refused = run(folder.path(), &[command, &["--set", &set]].concat(), "");
            let told = String::from_utf8(refused.stderr).expect("text");
            assert_eq!(refused.status.code(), Some(78), "{url}: {told}");
            assert!(told.contains("`store.url` cannot be used"), "{told}");
            assert!(!told.contains("hush"), "{told}");
        }
    }
    assert!(!folder.path().join("worldtick-data").exists(), "nothing was begun");
}

#[test]
fn a_name_that_librdkafka_does_not_know_is_a_wrong_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = "kafka.properties={\"fetch.wait.max.mss\": \"hush\", \"fetch.wait.max.ms\": \"soon\"}";
    let refused = run(folder.path(), &["config", "check", "--set", set], "");
    let told = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(78), "{told}");
    for part in ["`kafka.properties`", "\"fetch.wait.max.mss\"", "\"fetch.wait.max.ms\"", "2 errors"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    assert!(!told.contains("hush"), "a value may be a secret: {told}");
}
