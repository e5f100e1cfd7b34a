//! What the edge of generation keeps beside the jobs: attempts of the last hour, limits that were changed, and answers of
//! workers whose worlds could not hear them.

use uuid::Uuid;

use super::StoreError;
use super::audit::AuditEnd;
use super::error::Failure;
use super::jobs::JobRow;
use super::rows::ShardId;
use super::session::Session;
use super::store::Store;
use super::value::{Row, Value, values};

/// The most limits that are said by name.
pub const LIMITS_MAX: usize = 10_000;

/// An attempt at a job that was sent to the workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// The world.
    pub world_id: String,
    /// The incarnation of the world.
    pub incarnation: Uuid,
    /// The job.
    pub job_id: i64,
    /// Which attempt.
    pub attempt: i64,
    /// The shard.
    pub shard: ShardId,
    /// Whom the job is done for.
    pub user: String,
    /// The kind of generation.
    pub kind: String,
    /// Wall time of the commit that sent it (microseconds).
    pub sent_at: i64,
}

impl AttemptRow {
    /// The present attempt of a job that is told as sent.
    pub fn of(job: &JobRow) -> Self {
        Self {
            world_id: job.world_id.clone(),
            incarnation: job.incarnation,
            job_id: job.job_id,
            attempt: job.attempt,
            shard: job.shard,
            user: job.user.clone(),
            kind: job.kind.clone(),
            sent_at: job.recorded_at,
        }
    }
}

/// An answer of a worker that its world could not hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// The world.
    pub world_id: String,
    /// The answer's own id: that of the command that it is.
    pub result_id: Uuid,
    /// The incarnation of the world that it is for.
    pub incarnation: Uuid,
    /// The job.
    pub job_id: i64,
    /// The attempt that it answers.
    pub attempt: i64,
    /// Who has answered.
    pub issued_by: String,
    /// When (wall time, microseconds).
    pub issued_at: i64,
    /// The payload of the command, as JSON.
    pub payload: String,
    /// When it was kept (wall time, microseconds).
    pub recorded_at: i64,
}

/// What the edge of generation keeps with a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdgeRows {
    /// Attempts that are sent to the workers.
    pub attempts: Vec<AttemptRow>,
    /// Answers of workers that their worlds could not hear.
    pub answers: Vec<AnswerRow>,
    /// Answers that were kept and have been heard: world and id.
    pub heard: Vec<(String, Uuid)>,
}

/// A limit of the edge that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// `all`, `user`, `kind`, `shard` or `world`.
    pub scope: String,
    /// Of whom it is; empty: of everybody of whom nothing is said by name.
    pub name: String,
    /// Jobs with the workers at once; nothing: as it would be without.
    pub concurrent: Option<i64>,
    /// Attempts within an hour; nothing: as it would be without.
    pub per_hour: Option<i64>,
    /// Who has changed it last.
    pub changed_by: String,
    /// When (wall time, microseconds).
    pub changed_at: i64,
}

/// What became of a change of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitsChanged {
    /// They are stored.
    Done,
    /// There would be more than [`LIMITS_MAX`].
    TooMany,
}

impl Store {
    /// Attempts that were sent since then, the oldest first.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn recent_attempts(&self, since: i64) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = "SELECT world_id, incarnation, job_id, attempt, shard, user_name, kind, sent_at \
                   FROM generation_attempt WHERE sent_at >= $1 ORDER BY sent_at";
        let mut session = self.reader("read attempts of generation").await?;
        let rows = session.fetch(sql, &values![since]).await;
        let rows = rows.map_err(|failure| failure.into_error("read attempts of generation", "generation_attempt"))?;
        let attempt = |row: &Row| {
            let mut columns = row.read("generation_attempt");
            Ok(AttemptRow {
                world_id: columns.text()?,
                incarnation: columns.id()?,
                job_id: columns.int()?,
                attempt: columns.int()?,
                shard: columns.small()?,
                user: columns.text()?,
                kind: columns.text()?,
                sent_at: columns.int()?,
            })
        };
        rows.iter().map(attempt).collect()
    }

    /// Answers of workers that are kept, of one world or of all, the oldest first.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn answers(&self, world_id: Option<&str>, limit: u32) -> Result<Vec<AnswerRow>, StoreError> {
        let columns = "world_id, result_id, incarnation, job_id, attempt, issued_by, issued_at, payload, recorded_at";
        let of_one = if world_id.is_some() { "WHERE world_id = $2 " } else { "" };
        let sql = format!(
            "SELECT {columns} FROM generation_answer {of_one}ORDER BY world_id, recorded_at, result_id LIMIT $1"
        );
        let mut values: Vec<Value<'_>> = values![i64::from(limit)].into();
        values.extend(world_id.map(Value::from));
        let mut session = self.reader("read answers of workers").await?;
        let rows = session.fetch(sqlx::AssertSqlSafe(sql), &values).await;
        let rows = rows.map_err(|failure| failure.into_error("read answers of workers", "generation_answer"))?;
        rows.iter().map(answer_row).collect()
    }

    /// The limits of the edge that were changed, by scope and name.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn generation_limits(&self) -> Result<Vec<LimitRow>, StoreError> {
        let sql = "SELECT scope, name, concurrent, per_hour, changed_by, changed_at FROM generation_limit \
                   ORDER BY scope, name";
        let mut session = self.reader("read limits of generation").await?;
        let rows = session.fetch(sql, &[]).await;
        let rows = rows.map_err(|failure| failure.into_error("read limits of generation", "generation_limit"))?;
        rows.iter().map(limit_row).collect()
    }

    /// Stores limits of the edge, in place of those of the same scope and name, and in the same transaction what the audit
    /// says of it. One that says nothing is forgotten.
    ///
    /// # Errors
    /// What can befall a write.
    pub async fn change_generation_limits(
        &self,
        limits: &[LimitRow],
        audit: Option<AuditEnd>,
    ) -> Result<LimitsChanged, StoreError> {
        let fail = |failure: Failure| failure.into_error("store limits of generation", "generation_limit");
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        for limit in limits {
            store_limit(&mut session, limit).await.map_err(fail)?;
        }
        let rows = session.fetch("SELECT count(*) FROM generation_limit", &[]).await.map_err(fail)?;
        let held = rows.first().map(|row| row.read("generation_limit").int()).transpose()?.unwrap_or_default();
        if usize::try_from(held).unwrap_or(usize::MAX) > LIMITS_MAX {
            session.rollback().await;
            return Ok(LimitsChanged::TooMany);
        }
        if let Some(end) = audit {
            end.write(&mut session).await.map_err(fail)?;
        }
        session.commit().await.map_err(fail)?;
        Ok(LimitsChanged::Done)
    }
}

async fn store_limit(session: &mut Session, limit: &LimitRow) -> Result<(), Failure> {
    if limit.concurrent.is_none() && limit.per_hour.is_none() {
        let sql = "DELETE FROM generation_limit WHERE scope = $1 AND name = $2";
        return session.execute(sql, &values![&limit.scope, &limit.name]).await.map(|_| ());
    }
    let sql = "INSERT INTO generation_limit (scope, name, concurrent, per_hour, changed_by, changed_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, name) DO UPDATE SET \
               concurrent = excluded.concurrent, per_hour = excluded.per_hour, changed_by = excluded.changed_by, \
               changed_at = excluded.changed_at";
    let values =
        values![&limit.scope, &limit.name, limit.concurrent, limit.per_hour, &limit.changed_by, limit.changed_at,];
    session.execute(sql, &values).await.map(|_| ())
}

fn answer_row(row: &Row) -> Result<AnswerRow, StoreError> {
    let mut columns = row.read("generation_answer");
    Ok(AnswerRow {
        world_id: columns.text()?,
        result_id: columns.id()?,
        incarnation: columns.id()?,
        job_id: columns.int()?,
        attempt: columns.int()?,
        issued_by: columns.text()?,
        issued_at: columns.int()?,
        payload: columns.text()?,
        recorded_at: columns.int()?,
    })
}

fn limit_row(row: &Row) -> Result<LimitRow, StoreError> {
    let mut columns = row.read("generation_limit");
    Ok(LimitRow {
        scope: columns.text()?,
        name: columns.text()?,
        concurrent: columns.int_or_none()?,
        per_hour: columns.int_or_none()?,
        changed_by: columns.text()?,
        changed_at: columns.int()?,
    })
}
