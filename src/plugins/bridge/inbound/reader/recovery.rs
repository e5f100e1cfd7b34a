//! What to do when a partition cannot be read where it should be.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Reader;
use crate::plugins::bridge::edge::{lock, now};
use crate::plugins::bridge::inbound::{GapReason, Mergeable, ReceivedKind};

/// How long the start and the end of a log are asked for.
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon that is tried again.
const RESET_RETRY: Duration = Duration::from_secs(1);
/// How soon what was not permitted is tried again.
const REFUSED_RETRY: Duration = Duration::from_secs(2);
/// How often a batch that cannot be read is asked for.
const DAMAGED_ATTEMPTS: u32 = 3;

impl<T: Mergeable> Reader<T> {
    /// A batch cannot be read. librdkafka asks for it again and again: what stays damaged is passed over, record by
    /// record, since nobody says where the batch ends.
    pub(super) fn damaged(&mut self, index: usize, error: &str) -> Option<()> {
        let slot = &mut self.slots[index];
        let (number, partition, from) = (slot.topic, slot.partition, slot.next);
        slot.damaged += 1;
        if slot.damaged < DAMAGED_ATTEMPTS {
            return Some(());
        }
        slot.damaged = DAMAGED_ATTEMPTS - 1;
        let source = &self.sources[number];
        match source.watermarks(partition, WATERMARK_TIMEOUT) {
            Ok((_, end)) if from < end => {}
            _ => return Some(()),
        }
        tracing::error!(topic = %source.name, partition, offset = from, error, "a tick is damaged and is passed over");
        self.shared.gaps.fetch_add(1, Ordering::Relaxed);
        if self.move_to(index, from + 1) {
            let kind = ReceivedKind::Gap { from, to: from + 1, reason: GapReason::Unreadable };
            self.tell(index, from + 1, kind)?;
        }
        Some(())
    }

    /// A partition may not be read. librdkafka says so once and then no more, whether or not it is granted meanwhile: it
    /// is asked anew every now and then.
    pub(super) fn refused(&mut self, index: usize, error: &str) {
        let slot = &mut self.slots[index];
        slot.reset_at = Some(now() + REFUSED_RETRY);
        let topic = &self.sources[slot.topic].name;
        let words = format!("topic {topic} may not be read ({error}): grant this user Read on it");
        lock(&self.shared.refused).insert((slot.topic, slot.partition), words);
    }

    /// Reads a partition from elsewhere; what was said about its end is forgotten.
    fn move_to(&mut self, index: usize, to: i64) -> bool {
        let slot = &mut self.slots[index];
        // Dropping the old queue later would silence the new one.
        slot.queue = None;
        let source = &self.sources[slot.topic];
        match source.move_to(slot.partition, to) {
            Ok(queue) => {
                (slot.queue, slot.next, slot.reset_at, slot.at_end) = (queue, to, None, false);
                self.merge.reopen(index, self.elapsed());
                true
            }
            Err(error) => {
                tracing::error!(topic = %source.name, partition = slot.partition, %error, "the partition cannot be read from {to}");
                slot.reset_at = Some(now() + RESET_RETRY);
                false
            }
        }
    }

    /// The position is refused: compares it with the log and goes on from the log's start.
    pub(super) fn look_into_position(&mut self, index: usize) -> Option<()> {
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
        if !self.move_to(index, to) {
            return Some(());
        }
        if let Some(reason) = reason {
            self.shared.gaps.fetch_add(1, Ordering::Relaxed);
            self.tell(index, to, ReceivedKind::Gap { from, to, reason })?;
        }
        Some(())
    }
}
