//! What is known of the tasks: for the runner, who writes it, and for everybody who asks.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

use super::runner::Times;
use crate::plugins::admin::{RunRefused, TaskAnswer, TaskRun, TaskView, Tasks};

/// How a run ended.
pub(super) type Answered = oneshot::Sender<TaskRun>;

/// One task on the board.
pub(super) struct Entry {
    pub(super) view: TaskView,
    pub(super) ask: mpsc::Sender<Answered>,
}

/// The tasks in the order in which they were added. Clones are the same board.
#[derive(Clone, Default)]
pub(in crate::server) struct Board(Arc<Mutex<Vec<Entry>>>);

impl Board {
    /// Puts a task up; whoever runs it hears here of those who do not want to wait for its time.
    pub(super) fn add(&self, name: &'static str, times: Times) -> mpsc::Receiver<Answered> {
        let (ask, asked) = mpsc::channel(1);
        let view = TaskView {
            name,
            interval_seconds: times.interval.as_secs_f64(),
            jitter_seconds: times.jitter.as_secs_f64(),
            budget_seconds: times.budget.as_secs_f64(),
            running: false,
            next_run_at: None,
            runs: 0,
            failures: 0,
            last_run: None,
            last_error: None,
            last_success_at: None,
        };
        metrics::gauge!("worldtick_task_interval_seconds", "task" => name).set(view.interval_seconds);
        metrics::gauge!("worldtick_task_jitter_seconds", "task" => name).set(view.jitter_seconds);
        metrics::gauge!("worldtick_task_budget_seconds", "task" => name).set(view.budget_seconds);
        metrics::gauge!("worldtick_task_failed", "task" => name).set(0.0);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { view, ask });
        asked
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut TaskView)) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.view.name == name) {
            change(&mut entry.view);
        }
    }
}

impl Tasks for Board {
    fn list(&self) -> Vec<TaskView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|entry| entry.view.clone()).collect()
    }

    fn run(&self, name: &str) -> Result<TaskAnswer, RunRefused> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.iter().find(|entry| entry.view.name == name).ok_or(RunRefused::Unknown)?;
        if entry.view.running {
            return Err(RunRefused::Running);
        }
        let (answer, answers) = oneshot::channel();
        match entry.ask.try_send(answer) {
            Ok(()) => Ok(answers),
            Err(mpsc::error::TrySendError::Full(_)) => Err(RunRefused::Running),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(RunRefused::Stopping),
        }
    }
}
