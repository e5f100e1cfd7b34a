//! The last steps of each world: what they did, how long they took, and where that time went.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::hosted::Hosted;
use super::measure;
use super::unit::Work;
use super::{measure_generation, measure_interactions};
use crate::components::clock::GameInstant;
use crate::components::tier::PerTier;
use crate::messages::Outcome;
use crate::messages::generation::GenerationCounted;
use crate::messages::tier::StepReport;
use crate::plugins::watch::{SetEdge, SetWatcher};
use crate::systems::scheduler::StepSummary;

/// About so many steps are kept of all worlds together, some 600 bytes each.
pub(super) const STEPS_IN_ALL: usize = 100_000;

/// The time that went into one system set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetTime {
    /// The set; `tick/active` is a part of `tick`.
    pub set: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// What moved a world's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepCause {
    /// The world's own pace.
    Pace,
    /// A tick.
    Tick,
    /// An order.
    Order,
}

/// One input that moved a world's time, or was a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// The commit that it is part of.
    pub commit_no: i64,
    /// When that was known to be durable (wall time, microseconds).
    pub committed_at: i64,
    /// What moved it.
    pub cause: StepCause,
    /// Game time afterwards.
    pub now: Option<GameInstant>,
    /// Game microseconds.
    pub game_micros: i64,
    /// What it took, in microseconds of real time.
    pub cost_micros: i64,
    /// Where that time went.
    pub sets: Vec<SetTime>,
    /// Events that it caused.
    pub events: usize,
    /// What the scheduler did; nothing in a world without one, or where no step was made.
    pub report: Option<StepReport>,
    /// Turns that one step may have.
    pub budget: u32,
    /// Jobs of generation that were let go.
    pub job_ops: u32,
}

impl StepView {
    /// Whether it was to move time, and not only a tick that found its time come already.
    pub(super) fn moved(&self) -> bool {
        self.cause == StepCause::Pace || self.game_micros > 0
    }

    /// The step as the API shows it.
    pub fn json(&self) -> Value {
        let all = Duration::from_micros(self.cost_micros.max(0).unsigned_abs());
        // What is within another set is in that one's time already.
        let outer = self.sets.iter().filter(|time| time.set.starts_with("economy/") || !time.set.contains('/'));
        let within: Duration = outer.map(|time| time.took).sum();
        let mut sets: Vec<Value> = self.sets.iter().map(|time| set_json(time.set, time.took)).collect();
        sets.push(set_json("rest", all.saturating_sub(within)));
        let report = self.report.as_ref().map(|report| StepSummary::new(report, self.budget));
        json!({
            "commit_no": self.commit_no,
            "committed_at": jiff::Timestamp::from_microsecond(self.committed_at).map(|at| at.to_string()).ok(),
            "cause": self.cause,
            "now": self.now,
            "delta_game_seconds": measure::seconds(self.game_micros),
            "cost_seconds": measure::seconds(self.cost_micros),
            "events": self.events,
            "npc_ticks": self.report.as_ref().map_or(0, StepReport::turns_in_all),
            "job_ops": self.job_ops,
            "npcs": self.report.as_ref().map(|report| report.population),
            "scheduler": report,
            "sets": sets,
        })
    }
}

fn set_json(set: &str, took: Duration) -> Value {
    json!({ "set": set, "seconds": took.as_secs_f64() })
}

/// What a step took.
pub(super) struct StepCosts {
    pub(super) cause: StepCause,
    pub(super) cost_micros: i64,
    pub(super) sets: Vec<SetTime>,
}

/// What made a step of this work; nothing where it was none.
pub(super) fn cause(work: &Work, game_micros: i64) -> Option<StepCause> {
    match work {
        Work::Step => Some(StepCause::Pace),
        Work::Tick(_) => Some(StepCause::Tick),
        Work::Order(order) if order.tick.is_some() || game_micros > 0 => Some(StepCause::Order),
        _ => None,
    }
}

/// Counts a step that is durable, and keeps what is shown of it.
pub(super) fn conclude_step(
    world: &mut Hosted,
    outcome: Outcome,
    costs: StepCosts,
    (commit_no, committed_at): (i64, i64),
) -> StepView {
    let StepCosts { cause, cost_micros, sets } = costs;
    let step = StepView {
        commit_no,
        committed_at,
        cause,
        now: outcome.now,
        game_micros: outcome.game_micros,
        cost_micros,
        sets,
        events: outcome.events.len(),
        report: outcome.report,
        budget: world.shown.max_npc_ticks_per_step,
        job_ops: outcome.generation.map_or(0, |counted| counted.report.dispatched),
    };
    if step.moved() {
        world.counts.count(&step);
    }
    if let Some(report) = &step.report {
        measure::scheduler(report, step.budget);
    }
    if let Some(counted) = outcome.interactions {
        measure_interactions::steps(&counted.report, world.shown.max_chain_ops_per_step);
    }
    if let Some(counted) = outcome.generation {
        measure_generation::steps(&counted.report, world.shown.max_job_ops_per_step);
    }
    step
}

/// What the steps of a world came to since this process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StepCounts {
    /// Inputs that moved its time.
    pub steps: u64,
    /// Turns that NPCs had.
    pub npc_ticks: u64,
    /// Turns that were due and had to wait for a later step.
    pub deferred: u64,
    /// NPCs by tier, after the last of them.
    pub npcs: PerTier<u32>,
    /// NPCs that were due and waiting after the last of them.
    pub waiting: PerTier<u32>,
    /// Chains that run.
    pub chains: u64,
    /// Intents that wait or are unanswered.
    pub intents: u64,
    /// Jobs of generation that wait in the world.
    pub jobs_pending: u64,
    /// Jobs that the world has let go and that are not over.
    pub jobs_in_flight: u64,
    /// Dead jobs that are kept.
    pub jobs_dead: u64,
    /// Game seconds that the oldest of those that wait has waited.
    pub jobs_oldest_seconds: u64,
    /// Attempts at jobs that were sent to the workers since this process began.
    pub jobs_started: u64,
    /// Jobs that came to an end since this process began.
    pub jobs_completed: u64,
}

impl StepCounts {
    pub(super) fn count(&mut self, step: &StepView) {
        self.steps += 1;
        if let Some(report) = &step.report {
            self.npc_ticks += u64::from(report.turns_in_all());
            self.deferred += deferred(report);
            self.npcs = report.population;
            self.waiting = report.waiting;
        }
    }
}

impl StepCounts {
    pub(super) fn count_jobs(&mut self, counted: &GenerationCounted, now: Option<GameInstant>) {
        (self.jobs_pending, self.jobs_in_flight) = (counted.pending, counted.in_flight);
        self.jobs_dead = counted.dead;
        let waited = now.zip(counted.oldest).map_or(0, |(now, oldest)| now.micros_since(oldest).max(0));
        self.jobs_oldest_seconds = waited.unsigned_abs() / 1_000_000;
        self.jobs_started += counted.added.attempts;
        self.jobs_completed += super::logs::ended(&counted.added);
    }
}

/// Turns that had to wait, in all tiers.
pub(super) fn deferred(report: &StepReport) -> u64 {
    report.deferred.iter().map(|(_, count)| u64::from(*count)).sum()
}

/// The stopwatch of one world, whose sets tell it when they begin and end.
#[derive(Debug, Clone, Default)]
pub(super) struct SetClock {
    times: Arc<Mutex<Times>>,
}

#[derive(Debug, Default)]
struct Times {
    /// In the order in which they first began.
    sets: Vec<SetTime>,
    open: Vec<(&'static str, Instant)>,
}

impl SetClock {
    /// Tells this stopwatch.
    pub(super) fn watcher(&self) -> SetWatcher {
        let times = self.times.clone();
        Arc::new(move |edge| times.lock().unwrap_or_else(PoisonError::into_inner).pass(edge, now()))
    }

    /// What an input took, set by set; and it begins anew. What a fault left open counts for nothing.
    pub(super) fn take(&self) -> Vec<SetTime> {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner)).sets
    }
}

impl Times {
    fn pass(&mut self, edge: SetEdge, now: Instant) {
        if let Some(ended) = edge.ended
            && let Some(place) = self.open.iter().rposition(|(set, _)| *set == ended)
        {
            let (_, began) = self.open.remove(place);
            if let Some(time) = self.sets.iter_mut().find(|time| time.set == ended) {
                time.took += now.duration_since(began);
            }
        }
        if let Some(begun) = edge.begun {
            self.open.push((begun, now));
            if self.sets.iter().all(|time| time.set != begun) {
                self.sets.push(SetTime { set: begun, took: Duration::ZERO });
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of a system set is measured outside the world")]
fn now() -> Instant {
    // time: recent steps: how long a system set takes | real | std::time::Instant | read around each set
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_the_time_between_their_edges() {
        let began = now();
        let mut times = Times::default();
        let mut pass = |ended, begun, millis| {
            times.pass(SetEdge { ended, begun }, began + Duration::from_millis(millis));
        };
        for step in [0, 100] {
            pass(None, Some("plan"), step);
            pass(Some("plan"), Some("tick"), step + 1);
            pass(None, Some("tick/active"), step + 2);
            pass(Some("tick/active"), None, step + 5);
            pass(Some("tick"), None, step + 7);
            // Nobody began it.
            pass(Some("settle"), None, step + 9);
        }
        let took: Vec<_> = times.sets.iter().map(|time| (time.set, time.took.as_millis())).collect();
        assert_eq!(took, [("plan", 2), ("tick", 12), ("tick/active", 6)]);
    }

    #[test]
    fn what_is_in_no_set_is_the_rest() {
        let time = |set, millis| SetTime { set, took: Duration::from_millis(millis) };
        let step = StepView {
            commit_no: 7,
            committed_at: 0,
            cause: StepCause::Pace,
            now: None,
            game_micros: 1_500_000,
            cost_micros: 10_000,
            sets: vec![time("tick", 4), time("tick/active", 3), time("economy/clear", 2)],
            events: 1,
            report: Some(StepReport { steps: 1, ..StepReport::default() }),
            budget: 50,
            job_ops: 3,
        };
        let json = step.json();
        assert_eq!(json["sets"][3], json!({"set": "rest", "seconds": 0.004}), "{json}");
        assert_eq!((&json["delta_game_seconds"], &json["cause"]), (&1.5.into(), &"pace".into()));
        assert_eq!((&json["scheduler"]["steps"], &json["job_ops"]), (&1.into(), &3.into()));
    }
}
