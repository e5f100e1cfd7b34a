//! Reading the topics of ticks and commands: a thread of its own, one consumer a topic, one queue a partition.
//!
//! The reader owns no offsets: positions come from the store, are handed in, and every [`Received`] carries the
//! position after it, for the store to keep with what the record caused. What is read leaves through a bounded
//! channel; when that is full the reader stops taking from librdkafka's queues, which stop fetching in turn.
//!
//! Order within a partition is never changed. Across partitions records are merged by their heads (`merge`).

mod config;
mod merge;
mod messages;
mod reader;
mod received;
mod source;
mod start;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::connection::{ClientHealth, ClientTrouble, KafkaUnavailable};
use super::edge::lock;
use super::settings::KafkaSettings;
use crate::plugins::store::InputPosition;

pub use config::{InboundConfig, InboundStatus, InboundTopic};
pub use messages::{Inbound, decode_all, decode_ticks};
pub use received::{BadMessage, Decode, GapReason, Hold, MergeKey, Mergeable, RawRecord, Received, ReceivedKind};
pub use start::{StartAt, partitions, start_positions};

/// What reader, watcher and handle share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    reached: AtomicBool,
    records: AtomicU64,
    bad: AtomicU64,
    gaps: AtomicU64,
    silences: AtomicU64,
    read_timeouts: Mutex<BTreeMap<String, u64>>,
    group_offsets: Mutex<BTreeMap<(String, i32), i64>>,
    /// What may not be read, in words, by topic number and partition.
    refused: Mutex<BTreeMap<(usize, i32), String>>,
    health: ClientHealth,
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn is_well(&self) {
        self.reached.store(true, Ordering::Release);
        self.health.is_well();
    }

    /// What is wrong: with the connection, or else with a partition that may not be read.
    fn trouble(&self) -> Option<ClientTrouble> {
        let refused = || {
            let detail = lock(&self.refused).values().next()?.clone();
            Some(ClientTrouble { authentication: false, answered: true, detail })
        };
        self.health.trouble().or_else(refused)
    }
}

/// What the reader is told while it runs.
enum Control {
    /// Read these partitions too.
    Add(Vec<InputPosition>),
    /// The watcher found a partition; its log starts here.
    Found(InputPosition),
    /// The watcher saw that a partition of this topic number can be read up to here.
    End { topic: usize, partition: i32, end: i64 },
}

/// How long closing the consumers may keep a server from stopping.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A running reader.
pub struct InboundHandle {
    shared: Arc<Shared>,
    control: Sender<Control>,
    wake: Sender<()>,
    stopped: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    settings: KafkaSettings,
}

/// Starts reading at `positions`, which the store holds already, and hands on what is read through `out`.
///
/// Partitions of the topics that have no position are told as [`ReceivedKind::NewPartition`]. A cluster that is away
/// is waited for.
///
/// # Errors
/// If the settings cannot be used or the thread cannot be started.
pub fn spawn<T: Mergeable + Send + 'static>(
    settings: &KafkaSettings,
    config: InboundConfig,
    positions: Vec<InputPosition>,
    decode: Decode<T>,
    hold: Hold,
    out: Sender<Received<T>>,
) -> Result<InboundHandle, KafkaUnavailable> {
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(KafkaUnavailable::Settings(problems.join("; ")));
    }
    let shared = Arc::new(Shared::default());
    let (control, controls) = bounded(256);
    let (wake, wakes) = bounded(1);
    let (stopping, stopped) = bounded(1);
    let mut reader = reader::Reader::new(
        settings,
        config,
        shared.clone(),
        reader::Channels { controls, control: control.clone(), wake: wake.clone(), wakes, out },
        decode,
        hold,
    )?;
    reader.assign(positions)?;
    let thread = std::thread::Builder::new()
        .name("kafka-inbound".to_owned())
        .spawn(move || {
            reader.run();
            close(reader);
            // Nobody may be left to hear it.
            let _ = stopping.send(());
        })
        .map_err(|error| KafkaUnavailable::Settings(format!("the reader's thread cannot be started: {error}")))?;
    Ok(InboundHandle { shared, control, wake, stopped, thread: Some(thread), settings: settings.clone() })
}

/// Drops the reader's consumers, but waits for that only a little: with a commit under way and no broker, librdkafka
/// takes most of a minute to let go.
fn close<T: Send + 'static>(reader: reader::Reader<T>) {
    let (closing, closed) = bounded::<()>(0);
    let closer = std::thread::Builder::new().name("kafka-closing".to_owned()).spawn(move || {
        drop(reader);
        drop(closing);
    });
    match closer {
        Ok(_) => {
            // Ends when the other side is dropped, or with the time-out.
            // time: reader: closing its client | real | channel with time-out | time-out
            let _ = closed.recv_timeout(CLOSE_TIMEOUT);
        }
        Err(error) => tracing::warn!(%error, "consumers are closed on the spot"),
    }
}

impl InboundHandle {
    /// How the reader is doing.
    pub fn status(&self) -> InboundStatus {
        let trouble = self.shared.trouble();
        let words = trouble
            .as_ref()
            .map(|t| KafkaUnavailable::from_trouble(&self.settings, t, self.settings.read_timeout).to_string());
        InboundStatus {
            connected: self.shared.reached.load(Ordering::Acquire) && trouble.is_none(),
            trouble: words,
            records: self.shared.records.load(Ordering::Relaxed),
            bad: self.shared.bad.load(Ordering::Relaxed),
            gaps: self.shared.gaps.load(Ordering::Relaxed),
            silent_partitions: self.shared.silences.load(Ordering::Relaxed),
            read_timeouts: lock(&self.shared.read_timeouts).clone(),
        }
    }

    /// Reads these partitions too, from now on. Returns false if the reader is too far behind with its orders; the
    /// partitions are told again after the next look at the topics.
    pub fn add_partitions(&self, positions: Vec<InputPosition>) -> bool {
        let sent = match self.control.try_send(Control::Add(positions)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        };
        self.nudge();
        sent
    }

    /// Hands over the positions that are in the store now, to be committed for lag tools when convenient.
    pub fn commit_group_offsets(&self, positions: Vec<InputPosition>) {
        // One commit does not name every partition: what an earlier one said of the others still waits.
        let named = positions.into_iter().map(|position| ((position.topic, position.partition), position.next));
        lock(&self.shared.group_offsets).extend(named);
    }

    /// Stops reading and waits for the thread, but no longer than `timeout`. Returns whether it has ended.
    pub fn stop(mut self, timeout: Duration) -> bool {
        self.shared.stop.store(true, Ordering::Release);
        self.nudge();
        // time: reader: stopping | real | channel with time-out | time-out
        let ended = self.stopped.recv_timeout(timeout).is_ok();
        if let (true, Some(thread)) = (ended, self.thread.take()) {
            // A panic in there has been logged by the hook; there is nothing to add.
            let _ = thread.join();
        }
        ended
    }

    /// Whether the thread has ended, by itself or because nobody receives any more.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn nudge(&self) {
        // A full channel means that a nudge is under way already.
        let _ = self.wake.try_send(());
    }
}

impl Drop for InboundHandle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.nudge();
    }
}
