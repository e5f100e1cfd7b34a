//! What cannot be published now: rows that are too large, other servers, topics, stores and brokers that are away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::outbound::{Guarantee, OutboundConfig, OutboundHooks, PublisherFatal, PublisherStatus};

use crate::bridge_support::{Broker, Rec, read_all, unique, wait_for};
use crate::outbound::support::{Outbox, bodies, config, expected, murmur2, start};

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
    let catalogue = TopicCatalogue { topics: vec![crate::bridge_support::spec(topic, 1)] };
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
