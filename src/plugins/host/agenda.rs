//! Which world is due when, and the beginning of what is due. Only worlds that wait for an instant have an entry: the
//! others cost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::commands::Asked;
use super::engine::{Engine, wall_now};
use super::pacing::Turn;
use super::unit::{Unit, Work};
use super::worker::Job;
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::messages::Input;

/// Worlds by the instant at which something is due for them, at most one for each.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    due: BTreeSet<(T, WorldId)>,
    entries: BTreeMap<WorldId, T>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { due: BTreeSet::new(), entries: BTreeMap::new() }
    }
}

impl<T: Copy + Ord> Agenda<T> {
    /// Something is due for this world at `at`; or nothing any more.
    pub(super) fn set(&mut self, id: &WorldId, at: Option<T>) {
        let known = self.entries.get(id).copied();
        if known == at {
            return;
        }
        if let Some(known) = known {
            self.entries.remove(id);
            self.due.remove(&(known, id.clone()));
        }
        if let Some(at) = at {
            self.entries.insert(id.clone(), at);
            self.due.insert((at, id.clone()));
        }
    }

    /// The earliest instant.
    pub(super) fn next(&self) -> Option<T> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the earliest entry if it is due by `now`.
    pub(super) fn take(&mut self, now: T) -> Option<WorldId> {
        if self.next()? > now {
            return None;
        }
        let (_, id) = self.due.pop_first()?;
        self.entries.remove(&id);
        Some(id)
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
        self.entries.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.due.len(), self.entries.len());
        self.due.len()
    }
}

impl Engine {
    /// Ends pauses that were to end at an instant of the wall clock.
    pub(super) fn resume_when_due(&mut self) {
        let wall = self.wall_micros();
        while let Some(id) = self.pauses.take(wall) {
            self.begin_resume(&id, "until".to_owned(), Asked::default());
        }
    }

    /// Whether any world may begin a step.
    pub(super) fn may_pace(&self) -> bool {
        !self.stopping && self.units.len() < self.config.units_max && !self.outbox_is_full()
    }

    /// Looks again when something is due for a world: to be called whenever that may have changed.
    pub(super) fn refresh(&mut self, id: &WorldId) {
        let Some(world) = self.worlds.get(id).filter(|_| !self.stopping) else {
            self.steps.set(id, None);
            self.pauses.set(id, None);
            return;
        };
        self.steps.set(id, world.due(self.config.outstanding_ticks_max));
        self.pauses.set(id, world.paused_until());
    }

    /// Tells of live worlds that have something under way for so long that they fall behind.
    pub(super) fn watch_paces(&mut self) {
        let now = wall_now();
        for (id, world) in &mut self.worlds {
            if let Some(late) = world.pace.as_mut().and_then(|pace| pace.watch(now)) {
                falls_behind(id, late);
            }
        }
    }

    /// Begins the steps of live worlds that are due. A world without an entry in the agenda is not looked at.
    pub(super) fn begin_due_steps(&mut self) {
        let now = wall_now();
        let wall_micros = self.wall_micros();
        while self.may_pace()
            && let Some(id) = self.steps.take(now)
        {
            let most = self.config.outstanding_ticks_max;
            let Some(world) = self.worlds.get_mut(&id).filter(|world| world.due(most).is_some()) else { continue };
            if world.is_at_the_end() {
                let words = format!("the calendar ends at {}", GameInstant::MAX);
                self.begin_pause(&id, words, "worldtick".to_owned(), None, Asked::default());
                continue;
            }
            let Some(pace) = &mut world.pace else { continue };
            let Some((real, turn)) = pace.step(now) else { continue };
            let dropped = pace.take_dropped();
            if dropped.steps > 0 {
                world.dropped.add(dropped);
                metrics::counter!("worldtick_steps_dropped_total").increment(dropped.steps);
            }
            match turn {
                Some(Turn::FallsBehind(late)) => falls_behind(&id, late),
                Some(Turn::KeepsUp) => {
                    let dropped_seconds = world.dropped.time.as_secs_f64();
                    tracing::info!(world_id = %id, dropped_seconds, "a live world keeps up again");
                }
                None => {}
            }
            let real_micros = u64::try_from(real.as_micros()).unwrap_or(u64::MAX);
            self.send_one(
                Unit::new(None, Work::Step),
                &id,
                Job::Apply(Input::Elapsed { real_micros, wall_micros, steps: 1 }),
            );
        }
    }
}

fn falls_behind(id: &WorldId, late: Duration) {
    let lag_seconds = late.as_secs_f64();
    tracing::warn!(world_id = %id, lag_seconds, "a live world falls behind: what it cannot catch up is dropped");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_each_world_has_one_entry() {
        let id = |name: &str| WorldId::new(name).expect("an id");
        let mut agenda = Agenda::default();
        agenda.set(&id("a"), Some(5));
        agenda.set(&id("b"), Some(3));
        agenda.set(&id("a"), Some(1));
        agenda.set(&id("c"), Some(2));
        agenda.set(&id("c"), None);
        assert_eq!((agenda.len(), agenda.next()), (2, Some(1)));
        assert_eq!(agenda.take(0), None);
        assert_eq!(agenda.take(9), Some(id("a")));
        assert_eq!(agenda.take(9), Some(id("b")));
        assert_eq!((agenda.take(9), agenda.len()), (None, 0));
    }
}
