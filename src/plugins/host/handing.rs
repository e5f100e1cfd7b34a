//! Units of work on their way to the worker threads, and what comes back.

use super::commands::InFlight;
use super::engine::{Engine, wall_now};
use super::hosted::{Hosted, Presence};
use super::parts::HostFailure;
use super::unit::{Slot, Unit, Work};
use super::worker::{Finished, Job, Task};
use crate::components::ids::WorldId;
use crate::plugins::store::WorldStatus;

impl Engine {
    /// A world by its name as rows have it.
    pub(super) fn world_mut(&mut self, id: &str) -> Option<&mut Hosted> {
        WorldId::new(id).ok().and_then(|id| self.worlds.get_mut(&id))
    }

    /// Begins a unit for one world.
    pub(super) fn send_one(&mut self, mut unit: Unit, id: &WorldId, job: Job) {
        unit.slots.insert(id.clone(), Slot::Waiting);
        let mut job = Some(job);
        self.send_all(unit, || job.take().unwrap_or(Job::Drop));
    }

    /// Begins a unit whose slots name its worlds.
    pub(super) fn send_all(&mut self, mut unit: Unit, mut job: impl FnMut() -> Job) {
        unit.waiting = unit.slots.len();
        let ids: Vec<WorldId> = unit.slots.keys().cloned().collect();
        let number = self.push_unit(unit);
        for id in ids {
            if !self.workers.give(Task { unit: number, world: id, job: job() }) {
                self.failure = Some(HostFailure::Worker);
            }
        }
    }

    pub(super) fn push_unit(&mut self, unit: Unit) -> u64 {
        for id in unit.slots.keys() {
            if let Some(world) = self.worlds.get_mut(id) {
                world.units += 1;
            }
        }
        if let Some(command) = unit.command.as_ref().filter(|_| !matches!(unit.work, Work::Repeated(_))) {
            let key = (command.world.clone(), command.head.command_id);
            let (name, fingerprint) = (command.head.command.clone(), command.fingerprint.clone());
            self.in_flight_commands.insert(key, InFlight { command: name, fingerprint, waiting: Vec::new() });
        }
        self.units.push(unit)
    }

    pub(super) fn on_finished(&mut self, finished: Finished) {
        let Finished { unit, world: id, mut slot } = finished;
        let (now, wall) = (wall_now(), self.wall_micros());
        if let Slot::Made(made) = &slot {
            self.with_debt(&id, |world| world.made(made, now));
        }
        if let Some(world) = self.worlds.get_mut(&id) {
            // Its last commit stands: what a worker had done before it heard of the fault never happened.
            if world.is_faulted() && slot.is_of_a_living_world() {
                slot = Slot::Gone { reason: "the world has faulted meanwhile".into() };
            }
            match &slot {
                Slot::Applied { outcome, .. } => {
                    world.outstanding.extend(outcome.due_ticks.iter().map(|due| due.tick_id));
                }
                // In the store it is what it was: the version that wrote the journal runs it again.
                Slot::Foreign(words) => {
                    tracing::error!(world_id = %id, error = words, "world stands still");
                    world.status = WorldStatus::Faulted { error: words.clone(), input: None, since: wall };
                    world.pace = None;
                }
                // It is refused, and was never there.
                Slot::NotMade(_) if world.presence == Presence::Arriving => {}
                // It was to begin anew: it goes on as it was.
                Slot::NotMade(error) if world.begins_anew() => {
                    tracing::warn!(world_id = %id, error, "a world cannot begin anew, and stays what it was");
                    self.with_debt(&id, Hosted::stay);
                    self.units.finish(unit, &id, slot);
                    return self.refresh(&id);
                }
                Slot::NotMade(error) if world.is_faulted() => {
                    tracing::warn!(world_id = %id, error, "a faulted world cannot be brought back to its last commit");
                }
                Slot::Failed { error, .. } | Slot::NotMade(error) => {
                    let input = match &slot {
                        Slot::Failed { input, .. } => serde_json::to_string(input).ok(),
                        _ => world.retried.take(),
                    };
                    tracing::error!(world_id = %id, error, "world has faulted; its last commit stands");
                    metrics::counter!("worldtick_world_faults_total").increment(1);
                    let error = super::assemble::clean(error);
                    world.status = WorldStatus::Faulted { error, input, since: wall };
                    world.row.status = world.status.clone();
                    world.pace = None;
                }
                _ => {}
            }
            if world.is_faulted() {
                // It is shown and not run: it owes no snapshot.
                self.with_debt(&id, |world| world.debt_micros = 0);
            }
        }
        self.units.finish(unit, &id, slot);
    }
}
