//! One connection in use, of either engine, with a limit on every wait.
//!
//! A connection whose state is not certain (a failed or abandoned statement, an open transaction) is never used
//! again: dropping the session closes it.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{Executor as _, SqlSafeStr};
use tokio::sync::OwnedMutexGuard;

use super::error::{Failure, FailureKind};
use super::value::{Row, Value};

/// How much longer than the server we wait, so that the server's own time-out answers first.
const GRACE: Duration = Duration::from_millis(500);

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
            };
        }
        query
    }};
}

impl Session {
    /// A session on a link that its owner keeps; the guard must hold one.
    pub(super) fn dedicated(guard: OwnedMutexGuard<Option<Link>>, timeout: Duration) -> Self {
        Self { held: Held::Dedicated(guard), timeout, uncertain: false, in_transaction: false }
    }

    pub(super) fn pooled(pooled: Pooled, timeout: Duration) -> Self {
        Self { held: Held::Pooled(Some(pooled)), timeout, uncertain: false, in_transaction: false }
    }

    /// Changes how long each statement may take from here on.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
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

    /// Begins a transaction that will write: at once exclusive in SQLite, READ COMMITTED in PostgreSQL.
    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        self.in_transaction = true;
        self.control("BEGIN IMMEDIATE", "BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    /// Commits. A failure leaves the outcome unknown.
    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        self.control("COMMIT", "COMMIT").await?;
        self.in_transaction = false;
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
        if !self.uncertain && !self.in_transaction {
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
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(Failure::from),
        Err(_) => Err(Failure::transient(format!("no answer within {} ms", limit.as_millis()))),
    }
}
