//! PostgreSQL's session advisory lock, on a connection of its own.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::engine::close_link;
use super::error::Failure;
use super::session::{Link, Session};
use super::store::Store;
use super::value::values;

/// What a newcomer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The lock is ours.
    Locked,
    /// Somebody has it and shows no life.
    Stale,
}

/// The lock of a store, and the connection that holds it.
#[derive(Debug)]
pub(super) struct AdvisoryLock {
    store: Store,
    key: i64,
    link: Arc<Mutex<Option<Link>>>,
    locked: bool,
    /// Whether the one who holds the lock has been taken over from and may be cut off.
    end_holder: bool,
}

impl AdvisoryLock {
    pub(super) fn new(store: &Store) -> Self {
        // Databases may hold several stores in different schemas, so the key comes from the store's id.
        let (high, low) = store.id().as_u64_pair();
        let key = (high ^ low).cast_signed();
        Self { store: store.clone(), key, link: Arc::default(), locked: false, end_holder: false }
    }

    /// Whether the lock is ours.
    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// From now on whoever holds the lock instead of us is cut off: its epoch is over.
    pub(super) fn end_holder(&mut self) {
        self.end_holder = true;
    }

    /// A session on the lock's connection, opened if it must be. What fails on it loses the lock.
    pub(super) async fn session(&mut self) -> Result<Session, Failure> {
        let engine = &self.store.inner.engine;
        let mut guard = Arc::clone(&self.link).lock_owned().await;
        if guard.is_none() {
            self.locked = false;
            *guard = Some(engine.connect().await?);
            let mut session = Session::dedicated(guard, engine.timeout);
            // Heartbeats need not reach the disk: after a crash of the server the lock is free anyway.
            session.execute("SET synchronous_commit = off", &[]).await?;
            return Ok(session);
        }
        Ok(Session::dedicated(guard, engine.timeout))
    }

    /// Tries to take the lock. Never waits for its holder.
    pub(super) async fn take(&mut self) -> Result<bool, Failure> {
        let key = self.key;
        let mut session = self.session().await?;
        if self.locked {
            return Ok(true);
        }
        let mut got = try_lock(&mut session, key).await?;
        if !got && self.end_holder {
            self.end_holder = false;
            match end_holder(&mut session, key).await {
                Ok(()) => got = try_lock(&mut session, key).await?,
                // Without the right to do so we run on the heartbeat alone and try again at each one.
                Err(failure) => tracing::warn!(reason = %failure.message, "hanging lock holder not cut off"),
            }
        }
        self.locked = got;
        Ok(got)
    }

    /// Forgets the connection and with it the lock.
    pub(super) fn drop_link(&mut self) {
        self.locked = false;
        self.link = Arc::default();
    }

    /// Gives the lock up.
    pub(super) async fn close(&mut self) {
        self.locked = false;
        let limit = self.store.inner.engine.timeout;
        let mut guard = Arc::clone(&self.link).lock_owned().await;
        close_link(guard.take(), limit).await;
    }
}

async fn try_lock(session: &mut Session, key: i64) -> Result<bool, Failure> {
    let sql = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END";
    let rows = session.fetch(sql, &values![key]).await?;
    let got = rows.first().map(|row| row.read("pg_locks").int()).transpose();
    got.map(|got| got == Some(1)).map_err(|error| Failure::transient(error.to_string()))
}

/// Closes the connection that holds the lock (an 8-byte key is shown as two halves).
async fn end_holder(session: &mut Session, key: i64) -> Result<(), Failure> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
               AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND classid = CAST(($1 >> 32) & 4294967295 AS oid) AND objid = CAST($1 & 4294967295 AS oid) \
               AND pid <> pg_backend_pid()";
    session.fetch(sql, &values![key]).await.map(|_| ())
}
