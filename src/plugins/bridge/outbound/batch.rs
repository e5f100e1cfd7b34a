//! Choosing the rows of the next transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::{OutboundConfig, OutboxSource, OutboxUnavailable, Published};
use crate::plugins::bridge::dead_letter::{record_size, reference_to};
use crate::plugins::store::{OutboxRow, ShardId};

/// Where a row is that the brokers refuse for its size.
pub(super) const KEPT_IN: &str = "outbox table of the store";

type RowKey = (ShardId, i64);

/// Rows to publish together, in the order of their ids within each shard.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<OutboxRow>,
}

impl Batch {
    /// The last id of each shard.
    pub(super) fn marks(&self) -> BTreeMap<ShardId, i64> {
        self.rows.iter().map(|row| (row.shard, row.id)).collect()
    }

    /// What to tell when it is published.
    pub(super) fn published(&self, replaced: u64) -> Published {
        let mut published = Published { marks: self.marks().into_iter().collect(), replaced, ..Published::default() };
        for row in &self.rows {
            let size = row.body.as_ref().map_or(0, Vec::len);
            *published.counts.entry(row.event_type.clone()).or_default() += 1;
            published.bytes += u64::try_from(size).unwrap_or(u64::MAX);
            published.sizes.push((row.event_type.clone(), size));
        }
        published
    }
}

/// What has been learnt about rows that brokers refuse for their size.
#[derive(Debug, Default)]
pub(super) struct Oversized {
    /// They were refused together with others: to be tried alone, to see which one it is.
    alone: BTreeSet<RowKey>,
    /// What is published instead.
    replaced: BTreeMap<RowKey, OutboxRow>,
    /// Even what was to be published instead is refused; the smallest possible reference is the last attempt.
    last_attempt: BTreeSet<RowKey>,
}

impl Oversized {
    /// Notes that rows of a batch were refused for their size. `certain`: each of them by itself, not just with others.
    /// Returns a row of which nothing smaller is left.
    pub(super) fn note(
        &mut self,
        batch: &Batch,
        indices: &[usize],
        certain: bool,
        replace: &dyn Fn(&OutboxRow) -> OutboxRow,
    ) -> Option<OutboxRow> {
        for row in indices.iter().filter_map(|&index| batch.rows.get(index)) {
            let key = (row.shard, row.id);
            if !certain && batch.rows.len() > 1 {
                self.alone.insert(key);
            } else if !self.replaced.contains_key(&key) {
                self.replaced.insert(key, identified(replace(row), row));
            } else if self.last_attempt.insert(key) {
                self.replaced.insert(key, reference_to(row, KEPT_IN));
            } else {
                return Some(row.clone());
            }
        }
        None
    }

    /// Forgets what is published; returns how many rows of the batch were replaced.
    pub(super) fn forget(&mut self, batch: &Batch) -> u64 {
        let mut replaced = 0;
        for row in &batch.rows {
            let key = (row.shard, row.id);
            self.alone.remove(&key);
            self.last_attempt.remove(&key);
            replaced += u64::from(self.replaced.remove(&key).is_some());
        }
        replaced
    }
}

/// A replacement stands for the row that it replaces, whatever its maker put there.
fn identified(replacement: OutboxRow, row: &OutboxRow) -> OutboxRow {
    OutboxRow { shard: row.shard, id: row.id, event_id: row.event_id, ..replacement }
}

/// Collects rows beyond the positions: of every shard in turn, beginning with another one each time.
pub(super) struct Collector {
    rows_max: usize,
    bytes_max: usize,
    turn: usize,
}

impl Collector {
    pub(super) fn new(config: &OutboundConfig) -> Self {
        Self { rows_max: config.rows_max.max(1), bytes_max: config.bytes_max, turn: 0 }
    }

    /// The next batch; empty if there is nothing to publish. `last_assigned` says which shards are worth asking; with
    /// `sweep` all are asked.
    pub(super) fn collect(
        &mut self,
        source: &dyn OutboxSource,
        positions: &BTreeMap<ShardId, i64>,
        last_assigned: &BTreeMap<ShardId, i64>,
        sweep: bool,
        oversized: &Oversized,
    ) -> Result<Batch, OutboxUnavailable> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let count = positions.len().max(1);
        self.turn = (self.turn + 1) % count;
        for (&shard, &position) in positions.iter().cycle().skip(self.turn).take(positions.len()) {
            let known = last_assigned.get(&shard).copied().unwrap_or(0);
            let room = self.rows_max - batch.rows.len();
            if (known <= position && !sweep) || room == 0 {
                continue;
            }
            for row in source.rows_after(shard, position, room)?.into_iter().filter(|row| row.id > position) {
                let key = (row.shard, row.id);
                let alone = oversized.alone.contains(&key);
                let row = oversized.replaced.get(&key).cloned().unwrap_or(row);
                let size = record_size(&row);
                if !batch.rows.is_empty() && (alone || bytes + size > self.bytes_max) {
                    break;
                }
                bytes += size;
                batch.rows.push(row);
                if alone {
                    return Ok(batch);
                }
            }
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rows(Vec<OutboxRow>);

    impl OutboxSource for Rows {
        fn rows_after(&self, shard: ShardId, id: i64, limit: usize) -> Result<Vec<OutboxRow>, OutboxUnavailable> {
            Ok(self.0.iter().filter(|row| row.shard == shard && row.id > id).take(limit).cloned().collect())
        }
    }

    fn rows(shards: &[(ShardId, i64)]) -> Rows {
        let row = |shard, id| OutboxRow { shard, id, body: Some(vec![0; 100]), ..OutboxRow::default() };
        Rows(shards.iter().flat_map(|&(shard, last)| (1..=last).map(move |id| row(shard, id))).collect())
    }

    fn collector(rows_max: usize) -> Collector {
        Collector { rows_max, bytes_max: 1_000_000, turn: 0 }
    }

    fn ids(batch: &Batch) -> Vec<(ShardId, i64)> {
        batch.rows.iter().map(|row| (row.shard, row.id)).collect()
    }

    #[test]
    fn every_shard_has_its_turn_and_ids_stay_in_order() {
        let source = rows(&[(0, 10), (1, 10)]);
        let mut positions = BTreeMap::from([(0, 0), (1, 0)]);
        let known = BTreeMap::from([(0, 10), (1, 10)]);
        let mut collector = collector(6);
        let mut seen: BTreeMap<ShardId, Vec<i64>> = BTreeMap::new();
        for _ in 0..8 {
            let batch = collector.collect(&source, &positions, &known, false, &Oversized::default()).expect("readable");
            assert!(batch.rows.len() <= 6);
            for (shard, id) in ids(&batch) {
                seen.entry(shard).or_default().push(id);
            }
            positions.extend(batch.marks());
        }
        assert_eq!(seen[&0], (1..=10).collect::<Vec<_>>());
        assert_eq!(seen[&1], (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn rows_that_were_refused_together_are_tried_alone_and_the_guilty_one_is_replaced() {
        let source = rows(&[(0, 4)]);
        let positions = BTreeMap::from([(0, 0)]);
        let known = BTreeMap::from([(0, 4)]);
        let mut oversized = Oversized::default();
        let mut collector = collector(500);
        let first = collector.collect(&source, &positions, &known, false, &oversized).expect("readable");
        assert_eq!(oversized.note(&first, &[1, 2], false, &|row| reference_to(row, KEPT_IN)), None);
        let before = collector.collect(&source, &positions, &known, false, &oversized).expect("readable");
        assert_eq!(ids(&before), [(0, 1)], "what comes before a suspect goes first");
        let positions = BTreeMap::from([(0, 1)]);
        let suspect = collector.collect(&source, &positions, &known, false, &oversized).expect("readable");
        assert_eq!(ids(&suspect), [(0, 2)], "a suspect goes alone");
        assert_eq!(oversized.note(&suspect, &[0], false, &|row| reference_to(row, KEPT_IN)), None);
        let replaced = collector.collect(&source, &positions, &known, false, &oversized).expect("readable");
        assert_eq!(ids(&replaced), [(0, 2)]);
        assert_ne!(replaced.rows[0].body, suspect.rows[0].body);
        assert_eq!(oversized.note(&replaced, &[0], false, &|row| reference_to(row, KEPT_IN)), None, "one more attempt");
        assert!(
            oversized.note(&replaced, &[0], false, &|row| reference_to(row, KEPT_IN)).is_some(),
            "nothing smaller is left"
        );
        assert_eq!(oversized.forget(&replaced), 1);
    }

    #[test]
    fn a_batch_has_a_size_but_one_row_always_goes() {
        let source = rows(&[(0, 5)]);
        let (positions, known) = (BTreeMap::from([(0, 0)]), BTreeMap::from([(0, 5)]));
        let mut collector = Collector { rows_max: 500, bytes_max: 10, turn: 0 };
        let batch = collector.collect(&source, &positions, &known, false, &Oversized::default()).expect("readable");
        assert_eq!(ids(&batch), [(0, 1)]);
    }

    #[test]
    fn shards_without_news_are_asked_only_in_a_sweep() {
        let source = rows(&[(0, 2)]);
        let positions = BTreeMap::from([(0, 0)]);
        let mut collector = collector(500);
        let nothing = BTreeMap::new();
        let none = collector.collect(&source, &positions, &nothing, false, &Oversized::default()).expect("readable");
        assert!(none.rows.is_empty());
        let swept = collector.collect(&source, &positions, &nothing, true, &Oversized::default()).expect("readable");
        assert_eq!(swept.rows.len(), 2);
    }
}
