//! What is read, and what it must offer to be merged.

use std::sync::Arc;

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
    /// A record was damaged and could not be read.
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
    Message {
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
    /// The topic has a partition that is not read yet, told now and then until it is: store `next` as its position, then call
    /// [`InboundHandle::add_partitions`](super::InboundHandle::add_partitions).
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
