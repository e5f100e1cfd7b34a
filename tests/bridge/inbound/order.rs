//! What is read, in which order, and what is told of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use worldtick::plugins::bridge::inbound::{InboundConfig, ReceivedKind, StartAt, spawn, start_positions};
use worldtick::plugins::bridge::lag::LagProbe;

use crate::bridge_support::{Broker, Rec, unique, wait_for, write, write_transaction};
use crate::inbound::support::{Running, at, brokers, config, decode, hour, start};

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
            let ReceivedKind::Message { message, .. } = received.kind else { panic!("{:?}", received.kind) };
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
