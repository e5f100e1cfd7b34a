//! Who may run: the lease rows, and in PostgreSQL an advisory lock with a heartbeat.
//!
//! The fence is the epoch: whoever takes over raises it, and every write of the former owner misses. The lock and
//! the heartbeat only decide whether a newcomer may take over at all.

#![expect(clippy::disallowed_methods, reason = "a lease is kept by wall time")]

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::StoreError;
use super::advisory::{AdvisoryLock, Taken};
use super::engine::EngineKind;
use super::error::Failure;
use super::heartbeat::{self, Heartbeat};
use super::lease_rows::{Seen, lock_rows, make_rows, seen};
use super::rows::{LeaseRow, ShardId};
use super::store::Store;
use super::value::values;

/// A process that died a moment ago may still seem to hold the lock; a newcomer looks for this long.
const GRACE: Duration = Duration::from_millis(1_500);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const OPERATION: &str = "take the lease";

/// Whether this process still owns its shards, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// It does.
    Held,
    /// The heartbeat cannot be written; others may take over once it is stale.
    Unconfirmed {
        /// Why not.
        reason: String,
    },
    /// Another server has taken over: nothing of this one counts any more.
    Lost {
        /// How it was noticed.
        reason: String,
    },
}

/// The right to commit. Clones are the same lease; when the last one is dropped, the heartbeat ends.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(super) inner: Arc<LeaseInner>,
}

#[derive(Debug)]
pub(super) struct LeaseInner {
    epoch: i64,
    owner: String,
    rows: Vec<LeaseRow>,
    shards: Vec<ShardId>,
    state: Arc<watch::Sender<LeaseState>>,
    stop: CancellationToken,
    heartbeat: tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Drop for LeaseInner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Lease {
    /// The epoch to commit under.
    pub fn epoch(&self) -> i64 {
        self.inner.epoch
    }

    /// The name it was taken under.
    pub fn owner(&self) -> &str {
        &self.inner.owner
    }

    /// The shards, in order.
    pub fn shards(&self) -> &[ShardId] {
        &self.inner.shards
    }

    /// The last commit when the lease was taken; the next is one more.
    pub fn commit_no(&self) -> i64 {
        self.inner.rows.iter().map(|row| row.commit_no).max().unwrap_or_default()
    }

    /// The rows when the lease was taken, by shard.
    pub fn rows(&self) -> &[LeaseRow] {
        &self.inner.rows
    }

    /// Whether it still holds; changes wake the receiver.
    pub fn state(&self) -> watch::Receiver<LeaseState> {
        self.inner.state.subscribe()
    }

    pub(super) fn note_lost(&self, reason: &str) {
        self.inner.state.send_if_modified(|state| {
            if matches!(state, LeaseState::Lost { .. }) {
                return false;
            }
            tracing::error!(owner = %self.inner.owner, epoch = self.inner.epoch, reason, "lease lost");
            *state = LeaseState::Lost { reason: reason.to_owned() };
            true
        });
    }
}

impl Store {
    /// Takes all shards of the store for this process, under a new epoch.
    ///
    /// PostgreSQL: where another process holds the lock, its heartbeat decides; one older than `stale_after` means
    /// that it hangs and is taken over from.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another server runs, [`StoreError::ShardCount`] where the store has another
    /// number of shards, and what can befall a write.
    pub async fn acquire(&self, shards: i32, owner: &str, stale_after: Duration) -> Result<Lease, StoreError> {
        let (lock, taken) = match self.engine() {
            EngineKind::Sqlite => (None, Taken::Locked),
            EngineKind::Postgres => {
                let mut lock = AdvisoryLock::new(self);
                let taken = self.wait_for_lock(&mut lock, stale_after).await?;
                (Some(lock), taken)
            }
        };
        let must_be_stale = (taken == Taken::Stale).then_some(stale_after);
        let rows = self.take_rows(shards, owner, taken == Taken::Locked, must_be_stale).await?;
        let epoch = rows.iter().map(|row| row.epoch).max().unwrap_or_default();
        tracing::info!(owner, epoch, shards, taken_over = taken == Taken::Stale, "lease taken");
        let state = Arc::new(watch::Sender::new(LeaseState::Held));
        let stop = CancellationToken::new();
        let task = lock.map(|mut lock| {
            if taken == Taken::Stale {
                lock.end_holder();
            }
            let (state, stop) = (Arc::clone(&state), stop.clone());
            let beat = Heartbeat { store: self.clone(), lock, owner: owner.to_owned(), epoch, shards, state, stop };
            tokio::spawn(heartbeat::run(beat))
        });
        let task = task.unwrap_or_else(|| {
            let (state, stop) = (Arc::clone(&state), stop.clone());
            tokio::spawn(heartbeat::watch_files(self.clone(), owner.to_owned(), state, stop))
        });
        let shards = rows.iter().map(|row| row.shard).collect();
        let heartbeat = tokio::sync::Mutex::new(Some(task));
        let inner = LeaseInner { epoch, owner: owner.to_owned(), rows, shards, state, stop, heartbeat };
        Ok(Lease { inner: Arc::new(inner) })
    }

    /// Gives the lease back, so that the next server need not wait.
    ///
    /// # Errors
    /// What can befall a write. The lock goes in any case.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut done = self.give_back(lease).await;
        if done.as_ref().is_err_and(StoreError::is_transient) {
            // The connection may have died unnoticed; another one tells.
            done = self.give_back(lease).await;
        }
        lease.inner.stop.cancel();
        if let Some(task) = lease.inner.heartbeat.lock().await.take() {
            let abort = task.abort_handle();
            // time: lease: giving it back | real | tokio timer | time-out of `store.operation_timeout_seconds`
            if tokio::time::timeout(self.inner.engine.timeout, task).await.is_err() {
                abort.abort();
            }
        }
        done
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut session = self.writer("give the lease back").await?;
        let sql = "UPDATE lease SET owner = NULL, heartbeat_at = 0, locked = 0 WHERE epoch = $1";
        let done = session.execute(sql, &values![lease.epoch()]).await;
        done.map(|_| ()).map_err(|failure| failure.into_error("give the lease back", "lease"))
    }

    /// Gets the advisory lock, or finds that its holder hangs.
    async fn wait_for_lock(&self, lock: &mut AdvisoryLock, stale_after: Duration) -> Result<Taken, StoreError> {
        let fail = |failure: Failure| failure.into_error(OPERATION, "lease");
        // time: lease: waiting until it is free or stale | real | tokio timer and Instant | looked at every second
        let started = Instant::now();
        loop {
            let got = lock.take().await.map_err(fail)?;
            let seen = self.look().await.map_err(fail)?;
            let fresh = seen.as_ref().is_some_and(|seen| seen.age < stale_after);
            match seen {
                // A free lock means that the owner is gone, unless the owner says that it has none.
                Some(seen) if got && fresh && !seen.locked => {
                    lock.drop_link();
                    return Err(self.in_use(&seen));
                }
                _ if got => return Ok(Taken::Locked),
                Some(seen) if fresh && started.elapsed() >= GRACE => return Err(self.in_use(&seen)),
                Some(_) if !fresh => return Ok(Taken::Stale),
                // Locked, but nobody in the rows: somebody is just starting, or hangs before the first heartbeat.
                None if started.elapsed() >= stale_after => return Ok(Taken::Stale),
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    fn in_use(&self, seen: &Seen) -> StoreError {
        StoreError::InUse {
            what: format!("the database {}", self.inner.location),
            owner: format!("{}, last heard of {:.1} s ago", seen.owner, seen.age.as_secs_f64()),
            setting: "DATABASE_URL",
        }
    }

    /// The owner in the lease rows, if any.
    async fn look(&self) -> Result<Option<Seen>, Failure> {
        let mut session = self.inner.engine.reader().await?;
        let sql = format!(
            "SELECT owner, {} - heartbeat_at, locked FROM lease WHERE owner IS NOT NULL ORDER BY heartbeat_at DESC LIMIT 1",
            self.engine().now()
        );
        let rows = session.fetch(AssertSqlSafe(sql), &[]).await?;
        rows.first().map(seen).transpose().map_err(|error| Failure::transient(error.to_string()))
    }

    /// Writes this process into the lease rows: made if there are none, epoch + 1, one commit number for all.
    async fn take_rows(
        &self,
        shards: i32,
        owner: &str,
        locked: bool,
        must_be_stale: Option<Duration>,
    ) -> Result<Vec<LeaseRow>, StoreError> {
        let fail = |failure: Failure| failure.into_error(OPERATION, "lease");
        let mut session = self.writer(OPERATION).await?;
        session.begin().await.map_err(fail)?;
        let mut rows = lock_rows(&mut session, self.engine()).await?;
        if rows.is_empty() {
            make_rows(&mut session, shards).await.map_err(fail)?;
            rows = lock_rows(&mut session, self.engine()).await?;
        }
        let stored = i32::try_from(rows.len()).unwrap_or(i32::MAX);
        if stored != shards {
            return Err(StoreError::ShardCount { stored, asked: shards });
        }
        if let Some(seen) = rows.iter().filter_map(|(_, seen)| seen.as_ref()).min_by_key(|seen| seen.age)
            && must_be_stale.is_some_and(|limit| seen.age < limit)
        {
            // Another newcomer was quicker.
            return Err(self.in_use(seen));
        }
        let mut rows: Vec<LeaseRow> = rows.into_iter().map(|(row, _)| row).collect();
        let epoch = rows.iter().map(|row| row.epoch).max().unwrap_or_default() + 1;
        let commit_no = rows.iter().map(|row| row.commit_no).max().unwrap_or_default();
        let sql = format!(
            "UPDATE lease SET epoch = $1, commit_no = $2, owner = $3, locked = $4, heartbeat_at = {}",
            self.engine().now()
        );
        let values = values![epoch, commit_no, owner, locked];
        session.execute(AssertSqlSafe(sql), &values).await.map_err(fail)?;
        session.commit().await.map_err(fail)?;
        for row in &mut rows {
            (row.epoch, row.commit_no) = (epoch, commit_no);
        }
        Ok(rows)
    }
}
