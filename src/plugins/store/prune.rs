//! Removes what is old, a bounded piece at a time.

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::error::Failure;
use super::rows::ShardId;
use super::store::Store;
use super::value::{Value, values};

const OPERATION: &str = "remove old rows";

/// What may go. Instants are wall time in microseconds; rows from before them go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunePolicy {
    /// Tick ids taken in before this. Must lie at least as far back as the topics retain.
    pub ticks_before: i64,
    /// Published outbox rows made before this.
    pub outbox_before: i64,
    /// Tick history recorded before this.
    pub tick_history_before: i64,
    /// Market states recorded before this.
    pub market_states_before: i64,
    /// Dead letters recorded before this.
    pub dead_letters_before: i64,
    /// The most that is kept of the tick history, by count; of market states and dead letters alike.
    pub history_rows_max: u32,
    /// The most rows that one call removes from any one table.
    pub batch: u32,
}

/// What a call removed. As many as the batch means that there is more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Tick ids.
    pub ticks: u64,
    /// Published rows.
    pub outbox: u64,
    /// Tick history.
    pub tick_history: u64,
    /// Market states.
    pub market_states: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

impl Pruned {
    /// The largest of the numbers: at the batch size, call again.
    pub fn most(&self) -> u64 {
        [self.ticks, self.outbox, self.tick_history, self.market_states, self.dead_letters]
            .into_iter()
            .max()
            .unwrap_or_default()
    }
}

impl Store {
    /// Removes what the policy lets go, at most a batch from each table, each in a transaction of its own.
    ///
    /// Kept in any case: rows that are not published, ticks of ours that have not come back, and the id of a tick
    /// of ours while its outbox row is there.
    ///
    /// # Errors
    /// What can befall a write; what was removed before stays removed.
    pub async fn prune(&self, policy: &PrunePolicy) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned { outbox: self.prune_outbox(policy).await?, ..Pruned::default() };
        let sql = "DELETE FROM tick WHERE (tick_id, shard) IN (SELECT t.tick_id, t.shard FROM tick t \
                   WHERE t.seen_at < $1 AND NOT EXISTS \
                   (SELECT 1 FROM outbox o WHERE o.tick_id = t.tick_id AND o.is_tick = 1) ORDER BY t.seen_at LIMIT $2)";
        pruned.ticks = self.delete("tick", sql.to_owned(), &values![policy.ticks_before, policy.batch]).await?;
        pruned.tick_history = self.prune_history("tick_history", policy.tick_history_before, policy).await?;
        pruned.market_states = self.prune_history("market_state", policy.market_states_before, policy).await?;
        pruned.dead_letters = self.prune_history("dead_letter", policy.dead_letters_before, policy).await?;
        Ok(pruned)
    }

    /// Published rows by age, over the shards.
    async fn prune_outbox(&self, policy: &PrunePolicy) -> Result<u64, StoreError> {
        let marks: Vec<(ShardId, i64)> = self.max_marks().await?;
        let mut removed = 0;
        for (shard, published) in marks {
            let left = u64::from(policy.batch).saturating_sub(removed);
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            if left == 0 {
                break;
            }
            let sql = "DELETE FROM outbox WHERE shard = $1 AND id IN (SELECT o.id FROM outbox o WHERE o.shard = $1 \
                       AND o.id <= $2 AND o.created_at < $3 AND (o.is_tick = 0 OR EXISTS \
                       (SELECT 1 FROM tick t WHERE t.tick_id = o.tick_id)) ORDER BY o.id LIMIT $4)";
            let values = values![shard, published, policy.outbox_before, left];
            removed += self.delete("outbox", sql.to_owned(), &values).await?;
        }
        Ok(removed)
    }

    /// By age, and then by count.
    async fn prune_history(&self, table: &'static str, before: i64, policy: &PrunePolicy) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM {table} WHERE (commit_no, shard, seq) IN (SELECT commit_no, shard, seq FROM {table} \
             WHERE recorded_at < $1 ORDER BY recorded_at LIMIT $2)"
        );
        let removed = self.delete(table, sql, &values![before, policy.batch]).await?;
        let left = u64::from(policy.batch).saturating_sub(removed);
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        if left == 0 {
            return Ok(removed);
        }
        // The newest row that is one too many, if there is one: it and all before it go.
        let sql = format!(
            "DELETE FROM {table} WHERE (commit_no, shard, seq) IN (SELECT commit_no, shard, seq FROM {table} \
             WHERE (commit_no, shard, seq) <= (SELECT commit_no, shard, seq FROM {table} \
             ORDER BY commit_no DESC, shard DESC, seq DESC LIMIT 1 OFFSET $1) \
             ORDER BY commit_no, shard, seq LIMIT $2)"
        );
        Ok(removed + self.delete(table, sql, &values![policy.history_rows_max, left]).await?)
    }

    async fn delete(&self, table: &'static str, sql: String, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let fail = |failure: Failure| failure.into_error(OPERATION, table);
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        let removed = session.execute(AssertSqlSafe(sql), values).await.map_err(fail)?;
        session.commit().await.map_err(fail)?;
        Ok(removed)
    }
}
