//! The world that ships, for a month of ticks, on Apache Kafka and PostgreSQL, while the server is killed: whatever its
//! markets, factions and crowd have to tell is told once, in order, and fits the published schemas.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use bevy_app::App;
use jsonschema::Validator;
use serde_json::Value;
use uuid::Uuid;
use worldtick::components::clock::{GameInstant, MICROS_PER_HOUR};
use worldtick::messages::{Envelope, Input, TickInput, TickType};
use worldtick::plugins::WorldPlugins;
use worldtick::world::GameWorld;
use worldtick::world::spec::{DEFAULT_WORLD, WorldSpec};

use super::ground::{Engine, Ground, wait_for};
use super::load::Sender;
use super::script::{Numbers, message_of};
use super::server::Launch;
use super::topics::{Found, json_of, of_world, read_all};

const WORLD: &str = "night-city";
const DAYS: i64 = 30;
const KILLS: u64 = 6;
/// Inputs of a life, at most twice as many.
const LIFE: u64 = 40;
const LIMIT: Duration = Duration::from_secs(300);
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/schemas");
/// What a month of this world tells, whatever else it does. People live between ticks, in the steps of a world that keeps
/// its own time.
const ALWAYS: [&str; 8] = [
    "agent_action",
    "aggregated_stats",
    "demand_signal",
    "diplomacy_summary",
    "diplomacy_update",
    "market_cleared",
    "population_movement",
    "social_trend",
];

/// The hours and days of the month, in the order in which they have to be run.
fn ticks() -> Vec<TickInput> {
    let start: GameInstant = "2077-01-01T00:00:00Z".parse().expect("a time");
    let tick = |tick_type: TickType, hour: i64| TickInput {
        tick_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("month:{}:{hour}", tick_type.as_str()).as_bytes()),
        tick_type,
        game_time: start.checked_add_micros(hour * MICROS_PER_HOUR).expect("within the calendar"),
    };
    let hours = 1..=24 * DAYS;
    hours
        .flat_map(|hour| {
            let day = (hour % 24 == 0).then(|| tick(TickType::Daily, hour));
            [Some(tick(TickType::Hourly, hour)), day].into_iter().flatten()
        })
        .collect()
}

/// The file of the world: what ships, but for a clock that waits for ticks.
fn file() -> String {
    let text = DEFAULT_WORLD.replace("\nclock: live\n", "\nclock: ticks\n");
    assert_ne!(text, DEFAULT_WORLD);
    text
}

/// The bytes of all events of an undisturbed run, by key, and the hash at its end.
fn undisturbed(ticks: &[TickInput], incarnation: Uuid) -> (BTreeMap<String, Vec<Vec<u8>>>, String) {
    let spec = WorldSpec::from_yaml(&file()).unwrap();
    let mut app = App::new();
    app.add_plugins(WorldPlugins { spec });
    let mut world = GameWorld::create(app, incarnation).unwrap();
    let mut events: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for tick in ticks {
        for event in world.apply(&Input::Tick(tick.clone())).unwrap().events {
            events.entry(event.key.clone()).or_default().push(event.to_bytes(Envelope::Flat));
        }
    }
    (events, world.state_hash().unwrap().to_string())
}

/// The published schema of every event, as the files have them.
fn validators() -> BTreeMap<String, Validator> {
    let files = fs::read_dir(SCHEMAS).unwrap().map(|entry| entry.unwrap());
    let schemas = files.filter_map(|file| {
        let name = file.file_name().into_string().unwrap();
        let event = name.strip_suffix(".schema.json").filter(|name| name.starts_with("simulation.event."))?;
        let schema: Value = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        Some((event.to_owned(), validator))
    });
    schemas.collect()
}

/// Checks every event of the world against its schema, and gives how many there are of each type.
fn validate(found: &Found) -> BTreeMap<String, usize> {
    let validators = validators();
    let mut counts = BTreeMap::new();
    for bytes in of_world(found, WORLD).flatten() {
        let event = json_of(bytes);
        let name = event["event_type"].as_str().unwrap().to_owned();
        let validator = validators.get(&name).unwrap_or_else(|| panic!("{name} has no published schema"));
        if let Some(error) = validator.iter_errors(&event).next() {
            panic!("{name}: {}: {error}\n{event:#}", error.instance_path());
        }
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_month_of_the_world_that_ships_is_told_once_through_kills_and_fits_the_schemas() {
    let Some(ground) = Ground::start(Engine::Postgres) else { return };
    let began = Instant::now();
    let servers = ground.bootstrap_servers();
    let ticks = ticks();
    let sender = Sender::new(&servers);
    for tick in &ticks {
        let topic = format!("world.tick.{}", tick.tick_type.as_str());
        sender.send_to(&topic, WORLD.as_bytes(), &message_of(Some(WORLD), tick));
    }
    sender.finish();
    let mut launch = Launch::new(&ground, "month");
    launch.only_world(WORLD, &file());
    launch.set("WORLDTICK_HOST_INPUTS_PER_COMMIT_MAX", "8");
    launch.set("WORLDTICK_KAFKA_MERGE_HOLD_MAX_SECONDS", "60");
    let mut numbers = Numbers::new(30);
    for _ in 0..KILLS {
        let mut server = launch.start();
        server.goes_on(LIFE + numbers.below(LIFE));
        server.kill();
    }
    let mut server = launch.start();
    server.is_ready();
    let path = format!("/api/v1/worlds/{WORLD}");
    let incarnation = server.get(&path)["incarnation"].as_str().unwrap().parse().unwrap();
    let (expected, hash) = undisturbed(&ticks, incarnation);
    wait_for("the month is over", LIMIT, || {
        server.still_runs();
        let world = server.try_get(&path)?;
        assert_eq!(world["status"]["state"], "running", "{world}");
        (world["state_hash"] == hash.as_str()).then_some(())
    });
    server.stop();

    let found = read_all(&servers, "simulation.event");
    let counts = validate(&found);
    for name in ALWAYS {
        assert!(counts.contains_key(&format!("simulation.event.{name}")), "{name}: {counts:?}");
    }
    let ours = || found.iter().filter(|((world, _), _)| world == WORLD).map(|((_, key), bytes)| (key, bytes));
    for (key, bytes) in ours() {
        assert_eq!(Some(bytes), expected.get(key), "{key}: the same bytes in the same order, each once");
    }
    assert_eq!(ours().count(), expected.len(), "no key is missing");
    eprintln!("{} ticks, {KILLS} kills, {:.0} s: {counts:#?}", ticks.len(), began.elapsed().as_secs_f64());
}
