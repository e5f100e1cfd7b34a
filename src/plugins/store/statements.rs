//! From a commit to the statements that write it: many rows a statement, few different texts.
//!
//! Everything is built and checked before a transaction begins, and the same statements serve every repetition.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::StoreError;
use super::config::StoreConfig;
use super::rows::{Commit, ShardId, WorldChange, WorldRow};
use super::value::{Value, values};

/// Up to this many rows a statement has exactly as many as there are.
const EXACT_MAX: usize = 16;
/// More rows are split into these, so that a connection prepares a few dozen texts and no more. The largest times
/// the columns of the widest table stays far below what either engine binds.
const CHUNKS: [usize; 3] = [256, 64, 16];

/// A table as a commit writes it.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    columns: &'static [&'static str],
    /// What follows the rows.
    suffix: &'static str,
}

/// One statement with its values.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    pub table: &'static str,
    pub sql: Arc<str>,
    pub values: Vec<Value<'a>>,
    /// Index of its first row among those of its table in the commit.
    pub first_row: usize,
    /// The number of rows it must touch, if it must.
    pub touches: Option<u64>,
}

/// How many rows go into a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Many, as usual.
    Many,
    /// One, to find out which row is refused.
    Single,
}

/// Texts of statements by table and number of rows.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<BTreeMap<(&'static str, usize), Arc<str>>>);

impl Texts {
    /// The text kept under `name` and `size`, made on first use.
    pub(super) fn get(&self, name: &'static str, size: usize, make: impl FnOnce() -> String) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry((name, size)).or_insert_with(|| make().into()))
    }

    fn insert(&self, table: &Table, rows: usize) -> Arc<str> {
        self.get(table.name, rows, || {
            let columns = table.columns.len();
            let rows: Vec<String> = (0..rows).map(|row| placeholders(row * columns + 1, columns)).collect();
            format!(
                "INSERT INTO {} ({}) VALUES {}{}",
                table.name,
                table.columns.join(", "),
                rows.join(", "),
                table.suffix
            )
        })
    }
}

/// `($first, …)`, as many as `count`.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let names: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    format!("({})", names.join(", "))
}

/// Sizes of the statements for `rows` rows.
fn chunk_sizes(rows: usize, grouping: Grouping) -> Vec<usize> {
    if grouping == Grouping::Single {
        return vec![1; rows];
    }
    let mut sizes = Vec::new();
    let mut left = rows;
    while left > EXACT_MAX {
        let size = CHUNKS.into_iter().find(|size| *size <= left).unwrap_or(EXACT_MAX);
        sizes.push(size);
        left -= size;
    }
    if left > 0 {
        sizes.push(left);
    }
    sizes
}

const WORLD: Table = Table {
    name: "world",
    columns: &["world_id", "shard", "incarnation", "spec", "spec_hash", "status", "registered_at", "registered_commit"],
    suffix: " ON CONFLICT (world_id) DO UPDATE SET shard = excluded.shard, incarnation = excluded.incarnation, \
             spec = excluded.spec, spec_hash = excluded.spec_hash, status = excluded.status, \
             registered_at = excluded.registered_at, registered_commit = excluded.registered_commit",
};

const JOURNAL: Table = Table {
    name: "journal",
    columns: &["world_id", "commit_no", "shard", "simulation_version", "inputs", "state_hash", "cost_micros"],
    suffix: "",
};

const TICK: Table = Table { name: "tick", columns: &["tick_id", "shard", "seen_at"], suffix: "" };

const TICK_HISTORY: Table = Table {
    name: "tick_history",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "tick_id",
        "tick_type",
        "world_id",
        "outcome",
        "detail",
        "game_time",
        "topic",
        "partition_no",
        "record_offset",
        "events",
        "markets_cleared",
        "recorded_at",
    ],
    suffix: "",
};

const MARKET_STATE: Table = Table {
    name: "market_state",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "world_id",
        "market_id",
        "commodity",
        "price",
        "volume",
        "asks_unfilled",
        "bids_unfilled",
        "tick_id",
        "game_time",
        "recorded_at",
        "measures",
    ],
    suffix: "",
};

const DEAD_LETTER: Table = Table {
    name: "dead_letter",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "topic",
        "partition_no",
        "record_offset",
        "timestamp_ms",
        "record_key",
        "record_value",
        "error_class",
        "error_message",
        "recorded_at",
    ],
    suffix: "",
};

const OUTBOX: Table = Table {
    name: "outbox",
    columns: &[
        "shard",
        "id",
        "event_id",
        "commit_no",
        "topic",
        "event_type",
        "world_id",
        "tick_id",
        "is_tick",
        "record_key",
        "headers",
        "body",
        "created_at",
    ],
    suffix: "",
};

pub(super) const INPUT_POSITION: Table = Table {
    name: "input_position",
    columns: &["shard", "topic", "partition_no", "next_offset"],
    suffix: " ON CONFLICT (shard, topic, partition_no) DO UPDATE SET next_offset = excluded.next_offset",
};

/// A mark never goes back: what is published stays published.
pub(super) const OUTBOX_MARK: Table = Table {
    name: "outbox_mark",
    columns: &["shard", "cluster_id", "published_id"],
    suffix: " ON CONFLICT (shard, cluster_id) DO UPDATE SET published_id = excluded.published_id \
             WHERE excluded.published_id > outbox_mark.published_id",
};

/// Statements in the order in which they run.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    texts: &'a Texts,
    grouping: Grouping,
    pub statements: Vec<Statement<'a>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(texts: &'a Texts, grouping: Grouping) -> Self {
        Self { texts, grouping, statements: Vec::new() }
    }

    /// Adds `rows` to `table`; `fill` gives the columns of a row in the table's order.
    pub(super) fn rows<R>(
        &mut self,
        table: &'static Table,
        rows: &'a [R],
        fill: impl Fn(usize, &'a R) -> Vec<Value<'a>>,
    ) -> Result<(), StoreError> {
        let mut first_row = 0;
        for size in chunk_sizes(rows.len(), self.grouping) {
            let mut all = Vec::with_capacity(size * table.columns.len());
            for (index, row) in rows.iter().enumerate().skip(first_row).take(size) {
                let row = fill(index, row);
                check_text(table, index, &row)?;
                all.extend(row);
            }
            let sql = self.texts.insert(table, size);
            self.statements.push(Statement { table: table.name, sql, values: all, first_row, touches: None });
            first_row += size;
        }
        Ok(())
    }

    fn other(
        &mut self,
        table: &'static str,
        sql: &'static str,
        values: Vec<Value<'a>>,
        row: usize,
        touches: Option<u64>,
    ) {
        self.statements.push(Statement { table, sql: sql.into(), values, first_row: row, touches });
    }

    /// The changes to the registry, in order: they are rare, and one may undo another.
    fn worlds(&mut self, changes: &'a [WorldChange]) -> Result<(), StoreError> {
        for (index, change) in changes.iter().enumerate() {
            match change {
                WorldChange::Register(row) => {
                    self.forget(&row.world_id, index);
                    self.register(row, index)?;
                }
                WorldChange::Status { world_id, status } => {
                    let status = serde_json::to_string(status).map_err(|error| refused("world", index, error))?;
                    let sql = "UPDATE world SET status = $1 WHERE world_id = $2";
                    self.other("world", sql, values![status, world_id], index, Some(1));
                }
                WorldChange::Remove { world_id } => {
                    self.forget(world_id, index);
                    self.other("world", "DELETE FROM world WHERE world_id = $1", values![world_id], index, Some(1));
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, world_id: &'a String, row: usize) {
        self.other("journal", "DELETE FROM journal WHERE world_id = $1", values![world_id], row, None);
        self.other("snapshot", "DELETE FROM snapshot WHERE world_id = $1", values![world_id], row, None);
    }

    fn register(&mut self, row: &'a WorldRow, index: usize) -> Result<(), StoreError> {
        let status = serde_json::to_string(&row.status).map_err(|error| refused("world", index, error))?;
        let values = values![
            &row.world_id,
            row.shard,
            row.incarnation,
            &row.spec,
            row.spec_hash,
            status,
            row.registered_at,
            row.registered_commit,
        ];
        check_text(&WORLD, index, &values)?;
        let sql = self.texts.insert(&WORLD, 1);
        self.statements.push(Statement { table: "world", sql, values, first_row: index, touches: Some(1) });
        Ok(())
    }

    /// Everything of a commit but the fence.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for what no engine would take.
    pub(super) fn commit(
        &mut self,
        commit: &'a Commit,
        positions: &'a [(ShardId, &'a super::InputPosition)],
        headers: &'a [Vec<u8>],
        config: &StoreConfig,
    ) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.worlds(&commit.worlds)?;
        self.rows(&JOURNAL, &commit.journal, |_, row| {
            values![&row.world_id, no, row.shard, &row.simulation_version, &row.inputs, row.state_hash, row.cost_micros]
        })?;
        self.rows(&TICK, &commit.ticks_seen, |_, row| values![row.tick_id, row.shard, row.seen_at])?;
        self.history(commit)?;
        self.rows(&OUTBOX, &commit.outbox, |index, row| {
            let is_tick = config.tick_topics.contains(&row.topic);
            values![
                row.shard,
                row.id,
                row.event_id,
                no,
                &row.topic,
                &row.event_type,
                &row.world_id,
                row.tick_id,
                is_tick,
                &row.key,
                headers.get(index).map_or(&[][..], Vec::as_slice),
                &row.body,
                row.created_at,
            ]
        })?;
        self.rows(&INPUT_POSITION, positions, |_, (shard, row)| values![*shard, &row.topic, row.partition, row.next])?;
        self.rows(&OUTBOX_MARK, &commit.marks, |_, row| values![row.shard, &row.cluster_id, row.published_id])
    }

    fn history(&mut self, commit: &'a Commit) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.rows(&TICK_HISTORY, &commit.tick_history, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                row.tick_id,
                &row.tick_type,
                &row.world_id,
                &row.outcome,
                &row.detail,
                row.game_time,
                &row.topic,
                row.partition,
                row.offset,
                row.events,
                row.markets_cleared,
                row.recorded_at,
            ]
        })?;
        self.rows(&MARKET_STATE, &commit.market_states, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                &row.world_id,
                &row.market_id,
                &row.commodity,
                row.price,
                row.volume,
                row.asks_unfilled,
                row.bids_unfilled,
                row.tick_id,
                row.game_time,
                row.recorded_at,
                &row.measures,
            ]
        })?;
        self.rows(&DEAD_LETTER, &commit.dead_letters, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                &row.topic,
                row.partition,
                row.offset,
                row.timestamp_ms,
                &row.key,
                &row.value,
                &row.error_class,
                &row.error_message,
                row.recorded_at,
            ]
        })
    }
}

/// The order within a commit.
fn seq(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn refused(table: &'static str, row: usize, why: impl ToString) -> StoreError {
    StoreError::Refused { table, row: Some(row), world_id: None, message: why.to_string() }
}

/// PostgreSQL's text holds no NUL; refused here, so that both engines refuse the same.
fn check_text(table: &Table, row: usize, values: &[Value<'_>]) -> Result<(), StoreError> {
    match values.iter().position(Value::has_nul) {
        Some(column) => {
            let column = table.columns.get(column).copied().unwrap_or_default();
            Err(refused(table.name, row, format!("column `{column}` holds a NUL character")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_covered_by_few_sizes() {
        let mut seen = std::collections::BTreeSet::new();
        for rows in 0..3_000 {
            let sizes = chunk_sizes(rows, Grouping::Many);
            assert_eq!(sizes.iter().sum::<usize>(), rows);
            seen.extend(sizes);
        }
        assert!(seen.len() <= EXACT_MAX + CHUNKS.len(), "{seen:?}");
        assert_eq!(chunk_sizes(3, Grouping::Single), [1, 1, 1]);
    }

    #[test]
    fn the_largest_statement_stays_below_what_sqlite_binds() {
        for table in [WORLD, JOURNAL, TICK, TICK_HISTORY, MARKET_STATE, DEAD_LETTER, OUTBOX, INPUT_POSITION] {
            assert!(table.columns.len() * CHUNKS[0] < 32_766, "{}", table.name);
        }
    }

    #[test]
    fn a_text_numbers_its_placeholders_through() {
        let text = Texts::default().insert(&TICK, 2);
        assert_eq!(&*text, "INSERT INTO tick (tick_id, shard, seen_at) VALUES ($1, $2, $3), ($4, $5, $6)");
    }
}
