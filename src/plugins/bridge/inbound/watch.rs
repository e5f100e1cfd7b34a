//! Watching the topics: a thread that asks for their partitions, so that the reader never waits for an answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rdkafka::consumer::Consumer;

use super::source::{TickConsumer, TopicSource};
use super::{Control, Shared};
use crate::plugins::bridge::connection::missing_topic;
use crate::plugins::bridge::edge::lock;
use crate::plugins::store::InputPosition;

/// How often a cluster in trouble is asked.
const INTERVAL_IN_TROUBLE: Duration = Duration::from_secs(2);
/// How often it is asked like that when it is well again. After two such looks a partition that stands still is found.
const LOOKS_AFTER_TROUBLE: u32 = 3;
/// How long it may think.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Topic number and partition of everything that is read.
pub(super) type Assigned = Arc<Mutex<BTreeSet<(usize, i32)>>>;

/// A running watcher; ends when it is dropped.
pub(super) struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Watch {
    topics: Vec<(Arc<str>, Arc<TickConsumer>)>,
    assigned: Assigned,
    shared: Arc<Shared>,
    control: Sender<Control>,
}

impl Watcher {
    pub(super) fn start(
        sources: &[TopicSource],
        assigned: Assigned,
        shared: Arc<Shared>,
        control: Sender<Control>,
        interval: Duration,
    ) -> std::io::Result<Self> {
        let topics = sources.iter().map(|source| (source.name.clone(), source.consumer())).collect();
        let watch = Watch { topics, assigned, shared, control };
        let (stop, stopped) = bounded(0);
        let thread =
            std::thread::Builder::new().name("kafka-topics".to_owned()).spawn(move || watch.run(&stopped, interval))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends within its time-out; what it had to say has been logged.
            let _ = thread.join();
        }
    }
}

impl Watch {
    fn run(&self, stopped: &Receiver<()>, interval: Duration) {
        let mut closely: u32 = 0;
        loop {
            closely = if self.look() { closely.saturating_sub(1) } else { LOOKS_AFTER_TROUBLE };
            let wait = if closely == 0 { interval } else { INTERVAL_IN_TROUBLE.min(interval) };
            // time: reader: looking for new partitions | real | channel with time-out | interval
            match stopped.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Asks for every topic; returns whether all is well.
    fn look(&self) -> bool {
        let mut well = true;
        for (number, (name, consumer)) in self.topics.iter().enumerate() {
            if self.shared.stopping() {
                return false;
            }
            match self.look_at(number, name, consumer) {
                Ok(()) => {}
                Err(None) => well = false,
                Err(Some(complaint)) => {
                    well = false;
                    self.shared.health.complain_of_answer(complaint);
                }
            }
        }
        if well {
            self.shared.is_well();
        }
        // What may not be read is told by the reader; who grants it is not kept waiting for long.
        well && lock(&self.shared.refused).is_empty()
    }

    fn look_at(&self, number: usize, name: &str, consumer: &TickConsumer) -> Result<(), Option<String>> {
        // Why nobody answers is told by the error call-back, and better.
        let metadata = consumer.fetch_metadata(Some(name), TIMEOUT).map_err(|_| None)?;
        let told = metadata.topics().iter().find(|topic| topic.name() == name);
        let Some(topic) = told.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty()) else {
            return Err(Some(missing_topic(name, told)));
        };
        let present: BTreeSet<i32> = topic.partitions().iter().map(|partition| partition.id()).collect();
        let known: BTreeSet<i32> =
            lock(&self.assigned).iter().filter(|(topic, _)| *topic == number).map(|(_, p)| *p).collect();
        for &partition in present.difference(&known) {
            // Nothing of a new partition has been read: it is read from its start.
            let (low, _) = consumer.fetch_watermarks(name, partition, TIMEOUT).map_err(|_| None)?;
            let position = InputPosition { topic: name.to_owned(), partition, next: low };
            // A full channel: told again after the next look.
            let _ = self.control.try_send(Control::Found(position));
        }
        if let Some(lost) = known.difference(&present).next() {
            return Err(Some(format!(
                "topic {name} has no partition {lost} any more: it was made again with fewer partitions"
            )));
        }
        if let Some(partition) = topic.partitions().iter().find(|partition| partition.leader() < 0) {
            return Err(Some(format!("partition {} of {name} has no leader", partition.id())));
        }
        let mut well = true;
        for &partition in known.iter().take_while(|_| !self.shared.stopping()) {
            match consumer.fetch_watermarks(name, partition, TIMEOUT) {
                // A full channel: it is compared after the next look.
                Ok((_, end)) => {
                    let _ = self.control.try_send(Control::End { topic: number, partition, end });
                }
                Err(_) => well = false,
            }
        }
        if well { Ok(()) } else { Err(None) }
    }
}
