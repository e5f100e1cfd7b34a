//! Jobs of generation: the rows, and how they are read.

use uuid::Uuid;

use super::StoreError;
use super::pages::PAGE_ROWS_MAX;
use super::rows::ShardId;
use super::store::Store;
use super::value::{Row, Value, values};

const COLUMNS: &str = "world_id, incarnation, job_id, shard, commit_no, state, is_over, stage, kind, user_name, session, \
                       npc_id, chain, step, priority, attempt, timeout_seconds, reason, message, reference, again_for, \
                       asked_at, deadline, recorded_at";

/// What the edge has to do with a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStage {
    /// Nothing.
    #[default]
    None,
    /// It waits for the edge to let it go.
    Waits,
    /// It is with the workers.
    Sent,
}

impl JobStage {
    /// As it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Waits => 1,
            Self::Sent => 2,
        }
    }

    fn of(number: i64) -> Self {
        match number {
            1 => Self::Waits,
            2 => Self::Sent,
            _ => Self::None,
        }
    }
}

/// A job, as it was told last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobRow {
    /// The world.
    pub world_id: String,
    /// The incarnation of the world that it is of.
    pub incarnation: Uuid,
    /// Its id in that incarnation.
    pub job_id: i64,
    /// The shard.
    pub shard: ShardId,
    /// The commit that holds it.
    pub commit_no: i64,
    /// Where it stands: `pending`, `queued`, `running`, `succeeded`, `failed`, `cancelled`, `expired`, `dead`.
    pub state: String,
    /// Whether nothing can happen to it any more.
    pub is_over: bool,
    /// What the edge has to do with it.
    pub stage: JobStage,
    /// The kind of generation.
    pub kind: String,
    /// Whom it is done for.
    pub user: String,
    /// The session that waits for it.
    pub session: Option<String>,
    /// The NPC that it is for.
    pub npc_id: Option<i64>,
    /// The chain that waits for it.
    pub chain: Option<String>,
    /// The step of the chain.
    pub step: Option<String>,
    /// How urgent it is.
    pub priority: i64,
    /// How often it was sent.
    pub attempt: i64,
    /// Real seconds without a word of a worker after which an attempt has failed.
    pub timeout_seconds: i64,
    /// Why it stands there.
    pub reason: Option<String>,
    /// What a worker has said of an error.
    pub message: Option<String>,
    /// Where what was made lies.
    pub reference: Option<String>,
    /// The dead job that it is sent again for.
    pub again_for: Option<i64>,
    /// When it was asked for (game time, microseconds).
    pub asked_at: i64,
    /// When it is worth nothing any more (game time, microseconds).
    pub deadline: i64,
    /// Wall time of the record (microseconds).
    pub recorded_at: i64,
}

/// Which jobs are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those that stand there.
    pub state: Option<String>,
    /// Only those of this user.
    pub user: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
}

impl Store {
    /// Jobs of the present incarnation of a world, by their ids: those after one, a page at most.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn jobs(
        &self,
        world_id: &str,
        filter: &JobFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        let mut sql = format!(
            "SELECT {COLUMNS} FROM generation_job WHERE world_id = $1 AND job_id > $2 \
             AND incarnation = (SELECT incarnation FROM world WHERE world_id = $3)"
        );
        let mut values: Vec<Value<'_>> = values![world_id, after, world_id].into();
        let filters = [("state", &filter.state), ("user_name", &filter.user), ("kind", &filter.kind)];
        for (column, wanted) in filters {
            if let Some(wanted) = wanted {
                values.push(Value::from(wanted.as_str()));
                sql.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        values.push(Value::from(i64::from(limit.min(PAGE_ROWS_MAX))));
        sql.push_str(&format!(" ORDER BY job_id LIMIT ${}", values.len()));
        let mut session = self.reader("read jobs of generation").await?;
        let rows = session.fetch(sqlx::AssertSqlSafe(sql), &values).await;
        let rows = rows.map_err(|failure| failure.into_error("read jobs of generation", "generation_job"))?;
        rows.iter().map(job_row).collect()
    }

    /// Jobs with which the edge has something to do, of the present incarnations of their worlds, in the order of worlds
    /// and ids.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn open_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let columns: Vec<String> = COLUMNS.split(", ").map(|column| format!("j.{}", column.trim())).collect();
        let sql = format!(
            "SELECT {} FROM generation_job j JOIN world w ON w.world_id = j.world_id AND w.incarnation = j.incarnation \
             WHERE j.is_over = 0 AND j.stage > 0 ORDER BY j.world_id, j.job_id",
            columns.join(", ")
        );
        let mut session = self.reader("read open jobs of generation").await?;
        let rows = session.fetch(sqlx::AssertSqlSafe(sql), &[]).await;
        let rows = rows.map_err(|failure| failure.into_error("read open jobs of generation", "generation_job"))?;
        rows.iter().map(job_row).collect()
    }
}

fn job_row(row: &Row) -> Result<JobRow, StoreError> {
    let mut columns = row.read("generation_job");
    Ok(JobRow {
        world_id: columns.text()?,
        incarnation: columns.id()?,
        job_id: columns.int()?,
        shard: columns.small()?,
        commit_no: columns.int()?,
        state: columns.text()?,
        is_over: columns.int()? != 0,
        stage: JobStage::of(columns.int()?),
        kind: columns.text()?,
        user: columns.text()?,
        session: columns.text_or_none()?,
        npc_id: columns.int_or_none()?,
        chain: columns.text_or_none()?,
        step: columns.text_or_none()?,
        priority: columns.int()?,
        attempt: columns.int()?,
        timeout_seconds: columns.int()?,
        reason: columns.text_or_none()?,
        message: columns.text_or_none()?,
        reference: columns.text_or_none()?,
        again_for: columns.int_or_none()?,
        asked_at: columns.int()?,
        deadline: columns.int()?,
        recorded_at: columns.int()?,
    })
}
