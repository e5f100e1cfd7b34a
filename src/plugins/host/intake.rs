//! From what was read from Kafka to units of work.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::engine::Engine;
use super::unit::{Origin, Slot, TickNote, TickWork, Unit, Work};
use super::worker::Job;
use crate::components::ids::WorldId;
use crate::messages::{Input, TickInput, TickMessage};
use crate::plugins::bridge::inbound::{Inbound, RawRecord, Received, ReceivedKind};
use crate::plugins::store::{CommandRow, ShardId, StoreError, WorldStatus};

/// What was read, in its order.
type Records = Vec<Received<Inbound>>;

/// Ids that have been seen before.
struct Known {
    ticks: BTreeSet<(ShardId, Uuid)>,
    commands: Vec<CommandRow>,
}

impl Engine {
    /// Takes records in, in their order. Which ids of ticks and commands are known is asked once for all of them; when
    /// the store cannot say, nothing is taken and the records come back. A command that must wait until its world has
    /// nothing under way is given back with everything behind it: no position may pass it.
    pub(super) fn take_records(&mut self, records: Records) -> Result<Records, (StoreError, Records)> {
        let mut asked: Vec<(ShardId, Uuid)> = Vec::new();
        let mut commands: Vec<(String, Uuid)> = Vec::new();
        for record in &records {
            match &record.kind {
                ReceivedKind::Message { message, .. } => match &**message {
                    Inbound::Tick(tick) => {
                        let tick_id = tick.data.tick_id;
                        asked.extend(self.shards_for(tick, record.partition).into_iter().map(|shard| (shard, tick_id)));
                    }
                    Inbound::Command(command) => commands.push((command.world_id.to_string(), command.command_id)),
                },
                _ => continue,
            }
        }
        let known = match self.known_ticks(&asked).and_then(|ticks| Ok((ticks, self.known_commands(&commands)?))) {
            Ok((ticks, commands)) => Known { ticks: ticks.into_iter().collect(), commands },
            Err(error) => return Err((error, records)),
        };
        let mut records = records.into_iter();
        while let Some(record) = records.next() {
            if let Some(held) = self.take_record(record, &known) {
                return Ok(std::iter::once(held).chain(records).collect());
            }
        }
        Ok(Vec::new())
    }

    /// The shards that a tick concerns; what concerns no world belongs to one shard by its partition.
    fn shards_for(&self, message: &TickMessage, partition: i32) -> BTreeSet<ShardId> {
        let mut shards: BTreeSet<ShardId> = match &message.world_id {
            Some(id) => {
                self.worlds.get(id).filter(|world| world.is_here()).map(|world| world.shard).into_iter().collect()
            }
            None => self.worlds.values().filter(|world| world.is_here()).map(|world| world.shard).collect(),
        };
        if shards.is_empty() {
            shards.insert(self.shard_of_partition(partition));
        }
        shards
    }

    /// Takes one record in, or gives it back.
    fn take_record(&mut self, record: Received<Inbound>, known: &Known) -> Option<Received<Inbound>> {
        let Received { topic, partition, offset, next, kind } = record;
        let origin = Origin { topic, partition, offset, next };
        let work = match kind {
            ReceivedKind::Message { message, raw } => match *message {
                Inbound::Tick(tick) => {
                    self.take_tick(origin, *tick, raw, &known.ticks);
                    return None;
                }
                Inbound::Command(command) => {
                    let held = self.take_command(origin, *command, raw, &known.commands).err()?;
                    let (Origin { topic, partition, offset, next }, command, raw) = *held;
                    let message = Box::new(Inbound::Command(Box::new(command)));
                    return Some(Received {
                        topic,
                        partition,
                        offset,
                        next,
                        kind: ReceivedKind::Message { message, raw },
                    });
                }
            },
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
        None
    }

    fn take_tick(&mut self, origin: Origin, message: TickMessage, raw: RawRecord, known: &BTreeSet<(ShardId, Uuid)>) {
        let data = &message.data;
        let mut tick = TickWork {
            tick_id: data.tick_id,
            tick_type: data.tick_type,
            game_time: data.game_time,
            raw,
            own: message.world_id.clone().filter(|_| message.incarnation.is_some()),
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
                // One that is in hand is on its way until it is durable.
                if !self.in_flight_ticks.contains(&key) {
                    self.await_no_longer(&tick);
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

    /// Nothing more comes of a tick: it is durable what it came to, or its record is taken out. A duplicate was never
    /// taken in, so that nothing ends with it.
    pub(super) fn conclude_tick(&mut self, tick: &TickWork) {
        if tick.shards.is_empty() {
            return;
        }
        for shard in &tick.shards {
            self.in_flight_ticks.remove(&(*shard, tick.tick_id));
        }
        self.await_no_longer(tick);
    }

    /// If a world asked for this tick, it is no longer on its way.
    fn await_no_longer(&mut self, tick: &TickWork) {
        if let Some(id) = &tick.own
            && self.worlds.get_mut(id).is_some_and(|world| world.outstanding.remove(&tick.tick_id))
        {
            self.refresh(id);
        }
    }

    /// Which worlds of a shard run this tick, and what becomes of it in the others.
    fn route(&self, message: &TickMessage, shard: ShardId, notes: &mut Vec<TickNote>, runs: &mut Vec<WorldId>) {
        let mut note = |world: Option<&WorldId>, outcome, detail: Option<String>| {
            notes.push(TickNote { world: world.cloned(), shard, outcome, detail });
        };
        let mut any = false;
        let named = message.world_id.as_ref().and_then(|id| self.worlds.get_key_value(id));
        let own = named.is_some_and(|(_, world)| world.outstanding.contains(&message.data.tick_id));
        let all = self.worlds.iter().filter(|_| message.world_id.is_none());
        for (id, world) in named.into_iter().chain(all).filter(|(_, world)| world.shard == shard && world.is_here()) {
            any = true;
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
                Some(id) => note(None, "unknown_world", Some(super::no_such_world(id, self.worlds.keys()))),
                None => note(None, "no_world", None),
            }
        }
    }
}
