//! What these tests share.
#![allow(unreachable_pub, reason = "helpers of the tests beside it")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use uuid::Uuid;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::outbound::{
    OutboundConfig, OutboundHooks, OutboxSource, OutboxUnavailable, Published, PublisherEvent, PublisherFatal,
    PublisherHandle, PublisherStatus, spawn,
};
use worldtick::plugins::store::{OutboxRow, ShardId};

use crate::bridge_support::{LIMIT, Rec, wait_for};

/// An outbox in memory.
#[derive(Clone, Default)]
pub struct Outbox {
    pub rows: Arc<Mutex<Vec<OutboxRow>>>,
    pub away: Arc<AtomicBool>,
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
    pub fn fill(&self, topic: &str, shard: ShardId, ids: std::ops::RangeInclusive<i64>) {
        self.rows.lock().unwrap().extend(ids.map(|id| row(topic, shard, id)));
    }

    pub fn last_ids(&self) -> BTreeMap<ShardId, i64> {
        self.rows.lock().unwrap().iter().map(|row| (row.shard, row.id)).collect()
    }
}

pub fn row(topic: &str, shard: ShardId, id: i64) -> OutboxRow {
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

pub fn config(store_id: Uuid, progress: &str, outbox: &Outbox, shards: ShardId) -> OutboundConfig {
    let marks = (0..shards).map(|shard| (shard, 0)).collect();
    OutboundConfig {
        progress_topic: progress.to_owned(),
        poll_interval: Duration::from_millis(200),
        hold_interval: Duration::from_millis(200),
        rows_max: 50,
        ..OutboundConfig::new(store_id, marks, outbox.last_ids())
    }
}

pub struct Running {
    pub handle: PublisherHandle,
    pub events: Receiver<PublisherEvent>,
}

pub fn start(settings: &KafkaSettings, config: OutboundConfig, outbox: &Outbox, hooks: OutboundHooks) -> Running {
    let (tx, events) = unbounded();
    Running { handle: spawn(settings, config, outbox.clone(), hooks, tx).expect("starts"), events }
}

impl Running {
    /// Collects what is published until every shard has reached its id.
    pub fn until(&self, goal: &BTreeMap<ShardId, i64>) -> Vec<Published> {
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

    pub fn held(&self) -> String {
        wait_for("the outbox is held", || match self.handle.status() {
            PublisherStatus::Held { detail } => Some(detail),
            _ => None,
        })
    }

    pub fn fatal(&self) -> PublisherFatal {
        loop {
            if let PublisherEvent::Fatal(fatal) = self.events.recv_timeout(LIMIT).expect("news") {
                return fatal;
            }
        }
    }

    pub fn stop(self) {
        assert!(self.handle.stop(Duration::from_secs(30)), "the publisher ends when it is told to");
    }
}

pub fn bodies(records: &[Rec]) -> Vec<String> {
    let mut bodies: Vec<String> = records.iter().map(Rec::text).collect();
    bodies.sort();
    bodies
}

pub fn expected(shards: ShardId, last: i64) -> Vec<String> {
    let mut all: Vec<String> = (0..shards).flat_map(|s| (1..=last).map(move |id| format!("{s}/{id}"))).collect();
    all.sort();
    all
}

/// Java's default partitioner, written down a second time.
pub fn murmur2(data: &[u8]) -> u32 {
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

pub fn assert_in_order_per_key(records: &[Rec]) {
    let mut last: BTreeMap<(Vec<u8>, String), i64> = BTreeMap::new();
    for record in records {
        let text = record.text();
        let (shard, id) = text.split_once('/').expect("shard/id");
        let id: i64 = id.parse().expect("id");
        let known = last.insert((record.key.clone().expect("key"), shard.to_owned()), id);
        assert!(known.is_none_or(|known| known < id), "{text} came after {known:?}");
    }
}
