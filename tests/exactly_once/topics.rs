//! What a reader of committed records finds on a topic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use uuid::Uuid;

use super::ground::wait_for;

const LIMIT: Duration = Duration::from_secs(120);

pub fn of_world<'f>(found: &'f Found, world: &'f str) -> impl Iterator<Item = &'f Vec<Vec<u8>>> {
    found.iter().filter(move |((of, _), _)| of == world).map(|(_, bytes)| bytes)
}

pub fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The events that a reader of committed records finds, by key of world and event, in the order of their offsets.
pub type Found = BTreeMap<(String, String), Vec<Vec<u8>>>;

/// Reads a topic to its end.
pub fn read_all(bootstrap_servers: &str, topic: &str) -> Found {
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
