//! The first minute of somebody new: the program without arguments, in a folder with nothing in it, and every client
//! command against the server that it starts.

#![cfg(all(feature = "server", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and have limits in wall time"
)]

#[path = "server_support/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use program::program;
use serde_json::Value;
use worldtick::world::spec::DEFAULT_WORLD;

/// For what is not measured in the world's own seconds: what builds and tests at the same time may take its part.
const SOON: Duration = Duration::from_secs(40);

/// A process that ends with the test.
struct Ours(Child);

impl Drop for Ours {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines that a process writes, until one has this in it. Reads on, so that the process never waits for its reader.
fn lines_until(process: &mut Child, last: &str) -> Vec<String> {
    let stderr = BufReader::new(process.stderr.take().expect("a pipe"));
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    let began = Instant::now();
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv_timeout(SOON.saturating_sub(began.elapsed())) {
        let found = line.contains(last);
        seen.push(line);
        if found {
            return seen;
        }
    }
    panic!("no line has `{last}` in it:\n{}", seen.join("\n"));
}

/// Runs a client command to its end; gives what it writes.
fn ask(folder: &Path, server: &str, arguments: &[&str]) -> String {
    let mut command = program(folder, arguments);
    let child = command.env("WORLDTICK_SERVER", server).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = Ours(child.expect("it runs"));
    // Read beside the wait: a pipe that is full would hold the process.
    let mut stdout = child.0.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().expect("it is ours") {
            break status;
        }
        assert!(began.elapsed() < SOON, "{arguments:?} does not end");
        std::thread::park_timeout(Duration::from_millis(10));
    };
    let mut told = String::new();
    child.0.stderr.take().expect("a pipe").read_to_string(&mut told).expect("text");
    assert_eq!(status.code(), Some(0), "{arguments:?}: {told}");
    reader.join().expect("it reads").expect("text")
}

fn json(folder: &Path, server: &str, arguments: &[&str]) -> Value {
    let text = ask(folder, server, &[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

#[test]
fn the_program_without_arguments_shows_markets_that_move_and_obeys_every_client_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut server = program(folder, &[]);
    // Other tests run beside this one: only the ports are not the usual ones.
    server.env("WORLDTICK_KAFKA_EMBEDDED_PORT", "0").env("WORLDTICK_ADMIN_LISTEN", "127.0.0.1:0");
    let mut process = Ours(server.stderr(Stdio::piped()).spawn().expect("it runs"));
    let banner = lines_until(&mut process.0, "readyz?verbose");
    let began = Instant::now();
    let text = banner.join("\n");
    assert!(text.contains("for trying out"), "{text}");
    let to_try = banner.iter().skip_while(|line| !line.contains("Things to try")).skip(1);
    assert_eq!(to_try.filter(|line| line.starts_with("  ")).count(), 3, "{text}");
    let admin = banner.iter().find_map(|line| line.trim().strip_prefix("admin API ")).expect("where the API is");
    let address = admin.split_whitespace().next().expect("an address").trim_end_matches("/api/v1");

    let events = ask(folder, address, &["events", "tail", "--last", "0", "--count", "11", "--output", "json"]);
    let types: BTreeSet<String> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["event_type"].to_string())
        .collect();
    assert!(types.contains("\"simulation.event.market_cleared\""), "{types:?}");
    // The world says how its seconds pass; ten of them are what is promised, whatever else this machine does.
    let world = json(folder, address, &["worlds", "show", "night-city"]);
    assert_eq!((&world["clock"], world["time_scale"].as_f64()), (&"live".into(), Some(3_600.0)), "{world:#}");
    let within = the_world_that_ships_begins() + jiff::SignedDuration::from_hours(10);
    for commodity in ["Crystal", "Food", "Metal", "Weapon", "Wood"] {
        let market = format!("market-{commodity}");
        loop {
            let shown = json(folder, address, &["markets", "show", "night-city", &market, "--limit", "100"]);
            let rows = shown["items"].as_array().expect("items").clone();
            let time = |row: &Value| row["game_time"].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
            let (early, late): (Vec<&Value>, Vec<&Value>) =
                rows.iter().partition(|row| time(row).unwrap_or_else(|| panic!("{row:#}")) <= within);
            let prices: BTreeSet<String> = early.iter().map(|row| row["price"].to_string()).collect();
            if prices.len() > 1 {
                break;
            }
            assert!(late.is_empty(), "{market} does not move within ten seconds: {rows:#?}");
            assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        }
    }

    every_client_command(folder, address);
    let ended = Command::new("kill").args(["-INT", &process.0.id().to_string()]).status().expect("kill runs");
    assert!(ended.success());
    let began = Instant::now();
    while process.0.try_wait().expect("ours").is_none() {
        assert!(began.elapsed() < SOON, "it does not end");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert_eq!(process.0.wait().expect("ours").code(), Some(0));
}

/// Where the time of the world without a file of its own begins.
fn the_world_that_ships_begins() -> jiff::Timestamp {
    let begins = DEFAULT_WORLD.lines().find_map(|line| line.strip_prefix("startsAt: "));
    begins.and_then(|time| time.trim().parse().ok()).expect("it says so")
}

fn every_client_command(folder: &Path, address: &str) {
    let table = |arguments: &[&str]| ask(folder, address, arguments);
    let json = |arguments: &[&str]| json(folder, address, arguments);
    let listed = table(&["worlds", "list"]);
    assert!(listed.contains("night-city") && listed.contains("live"), "{listed}");
    let shown = json(&["worlds", "show", "night-city"]);
    assert_eq!(shown["status"]["state"], "running", "{shown:#}");

    json(&["worlds", "pause", "night-city", "--reason", "looking around"]);
    let paused = json(&["worlds", "show", "night-city"]);
    assert_eq!(paused["status"]["state"], "paused", "{paused:#}");
    json(&["worlds", "step", "night-city", "--steps", "2"]);
    let stepped = json(&["worlds", "show", "night-city"]);
    let instant = |world: &Value| world["now"].as_str().and_then(|now| now.parse::<jiff::Timestamp>().ok()).unwrap();
    let moved = instant(&stepped).duration_since(instant(&paused));
    assert_eq!(moved, jiff::SignedDuration::from_hours(2), "--steps alone are hours, as the help says");
    // Asked for again under its id it is not done again.
    let by_id = ["worlds", "step", "night-city", "--command-id", "550e8400-e29b-41d4-a716-446655440000"];
    let first = json(&by_id);
    assert_eq!(json(&by_id), first);
    let again = json(&["worlds", "show", "night-city"]);
    assert_eq!(instant(&again).duration_since(instant(&stepped)), jiff::SignedDuration::from_hours(1));
    let set = ["worlds", "set", "night-city", "timeScale=3599", "--command-id", "650e8400-e29b-41d4-a716-446655440000"];
    assert_eq!(json(&set), json(&set), "what it changed the first time is told");
    json(&["worlds", "resume", "night-city"]);
    // Nor is a pause, which would stop the world once more.
    let until = ["--until", "2100-01-01T00:00:00Z", "--command-id", "750e8400-e29b-41d4-a716-446655440000"];
    let pause = [&["worlds", "pause", "night-city"][..], &until].concat();
    let paused = json(&pause);
    json(&["worlds", "resume", "night-city"]);
    assert_eq!(json(&pause), paused);
    assert_eq!(json(&["worlds", "show", "night-city"])["status"]["state"], "running");

    let ticked = json(&["worlds", "tick", "night-city"]);
    let tick_id = ticked["tick_id"].as_str().unwrap_or_else(|| panic!("{ticked:#}")).to_owned();
    let began = Instant::now();
    loop {
        let ticks = json(&["ticks", "list", "--world", "night-city", "--outcome", "applied"]);
        let items = ticks["items"].as_array().expect("items");
        if items.iter().any(|tick| tick["tick_id"] == tick_id.as_str()) {
            break;
        }
        assert!(began.elapsed() < SOON, "the tick is not in the history: {ticks:#}");
    }

    let markets = table(&["markets", "list"]);
    assert!(markets.contains("market-Food"), "{markets}");
    let history = json(&["markets", "show", "night-city", "market-Food", "--limit", "3"]);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(3), "{history:#}");

    let npcs = table(&["npcs", "list", "night-city", "--limit", "500"]);
    assert!(npcs.contains("mara-voss"), "{npcs}");
    assert_eq!(json(&["npcs", "pin", "night-city", "mara-voss", "detailed"])["tier"], "detailed");
    let focus = ["npcs", "focus", "night-city", "--kind", "story", "--npc", "teo-brandt", "--for", "3600"];
    assert_eq!(json(&focus)["npcs"], 1);
    let why = table(&["npcs", "explain", "night-city", "mara-voss"]);
    assert!(why.starts_with("mara-voss (npc-") && why.contains("CATEGORY PREF"), "{why}");
    assert_eq!(json(&["npcs", "unpin", "night-city", "mara-voss"])["before"], "detailed");
    let frame = table(&["top", "--once"]);
    assert!(frame.starts_with("1 worlds: 1 running") && frame.contains("\nnight-city  running"), "{frame}");

    let before = json(&["worlds", "show", "night-city"]);
    json(&["worlds", "reset", "night-city", "--yes"]);
    let after = json(&["worlds", "show", "night-city"]);
    assert!(instant(&after) < instant(&before), "it has begun anew: {after:#}");
}
