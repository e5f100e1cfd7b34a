//! Brokers are killed and started again, one after the other, while the server works and is killed as well; and one
//! topic cannot be written for so long that the outbox fills.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::check;
use super::ground::{Engine, Ground, factor, wait_for};
use super::load::Load;
use super::script::Script;
use super::server::Launch;

/// Ticks that must run while a broker is away, and after it has come back.
const WHILE_AWAY: u64 = 40;
const AFTERWARDS: u64 = 20;
/// The least that an outbox may be allowed to hold.
const OUTBOX_ROWS: usize = 100;
const PER_COMMIT: usize = 4;
/// Each market cleared, demand for each commodity, and what agents did.
const EVENTS_PER_TICK: usize = 11;
/// Longer than a transaction may last.
const OUTAGE: Duration = Duration::from_secs(25);
const OUTAGE_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn brokers_and_the_server_may_be_killed_in_turn() {
    let Some(mut ground) = Ground::start(Engine::Sqlite) else { return };
    let servers = ground.bootstrap_servers();
    let load = Load::begin(&servers, Script::new(3), 40);
    let mut launch = Launch::new(&ground, "server");
    let mut server = launch.start();
    server.is_ready();
    for _ in 0..factor() {
        for node in 1..=ground.kafka.nodes() {
            ground.kafka.kill(node);
            server.goes_on(WHILE_AWAY);
            server.kill();
            server = launch.start();
            server.goes_on(WHILE_AWAY);
            ground.kafka.restart(node).unwrap();
            server.goes_on(AFTERWARDS);
            server.kill();
            server = launch.start();
        }
    }
    let script = load.finish(0);
    check::everything_happened_once(&script, server, &servers);
}

#[test]
fn an_outbox_that_is_full_stops_the_worlds_until_the_brokers_are_back() {
    let Some(mut ground) = Ground::start(Engine::Sqlite) else { return };
    let servers = ground.bootstrap_servers();
    // With one broker away ticks can still be written and read, but no event.
    want_replicas_in_sync(&servers, "simulation.event", 3);
    let load = Load::begin(&servers, Script::new(6), 40);
    let mut launch = Launch::new(&ground, "server");
    launch.set("WORLDTICK_HOST_OUTBOX_ROWS_MAX", OUTBOX_ROWS.to_string());
    launch.set("WORLDTICK_HOST_INPUTS_PER_COMMIT_MAX", PER_COMMIT.to_string());
    let mut server = launch.start();
    server.is_ready().goes_on(AFTERWARDS);
    // The one to go is the one that keeps the position of the outbox: the worst choice.
    let node = coordinator(&servers, &format!("worldtick-{}", server.store_id()));
    ground.kafka.kill(node);
    let away = Instant::now();
    wait_for("the outbox is full", OUTAGE_LIMIT, || {
        server.still_runs();
        let (ready, words) = server.readiness()?;
        (!ready && words.contains("nothing is taken in")).then_some(())
    });
    // What was under way comes to an end; then nothing moves, however many ticks arrive.
    let mut last = server.inputs().unwrap();
    let still = wait_for("the worlds stand still", OUTAGE_LIMIT, || {
        std::thread::park_timeout(Duration::from_secs(2));
        let before = std::mem::replace(&mut last, server.inputs()?);
        (before == last).then_some(last)
    });
    wait_for("transactions have timed out", OUTAGE_LIMIT, || (away.elapsed() > OUTAGE).then_some(()));
    assert_eq!(server.inputs(), Some(still));
    let (_, words) = server.readiness().unwrap();
    let rows: usize = words
        .split(" rows wait")
        .next()
        .unwrap()
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap()
        .parse()
        .unwrap();
    // Taken in before the outbox was full: up to four commits of units, one of them on its way.
    let most = OUTBOX_ROWS + 5 * PER_COMMIT * EVENTS_PER_TICK;
    assert!((OUTBOX_ROWS..=most).contains(&rows), "{rows} rows wait, of at most {most}");
    ground.kafka.restart(node).unwrap();
    server.is_ready().goes_on(WHILE_AWAY);
    let script = load.finish(0);
    check::everything_happened_once(&script, server, &servers);
}

/// The broker that coordinates a group: it leads the partition of the offsets that the group's name falls on.
fn coordinator(bootstrap_servers: &str, group: &str) -> usize {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    let consumer = BaseConsumer::from_config(&config).unwrap();
    let metadata = consumer.fetch_metadata(Some("__consumer_offsets"), OUTAGE_LIMIT).unwrap();
    let partitions = metadata.topics()[0].partitions();
    // As Java hashes text.
    let hash = group.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    let partition = (hash & i32::MAX) % i32::try_from(partitions.len()).unwrap();
    let found = partitions.iter().find(|found| found.id() == partition).unwrap();
    usize::try_from(found.leader()).unwrap()
}

fn want_replicas_in_sync(bootstrap_servers: &str, topic: &str, count: usize) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    let admin: AdminClient<DefaultClientContext> = AdminClient::from_config(&config).unwrap();
    let count = count.to_string();
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("min.insync.replicas", &count);
    let options = AdminOptions::new().request_timeout(Some(OUTAGE_LIMIT));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let results = runtime.block_on(admin.alter_configs(&[change], &options)).unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}
