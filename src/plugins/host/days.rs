//! Log lines of a day's diplomacy and crowd: once when the commit with its events is durable, once when they are published.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use crate::components::ids::WorldId;
use crate::messages::crowd::PopulationMovement;
use crate::messages::diplomacy::DiplomacySummary;
use crate::messages::{EventRecord, Input, SimulationEvent, TickType};
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
    /// Relations and changes of their states, where there are factions.
    evaluated: Option<(u64, u64)>,
    diplomacy: usize,
    crowd: usize,
}

impl DayLine {
    /// The line of these events of an input, if it is a daily tick and the world has told anything of its day.
    pub(super) fn of(
        world: &WorldId,
        input: &Input,
        events: &[EventRecord],
        (shard, outbox_id): (ShardId, i64),
        own: bool,
    ) -> Option<Self> {
        let Input::Tick(tick) = input else { return None };
        let summary = events.iter().rfind(|event| event.event_type == DiplomacySummary::EVENT_TYPE);
        let evaluated = summary.map(|summary| {
            let number = |name: &str| summary.payload.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
            (number("relations"), number("changes"))
        });
        let from = |source: &str| events.iter().filter(|event| event.source == source).count();
        let (diplomacy, crowd) = (from(DiplomacySummary::SOURCE), from(PopulationMovement::SOURCE));
        (tick.tick_type == TickType::Daily && diplomacy + crowd > 0).then(|| Self {
            shard,
            outbox_id,
            own,
            world_id: world.to_string(),
            tick_id: tick.tick_id,
            evaluated,
            diplomacy,
            crowd,
        })
    }

    fn generated(&self) {
        let Self { world_id, tick_id, evaluated: Some((relations, state_changes)), .. } = self else { return };
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
    use crate::messages::TickInput;

    #[test]
    fn a_day_is_one_of_a_daily_tick_with_or_without_factions() {
        let world = WorldId::new("w").expect("an id");
        let tick = |tick_type| {
            let game_time = "2077-01-02T00:00:00Z".parse().expect("a time");
            Input::Tick(TickInput { tick_id: Uuid::from_u128(7), tick_type, game_time })
        };
        let event = |event_type: &'static str, source: &'static str| EventRecord {
            event_id: Uuid::nil(),
            event_type,
            source,
            version: "1.0.0",
            timestamp: "2077-01-02T00:00:00Z".parse().expect("a time"),
            world_id: world.clone(),
            tick_id: None,
            key: String::new(),
            payload: serde_json::json!({"relations": 21, "changes": 3}).as_object().expect("an object").clone(),
        };
        let crowd = event("simulation.event.agent_action", PopulationMovement::SOURCE);
        let summary = event(DiplomacySummary::EVENT_TYPE, DiplomacySummary::SOURCE);
        let of = |tick_type, events: &[EventRecord]| DayLine::of(&world, &tick(tick_type), events, (0, 9), false);
        let both = of(TickType::Daily, &[crowd.clone(), summary.clone(), crowd.clone()]).expect("a day");
        assert_eq!((both.evaluated, both.diplomacy, both.crowd), (Some((21, 3)), 1, 2));
        let alone = of(TickType::Daily, std::slice::from_ref(&crowd)).expect("a day without factions");
        assert_eq!((alone.evaluated, alone.diplomacy, alone.crowd), (None, 0, 1));
        assert_eq!((of(TickType::Daily, &[]), of(TickType::Hourly, &[crowd])), (None, None));
    }

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
