//! What is to be published, how far it is, and on which cluster.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::error::Failure;
use super::lease::Lease;
use super::rows::{ClusterRow, InputPosition, OutboxMark, OutboxRow, ShardId};
use super::statements::{Batch, Grouping};
use super::store::Store;
use super::tables::OUTBOX_MARK;
use super::value::{Columns, values};
use crate::failpoint;

/// Columns that [`outbox_row`] reads, in its order.
pub(super) const OUTBOX_COLUMNS: &str =
    "shard, id, event_id, topic, event_type, world_id, tick_id, record_key, headers, body, created_at";
const READ: &str = "read the outbox";
const MARK: &str = "write the outbox position";

impl Store {
    /// The next rows to publish of a shard, in order.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn outbox_after(&self, shard: ShardId, id: i64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = self.inner.texts.get("outbox after", 0, || {
            format!("SELECT {OUTBOX_COLUMNS} FROM outbox WHERE shard = $1 AND id > $2 ORDER BY id LIMIT $3")
        });
        let mut session = self.reader(READ).await?;
        let rows = session.fetch(AssertSqlSafe(sql), &values![shard, id, limit]).await;
        let rows = rows.map_err(|failure| failure.into_error(READ, "outbox"))?;
        rows.iter().map(|row| outbox_row(&mut row.read("outbox"))).collect()
    }

    /// Rows that no cluster has yet, over all shards, from the assigned ids and the marks: quick at any size.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn outbox_len(&self) -> Result<i64, StoreError> {
        let marks = self.max_marks().await?;
        let published: BTreeMap<ShardId, i64> = marks.into_iter().collect();
        let rows = self.lease_rows().await?;
        let waiting = |shard: &ShardId, next: i64| (next - 1 - published.get(shard).copied().unwrap_or(0)).max(0);
        Ok(rows.iter().map(|row| waiting(&row.shard, row.next_outbox_id)).sum())
    }

    /// Rows of tick topics whose tick has not come back, in order; at most `limit`.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn unconsumed_own_ticks(&self, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = format!(
            "SELECT {OUTBOX_COLUMNS} FROM outbox WHERE is_tick = 1 \
             AND NOT EXISTS (SELECT 1 FROM tick WHERE tick.tick_id = outbox.tick_id) ORDER BY shard, id LIMIT $1"
        );
        let mut session = self.reader(READ).await?;
        let rows = session.fetch(AssertSqlSafe(sql), &values![limit]).await;
        let rows = rows.map_err(|failure| failure.into_error(READ, "outbox"))?;
        rows.iter().map(|row| outbox_row(&mut row.read("outbox"))).collect()
    }

    /// How far each shard is published on a cluster; shards without a mark are missing.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn marks(&self, cluster_id: &str) -> Result<Vec<OutboxMark>, StoreError> {
        let sql = "SELECT shard, cluster_id, published_id FROM outbox_mark WHERE cluster_id = $1 ORDER BY shard";
        let mut session = self.reader(READ).await?;
        let rows = session.fetch(sql, &values![cluster_id]).await;
        let rows = rows.map_err(|failure| failure.into_error(READ, "outbox_mark"))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("outbox_mark");
                let (shard, cluster_id) = (columns.small()?, columns.text()?);
                Ok(OutboxMark { shard, cluster_id, published_id: columns.int()? })
            })
            .collect()
    }

    /// How far each shard is published on whichever cluster has most of it.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn max_marks(&self) -> Result<Vec<(ShardId, i64)>, StoreError> {
        let sql = "SELECT shard, max(published_id) FROM outbox_mark GROUP BY shard ORDER BY shard";
        let mut session = self.reader(READ).await?;
        let rows = session.fetch(sql, &[]).await.map_err(|failure| failure.into_error(READ, "outbox_mark"))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("outbox_mark");
                Ok((columns.small()?, columns.int()?))
            })
            .collect()
    }

    /// Writes marks outside a commit. Needs no fence: that rows are on a cluster stays true whoever writes it, and
    /// a mark never goes back.
    ///
    /// # Errors
    /// What can befall a write.
    pub async fn save_marks(&self, marks: &[OutboxMark]) -> Result<(), StoreError> {
        let fail = |failure: Failure| failure.into_error(MARK, "outbox_mark");
        let mut furthest: BTreeMap<(ShardId, &str), &OutboxMark> = BTreeMap::new();
        for mark in marks {
            let seen = furthest.entry((mark.shard, &mark.cluster_id)).or_insert(mark);
            if seen.published_id < mark.published_id {
                *seen = mark;
            }
        }
        let furthest: Vec<&OutboxMark> = furthest.into_values().collect();
        let mut batch = Batch::new(&self.inner.texts, Grouping::Many);
        batch.rows(&OUTBOX_MARK, &furthest, |_, row| values![row.shard, &row.cluster_id, row.published_id])?;
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        for statement in &batch.statements {
            session.execute(AssertSqlSafe(statement.sql.clone()), &statement.values).await.map_err(fail)?;
        }
        session.commit().await.map_err(fail)?;
        failpoint::hit("store.mark.after");
        Ok(())
    }

    /// Whether a position that Kafka knows can be of this database.
    ///
    /// # Errors
    /// [`StoreError::PositionBeyondOutbox`] where it lies beyond the last id ever assigned: the database was
    /// restored from a back-up. [`Store::advance_outbox_ids`] resolves that.
    pub async fn check_outbox_position(&self, shard: ShardId, position: i64) -> Result<(), StoreError> {
        let rows = self.lease_rows().await?;
        let next = rows.iter().find(|row| row.shard == shard).map_or(1, |row| row.next_outbox_id);
        if position < next {
            return Ok(());
        }
        Err(StoreError::PositionBeyondOutbox { shard, position, last_assigned: next - 1 })
    }

    /// Lets the outbox ids of each given shard go on from `next`, where that is further: after a back-up was
    /// restored, so that new rows lie beyond what Kafka has. Commits must take their ids from here on.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], and what can befall a write.
    pub async fn advance_outbox_ids(&self, lease: &Lease, next: &[(ShardId, i64)]) -> Result<(), StoreError> {
        const OPERATION: &str = "advance the outbox ids";
        let fail = |failure: Failure| failure.into_error(OPERATION, "lease");
        let mut session = self.fenced(lease, OPERATION).await?;
        for (shard, next) in next {
            let sql = "UPDATE lease SET next_outbox_id = $1 WHERE shard = $2 AND next_outbox_id < $1";
            session.execute(sql, &values![*next, *shard]).await.map_err(fail)?;
        }
        session.commit().await.map_err(fail)
    }

    /// The clusters that this store has published to, the present one first.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn clusters(&self) -> Result<Vec<ClusterRow>, StoreError> {
        let sql = "SELECT cluster_id, embedded, first_used_at, last_used_at FROM cluster ORDER BY use_no DESC";
        let mut session = self.reader("read the clusters").await?;
        let rows = session.fetch(sql, &[]).await;
        let rows = rows.map_err(|failure| failure.into_error("read the clusters", "cluster"))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("cluster");
                Ok(ClusterRow {
                    cluster_id: columns.text()?,
                    embedded: columns.int()? != 0,
                    first_used_at: columns.int()?,
                    last_used_at: columns.int()?,
                })
            })
            .collect()
    }

    /// Makes a cluster the present one, with the first positions on it: those on the one before mean nothing here.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], and what can befall a write.
    pub async fn enter_cluster(
        &self,
        lease: &Lease,
        cluster: &ClusterUse<'_>,
        positions: &[InputPosition],
    ) -> Result<(), StoreError> {
        const OPERATION: &str = "record the cluster";
        let fail = |failure: Failure| failure.into_error(OPERATION, "cluster");
        let mut session = self.fenced(lease, OPERATION).await?;
        let sql = "INSERT INTO cluster (cluster_id, embedded, first_used_at, last_used_at, use_no) \
                   SELECT $1, $2, $3, $3, COALESCE(max(use_no), 0) + 1 FROM cluster WHERE 1 = 1 \
                   ON CONFLICT (cluster_id) DO UPDATE SET last_used_at = excluded.last_used_at, \
                   embedded = excluded.embedded, use_no = excluded.use_no";
        let values = values![cluster.cluster_id, cluster.embedded, cluster.now];
        session.execute(sql, &values).await.map_err(fail)?;
        session.execute("DELETE FROM input_position", &[]).await.map_err(fail)?;
        self.write_positions(&mut session, lease, positions).await?;
        session.commit().await.map_err(fail)
    }
}

/// A cluster that the store comes to.
#[derive(Debug, Clone, Copy)]
pub struct ClusterUse<'a> {
    /// Kafka's cluster id.
    pub cluster_id: &'a str,
    /// Whether it is the embedded broker.
    pub embedded: bool,
    /// When (wall time, microseconds).
    pub now: i64,
}

/// Reads [`OUTBOX_COLUMNS`].
pub(super) fn outbox_row(columns: &mut Columns<'_>) -> Result<OutboxRow, StoreError> {
    Ok(OutboxRow {
        shard: columns.small()?,
        id: columns.int()?,
        event_id: columns.id()?,
        topic: columns.text()?,
        event_type: columns.text()?,
        world_id: columns.text_or_none()?,
        tick_id: columns.id_or_none()?,
        key: columns.bytes_or_none()?,
        headers: {
            let bytes = columns.bytes()?;
            postcard::from_bytes(&bytes).map_err(|error| columns.unreadable(format!("headers: {error}")))?
        },
        body: columns.bytes_or_none()?,
        created_at: columns.int()?,
    })
}
