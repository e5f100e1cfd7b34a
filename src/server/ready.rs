//! What readiness depends on.

#![expect(clippy::disallowed_methods, reason = "waits of a start are wall time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::links::Bridges;
use crate::plugins::admin::{Check, Readiness};
use crate::plugins::bridge::outbound::PublisherStatus;
use crate::plugins::host::HostView;
use crate::plugins::store::{DatabaseState, LeaseState};

/// How far the start or the end has come.
#[derive(Clone)]
pub(super) struct Phase {
    started: Arc<AtomicBool>,
    stopping: CancellationToken,
    words: Arc<Mutex<String>>,
}

impl Phase {
    pub(super) fn new() -> Self {
        Self {
            started: Arc::default(),
            stopping: CancellationToken::new(),
            words: Arc::new(Mutex::new("starting".into())),
        }
    }

    /// What is being waited for.
    pub(super) fn waits(&self, words: impl Into<String>) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words.into();
    }

    pub(super) fn has_started(&self) {
        self.started.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Waits so long, or until the server is told to stop. Returns whether it is.
    pub(super) async fn stops_within(&self, wait: Duration) -> bool {
        // time: start: waiting between tries | real | tokio timer | time-out around the signal to stop
        tokio::time::timeout(wait, self.stopping.cancelled()).await.is_ok()
    }

    pub(super) fn stops(&self) {
        self.stopping.cancel();
    }

    fn check(&self) -> Check {
        let (started, stopping) = (self.is_started(), self.is_stopping());
        let detail = match (started, stopping) {
            (_, true) => "the server is stopping".to_owned(),
            (true, false) => "worlds are restored".to_owned(),
            (false, false) => self.words.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        Check { name: "server", ok: started && !stopping, detail }
    }
}

/// Everything that is asked.
pub(super) struct Sources {
    pub(super) phase: Phase,
    pub(super) view: HostView,
    pub(super) bridges: Bridges,
    pub(super) database: watch::Receiver<DatabaseState>,
    pub(super) lease: watch::Receiver<LeaseState>,
    pub(super) guarantee: &'static str,
}

impl Sources {
    pub(super) fn readiness(self) -> Readiness {
        Arc::new(move || {
            let status = self.view.status();
            let mut checks = vec![self.phase.check(), self.store(), self.lease()];
            if let Some(inbound) = self.bridges.inbound.with(|inbound| inbound.status()) {
                let detail = inbound.trouble.unwrap_or_else(|| "the tick topics are being read".into());
                checks.push(Check { name: "kafka_in", ok: inbound.connected, detail });
            }
            checks.push(publisher(&status.publisher));
            let detail = format!("{} rows wait to be published, as of commit {}", status.outbox_rows, status.commit_no);
            let detail = if status.outbox_full {
                format!(
                    "{detail}, as many as host.outbox_rows_max allows: nothing is taken in and live worlds stand still"
                )
            } else {
                detail
            };
            checks.push(Check { name: "outbox", ok: !status.outbox_full, detail });
            checks.push(Check { name: "guarantee", ok: true, detail: self.guarantee.into() });
            checks
        })
    }

    fn store(&self) -> Check {
        match &*self.database.borrow() {
            DatabaseState::Available => Check { name: "store", ok: true, detail: "it answers".into() },
            DatabaseState::Away { reason, attempts } => {
                Check { name: "store", ok: false, detail: format!("away for {attempts} tries: {reason}") }
            }
        }
    }

    fn lease(&self) -> Check {
        match &*self.lease.borrow() {
            LeaseState::Held => Check { name: "lease", ok: true, detail: "held".into() },
            LeaseState::Unconfirmed { reason } => Check { name: "lease", ok: false, detail: reason.clone() },
            LeaseState::Lost { reason } => Check { name: "lease", ok: false, detail: reason.clone() },
        }
    }
}

fn publisher(status: &PublisherStatus) -> Check {
    let (ok, detail) = match status {
        PublisherStatus::Running => (true, "publishing".to_owned()),
        PublisherStatus::Connecting => (false, "connecting".to_owned()),
        PublisherStatus::Retrying { detail }
        | PublisherStatus::Held { detail }
        | PublisherStatus::Stopped { detail } => (false, detail.clone()),
    };
    Check { name: "kafka_out", ok, detail }
}
