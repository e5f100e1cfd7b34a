//! Removes what is old or too much, a bounded piece at a time.
//!
//! A [`Sweep`] is one walk through one table. Each step of it is one transaction that looks at no more rows than its
//! batch (and those that came with the last of them in the same commit), all of them through an index. What takes a
//! search over many rows, such as where the newest million ends, is read beforehand on a connection for reading.
//!
//! That is why commits are not held up. In SQLite steps and commits take turns on the one connection that writes, in the
//! order in which they came: a commit that arrives during a step goes right after it, before the next. In PostgreSQL
//! they have different connections and touch different rows, and nobody waits for anybody.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::error::Failure;
use super::rows::ShardId;
use super::store::Store;
use super::value::{Value, values};

const OPERATION: &str = "remove old rows";
/// Before every row.
const NOWHERE: Place = (i64::MIN, 0, 0);

const OLD_METRICS: &str = "DELETE FROM metric_snapshot WHERE (at, name, labels) IN (SELECT at, name, labels \
                           FROM metric_snapshot WHERE at < $1 ORDER BY at, name, labels LIMIT $2)";
const OLD_AUDIT: &str = "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < $1 ORDER BY at LIMIT $2)";
const SURPLUS_OF_AUDIT: &str =
    "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <= $1 ORDER BY seq LIMIT $2)";
const OLD_JOBS: &str = "DELETE FROM generation_job WHERE (world_id, incarnation, job_id) IN \
                        (SELECT world_id, incarnation, job_id FROM generation_job WHERE is_over = 1 \
                        AND recorded_at < $1 ORDER BY recorded_at LIMIT $2)";
const OLD_JOBS_LEFT: &str = "DELETE FROM generation_job WHERE (world_id, incarnation, job_id) IN \
                             (SELECT world_id, incarnation, job_id FROM generation_job j WHERE is_over = 0 \
                             AND recorded_at < $1 AND NOT EXISTS (SELECT 1 FROM world w \
                             WHERE w.world_id = j.world_id AND w.incarnation = j.incarnation) \
                             ORDER BY recorded_at LIMIT $2)";
/// Attempts count for the limits of an hour.
const OLD_ATTEMPTS: &str = "DELETE FROM generation_attempt WHERE (world_id, incarnation, job_id, attempt) IN \
                            (SELECT world_id, incarnation, job_id, attempt FROM generation_attempt \
                            WHERE sent_at < $1 ORDER BY sent_at LIMIT $2)";
const HOUR_MICROS: i64 = 3_600_000_000;
const REVOKED_TOKENS: &str = "DELETE FROM token WHERE token_id IN (SELECT token_id FROM token WHERE revoked_at < $1 \
                              ORDER BY revoked_at LIMIT $2)";

/// Commit, shard, number.
type Place = (i64, i64, i64);

/// What can be swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// Ids of ticks that were taken in. One of our own stays while its outbox row is there.
    TickIds,
    /// What became of ticks.
    TickHistory,
    /// Market states.
    MarketHistory,
    /// What happened between factions.
    RelationHistory,
    /// Jobs of generation that are over, and those of former incarnations of their worlds; attempts an hour before the last.
    GenerationJobs,
    /// Messages that could not be used.
    DeadLetters,
    /// Outbox rows that are published; a tick of our own only when it has come back.
    Outbox,
    /// Outcomes of commands.
    Commands,
    /// Changes of configuration.
    ConfigChanges,
    /// Metrics of the past.
    MetricHistory,
    /// Who changed what through the admin API.
    Audit,
    /// Tokens that were revoked.
    RevokedTokens,
}

impl Swept {
    fn table(self) -> &'static str {
        match self {
            Self::TickIds => "tick",
            Self::TickHistory => "tick_history",
            Self::MarketHistory => "market_state",
            Self::RelationHistory => "relation_history",
            Self::GenerationJobs => "generation_job",
            Self::DeadLetters => "dead_letter",
            Self::Outbox => "outbox",
            Self::Commands => "command",
            Self::ConfigChanges => "config_change",
            Self::MetricHistory => "metric_snapshot",
            Self::Audit => "audit",
            Self::RevokedTokens => "token",
        }
    }
}

/// A walk through one table.
#[derive(Debug, Clone)]
pub struct Sweep {
    what: Swept,
    /// Rows from before this go (wall time in microseconds).
    before: i64,
    /// The most that is kept.
    rows_max: Option<u32>,
    stage: Stage,
    /// How long a statement may take that removes something.
    limit: Duration,
}

#[derive(Debug, Clone)]
enum Stage {
    /// Nothing is known yet.
    Start,
    /// Rows of a history that are too old; then those up to the place.
    Old(Place),
    /// Rows of a history that are too many: those up to the place.
    Surplus(Place),
    /// Tick ids after this instant.
    Ids(i64),
    /// Outbox rows: shards with how far they are published, the last one being walked through, from this id on; and the
    /// place up to which rows are too many.
    Published { shards: Vec<(ShardId, i64)>, after: i64, surplus: Place },
    /// Statements that each remove what lies before a bound, the next one last.
    Plain(Vec<(&'static str, i64)>),
    /// There is nothing left to do.
    Done,
}

impl Sweep {
    /// A walk that removes rows from before an instant, and the oldest beyond a number. Ids of ticks and commands never
    /// go by number: what is forgotten would run again.
    pub fn new(what: Swept, before: i64, rows_max: Option<u32>) -> Self {
        Self { what, before, rows_max, stage: Stage::Start, limit: Duration::MAX }
    }

    /// From here on a statement that removes something is broken off after so long, or after the time-out of every
    /// operation where that is less. Its step fails and has removed nothing.
    pub fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Whether it has come to its end.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }
}

impl Store {
    /// Takes one step of a walk and says how many rows it removed. Where it fails, the step can be taken again.
    ///
    /// # Errors
    /// What can befall a write; what was removed before stays removed.
    pub async fn sweep(&self, sweep: &mut Sweep, batch: u32) -> Result<u64, StoreError> {
        if matches!(sweep.stage, Stage::Start) {
            sweep.stage = self.beginning(sweep).await?;
        }
        let (batch, limit) = (batch.max(1), sweep.limit);
        match &mut sweep.stage {
            Stage::Start | Stage::Done => Ok(0),
            Stage::Old(surplus) => {
                let (table, surplus) = (sweep.what.table(), *surplus);
                let sql = format!(
                    "DELETE FROM {table} WHERE (commit_no, shard, seq) IN (SELECT commit_no, shard, seq FROM {table} \
                     WHERE recorded_at < $1 ORDER BY recorded_at LIMIT $2)"
                );
                let removed = self.delete((table, limit), sql, &values![sweep.before, batch]).await?;
                if removed < u64::from(batch) {
                    sweep.stage = if surplus == NOWHERE { Stage::Done } else { Stage::Surplus(surplus) };
                }
                Ok(removed)
            }
            Stage::Surplus((commit_no, shard, seq)) => {
                let table = sweep.what.table();
                let sql = format!(
                    "DELETE FROM {table} WHERE (commit_no, shard, seq) IN (SELECT commit_no, shard, seq FROM {table} \
                     WHERE (commit_no, shard, seq) <= ($1, $2, $3) ORDER BY commit_no, shard, seq LIMIT $4)"
                );
                let removed = self.delete((table, limit), sql, &values![*commit_no, *shard, *seq, batch]).await?;
                if removed < u64::from(batch) {
                    sweep.stage = Stage::Done;
                }
                Ok(removed)
            }
            Stage::Ids(after) => {
                let after = *after;
                let (removed, next) = self.sweep_ids(after, sweep.before, batch, limit).await?;
                sweep.stage = next.map_or(Stage::Done, Stage::Ids);
                Ok(removed)
            }
            Stage::Published { shards, after, surplus } => {
                let Some((shard, published)) = shards.last().copied() else {
                    sweep.stage = Stage::Done;
                    return Ok(0);
                };
                let (after_id, before, surplus) = (*after, sweep.before, *surplus);
                let window = Window { shard, published, after: after_id, before, surplus, limit };
                let (removed, next) = self.sweep_published(window, batch).await?;
                match next {
                    Some(next) => *after = next,
                    None => {
                        shards.pop();
                        *after = 0;
                        if shards.is_empty() {
                            sweep.stage = Stage::Done;
                        }
                    }
                }
                Ok(removed)
            }
            Stage::Plain(pieces) => {
                let Some((sql, bound)) = pieces.last().copied() else {
                    sweep.stage = Stage::Done;
                    return Ok(0);
                };
                let removed = self.delete((sweep.what.table(), limit), sql.to_owned(), &values![bound, batch]).await?;
                if removed < u64::from(batch) {
                    pieces.pop();
                    if pieces.is_empty() {
                        sweep.stage = Stage::Done;
                    }
                }
                Ok(removed)
            }
        }
    }

    /// Looks up, on a connection for reading, what a walk must know.
    async fn beginning(&self, sweep: &Sweep) -> Result<Stage, StoreError> {
        let table = sweep.what.table();
        Ok(match sweep.what {
            Swept::TickIds => Stage::Ids(i64::MIN),
            Swept::Commands => Stage::Old(NOWHERE),
            Swept::TickHistory
            | Swept::MarketHistory
            | Swept::RelationHistory
            | Swept::DeadLetters
            | Swept::ConfigChanges => Stage::Old(self.surplus(table, "seq", sweep.rows_max).await?),
            Swept::Outbox => {
                let shards = self.max_marks().await?;
                Stage::Published { shards, after: 0, surplus: self.surplus(table, "id", sweep.rows_max).await? }
            }
            Swept::MetricHistory => {
                let newest = "SELECT at FROM metric_snapshot ORDER BY at DESC LIMIT 1 OFFSET $1";
                let too_many = self.one_too_many(table, newest, sweep.rows_max).await?;
                let before = too_many.map_or(sweep.before, |at| sweep.before.max(at.saturating_add(1)));
                Stage::Plain(vec![(OLD_METRICS, before)])
            }
            Swept::Audit => {
                let newest = "SELECT seq FROM audit ORDER BY seq DESC LIMIT 1 OFFSET $1";
                let too_many = self.one_too_many(table, newest, sweep.rows_max).await?;
                let surplus = too_many.map(|seq| (SURPLUS_OF_AUDIT, seq));
                Stage::Plain(surplus.into_iter().chain([(OLD_AUDIT, sweep.before)]).collect())
            }
            Swept::GenerationJobs => {
                let last = "SELECT sent_at FROM generation_attempt ORDER BY sent_at DESC LIMIT 1";
                let last = self.first_int("generation_attempt", last, &[]).await?;
                let old = last.map(|last| (OLD_ATTEMPTS, last.saturating_sub(HOUR_MICROS)));
                let jobs = [(OLD_JOBS_LEFT, sweep.before), (OLD_JOBS, sweep.before)];
                Stage::Plain(jobs.into_iter().chain(old).collect())
            }
            Swept::RevokedTokens => Stage::Plain(vec![(REVOKED_TOKENS, sweep.before)]),
        })
    }

    /// The place of the newest row that is one too many: it and all before it go.
    async fn surplus(&self, table: &'static str, seq: &str, rows_max: Option<u32>) -> Result<Place, StoreError> {
        let Some(most) = rows_max else { return Ok(NOWHERE) };
        let sql = format!(
            "SELECT commit_no, shard, {seq} FROM {table} \
             ORDER BY commit_no DESC, shard DESC, {seq} DESC LIMIT 1 OFFSET $1"
        );
        let mut session = self.reader(OPERATION).await?;
        let rows = session.fetch(AssertSqlSafe(sql), &values![most]).await;
        let rows = rows.map_err(|failure| failure.into_error(OPERATION, table))?;
        let Some(row) = rows.first() else { return Ok(NOWHERE) };
        let mut columns = row.read(table);
        Ok((columns.int()?, columns.int()?, columns.int()?))
    }

    async fn one_too_many(
        &self,
        table: &'static str,
        sql: &str,
        rows_max: Option<u32>,
    ) -> Result<Option<i64>, StoreError> {
        let Some(most) = rows_max else { return Ok(None) };
        self.first_int(table, sql, &values![most]).await
    }

    /// Ids that were seen after `after`, as many as a batch and those of the same instant as the last; where to go on.
    async fn sweep_ids(
        &self,
        after: i64,
        before: i64,
        batch: u32,
        limit: Duration,
    ) -> Result<(u64, Option<i64>), StoreError> {
        let sql = "SELECT seen_at FROM tick WHERE seen_at > $1 AND seen_at < $2 ORDER BY seen_at LIMIT 1 OFFSET $3";
        let end = self.first_int("tick", sql, &values![after, before, batch - 1]).await?;
        let last = end.unwrap_or(before.saturating_sub(1));
        let sql = "DELETE FROM tick WHERE seen_at > $1 AND seen_at <= $2 AND NOT EXISTS \
                   (SELECT 1 FROM outbox o WHERE o.tick_id = tick.tick_id AND o.is_tick = 1)";
        let removed = self.delete(("tick", limit), sql.to_owned(), &values![after, last]).await?;
        Ok((removed, end))
    }

    /// A batch of published rows of a shard is looked at; those that may go, go. Where to go on, if there may be more.
    async fn sweep_published(&self, window: Window, batch: u32) -> Result<(u64, Option<i64>), StoreError> {
        let Window { shard, published, after, before, surplus, limit } = window;
        let sql = "SELECT id, created_at, commit_no FROM outbox WHERE shard = $1 AND id > $2 AND id <= $3 \
                   ORDER BY id LIMIT 1 OFFSET $4";
        let mut session = self.reader(OPERATION).await?;
        let rows = session.fetch(sql, &values![shard, after, published, batch - 1]).await;
        let rows = rows.map_err(|failure| failure.into_error(OPERATION, "outbox"))?;
        drop(session);
        let end = match rows.first() {
            Some(row) => {
                let mut columns = row.read("outbox");
                Some((columns.int()?, columns.int()?, columns.int()?))
            }
            None => None,
        };
        let last = end.map_or(published, |(id, ..)| id);
        let sql = "DELETE FROM outbox WHERE shard = $1 AND id > $2 AND id <= $3 \
                   AND (created_at < $4 OR (commit_no, shard, id) <= ($5, $6, $7)) \
                   AND (is_tick = 0 OR EXISTS (SELECT 1 FROM tick t WHERE t.tick_id = outbox.tick_id))";
        let values = values![shard, after, last, before, surplus.0, surplus.1, surplus.2];
        let removed = self.delete(("outbox", limit), sql.to_owned(), &values).await?;
        // Ids grow with time: behind a row that is young and not too many come only such.
        let more = end.filter(|(_, created_at, commit_no)| *created_at < before || *commit_no <= surplus.0);
        Ok((removed, more.map(|(id, ..)| id)))
    }

    async fn first_int(&self, table: &'static str, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>, StoreError> {
        let mut session = self.reader(OPERATION).await?;
        let rows = session.fetch(AssertSqlSafe(sql.to_owned()), values).await;
        let rows = rows.map_err(|failure| failure.into_error(OPERATION, table))?;
        rows.first().map(|row| row.read(table).int()).transpose()
    }

    async fn delete(
        &self,
        (table, limit): (&'static str, Duration),
        sql: String,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let fail = |failure: Failure| failure.into_error(OPERATION, table);
        let mut session = self.inner.engine.background_within(limit).await.map_err(fail)?;
        session.execute_last(AssertSqlSafe(sql), values).await.map_err(fail)
    }
}

/// A piece of one shard's outbox.
#[derive(Debug, Clone, Copy)]
struct Window {
    shard: ShardId,
    published: i64,
    after: i64,
    before: i64,
    surplus: Place,
    limit: Duration,
}
