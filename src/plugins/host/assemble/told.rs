//! What is told of commands and to workers.

use uuid::Uuid;

use super::Assembly;
use crate::components::ids::WorldId;
use crate::plugins::host::commands::{command_row, result_row};
use crate::plugins::host::generation::stop_row;
use crate::plugins::host::orders::OrderError;
use crate::plugins::host::unit::{Repeated, Slot, Unit, Work};
use crate::plugins::store::{CommandRow, WorldChange};

impl Assembly<'_> {
    /// A world is gone, or begins anew: nobody waits any more for what workers have of it.
    pub(super) fn stop_workers(&mut self, change: &WorldChange) {
        if !matches!(change, WorldChange::Register(_) | WorldChange::Remove { .. }) {
            return;
        }
        let Ok(id) = WorldId::new(change.world_id()) else { return };
        let of_world = self.engine.edge.lock().of_world(&id);
        for (job, attempt, card) in of_world {
            self.outbox(stop_row(&card, (job, attempt), "gone", self.wall));
        }
    }

    /// What a worker has said: kept where its world could not hear it, forgotten once it has. Whether it is kept.
    fn answer(&mut self, unit: &Unit) -> bool {
        let Work::Order(order) = &unit.work else { return false };
        let Some(said) = &order.said else { return false };
        let unheard = unit.unheard().is_some();
        match (said.kept, unheard) {
            (false, true) => self.commit.edge.answers.push(said.row.clone()),
            (true, false) => self.commit.edge.heard.push((said.row.world_id.clone(), said.row.result_id)),
            _ => {}
        }
        unheard
    }

    /// What became of a command: kept under its id, and told to who sent it through Kafka.
    pub(super) fn command(&mut self, unit: &Unit) {
        if self.answer(unit) {
            // It has yet to become something.
            return;
        }
        let Some(command) = &unit.command else { return };
        let (wall, commit_no) = (self.wall, self.commit.commit_no);
        let (row, repeated) = match &unit.work {
            // The record of the first stays as it is.
            Work::Repeated(Repeated { differs: Some(words), .. }) => {
                let refused = Err(OrderError::Conflict(words.clone()));
                (Some(command_row(command, &refused, None, wall, commit_no)), false)
            }
            Work::Repeated(Repeated { first: before, .. }) => {
                let same = |row: &&CommandRow| {
                    row.command_id == command.head.command_id && row.world_id == command.world.as_str()
                };
                let before = before.as_deref().or_else(|| self.commit.commands.iter().find(same));
                (before.cloned(), true)
            }
            _ => {
                let now = unit.slots.values().find_map(|slot| match slot {
                    Slot::Applied { outcome, .. } => outcome.now,
                    Slot::Made(made) => made.now,
                    _ => None,
                });
                let now = now.or_else(|| self.engine.worlds.get(&command.world).and_then(|world| world.now));
                let now = now.map(|now| now.as_micros());
                let mut row = command_row(command, &unit.answer(), now, wall, commit_no);
                // Of a world that it made, it is that one's.
                if let Work::Order(order) = &unit.work
                    && let Some(WorldChange::Register(made)) = order.change.as_ref().filter(|_| !unit.is_stillborn())
                {
                    row.incarnation = Some(made.incarnation);
                }
                self.commit.commands.push(row.clone());
                (Some(row), false)
            }
        };
        let name = match (&unit.origin, &unit.work) {
            (Some(origin), _) => Some(format!("{}:{}:{}", origin.topic, origin.partition, origin.offset)),
            // Its record was taken long ago.
            (None, Work::Order(order)) if order.said.is_some() => Some(format!("kept:{}", command.head.command_id)),
            _ => None,
        };
        if let Some(name) = name {
            let name = format!("result:{name}:{commit_no}");
            let event_id = Uuid::new_v5(&self.engine.store_id, name.as_bytes());
            self.outbox(result_row(command, row.as_ref(), repeated, event_id, wall));
        }
    }
}
