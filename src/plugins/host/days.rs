//! Log lines of a day's diplomacy and crowd: once when the commit with its events is durable, once when they are published.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use crate::messages::diplomacy::DiplomacySummary;
use crate::messages::{EventRecord, SimulationEvent};
use crate::plugins::store::ShardId;

/// Lines that may wait until their events are published; while a broker is away the oldest go unwritten.
const WAITING_MAX: usize = 1_000;

/// What a world's day came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DayLine {
    shard: ShardId,
    /// The last of its events in the outbox.
    outbox_id: i64,
    own: bool,
    world_id: String,
    tick_id: Uuid,
    relations: u64,
    state_changes: u64,
    diplomacy: usize,
    crowd: usize,
}

impl DayLine {
    /// The line of these events of one input, if a day was summed up among them.
    pub(super) fn of(events: &[EventRecord], shard: ShardId, outbox_id: i64, own: bool) -> Option<Self> {
        let summary = events.iter().rfind(|event| event.event_type == DiplomacySummary::EVENT_TYPE)?;
        let number = |name: &str| summary.payload.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let from = |source: &str| events.iter().filter(|event| event.source == source).count();
        Some(Self {
            shard,
            outbox_id,
            own,
            world_id: summary.world_id.to_string(),
            tick_id: summary.tick_id.unwrap_or_default(),
            relations: number("relations"),
            state_changes: number("changes"),
            diplomacy: from(DiplomacySummary::SOURCE),
            crowd: from("world.crowd"),
        })
    }

    fn generated(&self) {
        let Self { world_id, tick_id, relations, state_changes, .. } = self;
        if self.own {
            tracing::debug!(world_id, %tick_id, relations, state_changes, "Generated diplomacy evaluation");
        } else {
            tracing::info!(world_id, %tick_id, relations, state_changes, "Generated diplomacy evaluation");
        }
    }

    fn published(&self) {
        let Self { world_id, tick_id, diplomacy, crowd, .. } = self;
        let events = diplomacy + crowd;
        if self.own {
            tracing::debug!(world_id, %tick_id, events, diplomacy, crowd, "Published simulation events");
        } else {
            tracing::info!(world_id, %tick_id, events, diplomacy, crowd, "Published simulation events");
        }
    }
}

/// Days whose events are durable and not known to be published.
#[derive(Debug, Default)]
pub(super) struct Days {
    waiting: BTreeMap<ShardId, VecDeque<DayLine>>,
}

impl Days {
    /// A commit with these days is durable.
    pub(super) fn generated(&mut self, lines: Vec<DayLine>) {
        for line in lines {
            line.generated();
            let waiting = self.waiting.entry(line.shard).or_default();
            if waiting.len() >= WAITING_MAX {
                waiting.pop_front();
            }
            waiting.push_back(line);
        }
    }

    /// Everything of this shard up to this outbox id is on Kafka.
    pub(super) fn published(&mut self, shard: ShardId, id: i64) {
        let Some(waiting) = self.waiting.get_mut(&shard) else { return };
        while let Some(line) = waiting.pop_front_if(|line| line.outbox_id <= id) {
            line.published();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_wait_for_the_last_of_their_events_and_never_without_end() {
        let mut days = Days::default();
        let line = |outbox_id| DayLine { outbox_id, ..DayLine::default() };
        days.generated(vec![line(3), line(7)]);
        let left = |days: &Days| days.waiting.get(&0).map_or(0, VecDeque::len);
        days.published(0, 2);
        assert_eq!(left(&days), 2);
        days.published(0, 6);
        assert_eq!(left(&days), 1);
        days.generated((0..2_000).map(line).collect());
        assert_eq!(left(&days), WAITING_MAX);
    }
}
