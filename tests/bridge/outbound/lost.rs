//! Brokers that have lost what they had acknowledged: the end of a transaction, or all of it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::outbound::{OutboundConfig, OutboundHooks, PublisherStatus};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{Broker, Rec, read_all, wait_for};
use crate::outbound::support::{Outbox, Running, bodies, config, expected, start};

/// Rows of which a mark is kept, those of the transaction that is lost, and those that follow.
const KEPT: i64 = 10;
const LOST: i64 = 20;
/// More than a transaction holds, so that not all of it fits into one with what was lost.
const LAST: i64 = 150;
const PARTITIONS: i32 = 2;
const SHARDS: i32 = 2;

/// What a broker forgets of the last transaction.
#[derive(Clone, Copy, PartialEq)]
enum Forgets {
    /// That it has ended, as Kafka does when a partition has no leader at that moment.
    TheEnd,
    /// That it has ever been.
    Everything,
}

/// A partition's file, and how long it was before the last transaction.
struct Part {
    path: PathBuf,
    before: u64,
}

struct Scene {
    kafka: PrivateKafka,
    settings: KafkaSettings,
    /// Of each shard.
    topics: Vec<String>,
    config: OutboundConfig,
    outbox: Outbox,
    parts: Vec<Part>,
    running: Option<Running>,
}

fn read(settings: &KafkaSettings, topics: &[String]) -> Vec<Rec> {
    topics.iter().flat_map(|topic| read_all(settings, topic)).collect()
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |file| file.len())
}

/// The beginning of the last batch, and whether that is the end of a transaction. The layout is
/// <https://kafka.apache.org/documentation/#recordbatch>.
fn last_batch(path: &Path) -> (u64, bool) {
    const LENGTH_AT: usize = 8;
    const HEAD: usize = 12;
    const ATTRIBUTES_AT: usize = 21;
    const CONTROL: u8 = 0x20;
    let bytes = std::fs::read(path).expect("a log");
    let (mut at, mut last) = (0, (0, false));
    while at + HEAD < bytes.len() {
        let length: [u8; 4] = bytes[at + LENGTH_AT..at + HEAD].try_into().expect("four bytes");
        last = (u64::try_from(at).expect("small"), bytes[at + ATTRIBUTES_AT + 1] & CONTROL != 0);
        at += HEAD + usize::try_from(u32::from_be_bytes(length)).expect("small");
    }
    last
}

/// Publishes two transactions, and waits until the brokers have ended both.
fn published_twice() -> Option<Scene> {
    let kafka = PrivateKafka::start()?;
    let broker = Broker::Kafka(kafka.plain.clone());
    let mut settings = broker.settings();
    // So that giving up and beginning again happen within the test.
    (settings.write_timeout, settings.transaction_timeout) = (Duration::from_secs(3), Duration::from_secs(6));
    let topics: Vec<String> = (0..SHARDS).map(|_| broker.topic("event", PARTITIONS)).collect();
    let progress = broker.topic("progress", SHARDS);
    let outbox = Outbox::default();
    let config = config(Uuid::new_v4(), &progress, &outbox, SHARDS);
    let fill = |ids: std::ops::RangeInclusive<i64>| {
        (0..).zip(&topics).for_each(|(shard, topic)| outbox.fill(topic, shard, ids.clone()));
    };
    fill(1..=KEPT);
    let running = start(&settings, config.clone(), &outbox, OutboundHooks::default());
    let publish = |last: i64| {
        running.handle.wake(&[(0, last), (1, last)]);
        running.until(&outbox.last_ids());
        wait_for("it can be read", || (read(&settings, &topics).len() == expected(SHARDS, last).len()).then_some(()));
    };
    publish(KEPT);
    let of_topic = |topic| (0..PARTITIONS).map(move |partition| (topic, partition));
    let files = topics.iter().flat_map(of_topic).map(|(topic, partition)| kafka.segment(topic, partition));
    let files = files.chain((0..2).map(|partition| kafka.segment("__consumer_offsets", partition)));
    let ended = |path: &PathBuf| length(path) == 0 || last_batch(path).1;
    let files: Vec<PathBuf> = files.collect();
    wait_for("its end is written", || files.iter().all(ended).then_some(()));
    let mut parts: Vec<Part> = files.iter().map(|path| Part { path: path.clone(), before: length(path) }).collect();
    fill(KEPT + 1..=LOST);
    publish(LOST);
    wait_for("its end is written", || files.iter().all(ended).then_some(()));
    parts.retain(|part| length(&part.path) > part.before);
    let of_topics = usize::try_from(PARTITIONS * SHARDS).expect("few");
    assert_eq!(parts.len(), 1 + of_topics, "the position's, and all of the topics'");
    Some(Scene { kafka, settings, topics, config, outbox, parts, running: Some(running) })
}

impl Scene {
    /// Ends the broker and takes from its files what it forgets. Its log of transactions still has the last for complete.
    fn forget(&mut self, what: Forgets) {
        self.kafka.kill();
        for Part { path, before } in &self.parts {
            let file: File = OpenOptions::new().write(true).open(path).expect("a log");
            let (last, is_end) = last_batch(path);
            assert!(is_end, "a transaction ends the log");
            file.set_len(if what == Forgets::TheEnd { last } else { *before }).expect("cut");
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    fn fill_to_the_last(&self) {
        for (shard, topic) in (0..).zip(&self.topics) {
            self.outbox.fill(topic, shard, LOST + 1..=LAST);
        }
    }

    fn has_each_row_once(mut self) {
        self.running().handle.wake(&[(0, LAST), (1, LAST)]);
        wait_for("all is published", || (self.running().handle.positions() == self.outbox.last_ids()).then_some(()));
        let all = expected(SHARDS, LAST);
        let found = wait_for("it can be read", || {
            let found = read(&self.settings, &self.topics);
            (found.len() >= all.len()).then_some(found)
        });
        assert_eq!(bodies(&found), all, "each once");
        self.running.take().expect("it runs").stop();
    }
}

#[test]
fn what_a_broker_has_forgotten_is_found_by_the_next_start_and_published_once() {
    for what in [Forgets::TheEnd, Forgets::Everything] {
        let Some(mut scene) = published_twice() else { return };
        scene.running.take().expect("it runs").stop();
        scene.forget(what);
        scene.fill_to_the_last();
        scene.kafka.run();
        // The database knows that Kafka had acknowledged it.
        scene.config.marks = (0..SHARDS).map(|shard| (shard, LOST)).collect();
        scene.config.marks_are_of_this_cluster = true;
        scene.config.last_assigned = scene.outbox.last_ids();
        let again = start(&scene.settings, scene.config.clone(), &scene.outbox, OutboundHooks::default());
        scene.running = Some(again);
        scene.has_each_row_once();
    }
}

#[test]
fn what_a_broker_has_forgotten_while_it_was_away_is_published_once() {
    for what in [Forgets::TheEnd, Forgets::Everything] {
        let Some(mut scene) = published_twice() else { return };
        scene.forget(what);
        // What is to be published meanwhile fails.
        scene.fill_to_the_last();
        scene.running().handle.wake(&[(0, LAST), (1, LAST)]);
        wait_for("it says so", || {
            matches!(scene.running().handle.status(), PublisherStatus::Retrying { .. }).then_some(())
        });
        scene.kafka.run();
        scene.has_each_row_once();
    }
}

#[test]
fn a_mark_of_another_cluster_is_no_reason_to_publish_again() {
    let Some(broker) = Broker::kafka() else { return };
    let settings = broker.settings();
    let (topic, progress) = (broker.topic("event", 1), broker.topic("progress", 1));
    let outbox = Outbox::default();
    let mut config = config(Uuid::new_v4(), &progress, &outbox, 1);
    let mut live = |ids: std::ops::RangeInclusive<i64>, mark: i64, of_this: bool| {
        outbox.fill(&topic, 0, ids);
        config.marks.insert(0, mark);
        config.marks_are_of_this_cluster = of_this;
        config.last_assigned = outbox.last_ids();
        let running = start(&settings, config.clone(), &outbox, OutboundHooks::default());
        // Only then does the database hear of it.
        wait_for("it knows where it stands", || (running.handle.status() == PublisherStatus::Running).then_some(()));
        running.until(&outbox.last_ids());
        running.stop();
    };
    live(1..=KEPT, 0, true);
    // The store has been elsewhere, where rows up to 20 were published.
    live(KEPT + 1..=LOST, LOST, false);
    // It ended before there was anything to publish here, with that mark as one of this cluster.
    live(LOST + 1..=LAST, LOST, true);
    let here = (1..=LAST).filter(|id| !(KEPT + 1..=LOST).contains(id)).count();
    assert_eq!(read_all(&settings, &topic).len(), here);
}
