//! What the tests of the bridge share: brokers, records in and out, and waiting that ends.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "helpers of tests; each file uses a part of them")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "helpers of tests")]

pub mod private_kafka;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use worldtick::plugins::bridge::topics::{self, TopicCatalogue, TopicSpec};
use worldtick::plugins::bridge::{Compression, EmbeddedBroker, KafkaSettings};

/// Nothing in these tests takes longer, on a slow machine too.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A broker to test against.
pub enum Broker {
    Mock(EmbeddedBroker),
    Kafka(String),
}

impl Broker {
    pub fn mock() -> Self {
        Self::Mock(EmbeddedBroker::start(0, &[]).expect("the embedded broker starts"))
    }

    /// Apache Kafka, where `WORLDTICK_TEST_KAFKA` names one. Where services are required it must.
    pub fn kafka() -> Option<Self> {
        let named = std::env::var("WORLDTICK_TEST_KAFKA").ok().filter(|servers| !servers.is_empty());
        let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
        assert!(named.is_some() || !required, "WORLDTICK_TEST_KAFKA must name an Apache Kafka cluster here");
        named.map(Self::Kafka)
    }

    pub fn settings(&self) -> KafkaSettings {
        match self {
            Self::Mock(broker) => KafkaSettings::new(broker.bootstrap_servers()),
            Self::Kafka(servers) => KafkaSettings::new(servers.clone()),
        }
    }

    /// Creates a topic under a name of its own and returns it.
    pub fn topic(&self, label: &str, partitions: i32) -> String {
        self.topic_with(label, partitions, |_| {})
    }

    pub fn topic_with(&self, label: &str, partitions: i32, change: impl FnOnce(&mut TopicSpec)) -> String {
        let mut spec = spec(&unique(label), partitions);
        change(&mut spec);
        match self {
            Self::Mock(broker) => broker.create_topic(&spec.name, partitions).expect("topic"),
            Self::Kafka(_) => {
                let catalogue = TopicCatalogue { topics: vec![spec.clone()] };
                let report = topics::apply(&self.settings(), &catalogue, None).expect("the cluster answers");
                assert!(!report.has_failures(), "{report}");
            }
        }
        spec.name
    }
}

pub fn spec(name: &str, partitions: i32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        retention_ms: 86_400_000,
        segment_ms: 3_600_000,
        cleanup_policy: "delete".into(),
        compression_type: "producer".into(),
        max_message_bytes: 1_048_576,
        grows: true,
        description: String::new(),
    }
}

/// A name that no other test and no earlier run has used.
pub fn unique(label: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{label}-{}-{}", &id[..10], NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A record to write, or one that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rec {
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub timestamp_ms: Option<i64>,
    pub offset: i64,
}

impl Rec {
    pub fn to(partition: i32, value: impl Into<Vec<u8>>) -> Self {
        Self { partition: Some(partition), value: Some(value.into()), ..Self::default() }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.value.clone().unwrap_or_default()).expect("text")
    }
}

/// Writes records and waits for every acknowledgement.
pub fn write(settings: &KafkaSettings, topic: &str, records: &[Rec]) {
    let producer = BaseProducer::from_config(&settings.producer(Compression::Lz4)).expect("producer");
    send(&producer, topic, records);
    producer.flush(LIMIT).expect("everything is acknowledged");
}

/// Writes records in one transaction, and commits or aborts it.
pub fn write_transaction(settings: &KafkaSettings, topic: &str, records: &[Rec], commit: bool) {
    let producer = BaseProducer::from_config(&settings.transactional_producer(Compression::Lz4, &unique("writer")))
        .expect("producer");
    producer.init_transactions(LIMIT).expect("init");
    producer.begin_transaction().expect("begin");
    send(&producer, topic, records);
    producer.flush(LIMIT).expect("flush");
    if commit {
        producer.commit_transaction(LIMIT).expect("commit");
    } else {
        producer.abort_transaction(LIMIT).expect("abort");
    }
}

fn send(producer: &BaseProducer, topic: &str, records: &[Rec]) {
    for rec in records {
        let headers = rec.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(value) })
        });
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).headers(headers);
        record.partition = rec.partition;
        record.key = rec.key.as_deref();
        record.payload = rec.value.as_deref();
        record.timestamp = rec.timestamp_ms;
        producer.send(record).map_err(|(error, _)| error).expect("taken");
    }
}

/// Reads everything that a reader of committed records finds, partition by partition from the start to the end.
pub fn read_all(settings: &KafkaSettings, topic: &str) -> Vec<Rec> {
    let consumer = BaseConsumer::from_config(&settings.consumer(&unique("checker"))).expect("consumer");
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT).expect("metadata");
    let partitions = metadata.topics()[0].partitions().len();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, i32::try_from(partition).expect("few"), Offset::Beginning).expect("offset");
    }
    consumer.assign(&list).expect("assign");
    let mut records = Vec::new();
    let mut ended = 0;
    let start = Instant::now();
    while ended < partitions {
        assert!(start.elapsed() < LIMIT, "{topic} was not read to its end");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => records.push(Rec {
                partition: Some(message.partition()),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map_or_else(Vec::new, |headers| {
                    headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
                }),
                timestamp_ms: message.timestamp().to_millis(),
                offset: message.offset(),
            }),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => {}
        }
    }
    records
}

/// Waits until `look` finds something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
