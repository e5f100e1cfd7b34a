//! Reading the tick topics: a thread of its own, one consumer a topic, one queue a partition.
//!
//! The reader owns no offsets: positions come from the store, are handed in, and every [`Received`] carries the
//! position after it, for the store to keep with what the record caused. What is read leaves through a bounded
//! channel; when that is full the reader stops taking from librdkafka's queues, which stop fetching in turn.
//!
//! Order within a partition is never changed. Across partitions records are merged by their heads (`merge`).

mod merge;
mod reader;
mod source;
mod start;
mod ticks;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::connection::{ClientHealth, KafkaUnavailable};
use super::edge::lock;
use super::settings::KafkaSettings;
use crate::plugins::store::InputPosition;

pub use start::{StartAt, start_positions};
pub use ticks::decode_ticks;

/// What partitions are merged by: the smaller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergeKey {
    /// Game time in microseconds.
    pub game_time_micros: i64,
    /// 0 for hourly, 1 for daily.
    pub type_order: u8,
}

/// A decoded message that can be merged.
pub trait Mergeable {
    /// Its place in time; nothing: it goes on as soon as it is the head of its partition.
    fn merge_key(&self) -> Option<MergeKey>;
    /// The world it is for; nothing: for every world.
    fn world_id(&self) -> Option<&str>;
}

/// Why a message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMessage {
    /// A short word for metrics (`not_json`, `schema`, …).
    pub class: String,
    /// What is wrong, where, and what to do.
    pub message: String,
}

/// Turns topic, key and value into a message.
pub type Decode<T> = Arc<dyn Fn(&str, Option<&[u8]>, Option<&[u8]>) -> Result<T, BadMessage> + Send + Sync>;

/// Whether messages for this world (nothing: for all) wait for their place in time: true if a world that takes its
/// time from ticks is meant.
pub type Hold = Arc<dyn Fn(Option<&str>) -> bool + Send + Sync>;

/// The bytes of a record, unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawRecord {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; nothing for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Kafka's timestamp in milliseconds, where it has one.
    pub timestamp_ms: Option<i64>,
}

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// They were deleted before they were read: the log begins later.
    Expired,
    /// The log ends before the position: the topic was truncated, or made again. Reading goes on from its start.
    Truncated,
    /// A batch was damaged and could not be read.
    Unreadable,
}

impl GapReason {
    /// A short word for history and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Truncated => "truncated",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceivedKind<T> {
    /// A message.
    Tick {
        /// The message, decoded.
        message: Box<T>,
        /// Its bytes, should it turn out to be of no use after all.
        raw: RawRecord,
    },
    /// A record that could not be decoded.
    Bad {
        /// Why not.
        error: BadMessage,
        /// Its bytes.
        raw: RawRecord,
    },
    /// The end of the partition, with everything before it handed on.
    End,
    /// Records that will never be read.
    Gap {
        /// The position that was asked for.
        from: i64,
        /// Where reading goes on.
        to: i64,
        /// Why.
        reason: GapReason,
    },
    /// The topic has a partition that is not read yet: store `next` as its position, then call
    /// [`InboundHandle::add_partitions`].
    NewPartition,
}

/// Something read from one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<T> {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The record's offset; for what is no record, the same as `next`.
    pub offset: i64,
    /// The position after it.
    pub next: i64,
    /// What it is.
    pub kind: ReceivedKind<T>,
}

/// A topic to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundTopic {
    /// Its name.
    pub name: String,
    /// The group under which offsets are committed for lag tools.
    pub group: String,
    /// Key and value together may have this size; what is larger is bad.
    pub message_bytes_max: usize,
}

/// What the reader is to do.
#[derive(Debug, Clone)]
pub struct InboundConfig {
    /// The topics, in the order in which ties go.
    pub topics: Vec<InboundTopic>,
    /// A partition of which nothing is known for this long holds nobody.
    pub merge_hold_max: Duration,
    /// The end of a partition is told at least this often.
    pub end_interval: Duration,
    /// How often the topics are asked for new partitions.
    pub metadata_interval: Duration,
    /// Whether offsets are committed to the groups, for lag tools (another service may own a group).
    pub commit_group_offsets: bool,
    /// How often they are committed at most.
    pub commit_interval: Duration,
}

impl Default for InboundConfig {
    fn default() -> Self {
        let topic = |name: &str, group: &str, message_bytes_max| InboundTopic {
            name: name.to_owned(),
            group: group.to_owned(),
            message_bytes_max,
        };
        Self {
            topics: vec![
                topic("world.tick.hourly", "economy-service-group", 131_072),
                topic("world.tick.daily", "world-simulation-group", 262_144),
            ],
            merge_hold_max: Duration::from_secs(2),
            end_interval: Duration::from_secs(60),
            metadata_interval: Duration::from_secs(30),
            commit_group_offsets: true,
            commit_interval: Duration::from_secs(5),
        }
    }
}

/// How the reader is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundStatus {
    /// Whether the brokers were reached and nothing is wrong.
    pub connected: bool,
    /// What is wrong, in words.
    pub trouble: Option<String>,
    /// Records read.
    pub records: u64,
    /// Records that could not be decoded.
    pub bad: u64,
    /// Gaps met.
    pub gaps: u64,
    /// How often a silent partition was no longer waited for.
    pub silent_partitions: u64,
    /// How often a read waited for the whole read time-out, by topic.
    pub read_timeouts: BTreeMap<String, u64>,
}

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
    group_offsets: Mutex<Option<Vec<InputPosition>>>,
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
}

/// What the reader is told while it runs.
enum Control {
    /// Read these partitions too.
    Add(Vec<InputPosition>),
    /// The watcher found a partition; its log starts here.
    Found(InputPosition),
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
            let _ = closed.recv_timeout(CLOSE_TIMEOUT);
        }
        Err(error) => tracing::warn!(%error, "consumers are closed on the spot"),
    }
}

impl InboundHandle {
    /// How the reader is doing.
    pub fn status(&self) -> InboundStatus {
        let trouble = self.shared.health.trouble();
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
        *lock(&self.shared.group_offsets) = Some(positions);
    }

    /// Stops reading and waits for the thread, but no longer than `timeout`. Returns whether it has ended.
    pub fn stop(mut self, timeout: Duration) -> bool {
        self.shared.stop.store(true, Ordering::Release);
        self.nudge();
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
