//! How one chain goes on: pure, so that all of it can be tried by itself.
//!
//! Whatever happens by itself happens at the instant at which it was due, not when the scheduler came to it. Lateness is
//! never added to a wait: a chain of waits ends when their sum is over, however long the steps of the world are and
//! however many others were due.

use super::model::{ChainModel, StepModel, Target};
use crate::components::clock::GameInstant;
use crate::components::interaction::{ChainEnd, ChainId, ChainPhase, ChainState};

/// What a chain whose time has come asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// The time of the whole chain is over.
    ChainExpired,
    /// The window of its step has passed.
    StepExpired,
    /// Whether its step can open.
    MayOpen,
}

/// A chain and where it stands.
pub(super) struct Walk<'a> {
    pub(super) model: &'a ChainModel,
    pub(super) state: &'a mut ChainState,
}

impl<'a> Walk<'a> {
    /// A chain that begins now. Nothing where its first wait ends beyond the calendar.
    pub(super) fn begin(model: &ChainModel, chain: ChainId, now: GameInstant) -> Option<ChainState> {
        let mut state = ChainState {
            chain,
            step: 0,
            phase: ChainPhase::Waiting,
            completed: 0,
            skipped: 0,
            started: now,
            since: now,
            due: GameInstant::MAX,
        };
        let ended = Walk { model, state: &mut state }.enter(0, now);
        ended.is_none().then_some(state)
    }

    /// The step at which it stands.
    pub(super) fn step(&self) -> Option<&'a StepModel> {
        self.model.steps.get(usize::from(self.state.step))
    }

    /// The earlier of when the step and the chain are over.
    fn end(&self) -> Option<GameInstant> {
        let window = self.step().and_then(|step| step.window_end(self.state.since));
        let chain = self.model.expires_at(self.state.started);
        window.into_iter().chain(chain).min()
    }

    /// Looks again at an instant, or when it is over, if that comes first.
    fn look_at(&mut self, instant: GameInstant) {
        self.state.due = self.end().map_or(instant, |end| end.min(instant));
    }

    /// What is to be asked at the instant at which it is due.
    pub(super) fn ask(&self) -> Ask {
        let at = self.state.due;
        if self.model.expires_at(self.state.started).is_some_and(|end| end <= at) {
            return Ask::ChainExpired;
        }
        match self.step().and_then(|step| step.window_end(self.state.since)) {
            Some(end) if end <= at => Ask::StepExpired,
            _ => Ask::MayOpen,
        }
    }

    /// Begins a step. How the chain ends, where its wait would end beyond the calendar.
    fn enter(&mut self, step: u8, at: GameInstant) -> Option<ChainEnd> {
        self.state.step = step;
        self.state.since = at;
        self.state.phase = ChainPhase::Waiting;
        match self.step().and_then(|step| step.ready_at(at)) {
            Some(ready) => {
                self.look_at(ready);
                None
            }
            None => Some(ChainEnd::Failed),
        }
    }

    /// Goes where an outcome leads. How the chain ends, where it does.
    fn go(&mut self, target: Target, at: GameInstant) -> Option<ChainEnd> {
        match target {
            Target::Step(step) => self.enter(step, at),
            Target::End(end) => Some(end),
        }
    }

    fn bit(&self) -> u32 {
        1_u32.checked_shl(self.state.step.into()).unwrap_or(0)
    }

    /// Completes the step with an outcome.
    pub(super) fn complete(&mut self, outcome: &str, at: GameInstant) -> Option<ChainEnd> {
        let Some(step) = self.step() else { return Some(ChainEnd::Failed) };
        self.state.completed |= self.bit();
        self.state.skipped &= !self.bit();
        self.go(step.target(outcome), at)
    }

    /// Passes the step over, as something that came by itself.
    pub(super) fn pass_over(&mut self, outcome: &str, at: GameInstant) -> Option<ChainEnd> {
        let Some(step) = self.step() else { return Some(ChainEnd::Failed) };
        self.state.skipped |= self.bit();
        self.state.completed &= !self.bit();
        self.go(step.target(outcome), at)
    }

    /// Leaves a step whose window has passed by its branch for that; without one the chain has expired.
    pub(super) fn expire(&mut self, outcome: &str, at: GameInstant) -> Option<ChainEnd> {
        match self.step().and_then(|step| step.branches.get(outcome).copied()) {
            Some(target) => self.go(target, at),
            None => Some(ChainEnd::Expired),
        }
    }

    /// Cannot open yet: is asked again at an instant. One that has passed by now is put off by whole intervals, so that
    /// nobody is asked about the past.
    pub(super) fn block(&mut self, until: Option<GameInstant>, interval: i64, now: GameInstant) {
        self.state.phase = ChainPhase::Blocked;
        let interval = interval.max(1);
        let again = until.unwrap_or_else(|| {
            let late = now.micros_since(self.state.due).max(0);
            let ahead = (late / interval).saturating_add(1).saturating_mul(interval);
            self.state.due.checked_add_micros(ahead).unwrap_or(GameInstant::MAX)
        });
        self.look_at(again);
    }

    /// Opens: from now on it waits for the game.
    pub(super) fn open(&mut self) {
        self.state.phase = ChainPhase::Open;
        self.look_at(GameInstant::MAX);
    }
}
