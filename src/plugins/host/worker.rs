//! The threads that run the worlds: what they do with one, and the answer to each job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::Sender;
use serde_json::Value;
use uuid::Uuid;

use super::BuildApp;
use super::restore::{NotRestored, Restored, Restorer};
use super::run_queue::RunQueue;
use super::steps::SetClock;
use super::unit::{Made, Slot};
use crate::components::ids::WorldId;
use crate::components::tier::PerTier;
use crate::messages::Input;
use crate::plugins::store::WorldRow;
use crate::plugins::watch::WatchPlugin;
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

/// A world in this process, and the stopwatch that its system sets tell when they begin and end.
#[derive(Debug)]
pub(super) struct Held {
    world: GameWorld,
    clock: SetClock,
}

/// The worker threads.
#[derive(Debug)]
pub(super) struct Workers {
    queue: Arc<RunQueue>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads that answer through `finished`. No more than `tasks_max` tasks may wait at once.
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
        let mut workers = Self { queue: Arc::new(RunQueue::new(tasks_max)), threads: Vec::new() };
        for index in 0..count.max(1) {
            let (queue, build, restorer) = (workers.queue.clone(), build.clone(), restorer.clone());
            let finished = finished.clone();
            let run = move || work(&queue, &build, &restorer, &finished);
            workers.threads.push(std::thread::Builder::new().name(format!("world-worker-{index}")).spawn(run)?);
        }
        Ok(workers)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.threads.len()
    }

    /// Gives them a task; waits where there are too many. Returns false if they have ended.
    pub(super) fn give(&self, task: Task) -> bool {
        self.queue.give(task)
    }

    /// Lets the workers finish what they have and ends them.
    pub(super) fn stop(self) {
        self.queue.close();
        for thread in self.threads {
            // A panic in there has been logged by the hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn work(queue: &RunQueue, build: &BuildApp, restorer: &Restorer, finished: &Sender<Finished>) {
    while let Some((Task { unit, world, job }, mut held)) = queue.take() {
        let slot = catch_unwind(AssertUnwindSafe(|| perform(&mut held, job, (build, restorer))))
            .unwrap_or_else(|panic| Slot::NotMade(panic_text(&*panic)));
        // Before anybody else may answer for the same world.
        let answered = finished.send(Finished { unit, world: world.clone(), slot });
        queue.put_back(world, held);
        if answered.is_err() {
            return;
        }
    }
}

fn perform(held: &mut Option<Held>, job: Job, (build, restorer): (&BuildApp, &Restorer)) -> Slot {
    let gone = || Slot::Gone { reason: "the world is not running: it failed or was removed".into() };
    match job {
        Job::Create { spec, incarnation } => {
            let clock = SetClock::default();
            match GameWorld::create(watched(build, &clock)(*spec), incarnation) {
                Ok(world) => keep(held, Held { world, clock }, (0, 0)),
                Err(error) => Slot::NotMade(error.to_string()),
            }
        }
        Job::Restore(row) => {
            let clock = SetClock::default();
            match restorer(&row, &watched(build, &clock)) {
                Ok(Restored { world, debt_micros, commit_no }) => {
                    keep(held, Held { world, clock }, (debt_micros, commit_no))
                }
                Err(NotRestored::Foreign(words)) => Slot::Foreign(words),
                Err(NotRestored::Lost(words)) => Slot::NotMade(words),
            }
        }
        Job::Apply(input) => {
            let Some(Held { world, clock }) = held else { return gone() };
            clock.take();
            let began = stopwatch();
            match world.apply(&input) {
                Ok(outcome) => {
                    let cost_micros = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
                    Slot::Applied { input, outcome: Box::new(outcome), cost_micros, sets: clock.take() }
                }
                Err(fault) => {
                    *held = None;
                    Slot::Failed { input, error: fault.error }
                }
            }
        }
        Job::Ask { query, payload } => match held {
            Some(Held { world, .. }) => Slot::Answered(world.query(&query, payload)),
            None => gone(),
        },
        Job::Save => match held {
            Some(Held { world, .. }) => match world.unpacked_snapshot() {
                Ok(snapshot) => Slot::Saved(Box::new(snapshot)),
                Err(error) => Slot::NotMade(error.to_string()),
            },
            None => gone(),
        },
        Job::Drop => {
            *held = None;
            Slot::Touched
        }
    }
}

fn keep(held: &mut Option<Held>, mut made: Held, (debt_micros, commit_no): (i64, i64)) -> Slot {
    let world = &mut made.world;
    let slot = match world.state_hash() {
        Ok(hash) => {
            let (now, inputs, npcs) = (world.now(), world.clock().inputs, population(world));
            Made { now, hash, inputs, debt_micros, commit_no, npcs }
        }
        Err(error) => return Slot::NotMade(error.to_string()),
    };
    *held = Some(made);
    Slot::Made(slot)
}

/// NPCs by tier; none in a world without a scheduler.
fn population(world: &mut GameWorld) -> PerTier<u32> {
    let status = world.query("scheduler.status", serde_json::json!({})).unwrap_or_default();
    let count = |tier: &str| status.pointer(&format!("/tiers/{tier}/npcs")).and_then(Value::as_u64);
    PerTier::from_fn(|tier| count(tier.as_str()).and_then(|count| u32::try_from(count).ok()).unwrap_or(0))
}

/// The same apps, whose system sets tell this stopwatch when they begin and end.
fn watched(build: &BuildApp, clock: &SetClock) -> BuildApp {
    let (build, watcher) = (build.clone(), clock.watcher());
    Arc::new(move |spec| {
        let mut app = build(spec);
        app.add_plugins(WatchPlugin { watcher: watcher.clone() });
        app
    })
}

#[expect(clippy::disallowed_methods, reason = "the cost of a step is measured outside the world")]
fn stopwatch() -> Instant {
    // time: workers: cost of an input, for metrics and snapshots | real | std::time::Instant | read before and after; the world does not see it
    Instant::now()
}
