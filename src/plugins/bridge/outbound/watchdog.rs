//! Telling that the publisher is stuck: a thread that only looks at the clock.
//!
//! While the coordinator of the group is away, librdkafka's call that adds positions to a transaction does not come
//! back, whatever its time-out says. Nothing is lost by waiting, but somebody has to say so.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{PublisherEvent, PublisherStatus, Shared};
use crate::plugins::bridge::edge::lock;

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// A transaction that takes this long is worth a word.
const PATIENCE: Duration = Duration::from_secs(4);

/// Starts watching; ends with the publisher.
pub(super) fn start(shared: Arc<Shared>, stops: Receiver<()>, events: Sender<PublisherEvent>) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("kafka-watchdog".to_owned())
        .spawn(move || {
            // time: publisher: noticing that it hangs | real | channel with time-out | interval
            while stops.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if matches!(*lock(&shared.status), PublisherStatus::Stopped { .. }) {
                    return;
                }
                look(&shared, &events);
            }
        })
        .map(drop)
}

fn look(shared: &Shared, events: &Sender<PublisherEvent>) {
    let stuck = lock(&shared.at_work_since).is_some_and(|since| since.elapsed() >= PATIENCE);
    if !stuck || *lock(&shared.status) != PublisherStatus::Running {
        return;
    }
    let status =
        PublisherStatus::Retrying { detail: "the brokers do not take a transaction; it is waited for".to_owned() };
    if shared.change_status(&status) {
        tracing::warn!("the brokers do not take a transaction; it is waited for");
        // The status can be asked for too, should nobody listen just now.
        let _ = events.try_send(PublisherEvent::Status(status));
    }
}
