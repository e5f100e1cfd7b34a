//! Worlds, their snapshots and their journals.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::StoreError;
use super::engine::EngineKind;
use super::error::Failure;
use super::lease::Lease;
use super::rows::{JournalRow, SnapshotRow, UnregisteredWorld, WorldRow};
use super::session::Session;
use super::store::Store;
use super::value::{Row, values};
use crate::failpoint;

/// Journal rows deleted in one statement.
const JOURNAL_BATCH: i64 = 2_000;
const SNAPSHOT_COLUMNS: &str = "world_id, shard, commit_no, incarnation, simulation_version, state_hash, bytes";

impl Store {
    /// All registered worlds, by id.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn worlds(&self) -> Result<Vec<WorldRow>, StoreError> {
        let sql = "SELECT world_id, shard, incarnation, spec, spec_hash, status, registered_at, registered_commit, \
                   simulation FROM world ORDER BY world_id";
        let mut session = self.reader("read the worlds").await?;
        let rows = session.fetch(sql, &[]).await.map_err(|failure| failure.into_error("read the worlds", "world"))?;
        rows.iter().map(world_row).collect()
    }

    /// The worlds that were removed and not registered again.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn unregistered_worlds(&self) -> Result<Vec<UnregisteredWorld>, StoreError> {
        const TABLE: &str = "unregistered_world";
        let sql = "SELECT world_id, file_hash FROM unregistered_world ORDER BY world_id";
        let mut session = self.reader("read the worlds").await?;
        let rows = session.fetch(sql, &[]).await.map_err(|failure| failure.into_error("read the worlds", TABLE))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read(TABLE);
                Ok(UnregisteredWorld { world_id: columns.text()?, file_hash: columns.int()? })
            })
            .collect()
    }

    /// The newest snapshot of a world in this incarnation.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn latest_snapshot(&self, world_id: &str, incarnation: Uuid) -> Result<Option<SnapshotRow>, StoreError> {
        self.snapshot_before(world_id, incarnation, i64::MAX).await
    }

    /// The newest snapshot of a commit before `commit_no`: a damaged one has an older brother.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn snapshot_before(
        &self,
        world_id: &str,
        incarnation: Uuid,
        commit_no: i64,
    ) -> Result<Option<SnapshotRow>, StoreError> {
        let fail = |failure: Failure| failure.into_error("read a snapshot", "snapshot");
        let sql = format!(
            "SELECT {SNAPSHOT_COLUMNS} FROM snapshot WHERE world_id = $1 AND incarnation = $2 AND commit_no < $3 \
             ORDER BY commit_no DESC LIMIT 1"
        );
        let mut session = self.reader("read a snapshot").await?;
        let in_transaction = self.engine() == EngineKind::Postgres;
        if in_transaction {
            session.begin().await.map_err(fail)?;
        }
        self.give_time(&mut session).await.map_err(fail)?;
        let rows = session.fetch(AssertSqlSafe(sql), &values![world_id, incarnation, commit_no]).await.map_err(fail)?;
        if in_transaction {
            session.rollback().await;
        }
        rows.first().map(snapshot_row).transpose()
    }

    /// Writes a snapshot of a commit that is done, keeps the newest ones and drops the journal that they replace.
    /// `false` where the lease is lost, or where the world has been reset since.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], to be tried again, and what else can befall a write.
    pub async fn save_snapshot(&self, lease: &Lease, row: &SnapshotRow) -> Result<bool, StoreError> {
        const OPERATION: &str = "write a snapshot";
        let fail = |failure: Failure| failure.into_error(OPERATION, "snapshot");
        failpoint::hit("store.snapshot.before");
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        self.give_time(&mut session).await.map_err(fail)?;
        let sql = format!(
            "INSERT INTO snapshot ({SNAPSHOT_COLUMNS}) SELECT $1, $2, $3, $4, $5, $6, $7 FROM world \
             WHERE world_id = $1 AND incarnation = $4 ON CONFLICT (world_id, commit_no) DO UPDATE SET \
             simulation_version = excluded.simulation_version, state_hash = excluded.state_hash, bytes = excluded.bytes"
        );
        let values = values![
            &row.world_id,
            row.shard,
            row.commit_no,
            row.incarnation,
            &row.simulation_version,
            row.state_hash,
            &row.bytes
        ];
        let written = session.execute(AssertSqlSafe(sql), &values).await.map_err(fail)?;
        // The fence comes last, because its lock on the lease row holds commits up until we are through.
        let sql = "UPDATE lease SET locked = locked WHERE shard = $1 AND epoch = $2 AND commit_no >= $3";
        let values = values![row.shard, lease.epoch(), row.commit_no];
        let ours = session.execute(sql, &values).await.map_err(fail)?;
        if written != 1 || ours != 1 {
            session.rollback().await;
            return Ok(false);
        }
        session.commit().await.map_err(fail)?;
        drop(session);
        failpoint::hit("store.snapshot.after");
        if let Err(error) = self.drop_replaced(&row.world_id, row.incarnation).await {
            // The snapshot stands; the next one clears up.
            tracing::warn!(world_id = row.world_id, %error, "old snapshots not removed");
        }
        Ok(true)
    }

    /// Removes what the newest snapshots make needless. Looks only at what is stored, so that it is right whoever
    /// does it and whenever.
    async fn drop_replaced(&self, world_id: &str, incarnation: Uuid) -> Result<(), StoreError> {
        let fail = |failure: Failure| failure.into_error("remove old snapshots", "snapshot");
        let kept = self.inner.config.snapshots_kept.max(1);
        let sql = "SELECT commit_no FROM snapshot WHERE world_id = $1 AND incarnation = $2 \
                   ORDER BY commit_no DESC LIMIT 1 OFFSET $3";
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        let rows = session.fetch(sql, &values![world_id, incarnation, kept - 1]).await.map_err(fail)?;
        let Some(row) = rows.first() else {
            session.rollback().await;
            return Ok(());
        };
        let oldest_kept = row.read("snapshot").int()?;
        let sql = "DELETE FROM snapshot WHERE world_id = $1 AND commit_no < $2";
        session.execute(sql, &values![world_id, oldest_kept]).await.map_err(fail)?;
        session.commit().await.map_err(fail)?;
        drop(session);
        loop {
            // In pieces, so that no commit waits long for SQLite's one writer.
            let sql = "DELETE FROM journal WHERE world_id = $1 AND commit_no IN (SELECT commit_no FROM journal \
                       WHERE world_id = $1 AND commit_no <= $2 ORDER BY commit_no LIMIT $3)";
            let mut session = self.inner.engine.background().await.map_err(fail)?;
            let done = session.execute(sql, &values![world_id, oldest_kept, JOURNAL_BATCH]).await.map_err(fail)?;
            session.commit().await.map_err(fail)?;
            if i64::try_from(done).unwrap_or(0) < JOURNAL_BATCH {
                return Ok(());
            }
        }
    }

    /// The journal of a world after a commit, oldest first.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn journal_after(
        &self,
        world_id: &str,
        commit_no: i64,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let sql = "SELECT world_id, shard, commit_no, simulation_version, inputs, state_hash, cost_micros FROM journal \
                   WHERE world_id = $1 AND commit_no > $2 ORDER BY commit_no LIMIT $3";
        let mut session = self.reader("read the journal").await?;
        let rows = session.fetch(sql, &values![world_id, commit_no, limit]).await;
        let rows = rows.map_err(|failure| failure.into_error("read the journal", "journal"))?;
        rows.iter().map(journal_row).collect()
    }

    /// What stepping since the newest snapshot took, in microseconds, by world: what a recovery would cost.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn replay_costs(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT j.world_id, CAST(sum(j.cost_micros) AS BIGINT) FROM journal j WHERE j.commit_no > \
                   COALESCE((SELECT max(s.commit_no) FROM snapshot s WHERE s.world_id = j.world_id), 0) \
                   GROUP BY j.world_id ORDER BY j.world_id";
        let mut session = self.reader("read the journal").await?;
        let rows = session.fetch(sql, &[]).await;
        let rows = rows.map_err(|failure| failure.into_error("read the journal", "journal"))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("journal");
                Ok((columns.text()?, columns.int()?))
            })
            .collect()
    }

    fn snapshot_limit(&self) -> Duration {
        self.inner.config.snapshot_timeout.max(self.inner.engine.timeout)
    }

    /// Snapshots are large: their statements get longer than the usual limit. PostgreSQL's own limit is lifted for
    /// the present transaction, because a pooled connection keeps its settings.
    async fn give_time(&self, session: &mut Session) -> Result<(), Failure> {
        session.set_timeout(self.snapshot_limit());
        match self.engine() {
            EngineKind::Sqlite => Ok(()),
            EngineKind::Postgres => {
                let sql = "SELECT set_config('statement_timeout', $1, true)";
                let limit = self.snapshot_limit().as_millis().to_string();
                session.fetch(sql, &values![limit]).await.map(|_| ())
            }
        }
    }
}

fn world_row(row: &Row) -> Result<WorldRow, StoreError> {
    let mut columns = row.read("world");
    Ok(WorldRow {
        world_id: columns.text()?,
        shard: columns.small()?,
        incarnation: columns.id()?,
        spec: columns.text()?,
        spec_hash: columns.int()?,
        status: {
            let status = columns.text()?;
            serde_json::from_str(&status).map_err(|error| columns.unreadable(format!("status: {error}")))?
        },
        registered_at: columns.int()?,
        registered_commit: columns.int()?,
        simulation: columns.text_or_none()?,
    })
}

fn snapshot_row(row: &Row) -> Result<SnapshotRow, StoreError> {
    let mut columns = row.read("snapshot");
    Ok(SnapshotRow {
        world_id: columns.text()?,
        shard: columns.small()?,
        commit_no: columns.int()?,
        incarnation: columns.id()?,
        simulation_version: columns.text()?,
        state_hash: columns.int()?,
        bytes: columns.bytes()?,
    })
}

fn journal_row(row: &Row) -> Result<JournalRow, StoreError> {
    let mut columns = row.read("journal");
    Ok(JournalRow {
        world_id: columns.text()?,
        shard: columns.small()?,
        commit_no: columns.int()?,
        simulation_version: columns.text()?,
        inputs: columns.text()?,
        state_hash: columns.int()?,
        cost_micros: columns.int()?,
    })
}
