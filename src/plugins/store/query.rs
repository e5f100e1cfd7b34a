//! What the admin API and the tools read: lists by page, newest first, and counts.

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::outbox::{OUTBOX_COLUMNS, outbox_row};
use super::pages::{Conditions, Cursor, EventFilter, Listed, PAGE_ROWS_MAX, Page, TickFilter};
use super::rows::{DeadLetterRow, MarketStateRow, OutboxRow, TickHistoryRow};
use super::store::Store;
use super::value::{Columns, Row, values};

/// How many rows there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct StoreCounts {
    /// Registered worlds.
    pub worlds: i64,
    /// Journal rows.
    pub journal: i64,
    /// Snapshots.
    pub snapshots: i64,
    /// Known tick ids.
    pub ticks: i64,
    /// Rows of the tick history.
    pub tick_history: i64,
    /// Market states.
    pub market_states: i64,
    /// Outbox rows, published or not.
    pub outbox: i64,
    /// Dead letters.
    pub dead_letters: i64,
}

impl Store {
    /// What became of ticks.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn tick_history(
        &self,
        filter: &TickFilter,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<TickHistoryRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions
            .equal("world_id", filter.world_id.as_deref())
            .equal("tick_type", filter.tick_type.as_deref())
            .equal("outcome", filter.outcome.as_deref())
            .equal("tick_id", filter.tick_id);
        let columns = "commit_no, shard, seq, tick_id, tick_type, world_id, outcome, detail, game_time, topic, \
                       partition_no, record_offset, events, markets_cleared, recorded_at";
        let rows = self.list("tick_history", columns, "seq", conditions, page, limit).await?;
        rows.iter().map(tick_history_row).collect()
    }

    /// Outbox rows, published or not.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn events(
        &self,
        filter: &EventFilter,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<OutboxRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions
            .equal("topic", filter.topic.as_deref())
            .equal("world_id", filter.world_id.as_deref())
            .equal("event_type", filter.event_type.as_deref())
            .equal("tick_id", filter.tick_id);
        let columns = format!("commit_no, {OUTBOX_COLUMNS}");
        let rows = self.list("outbox", &columns, "id", conditions, page, limit).await?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("outbox");
                let commit_no = columns.int()?;
                let row = outbox_row(&mut columns)?;
                Ok(Listed { cursor: Cursor { commit_no, shard: row.shard, seq: row.id }, row })
            })
            .collect()
    }

    /// Messages that could not be used, of one topic or of all.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn dead_letters(
        &self,
        topic: Option<&str>,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<DeadLetterRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions.equal("topic", topic);
        let columns = "commit_no, shard, seq, topic, partition_no, record_offset, timestamp_ms, record_key, \
                       record_value, error_class, error_message, recorded_at";
        let rows = self.list("dead_letter", columns, "seq", conditions, page, limit).await?;
        rows.iter().map(dead_letter_row).collect()
    }

    /// What one market did, over all incarnations of its world.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn market_history(
        &self,
        world_id: &str,
        market_id: &str,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<MarketStateRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions.equal("world_id", Some(world_id)).equal("market_id", Some(market_id));
        let rows = self.list("market_state", MARKET_COLUMNS, "seq", conditions, page, limit).await?;
        rows.iter().map(market_row).collect()
    }

    /// The last state of each market of a world in its present incarnation, by market.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn latest_markets(&self, world_id: &str) -> Result<Vec<MarketStateRow>, StoreError> {
        // Steps from market to market along the index, so that the cost follows the markets and not their history.
        let columns: Vec<String> = MARKET_COLUMNS.split(", ").map(|column| format!("s.{column}")).collect();
        let sql = format!(
            "WITH RECURSIVE market (market_id) AS (\
               SELECT min(market_id) FROM market_state WHERE world_id = $1 UNION ALL \
               SELECT (SELECT min(n.market_id) FROM market_state n WHERE n.world_id = $1 AND n.market_id > market.market_id) \
               FROM market WHERE market.market_id IS NOT NULL), \
             latest (market_id, commit_no) AS (\
               SELECT market_id, (SELECT max(l.commit_no) FROM market_state l \
                 WHERE l.world_id = $1 AND l.market_id = market.market_id) \
               FROM market WHERE market_id IS NOT NULL) \
             SELECT {} FROM latest JOIN market_state s ON s.world_id = $1 AND s.market_id = latest.market_id \
               AND s.commit_no = latest.commit_no \
             WHERE s.seq = (SELECT max(m.seq) FROM market_state m WHERE m.world_id = $1 \
                 AND m.market_id = s.market_id AND m.commit_no = s.commit_no) \
               AND s.commit_no > COALESCE((SELECT registered_commit FROM world WHERE world_id = $1), 0) \
             ORDER BY s.market_id",
            columns.join(", ")
        );
        let mut session = self.reader("read the markets").await?;
        let rows = session.fetch(AssertSqlSafe(sql), &values![world_id]).await;
        let rows = rows.map_err(|failure| failure.into_error("read the markets", "market_state"))?;
        rows.iter().map(|row| market_row(row).map(|listed| listed.row)).collect()
    }

    /// Counts the rows of every table: it reads them all, so not for a request that comes often.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn counts(&self) -> Result<StoreCounts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM world), (SELECT count(*) FROM journal), \
                   (SELECT count(*) FROM snapshot), (SELECT count(*) FROM tick), \
                   (SELECT count(*) FROM tick_history), (SELECT count(*) FROM market_state), \
                   (SELECT count(*) FROM outbox), (SELECT count(*) FROM dead_letter)";
        let mut session = self.reader("count rows").await?;
        let rows = session.fetch(sql, &[]).await.map_err(|failure| failure.into_error("count rows", "outbox"))?;
        let Some(row) = rows.first() else { return Ok(StoreCounts::default()) };
        let mut columns = row.read("outbox");
        Ok(StoreCounts {
            worlds: columns.int()?,
            journal: columns.int()?,
            snapshots: columns.int()?,
            ticks: columns.int()?,
            tick_history: columns.int()?,
            market_states: columns.int()?,
            outbox: columns.int()?,
            dead_letters: columns.int()?,
        })
    }

    pub(super) async fn list(
        &self,
        table: &'static str,
        columns: &str,
        seq: &str,
        mut conditions: Conditions<'_>,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let order = conditions.page(seq, page);
        conditions.values.push(limit.min(PAGE_ROWS_MAX).into());
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE {} ORDER BY {order} LIMIT ${}",
            conditions.text,
            conditions.values.len()
        );
        let mut session = self.reader("read a list").await?;
        let rows = session.fetch(AssertSqlSafe(sql), &conditions.values).await;
        rows.map_err(|failure| failure.into_error("read a list", table))
    }
}

const MARKET_COLUMNS: &str = "commit_no, shard, seq, world_id, market_id, commodity, price, volume, asks_unfilled, \
                              bids_unfilled, tick_id, game_time, recorded_at, measures";

pub(super) fn cursor(columns: &mut Columns<'_>) -> Result<Cursor, StoreError> {
    Ok(Cursor { commit_no: columns.int()?, shard: columns.small()?, seq: columns.int()? })
}

fn tick_history_row(row: &Row) -> Result<Listed<TickHistoryRow>, StoreError> {
    let mut columns = row.read("tick_history");
    let cursor = cursor(&mut columns)?;
    let row = TickHistoryRow {
        tick_id: columns.id()?,
        tick_type: columns.text()?,
        world_id: columns.text_or_none()?,
        shard: cursor.shard,
        outcome: columns.text()?,
        detail: columns.text_or_none()?,
        game_time: columns.int_or_none()?,
        topic: columns.text_or_none()?,
        partition: columns.small_or_none()?,
        offset: columns.int_or_none()?,
        events: columns.int()?,
        markets_cleared: columns.int()?,
        recorded_at: columns.int()?,
        commit_no: cursor.commit_no,
    };
    Ok(Listed { cursor, row })
}

fn market_row(row: &Row) -> Result<Listed<MarketStateRow>, StoreError> {
    let mut columns = row.read("market_state");
    let cursor = cursor(&mut columns)?;
    let row = MarketStateRow {
        world_id: columns.text()?,
        shard: cursor.shard,
        market_id: columns.text()?,
        commodity: columns.text()?,
        price: columns.int_or_none()?,
        volume: columns.int()?,
        asks_unfilled: columns.int()?,
        bids_unfilled: columns.int()?,
        tick_id: columns.id()?,
        game_time: columns.int()?,
        recorded_at: columns.int()?,
        measures: columns.text()?,
        commit_no: cursor.commit_no,
    };
    Ok(Listed { cursor, row })
}

fn dead_letter_row(row: &Row) -> Result<Listed<DeadLetterRow>, StoreError> {
    let mut columns = row.read("dead_letter");
    let cursor = cursor(&mut columns)?;
    let row = DeadLetterRow {
        shard: cursor.shard,
        topic: columns.text()?,
        partition: columns.small()?,
        offset: columns.int()?,
        timestamp_ms: columns.int_or_none()?,
        key: columns.bytes_or_none()?,
        value: columns.bytes_or_none()?,
        error_class: columns.text()?,
        error_message: columns.text()?,
        recorded_at: columns.int()?,
        commit_no: cursor.commit_no,
    };
    Ok(Listed { cursor, row })
}
