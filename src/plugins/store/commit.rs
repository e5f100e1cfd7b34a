//! A commit: written whole, once, and only by the owner.
//!
//! The first statement is the fence; where it misses, or where nobody can say what became of a try, the lease rows
//! of a new connection tell: done, fenced, or send the very same commit again.

#![expect(clippy::disallowed_methods, reason = "waits between tries are wall time")]

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::error::{Failure, FailureKind};
use super::lease::Lease;
use super::lease_rows::lease_row;
use super::prepared::{Prepared, Verdict, check, name_world, verdict};
use super::rows::{Commit, LeaseRow};
use super::session::Session;
use super::statements::{Batch, Grouping, Statement, placeholders};
use super::store::Store;
use super::value::{Value, values};
use crate::failpoint;

const OPERATION: &str = "commit";
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is durable.
    Done,
    /// Another owner has the shards; nothing was written and nothing will be.
    Fenced,
}

/// What one try came to.
enum Tried {
    Written,
    /// The fence did not find our epoch and the commit before in every row.
    Missed,
}

/// Where a try failed.
struct TryFailure {
    failure: Failure,
    table: &'static str,
    row: Option<usize>,
}

impl From<Failure> for TryFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, table: "lease", row: None }
    }
}

/// Doubling waits.
#[derive(Debug)]
struct Backoff(Duration);

impl Backoff {
    fn new() -> Self {
        Self(BACKOFF_FIRST)
    }

    async fn wait(&mut self) {
        // time: store: a commit is tried again | real | tokio timer | back-off, doubling
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(BACKOFF_MAX);
    }
}

impl Store {
    /// Makes a commit durable, whole and once, whatever happens to the database meanwhile.
    ///
    /// Waits and tries again while the database is away (see [`Store::state`]) until the future is dropped. After
    /// that the same commit may be given again: it is written at most once.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where a value can never be stored: nothing was written, build the commit without it.
    /// [`StoreError::Broken`] and [`StoreError::Diverged`] where neither waiting nor another commit helps.
    pub async fn commit(&self, lease: &Lease, commit: &Commit) -> Result<CommitOutcome, StoreError> {
        check(lease, commit)?;
        failpoint::hit("store.commit.before");
        let prepared = Prepared::new(lease, commit)?;
        let statements = self.statements(&prepared, Grouping::Many).map_err(|error| name_world(error, commit))?;
        let outcome = self.write(lease, &prepared, &statements).await;
        if let Some(reason) = self.files_gone() {
            // Written or not, it is not where anybody will look for it.
            lease.note_lost(&reason);
            return Ok(CommitOutcome::Fenced);
        }
        let outcome = outcome?;
        match outcome {
            CommitOutcome::Done => {
                self.inner.note_available();
                failpoint::hit("store.commit.after_commit");
                if !commit.marks.is_empty() {
                    failpoint::hit("store.mark.after");
                }
            }
            CommitOutcome::Fenced => lease.note_lost("another server has raised the epoch of the lease"),
        }
        Ok(outcome)
    }

    fn statements<'a>(
        &'a self,
        prepared: &'a Prepared<'a>,
        grouping: Grouping,
    ) -> Result<Vec<Statement<'a>>, StoreError> {
        let mut batch = Batch::new(&self.inner.texts, grouping);
        batch.commit(prepared.commit, &prepared.positions, &prepared.headers, &self.inner.config)?;
        Ok(batch.statements)
    }

    /// Tries until there is an answer.
    async fn write(
        &self,
        lease: &Lease,
        prepared: &Prepared<'_>,
        statements: &[Statement<'_>],
    ) -> Result<CommitOutcome, StoreError> {
        let mut backoff = Backoff::new();
        loop {
            match self.attempt(lease, prepared.commit, statements).await {
                Ok(Tried::Written) => return Ok(CommitOutcome::Done),
                Ok(Tried::Missed) => {}
                Err(tried) => match tried.failure.kind {
                    FailureKind::Transient | FailureKind::Ended if self.files_gone().is_some() => {
                        return Ok(CommitOutcome::Fenced);
                    }
                    FailureKind::Transient | FailureKind::Ended => self.inner.note_away(&tried.failure),
                    FailureKind::Broken => return Err(tried.failure.into_error(OPERATION, tried.table)),
                    FailureKind::Refused => return self.find_refused(lease, prepared, tried).await,
                },
            }
            match self.settled(lease, prepared.commit, &mut backoff).await? {
                Verdict::Done => return Ok(CommitOutcome::Done),
                Verdict::Fenced => return Ok(CommitOutcome::Fenced),
                Verdict::SendAgain => backoff.wait().await,
            }
        }
    }

    /// One transaction: the fence, then everything else.
    async fn attempt(&self, lease: &Lease, commit: &Commit, statements: &[Statement<'_>]) -> Result<Tried, TryFailure> {
        let mut session = self.inner.engine.writer().await?;
        session.begin().await?;
        if !self.pass_fence(&mut session, lease, commit).await? {
            session.rollback().await;
            return Ok(Tried::Missed);
        }
        failpoint::hit("store.commit.after_fence");
        for statement in statements {
            if let Err(tried) = run(&mut session, statement).await {
                if tried.failure.kind == FailureKind::Refused {
                    session.rollback().await;
                }
                return Err(tried);
            }
        }
        failpoint::hit("store.commit.before_commit");
        session.commit().await?;
        Ok(Tried::Written)
    }

    async fn pass_fence(&self, session: &mut Session, lease: &Lease, commit: &Commit) -> Result<bool, Failure> {
        let shards = lease.shards();
        let ids = &commit.next_outbox_ids;
        // Both numbers shape the text.
        let size = ids.len() * 100_000 + shards.len();
        let sql = self.inner.texts.get("lease", size, || fence_text(self.engine().now(), ids.len(), shards.len()));
        let mut values = Vec::from(values![commit.commit_no, commit.epoch, commit.commit_no - 1]);
        values.extend(ids.iter().flat_map(|(shard, next)| values![*shard, *next]));
        values.extend(shards.iter().map(|shard| Value::from(*shard)));
        let touched = session.execute(AssertSqlSafe(sql), &values).await?;
        Ok(usize::try_from(touched).is_ok_and(|touched| touched == shards.len()))
    }

    /// Asks the lease rows until they answer.
    async fn settled(&self, lease: &Lease, commit: &Commit, backoff: &mut Backoff) -> Result<Verdict, StoreError> {
        loop {
            match self.lease_rows_for_sure(lease).await {
                Ok(rows) => return verdict(lease, commit, &rows),
                Err(StoreError::Unavailable { message, .. }) => self.inner.note_away(&Failure::transient(message)),
                Err(error) => return Err(error),
            }
            backoff.wait().await;
        }
    }

    /// The lease rows after every transaction that may still be under way: the lock waits for a lost one.
    async fn lease_rows_for_sure(&self, lease: &Lease) -> Result<Vec<LeaseRow>, StoreError> {
        let fail = |failure: Failure| failure.into_error(OPERATION, "lease");
        let mut session = self.inner.engine.writer().await.map_err(fail)?;
        session.begin().await.map_err(fail)?;
        let shards = lease.shards();
        let sql = format!(
            "SELECT shard, epoch, commit_no, next_outbox_id FROM lease WHERE shard IN {} ORDER BY shard{}",
            placeholders(1, shards.len()),
            self.engine().for_update()
        );
        let values: Vec<Value<'_>> = shards.iter().map(|shard| Value::from(*shard)).collect();
        let rows = session.fetch(AssertSqlSafe(sql), &values).await.map_err(fail)?;
        session.rollback().await;
        rows.iter().map(lease_row).collect()
    }

    /// Tries once more, row by row, so that the refusal can name one; nothing stays of it.
    async fn find_refused(
        &self,
        lease: &Lease,
        prepared: &Prepared<'_>,
        first: TryFailure,
    ) -> Result<CommitOutcome, StoreError> {
        let singly = self.statements(prepared, Grouping::Single)?;
        let tried = match self.attempt(lease, prepared.commit, &singly).await {
            Err(tried) if tried.failure.kind == FailureKind::Refused => tried,
            Ok(Tried::Written) => return Ok(CommitOutcome::Done),
            _ => first,
        };
        let error =
            StoreError::Refused { table: tried.table, row: tried.row, world_id: None, message: tried.failure.message };
        Err(name_world(error, prepared.commit))
    }
}

async fn run(session: &mut Session, statement: &Statement<'_>) -> Result<(), TryFailure> {
    let at = |failure| TryFailure { failure, table: statement.table, row: Some(statement.first_row) };
    let touched = session.execute(AssertSqlSafe(Arc::clone(&statement.sql)), &statement.values).await.map_err(at)?;
    match statement.touches {
        Some(expected) if expected != touched => Err(at(Failure {
            kind: FailureKind::Refused,
            message: format!("{touched} rows are there to be changed, not {expected}"),
        })),
        _ => Ok(()),
    }
}

/// `UPDATE lease …` for `ids` shards with a new outbox id, among `shards` shards.
fn fence_text(now: &str, ids: usize, shards: usize) -> String {
    let next = if ids == 0 {
        String::new()
    } else {
        let cases: Vec<String> = (0..ids).map(|n| format!("WHEN ${} THEN ${}", 4 + 2 * n, 5 + 2 * n)).collect();
        format!(", next_outbox_id = CASE shard {} ELSE next_outbox_id END", cases.join(" "))
    };
    format!(
        "UPDATE lease SET commit_no = $1, heartbeat_at = {now}{next} WHERE epoch = $2 AND commit_no = $3 AND shard IN {}",
        placeholders(4 + 2 * ids, shards)
    )
}
