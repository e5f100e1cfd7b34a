//! The server is killed at every named place and at random, again and again, while ticks arrive.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::check;
use super::ground::{Engine, Ground, factor};
use super::live::Live;
use super::load::{Load, Sender};
use super::script::{Numbers, Script};
use super::server::Launch;

/// Every place at which the program can be told to die while ticks arrive.
const PLACES: [&str; 15] = [
    "start.before_places",
    "start.after_places",
    "start.after_init",
    "store.commit.before",
    "store.commit.after_fence",
    "store.commit.before_commit",
    "store.commit.after_commit",
    "store.mark.after",
    "store.snapshot.before",
    "store.snapshot.after",
    "publish.before_begin",
    "publish.after_send",
    "publish.before_offsets",
    "publish.before_commit",
    "publish.after_commit",
];
/// Those that only somebody passes who asks for a change over HTTP; `server::audit` and `server_services_worlds` kill
/// there.
const ASKED_FOR: [&str; 2] = ["admin.audit.begun", "admin.audit.answered"];
/// Ticks for everybody that are there before the first start.
const BACKLOG: usize = 800;
/// Different ticks in all.
const TICKS: usize = 2_400;
/// A world with a clock of its own, whose ticks go to Kafka and come back.
const LIVE_WORLD: &str = "delta";
const RANDOM_KILLS: usize = 10;
/// A random kill comes within this time after the start: during it, too.
const LIFE_MAX_MS: u64 = 4_000;
const PLACE_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_server_on_sqlite_may_be_killed_anywhere() {
    kill_again_and_again(Engine::Sqlite);
}

#[test]
fn a_server_on_postgresql_may_be_killed_anywhere() {
    kill_again_and_again(Engine::Postgres);
}

fn kill_again_and_again(engine: Engine) {
    let Some(ground) = Ground::start(engine) else { return };
    let began = Instant::now();
    let servers = ground.bootstrap_servers();
    let mut script = Script::new(2_077);
    let sender = Sender::new(&servers);
    for _ in 0..BACKLOG * factor() {
        sender.send(&script.for_all());
    }
    sender.finish();
    let load = Load::begin(&servers, script, 40);
    let mut launch = Launch::new(&ground, "server");
    launch.set("WORLDTICK_HOST_INPUTS_PER_COMMIT_MAX", "8");
    launch.set("WORLDTICK_HOST_RECOVERY_SECONDS_MAX", "0.1");
    // Ticks for everybody keep their order for as long as no partition counts as silent.
    launch.set("WORLDTICK_KAFKA_MERGE_HOLD_MAX_SECONDS", "60");
    launch.add_live_world(LIVE_WORLD);
    let mut numbers = Numbers::new(11);
    let mut deaths: Vec<Option<&str>> = vec![None; RANDOM_KILLS];
    deaths.extend(PLACES.map(Some));
    let mut deaths = deaths.repeat(factor());
    for at in (1..deaths.len()).rev() {
        deaths.swap(at, usize::try_from(numbers.below(at as u64 + 1)).unwrap());
    }
    for death in &deaths {
        match death {
            Some(place) => {
                // A start passes its places once.
                let count =
                    if place.contains("snapshot") || place.starts_with("start.") { 1 } else { 1 + numbers.below(5) };
                let mut server = launch.start_to_die_at(&format!("{place}:{count}"));
                let status = server.wait(PLACE_LIMIT);
                assert_eq!(status.signal(), Some(6), "it dies at {place}: {status}\n{}", server.said());
            }
            None => {
                let server = launch.start();
                std::thread::park_timeout(Duration::from_millis(numbers.below(LIFE_MAX_MS)));
                server.kill();
            }
        }
    }
    eprintln!("{engine:?}: {} kills in {:.0} s", deaths.len(), began.elapsed().as_secs_f64());
    assert!(deaths.len() >= 20);
    let mut server = launch.start();
    let script = load.finish(TICKS * factor());
    assert!(script.repeats() * 5 >= script.ticks() + script.repeats(), "a fifth of all records are repetitions");
    let live = Live::at_rest(LIVE_WORLD, &mut server, &servers);
    check::everything_happened_once(&script, server, &servers);
    live.happened_once(&script, &servers);
}

#[test]
fn the_list_of_places_is_whole() {
    let mut found = BTreeSet::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    assert_eq!(found, PLACES.into_iter().chain(ASKED_FOR).map(str::to_owned).collect());
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("failpoint::hit(\"").skip(1).filter_map(|rest| rest.split('"').next());
            found.extend(names.map(str::to_owned));
        }
    }
}
