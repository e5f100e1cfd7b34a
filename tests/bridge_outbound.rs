//! Publishing the outbox: every row once, through restarts, kills and brokers that refuse.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod bridge_support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge_support::private_kafka::PrivateKafka;
use bridge_support::{Broker, LIMIT, Rec, read_all, unique, wait_for, write};
use crossbeam_channel::{Receiver, unbounded};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use uuid::Uuid;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::outbound::{
    Ahead, Guarantee, OutboundConfig, OutboundHooks, OutboxSource, OutboxUnavailable, Published, PublisherEvent,
    PublisherFatal, PublisherHandle, PublisherStatus, spawn,
};
use worldtick::plugins::store::{OutboxRow, ShardId};

/// An outbox in memory.
#[derive(Clone, Default)]
struct Outbox {
    rows: Arc<Mutex<Vec<OutboxRow>>>,
    away: Arc<AtomicBool>,
}

impl OutboxSource for Outbox {
    fn rows_after(&self, shard: ShardId, id: i64, limit: usize) -> Result<Vec<OutboxRow>, OutboxUnavailable> {
        if self.away.load(Ordering::Relaxed) {
            return Err(OutboxUnavailable("the database is away".into()));
        }
        let rows = self.rows.lock().unwrap();
        Ok(rows.iter().filter(|row| row.shard == shard && row.id > id).take(limit).cloned().collect())
    }
}

impl Outbox {
    /// Rows 1 to `last` of a shard, with keys that spread over partitions.
    fn fill(&self, topic: &str, shard: ShardId, ids: std::ops::RangeInclusive<i64>) {
        self.rows.lock().unwrap().extend(ids.map(|id| row(topic, shard, id)));
    }

    fn last_ids(&self) -> BTreeMap<ShardId, i64> {
        self.rows.lock().unwrap().iter().map(|row| (row.shard, row.id)).collect()
    }
}

fn row(topic: &str, shard: ShardId, id: i64) -> OutboxRow {
    OutboxRow {
        shard,
        id,
        event_id: Uuid::from_u128(u128::from(id.unsigned_abs()) << 8 | u128::from(shard.unsigned_abs())),
        topic: topic.to_owned(),
        event_type: "simulation.event.market_cleared".into(),
        key: Some(format!("market-{}", id % 5).into_bytes()),
        headers: vec![("event_type".into(), b"simulation.event.market_cleared".to_vec()), ("empty".into(), Vec::new())],
        body: Some(format!("{shard}/{id}").into_bytes()),
        ..OutboxRow::default()
    }
}

fn config(store_id: Uuid, progress: &str, outbox: &Outbox, shards: ShardId) -> OutboundConfig {
    let marks = (0..shards).map(|shard| (shard, 0)).collect();
    OutboundConfig {
        progress_topic: progress.to_owned(),
        poll_interval: Duration::from_millis(200),
        hold_interval: Duration::from_millis(200),
        rows_max: 50,
        ..OutboundConfig::new(store_id, marks, outbox.last_ids())
    }
}

struct Running {
    handle: PublisherHandle,
    events: Receiver<PublisherEvent>,
}

fn start(settings: &KafkaSettings, config: OutboundConfig, outbox: &Outbox, hooks: OutboundHooks) -> Running {
    let (tx, events) = unbounded();
    Running { handle: spawn(settings, config, outbox.clone(), hooks, tx).expect("starts"), events }
}

impl Running {
    /// Collects what is published until every shard has reached its id.
    fn until(&self, goal: &BTreeMap<ShardId, i64>) -> Vec<Published> {
        let mut all = Vec::new();
        let mut reached: BTreeMap<ShardId, i64> = self.handle.positions();
        while reached != *goal {
            match self.events.recv_timeout(LIMIT).expect("news") {
                PublisherEvent::Published(published) => {
                    reached.extend(published.marks.iter().copied());
                    all.push(published);
                }
                PublisherEvent::Positioned { marks } => reached = marks,
                PublisherEvent::Fatal(fatal) => panic!("{fatal}"),
                PublisherEvent::Status(_) => {}
            }
        }
        all
    }

    fn held(&self) -> String {
        wait_for("the outbox is held", || match self.handle.status() {
            PublisherStatus::Held { detail } => Some(detail),
            _ => None,
        })
    }

    fn fatal(&self) -> PublisherFatal {
        loop {
            if let PublisherEvent::Fatal(fatal) = self.events.recv_timeout(LIMIT).expect("news") {
                return fatal;
            }
        }
    }

    fn stop(self) {
        assert!(self.handle.stop(Duration::from_secs(30)), "the publisher ends when it is told to");
    }
}

fn bodies(records: &[Rec]) -> Vec<String> {
    let mut bodies: Vec<String> = records.iter().map(Rec::text).collect();
    bodies.sort();
    bodies
}

fn expected(shards: ShardId, last: i64) -> Vec<String> {
    let mut all: Vec<String> = (0..shards).flat_map(|s| (1..=last).map(move |id| format!("{s}/{id}"))).collect();
    all.sort();
    all
}

/// Java's default partitioner, written down a second time.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h: u32 = 0x9747_b28c ^ u32::try_from(data.len()).unwrap();
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * index);
        }
        h = h.wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}

fn assert_in_order_per_key(records: &[Rec]) {
    let mut last: BTreeMap<(Vec<u8>, String), i64> = BTreeMap::new();
    for record in records {
        let text = record.text();
        let (shard, id) = text.split_once('/').expect("shard/id");
        let id: i64 = id.parse().expect("id");
        let known = last.insert((record.key.clone().expect("key"), shard.to_owned()), id);
        assert!(known.is_none_or(|known| known < id), "{text} came after {known:?}");
    }
}

#[test]
fn rows_arrive_whole_in_order_and_where_java_clients_would_put_them() {
    for (broker, guarantee) in
        [(Some(Broker::mock()), Guarantee::AtLeastOnce), (Broker::kafka(), Guarantee::ExactlyOnce)]
    {
        let Some(broker) = broker else { continue };
        let settings = broker.settings();
        let (topic, progress) = (broker.topic("event", 8), broker.topic("progress", 3));
        let outbox = Outbox::default();
        (0..3).for_each(|shard| outbox.fill(&topic, shard, 1..=200));
        let config = OutboundConfig { guarantee, ..config(Uuid::new_v4(), &progress, &outbox, 3) };
        let running = start(&settings, config, &outbox, OutboundHooks::default());
        let published = running.until(&outbox.last_ids());
        assert!(published.iter().all(|p| p.sizes.len() <= 50), "at most so many rows at a time");
        let total: u64 = published.iter().filter_map(|p| p.counts.get("simulation.event.market_cleared")).sum();
        assert_eq!(total, 600);
        let records = read_all(&settings, &topic);
        assert_eq!(bodies(&records), expected(3, 200));
        assert_in_order_per_key(&records);
        for record in &records {
            let key = record.key.as_deref().expect("key");
            let partition = i32::try_from((murmur2(key) & 0x7fff_ffff) % 8).unwrap();
            assert_eq!(record.partition, Some(partition), "{key:?}");
            assert_eq!(record.headers, row(&topic, 0, 1).headers);
        }
        // More while it runs.
        outbox.fill(&topic, 1, 201..=210);
        running.handle.wake(&[(1, 210)]);
        running.until(&outbox.last_ids());
        running.stop();
        assert_eq!(read_all(&settings, &topic).len(), 610);
    }
}

#[test]
fn a_restart_goes_on_where_kafka_says_even_if_the_database_knows_less() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 2));
    let store = Uuid::new_v4();
    let outbox = Outbox::default();
    (0..2).for_each(|shard| outbox.fill(&topic, shard, 1..=70));
    for round in 1..=3 {
        // The marks say zero each time, as if the process had died before it wrote them.
        let running = start(&settings, config(store, &progress, &outbox, 2), &outbox, OutboundHooks::default());
        running.until(&outbox.last_ids());
        running.stop();
        assert_eq!(bodies(&read_all(&settings, &topic)), expected(2, round * 70), "each once, none twice");
        (0..2).for_each(|shard| outbox.fill(&topic, shard, round * 70 + 1..=(round + 1) * 70));
    }
}

#[test]
fn no_position_in_kafka_is_not_zero() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 1));
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=100);
    let mut config = config(Uuid::new_v4(), &progress, &outbox, 1);
    config.marks = BTreeMap::from([(0, 90)]);
    let running = start(&settings, config, &outbox, OutboundHooks::default());
    running.until(&outbox.last_ids());
    running.stop();
    assert_eq!(read_all(&settings, &topic).len(), 10, "what the database knows to be published is not repeated");
}

#[test]
fn a_position_beyond_the_last_id_stops_with_an_explanation() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 3));
    let store = Uuid::new_v4();
    let outbox = Outbox::default();
    (0..3).for_each(|shard| outbox.fill(&topic, shard, 1..=100));
    let running = start(&settings, config(store, &progress, &outbox, 3), &outbox, OutboundHooks::default());
    running.until(&outbox.last_ids());
    running.stop();
    let restored = Outbox::default();
    [(0, 40), (1, 100), (2, 60)].into_iter().for_each(|(shard, last)| restored.fill(&topic, shard, 1..=last));
    let running = start(&settings, config(store, &progress, &restored, 3), &restored, OutboundHooks::default());
    // What is committed while the publisher still connects must not hide what the back-up has forgotten.
    running.handle.wake(&[(0, 150), (1, 150), (2, 150)]);
    let fatal = running.fatal();
    let ahead = |shard, assigned| Ahead { shard, committed: 100, assigned };
    assert_eq!(fatal, PublisherFatal::AheadOfStore(vec![ahead(0, 40), ahead(2, 60)]), "all of them at once");
    for part in ["back-up", "skip-to 100 --shard 0`", "skip-to 100 --shard 2`", "go on behind"] {
        assert!(fatal.to_string().contains(part), "{part}: {fatal}");
    }
    assert!(matches!(running.handle.status(), PublisherStatus::Stopped { .. }));
}

#[test]
fn a_row_that_no_broker_takes_is_replaced_and_holds_nobody() {
    for broker in std::iter::once(Broker::mock()).chain(Broker::kafka()) {
        let mut settings = broker.settings();
        settings.message_bytes_max = 100_000;
        let topic = broker.topic_with("event", 1, |spec| spec.max_message_bytes = 20_000);
        let progress = broker.topic("progress", 1);
        let outbox = Outbox::default();
        outbox.fill(&topic, 0, 1..=30);
        {
            let mut rows = outbox.rows.lock().unwrap();
            // Bytes that do not compress: one that librdkafka refuses, and one that only the broker can refuse.
            let noise = |n: usize| (0..n).flat_map(|i| murmur2(&i.to_le_bytes()).to_le_bytes()).collect::<Vec<u8>>();
            rows[9].body = Some(noise(30_000));
            rows[19].body = Some(noise(6_000));
        }
        let running =
            start(&settings, config(Uuid::new_v4(), &progress, &outbox, 1), &outbox, OutboundHooks::default());
        let published = running.until(&outbox.last_ids());
        running.stop();
        let replaced: u64 = published.iter().map(|p| p.replaced).sum();
        let mut records = read_all(&settings, &topic);
        if matches!(broker, Broker::Mock(_)) {
            // It shows aborted records too: what came before the first refusal is there twice.
            records.drain(..records.len() - 30);
        }
        assert_eq!(records.len(), 30);
        let is_reference = |record: &Rec| record.headers.iter().any(|(name, _)| name == "reference");
        let references: Vec<usize> =
            records.iter().enumerate().filter(|(_, r)| is_reference(r)).map(|(index, _)| index).collect();
        // The embedded broker takes whatever comes.
        let guilty: &[usize] = if matches!(broker, Broker::Mock(_)) { &[9] } else { &[9, 19] };
        assert_eq!(references, guilty, "in their places");
        assert_eq!(replaced, u64::try_from(guilty.len()).unwrap());
        assert_eq!(records[0].text(), "0/1");
        assert_eq!(records[29].text(), "0/30");
    }
}

#[test]
fn another_server_on_the_same_store_ends_the_first_one() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 1));
    let store = Uuid::new_v4();
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=50);
    let ours = Arc::new(AtomicBool::new(true));
    let asked = ours.clone();
    let hooks =
        OutboundHooks { lease_still_ours: Arc::new(move || asked.load(Ordering::Relaxed)), ..Default::default() };
    let first = start(&settings, config(store, &progress, &outbox, 1), &outbox, hooks);
    first.until(&outbox.last_ids());
    // Another one takes over, and publishes.
    ours.store(false, Ordering::Relaxed);
    let second = start(&settings, config(store, &progress, &outbox, 1), &outbox, OutboundHooks::default());
    wait_for("the second knows its position", || (second.handle.positions()[&0] == 50).then_some(()));
    outbox.fill(&topic, 0, 51..=60);
    first.handle.wake(&[(0, 60)]);
    let fatal = first.fatal();
    assert!(matches!(fatal, PublisherFatal::LeaseLost(_)), "{fatal:?}");
    second.handle.wake(&[(0, 60)]);
    second.until(&outbox.last_ids());
    second.stop();
    assert_eq!(bodies(&read_all(&settings, &topic)), expected(1, 60));
}

#[test]
fn a_fenced_producer_whose_lease_is_still_ours_is_made_anew() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 1));
    let store = Uuid::new_v4();
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=50);
    let first = start(&settings, config(store, &progress, &outbox, 1), &outbox, OutboundHooks::default());
    first.until(&outbox.last_ids());
    // Somebody used the transactional id and went away again.
    start(&settings, config(store, &progress, &outbox, 1), &outbox, OutboundHooks::default()).until(&outbox.last_ids());
    for last in [60, 70] {
        outbox.fill(&topic, 0, last - 9..=last);
        first.handle.wake(&[(0, last)]);
        first.until(&outbox.last_ids());
    }
    first.stop();
    assert_eq!(bodies(&read_all(&settings, &topic)), expected(1, 70));
}

#[test]
fn a_missing_topic_holds_the_outbox_and_says_so() {
    let Some(broker) = Broker::kafka() else { return };
    let mut settings = broker.settings();
    // How long a producer waits for a topic that may yet appear.
    settings.extra.insert("topic.metadata.propagation.max.ms".into(), "500".into());
    let (topic, progress) = (unique("event"), unique("progress"));
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=20);
    let running = start(&settings, config(Uuid::new_v4(), &progress, &outbox, 1), &outbox, OutboundHooks::default());
    let held = running.held();
    assert!(held.contains(&progress) && held.contains("worldtick topics apply"), "{held}");
    create(&settings, &progress);
    let held = wait_for("now the other topic is missed", || match running.handle.status() {
        PublisherStatus::Held { detail } if detail.contains(&topic) => Some(detail),
        _ => None,
    });
    assert!(held.contains("worldtick topics apply"), "{held}");
    create(&settings, &topic);
    running.until(&outbox.last_ids());
    running.stop();
    assert_eq!(bodies(&read_all(&settings, &topic)), expected(1, 20));
}

fn create(settings: &KafkaSettings, topic: &str) {
    use worldtick::plugins::bridge::topics::{TopicCatalogue, apply};
    let catalogue = TopicCatalogue { topics: vec![bridge_support::spec(topic, 1)] };
    assert!(!apply(settings, &catalogue, None).expect("answers").has_failures());
}

#[test]
fn a_store_that_does_not_answer_is_waited_for() {
    let broker = Broker::mock();
    let (topic, progress) = (broker.topic("event", 2), broker.topic("progress", 1));
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=5);
    outbox.away.store(true, Ordering::Relaxed);
    let running =
        start(&broker.settings(), config(Uuid::new_v4(), &progress, &outbox, 1), &outbox, OutboundHooks::default());
    wait_for("it says so", || match running.handle.status() {
        PublisherStatus::Retrying { detail } => detail.contains("the database is away").then_some(()),
        _ => None,
    });
    outbox.away.store(false, Ordering::Relaxed);
    running.until(&outbox.last_ids());
    running.stop();
}

#[test]
fn a_broker_that_is_away_is_waited_for_and_does_not_keep_anybody_from_stopping() {
    let broker = Broker::mock();
    let Broker::Mock(mock) = &broker else { unreachable!("it is a mock") };
    let (topic, progress) = (broker.topic("event", 2), broker.topic("progress", 1));
    let mut settings = broker.settings();
    settings.write_timeout = Duration::from_secs(2);
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=5);
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let config = OutboundConfig { guarantee, ..config(Uuid::new_v4(), &progress, &outbox, 1) };
        let running = start(&settings, config, &outbox, OutboundHooks::default());
        running.until(&outbox.last_ids());
        mock.set_down(true).expect("down");
        let last = outbox.last_ids()[&0] + 5;
        outbox.fill(&topic, 0, last - 4..=last);
        running.handle.wake(&[(0, last)]);
        wait_for("it says so", || matches!(running.handle.status(), PublisherStatus::Retrying { .. }).then_some(()));
        mock.set_down(false).expect("up");
        running.until(&outbox.last_ids());
        mock.set_down(true).expect("down");
        let last = last + 5;
        outbox.fill(&topic, 0, last - 4..=last);
        running.handle.wake(&[(0, last)]);
        assert!(running.handle.stop(Duration::from_secs(8)), "a clean end does not wait for brokers that are away");
        mock.set_down(false).expect("up");
    }
}

/// Lets a mock cluster answer some requests with errors, and publishes through it.
fn publish_through(errors: &[(RDKafkaApiKey, RDKafkaRespErr)]) -> (Vec<Rec>, Vec<PublisherEvent>) {
    let cluster = rdkafka::mocking::MockCluster::new(1).expect("mock");
    let settings = KafkaSettings::new(cluster.bootstrap_servers());
    let (topic, progress) = (unique("event"), unique("progress"));
    cluster.create_topic(&topic, 2, 1).expect("topic");
    cluster.create_topic(&progress, 1, 1).expect("topic");
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=10);
    let running = start(&settings, config(Uuid::new_v4(), &progress, &outbox, 1), &outbox, OutboundHooks::default());
    running.until(&outbox.last_ids());
    for (key, error) in errors {
        cluster.request_errors(*key, &[*error]);
    }
    outbox.fill(&topic, 0, 11..=20);
    running.handle.wake(&[(0, 20)]);
    let mut events: Vec<PublisherEvent> = running.events.try_iter().collect();
    while running.handle.positions() != outbox.last_ids() {
        events.extend(running.events.recv_timeout(Duration::from_millis(100)));
        assert!(!running.handle.is_finished(), "{events:?}");
    }
    events.extend(running.events.try_iter());
    running.stop();
    (read_all(&settings, &topic), events)
}

#[test]
fn errors_in_every_step_of_a_transaction_lose_nothing() {
    use RDKafkaApiKey as Key;
    use RDKafkaRespErr as Error;
    let cases: &[(Key, Error)] = &[
        (Key::AddPartitionsToTxn, Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
        (Key::AddPartitionsToTxn, Error::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
        (Key::AddOffsetsToTxn, Error::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        (Key::AddOffsetsToTxn, Error::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED),
        (Key::TxnOffsetCommit, Error::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION),
        (Key::TxnOffsetCommit, Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        (Key::EndTxn, Error::RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (Key::EndTxn, Error::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (Key::EndTxn, Error::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Key::Produce, Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS),
        (Key::Produce, Error::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
    ];
    for case in cases {
        let (records, events) = publish_through(&[*case]);
        let found: std::collections::BTreeSet<String> = records.iter().map(Rec::text).collect();
        assert_eq!(found, expected(1, 20).into_iter().collect(), "{case:?}: {events:?}");
        let fatal = events.iter().find(|event| matches!(event, PublisherEvent::Fatal(_)));
        assert_eq!(fatal, None, "{case:?}");
        let held = events.iter().any(|event| matches!(event, PublisherEvent::Status(PublisherStatus::Held { .. })));
        assert_eq!(held, format!("{case:?}").contains("AUTHORIZATION"), "{case:?}: {events:?}");
    }
}

/// Not a test of its own: the process that the next test kills. Publishes rows 1 to 300 of two shards, then ends.
#[test]
fn child_that_publishes() {
    let Ok(job) = std::env::var("BRIDGE_TEST_PUBLISH") else { return };
    let [servers, topic, progress, store] = job.split(' ').collect::<Vec<_>>().try_into().expect("four words");
    let settings = KafkaSettings::new(servers);
    let outbox = Outbox::default();
    (0..2).for_each(|shard| outbox.fill(topic, shard, 1..=300));
    let config = config(store.parse().expect("uuid"), progress, &outbox, 2);
    let running = start(&settings, config, &outbox, OutboundHooks::default());
    running.until(&outbox.last_ids());
    running.stop();
}

#[test]
fn killed_at_every_step_it_publishes_each_row_once() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let servers = settings.bootstrap_servers.clone();
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 2));
    let store = Uuid::new_v4();
    let places = [
        "publish.before_begin",
        "publish.after_send",
        "publish.before_offsets",
        "publish.before_commit",
        "publish.after_commit",
    ];
    let run = |failpoint: Option<&str>| {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "child_that_publishes"]);
        child.env("BRIDGE_TEST_PUBLISH", format!("{servers} {topic} {progress} {store}"));
        if let Some(place) = failpoint {
            child.env("WORLDTICK_FAILPOINT", place);
        }
        child.output().expect("runs")
    };
    for place in places {
        let output = run(Some(&format!("{place}:2")));
        assert!(!output.status.success(), "{place}: it should have been killed");
    }
    let output = run(None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let records = read_all(&settings, &topic);
    assert_eq!(bodies(&records), expected(2, 300), "each once");
    assert_in_order_per_key(&records);
}

#[test]
fn a_broker_that_ends_and_comes_back_gets_each_row_once() {
    let Some(mut kafka) = PrivateKafka::start() else { return };
    let broker = Broker::Kafka(kafka.plain.clone());
    let mut settings = broker.settings();
    // So that giving up and beginning again happen within the test.
    (settings.write_timeout, settings.transaction_timeout) = (Duration::from_secs(3), Duration::from_secs(6));
    let (topic, progress) = (broker.topic("event", 4), broker.topic("progress", 2));
    let outbox = Outbox::default();
    (0..2).for_each(|shard| outbox.fill(&topic, shard, 1..=100));
    let running = start(&settings, config(Uuid::new_v4(), &progress, &outbox, 2), &outbox, OutboundHooks::default());
    for round in 1..=2 {
        // In the midst of publishing.
        wait_for("it publishes", || (running.handle.positions()[&0] >= round * 100 - 50).then_some(()));
        // In good order: a node alone that is killed may forget the end of a transaction that it had promised, and
        // then nobody can tell what is on it.
        kafka.stop();
        (0..2).for_each(|shard| outbox.fill(&topic, shard, round * 100 + 1..=(round + 1) * 100));
        running.handle.wake(&[(0, (round + 1) * 100), (1, (round + 1) * 100)]);
        wait_for("it says so", || (running.handle.status() != PublisherStatus::Running).then_some(()));
        kafka.run();
    }
    running.until(&outbox.last_ids());
    running.stop();
    let records = read_all(&settings, &topic);
    assert_eq!(bodies(&records), expected(2, 300), "each once");
    assert_in_order_per_key(&records);
}

#[test]
fn what_java_clients_hash_the_same_way_lands_on_the_same_partition() {
    // Values of the reference implementation, so that the check above checks something.
    assert_eq!(murmur2(b"21").cast_signed(), -973_932_308);
    assert_eq!(murmur2(b"foobar").cast_signed(), -790_332_482);
    let broker = Broker::mock();
    let topic = broker.topic("event", 8);
    write(
        &broker.settings(),
        &topic,
        &[Rec { key: Some(b"foobar".to_vec()), value: Some(b"x".to_vec()), ..Rec::default() }],
    );
    assert_eq!(read_all(&broker.settings(), &topic)[0].partition, Some(6));
}
