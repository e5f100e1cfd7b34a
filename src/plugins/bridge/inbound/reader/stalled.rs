//! Partitions that stand still though there is something to read.
//!
//! librdkafka may stop fetching a partition for good when its leader has changed or come back, without a word
//! (<https://github.com/confluentinc/librdkafka/issues/4492>). What helps is to assign the partition anew.

use super::Reader;
use crate::plugins::bridge::edge::now;
use crate::plugins::bridge::inbound::Mergeable;

/// Looks at one partition from outside.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The next offset that was expected at the last look, and where the log ended then.
    last: Option<(i64, i64)>,
}

impl Looks {
    /// Whether what could be read at the last look has not been read since.
    fn stands_still(&mut self, next: i64, end: i64) -> bool {
        self.last.replace((next, end)).is_some_and(|(before, end)| before == next && before < end)
    }
}

impl<T: Mergeable> Reader<T> {
    /// Compares a partition's position with the end that somebody else has seen. One that stands still from one look to
    /// the next is read anew from where it is.
    pub(super) fn compare(&mut self, topic: usize, partition: i32, end: i64) -> Option<()> {
        let found = self.slots.iter().position(|slot| slot.topic == topic && slot.partition == partition);
        let Some(index) = found else { return Some(()) };
        // What waits in the queue has been read: nobody had asked for it.
        self.fill(index)?;
        let wanted = self.merge.wants(index);
        let slot = &mut self.slots[index];
        if slot.looks.stands_still(slot.next, end) && wanted && slot.reset_at.is_none() {
            let topic = &self.sources[slot.topic].name;
            tracing::warn!(%topic, partition, position = slot.next, end, "a partition is not read on, and is read anew");
            slot.reset_at = Some(now());
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_there_at_the_last_look_can_have_been_missed() {
        let mut looks = Looks::default();
        assert!(!looks.stands_still(5, 9), "it has only just been seen");
        assert!(!looks.stands_still(7, 9), "it moves");
        assert!(looks.stands_still(7, 9));
        assert!(!looks.stands_still(9, 9));
        assert!(!looks.stands_still(9, 12), "this came a moment ago");
        assert!(looks.stands_still(9, 12));
    }
}
