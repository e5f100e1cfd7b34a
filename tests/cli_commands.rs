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

const FARM: &str = "id: farm
clock: manual
economy:
  commodities: [{ name: Bread, need: 1.0, signal: food }, { name: Ash, signal: own }]
  roles: [{ name: Baker, output: Bread, quantity: 3 }]
  population: { count: 40 }
";

/// Exit code and standard error.
fn told(folder: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String) {
    let done = run(folder, arguments, "");
    (done.status.code(), String::from_utf8(done.stderr).expect("text"))
}

#[test]
fn a_world_file_that_is_not_there_is_74_and_a_wrong_one_65_and_what_is_odd_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("farm.yaml", FARM);
    write("one.yaml", &FARM.replace("need: 1.0", "need: 11"));
    write("two.yaml", &FARM.replace("quantity: 3", "quantity: 0"));
    write("table.yaml", &FARM.replace("count: 40", "from: market_agent"));
    for command in ["run", "explain", "compare"] {
        let (code, words) = told(folder.path(), &["economy", command, "nowhere.yaml"]);
        assert_eq!(code, Some(74), "{words}");
        let (code, words) = told(folder.path(), &["economy", command, "one.yaml"]);
        assert_eq!(code, Some(65), "{words}");
        assert!(words.ends_with("1 error\n"), "it is no configuration: {words}");
        let (code, words) = told(folder.path(), &["economy", command, "table.yaml"]);
        assert_eq!(code, Some(65), "{words}");
        assert!(words.contains("list them in the file") && !words.contains("::"), "{words}");
    }
    let (_, words) = told(folder.path(), &["economy", "compare", "one.yaml", "farm.yaml", "two.yaml"]);
    assert!(words.contains("one.yaml:4:") && words.contains("two.yaml:5:") && words.contains("2 errors"), "{words}");
    let (code, words) = told(folder.path(), &["economy", "explain", "farm.yaml", "--hours", "2"]);
    assert_eq!(code, Some(0), "{words}");
    assert!(
        words.contains("warning: farm.yaml: `economy.commodities[1]`: `Ash`: nobody makes, uses or wants it"),
        "{words}"
    );
    // No messages: another command checks it.
    let (code, words) = told(folder.path(), &["validate", "farm.yaml"]);
    assert_eq!(code, Some(65), "{words}");
    assert!(words.contains("`worldtick config check farm.yaml` checks world files"), "{words}");
}

#[test]
fn numbers_that_are_none_are_told_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("farm.yaml"), FARM).expect("written");
    let add = ["shocks", "add", "farm", "--kind", "yield", "--commodity", "Bread"];
    let run = ["economy", "run", "farm.yaml"];
    let cases: [(&[&str], &[&str], &str); 8] = [
        (&add, &["--factor", "nan"], "a number from 0 to 10"),
        (&add, &["--factor", "inf"], "a number from 0 to 10"),
        (&add, &["--factor", "-1"], "a number from 0 to 10"),
        (&add, &["--for", "2.5h"], "a whole number of hours"),
        (&add, &["--in", "-3"], "a whole number of hours"),
        (&run, &["--days", "-1"], "-1 is not in 1..=4000"),
        (&run, &["--seed", "-1"], "a whole number from 0"),
        (&["economy", "explain", "farm.yaml"], &["--agent", "-5"], "a whole number from 0"),
    ];
    for (command, more, expected) in cases {
        let (code, words) = told(folder.path(), &[command, more].concat());
        assert_eq!(code, Some(2), "{more:?}: {words}");
        assert!(words.contains(expected) && !words.contains("tip:"), "{more:?}: {words}");
    }
}
