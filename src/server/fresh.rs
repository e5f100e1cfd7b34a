//! The rows that were committed last, handed to the publisher as they are: it need not read them back.
//!
//! The outbox stays the memory. What is here is durable before it comes, is a copy, and may be left out: whatever is
//! asked for that is not all here is read from the store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::plugins::bridge::dead_letter::record_size;
use crate::plugins::bridge::outbound::{BYTES_MAX, ROWS_MAX};
use crate::plugins::store::{OutboxRow, ShardId};

/// The newest rows of every shard, shared between the engine, which adds, and the publisher, which takes.
#[derive(Debug, Clone)]
pub(super) struct FreshRows {
    shards: Arc<Mutex<BTreeMap<ShardId, Newest>>>,
    rows_max: usize,
    bytes_max: usize,
}

/// The newest rows of one shard.
#[derive(Debug, Default)]
struct Newest {
    /// Every row with a larger id is here.
    after: i64,
    rows: VecDeque<OutboxRow>,
    bytes: usize,
}

impl Default for FreshRows {
    /// As much as two transactions hold: one is under way while the next one's rows come.
    fn default() -> Self {
        Self::new(2 * ROWS_MAX, 2 * BYTES_MAX)
    }
}

impl FreshRows {
    /// Keeps at most so many rows, and so many bytes of records, of each shard.
    pub(super) fn new(rows_max: usize, bytes_max: usize) -> Self {
        Self { shards: Arc::default(), rows_max, bytes_max }
    }

    /// Takes the rows of a commit that is durable, in the order of their ids. Each commit's rows must come, in turn.
    pub(super) fn add(&self, rows: &[OutboxRow]) {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            let newest = shards.entry(row.shard).or_insert_with(|| Newest { after: row.id - 1, ..Newest::default() });
            newest.bytes += record_size(row);
            newest.rows.push_back(row.clone());
            while newest.rows.len() > self.rows_max || newest.bytes > self.bytes_max {
                newest.drop_first();
            }
        }
    }

    /// The rows of a shard with an id above `id`, in order, at most `limit`; nothing if not all of them are here.
    pub(super) fn after(&self, shard: ShardId, id: i64, limit: usize) -> Option<Vec<OutboxRow>> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = shards.get_mut(&shard)?;
        if id < newest.after {
            return None;
        }
        // Whoever asks for what comes after a row is through with it.
        while newest.rows.front().is_some_and(|row| row.id <= id) {
            newest.drop_first();
        }
        (!newest.rows.is_empty()).then(|| newest.rows.iter().take(limit).cloned().collect())
    }
}

impl Newest {
    fn drop_first(&mut self) {
        if let Some(row) = self.rows.pop_front() {
            self.after = row.id;
            self.bytes = self.bytes.saturating_sub(record_size(&row));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHARD: ShardId = 3;

    fn row(id: i64) -> OutboxRow {
        OutboxRow { shard: SHARD, id, body: Some(vec![0; 40]), ..OutboxRow::default() }
    }

    fn ids(rows: &[OutboxRow]) -> Vec<i64> {
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn what_is_not_all_here_is_left_to_the_store() {
        let fresh = FreshRows::new(3, 1_000_000);
        assert_eq!(fresh.after(SHARD, 0, 10), None, "nothing has come yet");
        fresh.add(&[row(11), row(12)]);
        assert_eq!(fresh.after(SHARD, 9, 10), None, "what was there before is in the store");
        assert_eq!(fresh.after(SHARD + 1, 10, 10), None, "another shard");
        assert_eq!(fresh.after(SHARD, 10, 1).map(|rows| ids(&rows)), Some(vec![11]));
        fresh.add(&[row(13), row(14)]);
        assert_eq!(fresh.after(SHARD, 10, 10), None, "the oldest had to make room");
        assert_eq!(fresh.after(SHARD, 11, 10).map(|rows| ids(&rows)), Some(vec![12, 13, 14]));
        assert_eq!(fresh.after(SHARD, 14, 10), None, "nothing is left");
    }

    #[test]
    fn records_of_many_bytes_make_room_too() {
        let fresh = FreshRows::new(100, 3 * record_size(&row(1)));
        fresh.add(&[row(1), row(2), row(3), row(4)]);
        assert_eq!(fresh.after(SHARD, 0, 10), None);
        assert_eq!(fresh.after(SHARD, 1, 10).map(|rows| ids(&rows)), Some(vec![2, 3, 4]));
        let none = FreshRows::new(100, 10);
        none.add(&[row(1)]);
        assert_eq!(none.after(SHARD, 0, 10), None, "larger than all that may be kept");
    }

    proptest! {
        /// Whatever is answered is what the store would answer.
        #[test]
        fn an_answer_is_the_stores_answer(
            rows_max in 0_usize..12,
            steps in prop::collection::vec((0_i64..5, 0_i64..8, 0_usize..6), 1..60),
        ) {
            let fresh = FreshRows::new(rows_max, usize::MAX);
            let (mut stored, mut position) = (Vec::new(), 0);
            for (added, back, limit) in steps {
                let first = i64::try_from(stored.len()).expect("few") + 1;
                let new: Vec<OutboxRow> = (first..first + added).map(row).collect();
                fresh.add(&new);
                stored.extend(new);
                // A producer that was made anew may ask again for what it had before.
                let asked = (position - back).max(0);
                if let Some(rows) = fresh.after(SHARD, asked, limit) {
                    let expected = stored.iter().filter(|row| row.id > asked).take(limit);
                    prop_assert_eq!(ids(&rows), expected.map(|row| row.id).collect::<Vec<_>>());
                    position = rows.last().map_or(asked, |row| row.id);
                }
            }
        }
    }
}
