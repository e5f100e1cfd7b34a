//! Units of work on their way, and which of them may be committed together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::commands::CommandHead;
use super::orders::{OrderError, Reply};
use super::steps::SetTime;
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::components::tier::PerTier;
use crate::messages::{Input, Outcome, TickInput, TickType};
use crate::plugins::bridge::inbound::{GapReason, RawRecord};
use crate::plugins::store::{AnswerRow, CommandRow, ConfigChangeRow, ShardId, WorldChange};
use crate::world::{Answer, StateHash, UnpackedSnapshot};

/// Where a unit came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) topic: std::sync::Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// The position once this is committed.
    pub(super) next: i64,
}

/// What a world did with its part of a unit.
#[derive(Debug)]
pub(super) enum Slot {
    /// A worker has it.
    Waiting,
    /// Nothing to run: the unit only has its place in the world's order.
    Touched,
    /// The input ran.
    Applied { input: Input, outcome: Box<Outcome>, cost_micros: i64, sets: Vec<SetTime> },
    /// The input failed, and the world with it.
    Failed { input: Input, error: String },
    /// The world was not there any more: it had failed at an input before.
    Gone { reason: String },
    /// A question was answered.
    Answered(Answer),
    /// The world was saved; it is packed while the world goes on.
    Saved(Box<UnpackedSnapshot>),
    /// The world was made or restored.
    Made(Made),
    /// It could not be made, restored or saved.
    NotMade(String),
    /// Its journal is of another version of this program. That is no fault: the store keeps it as it is.
    Foreign(String),
}

impl Slot {
    /// Whether a world did something that is to be committed or answered.
    pub(super) fn is_of_a_living_world(&self) -> bool {
        matches!(self, Self::Applied { .. } | Self::Saved(_) | Self::Answered(_))
    }
}

/// A world that has just been made or restored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Made {
    pub(super) now: Option<GameInstant>,
    pub(super) hash: StateHash,
    pub(super) inputs: u64,
    /// Stepping time since the snapshot, in microseconds.
    pub(super) debt_micros: i64,
    /// The last commit that changed it, where it was brought back.
    pub(super) commit_no: i64,
    /// NPCs by tier.
    pub(super) npcs: PerTier<u32>,
    /// Chains that run, and intents that wait or are unanswered.
    pub(super) interactions: (u64, u64),
    /// Jobs of generation that wait, that are under way, that are dead.
    pub(super) jobs: [u64; 3],
}

/// A tick on its way.
#[derive(Debug)]
pub(super) struct TickWork {
    pub(super) tick_id: Uuid,
    pub(super) tick_type: TickType,
    pub(super) game_time: GameInstant,
    pub(super) raw: RawRecord,
    /// The world that asked for it itself, if one did: then what it does is a detail of the log.
    pub(super) own: Option<WorldId>,
    /// The shards to which it is new.
    pub(super) shards: BTreeSet<ShardId>,
    /// What became of it where it did not run.
    pub(super) notes: Vec<TickNote>,
}

impl TickWork {
    /// A tick that a world could not take, once more: its id is known already, its record was committed long ago.
    pub(super) fn again(tick: &TickInput) -> Self {
        let TickInput { tick_id, tick_type, game_time } = *tick;
        let (raw, shards) = (RawRecord::default(), BTreeSet::new());
        Self { tick_id, tick_type, game_time, raw, own: None, shards, notes: Vec::new() }
    }
}

/// What became of a tick where it did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TickNote {
    pub(super) world: Option<WorldId>,
    pub(super) shard: ShardId,
    pub(super) outcome: &'static str,
    pub(super) detail: Option<String>,
}

/// What an order comes to beside what its world does.
#[derive(Debug, Default)]
pub(super) struct OrderWork {
    /// What changes in the registry of worlds.
    pub(super) change: Option<WorldChange>,
    /// What changes in a world's configuration, value by value.
    pub(super) settings: Vec<ConfigChangeRow>,
    /// The tick that it forces.
    pub(super) tick: Option<TickWork>,
    /// Whether it comes to nothing if its world cannot be made.
    pub(super) fresh: bool,
    /// What is answered where the world has nothing to say.
    pub(super) answer: Option<Result<Value, OrderError>>,
    pub(super) reply: Option<Reply>,
    /// The record that brought it.
    pub(super) raw: Option<RawRecord>,
    /// What the edge of generation says by it.
    pub(super) word: Option<EdgeWord>,
    /// What a worker says by it, if it is more than how far it is.
    pub(super) said: Option<Box<Said>>,
}

/// What the edge of generation has told a world, so that it hears what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EdgeWord {
    /// That these jobs are let go.
    Admit(Vec<u64>),
    /// That no worker has said anything of an attempt in time.
    TimedOut { job: u64, attempt: u8 },
}

/// What a worker says of a job, in a form that the store can keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) row: AnswerRow,
    /// Whether the store has kept it since its world could not hear it.
    pub(super) kept: bool,
}

/// A command that a unit carries out.
#[derive(Debug, Clone)]
pub(super) struct Commanded {
    pub(super) head: CommandHead,
    pub(super) world: WorldId,
    pub(super) shard: ShardId,
    /// What it asks for, in a form that tells it from another under the same id.
    pub(super) fingerprint: String,
    /// The incarnation of its world when it was taken.
    pub(super) incarnation: Option<Uuid>,
    /// The kind of the shock that it asks for, if it is one that there is.
    pub(super) shock: Option<&'static str>,
}

/// What is said of a command that comes under an id that is known.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    /// What became of the first, where that is durable.
    pub(super) first: Option<Box<CommandRow>>,
    /// Why it is another than the first. Nothing becomes of it.
    pub(super) differs: Option<String>,
}

/// What a unit is about.
#[derive(Debug)]
pub(super) enum Work {
    /// A tick message.
    Tick(TickWork),
    /// A record that cannot be used.
    Bad { class: String, message: String, raw: RawRecord },
    /// A position moved without a record.
    Moved,
    /// Records are missing.
    Gap { from: i64, reason: GapReason },
    /// Game time moves in one world.
    Step,
    /// Somebody ordered something; the answer leaves after the commit.
    Order(Box<OrderWork>),
    /// A command from Kafka under an id that was taken before.
    Repeated(Repeated),
    /// A question; the answer leaves when everything that it saw is committed.
    Question { reply: Option<Reply> },
    /// A snapshot of one world.
    Snapshot,
    /// Rows that are published again because the broker lost them.
    Republish(Vec<crate::plugins::store::OutboxRow>),
}

/// A unit of work.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) origin: Option<Origin>,
    pub(super) command: Option<Commanded>,
    pub(super) work: Work,
    pub(super) slots: BTreeMap<WorldId, Slot>,
    pub(super) waiting: usize,
}

impl Unit {
    pub(super) fn new(origin: Option<Origin>, work: Work) -> Self {
        Self { origin, command: None, work, slots: BTreeMap::new(), waiting: 0 }
    }

    /// Whether it was to make a world that cannot be made: then there never was one.
    pub(super) fn is_stillborn(&self) -> bool {
        matches!(&self.work, Work::Order(order) if order.fresh)
            && self.slots.values().any(|slot| matches!(slot, Slot::NotMade(_)))
    }

    /// Whether its world failed at it, or had failed before.
    pub(super) fn has_failed(&self) -> bool {
        self.slots
            .values()
            .any(|slot| matches!(slot, Slot::Failed { .. } | Slot::Gone { .. } | Slot::NotMade(_) | Slot::Foreign(_)))
    }

    /// The answer of a worker that its world could not hear, because it had faulted: it is kept until the world is back.
    pub(super) fn unheard(&self) -> Option<&Said> {
        let Work::Order(order) = &self.work else { return None };
        let is_gone = self.slots.values().any(|slot| matches!(slot, Slot::Gone { .. }));
        order.said.as_deref().filter(|_| is_gone)
    }

    /// What whoever asked is told: the world's refusal, or else the words that were prepared, or else the world's own.
    pub(super) fn answer(&self) -> Result<Value, OrderError> {
        let prepared = match &self.work {
            Work::Order(order) => order.answer.as_ref(),
            _ => None,
        };
        let fall_back = || prepared.cloned().unwrap_or(Ok(Value::Null));
        match self.slots.values().next() {
            Some(Slot::NotMade(error)) if self.is_stillborn() => {
                Err(OrderError::Refused(format!("the world cannot be made: {error}")))
            }
            Some(Slot::Failed { error, .. } | Slot::NotMade(error) | Slot::Foreign(error)) => {
                Err(OrderError::Faulted(error.clone()))
            }
            Some(Slot::Gone { reason }) => Err(OrderError::Conflict(reason.clone())),
            Some(Slot::Answered(answer)) => answer.clone().map_err(OrderError::Refused),
            Some(Slot::Applied { outcome, .. }) => match (&outcome.reply, prepared) {
                (Some(Err(error)), _) => Err(OrderError::of_world(error)),
                (_, Some(prepared)) => prepared.clone(),
                (Some(Ok(reply)), None) => Ok(reply.clone()),
                (None, None) => Ok(json!({
                    "now": outcome.now,
                    "events": outcome.events.len(),
                    "state_hash": outcome.hash.to_string(),
                })),
            },
            _ => fall_back(),
        }
    }

    /// Whether a live world moved by itself, or by a tick that it asked for: nobody outside did anything.
    pub(super) fn is_own(&self) -> bool {
        match &self.work {
            Work::Tick(tick) => tick.own.is_some(),
            Work::Step => true,
            _ => false,
        }
    }

    /// The worlds that are not what they were when it is durable.
    pub(super) fn touches(&self) -> impl Iterator<Item = &WorldId> {
        let asked = match &self.work {
            Work::Tick(tick) => tick.own.as_ref(),
            _ => None,
        };
        self.slots.keys().chain(asked)
    }

    /// Whether it makes a commit necessary, or can wait for one that has more to say.
    fn is_urgent(&self) -> bool {
        !matches!(self.work, Work::Moved)
    }
}

/// All units that are not committed yet, in the order in which they were begun.
#[derive(Debug, Default)]
pub(super) struct Units {
    units: BTreeMap<u64, Unit>,
    next: u64,
}

impl Units {
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    pub(super) fn push(&mut self, unit: Unit) -> u64 {
        let id = self.next;
        self.next += 1;
        self.units.insert(id, unit);
        id
    }

    /// Puts a world's answer into its unit.
    pub(super) fn finish(&mut self, id: u64, world: &WorldId, slot: Slot) {
        let Some(unit) = self.units.get_mut(&id) else { return };
        if let Some(place) = unit.slots.get_mut(world)
            && matches!(place, Slot::Waiting)
        {
            *place = slot;
            unit.waiting -= 1;
        }
    }

    /// Takes the units that may be committed together now, oldest first, at most `max`.
    ///
    /// Within a world and within a partition the order stays: whoever comes after a unit that is not done waits for
    /// it. A snapshot closes its world, so that the snapshot is of the commit's end. Units that only move a position
    /// come along, but are no reason for a commit unless `idle`.
    pub(super) fn take_ready(&mut self, max: usize, idle: bool) -> Vec<Unit> {
        let mut closed_worlds: BTreeSet<WorldId> = BTreeSet::new();
        let mut closed_partitions: BTreeSet<(std::sync::Arc<str>, i32)> = BTreeSet::new();
        let mut ready = Vec::new();
        let mut urgent = idle;
        for (id, unit) in &self.units {
            let partition = unit.origin.as_ref().map(|origin| (origin.topic.clone(), origin.partition));
            let blocked = unit.waiting > 0
                || partition.as_ref().is_some_and(|partition| closed_partitions.contains(partition))
                || unit.slots.keys().any(|world| closed_worlds.contains(world));
            if blocked || ready.len() == max {
                closed_worlds.extend(unit.slots.keys().cloned());
                closed_partitions.extend(partition);
                if ready.len() == max {
                    break;
                }
            } else {
                urgent |= unit.is_urgent();
                ready.push(*id);
            }
            if matches!(unit.work, Work::Snapshot) {
                closed_worlds.extend(unit.slots.keys().cloned());
            }
        }
        if !urgent {
            return Vec::new();
        }
        ready.iter().filter_map(|id| self.units.remove(id)).collect()
    }

    /// Applies `change` to what is left, oldest first.
    pub(super) fn each(&mut self, change: impl FnMut(&mut Unit)) {
        self.units.values_mut().for_each(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(name: &str) -> WorldId {
        WorldId::new(name).expect("an id")
    }

    fn step(units: &mut Units, name: &str, done: bool) -> u64 {
        let mut unit = Unit::new(None, Work::Step);
        unit.slots.insert(world(name), if done { Slot::Touched } else { Slot::Waiting });
        unit.waiting = usize::from(!done);
        units.push(unit)
    }

    fn record(units: &mut Units, partition: i32, next: i64, names: &[&str], done: bool) {
        let origin = Origin { topic: "t".into(), partition, offset: next - 1, next };
        let mut unit = Unit::new(Some(origin), Work::Step);
        for name in names {
            unit.slots.insert(world(name), if done { Slot::Touched } else { Slot::Waiting });
        }
        unit.waiting = if done { 0 } else { names.len() };
        units.push(unit);
    }

    #[test]
    fn a_slow_world_holds_up_nobody_else() {
        let mut units = Units::default();
        let slow = step(&mut units, "slow", false);
        step(&mut units, "quick", true);
        step(&mut units, "slow", true);
        assert_eq!(units.take_ready(10, false).len(), 1, "only the quick one");
        units.finish(slow, &world("slow"), Slot::Touched);
        assert_eq!(units.take_ready(10, false).len(), 2);
        assert!(units.is_empty());
    }

    #[test]
    fn a_position_never_passes_a_record_that_is_not_done() {
        let mut units = Units::default();
        record(&mut units, 0, 1, &["a"], false);
        record(&mut units, 0, 2, &["b"], true);
        record(&mut units, 1, 9, &["c"], true);
        let ready = units.take_ready(10, false);
        let positions: Vec<_> =
            ready.iter().filter_map(|unit| unit.origin.as_ref()).map(|o| (o.partition, o.next)).collect();
        assert_eq!(positions, [(1, 9)]);
    }

    #[test]
    fn a_snapshot_ends_its_worlds_part_of_the_commit() {
        let mut units = Units::default();
        let mut snapshot = Unit::new(None, Work::Snapshot);
        snapshot.slots.insert(world("a"), Slot::Saved(Box::new(UnpackedSnapshot::empty(world("a")))));
        step(&mut units, "a", true);
        units.push(snapshot);
        step(&mut units, "a", true);
        step(&mut units, "b", true);
        assert_eq!(units.take_ready(10, false).len(), 3, "a's step, its snapshot, b's step");
        assert_eq!(units.take_ready(10, false).len(), 1, "a's later step");
    }

    #[test]
    fn positions_alone_wait_for_company() {
        let mut units = Units::default();
        let origin = Origin { topic: "t".into(), partition: 0, offset: 5, next: 5 };
        units.push(Unit::new(Some(origin), Work::Moved));
        assert!(units.take_ready(10, false).is_empty());
        assert_eq!(units.take_ready(10, true).len(), 1);
    }
}
