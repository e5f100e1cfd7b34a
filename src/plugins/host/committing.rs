//! The engine's commits: sent, concluded, or refused.
//!
//! At most one is on its way. What has become durable is told afterwards: answers, views, events, the outbox.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use uuid::Uuid;

use super::HostFailure;
use super::assemble::{ToTell, clean};
use super::engine::{Engine, wall_now};
use super::hosted::{Hosted, Presence};
use super::logs::StepLine;
use super::measure;
use super::orders::{OrderError, Reply};
use super::steps::{StepCosts, cause, conclude_step};
use super::unit::{Repeated, Slot, Unit, Work};
use super::worker::{Job, Task};
use crate::components::ids::WorldId;
use crate::plugins::store::{CommandRow, Commit, CommitOutcome, InputPosition, StoreError, WorldChange, WorldStatus};

/// What is on its way to the database.
pub(super) struct Committing {
    pub(super) units: Vec<Unit>,
    pub(super) commit: Arc<Commit>,
    pub(super) to_tell: ToTell,
    pub(super) began: Instant,
}

/// The class of a dead letter that the store made necessary.
const REFUSED_BY_STORE: &str = "refused_by_store";

pub(super) type CommitResult = Result<CommitOutcome, StoreError>;

impl Engine {
    /// Sends the next commit on its way, if there is anything to commit and none is on its way.
    pub(super) fn begin_commit(&mut self) {
        if self.committing.is_some() || self.failure.is_some() {
            return;
        }
        if self.republish_wanted {
            self.republish();
        }
        let now = wall_now();
        if self.gathers_until(now).is_some() {
            return;
        }
        let idle = self.stopping || now.duration_since(self.last_commit) >= self.config.idle_commit_interval;
        // After a refusal the units are committed one by one, until the one that was refused is found.
        let units = match self.again.pop_front() {
            Some(unit) => vec![unit],
            None => self.units.take_ready(self.config.commit_units_max, idle),
        };
        if units.is_empty() && (!idle || self.pending_marks.is_empty()) {
            return;
        }
        let (mut commit, to_tell) = self.assemble(&units);
        let silent = commit.is_silent();
        if silent {
            // There will be no such commit: what is said of its state holds for the last one.
            commit.commit_no = self.commit_no;
        }
        self.committing = Some(Committing { units, commit: Arc::new(commit), to_tell, began: now });
        if silent {
            // Questions alone: everything that they saw is durable already.
            self.on_committed(Ok(CommitOutcome::Done));
            return;
        }
        self.commit_no += 1;
        self.send_commit();
    }

    /// Until when more is gathered for the next commit. While the publisher still has rows, a commit sooner brings
    /// nothing to the topic any sooner, and many small ones cost more than few. So each transaction of the publisher has
    /// one commit, which begins as the transaction ends, or so early that it is through before the next one begins; and
    /// the database rests after a commit for as long as that took. A commit that is full goes at once.
    pub(super) fn gathers_until(&self, now: Instant) -> Option<Instant> {
        let mut until = self.last_commit + self.last_commit_took;
        let (published, took) = self.last_published;
        if self.last_commit > published {
            // A transaction is under way that began after a pause, which was half as long as the one before it, and so
            // will the next.
            until = until.max(published + (took * 2).saturating_sub(self.last_commit_took));
        }
        until = until.min(self.last_commit + self.config.idle_commit_interval);
        let gathers = !self.stopping
            && self.committing.is_none()
            && self.again.is_empty()
            && (1..self.config.commit_units_max).contains(&self.units.len())
            && self.outbox_len() > 0;
        (gathers && until > now).then_some(until)
    }

    pub(super) fn send_commit(&mut self) {
        let Some(committing) = &self.committing else { return };
        let (store, lease) = (self.store.clone(), self.lease.clone());
        let (commit, answer) = (committing.commit.clone(), self.committed.0.clone());
        self.parts.runtime.spawn(async move {
            let result = store.commit(&lease, &commit).await;
            // The engine may have ended.
            let _ = answer.send(result);
        });
    }

    pub(super) fn on_committed(&mut self, result: CommitResult) {
        let Some(committing) = self.committing.take() else { return };
        match result {
            Ok(CommitOutcome::Done) => self.conclude(committing),
            Ok(CommitOutcome::Fenced) => self.failure = Some(HostFailure::Fenced),
            Err(error @ StoreError::Refused { .. }) => {
                self.commit_no -= 1;
                self.refused(committing.units, &error);
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the store does not take the commit; it is sent again");
                self.committing = Some(committing);
                self.send_commit();
            }
            Err(error) => self.failure = Some(HostFailure::Store(error.to_string())),
        }
    }

    /// What has become durable is told.
    pub(super) fn conclude(&mut self, committing: Committing) {
        let Committing { units, commit, to_tell, began } = committing;
        let now = wall_now();
        // Questions alone are answered without a commit.
        let took = (!commit.is_silent()).then(|| now.duration_since(began));
        if let Some(took) = took {
            (self.last_commit, self.last_commit_took) = (now, took);
        }
        self.next_outbox = to_tell.next_outbox;
        self.pending_marks.retain(|mark| !commit.marks.contains(mark));
        let labelled: Vec<&WorldId> = self.worlds.keys().take(self.config.world_labels_max).collect();
        let has_label = |world: &str| labelled.iter().any(|id| id.as_str() == world);
        measure::commit(&commit, took, &units, self.parts.view.series(), has_label);
        super::answers::measure_kept(commit.edge.answers.len());
        let mut touched: BTreeSet<WorldId> = BTreeSet::new();
        self.tell_repetitions(&commit.commands);
        let mut replies = Vec::new();
        for unit in units {
            touched.extend(unit.touches().cloned());
            replies.extend(self.conclude_unit(unit, commit.commit_no));
        }
        for row in &commit.journal {
            if let Ok(id) = WorldId::new(&row.world_id) {
                self.with_debt(&id, |world| {
                    world.commit_no = commit.commit_no;
                    world.debt_micros = world.debt_micros.saturating_add(row.cost_micros);
                });
            }
        }
        metrics::gauge!("worldtick_outbox_rows").set(measure::float(self.outbox_len()));
        touched.iter().for_each(|id| self.refresh(id));
        let here =
            touched.iter().filter_map(|id| self.worlds.get(id)).filter(|world| world.presence != Presence::Arriving);
        self.parts.view.put(here.map(Hosted::view).collect());
        self.parts.view.note_steps(std::mem::take(&mut self.step_views), self.config.steps_kept);
        for id in touched.iter().filter(|id| !self.worlds.contains_key(id)) {
            self.parts.view.remove(id);
        }
        self.parts.view.set_outbox(self.outbox_len(), self.outbox_is_full());
        self.parts.view.set_commit(commit.commit_no);
        self.parts.view.tell(to_tell.events);
        // After the view: whoever has an answer sees what it is about.
        for (reply, answer) in replies {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
        self.unannounced.cleared(to_tell.markets);
        self.unannounced.days.generated(to_tell.days);
        if !commit.outbox.is_empty() {
            let last: Vec<_> = self.next_outbox.iter().map(|(shard, next)| (*shard, next - 1)).collect();
            self.parts.surroundings.outbox_grew(&commit.outbox, &last);
        }
        if !commit.positions.is_empty() {
            self.parts.surroundings.positions_stored(commit.positions.clone());
        }
        self.steer_jobs();
        self.hand_over_partitions();
        self.snapshot_if_owing();
        self.retry_calm_orders();
    }

    pub(super) fn hand_over_partitions(&mut self) {
        if self.new_partitions.is_empty() {
            return;
        }
        let as_position = |(topic, partition, next): (String, i32, i64)| InputPosition { topic, partition, next };
        let positions = std::mem::take(&mut self.new_partitions).into_iter().map(as_position).collect();
        // Not taken: they are told again after the next look at the topics.
        let _ = self.parts.surroundings.partitions_ready(positions);
    }

    /// Takes a unit that is durable into account. Returns the answer that may leave now.
    fn conclude_unit(&mut self, unit: Unit, commit_no: i64) -> Vec<(Reply, Result<Value, OrderError>)> {
        let (answer, stillborn) = (unit.answer(), unit.is_stillborn());
        let unheard = unit.unheard().cloned();
        let (changed, wall) = (!unit.has_failed(), self.wall_micros());
        let Unit { work, slots, command, .. } = unit;
        let tick = match &work {
            Work::Tick(tick) => Some(tick),
            Work::Order(order) => order.tick.as_ref(),
            _ => None,
        };
        if let Some(tick) = tick {
            self.conclude_tick(tick);
        }
        let change = match &work {
            Work::Order(order) => order.change.as_ref(),
            _ => None,
        };
        let mut jobs = Vec::new();
        let first = slots.keys().next().cloned();
        for (id, slot) in slots {
            let Some(world) = self.worlds.get_mut(&id) else {
                if matches!(work, Work::Snapshot) {
                    self.snapshots = self.snapshots.saturating_sub(1);
                }
                continue;
            };
            world.units = world.units.saturating_sub(1);
            if let Slot::Applied { outcome, .. } = &slot {
                world.now = outcome.now;
                world.hash = outcome.hash;
                world.inputs += u64::from(outcome.changed);
                jobs.push((id.clone(), outcome.jobs.clone()));
                if let Some(counted) = &outcome.interactions {
                    (world.counts.chains, world.counts.intents) = (counted.chains, counted.intents);
                }
                if let Some(counted) = &outcome.generation {
                    world.counts.count_jobs(counted, outcome.now);
                    self.step_lines.jobs(&id, &counted.added);
                }
            }
            if let Slot::Applied { outcome, cost_micros, sets, .. } = slot {
                if let Some(cause) = cause(&work, outcome.game_micros) {
                    let costs = StepCosts { cause, cost_micros, sets };
                    let step = conclude_step(world, *outcome, costs, (commit_no, wall));
                    if step.moved() {
                        self.step_lines.step(&id, self.last_commit, StepLine::new(&step));
                    }
                    self.step_views.push((id.clone(), step));
                }
            } else if let Slot::Saved(snapshot) = slot {
                self.save_snapshot(&id, snapshot, commit_no);
            } else if matches!(work, Work::Snapshot) {
                world.snapshot_under_way = false;
                self.snapshots = self.snapshots.saturating_sub(1);
            }
            if let Some(change) = change {
                self.conclude_change(&id, change, stillborn, changed);
            }
        }
        for (id, told) in jobs.iter().filter(|(_, told)| !told.0.is_empty()) {
            self.heed_jobs(id, told);
        }
        if let (Work::Order(order), Some(id)) = (&work, &first)
            && let Some(word) = &order.word
        {
            self.heed_word(id, word);
        }
        if let Some(said) = unheard {
            self.conclude_unheard(&said);
        }
        let mut replies = Vec::new();
        if let Some(command) = command.filter(|_| !matches!(work, Work::Repeated(_))) {
            let first = self.in_flight_commands.remove(&(command.world, command.head.command_id));
            replies.extend(first.into_iter().flat_map(|first| first.waiting).map(|reply| (reply, answer.clone())));
        }
        match work {
            Work::Order(order) => replies.extend(order.reply.map(|reply| (reply, answer))),
            Work::Question { reply: Some(reply) } => replies.push((reply, answer)),
            _ => {}
        }
        replies
    }

    /// Commands are durable: those that were sent again meanwhile can be told what became of the first.
    fn tell_repetitions(&mut self, rows: &[CommandRow]) {
        if rows.is_empty() {
            return;
        }
        self.units.each(|unit| {
            if let (Work::Repeated(Repeated { first: first @ None, .. }), Some(command)) =
                (&mut unit.work, &unit.command)
            {
                let is_first = |row: &&CommandRow| {
                    row.command_id == command.head.command_id && row.world_id == command.world.as_str()
                };
                *first = rows.iter().find(is_first).cloned().map(Box::new);
            }
        });
    }

    /// A change in the registry of worlds is durable.
    fn conclude_change(&mut self, id: &WorldId, change: &WorldChange, stillborn: bool, changed: bool) {
        let Some(world) = self.worlds.get_mut(id) else { return };
        match change {
            WorldChange::Register(_) if stillborn => {
                if world.presence == Presence::Arriving {
                    self.worlds.remove(id);
                }
            }
            WorldChange::Register(row) => {
                if world.presence == Presence::Arriving {
                    tracing::info!(world_id = %id, shard = row.shard, incarnation = %row.incarnation, "world is registered");
                }
                world.presence = Presence::Here;
                self.edge.lock().forget(id);
            }
            WorldChange::Configure { simulation, .. } if changed => {
                // Of this commit: another change may be under way.
                if let Ok(simulation) = serde_json::from_str(simulation) {
                    world.shown = Arc::new(simulation);
                }
            }
            WorldChange::Remove { .. } => {
                tracing::info!(world_id = %id, "world is removed");
                self.with_debt(id, |world| world.debt_micros = 0);
                self.worlds.remove(id);
                self.edge.lock().forget(id);
                self.step_lines.forget(id);
            }
            WorldChange::Status { .. } | WorldChange::Configure { .. } => {}
        }
    }

    /// The store refuses a value for good. One by one the units are tried again; the one that is refused alone loses
    /// a part with each refusal, so that this ends: first the world that is named faults, then all of its worlds; its
    /// record becomes a dead letter, and if that is refused as well, it is passed over with a line in the log.
    pub(super) fn refused(&mut self, mut units: Vec<Unit>, error: &StoreError) {
        if units.len() > 1 {
            for unit in units.into_iter().rev() {
                self.again.push_front(unit);
            }
            return;
        }
        let Some(mut unit) = units.pop() else {
            self.failure = Some(HostFailure::Store(error.to_string()));
            return;
        };
        tracing::error!(%error, "the store refuses what an input led to; the input is taken out");
        let ran = |(_, slot): &(&WorldId, &Slot)| matches!(slot, Slot::Applied { .. });
        let mut worlds: Vec<WorldId> = unit.slots.iter().filter(ran).map(|(id, _)| id.clone()).collect();
        if let StoreError::Refused { world_id: Some(named), .. } = error
            && let Some(named) = worlds.iter().find(|id| id.as_str() == named).cloned()
        {
            worlds = vec![named];
        }
        if worlds.is_empty() && !self.take_record_out(&mut unit, error) {
            self.failure = Some(HostFailure::Store(error.to_string()));
            return;
        }
        for id in worlds {
            self.fault_by_refusal(&mut unit, &id, &error.to_string());
        }
        self.again.push_front(unit);
    }

    /// Makes a dead letter of a unit's record, or passes it over if the dead letter was refused. Returns false if
    /// there is nothing to be taken out of the unit.
    fn take_record_out(&mut self, unit: &mut Unit, error: &StoreError) -> bool {
        let Some(origin) = &unit.origin else { return false };
        unit.work = match std::mem::replace(&mut unit.work, Work::Moved) {
            Work::Moved => return false,
            Work::Tick(tick) => {
                self.conclude_tick(&tick);
                let raw = tick.raw;
                Work::Bad { class: REFUSED_BY_STORE.into(), message: format!("the store refuses it: {error}"), raw }
            }
            Work::Bad { class, raw, .. } if class != REFUSED_BY_STORE => {
                Work::Bad { class: REFUSED_BY_STORE.into(), message: format!("the store refuses it: {error}"), raw }
            }
            Work::Order(order) if order.raw.is_some() => {
                unit.command = None;
                let raw = order.raw.unwrap_or_default();
                Work::Bad { class: REFUSED_BY_STORE.into(), message: format!("the store refuses it: {error}"), raw }
            }
            _ => {
                tracing::error!(
                    topic = %origin.topic, partition = origin.partition, offset = origin.offset,
                    "the store refuses even to note a record; it is passed over and stays on its topic"
                );
                unit.command = None;
                Work::Moved
            }
        };
        true
    }

    pub(super) fn fault_by_refusal(&mut self, unit: &mut Unit, id: &WorldId, error: &str) {
        let reason = format!("an earlier input was refused by the store: {error}");
        let mut never_due: BTreeSet<Uuid> = BTreeSet::new();
        if let Some(slot @ Slot::Applied { .. }) = unit.slots.get_mut(id)
            && let Slot::Applied { input, outcome, .. } = std::mem::replace(slot, Slot::Touched)
        {
            never_due.extend(outcome.due_ticks.iter().map(|due| due.tick_id));
            let text = serde_json::to_string(&input).ok();
            let status = WorldStatus::Faulted { error: clean(error), input: text, since: self.wall_micros() };
            *slot = Slot::Failed { input, error: error.to_owned() };
            tracing::error!(world_id = %id, error, "world has faulted; its last commit stands");
            metrics::counter!("worldtick_world_faults_total").increment(1);
            if let Some(world) = self.worlds.get_mut(id) {
                world.status = status.clone();
                world.row.status = status;
                world.pace = None;
                self.with_debt(id, |world| world.debt_micros = 0);
                self.workers.give(Task { unit: u64::MAX, world: id.clone(), job: Job::Drop });
            }
        }
        // What the world did after that input never happened.
        let mut undo = |later: &mut Unit| {
            if let Some(slot) = later.slots.get_mut(id).filter(|slot| slot.is_of_a_living_world()) {
                if let Slot::Applied { outcome, .. } = slot {
                    never_due.extend(outcome.due_ticks.iter().map(|due| due.tick_id));
                }
                *slot = Slot::Gone { reason: reason.clone() };
            }
        };
        self.again.iter_mut().for_each(&mut undo);
        self.units.each(undo);
        if let Some(world) = self.worlds.get_mut(id) {
            world.outstanding.retain(|tick_id| !never_due.contains(tick_id));
        }
        self.refresh(id);
    }
}
