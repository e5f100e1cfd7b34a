//! What workers have said takes effect. Runs in [`GenerationSystems::Land`](crate::schedules::GenerationSystems), before
//! anything else in a step, so that what a result allows happens in the same step.
//!
//! Reads and writes jobs; writes chains, flags and relations. Words take effect in the order in which they came in; then
//! jobs end whose deadline has passed.

use bevy_ecs::prelude::*;

use super::desk::SHED;
use super::over::Ended;
use crate::components::clock::GameInstant;
use crate::components::generation::{Asker, GenerationJob, JobSource, JobState, Landed, LandedWhat, LifeEvent};
use crate::components::ids::StableId;
use crate::components::interaction::{ChainId, ChainPhase};
use crate::components::npc::FlagValue;
use crate::messages::generation::{GenerationReport, WorkOrder};
use crate::systems::interaction::Ground;
use crate::systems::npc::model::Effects;
use crate::world::spec::{DONE, FAILED, REFUSED};

/// Words that take effect in one step at most, and jobs that expire: what is left over does in those that follow.
const LANDED_MAX: usize = 1_000;
/// Why a job has ended whose deadline has passed.
const DEADLINE: &str = "deadline";

/// Lets take effect what workers have said.
pub(crate) fn land_results(mut ground: Ground, mut report: ResMut<GenerationReport>) {
    let Some(now) = ground.clock.now else { return };
    let waiting = ground.jobs.desk.landed.len();
    if waiting > 0 {
        let landed: Vec<StableId> = ground.jobs.desk.landed.drain(..waiting.min(LANDED_MAX)).collect();
        for id in landed {
            report.landed += u32::from(ground.land(id, now));
        }
    }
    // What has been answered in time and takes effect in a later step has not expired.
    let late = |id: &StableId| !ground.job(*id).is_some_and(is_answered);
    let overdue: Vec<StableId> = ground.jobs.book.overdue(now).filter(late).take(LANDED_MAX).collect();
    for id in overdue {
        ground.end_job(id, LifeEvent::Expire, &Ended { reason: Some(DEADLINE), ..Ended::default() }, now);
    }
    ground.finish();
}

/// Whether a worker has said how an attempt came out, and the world has not heard it yet.
fn is_answered(job: &GenerationJob) -> bool {
    let landed = job.rest().and_then(|rest| rest.landed.as_ref());
    landed.is_some_and(|landed| !matches!(landed.what, LandedWhat::Progress(_)))
}

impl Ground<'_, '_> {
    /// Lets take effect what was said of a job. Whether it did.
    fn land(&mut self, id: StableId, now: GameInstant) -> bool {
        let waits = self.job(id).is_some_and(|job| job.rest().is_some_and(|rest| rest.landed.is_some()));
        let taken = if waits { self.change_job(id, |job| job.change_rest(|rest| rest.landed.take())) } else { None };
        let Some(Landed { attempt, what }) = taken.flatten() else { return false };
        self.jobs.totals.results_applied += 1;
        match what {
            LandedWhat::Progress(percent) => {
                self.go_on(id, LifeEvent::Start(attempt), (None, None), WorkOrder::None, now);
                self.change_job(id, |job| job.change_rest(|rest| rest.progress = percent));
            }
            LandedWhat::Succeeded { outcome, reference } => {
                let (outcome, reference) = (outcome.as_deref(), reference.as_deref());
                let ended = Ended { outcome, reference, by_worker: true, ..Ended::default() };
                self.end_job(id, LifeEvent::Succeed(attempt), &ended, now);
            }
            LandedWhat::Failed { again, class, message } => {
                let event = LifeEvent::Fail { attempt, again };
                let life = self.job(id).and_then(|job| job.life.take(event).ok());
                let (reason, message) = (Some(&*class), message.as_deref());
                if life.is_some_and(|life| life.state().is_final()) {
                    self.end_job(id, event, &Ended { reason, message, by_worker: true, ..Ended::default() }, now);
                } else if self.go_on(id, event, (reason, message), WorkOrder::Admit, now) {
                    self.jobs.totals.retried += 1;
                    self.change_job(id, |job| job.change_rest(|rest| rest.error = Some(class)));
                }
            }
        }
        true
    }

    /// What has come of a job happens to who has waited for it.
    pub(super) fn answer(&mut self, asker: Asker, job: &GenerationJob, ended: &Ended<'_>, now: GameInstant) {
        let (key, done) = ((asker.session, asker.npc), job.life.state() == JobState::Succeeded);
        if let Some(kind) = self.jobs.model.kind(job.kind).cloned() {
            if let (true, Some(flag), Some(reference)) = (done, &kind.reference_flag, ended.reference) {
                let flags = Box::new([(flag.clone(), Some(FlagValue::Text(reference.into())))]);
                self.bring(key, &Effects { flags, ..Effects::default() }, now);
            }
            self.bring(key, if done { &kind.on_success } else { &kind.on_failure }, now);
        }
        let JobSource::Chain(chain, step) = asker.source else { return };
        let chain = ChainId(chain);
        let state = self.state_of(key).and_then(|state| state.chain(chain));
        let waits = state.filter(|state| state.step == step && state.phase == ChainPhase::Open).cloned();
        let (Some(state), Some(model)) = (waits, self.model.chain(chain).cloned()) else { return };
        if state.due <= now {
            // The time of its step was over before this: it goes on by that, in this step.
            return;
        }
        if done {
            return self.complete_now(key, &model, &state, ended.outcome.unwrap_or(DONE), now);
        }
        let word = job.life.state().as_str();
        let words = if ended.shed { [SHED, REFUSED, FAILED] } else { [word, FAILED, FAILED] };
        if self.leave_step(key, &model, &state, &words, now) {
            return;
        }
        if ended.shed {
            // What had to make room is as what found none: it is asked for again.
            self.ask_again(key, &model, &state, now);
        } else {
            self.fail_step(key, &model, &state, word, now);
        }
    }
}
