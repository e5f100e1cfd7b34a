//! Compares what the server did with an undisturbed run, through a reader of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bevy_app::App;
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::components::clock::{GameInstant, MICROS_PER_HOUR};
use worldtick::messages::{Envelope, Input};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use super::ground::wait_for;
use super::script::{PARTITIONS, Script};
use super::server::{Server, world_file};

const LIMIT: Duration = Duration::from_secs(120);
/// Game hours that a live world lives undisturbed at the end.
const LIVE_HOURS: i64 = 24;
const COMMODITIES: usize = 5;

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
        app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
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
fn history(server: &mut Server, world: &str, outcome: &str) -> Vec<String> {
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

/// A world with a clock of its own: what it runs depends on when it was killed, so there is no run to compare with.
/// But its hours follow each other, each is on the topic once, and each clears every market once.
pub struct Live {
    world: &'static str,
    /// The ticks that it has asked for itself, as they are on the topic.
    own: Vec<Value>,
    /// Those that it has run, of others too.
    applied: BTreeSet<String>,
}

impl Live {
    /// Lets the world live for a while, stops its clock, and waits until it has run what it has asked for.
    pub fn at_rest(world: &'static str, server: &mut Server, bootstrap_servers: &str) -> Self {
        server.is_ready();
        let path = format!("/api/v1/worlds/{world}");
        let begun = server.get(&path)["now"].as_str().map(|now| now.parse::<GameInstant>().unwrap()).unwrap();
        let mut wait = |what: &str, found: &dyn Fn(&Value) -> bool| {
            wait_for(what, LIMIT, || server.try_get(&path).filter(found).map(|_| ()));
        };
        wait("the live world lives", &|view| {
            let now: GameInstant = view["now"].as_str().unwrap().parse().unwrap();
            now.micros_since(begun) > LIVE_HOURS * MICROS_PER_HOUR
        });
        server.post(&format!("{path}/pause"));
        let mut wait = |what: &str, found: &dyn Fn(&Value) -> bool| {
            wait_for(what, LIMIT, || server.try_get(&path).filter(found).map(|_| ()));
        };
        wait("the live world's own ticks come back", &|view| {
            assert_eq!(view["status"]["state"], "paused", "{view}");
            view["outstanding_ticks"] == 0
        });
        let ticks = read_all(bootstrap_servers, "world.tick.hourly");
        let own: Vec<Value> = of_world(&ticks, world).flatten().map(|bytes| json_of(bytes)).collect();
        let ids: BTreeSet<&str> = own.iter().map(|tick| tick["data"]["tick_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), own.len(), "each of its ticks is published once");
        let applied = wait_for("the live world has run all of its own ticks", LIMIT, || {
            let rows = history(server, world, "applied");
            let applied: BTreeSet<String> = rows.iter().cloned().collect();
            assert_eq!(applied.len(), rows.len(), "no tick is applied twice");
            ids.iter().all(|id| applied.contains(*id)).then_some(applied)
        });
        Self { world, own, applied }
    }

    /// Checks it against the topics.
    pub fn happened_once(&self, script: &Script, bootstrap_servers: &str) {
        let hours: Vec<GameInstant> =
            self.own.iter().map(|tick| tick["data"]["game_time"].as_str().unwrap().parse().unwrap()).collect();
        for pair in hours.windows(2) {
            assert_eq!(pair[1].micros_since(pair[0]), MICROS_PER_HOUR, "hour after hour, none is missing");
        }
        assert_eq!(self.applied.len(), self.own.len() + script.sent_to_all().len(), "its own ticks and those for all");
        let events = read_all(bootstrap_servers, "simulation.event");
        let mut markets = 0;
        for bytes in of_world(&events, self.world) {
            markets += 1;
            let found: Vec<String> =
                bytes.iter().map(|bytes| json_of(bytes)["tick_id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(found.len(), self.applied.len(), "{}: each tick clears each market once", self.world);
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), self.applied);
        }
        assert_eq!(markets, COMMODITIES);
        eprintln!("{}: {} ticks of its own and {} for all", self.world, hours.len(), script.sent_to_all().len());
    }
}

fn of_world<'f>(found: &'f Found, world: &'f str) -> impl Iterator<Item = &'f Vec<Vec<u8>>> {
    found.iter().filter(move |((of, _), _)| of == world).map(|(_, bytes)| bytes)
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The events that a reader of committed records finds, by key of world and event, in the order of their offsets.
type Found = BTreeMap<(String, String), Vec<Vec<u8>>>;

fn read_all(bootstrap_servers: &str, topic: &str) -> Found {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", format!("checker-{}", Uuid::new_v4()))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    let consumer = BaseConsumer::from_config(&config).unwrap();
    let metadata = wait_for("the checker reaches the brokers", LIMIT, || {
        consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).ok()
    });
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    let mut open: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
    consumer.assign(&list).unwrap();
    let mut found = Found::new();
    let mut places: BTreeMap<(String, String), i32> = BTreeMap::new();
    let start = Instant::now();
    while !open.is_empty() {
        assert!(start.elapsed() < LIMIT, "{topic} is not read to its end: {open:?} are left");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let bytes = message.payload().expect("every record has a value").to_vec();
                let world = json_of(&bytes)["world_id"].as_str().unwrap_or("all").to_owned();
                let key = (world, String::from_utf8(message.key().expect("every record has a key").to_vec()).unwrap());
                let place = *places.entry(key.clone()).or_insert(message.partition());
                // Ticks for everybody are sent wherever the script likes.
                assert!(place == message.partition() || key.0 == "all", "{key:?} stays on its partition");
                found.entry(key).or_default().push(bytes);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|other| *other != partition),
            Some(Err(error)) => eprintln!("the checker goes on after: {error}"),
            None => {}
        }
    }
    found
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
