//! Worlds that come, go, begin anew and are brought back, while the others run.

use std::sync::Arc;

use serde_json::json;

use super::commands::Asked;
use super::configure::{change_rows, in_place};
use super::engine::Engine;
use super::hosted::{Hosted, Presence};
use super::load::of_one_source;
use super::orders::{Begun, OrderError, no};
use super::unit::{OrderWork, TickNote, TickWork, Unit, Work};
use super::worker::Job;
use crate::components::ids::WorldId;
use crate::messages::Input;
use crate::plugins::store::{WorldChange, WorldStatus};
use crate::world::spec::WorldSpec;

impl Engine {
    /// Whether another world fits.
    pub(super) fn has_room(&self) -> bool {
        self.worlds.len() < self.config.worlds_max
    }

    /// Makes a world and registers it, both or neither: what cannot be made is refused.
    pub(super) fn begin_registration(&mut self, id: &WorldId, spec: WorldSpec, asked: Asked) -> Begun {
        if spec.id != *id {
            let words = format!("the file is of world `{}`, not `{id}`", spec.id);
            return no(OrderError::Refused(words), asked);
        }
        if !self.has_room() {
            let words = format!(
                "this server holds {} worlds and no more: remove one, or raise host.worlds_max",
                self.config.worlds_max
            );
            return no(OrderError::Conflict(words), asked);
        }
        let spec = match of_one_source(&spec).and_then(|()| self.with_agents(spec)) {
            Ok(spec) => spec,
            Err(error) => return no(OrderError::Refused(error), asked),
        };
        let row = match self.registration(&spec, self.shard_of_world(id)) {
            Ok(row) => row,
            Err(error) => return no(OrderError::Refused(error), asked),
        };
        let incarnation = row.incarnation;
        let answer = json!({ "world_id": id, "incarnation": incarnation, "shard": row.shard });
        let mut world = Hosted::new(row.clone(), Arc::new(spec.clone()));
        world.presence = Presence::Arriving;
        self.worlds.insert(id.clone(), world);
        let work = OrderWork {
            change: Some(WorldChange::Register(row)),
            answer: Some(Ok(answer)),
            fresh: true,
            ..OrderWork::default()
        };
        self.send_one(asked.unit(work), id, Job::Create { spec: Box::new(spec), incarnation });
        Ok(())
    }

    /// Removes a world that has nothing under way.
    pub(super) fn begin_removal(&mut self, id: &WorldId, asked: Asked) {
        let at = self.wall_micros();
        let Some(world) = self.worlds.get_mut(id) else { return };
        world.presence = Presence::Leaving;
        world.pace = None;
        // A file that describes it must not bring it back at the next start.
        let file_hash = self.file_hashes.get(id).copied().unwrap_or(world.row.spec_hash);
        let change = WorldChange::Remove { world_id: id.to_string(), shard: world.shard, file_hash, at };
        let answer = Ok(json!({ "world_id": id, "removed": true }));
        let unit = asked.unit(OrderWork { change: Some(change), answer: Some(answer), ..OrderWork::default() });
        self.send_one(unit, id, Job::Drop);
        self.refresh(id);
    }

    /// Lets a world begin anew, or leaves it as it is if it cannot be made of that file.
    pub(super) fn begin_reset(&mut self, id: &WorldId, spec: Option<WorldSpec>, asked: Asked) -> Begun {
        let Some(world) = self.worlds.get(id) else { return no(self.unknown_world(id), asked) };
        if let Some(Err(error)) = spec.as_ref().map(of_one_source) {
            return no(OrderError::Refused(error), asked);
        }
        let spec = spec.unwrap_or_else(|| WorldSpec::clone(&world.spec));
        if spec.id != *id {
            let words = format!("the file is of world `{}`, not `{id}`", spec.id);
            return no(OrderError::Refused(words), asked);
        }
        let spec = match self.with_agents(spec) {
            Ok(spec) => spec,
            Err(error) => return no(OrderError::Refused(error), asked),
        };
        let row = match self.registration(&spec, world.shard) {
            Ok(row) => row,
            Err(error) => return no(OrderError::Refused(error), asked),
        };
        let incarnation = row.incarnation;
        let change = Some(WorldChange::Register(row.clone()));
        let answer = json!({ "world_id": id, "incarnation": incarnation });
        // What was changed while it lived goes with its state: its history says so.
        let (before, after) = (&world.simulation, &spec.meta.simulation);
        let changes = in_place((before, &world.spec.description), (after, &spec.description));
        let by = asked.command.as_ref().map_or("worldtick", |command| command.head.issued_by.as_str());
        let settings = change_rows(world, changes, by, asked.command_id(), row.registered_at);
        let work = OrderWork { change, settings, answer: Some(Ok(answer)), fresh: true, ..OrderWork::default() };
        let unit = asked.unit(work);
        self.with_debt(id, |world| world.begin_anew(row, Arc::new(spec.clone())));
        self.send_one(unit, id, Job::Create { spec: Box::new(spec), incarnation });
        self.refresh(id);
        Ok(())
    }

    pub(super) fn begin_recovery(&mut self, id: &WorldId, retry: bool, asked: Asked) -> Begun {
        let Some(world) = self.worlds.get_mut(id) else { return no(self.unknown_world(id), asked) };
        let WorldStatus::Faulted { input, .. } = &world.status else {
            let words = format!("world `{id}` has not faulted: there is nothing to recover");
            return no(OrderError::Conflict(words), asked);
        };
        let failed: Option<Input> = match input.as_deref().map(serde_json::from_str).transpose() {
            Ok(input) => input,
            Err(_) if !retry => None,
            Err(error) => {
                let words = format!("the input that failed cannot be read ({error}): recover with `skip`");
                return no(OrderError::Conflict(words), asked);
            }
        };
        world.retried = input.clone().filter(|_| retry);
        world.status = WorldStatus::Running;
        world.row.status = WorldStatus::Running;
        let row = world.row.clone();
        let change = Some(WorldChange::Status { world_id: id.to_string(), status: WorldStatus::Running });
        let words = if retry && failed.is_some() { "retried" } else { "skipped" };
        tracing::info!(world_id = %id, input = words, "world is recovered from its last commit");
        let answer = json!({ "world_id": id, "input": words });
        // A tick has a line in the history for everything that becomes of it; other inputs are in the log and journal.
        let mut again = match &failed {
            Some(Input::Tick(tick)) => Some(TickWork::again(tick)),
            _ => None,
        };
        let tick = again.take_if(|_| !retry).map(|mut tick| {
            let detail = Some("left out when the world was recovered".to_owned());
            tick.notes.push(TickNote { world: Some(id.clone()), shard: row.shard, outcome: "skipped", detail });
            tick
        });
        let Some(input) = failed.filter(|_| retry) else {
            let unit = asked.unit(OrderWork { change, tick, answer: Some(Ok(answer)), ..OrderWork::default() });
            self.send_one(unit, id, Job::Restore(Box::new(row)));
            return Ok(());
        };
        // Whoever asked hears what became of the retry, not only that the world is back.
        let back = Unit::new(None, Work::Order(Box::new(OrderWork { change, ..OrderWork::default() })));
        self.send_one(back, id, Job::Restore(Box::new(row)));
        let unit = asked.unit(OrderWork { tick: again, answer: Some(Ok(answer)), ..OrderWork::default() });
        self.send_one(unit, id, Job::Apply(input));
        Ok(())
    }
}
