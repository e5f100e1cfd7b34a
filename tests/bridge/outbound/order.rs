//! Each row once, whole, in order, and where it belongs.

use std::collections::BTreeMap;

use uuid::Uuid;
use worldtick::plugins::bridge::outbound::{
    Ahead, Guarantee, OutboundConfig, OutboundHooks, PublisherFatal, PublisherStatus,
};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{Broker, Rec, read_all, write};
use crate::outbound::support::{Outbox, assert_in_order_per_key, bodies, config, expected, murmur2, row, start};

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

#[test]
fn batches_are_compressed_with_lz4_on_the_brokers_disk() {
    let Some(mut kafka) = PrivateKafka::start() else { return };
    let broker = Broker::Kafka(kafka.plain.clone());
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 1), broker.topic("progress", 1));
    let outbox = Outbox::default();
    outbox.fill(&topic, 0, 1..=50);
    let running = start(&settings, config(Uuid::new_v4(), &progress, &outbox, 1), &outbox, OutboundHooks::default());
    running.until(&outbox.last_ids());
    running.stop();
    kafka.stop();
    let bytes = std::fs::read(kafka.segment(&topic, 0)).expect("the log");
    // The first batch: offset (8), length (4), epoch (4), magic (1), checksum (4), then the attributes; their lowest
    // three bits name the codec, and 3 is lz4 (Kafka's message format 2).
    assert_eq!((bytes[16], bytes[22] & 7), (2, 3));
}
