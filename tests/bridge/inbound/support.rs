//! What these tests share.
#![allow(unreachable_pub, reason = "helpers of the tests beside it")]

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use worldtick::plugins::bridge::inbound::{
    BadMessage, Decode, InboundConfig, InboundHandle, InboundTopic, MergeKey, Mergeable, Received, ReceivedKind, spawn,
};
use worldtick::plugins::store::InputPosition;

use crate::bridge_support::{Broker, LIMIT};

/// A tick for tests: `<hour>` or `<hour> <world>`, daily with a `d` before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub hour: i64,
    pub daily: bool,
    pub world: Option<String>,
}

impl Mergeable for Tick {
    fn merge_key(&self) -> Option<MergeKey> {
        Some(MergeKey { game_time_micros: self.hour, type_order: u8::from(self.daily) })
    }

    fn world_id(&self) -> Option<&str> {
        self.world.as_deref()
    }
}

pub fn decode() -> Decode<Tick> {
    Arc::new(|_, _, value| {
        let bad = |message: &str| BadMessage { class: "test".into(), message: message.into() };
        let text = std::str::from_utf8(value.unwrap_or_default()).map_err(|_| bad("not UTF-8"))?;
        let (time, world) = text.split_once(' ').map_or((text, None), |(time, world)| (time, Some(world.to_owned())));
        let daily = time.starts_with('d');
        let hour = time.trim_start_matches('d').parse().map_err(|_| bad("no hour"))?;
        Ok(Tick { hour, daily, world })
    })
}

pub struct Running {
    pub handle: InboundHandle,
    pub out: Receiver<Received<Tick>>,
}

pub fn config(topics: &[&str]) -> InboundConfig {
    InboundConfig {
        topics: topics
            .iter()
            .map(|name| InboundTopic {
                name: (*name).to_owned(),
                group: format!("group-of-{name}"),
                message_bytes_max: 10_000,
                merged: true,
            })
            .collect(),
        metadata_interval: Duration::from_millis(300),
        commit_interval: Duration::from_millis(50),
        ..InboundConfig::default()
    }
}

pub fn start(broker: &Broker, config: InboundConfig, positions: Vec<InputPosition>, capacity: usize) -> Running {
    let (tx, out) = bounded(capacity);
    // Worlds whose name begins with `live` keep their own time.
    let hold = Arc::new(|world: Option<&str>| !world.is_some_and(|w| w.starts_with("live")));
    let handle = spawn(&broker.settings(), config, positions, decode(), hold, tx).expect("starts");
    Running { handle, out }
}

impl Running {
    pub fn next(&self) -> Received<Tick> {
        self.out.recv_timeout(LIMIT).expect("something is read")
    }

    /// The next thing that is neither an end nor news about partitions.
    pub fn next_record(&self) -> Received<Tick> {
        loop {
            let received = self.next();
            if !matches!(received.kind, ReceivedKind::End | ReceivedKind::NewPartition) {
                return received;
            }
        }
    }

    pub fn hours(&self, count: usize) -> Vec<i64> {
        (0..count).map(|_| hour(&self.next_record())).collect()
    }

    pub fn stop(self) {
        assert!(self.handle.stop(Duration::from_secs(20)), "the reader ends when it is told to");
    }
}

pub fn hour(received: &Received<Tick>) -> i64 {
    match &received.kind {
        ReceivedKind::Message { message, .. } => message.hour,
        other => panic!("no tick: {other:?}"),
    }
}

pub fn at(topic: &str, partition: i32, next: i64) -> InputPosition {
    InputPosition { topic: topic.to_owned(), partition, next }
}

pub fn brokers() -> Vec<Broker> {
    std::iter::once(Broker::mock()).chain(Broker::kafka()).collect()
}
