//! Transactions that are broken off: by errors of the brokers, by kills, by brokers that end.

use std::process::Command;
use std::time::Duration;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use uuid::Uuid;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::outbound::{OutboundHooks, PublisherEvent, PublisherStatus};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{Broker, Rec, read_all, unique, wait_for};
use crate::outbound::support::{Outbox, assert_in_order_per_key, bodies, config, expected, row, start};

/// Lets a mock cluster answer some requests with errors, and publishes rows 11 to `last` through it, each with
/// so many bytes of padding.
fn publish_through(
    errors: &[(RDKafkaApiKey, RDKafkaRespErr)],
    last: i64,
    padding: usize,
) -> (Vec<Rec>, Vec<PublisherEvent>) {
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
    outbox.rows.lock().expect("rows").extend((11..=last).map(|id| {
        let mut row = row(&topic, 0, id);
        row.headers.push(("padding".to_owned(), vec![0; padding]));
        row
    }));
    running.handle.wake(&[(0, last)]);
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
        // A few small rows are handed over before the answer comes; of large ones, the last find a transaction that has
        // failed.
        for (last, padding) in [(20, 0), (60, 500_000)] {
            let (records, events) = publish_through(&[*case], last, padding);
            let found: std::collections::BTreeSet<String> = records.iter().map(Rec::text).collect();
            assert_eq!(found, expected(1, last).into_iter().collect(), "{case:?}: {events:?}");
            let fatal = events.iter().find(|event| matches!(event, PublisherEvent::Fatal(_)));
            assert_eq!(fatal, None, "{case:?}");
            let held = events.iter().any(|event| matches!(event, PublisherEvent::Status(PublisherStatus::Held { .. })));
            assert_eq!(held, format!("{case:?}").contains("AUTHORIZATION"), "{case:?}: {events:?}");
        }
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
        child.args(["--exact", "outbound::broken_off::child_that_publishes"]);
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
