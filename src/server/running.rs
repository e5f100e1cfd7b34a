//! A running server: waiting for it, stopping it.

#![expect(clippy::disallowed_methods, reason = "stopping has a limit in wall time")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::ServerError;
use super::links::Bridges;
use super::ready::Phase;
use super::signals::{LeaveAtOnce, Signals};
use crate::plugins::host::HostFailure;
use crate::plugins::store::{Lease, Store, StoreError};

/// Even when the time is over the publisher gets this long to end.
const PUBLISHER_GRACE: Duration = Duration::from_millis(500);
/// Requests that are under way get this long.
const REQUESTS_GRACE: Duration = Duration::from_secs(1);
/// Even when the time is over the store gets this long to take the lease back.
const CLOSING_GRACE: Duration = Duration::from_secs(2);

/// What has to be ended, and in which order.
pub(super) struct Ending {
    pub(super) runtime: Arc<Runtime>,
    pub(super) store: Store,
    pub(super) lease: Lease,
    pub(super) bridges: Bridges,
    pub(super) phase: Phase,
    pub(super) stopping: CancellationToken,
    pub(super) stop: Sender<()>,
    pub(super) ended: Receiver<Result<(), ServerError>>,
    pub(super) engine: JoinHandle<()>,
    pub(super) server: tokio::task::JoinHandle<()>,
    pub(super) shutdown_timeout: Duration,
    pub(super) admin: SocketAddr,
    pub(super) bootstrap_servers: String,
    pub(super) embedded: bool,
    pub(super) store_location: String,
    pub(super) worlds: Vec<String>,
    pub(super) early: Option<LeaveAtOnce>,
}

/// What the commands that talk to a server have to be told where it does not listen at the usual address.
fn named_server(admin: &str) -> String {
    if admin == crate::cli::DEFAULT_SERVER { String::new() } else { format!(" --server {admin}") }
}

/// A server that runs.
pub struct Running {
    parts: Ending,
}

impl Running {
    pub(super) fn new(parts: Ending) -> Self {
        Self { parts }
    }

    pub(super) fn with_early_end(mut self, early: LeaveAtOnce) -> Self {
        self.parts.early = Some(early);
        self
    }

    /// Where the admin API listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.parts.admin
    }

    /// Where Kafka is.
    pub fn bootstrap_servers(&self) -> &str {
        &self.parts.bootstrap_servers
    }

    /// What runs where, and what to try next: for people who start the server on a terminal.
    pub fn banner(&self) -> String {
        let parts = &self.parts;
        let admin = format!("http://{}", parts.admin);
        let broker = if parts.embedded {
            format!("{}  embedded, for trying out: nothing in it outlives this process", parts.bootstrap_servers)
        } else {
            parts.bootstrap_servers.clone()
        };
        let servers = parts.bootstrap_servers.split(',').next().unwrap_or_default();
        format!(
            "worldtick {version}\n  \
             worlds      {worlds}\n  \
             Kafka       {broker}\n  \
             store       {store}\n  \
             admin API   {admin}/api/v1\n\n\
             Things to try in another terminal:\n  \
             kcat -b {servers} -t simulation.event -C\n  \
             worldtick events tail{server}          (from a checkout: cargo run --release -- events tail{server})\n  \
             curl -s '{admin}/readyz?verbose'\n",
            version = env!("CARGO_PKG_VERSION"),
            server = named_server(&admin),
            worlds = parts.worlds.join(", "),
            store = parts.store_location,
        )
    }

    /// Waits for SIGTERM, Ctrl-C, or the end of the worlds; then stops.
    ///
    /// # Errors
    /// When another server takes over, the store is lost, or the worlds could not end in time.
    pub fn wait_for_signal(mut self) -> Result<(), ServerError> {
        let early = self.parts.early.take();
        let told = self.parts.runtime.block_on(async {
            let mut signals = Signals::listen()?;
            drop(early);
            let ended = self.parts.ended.clone();
            let watch = tokio::task::spawn_blocking(move || {
                // The message stays for `stop`: a clone of the receiver only looks.
                let mut select = crossbeam_channel::Select::new();
                select.recv(&ended);
                select.ready();
            });
            Ok::<_, std::io::Error>(tokio::select! {
                signal = signals.next() => Some(signal),
                _ = watch => None,
            })
        })?;
        if let Some(signal) = told {
            tracing::info!(signal, "stopping");
            self.exit_on_second_signal();
        }
        self.stop()
    }

    /// Somebody who asks twice does not want to wait.
    fn exit_on_second_signal(&self) {
        self.parts.runtime.spawn(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                tracing::warn!("told to stop again: leaving at once; the next start recovers");
                std::process::exit(130);
            }
        });
    }

    /// Finishes what is under way, commits and publishes it, gives back the lease.
    ///
    /// # Errors
    /// What ended the worlds, if something had; or that they could not end in time.
    pub fn stop(self) -> Result<(), ServerError> {
        let parts = self.parts;
        let deadline = now() + parts.shutdown_timeout;
        parts.phase.stops();
        if let Some(inbound) = parts.bridges.inbound.take() {
            inbound.stop(left(deadline));
        }
        // The engine may have ended already.
        let _ = parts.stop.try_send(());
        // time: stop: limit of the whole | real | channel and tokio timer | time-outs until one deadline
        let result = match parts.ended.recv_timeout(left(deadline)) {
            Ok(result) => result,
            Err(_) => Err(ServerError::NotInTime { seconds: parts.shutdown_timeout.as_secs() }),
        };
        let result = result.map_err(|error| told_why(error, &parts.store));
        if let Some(publisher) = parts.bridges.publisher.take() {
            let target = async { tokio::time::timeout(left(deadline), parts.store.lease_rows()).await };
            let target = parts.runtime.block_on(target).map(Result::unwrap_or_default).unwrap_or_default();
            // A publisher that has not found its position yet has nobody's events but those of an earlier life.
            while now() < deadline
                && parts.phase.is_started()
                && target
                    .iter()
                    .any(|row| publisher.positions().get(&row.shard).copied().unwrap_or(0) < row.next_outbox_id - 1)
                && result.is_ok()
                && !publisher.is_finished()
            {
                parts.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
            }
            publisher.stop(left(deadline).max(PUBLISHER_GRACE));
        }
        parts.stopping.cancel();
        let closing = left(deadline).max(CLOSING_GRACE);
        let close = async {
            // Streams end with the token; a request that hangs is not waited for.
            let _ = tokio::time::timeout(REQUESTS_GRACE, parts.server).await;
            if let Err(error) = parts.store.release(&parts.lease).await {
                tracing::warn!(%error, "the lease could not be given back; the next server waits until it is stale");
            }
            parts.store.close().await;
        };
        // A time-out can only be made within the runtime.
        let closed = parts.runtime.block_on(async { tokio::time::timeout(closing, close).await });
        if closed.is_err() {
            tracing::warn!("the store does not answer any more: the lease could not be given back");
        }
        if result.is_ok() {
            // A panic in there has been logged by the hook; there is nothing to add.
            let _ = parts.engine.join();
            tracing::info!("stopped");
        }
        result
    }
}

/// Whoever has lost the lease because its files have gone was not taken over from.
fn told_why(error: ServerError, store: &Store) -> ServerError {
    match (error, store.files_gone()) {
        (ServerError::Host(HostFailure::Fenced), Some(reason)) => StoreError::LeaseLost { reason }.into(),
        (error, _) => error,
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now())
}

#[expect(clippy::disallowed_methods, reason = "stopping has a limit in wall time")]
fn now() -> Instant {
    // time: stop: the deadline | real | std::time::Instant | read when told to stop
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::named_server;

    #[test]
    fn what_is_advised_works_at_another_address() {
        assert_eq!(named_server("http://127.0.0.1:8080"), "");
        assert_eq!(named_server("http://127.0.0.1:8099"), " --server http://127.0.0.1:8099");
    }
}
