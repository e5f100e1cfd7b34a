//! One connection in use, of either engine, with a limit on every wait.
//!
//! A connection whose state is not certain (a failed or abandoned statement, an open transaction) is never used
//! again: dropping the session closes it.

#![expect(clippy::disallowed_methods, reason = "the store is an edge: its time-outs are wall time")]

use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{Executor as _, SqlSafeStr};
use tokio::sync::OwnedMutexGuard;

use super::error::{Failure, FailureKind};
use super::value::{Row, Value, values};

/// How much longer than the server we wait, so that the server's own time-out answers first.
const GRACE: Duration = Duration::from_millis(500);

/// How often SQLite looks whether a limit is over.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 1_000;

/// A connection that one part of the store keeps for itself.
#[derive(Debug)]
pub(super) enum Link {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// A connection that goes back to its pool.
#[derive(Debug)]
pub(super) enum Pooled {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

#[derive(Debug)]
enum Held {
    /// The link is there from `Session::dedicated` on.
    Dedicated(OwnedMutexGuard<Option<Link>>),
    Pooled(Option<Pooled>),
}

/// One connection in use.
#[derive(Debug)]
pub(super) struct Session {
    held: Held,
    timeout: Duration,
    /// A statement is under way, or failed in a way that leaves the connection's state unknown.
    uncertain: bool,
    in_transaction: bool,
    /// SQLite ends its statements: that must not outlive the transaction.
    limited: bool,
}

enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(*value),
                Value::Text(value) => query.bind(value.as_deref()),
                Value::Bytes(value) => query.bind(value.as_deref()),
                Value::Id(value) => query.bind(*value),
                Value::Real(value) => query.bind(*value),
            };
        }
        query
    }};
}

impl Session {
    /// A session on a link that its owner keeps; the guard must hold one.
    pub(super) fn dedicated(guard: OwnedMutexGuard<Option<Link>>, timeout: Duration) -> Self {
        Self { held: Held::Dedicated(guard), timeout, uncertain: false, in_transaction: false, limited: false }
    }

    pub(super) fn pooled(pooled: Pooled, timeout: Duration) -> Self {
        Self { held: Held::Pooled(Some(pooled)), timeout, uncertain: false, in_transaction: false, limited: false }
    }

    /// Changes how long each statement may take from here on.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Begins a transaction whose statements the database itself ends when `limit` is over. That nobody waits for it any
    /// more does not end a statement, and in SQLite the next one that writes would have to wait for it.
    pub(super) async fn begin_within(&mut self, limit: Duration) -> Result<(), Failure> {
        let limit = limit.min(self.timeout);
        // time: store: limit of what tasks write | real | std::time::Instant | the statement is ended after what is left of the budget
        let end = Instant::now() + limit;
        self.timeout = limit;
        if let Conn::Sqlite(conn) = self.conn()? {
            let mut handle = timed(limit + GRACE, conn.lock_handle()).await?;
            handle.set_progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, move || Instant::now() < end);
            drop(handle);
            self.limited = true;
            return self.begin().await;
        }
        self.begin().await?;
        let millis = limit.as_millis().max(1).to_string();
        self.fetch("SELECT set_config('statement_timeout', $1, true)", &values![millis.as_str()]).await.map(|_| ())
    }

    /// Statements may take their time again.
    async fn end_limit(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.limited) {
            return Ok(());
        }
        self.uncertain = true;
        if let Conn::Sqlite(conn) = self.conn()? {
            timed(GRACE, conn.lock_handle()).await?.remove_progress_handler();
        }
        self.uncertain = false;
        Ok(())
    }

    fn conn(&mut self) -> Result<Conn<'_>, Failure> {
        match &mut self.held {
            Held::Dedicated(guard) => match guard.as_mut() {
                Some(Link::Sqlite(link)) => Ok(Conn::Sqlite(link)),
                Some(Link::Postgres(link)) => Ok(Conn::Postgres(link)),
                None => Err(Failure::transient("the connection is gone")),
            },
            Held::Pooled(Some(Pooled::Sqlite(link))) => Ok(Conn::Sqlite(link)),
            Held::Pooled(Some(Pooled::Postgres(link))) => Ok(Conn::Postgres(link)),
            Held::Pooled(None) => Err(Failure::transient("the connection is gone")),
        }
    }

    /// Runs a statement and says how many rows it touched.
    pub(super) async fn execute(&mut self, sql: impl SqlSafeStr, values: &[Value<'_>]) -> Result<u64, Failure> {
        let limit = self.timeout + GRACE;
        self.uncertain = true;
        let sql = sql.into_sql_str();
        let done = match self.conn()? {
            Conn::Sqlite(conn) => {
                let query = bound!(sql, values);
                timed(limit, async { query.execute(conn).await.map(|done| done.rows_affected()) }).await
            }
            Conn::Postgres(conn) => {
                let query = bound!(sql, values);
                timed(limit, async { query.execute(conn).await.map(|done| done.rows_affected()) }).await
            }
        };
        self.settle(done)
    }

    /// Runs a query.
    pub(super) async fn fetch(&mut self, sql: impl SqlSafeStr, values: &[Value<'_>]) -> Result<Vec<Row>, Failure> {
        let limit = self.timeout + GRACE;
        self.uncertain = true;
        let sql = sql.into_sql_str();
        let rows = match self.conn()? {
            Conn::Sqlite(conn) => {
                let query = bound!(sql, values);
                timed(limit, query.fetch_all(conn)).await.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Conn::Postgres(conn) => {
                let query = bound!(sql, values);
                timed(limit, query.fetch_all(conn)).await.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        self.settle(rows)
    }

    /// Runs the one statement of a transaction that was begun [within](Self::begin_within) a limit, commits it, and says how
    /// many rows it touched. Where the limit ends it, nothing is written, and the connection is used again: in SQLite it is
    /// the one that commits, and opening it anew would hold up the next commit.
    pub(super) async fn execute_last(&mut self, sql: impl SqlSafeStr, values: &[Value<'_>]) -> Result<u64, Failure> {
        let done = match self.execute(sql, values).await {
            Ok(done) => done,
            Err(failure) => {
                if failure.kind == FailureKind::Ended {
                    self.undo_ended().await;
                }
                return Err(failure);
            }
        };
        self.commit().await.map(|()| done)
    }

    /// Ends the transaction of a statement that SQLite has ended; where that fails, the connection is closed.
    async fn undo_ended(&mut self) {
        // The limit is over, and would end these too.
        if self.end_limit().await.is_err() {
            return;
        }
        // An ended statement that writes may have taken its transaction with it: with a savepoint there is one for sure.
        if self.control("SAVEPOINT ended", "SAVEPOINT ended").await.is_ok() {
            self.rollback().await;
        }
    }

    /// Begins a transaction that will write: at once exclusive in SQLite, READ COMMITTED in PostgreSQL.
    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        self.in_transaction = true;
        self.control("BEGIN IMMEDIATE", "BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    /// Commits. A failure leaves the outcome unknown.
    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        self.control("COMMIT", "COMMIT").await?;
        self.in_transaction = false;
        // What is committed is committed: a connection on which this fails is not used again.
        let _ = self.end_limit().await;
        Ok(())
    }

    /// Rolls back; where that fails, the connection is closed, which comes to the same.
    pub(super) async fn rollback(&mut self) {
        if self.control("ROLLBACK", "ROLLBACK").await.is_ok() {
            self.in_transaction = false;
        }
    }

    /// Runs a statement that takes no values. PostgreSQL gets it unprepared, in one round trip.
    async fn control(&mut self, sqlite: &'static str, postgres: &'static str) -> Result<(), Failure> {
        let limit = self.timeout + GRACE;
        self.uncertain = true;
        let done = match self.conn()? {
            Conn::Sqlite(conn) => timed(limit, async { sqlx::query(sqlite).execute(conn).await.map(|_| ()) }).await,
            Conn::Postgres(conn) => timed(limit, async { conn.execute(postgres).await.map(|_| ()) }).await,
        };
        self.settle(done)
    }

    /// A refused value leaves the connection as it was; after anything else it is not used again.
    fn settle<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        match &result {
            Ok(_) => self.uncertain = false,
            Err(failure) => self.uncertain = failure.kind != FailureKind::Refused,
        }
        result
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.uncertain && !self.in_transaction && !self.limited {
            return;
        }
        match &mut self.held {
            Held::Dedicated(guard) => drop(guard.take()),
            Held::Pooled(pooled) => match pooled.take() {
                Some(Pooled::Sqlite(link)) => drop(link.detach()),
                Some(Pooled::Postgres(link)) => drop(link.detach()),
                None => {}
            },
        }
    }
}

/// Waits for a database at most `limit`.
pub(super) async fn timed<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failure> {
    // time: store: limit of each statement | real | tokio timer | time-out of `store.operation_timeout_seconds`
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(Failure::from),
        Err(_) => Err(Failure::transient(format!("no answer within {} ms", limit.as_millis()))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Location;
    use super::super::{StoreConfig, engine::Engine};
    use super::*;

    #[tokio::test]
    async fn a_statement_that_its_limit_ends_leaves_the_connection_that_commits() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoreConfig::new(folder.path().join("a.db").display().to_string());
        let location: Location = config.location().expect("a place");
        let engine = Engine::new(&location, &config).expect("an engine");
        // What is temporary is there for this connection alone.
        let mut writer = engine.writer().await.expect("a connection");
        writer.execute("CREATE TEMP TABLE mark (n INTEGER)", &[]).await.expect("a table");
        drop(writer);
        for (number, limit) in [20, 1, 0].into_iter().enumerate() {
            let mut limited = engine.background_within(Duration::from_millis(limit)).await.expect("a connection");
            let endless =
                "INSERT INTO mark WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
            let ended = limited.execute_last(endless, &[]).await.expect_err("it never ends by itself");
            assert_eq!(ended.kind, FailureKind::Ended, "{ended:?}");
            drop(limited);
            let mut writer = engine.writer().await.expect("a connection");
            assert_eq!(writer.fetch("SELECT n FROM mark", &[]).await.expect("it is the same").len(), number);
            writer.begin().await.expect("no transaction is left over");
            // Longer than a limit that is left over would let it be.
            let some = "INSERT INTO mark SELECT count(*) FROM (WITH RECURSIVE n (i) AS \
                        (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i FROM n)";
            assert_eq!(writer.execute(some, &[]).await.expect("no limit is left over"), 1);
            writer.commit().await.expect("it commits");
        }
    }
}
