//! Runs one task: at its times, when somebody asks, never twice at once, and whatever it does is caught.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::board::{Answered, Board};
use super::clock::{Clock, Later};
use crate::plugins::admin::{RunOutcome, TaskRun};

/// A run that has not ended so long after its budget is given up: what it waits for has limits that are shorter.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    /// What it did, for people.
    pub(super) did: String,
    /// Whether there is nothing left to do until the next time.
    pub(super) complete: bool,
}

/// What a task does.
pub(super) trait Work: Send + Sync + 'static {
    /// Does it, and begins nothing more once the budget is used up.
    fn run(&self, budget: Budget) -> Later<Result<Done, String>>;
}

/// How long a run may take.
#[derive(Clone)]
pub(super) struct Budget {
    clock: Arc<dyn Clock>,
    end: Duration,
}

impl Budget {
    pub(super) fn new(clock: Arc<dyn Clock>, time: Duration) -> Self {
        let end = clock.elapsed() + time;
        Self { clock, end }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_sub(self.clock.elapsed())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left().is_zero()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }
}

/// When a task runs, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) interval: Duration,
    pub(super) budget: Duration,
    pub(super) jitter: Duration,
}

/// One task with its times.
pub(super) struct Runner {
    pub(super) name: &'static str,
    pub(super) times: Times,
    pub(super) work: Arc<dyn Work>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) board: Board,
}

/// By how much the runs of a task are put off: the same for the same task and store, at most a tenth of the interval.
pub(super) fn jitter(name: &str, store: uuid::Uuid, interval: Duration) -> Duration {
    let hash = xxh3_64(format!("{name}/{store}").as_bytes());
    // Twenty bits are finer than anybody can see.
    let part = u32::try_from(hash >> 44).unwrap_or_default();
    interval * part / (1 << 20) / 10
}

/// The first time after `now` at which a task runs whose first time is `first`. Times that were missed are left out.
pub(super) fn next_after(first: Duration, interval: Duration, now: Duration) -> Duration {
    let Some(since) = now.checked_sub(first) else { return first };
    let interval = interval.max(Duration::from_millis(1));
    let passed = since.as_nanos() / interval.as_nanos() + 1;
    first + interval.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX))
}

impl Runner {
    /// Runs it until `stop`.
    pub(super) async fn run(self, mut asked: mpsc::Receiver<Answered>, stop: CancellationToken) {
        let first = self.clock.elapsed() + self.times.jitter;
        let mut due = first;
        loop {
            let wait = due.saturating_sub(self.clock.elapsed());
            let at = self.clock.wall_micros().saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
            self.board.change(self.name, |view| view.next_run_at = Some(at));
            metrics::gauge!("worldtick_task_next_run_timestamp_seconds", "task" => self.name).set(seconds(at));
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = asked.recv() => match answer {
                    Some(answer) => Some(answer),
                    None => return,
                },
                () = self.clock.sleep(wait) => None,
            };
            let run = tokio::select! {
                () = stop.cancelled() => return,
                run = self.once() => run,
            };
            if let Some(answer) = answer {
                // Whoever asked may have gone.
                let _ = answer.send(run);
            }
            due = next_after(first, self.times.interval, self.clock.elapsed());
        }
    }

    /// One run, with all that is told of it.
    pub(super) async fn once(&self) -> TaskRun {
        self.board.change(self.name, |view| view.running = true);
        let (started_at, begun) = (self.clock.wall_micros(), self.clock.elapsed());
        let ended = self.caught().await;
        let took = self.clock.elapsed().saturating_sub(begun);
        let (outcome, did) = match ended {
            Ok(Done { did, complete: true }) => (RunOutcome::Done, did),
            Ok(Done { did, complete: false }) => (RunOutcome::Unfinished, did),
            Err(error) => (RunOutcome::Failed, error),
        };
        match outcome {
            RunOutcome::Failed => {
                tracing::warn!(task = self.name, error = %did, "a task has failed; it is tried again")
            }
            _ => tracing::debug!(task = self.name, %did, seconds = took.as_secs_f64(), "a task has run"),
        }
        let run = TaskRun { started_at, took_seconds: took.as_secs_f64(), outcome, did };
        self.measure(&run);
        self.board.change(self.name, |view| {
            view.running = false;
            view.runs += 1;
            if run.outcome == RunOutcome::Failed {
                view.failures += 1;
                view.last_error = Some(run.did.clone());
            } else {
                view.last_success_at = Some(started_at);
            }
            view.last_run = Some(run.clone());
        });
        run
    }

    /// Runs the work on a task of its own, so that a panic ends that and nothing else.
    async fn caught(&self) -> Result<Done, String> {
        let budget = Budget::new(self.clock.clone(), self.times.budget);
        let work = self.work.clone();
        let mut running = Aborted(tokio::spawn(async move { work.run(budget).await }));
        tokio::select! {
            ended = &mut running.0 => match ended {
                Ok(ended) => ended,
                Err(error) if error.is_panic() => Err(format!("it has panicked: {}", words(error.into_panic().as_ref()))),
                Err(_) => Err("it was ended".to_owned()),
            },
            () = self.clock.sleep(self.times.budget + GIVEN_UP_AFTER) => {
                Err(format!("it was given up {} s after its budget", GIVEN_UP_AFTER.as_secs()))
            }
        }
    }

    fn measure(&self, run: &TaskRun) {
        let outcome = run.outcome.as_str();
        metrics::counter!("worldtick_task_runs_total", "task" => self.name, "outcome" => outcome).increment(1);
        metrics::histogram!("worldtick_task_duration_seconds", "task" => self.name).record(run.took_seconds);
        let failed = run.outcome == RunOutcome::Failed;
        metrics::gauge!("worldtick_task_failed", "task" => self.name).set(f64::from(u8::from(failed)));
        if !failed {
            metrics::gauge!("worldtick_task_last_success_timestamp_seconds", "task" => self.name)
                .set(seconds(self.clock.wall_micros()));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Ends with whoever waits for it.
struct Aborted(tokio::task::JoinHandle<Result<Done, String>>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it does not say why")
}
