//! Publishing the outbox: a thread of its own, which reads rows that are committed in the store and puts each on
//! Kafka once.
//!
//! On a real cluster a transaction holds up to 500 rows and, in the group `worldtick-<store id>`, the last outbox id
//! of each shard: both become visible together or not at all, so that the next start knows where to go on. On the
//! embedded broker, which has no transactions, rows are delivered at least once and consumers tell repetitions by
//! their event ids.
//!
//! The publisher never skips a row. What it cannot do now it tries again; what needs an operator holds the outbox,
//! with an alarm in [`PublisherStatus`]; and after an error that ends a producer it asks whether this process still
//! owns its shards before it makes another.

mod batch;
mod context;
mod position;
mod publisher;
mod session;
mod watchdog;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use uuid::Uuid;

use super::connection::KafkaUnavailable;
use super::dead_letter::reference_to;
use super::edge::lock;
use super::settings::KafkaSettings;
use crate::plugins::store::{OutboxRow, ShardId};

/// Rows in one transaction, where nothing else is said.
pub const ROWS_MAX: usize = 500;
/// Bytes in one transaction, where nothing else is said.
pub const BYTES_MAX: usize = 4_194_304;

/// Where rows come from. Called on the publisher's thread, may block.
pub trait OutboxSource: Send + 'static {
    /// The rows of a shard with an id above `id`, in order, at most `limit`.
    ///
    /// # Errors
    /// If the store does not answer now; it is asked again.
    fn rows_after(&self, shard: ShardId, id: i64, limit: usize) -> Result<Vec<OutboxRow>, OutboxUnavailable>;
}

/// The outbox cannot be read just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the outbox cannot be read: {0}")]
pub struct OutboxUnavailable(pub String);

/// What holds for what is published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guarantee {
    /// Every row once, through any crash: Kafka transactions.
    #[default]
    ExactlyOnce,
    /// Every row at least once, with a stable event id: for the embedded broker.
    AtLeastOnce,
}

/// What the publisher is to do.
#[derive(Debug, Clone)]
pub struct OutboundConfig {
    /// What holds for what is published.
    pub guarantee: Guarantee,
    /// The store's id: names the producer and the group that holds the position.
    pub store_id: Uuid,
    /// The database's mark of each shard of this process, for this cluster (or the largest of any cluster).
    pub marks: BTreeMap<ShardId, i64>,
    /// Whether the marks were made on this cluster: then a position in Kafka below one of them means that Kafka has lost
    /// what it had acknowledged, and publishing goes back to it.
    pub marks_are_of_this_cluster: bool,
    /// The last outbox id that the database ever gave out, by shard.
    pub last_assigned: BTreeMap<ShardId, i64>,
    /// The topic whose partitions stand for shards.
    pub progress_topic: String,
    /// Rows in one transaction.
    pub rows_max: usize,
    /// Bytes in one transaction.
    pub bytes_max: usize,
    /// The outbox is looked at this often even if nobody says that there is something.
    pub poll_interval: Duration,
    /// How long to wait before what needs an operator is tried again.
    pub hold_interval: Duration,
}

impl OutboundConfig {
    /// A publisher for these marks, everything else by default.
    pub fn new(store_id: Uuid, marks: BTreeMap<ShardId, i64>, last_assigned: BTreeMap<ShardId, i64>) -> Self {
        Self {
            guarantee: Guarantee::default(),
            store_id,
            marks,
            marks_are_of_this_cluster: false,
            last_assigned,
            progress_topic: "worldtick.progress".to_owned(),
            rows_max: ROWS_MAX,
            bytes_max: BYTES_MAX,
            poll_interval: Duration::from_secs(1),
            hold_interval: Duration::from_secs(5),
        }
    }

    /// The transactional id of the producer, and the group that holds its position.
    pub fn transactional_id(&self) -> String {
        format!("worldtick-{}", self.store_id)
    }
}

/// What the publisher asks back.
#[derive(Clone)]
pub struct OutboundHooks {
    /// Whether this process still owns its shards. Asked before a producer is made again; may block until the database
    /// answers.
    pub lease_still_ours: Arc<dyn Fn() -> bool + Send + Sync>,
    /// What to publish instead of a row that is too large for its topic.
    pub too_large: Arc<dyn Fn(&OutboxRow) -> OutboxRow + Send + Sync>,
}

impl Default for OutboundHooks {
    fn default() -> Self {
        Self { lease_still_ours: Arc::new(|| true), too_large: Arc::new(|row| reference_to(row, batch::KEPT_IN)) }
    }
}

/// How the publisher is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PublisherStatus {
    /// It is making its producer and reading its position.
    #[default]
    Connecting,
    /// It publishes what there is.
    Running,
    /// Something does not work just now; it tries again by itself.
    Retrying {
        /// What does not work.
        detail: String,
    },
    /// Somebody must do something; the outbox is kept until then.
    Held {
        /// What is wrong and what to do.
        detail: String,
    },
    /// It has ended.
    Stopped {
        /// Why.
        detail: String,
    },
}

/// What has been published in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The last outbox id of each shard that took part. To be written with the next commit.
    pub marks: Vec<(ShardId, i64)>,
    /// Rows by event type.
    pub counts: BTreeMap<String, u64>,
    /// The size of each row's value in bytes, by event type in the order of publishing.
    pub sizes: Vec<(String, usize)>,
    /// Bytes of all values.
    pub bytes: u64,
    /// Rows that were replaced by a reference because no broker takes them.
    pub replaced: u64,
    /// From the first send to the acknowledgement.
    pub took: Duration,
}

/// Why the publisher has ended for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublisherFatal {
    /// Another process owns the shards.
    #[error("another server has taken over this store: {0}")]
    LeaseLost(String),
    /// Kafka is ahead of the database.
    #[error(
        "Kafka is ahead of this database, which was restored from a back-up or is another one: {}. Events between the two are on the topic already. {} behind them",
        listed(.0, "; ", ToString::to_string),
        listed(.0, " and ", |ahead| format!("`worldtick outbox skip-to {} --shard {}`", ahead.committed, ahead.shard))
            + if .0.len() == 1 { " goes on" } else { " go on" }
    )]
    AheadOfStore(Vec<Ahead>),
}

/// A shard of which Kafka knows more than the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Kafka holds outbox position {committed} for shard {shard}, but the database has only given out ids up to {assigned}"
)]
pub struct Ahead {
    /// The shard.
    pub shard: ShardId,
    /// The position in Kafka.
    pub committed: i64,
    /// The database's last id.
    pub assigned: i64,
}

fn listed(ahead: &[Ahead], between: &str, word: impl Fn(&Ahead) -> String) -> String {
    ahead.iter().map(word).collect::<Vec<_>>().join(between)
}

/// News from the publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublisherEvent {
    /// It knows where it stands; publishing begins.
    Positioned {
        /// The last outbox id that is on the cluster, by shard.
        marks: BTreeMap<ShardId, i64>,
    },
    /// Rows are on the cluster.
    Published(Published),
    /// It does better or worse.
    Status(PublisherStatus),
    /// It has ended and will not start again by itself.
    Fatal(PublisherFatal),
}

/// What handle, thread and watchdog share.
struct Shared {
    last_assigned: Mutex<BTreeMap<ShardId, i64>>,
    status: Mutex<PublisherStatus>,
    positions: Mutex<BTreeMap<ShardId, i64>>,
    /// Since when the thread has been at a transaction.
    at_work_since: Mutex<Option<Instant>>,
}

impl Shared {
    /// Returns whether the status is another one than before.
    fn change_status(&self, status: &PublisherStatus) -> bool {
        let mut known = lock(&self.status);
        let changed = *known != *status;
        known.clone_from(status);
        changed
    }
}

/// A running publisher.
pub struct PublisherHandle {
    shared: Arc<Shared>,
    wake: Sender<()>,
    stop: Option<Sender<()>>,
    stopped: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Starts publishing what `source` holds beyond the marks. A cluster that is away is waited for.
///
/// `events` should be unbounded or drained without fail: the publisher waits while it is full.
///
/// # Errors
/// If the settings cannot be used or the thread cannot be started.
pub fn spawn(
    settings: &KafkaSettings,
    config: OutboundConfig,
    source: impl OutboxSource,
    hooks: OutboundHooks,
    events: Sender<PublisherEvent>,
) -> Result<PublisherHandle, KafkaUnavailable> {
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(KafkaUnavailable::Settings(problems.join("; ")));
    }
    let shared = Arc::new(Shared {
        last_assigned: Mutex::new(config.last_assigned.clone()),
        status: Mutex::new(PublisherStatus::Connecting),
        positions: Mutex::new(config.marks.clone()),
        at_work_since: Mutex::new(None),
    });
    let (wake, wakes) = bounded(1);
    let (stop, stops) = bounded(0);
    let (stopping, stopped) = bounded(1);
    watchdog::start(shared.clone(), stops.clone(), events.clone())
        .map_err(|error| KafkaUnavailable::Settings(format!("the publisher's watchdog cannot be started: {error}")))?;
    let links = publisher::Links { shared: shared.clone(), wakes, stops, events };
    let publisher = publisher::Publisher::new(settings.clone(), config, source, hooks, links);
    let thread = std::thread::Builder::new()
        .name("kafka-outbound".to_owned())
        .spawn(move || {
            publisher.run();
            // Nobody may be left to hear it.
            let _ = stopping.send(());
        })
        .map_err(|error| KafkaUnavailable::Settings(format!("the publisher's thread cannot be started: {error}")))?;
    Ok(PublisherHandle { shared, wake, stop: Some(stop), stopped, thread: Some(thread) })
}

impl PublisherHandle {
    /// Rows up to these ids are committed in the store.
    pub fn wake(&self, last_ids: &[(ShardId, i64)]) {
        {
            let mut known = lock(&self.shared.last_assigned);
            for &(shard, id) in last_ids {
                let last = known.entry(shard).or_insert(id);
                *last = id.max(*last);
            }
        }
        // A full channel means that it is being woken already.
        let _ = self.wake.try_send(());
    }

    /// How it is doing.
    pub fn status(&self) -> PublisherStatus {
        lock(&self.shared.status).clone()
    }

    /// The last outbox id that is known to be on the cluster, by shard.
    pub fn positions(&self) -> BTreeMap<ShardId, i64> {
        lock(&self.shared.positions).clone()
    }

    /// Stops after what is being published, but waits no longer than `timeout`. Returns whether the thread has ended.
    /// What is not published stays in the outbox.
    pub fn stop(mut self, timeout: Duration) -> bool {
        self.signal();
        // time: publisher: stopping | real | channel with time-out | time-out
        let ended = self.stopped.recv_timeout(timeout).is_ok();
        if let (true, Some(thread)) = (ended, self.thread.take()) {
            // A panic in there has been logged by the hook; there is nothing to add.
            let _ = thread.join();
        }
        ended
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn signal(&mut self) {
        drop(self.stop.take());
        let _ = self.wake.try_send(());
    }
}

impl Drop for PublisherHandle {
    fn drop(&mut self) {
        self.signal();
    }
}
