//! The publisher's thread: batch after batch, and what to do when one fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError};

use super::batch::{Batch, Collector, Oversized};
use super::session::{Failure, Session};
use super::{
    Guarantee, OutboundConfig, OutboundHooks, OutboxSource, PublisherEvent, PublisherFatal, PublisherStatus, Shared,
};
use crate::plugins::bridge::edge::{lock, now};
use crate::plugins::bridge::settings::KafkaSettings;
use crate::plugins::store::ShardId;

const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// Producers in a row that may fail for good before it is a matter for an operator.
const FATALS_MAX: u32 = 3;
/// Most that the brokers are given to settle a transaction before the next begins.
const SETTLE_MAX: Duration = Duration::from_millis(10);
/// While the receiver of events is slow, stopping is looked at this often.
const EVENT_WAIT: Duration = Duration::from_millis(100);

/// Ways in and out of the thread.
pub(super) struct Links {
    pub(super) shared: Arc<Shared>,
    pub(super) wakes: Receiver<()>,
    pub(super) stops: Receiver<()>,
    pub(super) events: Sender<PublisherEvent>,
}

pub(super) struct Publisher<S> {
    settings: KafkaSettings,
    pub(super) config: OutboundConfig,
    source: S,
    hooks: OutboundHooks,
    pub(super) links: Links,
    pub(super) session: Option<Session>,
    /// Whether a producer has been made before: then another one needs the lease.
    had_session: bool,
    /// Whether it has once compared its position with what the database had given out when it began.
    pub(super) had_position: bool,
    /// Whether a transaction has failed since the position was read: what came before it may be lost with it.
    pub(super) doubtful: bool,
    /// Producers in a row that failed for good.
    fatals: u32,
    pub(super) positions: BTreeMap<ShardId, i64>,
    collector: Collector,
    oversized: Oversized,
    back_off: Duration,
    swept_at: Option<Instant>,
}

/// What the thread does next.
pub(super) enum Next {
    Go,
    Wait(Duration),
    End(Option<PublisherFatal>),
}

/// How long to leave the brokers alone after a transaction that took so long.
///
/// A commit is acknowledged before its markers are written. A transaction that begins until then is turned away
/// (`CONCURRENT_TRANSACTIONS`), and the client asks again 20 ms later. The markers take a part of what all the steps of a
/// transaction take; waiting half of it costs less than being turned away, and what is committed meanwhile comes along.
fn settle(took: Duration) -> Duration {
    (took / 2).min(SETTLE_MAX)
}

impl<S: OutboxSource> Publisher<S> {
    pub(super) fn new(
        settings: KafkaSettings,
        config: OutboundConfig,
        source: S,
        hooks: OutboundHooks,
        links: Links,
    ) -> Self {
        Self {
            collector: Collector::new(&config),
            positions: config.marks.clone(),
            settings,
            config,
            source,
            hooks,
            links,
            session: None,
            had_session: false,
            had_position: false,
            doubtful: false,
            fatals: 0,
            oversized: Oversized::default(),
            back_off: BACK_OFF_MIN,
            swept_at: None,
        }
    }

    pub(super) fn run(mut self) {
        let fatal = loop {
            if self.stopping() {
                break None;
            }
            match self.step() {
                Next::Go => {}
                // time: publisher: trying again | real | channel with time-out | back-off, doubling
                Next::Wait(delay) => match self.links.stops.recv_timeout(delay) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break None,
                },
                Next::End(fatal) => break fatal,
            }
        };
        self.session = None;
        let detail = fatal.as_ref().map_or_else(|| "asked to stop".to_owned(), ToString::to_string);
        *lock(&self.links.shared.status) = PublisherStatus::Stopped { detail };
        if let Some(fatal) = fatal {
            tracing::error!(error = %fatal, "publishing has ended");
            self.tell(PublisherEvent::Fatal(fatal));
        }
    }

    fn step(&mut self) -> Next {
        if self.session.is_none() {
            return self.connect();
        }
        if self.doubtful || self.session.as_ref().is_some_and(Session::has_trouble) {
            return self.look_again();
        }
        let batch = match self.collect() {
            Ok(batch) => batch,
            Err(next) => return next,
        };
        if batch.rows.is_empty() {
            return self.rest();
        }
        let start = now();
        let Some(session) = &self.session else { return Next::Go };
        *lock(&self.links.shared.at_work_since) = Some(start);
        let outcome = session.publish(&batch, &|detail| self.set_status(PublisherStatus::Retrying { detail }));
        *lock(&self.links.shared.at_work_since) = None;
        match outcome {
            Ok(()) => self.succeed(&batch, start),
            Err(failure) => self.fail(&batch, failure),
        }
    }

    /// Makes a producer and finds out where it stands.
    fn connect(&mut self) -> Next {
        if self.had_session && !(self.hooks.lease_still_ours)() {
            return Next::End(Some(PublisherFatal::LeaseLost("the lease is no longer ours".to_owned())));
        }
        let session = match Session::open(&self.settings, &self.config, self.links.stops.clone()) {
            Ok(session) => session,
            Err(error) => return self.hold(error.to_string()),
        };
        let waits = |detail| self.set_status(PublisherStatus::Retrying { detail });
        if let Err(failure) = session.begin(&waits) {
            return self.unpositioned(failure);
        }
        if let Err(next) = self.find_position(&session) {
            return next;
        }
        session.is_well();
        self.session = Some(session);
        self.had_session = true;
        self.had_position = true;
        self.remember_positions();
        self.set_status(PublisherStatus::Running);
        self.tell(PublisherEvent::Positioned { marks: self.positions.clone() });
        Next::Go
    }

    fn collect(&mut self) -> Result<Batch, Next> {
        let sweep = self.swept_at.is_none_or(|at| at.elapsed() >= self.config.poll_interval);
        let known = lock(&self.links.shared.last_assigned).clone();
        let collected = self.collector.collect(&self.source, &self.positions, &known, sweep, &self.oversized);
        if sweep {
            self.swept_at = Some(now());
        }
        collected.map_err(|error| self.retry(error.to_string()))
    }

    /// The rows beyond other positions.
    pub(super) fn collect_from(&mut self, positions: &BTreeMap<ShardId, i64>) -> Result<Batch, Next> {
        let known = lock(&self.links.shared.last_assigned).clone();
        let collected = self.collector.collect(&self.source, positions, &known, true, &self.oversized);
        collected.map_err(|error| self.retry(error.to_string()))
    }

    /// Waits until there may be something to publish.
    fn rest(&mut self) -> Next {
        if let Some(session) = &self.session {
            session.idle();
        }
        self.set_status(PublisherStatus::Running);
        // time: publisher: looking for rows | real | channel with time-out | woken by commits, otherwise an interval
        match self.links.wakes.recv_timeout(self.config.poll_interval) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => Next::Go,
            Err(RecvTimeoutError::Disconnected) => Next::End(None),
        }
    }

    fn succeed(&mut self, batch: &Batch, start: Instant) -> Next {
        self.positions.extend(batch.marks());
        self.remember_positions();
        let mut published = batch.published(self.oversized.forget(batch));
        published.took = start.elapsed();
        self.back_off = BACK_OFF_MIN;
        self.fatals = 0;
        if let Some(session) = &self.session {
            // Brokers that went and came back meanwhile may have lost what came before.
            self.doubtful = session.has_trouble();
            session.is_well();
        }
        self.set_status(PublisherStatus::Running);
        let took = published.took;
        self.tell(PublisherEvent::Published(published));
        match self.config.guarantee {
            Guarantee::ExactlyOnce => Next::Wait(settle(took)),
            Guarantee::AtLeastOnce => Next::Go,
        }
    }

    fn fail(&mut self, batch: &Batch, failure: Failure) -> Next {
        match failure {
            Failure::Again(detail) => {
                self.doubtful = true;
                self.retry(detail)
            }
            Failure::TooLarge { indices, certain } => {
                self.doubtful = true;
                self.note_too_large(batch, &indices, certain).unwrap_or(Next::Go)
            }
            Failure::Held(detail) | Failure::Hanging(detail) => {
                self.session = None;
                self.hold(detail)
            }
            Failure::Unknown(detail) => {
                self.session = None;
                self.retry(format!("the outcome of a transaction is unknown: {detail}"))
            }
            Failure::Fatal(detail) => self.give_up(detail),
            Failure::Stopped => Next::Go,
        }
    }

    /// Learns from rows that were refused for their size; what to do if nothing smaller can stand for one.
    pub(super) fn note_too_large(&mut self, batch: &Batch, indices: &[usize], certain: bool) -> Option<Next> {
        let row = self.oversized.note(batch, indices, certain, &*self.hooks.too_large)?;
        let topic = row.topic;
        Some(self.hold(format!(
            "topic {topic} takes not even a reference to a record that is too large: raise its max.message.bytes"
        )))
    }

    /// The producer is at its end, because another server has taken over, because we stalled, or because the brokers
    /// were away for longer than a transaction may last. The lease tells: while it is ours another producer goes on; if
    /// that fails as well, with an alarm.
    pub(super) fn give_up(&mut self, detail: String) -> Next {
        self.session = None;
        self.had_session = true;
        if !(self.hooks.lease_still_ours)() {
            return Next::End(Some(PublisherFatal::LeaseLost(detail)));
        }
        self.fatals += 1;
        let detail = format!("the producer has failed and is made anew: {detail}");
        if self.fatals < FATALS_MAX { self.retry(detail) } else { self.hold(detail) }
    }

    pub(super) fn retry(&mut self, detail: String) -> Next {
        tracing::debug!(detail, "publishing is tried again");
        self.set_status(PublisherStatus::Retrying { detail });
        let delay = self.back_off;
        self.back_off = (self.back_off * 2).min(BACK_OFF_MAX);
        Next::Wait(delay)
    }

    pub(super) fn hold(&mut self, detail: String) -> Next {
        self.set_status(PublisherStatus::Held { detail });
        Next::Wait(self.config.hold_interval)
    }

    pub(super) fn remember_positions(&self) {
        lock(&self.links.shared.positions).clone_from(&self.positions);
    }

    pub(super) fn set_status(&self, status: PublisherStatus) {
        if !self.links.shared.change_status(&status) {
            return;
        }
        match &status {
            PublisherStatus::Held { detail } => tracing::error!(detail, "the outbox is held"),
            PublisherStatus::Retrying { detail } => {
                tracing::warn!(detail, "publishing does not work just now; trying again")
            }
            _ => tracing::info!(?status, "publishing"),
        }
        self.tell(PublisherEvent::Status(status));
    }

    fn tell(&self, event: PublisherEvent) {
        let mut pending = event;
        loop {
            match self.links.events.send_timeout(pending, EVENT_WAIT) {
                Ok(()) | Err(SendTimeoutError::Disconnected(_)) => return,
                Err(SendTimeoutError::Timeout(back)) => pending = back,
            }
            if self.stopping() {
                return;
            }
        }
    }

    fn stopping(&self) -> bool {
        matches!(self.links.stops.try_recv(), Err(TryRecvError::Disconnected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_follows_the_transaction_and_stays_below_the_clients_own() {
        assert_eq!(settle(Duration::from_millis(12)), Duration::from_millis(6));
        assert_eq!(settle(Duration::ZERO), Duration::ZERO);
        assert_eq!(settle(Duration::from_secs(3)), SETTLE_MAX);
        assert!(SETTLE_MAX < Duration::from_millis(20), "longer would cost more than being turned away");
    }
}
