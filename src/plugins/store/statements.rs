//! From a commit to the statements that write it: many rows a statement, few different texts.
//!
//! Everything is built and checked before a transaction begins, and the same statements serve every repetition.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::StoreError;
use super::engine::EngineKind;
use super::tables::Table;
use super::value::Value;

/// Up to this many rows a statement has exactly as many as there are.
const EXACT_MAX: usize = 16;
/// More rows are split into these, so that a connection prepares a few dozen texts and no more. The largest times
/// the columns of the widest table stays far below what either engine binds.
const CHUNKS: [usize; 3] = [256, 64, 16];

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

/// Texts of statements by table and number of rows, for one engine.
#[derive(Debug)]
pub(super) struct Texts {
    engine: EngineKind,
    made: Mutex<BTreeMap<(&'static str, usize), Arc<str>>>,
}

impl Texts {
    pub(super) fn new(engine: EngineKind) -> Self {
        Self { engine, made: Mutex::default() }
    }

    /// `($first, …)`, as many as `count`, for a text that has no other placeholders than such.
    ///
    /// In SQLite without numbers: for a numbered one it looks through the names of all that stand before it, each time
    /// that it is bound.
    pub(super) fn places(&self, first: usize, count: usize) -> String {
        match self.engine {
            EngineKind::Sqlite => format!("({})", vec!["?"; count].join(", ")),
            EngineKind::Postgres => placeholders(first, count),
        }
    }

    /// The text kept under `name` and `size`, made on first use.
    pub(super) fn get(&self, name: &'static str, size: usize, make: impl FnOnce() -> String) -> Arc<str> {
        let mut texts = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry((name, size)).or_insert_with(|| make().into()))
    }

    pub(super) fn insert(&self, table: &Table, rows: usize) -> Arc<str> {
        self.get(table.name, rows, || {
            let columns = table.columns.len();
            let rows: Vec<String> = (0..rows).map(|row| self.places(row * columns + 1, columns)).collect();
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

/// Statements in the order in which they run.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub texts: &'a Texts,
    grouping: Grouping,
    pub statements: Vec<Statement<'a>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(texts: &'a Texts, grouping: Grouping) -> Self {
        Self { texts, grouping, statements: Vec::new() }
    }

    /// Adds `rows` to `table`; `fill` gives the columns of a row in the table's order.
    pub(super) fn rows<R, const COLUMNS: usize>(
        &mut self,
        table: &'static Table,
        rows: &'a [R],
        fill: impl Fn(usize, &'a R) -> [Value<'a>; COLUMNS],
    ) -> Result<(), StoreError> {
        let mut first_row = 0;
        for size in chunk_sizes(rows.len(), self.grouping) {
            let mut all = Vec::with_capacity(size * COLUMNS);
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
}

pub(super) fn refused(table: &'static str, row: usize, why: impl ToString) -> StoreError {
    StoreError::Refused { table, row: Some(row), world_id: None, message: why.to_string() }
}

/// PostgreSQL's text holds no NUL; refused here, so that both engines refuse the same.
pub(super) fn check_text(table: &Table, row: usize, values: &[Value<'_>]) -> Result<(), StoreError> {
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
    use crate::plugins::store::tables::{
        COMMAND, CONFIG_CHANGE, DEAD_LETTER, GENERATION_ANSWER, GENERATION_ATTEMPT, GENERATION_JOB, INPUT_POSITION,
        JOURNAL, MARKET_STATE, OUTBOX, RELATION, RELATION_HISTORY, TICK, TICK_HISTORY, WORLD,
    };

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
        let wide = [WORLD, JOURNAL, TICK, TICK_HISTORY, MARKET_STATE, DEAD_LETTER, OUTBOX, INPUT_POSITION];
        let waiting = [GENERATION_ANSWER, GENERATION_ATTEMPT, GENERATION_JOB];
        let others = [COMMAND, CONFIG_CHANGE, RELATION, RELATION_HISTORY];
        for table in wide.into_iter().chain(waiting).chain(others) {
            assert!(table.columns.len() * CHUNKS[0] < 32_766, "{}", table.name);
        }
    }

    #[test]
    fn a_text_numbers_its_placeholders_through() {
        let text = |engine| Texts::new(engine).insert(&TICK, 2);
        let begin = "INSERT INTO tick (tick_id, shard, seen_at) VALUES";
        assert_eq!(&*text(EngineKind::Postgres), format!("{begin} ($1, $2, $3), ($4, $5, $6)"));
        assert_eq!(&*text(EngineKind::Sqlite), format!("{begin} (?, ?, ?), (?, ?, ?)"));
    }
}
