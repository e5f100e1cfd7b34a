//! Compares what the server did with an undisturbed run, through a reader of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bevy_app::App;
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::messages::{Envelope, Input};
use worldtick::plugins::WorldPlugins;
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use super::script::{PARTITIONS, Script};
use super::server::{Server, world_file};
use super::topics::{Found, of_world, read_all};

const LIMIT: Duration = Duration::from_secs(120);
/// Markets of every world.
pub const COMMODITIES: usize = 5;

/// An undisturbed run of one world.
struct Undisturbed {
    name: &'static str,
    world: GameWorld,
    hash: String,
    /// The bytes of all events in their order, by key.
    events: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Undisturbed {
    fn run(script: &Script, number: usize, incarnation: Uuid) -> Self {
        let mut app = App::new();
        let spec = WorldSpec::from_yaml(&world_file(number)).unwrap();
        app.add_plugins(WorldPlugins { spec });
        let mut world = GameWorld::create(app, incarnation).unwrap();
        let mut events: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for tick in script.expected(number) {
            let outcome = world.apply(&Input::Tick(tick.clone())).unwrap();
            let cleared = outcome.events.iter().filter(|event| event.event_type.ends_with(".market_cleared")).count();
            assert_eq!(cleared, COMMODITIES, "every tick clears every market");
            for event in outcome.events {
                events.entry(event.key.clone()).or_default().push(event.to_bytes(Envelope::Flat));
            }
        }
        let hash = world.state_hash().unwrap().to_string();
        Self { name: Script::worlds()[number], world, hash, events }
    }
}

/// Waits until the server has run everything, stops it in good order, and compares everything with an undisturbed run
/// of the same ticks.
pub fn everything_happened_once(script: &Script, mut server: Server, bootstrap_servers: &str) {
    let began = Instant::now();
    server.is_ready();
    let mut runs: Vec<Undisturbed> = (0..PARTITIONS)
        .map(|number| {
            let view = server.get(&format!("/api/v1/worlds/{}", Script::worlds()[number]));
            Undisturbed::run(script, number, view["incarnation"].as_str().unwrap().parse().unwrap())
        })
        .collect();
    let replayed = began.elapsed();
    for run in &runs {
        states_agree(run, &mut server);
    }
    for run in &mut runs {
        money_and_goods_agree(run, &mut server);
    }
    histories_agree(script, &mut server);
    server.stop();
    let found = read_all(bootstrap_servers, "simulation.event");
    let total: usize = Script::worlds().iter().flat_map(|world| of_world(&found, world)).map(Vec::len).sum();
    for run in &runs {
        events_agree(run, &found);
    }
    let expected: usize = runs.iter().flat_map(|run| run.events.values()).map(Vec::len).sum();
    assert_eq!(total, expected, "and there is nothing else of these worlds on the topic");
    eprintln!(
        "{} ticks and {} repetitions: {total} events, each once and in order, the same bytes; states, money and goods \
         agree ({:.1} s for the undisturbed run, {:.1} s in all)",
        script.ticks(),
        script.repeats(),
        replayed.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
}

fn states_agree(run: &Undisturbed, server: &mut Server) {
    let path = format!("/api/v1/worlds/{}", run.name);
    let mut last = Value::Null;
    let start = Instant::now();
    loop {
        last = server.try_get(&path).unwrap_or(last);
        assert_eq!(last["status"]["state"], "running", "{last}");
        if last["state_hash"] == run.hash.as_str() {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{} does not come to state {}: {last}", run.name, run.hash);
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Asks for everybody's money and goods.
fn money_and_goods_agree(run: &mut Undisturbed, server: &mut Server) {
    let name = run.name;
    let mut ask = |path: String, query: &str, payload: Value| {
        let found = server.get(&format!("/api/v1/worlds/{name}{path}"));
        let expected = run.world.query(query, payload).unwrap();
        // Through text, as the answer came.
        let expected: Value = serde_json::from_str(&expected.to_string()).unwrap();
        assert_eq!(found, expected, "{name}{path}");
        found
    };
    let all = ask("/agents?limit=500".into(), "economy.agents", json!({ "limit": 500 }));
    let agents = all["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 60, "{name}");
    for agent in agents {
        ask(format!("/agents/{}", agent["id"]), "economy.agent", json!({ "id": agent["id"] }));
    }
}

/// The history names every tick once as applied, every repetition as such, and nothing as late.
fn histories_agree(script: &Script, server: &mut Server) {
    for (number, world) in Script::worlds().into_iter().enumerate() {
        let mut count = |outcome: &str| history(server, world, outcome).len();
        assert_eq!(count("late"), 0, "{world}: nothing is late");
        assert_eq!(count("applied"), script.expected(number).len(), "{world}: every tick is applied once");
    }
}

/// The ids of a world's ticks with this outcome.
pub fn history(server: &mut Server, world: &str, outcome: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/api/v1/ticks?world={world}&outcome={outcome}&limit=1000{cursor}"));
        ids.extend(page["items"].as_array().unwrap().iter().map(|row| row["tick_id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

fn events_agree(run: &Undisturbed, found: &Found) {
    for (key, expected) in &run.events {
        let name = run.name;
        let empty = Vec::new();
        let found = found.get(&(name.to_owned(), key.clone())).unwrap_or(&empty);
        let text = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        if let Some(at) = (0..expected.len().max(found.len())).find(|&at| expected.get(at) != found.get(at)) {
            panic!(
                "{name}, {key}: {} events instead of {}; event {at} is\n{:?}\ninstead of\n{:?}",
                found.len(),
                expected.len(),
                text(found.get(at)),
                text(expected.get(at))
            );
        }
    }
}
