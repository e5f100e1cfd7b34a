//! What has been taken in: tick ids and positions.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::StoreError;
use super::error::Failure;
use super::lease::Lease;
use super::prepared::for_each_shard;
use super::rows::{InputPosition, ShardId};
use super::session::Session;
use super::statements::{Batch, Grouping};
use super::store::Store;
use super::tables::INPUT_POSITION;
use super::value::{Value, values};

/// Sizes of the lists of ids that are asked for at once; a shorter list repeats its last id.
const ID_LISTS: [usize; 4] = [1, 8, 64, 512];

impl Store {
    /// Those of `ticks` that their shard has taken in before, in order and without repetitions.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn known_ticks(&self, ticks: &[(ShardId, Uuid)]) -> Result<Vec<(ShardId, Uuid)>, StoreError> {
        const OPERATION: &str = "look up tick ids";
        let mut by_shard: BTreeMap<ShardId, BTreeSet<Uuid>> = BTreeMap::new();
        for (shard, tick_id) in ticks {
            by_shard.entry(*shard).or_default().insert(*tick_id);
        }
        let mut known = Vec::new();
        if by_shard.is_empty() {
            return Ok(known);
        }
        let mut session = self.reader(OPERATION).await?;
        for (shard, ids) in by_shard {
            let ids: Vec<Uuid> = ids.into_iter().collect();
            for some in ids.chunks(ID_LISTS[ID_LISTS.len() - 1]) {
                known.extend(self.known_in(&mut session, shard, some).await?);
            }
        }
        known.sort_unstable();
        Ok(known)
    }

    async fn known_in(
        &self,
        session: &mut Session,
        shard: ShardId,
        ids: &[Uuid],
    ) -> Result<Vec<(ShardId, Uuid)>, StoreError> {
        let size = ID_LISTS.into_iter().find(|size| *size >= ids.len()).unwrap_or(ids.len());
        let texts = &self.inner.texts;
        let sql = texts.get("known ticks", size, || {
            let (shard, ids) = (texts.places(1, 1), texts.places(2, size));
            format!("SELECT tick_id FROM tick WHERE shard = {shard} AND tick_id IN {ids}")
        });
        let mut values = Vec::from(values![shard]);
        values.extend(ids.iter().map(|id| Value::from(*id)));
        while let (Some(last), true) = (ids.last(), values.len() <= size) {
            values.push(Value::from(*last));
        }
        let rows = session.fetch(AssertSqlSafe(sql), &values).await;
        let rows = rows.map_err(|failure| failure.into_error("look up tick ids", "tick"))?;
        rows.iter().map(|row| Ok((shard, row.read("tick").id()?))).collect()
    }

    /// The next record of every partition that has ever been read, by shard, topic and partition.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn positions(&self) -> Result<Vec<(ShardId, InputPosition)>, StoreError> {
        let sql =
            "SELECT shard, topic, partition_no, next_offset FROM input_position ORDER BY shard, topic, partition_no";
        let mut session = self.reader("read the positions").await?;
        let rows = session.fetch(sql, &[]).await;
        let rows = rows.map_err(|failure| failure.into_error("read the positions", "input_position"))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("input_position");
                let shard = columns.small()?;
                Ok((shard, InputPosition { topic: columns.text()?, partition: columns.small()?, next: columns.int()? }))
            })
            .collect()
    }

    /// Forgets partitions that are no more, for every shard.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where somebody has taken over, and what can befall a write.
    pub async fn forget_positions(&self, lease: &Lease, gone: &[InputPosition]) -> Result<(), StoreError> {
        const OPERATION: &str = "forget positions";
        let fail = |failure: Failure| failure.into_error(OPERATION, "input_position");
        let mut session = self.fenced(lease, OPERATION).await?;
        for InputPosition { topic, partition, .. } in gone {
            let sql = "DELETE FROM input_position WHERE topic = $1 AND partition_no = $2";
            session.execute(sql, &values![topic, *partition]).await.map_err(fail)?;
        }
        session.commit().await.map_err(fail)
    }

    /// Writes first positions for every shard of the lease, outside a commit and before anything is read there.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where somebody has taken over, and what can befall a write.
    pub async fn add_positions(&self, lease: &Lease, positions: &[InputPosition]) -> Result<(), StoreError> {
        const OPERATION: &str = "write the positions";
        let mut session = self.fenced(lease, OPERATION).await?;
        self.write_positions(&mut session, lease, positions).await?;
        session.commit().await.map_err(|failure| failure.into_error(OPERATION, "input_position"))
    }

    /// Writes positions for every shard of the lease, within a transaction.
    pub(super) async fn write_positions(
        &self,
        session: &mut Session,
        lease: &Lease,
        positions: &[InputPosition],
    ) -> Result<(), StoreError> {
        let fail = |failure: Failure| failure.into_error("write the positions", "input_position");
        let rows = for_each_shard(lease.shards(), positions);
        let mut batch = Batch::new(&self.inner.texts, Grouping::Many);
        batch.rows(&INPUT_POSITION, &rows, |_, (shard, row)| values![*shard, &row.topic, row.partition, row.next])?;
        for statement in &batch.statements {
            session.execute(AssertSqlSafe(statement.sql.clone()), &statement.values).await.map_err(fail)?;
        }
        Ok(())
    }

    /// A transaction on the connection that commits, past the fence of the epoch.
    pub(super) async fn fenced(&self, lease: &Lease, operation: &'static str) -> Result<Session, StoreError> {
        let fail = |failure: Failure| failure.into_error(operation, "lease");
        let mut session = self.writer(operation).await?;
        session.begin().await.map_err(fail)?;
        let sql = "UPDATE lease SET locked = locked WHERE epoch = $1";
        let touched = session.execute(sql, &values![lease.epoch()]).await.map_err(fail)?;
        if usize::try_from(touched).is_ok_and(|touched| touched == lease.shards().len()) {
            return Ok(session);
        }
        session.rollback().await;
        let reason = "another server has raised the epoch of the lease".to_owned();
        lease.note_lost(&reason);
        Err(StoreError::LeaseLost { reason })
    }
}
