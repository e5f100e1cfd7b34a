//! Ticks at a steady rate, and an independent reader of what they lead to.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;
use worldtick::components::clock::{GameInstant, MICROS_PER_HOUR};
use worldtick::messages::{TickMessage, TickType};

use crate::measure::Report;

/// Topic of the ticks.
pub const TICKS: &str = "world.tick.hourly";
/// Topic of the server's events.
pub const EVENTS: &str = "simulation.event";
/// Topic of the loop's events.
pub const BARE_EVENTS: &str = "bench.event";
/// Events that a tick leads to.
pub const EVENTS_PER_TICK: usize = 5;
const PARTITIONS: i32 = 8;

/// Ticks to send.
#[derive(Debug, Clone)]
pub struct Load {
    /// Ticks a second.
    pub rate: f64,
    /// How many.
    pub ticks: usize,
    /// Whose latency is not counted, from the first: connections, code and the broker's caches warm up.
    pub warm_up: usize,
}

pub fn client(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

/// Makes the topics that are missing.
pub fn make_topics(servers: &str) -> Result<(), Box<dyn Error>> {
    let admin: AdminClient<DefaultClientContext> = client(servers).create()?;
    let names = [
        (TICKS, 3),
        ("world.tick.daily", 1),
        (EVENTS, PARTITIONS),
        (BARE_EVENTS, PARTITIONS),
        ("world.command", 8),
        ("worldtick.progress", 8),
        ("world.tick.hourly.dlq", 3),
        ("world.tick.daily.dlq", 1),
    ];
    let topics: Vec<_> =
        names.iter().map(|(name, partitions)| NewTopic::new(name, *partitions, TopicReplication::Fixed(1))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(admin.create_topics(&topics, &AdminOptions::new()))?;
    Ok(())
}

/// A consumer at the end of every partition of a topic, as it is now.
pub fn reader_at_end(servers: &str, topic: &str, partitions: i32) -> Result<BaseConsumer, Box<dyn Error>> {
    let consumer: BaseConsumer = client(servers)
        .set("group.id", format!("bench-{}", Uuid::new_v4()))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let mut places = TopicPartitionList::new();
    for partition in 0..partitions {
        let end = end_of(&consumer, topic, partition)?;
        places.add_partition_offset(topic, partition, Offset::Offset(end))?;
    }
    consumer.assign(&places)?;
    Ok(consumer)
}

/// Where a partition ends. One that was made a moment ago may not have a leader yet.
fn end_of(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<i64, Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)) {
            Ok((_, end)) => return Ok(end),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => std::thread::park_timeout(Duration::from_millis(50)),
        }
    }
}

/// Sends the load, and waits until every tick's events are visible on `topic`.
pub fn drive(servers: &str, load: &Load, topic: &str, first_hour: i64, world: &str) -> Result<Report, Box<dyn Error>> {
    let reader = reader_at_end(servers, topic, PARTITIONS)?;
    let (sent_at, sends) = mpsc::channel::<(Uuid, Instant)>();
    let (load_of_sender, servers_of_sender, world) = (load.clone(), servers.to_owned(), world.to_owned());
    let began = Instant::now();
    let sender = std::thread::spawn(move || {
        send(&servers_of_sender, &load_of_sender, first_hour, &world, &sent_at).map_err(|error| error.to_string())
    });
    let mut sent: BTreeMap<Uuid, (usize, Instant)> = BTreeMap::new();
    let mut seen: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut latencies = Vec::with_capacity(load.ticks.saturating_sub(load.warm_up));
    let mut through = 0;
    let deadline = began + Duration::from_secs_f64(load.ticks as f64 / load.rate * 3.0 + 60.0);
    while through < load.ticks {
        if Instant::now() > deadline {
            return Err(format!("only {through} of {} ticks came through", load.ticks).into());
        }
        let Some(message) = reader.poll(Duration::from_millis(50)) else { continue };
        let message = message?;
        let now = Instant::now();
        let Some(tick_id) = message.payload().and_then(tick_of) else { continue };
        let first = sent.len();
        sent.extend(sends.try_iter().enumerate().map(|(index, (id, at))| (id, (first + index, at))));
        let count = seen.entry(tick_id).or_insert(0);
        *count += 1;
        if *count == EVENTS_PER_TICK
            && let Some((index, at)) = sent.get(&tick_id)
        {
            through += 1;
            latencies.extend((*index >= load.warm_up).then(|| now.duration_since(*at)));
        }
    }
    let took = began.elapsed();
    sender.join().map_err(|_| "the sender failed")??;
    Ok(Report { ticks: load.ticks, took, latencies })
}

fn tick_of(body: &[u8]) -> Option<Uuid> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value.get("tick_id")?.as_str()?.parse().ok()
}

/// The ticks of a load, one every 1/rate seconds; the `first_hour` counts from the start of the game's calendar.
fn send(
    servers: &str,
    load: &Load,
    first_hour: i64,
    world: &str,
    sent: &mpsc::Sender<(Uuid, Instant)>,
) -> Result<(), Box<dyn Error>> {
    let producer: BaseProducer = client(servers).set("linger.ms", "0").set("enable.idempotence", "true").create()?;
    let began = Instant::now();
    for index in 0..load.ticks {
        let due = began + Duration::from_secs_f64(index as f64 / load.rate);
        while Instant::now() < due {
            producer.poll(Duration::ZERO);
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        let message = tick(first_hour + index as i64, world)?;
        let body = serde_json::to_vec(&message)?;
        // Before the send: a full queue is part of what is measured.
        sent.send((message.data.tick_id, Instant::now()))?;
        while producer.send(BaseRecord::to(TICKS).key(world).payload(&body)).is_err() {
            producer.poll(Duration::from_millis(5));
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(30))?;
    Ok(())
}

/// The tick of an hour.
pub fn tick(hour: i64, world: &str) -> Result<TickMessage, Box<dyn Error>> {
    let start: GameInstant = "2077-01-01T00:00:00Z".parse()?;
    let game_time = start.checked_add_micros(hour * MICROS_PER_HOUR).ok_or("beyond the calendar")?;
    let mut message =
        TickMessage::new(TickType::Hourly, Uuid::new_v4(), Uuid::new_v4(), game_time, jiff::Timestamp::now());
    message.world_id = Some(world.parse()?);
    Ok(message)
}
