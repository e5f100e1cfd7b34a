//! Logs that are not where they were: made again, damaged, cut off; and partitions and brokers that come and go.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use worldtick::plugins::bridge::inbound::{GapReason, Received, ReceivedKind, spawn};
use worldtick::plugins::bridge::topics::{self, TopicCatalogue};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{Broker, Rec, unique, wait_for, write, write_transaction};
use crate::inbound::support::{Tick, at, brokers, config, decode, start};

#[test]
fn a_position_beyond_the_end_means_a_topic_made_again_and_reading_from_its_start() {
    for broker in brokers() {
        let settings = broker.settings();
        let topic = broker.topic("hourly", 2);
        write(&settings, &topic, &[Rec::to(0, "1"), Rec::to(0, "2"), Rec::to(1, "3")]);
        let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 500), at(&topic, 1, 0)], 10);
        let mut gap = None;
        let mut hours = Vec::new();
        while gap.is_none() || hours.len() < 3 {
            let received = running.next_record();
            match received.kind {
                ReceivedKind::Gap { from, to, reason } => {
                    assert_eq!((received.partition, received.next, from, to), (0, 0, 500, 0));
                    gap = Some(reason);
                }
                ReceivedKind::Message { message, .. } => {
                    assert!(received.partition == 1 || gap.is_some(), "the gap is told before what follows it");
                    hours.push(message.hour);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(gap, Some(GapReason::Truncated));
        hours.sort_unstable();
        assert_eq!(hours, [1, 2, 3]);
        assert_eq!(running.handle.status().gaps, 1);
        write(&settings, &topic, &[Rec::to(0, "4")]);
        assert_eq!(running.hours(1), [4], "and goes on");
        running.stop();
    }
}

#[test]
fn a_topic_made_again_while_it_is_read_is_read_from_its_start() {
    use rdkafka::admin::{AdminClient, AdminOptions};
    use rdkafka::{client::DefaultClientContext, config::FromClientConfig};
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let topic = broker.topic("hourly", 1);
    let records: Vec<Rec> = (0..10).map(|n| Rec::to(0, n.to_string())).collect();
    write(&settings, &topic, &records);
    let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0)], 10);
    assert_eq!(running.hours(10), (0..10).collect::<Vec<_>>());
    let admin: AdminClient<DefaultClientContext> = AdminClient::from_config(&settings.admin()).expect("admin");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(admin.delete_topics(&[&topic], &AdminOptions::new())).expect("answered")[0]
        .as_ref()
        .expect("deleted");
    let words = wait_for("the trouble is told", || running.handle.status().trouble);
    assert!(words.contains(&topic), "{words}");
    let again = TopicCatalogue { topics: vec![crate::bridge_support::spec(&topic, 1)] };
    wait_for("the name is free", || (!topics::apply(&settings, &again, None).ok()?.has_failures()).then_some(()));
    write(&settings, &topic, &[Rec::to(0, "77")]);
    let gap = running.next_record();
    assert_eq!(gap.kind, ReceivedKind::Gap { from: 10, to: 0, reason: GapReason::Truncated });
    assert_eq!(running.hours(1), [77]);
    running.stop();
}

#[test]
fn a_batch_that_the_disk_has_damaged_is_passed_over_and_recorded() {
    let Some(mut kafka) = PrivateKafka::start() else { return };
    let broker = Broker::Kafka(kafka.plain.clone());
    let settings = broker.settings();
    let topic = broker.topic("hourly", 1);
    // Three batches: one record, two, one.
    write(&settings, &topic, &[Rec::to(0, "1")]);
    write_transaction(&settings, &topic, &[Rec::to(0, "222222"), Rec::to(0, "333333")], true);
    write(&settings, &topic, &[Rec::to(0, "4")]);
    kafka.stop();
    let path = kafka.segment(&topic, 0);
    let mut bytes = std::fs::read(&path).expect("the log");
    let place = bytes.windows(6).position(|window| window == b"333333").expect("not compressed to nothing");
    bytes[place] ^= 0x0f;
    std::fs::write(&path, bytes).expect("written");
    kafka.run();
    let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0)], 10);
    assert_eq!(running.hours(1), [1]);
    let mut lost = Vec::new();
    let next = loop {
        let received = running.next_record();
        match received.kind {
            ReceivedKind::Gap { from, to, reason: GapReason::Unreadable } => lost.push((from, to)),
            ReceivedKind::Message { message, .. } => break message.hour,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((next, lost), (4, vec![(1, 2), (2, 3)]), "the two of the damaged batch, and nothing else");
    running.stop();
}

#[test]
fn a_position_before_the_start_is_a_gap() {
    use rdkafka::admin::{AdminClient, AdminOptions};
    use rdkafka::{Offset, TopicPartitionList, client::DefaultClientContext, config::FromClientConfig};
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let topic = broker.topic("hourly", 1);
    let records: Vec<Rec> = (0..10).map(|n| Rec::to(0, n.to_string())).collect();
    write(&settings, &topic, &records);
    let admin: AdminClient<DefaultClientContext> = AdminClient::from_config(&settings.admin()).expect("admin");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(6)).expect("offset");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).expect("deleted");
    let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 2)], 10);
    let gap = running.next_record();
    assert_eq!(gap.kind, ReceivedKind::Gap { from: 2, to: 6, reason: GapReason::Expired });
    assert_eq!(gap.next, 6);
    assert_eq!(running.hours(4), [6, 7, 8, 9]);
    running.stop();
}

#[test]
fn a_partition_without_a_position_is_told_and_read_once_it_has_one() {
    for broker in brokers() {
        let settings = broker.settings();
        let topic = broker.topic("hourly", 3);
        write(&settings, &topic, &[Rec::to(0, "1"), Rec::to(2, "2")]);
        let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0), at(&topic, 1, 0)], 10);
        let found = wait_for("the third partition is noticed", || {
            Some(running.next()).filter(|r| r.kind == ReceivedKind::NewPartition)
        });
        assert_eq!((found.partition, found.next), (2, 0));
        assert!(running.handle.add_partitions(vec![at(&topic, 2, 0)]));
        wait_for("it is read", || Some(running.next_record()).filter(|r| r.partition == 2));
        running.stop();
    }
}

#[test]
fn a_topic_that_grows_while_it_is_read_is_noticed() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let topic = broker.topic("hourly", 1);
    let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0)], 10);
    let grown = TopicCatalogue { topics: vec![crate::bridge_support::spec(&topic, 2)] };
    topics::apply(&settings, &grown, None).expect("raised");
    let found = wait_for("the new partition is noticed", || {
        Some(running.next()).filter(|r| r.kind == ReceivedKind::NewPartition)
    });
    assert!(running.handle.add_partitions(vec![at(&topic, found.partition, found.next)]));
    write(&settings, &topic, &[Rec::to(1, "8")]);
    assert_eq!(running.hours(1), [8]);
    running.stop();
}

#[test]
fn a_broker_that_goes_away_is_told_and_reading_goes_on_when_it_returns() {
    let broker = Broker::mock();
    let Broker::Mock(mock) = &broker else { unreachable!("it is a mock") };
    let settings = broker.settings();
    let topic = broker.topic("hourly", 1);
    write(&settings, &topic, &[Rec::to(0, "1")]);
    let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0)], 10);
    assert_eq!(running.hours(1), [1]);
    assert!(running.handle.status().connected);
    mock.set_down(true).expect("down");
    let words = wait_for("the trouble is told", || running.handle.status().trouble);
    assert!(words.contains("KAFKA_BOOTSTRAP_SERVERS"), "{words}");
    assert!(!running.handle.status().connected);
    mock.set_down(false).expect("up");
    wait_for("the connection is back", || running.handle.status().connected.then_some(()));
    write(&settings, &topic, &[Rec::to(0, "2")]);
    assert_eq!(running.hours(1), [2]);
    running.stop();
}

#[test]
fn a_reader_ends_promptly_although_no_broker_answers() {
    let settings = worldtick::plugins::bridge::KafkaSettings::new("127.0.0.1:1");
    let (tx, _out) = bounded::<Received<Tick>>(1);
    let topic = unique("hourly");
    let handle = spawn(&settings, config(&[&topic]), vec![at(&topic, 0, 0)], decode(), Arc::new(|_| true), tx)
        .expect("starts without a broker");
    wait_for("the trouble is told", || handle.status().trouble);
    handle.commit_group_offsets(vec![at(&topic, 0, 5)]);
    std::thread::park_timeout(Duration::from_millis(300));
    assert!(handle.stop(Duration::from_secs(10)), "stopping does not wait for a broker");
}
