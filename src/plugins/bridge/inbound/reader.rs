//! The reader's thread: takes from the partitions' queues what the merge wants, hands on what the merge lets go.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::merge::{Merge, Step};
use super::source::{PartitionQueue, Polled, TopicSource};
use super::watch::{Assigned, Watcher};
use super::{
    BadMessage, Control, Decode, GapReason, Hold, InboundConfig, Mergeable, RawRecord, Received, ReceivedKind, Shared,
};
use crate::plugins::bridge::connection::KafkaUnavailable;
use crate::plugins::bridge::edge::{lock, now};
use crate::plugins::bridge::settings::KafkaSettings;
use crate::plugins::store::InputPosition;

/// librdkafka wakes the reader when something arrives; this is for what it does not tell.
const IDLE: Duration = Duration::from_millis(100);
/// Events of a consumer's own queue that are served in one round.
const SERVED_MAX: usize = 16;
/// Records that go on before the consumers are served again.
const ROUND_MAX: usize = 256;
/// How long the start and the end of a log are asked for.
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon that is tried again.
const RESET_RETRY: Duration = Duration::from_secs(1);

/// Ways in and out of the thread.
pub(super) struct Channels<T> {
    pub(super) controls: Receiver<Control>,
    pub(super) control: Sender<Control>,
    pub(super) wake: Sender<()>,
    pub(super) wakes: Receiver<()>,
    pub(super) out: Sender<Received<T>>,
}

/// One partition.
struct Slot {
    topic: usize,
    partition: i32,
    queue: Option<PartitionQueue>,
    /// The next offset that is expected.
    next: i64,
    /// The position that was handed on last.
    told: i64,
    told_at: Instant,
    /// `next` is the end of the log, as far as is known.
    at_end: bool,
    /// The position lies outside the log; to be looked into at this time.
    reset_at: Option<Instant>,
}

pub(super) struct Reader<T> {
    config: InboundConfig,
    read_timeout: Duration,
    shared: Arc<Shared>,
    channels: Channels<T>,
    decode: Decode<T>,
    hold: Hold,
    // Slots before sources: a queue must go before its consumer.
    slots: Vec<Slot>,
    watcher: Option<Watcher>,
    sources: Vec<TopicSource>,
    merge: Merge<Received<T>>,
    assigned: Assigned,
    start: Instant,
    waiting_since: Vec<Instant>,
    announcements: VecDeque<Received<T>>,
    committed_at: Instant,
    in_trouble: bool,
}

impl<T: Mergeable> Reader<T> {
    pub(super) fn new(
        settings: &KafkaSettings,
        config: InboundConfig,
        shared: Arc<Shared>,
        channels: Channels<T>,
        decode: Decode<T>,
        hold: Hold,
    ) -> Result<Self, KafkaUnavailable> {
        let mut sources = Vec::with_capacity(config.topics.len());
        for topic in &config.topics {
            sources.push(TopicSource::new(settings, topic, shared.health.clone(), channels.wake.clone())?);
        }
        let start = now();
        Ok(Self {
            read_timeout: settings.read_timeout,
            merge: Merge::new(config.merge_hold_max),
            waiting_since: vec![start; sources.len()],
            slots: Vec::new(),
            watcher: None,
            assigned: Arc::new(Mutex::new(BTreeSet::new())),
            announcements: VecDeque::new(),
            committed_at: start,
            in_trouble: false,
            config,
            shared,
            channels,
            decode,
            hold,
            sources,
            start,
        })
    }

    /// Reads these partitions too; those that are read already are left alone.
    pub(super) fn assign(&mut self, mut positions: Vec<InputPosition>) -> Result<(), KafkaUnavailable> {
        positions.sort();
        for number in 0..self.sources.len() {
            let wanted: Vec<(i32, i64)> = positions
                .iter()
                .filter(|p| *p.topic == *self.sources[number].name)
                .filter(|p| !self.slots.iter().any(|s| s.topic == number && s.partition == p.partition))
                .map(|p| (p.partition, p.next))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let queues = self.sources[number]
                .assign(&wanted)
                .map_err(|error| KafkaUnavailable::Settings(format!("{}: {error}", self.sources[number].name)))?;
            for ((partition, next), queue) in wanted.into_iter().zip(queues) {
                let told_at = now();
                self.merge.add((number, partition), self.elapsed());
                self.slots.push(Slot {
                    topic: number,
                    partition,
                    queue,
                    next,
                    told: next,
                    told_at,
                    at_end: false,
                    reset_at: None,
                });
                lock(&self.assigned).insert((number, partition));
            }
        }
        Ok(())
    }

    pub(super) fn run(&mut self) {
        let watcher = Watcher::start(
            &self.sources,
            self.assigned.clone(),
            self.shared.clone(),
            self.channels.control.clone(),
            self.config.metadata_interval,
        );
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::error!(%error, "new partitions of the tick topics will not be noticed"),
        }
        while !self.shared.stopping() {
            self.serve();
            self.obey();
            let Some(wait) = self.round() else { break };
            match self.channels.wakes.recv_timeout(wait) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // For the watcher too, should the end have come from elsewhere.
        self.shared.stop.store(true, Ordering::Release);
    }

    fn elapsed(&self) -> Duration {
        now().duration_since(self.start)
    }

    /// Call-backs, commits for lag tools, and the state of the connection.
    fn serve(&mut self) {
        for number in 0..self.sources.len() {
            for _ in 0..SERVED_MAX {
                match self.sources[number].serve() {
                    Polled::Nothing => break,
                    polled => self.on_common_queue(number, polled),
                }
            }
            if self.waiting_since[number].elapsed() >= self.read_timeout {
                self.waiting_since[number] = now();
                *lock(&self.shared.read_timeouts).entry(self.sources[number].name.to_string()).or_default() += 1;
            }
        }
        self.commit_for_lag_tools();
        self.shared.silences.store(self.merge.silences(), Ordering::Relaxed);
        let trouble = self.shared.health.trouble();
        if trouble.is_some() != self.in_trouble {
            self.in_trouble = trouble.is_some();
            match trouble {
                Some(trouble) => {
                    tracing::warn!(detail = trouble.detail, "the tick topics cannot be read just now; trying again");
                    // What was the end before may not be it any more when the brokers are back.
                    let now = self.elapsed();
                    (0..self.slots.len()).for_each(|slot| self.merge.reopen(slot, now));
                }
                None => tracing::info!("the tick topics can be read"),
            }
        }
    }

    /// Queues are split off before they are filled, so this is only for what belongs to no partition; should a record
    /// come this way all the same, it is older than anything in its own queue and takes its place.
    fn on_common_queue(&mut self, number: usize, polled: Polled) {
        let slot_of = |reader: &Self, partition| {
            reader.slots.iter().position(|slot| slot.topic == number && slot.partition == partition)
        };
        match polled {
            Polled::Record { partition, offset, raw } => {
                if let Some(index) = slot_of(self, partition) {
                    self.accept(index, offset, raw);
                }
            }
            Polled::End { partition } => {
                if let Some(index) = slot_of(self, partition) {
                    self.reached_end(index);
                }
            }
            Polled::OutOfRange => {
                let at = now();
                self.slots.iter_mut().filter(|slot| slot.topic == number).for_each(|slot| slot.reset_at = Some(at));
            }
            Polled::Damaged(error) => tracing::error!(topic = %self.sources[number].name, error, "damaged batch"),
            Polled::Nothing | Polled::Trouble => {}
        }
    }

    fn commit_for_lag_tools(&mut self) {
        let due = self.config.commit_group_offsets && self.committed_at.elapsed() >= self.config.commit_interval;
        if !due || self.in_trouble {
            return;
        }
        let Some(positions) = lock(&self.shared.group_offsets).take() else { return };
        self.committed_at = now();
        for source in &self.sources {
            let offsets = positions.iter().filter(|p| *p.topic == *source.name).map(|p| (p.partition, p.next));
            if let Err(error) = source.commit(offsets) {
                tracing::debug!(topic = %source.name, %error, "offsets for lag tools were not committed");
            }
        }
    }

    /// Orders from outside.
    fn obey(&mut self) {
        while let Ok(order) = self.channels.controls.try_recv() {
            match order {
                Control::Add(positions) => {
                    if let Err(error) = self.assign(positions) {
                        tracing::error!(%error, "new partitions cannot be read");
                    }
                }
                Control::Found(position) => {
                    let source = self.sources.iter().find(|source| *source.name == *position.topic);
                    if let (Some(source), true) = (source, self.announcements.len() < ROUND_MAX) {
                        self.announcements.push_back(Received {
                            topic: source.name.clone(),
                            partition: position.partition,
                            offset: position.next,
                            next: position.next,
                            kind: ReceivedKind::NewPartition,
                        });
                    }
                }
            }
        }
    }

    /// Fills the merge and hands on what it lets go; returns how long to wait, or nothing if nobody listens any more.
    fn round(&mut self) -> Option<Duration> {
        while let Some(announcement) = self.announcements.pop_front() {
            self.hand_on(announcement)?;
        }
        for _ in 0..ROUND_MAX {
            for slot in 0..self.slots.len() {
                self.fill(slot)?;
            }
            let present = self.elapsed();
            match self.merge.next(present) {
                Step::Take(slot, received) => {
                    let next = received.next;
                    self.hand_on(received)?;
                    self.told(slot, next);
                }
                Step::Wait(until) => {
                    for slot in 0..self.slots.len() {
                        self.tell_end(slot)?;
                    }
                    return Some(until.map_or(IDLE, |at| at.saturating_sub(present).min(IDLE)));
                }
            }
        }
        Some(Duration::ZERO)
    }

    fn told(&mut self, index: usize, next: i64) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.told = next;
            slot.told_at = now();
        }
    }

    /// Takes from a partition's queue until the merge has a head of it or the queue is empty.
    fn fill(&mut self, index: usize) -> Option<()> {
        if self.slots[index].reset_at.is_some_and(|at| at <= now()) && self.merge.wants(index) {
            self.look_into_position(index)?;
        }
        while self.merge.wants(index) {
            let Some(queue) = &self.slots[index].queue else { return Some(()) };
            match Polled::of(queue) {
                Polled::Nothing => break,
                Polled::Record { offset, raw, .. } => self.accept(index, offset, raw),
                Polled::End { .. } => self.reached_end(index),
                Polled::OutOfRange => self.slots[index].reset_at = Some(now()),
                Polled::Damaged(error) => self.damaged(index, &error)?,
                Polled::Trouble => break,
            }
        }
        Some(())
    }

    fn accept(&mut self, index: usize, offset: i64, raw: RawRecord) {
        let slot = &mut self.slots[index];
        if offset < slot.next {
            return;
        }
        slot.next = offset + 1;
        slot.at_end = false;
        let source = &self.sources[slot.topic];
        self.waiting_since[slot.topic] = now();
        self.shared.is_well();
        self.shared.records.fetch_add(1, Ordering::Relaxed);
        let decoded = check_size(&raw, source.message_bytes_max)
            .and_then(|()| (self.decode)(&source.name, raw.key.as_deref(), raw.value.as_deref()));
        let (key, kind) = match decoded {
            Ok(message) => {
                let held = (self.hold)(message.world_id());
                let key = message.merge_key().filter(|_| held);
                (key, ReceivedKind::Tick { message: Box::new(message), raw })
            }
            Err(error) => {
                self.shared.bad.fetch_add(1, Ordering::Relaxed);
                (None, ReceivedKind::Bad { error, raw })
            }
        };
        let received =
            Received { topic: source.name.clone(), partition: slot.partition, offset, next: offset + 1, kind };
        self.merge.put(index, key, received);
    }

    fn reached_end(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if let Some(position) = self.sources[slot.topic].position(slot.partition) {
            slot.next = slot.next.max(position);
        }
        slot.at_end = true;
        self.shared.is_well();
        self.merge.end(index);
    }

    /// Tells the end of a partition when it has moved, and now and then.
    fn tell_end(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        let due = slot.next > slot.told || slot.told_at.elapsed() >= self.config.end_interval;
        if !(slot.at_end && due && self.merge.wants(index)) {
            return Some(());
        }
        let next = slot.next;
        self.tell(index, next, ReceivedKind::End)
    }

    /// Hands on something that is no record; everything before it has gone on.
    fn tell(&mut self, index: usize, next: i64, kind: ReceivedKind<T>) -> Option<()> {
        let slot = &self.slots[index];
        let topic = self.sources[slot.topic].name.clone();
        self.hand_on(Received { topic, partition: slot.partition, offset: next, next, kind })?;
        self.told(index, next);
        Some(())
    }

    fn damaged(&mut self, index: usize, error: &str) -> Option<()> {
        let slot = &self.slots[index];
        let next = slot.next;
        tracing::error!(
            topic = %self.sources[slot.topic].name, partition = slot.partition, offset = next, error,
            "a batch of ticks is damaged and was passed over"
        );
        self.shared.gaps.fetch_add(1, Ordering::Relaxed);
        self.tell(index, next, ReceivedKind::Gap { from: next, to: next, reason: GapReason::Unreadable })
    }

    /// The position is refused: compares it with the log and goes on from the log's start.
    fn look_into_position(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        let (number, partition, from) = (slot.topic, slot.partition, slot.next);
        let source = &self.sources[number];
        let (low, high) = match source.watermarks(partition, WATERMARK_TIMEOUT) {
            Ok(watermarks) => watermarks,
            Err(error) => {
                tracing::warn!(topic = %source.name, partition, %error, "position {from} is refused and the log's ends are not told");
                self.slots[index].reset_at = Some(now() + RESET_RETRY);
                return Some(());
            }
        };
        let reason = match from {
            _ if from < low => Some(GapReason::Expired),
            _ if from > high => Some(GapReason::Truncated),
            _ => None,
        };
        let to = if reason.is_some() { low } else { from };
        match reason {
            Some(GapReason::Truncated) => tracing::error!(
                topic = %source.name, partition, from, to, end = high,
                "the log ends before the position: the topic was truncated or made again; reading goes on from its start"
            ),
            Some(_) => {
                tracing::warn!(topic = %source.name, partition, from, to, "ticks were deleted before they were read")
            }
            None => {}
        }
        // The old queue goes first, see `move_to`.
        self.slots[index].queue = None;
        match self.sources[number].move_to(partition, to) {
            Ok(queue) => {
                let slot = &mut self.slots[index];
                (slot.queue, slot.next, slot.reset_at, slot.at_end) = (queue, to, None, false);
            }
            Err(error) => {
                tracing::error!(topic = %self.sources[number].name, partition, %error, "the partition cannot be read from {to}");
                self.slots[index].reset_at = Some(now() + RESET_RETRY);
                return Some(());
            }
        }
        self.merge.reopen(index, self.elapsed());
        if let Some(reason) = reason {
            self.shared.gaps.fetch_add(1, Ordering::Relaxed);
            self.tell(index, to, ReceivedKind::Gap { from, to, reason })?;
        }
        Some(())
    }

    /// Sends, serving the consumers while the channel is full. Nothing: nobody listens, or the reader is to stop.
    fn hand_on(&mut self, received: Received<T>) -> Option<()> {
        let mut pending = received;
        loop {
            match self.channels.out.send_timeout(pending, IDLE) {
                Ok(()) => return Some(()),
                Err(SendTimeoutError::Timeout(back)) => pending = back,
                Err(SendTimeoutError::Disconnected(_)) => return None,
            }
            if self.shared.stopping() {
                return None;
            }
            self.serve();
        }
    }
}

fn check_size(raw: &RawRecord, message_bytes_max: usize) -> Result<(), BadMessage> {
    let size = raw.key.as_ref().map_or(0, Vec::len) + raw.value.as_ref().map_or(0, Vec::len);
    if size <= message_bytes_max {
        return Ok(());
    }
    let message = format!("key and value have {size} bytes, at most {message_bytes_max} are taken");
    Err(BadMessage { class: "too_large".to_owned(), message })
}
