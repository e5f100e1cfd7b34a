//! From finished units to the rows of one commit.

mod told;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::days::DayLine;
use super::engine::Engine;
use super::generation::{KeptJobs, Place};
use super::hosted::Hosted;
use super::logs::MarketLine;
use super::relations::KeptRelations;
use super::unit::{Slot, TickWork, Unit, Work};
use super::view::EventLine;
use crate::components::ids::WorldId;
use crate::components::money::Money;
use crate::messages::market::MarketCleared;
use crate::messages::{EventRecord, Input, Outcome, SimulationEvent, TickOutcome};
use crate::plugins::bridge::dead_letter::{dead_letter, dead_letter_topic, record_size, reference_to};
use crate::plugins::bridge::wire::{event_row, own_tick_row};
use crate::plugins::store::{
    Commit, ConfigChangeRow, Cursor, DeadLetterRow, InputPosition, JournalRow, MarketStateRow, OutboxRow, ShardId,
    TickHistoryRow, TickSeenRow, WorldChange, WorldStatus,
};

/// What is to be told once a commit is durable.
#[derive(Debug, Default)]
pub(super) struct ToTell {
    pub(super) events: Vec<EventLine>,
    pub(super) markets: Vec<MarketLine>,
    pub(super) days: Vec<DayLine>,
    pub(super) next_outbox: BTreeMap<ShardId, i64>,
}

/// What a world has to journal in this commit.
struct Journal {
    shard: ShardId,
    inputs: Vec<Input>,
    hash: i64,
    cost_micros: i64,
}

struct Assembly<'a> {
    engine: &'a Engine,
    commit: Commit,
    to_tell: ToTell,
    journal: BTreeMap<WorldId, Journal>,
    positions: BTreeMap<(String, i32), i64>,
    relations: KeptRelations,
    jobs: KeptJobs,
    wall: i64,
}

impl Engine {
    /// Builds the rows for these units. Changes nothing: built again, it is the same but for the wall time.
    pub(super) fn assemble(&self, units: &[Unit]) -> (Commit, ToTell) {
        let commit_no = self.commit_no + 1;
        let commit = Commit { epoch: self.lease.epoch(), commit_no, ..Commit::default() };
        let to_tell = ToTell { next_outbox: self.next_outbox.clone(), ..ToTell::default() };
        let wall = self.wall_micros();
        let mut assembly = Assembly {
            engine: self,
            commit,
            to_tell,
            journal: BTreeMap::new(),
            positions: BTreeMap::new(),
            relations: KeptRelations::default(),
            jobs: KeptJobs::default(),
            wall,
        };
        for unit in units {
            assembly.unit(unit);
        }
        assembly.finish()
    }
}

impl Assembly<'_> {
    fn unit(&mut self, unit: &Unit) {
        if let Some(origin) = &unit.origin {
            self.positions.insert((origin.topic.to_string(), origin.partition), origin.next);
        }
        // The change comes before what running it has led to.
        let stillborn = unit.is_stillborn();
        if let Work::Order(order) = &unit.work
            && !stillborn
        {
            if let Some(change) = order.change.as_ref().filter(|change| !self.is_overtaken(change)) {
                self.relations.heed(change);
                self.commit.worlds.push(change.clone());
                self.stop_workers(change);
            }
            let no = self.commit.commit_no;
            let settings = order.settings.iter().map(|row| ConfigChangeRow { commit_no: no, ..row.clone() });
            self.commit.config_changes.extend(settings.filter(|_| !unit.has_failed()));
        }
        let own = unit.is_own();
        let (mut events, mut markets) = (BTreeMap::new(), BTreeMap::new());
        for (id, slot) in &unit.slots {
            match slot {
                Slot::Applied { input, outcome, cost_micros, .. } => {
                    let cleared = self.outcome(id, input, outcome, *cost_micros, own);
                    events.insert(id.clone(), outcome.events.len());
                    markets.insert(id.clone(), cleared);
                }
                Slot::Failed { input, error } => {
                    self.fault(id, error, serde_json::to_string(input).ok());
                }
                Slot::NotMade(error) if !stillborn => self.fault(id, error, None),
                _ => {}
            }
        }
        self.command(unit);
        if let Some(row) = self.engine.stops_after(unit, self.wall) {
            self.outbox(row);
        }
        match &unit.work {
            Work::Tick(tick) => self.tick(unit, tick, &events, &markets),
            Work::Bad { class, message, raw } => {
                self.dead_letter(unit, class, message, raw.key.clone(), raw.value.clone(), raw.timestamp_ms);
            }
            Work::Gap { from, reason } => self.gap(unit, *from, reason.as_str()),
            Work::Order(order) => {
                if let Some(tick) = &order.tick {
                    self.tick(unit, tick, &events, &markets);
                }
            }
            Work::Republish(rows) => rows.iter().for_each(|row| self.outbox(row.clone())),
            Work::Repeated(_) | Work::Moved | Work::Step | Work::Question { .. } | Work::Snapshot => {}
        }
    }

    /// Whether a world has faulted since its status was to change so: then the fault stands.
    fn is_overtaken(&self, change: &WorldChange) -> bool {
        let WorldChange::Status { world_id, status } = change else { return false };
        let is_faulted = |id: WorldId| self.engine.worlds.get(&id).is_some_and(Hosted::is_faulted);
        !matches!(status, WorldStatus::Faulted { .. }) && WorldId::new(world_id).is_ok_and(is_faulted)
    }

    /// The world's status as the engine has it, so that a restart shows the same.
    fn fault(&mut self, id: &WorldId, error: &str, input: Option<String>) {
        let status = match self.engine.worlds.get(id).map(|world| &world.status) {
            Some(status @ WorldStatus::Faulted { .. }) => status.clone(),
            _ => WorldStatus::Faulted { error: clean(error), input, since: self.wall },
        };
        self.commit.worlds.push(WorldChange::Status { world_id: id.to_string(), status });
    }

    /// Events, own ticks and the journal of one world's part. Returns how many markets were cleared.
    fn outcome(&mut self, id: &WorldId, input: &Input, outcome: &Outcome, cost_micros: i64, own: bool) -> i64 {
        let Some(world) = self.engine.worlds.get(id) else { return 0 };
        let (shard, incarnation) = (world.shard, world.incarnation);
        if outcome.changed {
            let journal = self.journal.entry(id.clone()).or_insert(Journal {
                shard,
                inputs: Vec::new(),
                hash: 0,
                cost_micros: 0,
            });
            journal.inputs.push(input.clone());
            journal.hash = outcome.hash.to_signed();
            journal.cost_micros += cost_micros;
        }
        let mut cleared = 0;
        for event in &outcome.events {
            let outbox_id = self.to_tell.next_outbox.get(&shard).copied().unwrap_or(1);
            if event.event_type == MarketCleared::EVENT_TYPE
                && let Some(row) = self.market_state(event, shard)
            {
                self.to_tell.markets.push(MarketLine::new(&row, outbox_id, own));
                self.commit.market_states.push(row);
                cleared += 1;
            }
            let row = event_row(event, self.engine.config.envelope, &self.engine.config.event_topic, shard, self.wall);
            let row = self.fitting(row);
            self.to_tell.events.push(EventLine {
                cursor: Cursor { commit_no: self.commit.commit_no, shard, seq: outbox_id },
                event_id: row.event_id,
                event_type: row.event_type.clone(),
                world_id: row.world_id.clone(),
                body: row.body.clone().unwrap_or_default().into(),
            });
            self.outbox(row);
        }
        for row in self.jobs.take(Place { world: id, incarnation, shard, wall: self.wall }, &outcome.jobs) {
            self.outbox(row);
        }
        self.relations.take((id, shard, incarnation), &outcome.relations, (self.wall, self.commit.commit_no));
        let last = self.to_tell.next_outbox.get(&shard).copied().unwrap_or(1) - 1;
        self.to_tell.days.extend(DayLine::of(id, input, &outcome.events, (shard, last), own));
        for due in &outcome.due_ticks {
            self.outbox(own_tick_row(id, incarnation, due, shard, self.wall));
        }
        cleared
    }

    fn market_state(&self, event: &EventRecord, shard: ShardId) -> Option<MarketStateRow> {
        let cleared: MarketCleared = serde_json::from_value(Value::Object(event.payload.clone())).ok()?;
        let own = ["commodity", "price", "volume", "market_id", "bids_unfilled", "asks_unfilled"];
        let measures: Map<String, Value> = event
            .payload
            .iter()
            .filter(|(name, _)| !own.contains(&name.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Some(MarketStateRow {
            world_id: event.world_id.to_string(),
            shard,
            market_id: cleared.market_id.into(),
            commodity: cleared.commodity.into(),
            price: minor_units(cleared.price),
            volume: cleared.volume,
            asks_unfilled: cleared.asks_unfilled,
            bids_unfilled: cleared.bids_unfilled,
            tick_id: event.tick_id.unwrap_or_default(),
            game_time: event.timestamp.as_micros(),
            recorded_at: self.wall,
            measures: Value::Object(measures).to_string(),
            commit_no: self.commit.commit_no,
        })
    }

    fn tick(
        &mut self,
        unit: &Unit,
        tick: &TickWork,
        events: &BTreeMap<WorldId, usize>,
        markets: &BTreeMap<WorldId, i64>,
    ) {
        for shard in &tick.shards {
            let seen = TickSeenRow { shard: *shard, tick_id: tick.tick_id, seen_at: self.wall };
            self.commit.ticks_seen.push(seen);
        }
        let mut refused = None;
        for (id, slot) in &unit.slots {
            let shard = self.engine.worlds.get(id).map_or(0, |world| world.shard);
            let (outcome, detail) = match slot {
                Slot::Applied { outcome, .. } => match outcome.tick {
                    Some(TickOutcome::Late) => ("late", Some("earlier than the last of its type".to_owned())),
                    Some(TickOutcome::TooFarAhead) => {
                        let words = format!(
                            "{} is further ahead of world `{id}` than its maxTickJumpDays allows, or than 10000 steps of \
                             its maxStepGameSeconds: send the ticks between, or raise what is too small",
                            tick.game_time
                        );
                        refused = Some(words.clone());
                        ("rejected", Some(words))
                    }
                    Some(TickOutcome::Applied) | None => ("applied", None),
                },
                Slot::Failed { error, .. } => ("faulted", Some(error.clone())),
                Slot::Gone { reason } => ("faulted", Some(reason.clone())),
                _ => continue,
            };
            let mut row = self.history(unit, tick, Some(id.to_string()), shard, outcome, detail);
            row.events = events.get(id).and_then(|count| i64::try_from(*count).ok()).unwrap_or(0);
            row.markets_cleared = markets.get(id).copied().unwrap_or(0);
            self.commit.tick_history.push(row);
        }
        for note in &tick.notes {
            let world = note.world.as_ref().map(ToString::to_string);
            let row = self.history(unit, tick, world, note.shard, note.outcome, note.detail.clone());
            self.commit.tick_history.push(row);
        }
        if let Some(words) = refused {
            let raw = &tick.raw;
            self.dead_letter(unit, "too_far_ahead", &words, raw.key.clone(), raw.value.clone(), raw.timestamp_ms);
        }
    }

    fn history(
        &self,
        unit: &Unit,
        tick: &TickWork,
        world_id: Option<String>,
        shard: ShardId,
        outcome: &str,
        detail: Option<String>,
    ) -> TickHistoryRow {
        TickHistoryRow {
            tick_id: tick.tick_id,
            tick_type: tick.tick_type.as_str().into(),
            world_id,
            shard,
            outcome: outcome.into(),
            detail: detail.as_deref().map(clean),
            game_time: Some(tick.game_time.as_micros()),
            topic: unit.origin.as_ref().map(|origin| origin.topic.to_string()),
            partition: unit.origin.as_ref().map(|origin| origin.partition),
            offset: unit.origin.as_ref().map(|origin| origin.offset),
            events: 0,
            markets_cleared: 0,
            recorded_at: self.wall,
            commit_no: self.commit.commit_no,
        }
    }

    fn gap(&mut self, unit: &Unit, from: i64, reason: &str) {
        let Some(origin) = &unit.origin else { return };
        self.commit.tick_history.push(TickHistoryRow {
            shard: self.engine.shard_of_partition(origin.partition),
            tick_type: String::new(),
            outcome: "gap".into(),
            detail: Some(format!("offsets {from} to {} are missing: {reason}", origin.next)),
            topic: Some(origin.topic.to_string()),
            partition: Some(origin.partition),
            offset: Some(from),
            recorded_at: self.wall,
            commit_no: self.commit.commit_no,
            ..TickHistoryRow::default()
        });
    }

    fn dead_letter(
        &mut self,
        unit: &Unit,
        class: &str,
        message: &str,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        timestamp_ms: Option<i64>,
    ) {
        let Some(origin) = &unit.origin else { return };
        let letter = DeadLetterRow {
            shard: self.engine.shard_of_partition(origin.partition),
            topic: origin.topic.to_string(),
            partition: origin.partition,
            offset: origin.offset,
            timestamp_ms,
            key,
            value,
            error_class: class.into(),
            error_message: clean(message),
            recorded_at: self.wall,
            commit_no: self.commit.commit_no,
        };
        // With the commit: a broker that is made anew counts its offsets from the start again.
        let name = format!("{}:{}:{}:{}", letter.topic, letter.partition, letter.offset, letter.commit_no);
        let event_id = Uuid::new_v5(&self.engine.store_id, name.as_bytes());
        let limit = self.engine.config.message_bytes_max(&dead_letter_topic(&letter.topic));
        let row = dead_letter(&letter, event_id, 1, limit, self.wall);
        self.commit.dead_letters.push(letter);
        self.outbox(row);
    }

    /// The row, if its topic takes it. One that it would refuse must not block those behind it: it is kept among the
    /// dead letters, and a reference goes instead.
    fn fitting(&mut self, row: OutboxRow) -> OutboxRow {
        let (bytes, limit) = (record_size(&row), self.engine.config.message_bytes_max(&row.topic));
        if bytes <= limit {
            return row;
        }
        tracing::error!(
            event_type = row.event_type,
            event_id = %row.event_id,
            topic = row.topic,
            bytes,
            limit,
            "an event is too large: it is kept as a dead letter and published as a reference"
        );
        let reference = reference_to(&row, "dead_letter table of the store");
        self.commit.dead_letters.push(DeadLetterRow {
            shard: row.shard,
            topic: row.topic,
            // It never was in a log.
            partition: -1,
            offset: -1,
            timestamp_ms: None,
            key: row.key,
            value: row.body,
            error_class: "too_large".into(),
            error_message: format!("event {} has {bytes} bytes; its topic takes {limit}", row.event_id),
            recorded_at: self.wall,
            commit_no: self.commit.commit_no,
        });
        reference
    }

    fn outbox(&mut self, mut row: OutboxRow) {
        let next = self.to_tell.next_outbox.entry(row.shard).or_insert(1);
        row.id = *next;
        *next += 1;
        self.commit.outbox.push(row);
    }

    fn finish(mut self) -> (Commit, ToTell) {
        let commit_no = self.commit.commit_no;
        for (id, journal) in self.journal {
            self.commit.journal.push(JournalRow {
                world_id: id.to_string(),
                shard: journal.shard,
                commit_no,
                simulation_version: self.engine.version.into(),
                // Inputs are plain data: they serialise.
                inputs: serde_json::to_string(&journal.inputs).unwrap_or_default(),
                state_hash: journal.hash,
                cost_micros: journal.cost_micros,
            });
        }
        let positions = self.positions.into_iter();
        self.commit.positions =
            positions.map(|((topic, partition), next)| InputPosition { topic, partition, next }).collect();
        self.relations.fill(&mut self.commit);
        self.jobs.fill(&mut self.commit);
        self.commit.next_outbox_ids = self.to_tell.next_outbox.iter().map(|(shard, id)| (*shard, *id)).collect();
        self.commit.marks.clone_from(&self.engine.pending_marks);
        self.to_tell.events.sort_by_key(|line| line.cursor);
        (self.commit, self.to_tell)
    }
}

/// A price in major units back to minor ones.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "prices come from integers and fit")]
fn minor_units(price: f64) -> Option<i64> {
    let minor = (price * Money::MINOR_PER_MAJOR as f64).round();
    (minor.is_finite() && minor.abs() < 9e15).then_some(minor as i64)
}

/// Text that every database takes: no NUL.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
