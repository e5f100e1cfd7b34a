//! The threads that own the worlds. Each does one job after the other and answers each.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::Value;
use uuid::Uuid;

use super::BuildApp;
use super::restore::{NotRestored, Restorer};
use super::unit::{Made, Slot};
use crate::components::ids::WorldId;
use crate::messages::Input;
use crate::plugins::store::WorldRow;
use crate::world::spec::WorldSpec;
use crate::world::{GameWorld, panic_text};

/// Something that a worker does with one world.
#[derive(Debug)]
pub(super) enum Job {
    /// Make it from its file.
    Create { spec: Box<WorldSpec>, incarnation: Uuid },
    /// Bring it back from the store.
    Restore(Box<WorldRow>),
    /// Give it an input.
    Apply(Input),
    /// Ask it.
    Ask { query: String, payload: Value },
    /// Save it.
    Save,
    /// Let it go.
    Drop,
}

/// A job with its address.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) unit: u64,
    pub(super) world: WorldId,
    pub(super) job: Job,
}

/// A worker's answer.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) unit: u64,
    pub(super) world: WorldId,
    pub(super) slot: Slot,
}

/// The worker threads.
#[derive(Debug)]
pub(super) struct Workers {
    lanes: Vec<Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads that answer through `finished`. No more than `tasks_max` tasks may be under way at once.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(
        count: usize,
        tasks_max: usize,
        build: &BuildApp,
        restorer: &Restorer,
        finished: &Sender<Finished>,
    ) -> std::io::Result<Self> {
        let mut workers = Self { lanes: Vec::new(), threads: Vec::new() };
        for index in 0..count.max(1) {
            let (lane, tasks) = bounded(tasks_max);
            let (build, restorer, finished) = (build.clone(), restorer.clone(), finished.clone());
            let run = move || work(&tasks, &build, &restorer, &finished);
            workers.threads.push(std::thread::Builder::new().name(format!("world-worker-{index}")).spawn(run)?);
            workers.lanes.push(lane);
        }
        Ok(workers)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Gives a task to the worker that owns its world. Returns false if that worker has ended.
    pub(super) fn give(&self, lane: usize, task: Task) -> bool {
        self.lanes.get(lane % self.lanes.len().max(1)).is_some_and(|lane| lane.send(task).is_ok())
    }

    /// Lets the workers finish what they have and ends them.
    pub(super) fn stop(self) {
        drop(self.lanes);
        for thread in self.threads {
            // A panic in there has been logged by the hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn work(tasks: &Receiver<Task>, build: &BuildApp, restorer: &Restorer, finished: &Sender<Finished>) {
    let mut worlds: BTreeMap<WorldId, GameWorld> = BTreeMap::new();
    while let Ok(Task { unit, world, job }) = tasks.recv() {
        let slot = catch_unwind(AssertUnwindSafe(|| perform(&mut worlds, &world, job, build, restorer)))
            .unwrap_or_else(|panic| Slot::NotMade(panic_text(&*panic)));
        if finished.send(Finished { unit, world, slot }).is_err() {
            return;
        }
    }
}

fn perform(
    worlds: &mut BTreeMap<WorldId, GameWorld>,
    id: &WorldId,
    job: Job,
    build: &BuildApp,
    restorer: &Restorer,
) -> Slot {
    let gone = || Slot::Gone { reason: "the world is not running: it failed or was removed".into() };
    match job {
        Job::Create { spec, incarnation } => match GameWorld::create(build(*spec), incarnation) {
            Ok(world) => keep(worlds, id, world, 0),
            Err(error) => Slot::NotMade(error.to_string()),
        },
        Job::Restore(row) => match restorer(&row, build) {
            Ok((world, debt_micros)) => keep(worlds, id, world, debt_micros),
            Err(NotRestored::Foreign(words)) => Slot::Foreign(words),
            Err(NotRestored::Lost(words)) => Slot::NotMade(words),
        },
        Job::Apply(input) => {
            let Some(world) = worlds.get_mut(id) else { return gone() };
            let began = stopwatch();
            match world.apply(&input) {
                Ok(outcome) => {
                    let cost_micros = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
                    Slot::Applied { input, outcome: Box::new(outcome), cost_micros }
                }
                Err(fault) => {
                    worlds.remove(id);
                    Slot::Failed { input, error: fault.error }
                }
            }
        }
        Job::Ask { query, payload } => match worlds.get_mut(id) {
            Some(world) => Slot::Answered(world.query(&query, payload)),
            None => gone(),
        },
        Job::Save => match worlds.get_mut(id) {
            Some(world) => match (world.snapshot(), world.state_hash()) {
                (Ok(bytes), Ok(hash)) => Slot::Saved { bytes, hash },
                (Err(error), _) | (_, Err(error)) => Slot::NotMade(error.to_string()),
            },
            None => gone(),
        },
        Job::Drop => {
            worlds.remove(id);
            Slot::Touched
        }
    }
}

fn keep(worlds: &mut BTreeMap<WorldId, GameWorld>, id: &WorldId, mut world: GameWorld, debt_micros: i64) -> Slot {
    let made = match world.state_hash() {
        Ok(hash) => Made { now: world.now(), hash, inputs: world.clock().inputs, debt_micros },
        Err(error) => return Slot::NotMade(error.to_string()),
    };
    worlds.insert(id.clone(), world);
    Slot::Made(made)
}

#[expect(clippy::disallowed_methods, reason = "the cost of a step is measured outside the world")]
fn stopwatch() -> Instant {
    Instant::now()
}
