//! Connections to the two engines, and the few words in which their SQL differs.

#![expect(clippy::disallowed_methods, reason = "the store is an edge: its time-outs are wall time")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreError;
use super::config::{Location, StoreConfig, postgres_url};
use super::error::Failure;
use super::session::{Link, Pooled, Session, timed};

/// Statements that a connection keeps prepared; above the number of different texts that the store uses.
const STATEMENTS_KEPT: usize = 400;
/// A pooled connection that has rested longer is tried before use.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// Which engine, for the few words that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// A file of ours, one writer.
    Sqlite,
    /// A server.
    Postgres,
}

impl EngineKind {
    /// The database's clock, in microseconds.
    pub(super) fn now(self) -> &'static str {
        match self {
            // time: lease: age of a heartbeat | real | the database's clock | read in the statement
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS BIGINT)",
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
        }
    }

    /// Locks the rows of a SELECT; SQLite's transaction holds the whole file already.
    pub(super) fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }
}

/// How to open a connection.
#[derive(Debug, Clone)]
enum Options {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

#[derive(Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The connections of a store: one that commits, a pool for the rest.
#[derive(Debug)]
pub(super) struct Engine {
    options: Options,
    pool: Pool,
    /// The connection that commits. In SQLite the only one that writes.
    writer: Arc<Mutex<Option<Link>>>,
    pub timeout: Duration,
}

impl Engine {
    /// Prepares the pools; nothing is opened yet.
    pub(super) fn new(location: &Location, config: &StoreConfig) -> Result<Self, StoreError> {
        let timeout = config.operation_timeout;
        let options = match location {
            Location::Sqlite { file, .. } => Options::Sqlite(Box::new(sqlite_options(file, timeout))),
            Location::Postgres(url) => Options::Postgres(Box::new(postgres_options(postgres_url(url)?, timeout))),
        };
        let pool = match &options {
            Options::Sqlite(options) => Pool::Sqlite(
                SqlitePoolOptions::new()
                    .max_connections(config.connections_max.max(1))
                    .acquire_timeout(timeout)
                    .test_before_acquire(false)
                    .connect_lazy_with(options.as_ref().clone().pragma("query_only", "ON")),
            ),
            Options::Postgres(options) => Pool::Postgres(
                PgPoolOptions::new()
                    .max_connections(config.connections_max.max(2))
                    .acquire_timeout(timeout)
                    .test_before_acquire(false)
                    .before_acquire(|conn, meta| Box::pin(is_usable(conn, meta)))
                    .connect_lazy_with(options.as_ref().clone()),
            ),
        };
        Ok(Self { options, pool, writer: Arc::new(Mutex::new(None)), timeout })
    }

    pub(super) fn kind(&self) -> EngineKind {
        match self.options {
            Options::Sqlite(_) => EngineKind::Sqlite,
            Options::Postgres(_) => EngineKind::Postgres,
        }
    }

    /// Opens a connection of its own.
    pub(super) async fn connect(&self) -> Result<Link, Failure> {
        match &self.options {
            Options::Sqlite(options) => {
                timed(self.timeout, options.connect()).await.map(|link| Link::Sqlite(Box::new(link)))
            }
            Options::Postgres(options) => {
                let mut link = timed(self.timeout, options.connect()).await?;
                timed(self.timeout, make_durable(&mut link)).await?;
                Ok(Link::Postgres(Box::new(link)))
            }
        }
    }

    /// A connection without time-outs, for migrations.
    pub(super) async fn connect_patiently(&self) -> Result<Link, Failure> {
        match &self.options {
            Options::Sqlite(_) => self.connect().await,
            Options::Postgres(options) => {
                let options = options.as_ref().clone().options([("statement_timeout", "0")]);
                timed(self.timeout, options.connect()).await.map(|link| Link::Postgres(Box::new(link)))
            }
        }
    }

    /// The connection that commits, opened if it must be.
    pub(super) async fn writer(&self) -> Result<Session, Failure> {
        // time: store: waiting for the connection that writes | real | tokio timer | time-out of `store.operation_timeout_seconds`
        let mut guard = tokio::time::timeout(self.timeout, Arc::clone(&self.writer).lock_owned())
            .await
            .map_err(|_| Failure::transient("the connection that writes is busy"))?;
        if guard.is_none() {
            *guard = Some(self.connect().await?);
        }
        Ok(Session::dedicated(guard, self.timeout))
    }

    /// Keeps everybody from the connection that commits, if it is free within `limit`.
    pub(super) async fn hold_writer(&self, limit: Duration) -> Option<OwnedMutexGuard<Option<Link>>> {
        // time: lease: keeping others from the connection that writes | real | tokio timer | time-out
        tokio::time::timeout(limit, Arc::clone(&self.writer).lock_owned()).await.ok()
    }

    /// A connection for reading.
    pub(super) async fn reader(&self) -> Result<Session, Failure> {
        let pooled = match &self.pool {
            Pool::Sqlite(pool) => Pooled::Sqlite(timed(self.timeout, pool.acquire()).await?),
            Pool::Postgres(pool) => Pooled::Postgres(timed(self.timeout, pool.acquire()).await?),
        };
        Ok(Session::pooled(pooled, self.timeout))
    }

    /// A connection for writing beside the commits, with a transaction begun.
    pub(super) async fn background(&self) -> Result<Session, Failure> {
        let mut session = self.beside_commits().await?;
        session.begin().await?;
        Ok(session)
    }

    /// The same for what may be broken off: no statement takes longer than `limit`.
    pub(super) async fn background_within(&self, limit: Duration) -> Result<Session, Failure> {
        let mut session = self.beside_commits().await?;
        session.begin_within(limit).await?;
        Ok(session)
    }

    async fn beside_commits(&self) -> Result<Session, Failure> {
        match self.kind() {
            EngineKind::Sqlite => self.writer().await,
            EngineKind::Postgres => self.reader().await,
        }
    }

    /// Closes what is open, within the time-out.
    pub(super) async fn close(&self) {
        let pool = async {
            match &self.pool {
                Pool::Sqlite(pool) => pool.close().await,
                Pool::Postgres(pool) => pool.close().await,
            }
        };
        // time: store: closing connections | real | tokio timer | time-out of `store.operation_timeout_seconds`
        if tokio::time::timeout(self.timeout, pool).await.is_err() {
            tracing::warn!(reason = "time-out", "store connections left open");
        }
        if let Ok(mut guard) = tokio::time::timeout(self.timeout, self.writer.lock()).await {
            close_link(guard.take(), self.timeout).await;
        }
    }
}

/// Says good-bye to a connection; what does not answer is dropped.
pub(super) async fn close_link(link: Option<Link>, limit: Duration) {
    let closed = match link {
        Some(Link::Sqlite(link)) => timed(limit, link.close()).await,
        Some(Link::Postgres(link)) => timed(limit, link.close()).await,
        None => Ok(()),
    };
    if let Err(failure) = closed {
        tracing::debug!(reason = %failure.message, "store connection dropped");
    }
}

fn sqlite_options(file: &Path, timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // A large snapshot must not leave a large log behind for ever.
        .pragma("journal_size_limit", "67108864")
        // SQLite's own wait must end before ours, so that the answer is "busy" and not silence.
        .busy_timeout(timeout * 4 / 5)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .disable_statement_logging()
}

fn postgres_options(options: PgConnectOptions, timeout: Duration) -> PgConnectOptions {
    let limit = timeout.as_millis().to_string();
    options
        .application_name("worldtick")
        .statement_cache_capacity(STATEMENTS_KEPT)
        .options([
            ("statement_timeout", limit.as_str()),
            ("lock_timeout", limit.as_str()),
            ("idle_in_transaction_session_timeout", "5000"),
            // A host that vanishes without a word must not hold its locks for hours.
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
        ])
        .disable_statement_logging()
}

/// What is committed must survive a crash of the server, whatever its configuration says.
async fn make_durable(link: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    )
    .execute(link)
    .await
    .map(|_| ())
}

/// A connection that was used a moment ago is trusted; the others cost one round trip.
async fn is_usable(link: &mut PgConnection, meta: PoolConnectionMetadata) -> Result<bool, sqlx::Error> {
    if meta.idle_for < TRUSTED_IDLE {
        return Ok(true);
    }
    link.ping().await.map(|()| true)
}
