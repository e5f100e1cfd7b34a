//! The task that says at intervals that the owner lives, and keeps its lock.

#![expect(clippy::disallowed_methods, reason = "a lease is kept by wall time")]

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::advisory::AdvisoryLock;
use super::error::Failure;
use super::lease::LeaseState;
use super::store::Store;
use super::value::values;

/// How soon a heartbeat that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How often the files of a data folder are looked at.
const FILES_INTERVAL: Duration = Duration::from_secs(1);

/// What the task works with.
#[derive(Debug)]
pub(super) struct Heartbeat {
    pub store: Store,
    pub lock: AdvisoryLock,
    pub owner: String,
    pub epoch: i64,
    pub shards: i32,
    pub state: Arc<watch::Sender<LeaseState>>,
    pub stop: CancellationToken,
}

enum Beat {
    Written,
    /// The rows carry another epoch.
    Missed,
}

/// Runs until the lease is given back or lost.
pub(super) async fn run(mut beat: Heartbeat) {
    let interval = beat.store.inner.config.heartbeat_interval;
    // Who took over without the lock goes for it at once.
    let mut pause = if beat.lock.is_locked() { interval } else { Duration::ZERO };
    let stop = beat.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            // time: lease: heartbeat | real | tokio timer | interval, less after a failure
            () = tokio::time::sleep(pause) => {}
        }
        // Not under the select: a statement that is cut off costs the connection and with it the lock.
        match beat.once(interval).await {
            Ok(Beat::Written) => {
                beat.set(LeaseState::Held);
                pause = interval;
            }
            Ok(Beat::Missed) => {
                let reason = "another server has raised the epoch of the lease".to_owned();
                tracing::error!(owner = %beat.owner, epoch = beat.epoch, reason, "lease lost");
                beat.set(LeaseState::Lost { reason });
                break;
            }
            Err(failure) => {
                beat.set(LeaseState::Unconfirmed { reason: failure.message });
                pause = RETRY;
            }
        }
    }
    beat.lock.close().await;
}

/// Where nobody else can write the lease, only its files can go: runs until the lease is given back or they have.
pub(super) async fn watch_files(
    store: Store,
    owner: String,
    state: Arc<watch::Sender<LeaseState>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            // time: lease: looking whether the files of SQLite are still there | real | tokio timer | interval of 1 s
            () = tokio::time::sleep(FILES_INTERVAL) => {}
        }
        let looked = store.clone();
        // A network's file system may take its time. What cannot be asked has not gone.
        let gone = tokio::task::spawn_blocking(move || looked.files_gone()).await.unwrap_or_default();
        let Some(reason) = gone else { continue };
        tracing::error!(owner, reason, "lease lost");
        state.send_replace(LeaseState::Lost { reason });
        return;
    }
}

impl Heartbeat {
    /// Tells those who watch, where it is news. What is lost stays lost.
    fn set(&self, new: LeaseState) {
        self.state.send_if_modified(|state| {
            if *state == new || matches!(state, LeaseState::Lost { .. }) {
                return false;
            }
            match &new {
                LeaseState::Unconfirmed { reason } => {
                    tracing::warn!(owner = %self.owner, reason, "heartbeat not written")
                }
                LeaseState::Held => tracing::info!(owner = %self.owner, "heartbeat written again"),
                LeaseState::Lost { .. } => {}
            }
            *state = new;
            true
        });
    }

    /// Keeps the lock, and writes the heartbeat unless a commit has just done so.
    async fn once(&mut self, interval: Duration) -> Result<Beat, Failure> {
        let had_lock = self.lock.is_locked();
        let locked = self.lock.take().await?;
        let recent = self.store.inner.touched().is_some_and(|touched| touched.elapsed() < interval);
        if recent && had_lock && locked {
            // The commits keep the heartbeat; only see that the lock's connection lives.
            self.lock.session().await?.fetch("SELECT 1", &[]).await?;
            return Ok(Beat::Written);
        }
        // The commit's UPDATE takes the same rows in another order: never both at once. A commit that is under way
        // renews the heartbeat itself.
        let writer = self.store.inner.engine.hold_writer(interval).await;
        let Some(_writer) = writer else { return Ok(Beat::Written) };
        let sql = format!(
            "UPDATE lease SET heartbeat_at = {}, locked = $1 WHERE epoch = $2 AND owner = $3",
            self.store.engine().now()
        );
        let values = values![locked, self.epoch, &self.owner];
        let touched = self.lock.session().await?.execute(AssertSqlSafe(sql), &values).await?;
        let all = i64::try_from(touched).is_ok_and(|touched| touched == i64::from(self.shards));
        Ok(if all { Beat::Written } else { Beat::Missed })
    }
}
