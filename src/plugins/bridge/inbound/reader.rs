//! The reader's thread: takes from the partitions' queues what the merge wants, hands on what the merge lets go.

mod recovery;
mod serve;
mod stalled;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use self::stalled::Looks;
use super::merge::{Merge, Step};
use super::source::{PartitionQueue, Polled, TopicSource};
use super::watch::{Assigned, Watcher};
use super::{BadMessage, Control, Decode, Hold, InboundConfig, Mergeable, RawRecord, Received, ReceivedKind, Shared};
use crate::plugins::bridge::connection::KafkaUnavailable;
use crate::plugins::bridge::edge::{lock, now};
use crate::plugins::bridge::settings::KafkaSettings;
use crate::plugins::store::InputPosition;

/// librdkafka wakes the reader when something arrives; this is for what it does not tell.
const IDLE: Duration = Duration::from_millis(100);
/// Records that go on before the consumers are served again.
const ROUND_MAX: usize = 256;

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
    /// How often in a row the batch at `next` could not be read.
    damaged: u32,
    looks: Looks,
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
    /// Whether it has been told that the group of a topic may not be used.
    groups_refused: Vec<bool>,
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
            groups_refused: vec![false; sources.len()],
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
                self.merge.add((number, partition), self.elapsed(), self.config.topics[number].merged);
                self.slots.push(Slot {
                    topic: number,
                    partition,
                    queue,
                    next,
                    told: next,
                    told_at,
                    at_end: false,
                    reset_at: None,
                    damaged: 0,
                    looks: Looks::default(),
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
            if self.obey().is_none() {
                break;
            }
            let Some(wait) = self.round() else { break };
            // time: reader: polling, holding partitions back | real | channel with time-out | woken by records, otherwise the nearest limit
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

    /// Orders from outside. Nothing: nobody listens any more.
    fn obey(&mut self) -> Option<()> {
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
                Control::End { topic, partition, end } => self.compare(topic, partition, end)?,
            }
        }
        Some(())
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
                Polled::Refused(error) => {
                    self.refused(index, &error);
                    break;
                }
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
        slot.damaged = 0;
        lock(&self.shared.refused).remove(&(slot.topic, slot.partition));
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
                (key, ReceivedKind::Message { message: Box::new(message), raw })
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
        lock(&self.shared.refused).remove(&(slot.topic, slot.partition));
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
