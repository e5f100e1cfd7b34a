//! Serving the consumers: their call-backs, what they commit for lag tools, and how the connection is.

use std::sync::atomic::Ordering;

use super::Reader;
use crate::plugins::bridge::edge::{lock, now};
use crate::plugins::bridge::inbound::Mergeable;
use crate::plugins::bridge::inbound::source::Polled;

/// Events of a consumer's own queue that are served in one round.
const SERVED_MAX: usize = 16;

impl<T: Mergeable> Reader<T> {
    /// Call-backs, commits for lag tools, and the state of the connection.
    pub(super) fn serve(&mut self) {
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
        let trouble = self.shared.trouble();
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
            // Only lag tools need the group: the positions that count are in the store.
            Polled::Refused(error) if !self.groups_refused[number] => {
                self.groups_refused[number] = true;
                let topic = &self.config.topics[number];
                tracing::warn!(
                    topic = topic.name,
                    group = topic.group,
                    error,
                    "offsets for lag tools cannot be committed: grant this user Read on the group, or set kafka.commit_group_offsets = false"
                );
            }
            Polled::Nothing | Polled::Refused(_) | Polled::Trouble => {}
        }
    }

    fn commit_for_lag_tools(&mut self) {
        let due = self.config.commit_group_offsets && self.committed_at.elapsed() >= self.config.commit_interval;
        if !due || self.in_trouble {
            return;
        }
        let positions = std::mem::take(&mut *lock(&self.shared.group_offsets));
        if positions.is_empty() {
            return;
        }
        self.committed_at = now();
        for source in &self.sources {
            let of_topic = positions.iter().filter(|((topic, _), _)| **topic == *source.name);
            let offsets = of_topic.map(|((_, partition), next)| (*partition, *next));
            if let Err(error) = source.commit(offsets) {
                tracing::debug!(topic = %source.name, %error, "offsets for lag tools were not committed");
            }
        }
    }
}
