//! Which world a thread runs next. Worlds belong to no thread: whichever is free takes the world that has waited longest,
//! does one job with it, and puts it back at the end. A world that takes long keeps one thread and no other world waiting,
//! as long as there is a thread besides.
//!
//! A world is with one thread at a time, and its jobs keep their order, so that threads decide nothing but when.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::worker::{Held, Task};
use crate::components::ids::WorldId;

/// The jobs of all worlds.
#[derive(Debug)]
pub(super) struct RunQueue {
    state: Mutex<State>,
    /// Something is ready, or nothing more will be.
    changed: Condvar,
    /// There is room for another task.
    room: Condvar,
    tasks_max: usize,
}

#[derive(Debug, Default)]
struct State {
    worlds: BTreeMap<WorldId, Waiting>,
    /// Worlds with something to do that are with no thread, longest waiting first.
    ready: VecDeque<WorldId>,
    /// Tasks of all worlds that nobody has begun.
    tasks: usize,
    closed: bool,
}

/// A world between its jobs, and what is still to be done with it.
#[derive(Debug, Default)]
struct Waiting {
    held: Option<Held>,
    tasks: VecDeque<Task>,
    /// Whether a thread has it.
    taken: bool,
}

impl RunQueue {
    /// An empty one, for at most so many tasks.
    pub(super) fn new(tasks_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), room: Condvar::new(), tasks_max: tasks_max.max(1) }
    }

    /// Puts a task behind the others of its world; waits for room where there are too many already. False once it is
    /// closed.
    pub(super) fn give(&self, task: Task) -> bool {
        let full = |state: &mut State| state.tasks >= self.tasks_max && !state.closed;
        let mut state = self.room.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        let id = task.world.clone();
        state.tasks += 1;
        let world = state.worlds.entry(id.clone()).or_default();
        world.tasks.push_back(task);
        if !world.taken && world.tasks.len() == 1 {
            state.ready.push_back(id);
            self.changed.notify_one();
        }
        true
    }

    /// Waits for a world with something to do and takes it with its next task. Nothing once it is closed and empty.
    pub(super) fn take(&self) -> Option<(Task, Option<Held>)> {
        let mut state = self.lock();
        loop {
            if let Some(id) = state.ready.pop_front() {
                if let Some(world) = state.worlds.get_mut(&id)
                    && let Some(task) = world.tasks.pop_front()
                {
                    world.taken = true;
                    let held = world.held.take();
                    state.tasks -= 1;
                    self.room.notify_one();
                    return Some((task, held));
                }
                continue;
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives a world back.
    pub(super) fn put_back(&self, id: WorldId, held: Option<Held>) {
        let mut state = self.lock();
        let Some(world) = state.worlds.get_mut(&id) else { return };
        world.taken = false;
        if !world.tasks.is_empty() {
            world.held = held;
            state.ready.push_back(id);
            self.changed.notify_one();
        } else if held.is_some() {
            world.held = held;
        } else {
            state.worlds.remove(&id);
        }
    }

    /// Lets threads end when there is nothing left to do.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
        self.room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::host::worker::Job;

    fn task(world: &str, unit: u64) -> Task {
        Task { unit, world: WorldId::new(world).expect("an id"), job: Job::Save }
    }

    fn next(queue: &RunQueue) -> (String, u64) {
        let (task, _) = queue.take().expect("one is ready");
        (task.world.to_string(), task.unit)
    }

    fn back(queue: &RunQueue, world: &str) {
        queue.put_back(WorldId::new(world).expect("an id"), None);
    }

    #[test]
    fn a_world_is_with_one_thread_and_its_jobs_keep_their_order() {
        let queue = RunQueue::new(10);
        for (world, unit) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
            assert!(queue.give(task(world, unit)));
        }
        assert_eq!(next(&queue), ("a".into(), 1));
        // The world `a` is taken: its next job waits, and `b` does not wait for it.
        assert_eq!(next(&queue), ("b".into(), 3));
        back(&queue, "a");
        back(&queue, "b");
        assert!(queue.give(task("b", 5)));
        assert_eq!(next(&queue), ("a".into(), 2));
        back(&queue, "a");
        assert_eq!(next(&queue), ("b".into(), 5), "each has its turn");
        assert_eq!(next(&queue), ("a".into(), 4));
        back(&queue, "a");
        back(&queue, "b");
        queue.close();
        assert!(queue.take().is_none());
        assert!(queue.lock().worlds.is_empty(), "what is gone leaves nothing behind");
    }

    #[test]
    fn it_has_a_bound_and_takes_nothing_once_closed() {
        let queue = RunQueue::new(2);
        assert!(queue.give(task("a", 1)) && queue.give(task("b", 2)));
        std::thread::scope(|scope| {
            let third = scope.spawn(|| queue.give(task("c", 3)));
            // It waits for this; the queue never holds three.
            assert_eq!(next(&queue), ("a".into(), 1));
            assert!(third.join().expect("no panic"));
            assert_eq!(queue.lock().tasks, 2);
        });
        queue.close();
        assert_eq!(next(&queue), ("b".into(), 2), "what was given is done");
        assert!(!queue.give(task("d", 4)));
    }
}
