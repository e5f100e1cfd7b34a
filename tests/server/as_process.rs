//! The program itself: how it starts, what it logs, how it ends, and with which exit code.

use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crate::bridge_support::{LIMIT, Rec, read_all, wait_for, write};
use crate::process::{ANY_PORTS, Process, folder_with};
use crate::program::program;
use crate::server_support::http::Api;
use crate::server_support::ticks::{DAILY_EXAMPLE, HOURLY_EXAMPLE, HOURLY_EXAMPLE_TICK};
use crate::server_support::{COMMODITIES, DAILY, EVENTS, EVENTS_PER_HOUR, HOURLY, world};
use serde_json::{Value, json};

#[test]
fn sigterm_and_ctrl_c_end_it_cleanly_and_soon() {
    let folder = folder_with(&[world("live", "live")]);
    let mut now = String::new();
    for signal in ["-TERM", "-INT"] {
        let mut process = Process::start(folder.path(), &[]);
        let (api, _) = process.ready();
        let world = api.get("/api/v1/worlds/live").ok();
        assert!(*world["now"].as_str().expect("a time") >= *now, "it goes on where it was");
        wait_for("it moves", || (api.get("/api/v1/worlds/live").ok()["now"] != world["now"]).then_some(()));
        now = api.get("/api/v1/worlds/live").ok()["now"].as_str().expect("a time").to_owned();
        let began = Instant::now();
        process.signal(signal);
        assert_eq!(process.wait().code(), Some(0), "{signal}: {}", process.seen.join("\n"));
        assert!(began.elapsed() < Duration::from_secs(15), "{signal}: {:?}", began.elapsed());
        process.line("that it stopped", |line| line.contains("stopped").then_some(()));
    }
    assert!(folder.path().join("worldtick-data").is_dir(), "the data folder is where it is said to be");
}

#[test]
fn it_can_be_stopped_while_it_waits_for_its_database() {
    let folder = folder_with(&[world("live", "live")]);
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("store.url=postgres://nobody@{}/none", silent.local_addr().expect("an address"));
    for signal in ["-TERM", "-INT"] {
        let mut process = Process::start(folder.path(), &["--set", &url]);
        let _waits = silent.accept().expect("it asks for its database");
        process.signal(signal);
        assert_eq!(process.wait().code(), Some(0), "{signal}: {}", process.seen.join("\n"));
        process.line("why it ended", |line| line.contains("before the start was complete").then_some(()));
    }
}

#[test]
fn a_database_that_is_not_there_is_waited_for_and_the_wait_can_be_ended() {
    let folder = folder_with(&[world("live", "live")]);
    // The port was free a moment ago: connections to it are refused.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let url = format!("store.url=postgres://nobody@127.0.0.1:{port}/none");
    let mut process = Process::start(folder.path(), &["--set", &url]);
    for seconds in [0.5, 1.0] {
        process.line("what it waits for", |line| {
            let fields: Value = serde_json::from_str(line).ok()?;
            let waits = fields["message"] == "the store is waited for" && fields["error"].as_str()?.contains("refused");
            (waits && fields["retry_seconds"] == seconds).then_some(())
        });
    }
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", process.seen.join("\n"));
}

#[test]
fn a_wait_for_kafka_ends_at_once_when_it_is_told_to() {
    let folder = folder_with(&[world("live", "live")]);
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let servers = format!("kafka.bootstrap_servers={}", silent.local_addr().expect("an address"));
    for asks in [true, false] {
        let mut process = Process::start(folder.path(), &["--set", &servers]);
        let api = process.api();
        let (mut link, _) = silent.accept().expect("it asks for its cluster");
        if asks {
            // The question is there, and no answer: this is in the middle of asking.
            link.set_read_timeout(Some(LIMIT)).expect("set");
            link.read_exact(&mut [0; 4]).expect("a question");
        } else {
            // Nobody has answered in time: this is between two questions, or in a later one.
            process.line("that it waits", |line| line.contains("\"Kafka is waited for\"").then_some(()));
            wait_for("readiness says so", || {
                api.get("/readyz?verbose").text.contains("no Kafka broker at").then_some(())
            });
        }
        assert_eq!(api.get("/readyz").status, 503);
        process.signal("-TERM");
        assert_eq!(process.wait().code(), Some(0), "{}", process.seen.join("\n"));
        process.line("that it has stopped", |line| line.contains("\"stopped\"").then_some(()));
        // A question that nobody answers ends with a warning after some seconds. None was waited for; how long the disk
        // then takes to close the store is another matter.
        let at = |what: &str| process.seen.iter().position(|line| line.contains(what));
        let (told, left) = (at("\"stopping\""), at("\"told to stop before Kafka answered\""));
        assert!(told.is_some() && told < left, "{}", process.seen.join("\n"));
        let afterwards =
            process.seen.iter().skip(told.unwrap_or(0)).any(|line| line.contains("\"Kafka is waited for\""));
        assert!(!afterwards && at("\"worlds run\"").is_none(), "{}", process.seen.join("\n"));
    }
}

#[test]
fn events_have_the_envelope_that_the_configuration_asks_for() {
    for (envelope, under_data) in [("data", true), ("flat", false)] {
        let folder = folder_with(&[world("hand", "manual")]);
        let mut process = Process::start(folder.path(), &["--set", &format!("events.envelope={envelope}")]);
        let (api, kafka) = process.ready();
        api.post("/api/v1/worlds/hand/step", &json!({"game_seconds": 3_600})).ok();
        let records = wait_for("the events of an hour", || {
            let records = read_all(&kafka, EVENTS);
            (records.len() >= EVENTS_PER_HOUR).then_some(records)
        });
        let mut clearings = 0;
        for record in records {
            let event: Value = serde_json::from_str(&record.text()).expect("JSON");
            let mut fields: Vec<&str> = event.as_object().expect("an object").keys().map(String::as_str).collect();
            fields.sort_unstable();
            let of_the_base =
                ["event_id", "event_type", "source", "tick_id", "timestamp", "version", "world_id"].as_slice();
            let payload = if under_data {
                assert_eq!(fields, [&["data"], of_the_base].concat(), "{event:#}");
                &event["data"]
            } else {
                assert!(of_the_base.iter().all(|field| fields.contains(field)), "{event:#}");
                assert!(event.get("data").is_none(), "{event:#}");
                &event
            };
            if event["event_type"] == "simulation.event.market_cleared" {
                clearings += 1;
                assert!(payload["price"].as_f64().is_some_and(|price| price > 0.0), "{event:#}");
                assert!(payload["commodity"].is_string() && payload["volume"].is_i64(), "{event:#}");
            } else {
                // Demand signals and the hour's sums: each has fields of its own, the place among them.
                assert!(payload["location"].is_string(), "{event:#}");
            }
        }
        assert_eq!(clearings, COMMODITIES.len());
    }
}

#[test]
fn a_world_file_that_has_changed_is_told_and_counts_from_the_next_reset_on() {
    let changed = |line: &str| {
        let fields: Value = serde_json::from_str(line).ok()?;
        let told = fields["message"].as_str()?.contains("the world file has changed") && fields["level"] == "WARN";
        told.then(|| fields["world_id"].as_str().unwrap_or_default().to_owned())
    };
    let folder = folder_with(&[world("first", "manual"), world("second", "manual")]);
    let file = folder.path().join("assets/config/worlds/1.yaml");
    let run = |more: &dyn Fn(&Api)| {
        let mut process = Process::start(folder.path(), &[]);
        let (api, _) = process.ready();
        more(&api);
        process.signal("-TERM");
        assert_eq!(process.wait().code(), Some(0));
        process.line("that it stopped", |line| line.contains("stopped").then_some(()));
        process.seen.iter().filter_map(|line| changed(line)).collect::<Vec<_>>()
    };
    assert_eq!(run(&|_| {}), Vec::<String>::new());
    std::fs::write(&file, world("second", "manual").replace("count: 60", "count: 61")).expect("written");
    let hash = |api: &Api| api.get("/api/v1/worlds/second").ok()["state_hash"].clone();
    let before = std::cell::RefCell::new(Value::Null);
    assert_eq!(run(&|api| drop(before.replace(hash(api)))), ["second"], "and nobody else");
    let told = run(&|api| {
        assert_eq!(hash(api), *before.borrow(), "it has no effect");
        api.post("/api/v1/worlds/second/reset", &json!({})).ok();
        wait_for("it has begun anew", || (hash(api) != *before.borrow()).then_some(()));
    });
    assert_eq!(told, ["second"]);
    assert_eq!(run(&|_| {}), Vec::<String>::new(), "it is what the file says");
}

#[test]
fn a_tick_from_outside_is_logged_and_a_worlds_own_are_details() {
    let folder = folder_with(&[world("hand", "manual"), world("live", "live")]);
    let mut process = Process::start(folder.path(), &[]);
    let (api, kafka) = process.ready();
    wait_for("the live world has had ticks of its own", || {
        let rows = api.get("/api/v1/ticks?world=live&outcome=applied").ok();
        (rows["items"].as_array()?.len() >= 3).then_some(())
    });
    write(&kafka, HOURLY, &[Rec::to(0, HOURLY_EXAMPLE)]);
    write(&kafka, DAILY, &[Rec::to(0, DAILY_EXAMPLE)]);
    let fields = |line: &str| serde_json::from_str::<Value>(line).ok();
    let hourly =
        process.line("the hourly tick", |line| fields(line).filter(|line| line["message"] == "Processing hourly tick"));
    assert_eq!(hourly["level"], "INFO");
    assert_eq!(hourly["event_id"], "550e8400-e29b-41d4-a716-446655440000");
    assert_eq!(hourly["tick_id"], HOURLY_EXAMPLE_TICK);
    assert_eq!(hourly["game_hour"], 14);
    process.line("the daily tick", |line| {
        fields(line).filter(|line| {
            line["message"] == "Processing daily tick - running diplomacy evaluation and crowd simulation"
        })
    });
    for (message, name, count) in
        [("Generated diplomacy evaluation", "relations", 21), ("Published simulation events", "diplomacy", 1)]
    {
        let line = process
            .line(message, |line| fields(line).filter(|line| line["message"] == message && line["world_id"] == "hand"));
        assert!(line[name].as_u64().is_some_and(|told| told >= count), "{line}");
        assert_eq!(line["tick_id"], "880e8400-e29b-41d4-a716-446655440003");
    }
    for message in ["Market cleared", "Published market event"] {
        for commodity in COMMODITIES {
            let line = process.line(&format!("{message}: {commodity}"), |line| {
                fields(line).filter(|line| {
                    line["message"] == message && line["commodity"] == commodity && line["world_id"] == "hand"
                })
            });
            assert_eq!(line["tick_id"], HOURLY_EXAMPLE_TICK);
            assert!(line["price"].as_f64().is_some_and(|price| price > 0.0), "{line}");
            assert!(line["volume"].is_i64(), "{line}");
        }
    }
    // What the live world did by itself is no line of its own at this level.
    for line in process.seen.iter().filter_map(|line| fields(line)) {
        let tick_id = line["tick_id"].as_str().unwrap_or(HOURLY_EXAMPLE_TICK);
        assert!([HOURLY_EXAMPLE_TICK, "880e8400-e29b-41d4-a716-446655440003"].contains(&tick_id), "{line}");
    }
}

/// Runs a server that must not start; gives its exit code and what it says.
fn refused(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = program(folder, arguments).output().expect("it runs");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8(stderr).expect("text"))
}

/// The lines that tell of an error: there must be one.
fn the_error(told: &str) -> &str {
    let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{told}");
    errors[0]
}

#[test]
fn a_port_that_is_taken_is_one_error_that_names_the_setting() {
    let folder = folder_with(&[world("hand", "manual")]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let listen = format!("127.0.0.1:{port}");
    let (code, told) = refused(folder.path(), &["serve", "--listen", &listen, "--set", "kafka.embedded_port=0"]);
    assert_eq!(code, Some(1), "{told}");
    let error = the_error(&told);
    assert!(error.contains(&listen) && error.contains("--listen"), "{error}");

    let broker = format!("kafka.embedded_port={port}");
    let (code, told) = refused(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--set", &broker]);
    assert_eq!(code, Some(1), "{told}");
    let error = the_error(&told);
    assert!(error.contains(&port) && error.contains("kafka.embedded_port"), "{error}");
    // Neither has left the folder locked.
    let mut process = Process::start(folder.path(), &[]);
    process.ready();
}

#[test]
fn a_data_folder_in_use_is_one_error_that_names_the_setting() {
    let folder = folder_with(&[world("hand", "manual")]);
    let mut first = Process::start(folder.path(), &[]);
    let (api, _) = first.ready();
    let (code, told) = refused(folder.path(), &ANY_PORTS);
    assert_eq!(code, Some(1), "{told}");
    let error = the_error(&told);
    assert!(error.contains("worldtick-data") && error.contains("--data-dir"), "{error}");
    assert!(error.contains(&first.child.id().to_string()), "it says who has it: {error}");
    assert_eq!(api.get("/readyz").status, 200, "the first is not disturbed");
}

#[test]
fn a_server_whose_data_has_gone_ends_and_says_so() {
    let removed: fn(&Path) = |data| std::fs::remove_dir_all(data).expect("removed");
    let replaced: fn(&Path) = |data| {
        std::fs::copy(data.join("worldtick.db"), data.join("copy")).expect("copied");
        std::fs::rename(data.join("copy"), data.join("worldtick.db")).expect("replaced");
    };
    // With a broker that never answers, too: a server that waits for Kafka owns its data as well.
    let nowhere = ["--set", "kafka.bootstrap_servers=127.0.0.1:9"];
    for (befall, words, more) in [
        (removed, "was removed while the server ran", [].as_slice()),
        (replaced, "was replaced by another file while the server ran", [].as_slice()),
        (removed, "was removed while the server ran", nowhere.as_slice()),
    ] {
        let folder = folder_with(&[world("hand", "manual"), world("live", "live")]);
        let mut process = Process::start(folder.path(), more);
        if more.is_empty() {
            process.ready();
        } else {
            process.line("that it waits", |line| line.contains("Kafka is waited for").then_some(()));
        }
        befall(&folder.path().join("worldtick-data"));
        assert_eq!(process.wait().code(), Some(1), "{}", process.seen.join("\n"));
        let error = process.line("why it ends", |line| line.starts_with("error:").then(|| line.to_owned()));
        assert!(error.contains(words) && error.contains("worldtick-data"), "{error}");
        process.line("that the lease is lost", |line| line.contains("lease lost").then_some(()));
    }
}

#[test]
fn an_open_api_beyond_this_machine_is_refused() {
    let folder = folder_with(&[world("hand", "manual")]);
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--set", "kafka.embedded_port=0"];
    let (code, told) = refused(folder.path(), &arguments);
    assert_eq!(code, Some(78), "{told}");
    assert!(told.contains("WORLDTICK_ADMIN_TOKEN"), "{told}");
    assert!(!folder.path().join("worldtick-data").exists(), "nothing was begun");
    // With a token it starts.
    let child =
        program(folder.path(), &arguments).env("WORLDTICK_ADMIN_TOKEN", "secret").stderr(Stdio::piped()).spawn();
    let mut child = child.expect("it runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("admin API")), "it says where it listens");
    child.kill().expect("ours");
    child.wait().expect("ours");
}

#[test]
fn broken_files_are_told_with_all_that_is_wrong() {
    let folder = folder_with(&[
        world("hand", "manual").replace("count: 60", "count: -3").replace("seed: 2281", "seeds: 2281"),
        "id: Other World\n".to_owned(),
    ]);
    let (code, told) = refused(folder.path(), &ANY_PORTS);
    assert_eq!(code, Some(78), "{told}");
    for part in ["0.yaml:", "1.yaml:1:5", "count", "seeds", "errors in the configuration"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    let folder = folder_with(&[world("hand", "manual")]);
    let (code, told) =
        refused(folder.path(), &["serve", "--set", "host.worker_thread=4", "--set", "host.outstanding_ticks_max=no"]);
    assert_eq!(code, Some(78), "{told}");
    assert!(told.contains("worker_threads") && told.contains("outstanding_ticks_max"), "{told}");
}
