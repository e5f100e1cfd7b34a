//! From what was read from Kafka to units of work.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::engine::Engine;
use super::unit::{Origin, Slot, TickNote, TickWork, Unit, Work};
use super::worker::Job;
use crate::components::ids::WorldId;
use crate::messages::{Input, TickInput, TickMessage};
use crate::plugins::bridge::inbound::{RawRecord, Received, ReceivedKind};
use crate::plugins::store::{ShardId, StoreError, WorldStatus};

impl Engine {
    /// Takes records in, in their order. Which tick ids are known is asked once for all of them; when the store cannot
    /// say, nothing is taken and the records come back.
    pub(super) fn take_records(
        &mut self,
        records: Vec<Received<TickMessage>>,
    ) -> Result<(), (StoreError, Vec<Received<TickMessage>>)> {
        let mut asked: Vec<(ShardId, Uuid)> = Vec::new();
        for record in &records {
            if let ReceivedKind::Tick { message, .. } = &record.kind {
                let tick_id = message.data.tick_id;
                asked.extend(self.shards_for(message, record.partition).into_iter().map(|shard| (shard, tick_id)));
            }
        }
        let known: BTreeSet<(ShardId, Uuid)> = match self.known_ticks(&asked) {
            Ok(known) => known.into_iter().collect(),
            Err(error) => return Err((error, records)),
        };
        for record in records {
            self.take_record(record, &known);
        }
        Ok(())
    }

    /// The shards that a tick concerns; what concerns no world belongs to one shard by its partition.
    fn shards_for(&self, message: &TickMessage, partition: i32) -> BTreeSet<ShardId> {
        let mut shards: BTreeSet<ShardId> = match &message.world_id {
            Some(id) => self.worlds.get(id).map(|world| world.shard).into_iter().collect(),
            None => self.worlds.values().map(|world| world.shard).collect(),
        };
        if shards.is_empty() {
            shards.insert(self.shard_of_partition(partition));
        }
        shards
    }

    fn take_record(&mut self, record: Received<TickMessage>, known: &BTreeSet<(ShardId, Uuid)>) {
        let Received { topic, partition, offset, next, kind } = record;
        let origin = Origin { topic, partition, offset, next };
        let work = match kind {
            ReceivedKind::Tick { message, raw } => return self.take_tick(origin, *message, raw, known),
            ReceivedKind::Bad { error, raw } => {
                tracing::warn!(
                    topic = %origin.topic, partition, offset, class = error.class, error = error.message,
                    "a message cannot be used and becomes a dead letter"
                );
                Work::Bad { class: error.class, message: error.message, raw }
            }
            ReceivedKind::End => Work::Moved,
            ReceivedKind::NewPartition => {
                tracing::info!(topic = %origin.topic, partition, next, "a new partition is read from its start");
                self.new_partitions.push((origin.topic.to_string(), partition, next));
                Work::Moved
            }
            ReceivedKind::Gap { from, to, reason } => {
                tracing::error!(
                    topic = %origin.topic, partition, from, to, reason = reason.as_str(),
                    "records are missing: reading goes on behind them"
                );
                self.republish_wanted = true;
                Work::Gap { from, reason }
            }
        };
        self.push_unit(Unit::new(Some(origin), work));
    }

    fn take_tick(&mut self, origin: Origin, message: TickMessage, raw: RawRecord, known: &BTreeSet<(ShardId, Uuid)>) {
        let data = &message.data;
        let mut tick = TickWork {
            tick_id: data.tick_id,
            tick_type: data.tick_type,
            game_time: data.game_time,
            raw,
            own: message.incarnation.is_some(),
            shards: BTreeSet::new(),
            notes: Vec::new(),
        };
        let mut runs: Vec<WorldId> = Vec::new();
        for shard in self.shards_for(&message, origin.partition) {
            let key = (shard, tick.tick_id);
            if known.contains(&key) || self.in_flight_ticks.contains(&key) {
                let detail = Some("this tick id has been taken in before".to_owned());
                let note = TickNote { world: message.world_id.clone(), shard, outcome: "duplicate", detail };
                tick.notes.push(note);
                for world in self.worlds.values_mut().filter(|world| world.shard == shard) {
                    world.outstanding.remove(&tick.tick_id);
                }
                continue;
            }
            tick.shards.insert(shard);
            self.in_flight_ticks.insert(key);
            self.route(&message, shard, &mut tick.notes, &mut runs);
        }
        super::logs::tick(&message, runs.len(), &tick.notes);
        let input = TickInput { tick_id: tick.tick_id, tick_type: tick.tick_type, game_time: tick.game_time };
        let mut unit = Unit::new(Some(origin), Work::Tick(tick));
        for id in &runs {
            unit.slots.insert(id.clone(), Slot::Waiting);
        }
        self.send_all(unit, || Job::Apply(Input::Tick(input.clone())));
    }

    /// Which worlds of a shard run this tick, and what becomes of it in the others.
    fn route(&mut self, message: &TickMessage, shard: ShardId, notes: &mut Vec<TickNote>, runs: &mut Vec<WorldId>) {
        let meant = |id: &WorldId| message.world_id.as_ref().is_none_or(|wanted| wanted == id);
        let mut note = |world: Option<&WorldId>, outcome, detail: Option<String>| {
            notes.push(TickNote { world: world.cloned(), shard, outcome, detail });
        };
        let mut any = false;
        for (id, world) in self.worlds.iter_mut().filter(|(id, world)| world.shard == shard && meant(id)) {
            any = true;
            let own = world.outstanding.remove(&message.data.tick_id);
            match (&world.status, message.incarnation) {
                (_, Some(incarnation)) if incarnation != world.incarnation => {
                    let words = format!("it was asked for by incarnation {incarnation}, which is no more");
                    note(Some(id), "foreign_incarnation", Some(words));
                }
                (WorldStatus::Faulted { error, .. }, _) => note(Some(id), "faulted", Some(error.clone())),
                // A pause stops time, not what was due before it.
                (WorldStatus::Paused { reason, .. }, incarnation) if incarnation.is_none() && !own => {
                    note(Some(id), "paused", Some(reason.clone()));
                }
                _ => runs.push(id.clone()),
            }
        }
        if !any {
            match &message.world_id {
                Some(id) => note(None, "unknown_world", Some(format!("there is no world `{id}`"))),
                None => note(None, "no_world", None),
            }
        }
    }
}
