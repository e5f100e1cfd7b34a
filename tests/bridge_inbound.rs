//! Reading ticks: order, bytes, positions, and what happens when the log is not where it was.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod bridge_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge_support::private_kafka::PrivateKafka;
use bridge_support::{Broker, LIMIT, Rec, unique, wait_for, write, write_transaction};
use crossbeam_channel::{Receiver, bounded};
use worldtick::plugins::bridge::inbound::{
    BadMessage, Decode, GapReason, InboundConfig, InboundHandle, InboundTopic, MergeKey, Mergeable, Received,
    ReceivedKind, StartAt, spawn, start_positions,
};
use worldtick::plugins::bridge::lag::LagProbe;
use worldtick::plugins::bridge::topics::{self, TopicCatalogue};
use worldtick::plugins::store::InputPosition;

/// A tick for tests: `<hour>` or `<hour> <world>`, daily with a `d` before it.
#[derive(Debug, Clone, PartialEq)]
struct Tick {
    hour: i64,
    daily: bool,
    world: Option<String>,
}

impl Mergeable for Tick {
    fn merge_key(&self) -> Option<MergeKey> {
        Some(MergeKey { game_time_micros: self.hour, type_order: u8::from(self.daily) })
    }

    fn world_id(&self) -> Option<&str> {
        self.world.as_deref()
    }
}

fn decode() -> Decode<Tick> {
    Arc::new(|_, _, value| {
        let bad = |message: &str| BadMessage { class: "test".into(), message: message.into() };
        let text = std::str::from_utf8(value.unwrap_or_default()).map_err(|_| bad("not UTF-8"))?;
        let (time, world) = text.split_once(' ').map_or((text, None), |(time, world)| (time, Some(world.to_owned())));
        let daily = time.starts_with('d');
        let hour = time.trim_start_matches('d').parse().map_err(|_| bad("no hour"))?;
        Ok(Tick { hour, daily, world })
    })
}

struct Running {
    handle: InboundHandle,
    out: Receiver<Received<Tick>>,
}

fn config(topics: &[&str]) -> InboundConfig {
    InboundConfig {
        topics: topics
            .iter()
            .map(|name| InboundTopic {
                name: (*name).to_owned(),
                group: format!("group-of-{name}"),
                message_bytes_max: 10_000,
            })
            .collect(),
        metadata_interval: Duration::from_millis(300),
        commit_interval: Duration::from_millis(50),
        ..InboundConfig::default()
    }
}

fn start(broker: &Broker, config: InboundConfig, positions: Vec<InputPosition>, capacity: usize) -> Running {
    let (tx, out) = bounded(capacity);
    // Worlds whose name begins with `live` keep their own time.
    let hold = Arc::new(|world: Option<&str>| !world.is_some_and(|w| w.starts_with("live")));
    let handle = spawn(&broker.settings(), config, positions, decode(), hold, tx).expect("starts");
    Running { handle, out }
}

impl Running {
    fn next(&self) -> Received<Tick> {
        self.out.recv_timeout(LIMIT).expect("something is read")
    }

    /// The next thing that is neither an end nor news about partitions.
    fn next_record(&self) -> Received<Tick> {
        loop {
            let received = self.next();
            if !matches!(received.kind, ReceivedKind::End | ReceivedKind::NewPartition) {
                return received;
            }
        }
    }

    fn hours(&self, count: usize) -> Vec<i64> {
        (0..count).map(|_| hour(&self.next_record())).collect()
    }

    fn stop(self) {
        assert!(self.handle.stop(Duration::from_secs(20)), "the reader ends when it is told to");
    }
}

fn hour(received: &Received<Tick>) -> i64 {
    match &received.kind {
        ReceivedKind::Tick { message, .. } => message.hour,
        other => panic!("no tick: {other:?}"),
    }
}

fn at(topic: &str, partition: i32, next: i64) -> InputPosition {
    InputPosition { topic: topic.to_owned(), partition, next }
}

fn brokers() -> Vec<Broker> {
    std::iter::once(Broker::mock()).chain(Broker::kafka()).collect()
}

#[test]
fn a_backlog_on_several_partitions_comes_in_the_order_of_game_time() {
    for broker in brokers() {
        let settings = broker.settings();
        let hourly = broker.topic("hourly", 3);
        let daily = broker.topic("daily", 1);
        // In order within each partition, spread unevenly: the first hours all lie on one partition.
        let spread = |hour: i64| if hour < 100 { 2 } else { i32::try_from(hour * 7 % 3).expect("small") };
        let hours: Vec<Rec> = (0..720).map(|hour| Rec::to(spread(hour), hour.to_string())).collect();
        let days: Vec<Rec> = (0..30).map(|day| Rec::to(0, format!("d{}", day * 24))).collect();
        write(&settings, &daily, &days);
        write(&settings, &hourly, &hours);
        let positions = start_positions(&settings, &[&hourly, &daily], StartAt::Earliest).expect("positions");
        assert_eq!(positions.len(), 4);
        let running = start(&broker, config(&[&hourly, &daily]), positions, 100);
        let mut seen = Vec::new();
        let mut next: BTreeMap<(String, i32), i64> = BTreeMap::new();
        while seen.len() < 750 {
            let received = running.next_record();
            let place = next.entry((received.topic.to_string(), received.partition)).or_default();
            assert_eq!(received.offset, *place, "in order within the partition, none missing");
            *place = received.next;
            let ReceivedKind::Tick { message, .. } = received.kind else { panic!("{:?}", received.kind) };
            seen.push((message.hour, message.daily));
        }
        let mut expected: Vec<(i64, bool)> = (0..720).map(|hour| (hour, false)).collect();
        expected.extend((0..30).map(|day| (day * 24, true)));
        expected.sort_unstable();
        assert_eq!(seen, expected, "none late, hourly before daily");
        assert_eq!(running.handle.status().silent_partitions, 0, "nobody was waited for in vain");
        running.stop();
    }
}

#[test]
fn ticks_for_worlds_with_a_time_of_their_own_do_not_wait() {
    let broker = Broker::mock();
    let settings = broker.settings();
    let topic = broker.topic("hourly", 2);
    write(&settings, &topic, &[Rec::to(0, "9 live-1"), Rec::to(0, "5"), Rec::to(1, "3")]);
    let mut positions = start_positions(&settings, &[&topic], StartAt::Earliest).expect("positions");
    // A partition that does not exist stays silent, so that whoever waits, waits for the whole hold.
    positions.push(at(&topic, 7, 0));
    let hold = Duration::from_secs(3);
    let running = start(&broker, InboundConfig { merge_hold_max: hold, ..config(&[&topic]) }, positions, 100);
    assert_eq!(hour(&running.next_record()), 9);
    let begin = std::time::Instant::now();
    assert_eq!(running.hours(2), [3, 5]);
    assert!(begin.elapsed() > Duration::from_secs(1), "what is for all waited for the silent partition");
    wait_for("the silence is counted", || (running.handle.status().silent_partitions == 1).then_some(()));
    running.stop();
}

#[test]
fn what_cannot_be_decoded_comes_with_its_bytes_unchanged() {
    for broker in brokers() {
        let settings = broker.settings();
        let topic = broker.topic("hourly", 1);
        let stamp = 1_750_000_000_123;
        let bad =
            Rec { key: Some(vec![0xff, 0x00, 0xfe]), timestamp_ms: Some(stamp), ..Rec::to(0, vec![0xc3, 0x28, 0x00]) };
        let tombstone = Rec { key: Some(b"k".to_vec()), partition: Some(0), ..Rec::default() };
        let large = Rec::to(0, vec![b'1'; 10_001]);
        write(&settings, &topic, &[bad.clone(), tombstone, large, Rec::to(0, "4")]);
        let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0)], 10);
        let first = running.next_record();
        let ReceivedKind::Bad { error, raw } = first.kind else { panic!("{:?}", first.kind) };
        assert_eq!((error.class.as_str(), error.message.as_str()), ("test", "not UTF-8"));
        assert_eq!((raw.key, raw.value, raw.timestamp_ms), (bad.key, bad.value, Some(stamp)));
        let second = running.next_record();
        let ReceivedKind::Bad { raw, .. } = second.kind else { panic!("{:?}", second.kind) };
        assert_eq!((raw.key, raw.value), (Some(b"k".to_vec()), None), "a tombstone stays one");
        let third = running.next_record();
        let ReceivedKind::Bad { error, raw } = third.kind else { panic!("{:?}", third.kind) };
        assert_eq!((error.class.as_str(), raw.value.map(|v| v.len())), ("too_large", Some(10_001)));
        let fourth = running.next_record();
        assert_eq!((hour(&fourth), fourth.offset, fourth.next), (4, 3, 4), "reading goes on");
        assert_eq!(running.handle.status().bad, 3);
        running.stop();
    }
}

#[test]
fn a_full_channel_stops_the_reader_and_loses_nothing() {
    let broker = Broker::mock();
    let settings = broker.settings();
    let topic = broker.topic("hourly", 2);
    let records: Vec<Rec> = (0..5_000).map(|n| Rec::to(i32::from(n % 2 == 1), n.to_string())).collect();
    write(&settings, &topic, &records);
    let positions = start_positions(&settings, &[&topic], StartAt::Earliest).expect("positions");
    let running = start(&broker, config(&[&topic]), positions, 1);
    wait_for("the channel is full", || running.out.is_full().then_some(()));
    let before = running.handle.status().records;
    std::thread::park_timeout(Duration::from_millis(500));
    assert!(running.handle.status().records <= before + 2, "nobody takes, so nothing more is taken in");
    assert_eq!(running.hours(5_000), (0..5_000).collect::<Vec<_>>());
    running.stop();
}

#[test]
fn the_end_is_told_behind_the_last_record_and_again_now_and_then() {
    for broker in brokers() {
        let settings = broker.settings();
        let topic = broker.topic("hourly", 1);
        write(&settings, &topic, &[Rec::to(0, "1"), Rec::to(0, "2")]);
        let often = InboundConfig { end_interval: Duration::from_millis(300), ..config(&[&topic]) };
        let running = start(&broker, often, vec![at(&topic, 0, 0)], 10);
        assert_eq!(running.hours(2), [1, 2]);
        for _ in 0..3 {
            let end = running.next();
            assert_eq!((end.kind, end.offset, end.next), (ReceivedKind::End, 2, 2));
        }
        write(&settings, &topic, &[Rec::to(0, "3")]);
        assert_eq!(running.hours(1), [3]);
        running.stop();
    }
}

#[test]
fn transaction_markers_and_aborted_records_move_the_end_and_are_not_seen() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let topic = broker.topic("hourly", 1);
    write_transaction(&settings, &topic, &[Rec::to(0, "1")], true);
    write_transaction(&settings, &topic, &[Rec::to(0, "2"), Rec::to(0, "3")], false);
    let running = start(&broker, config(&[&topic]), vec![at(&topic, 0, 0)], 10);
    let first = running.next();
    assert_eq!((hour(&first), first.next), (1, 1));
    // A record, a marker, two aborted records, a marker.
    let end = wait_for("the end", || Some(running.next()).filter(|r| r.next >= 5));
    assert_eq!((end.kind, end.next), (ReceivedKind::End, 5));
    write_transaction(&settings, &topic, &[Rec::to(0, "4")], false);
    let end = running.next();
    assert_eq!((end.kind, end.next), (ReceivedKind::End, 7), "an end that only markers move is told too");
    running.stop();
}

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
                ReceivedKind::Tick { message, .. } => {
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
    let again = TopicCatalogue { topics: vec![bridge_support::spec(&topic, 1)] };
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
            ReceivedKind::Tick { message, .. } => break message.hour,
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
    let grown = TopicCatalogue { topics: vec![bridge_support::spec(&topic, 2)] };
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

#[test]
fn silence_is_counted_and_offsets_reach_the_group_for_lag_tools() {
    for broker in brokers() {
        let mut settings = broker.settings();
        settings.read_timeout = Duration::from_millis(400);
        let topic = broker.topic("hourly", 2);
        write(&settings, &topic, &[Rec::to(0, "1"), Rec::to(0, "2"), Rec::to(1, "3")]);
        let (tx, out) = bounded(10);
        let positions = vec![at(&topic, 0, 0), at(&topic, 1, 0)];
        let handle = spawn(&settings, config(&[&topic]), positions, decode(), Arc::new(|_| true), tx).expect("starts");
        let running = Running { handle, out };
        running.hours(3);
        running.handle.commit_group_offsets(vec![at(&topic, 0, 1), at(&topic, 1, 1)]);
        let group = format!("group-of-{topic}");
        let mut probe = LagProbe::new(&broker.settings()).expect("probe");
        let lags = wait_for("the offsets are committed", || {
            let lags = probe.groups(&topic, std::slice::from_ref(&group)).expect("told");
            lags.iter().all(|lag| lag.records.is_some()).then_some(lags)
        });
        assert_eq!(lags.iter().map(|lag| lag.records).collect::<Vec<_>>(), [Some(1), Some(0)]);
        let mine = probe.positions(&[at(&topic, 0, 0), at(&topic, 1, 1)]).expect("told");
        assert_eq!(mine.iter().map(|lag| (lag.records, lag.end)).collect::<Vec<_>>(), [(2, 2), (0, 1)]);
        wait_for("silence is counted", || {
            running.handle.status().read_timeouts.get(&topic).copied().filter(|n| *n >= 2)
        });
        running.stop();
    }
}

#[test]
fn latest_begins_behind_what_is_there() {
    for broker in brokers() {
        let settings = broker.settings();
        let topic = broker.topic("hourly", 1);
        write(&settings, &topic, &[Rec::to(0, "1")]);
        let positions = start_positions(&settings, &[&topic], StartAt::Latest).expect("positions");
        assert_eq!(positions, [at(&topic, 0, 1)]);
        let missing = unique("nowhere");
        if matches!(broker, Broker::Kafka(_)) {
            let error = start_positions(&settings, &[&missing], StartAt::Latest).expect_err("missing").to_string();
            assert!(error.contains("worldtick topics apply"), "{error}");
        }
        let running = start(&broker, config(&[&topic]), positions, 10);
        write(&settings, &topic, &[Rec::to(0, "2")]);
        assert_eq!(running.hours(1), [2]);
        running.stop();
    }
}
