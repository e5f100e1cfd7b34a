//! Jobs are let go. Runs in [`GenerationSystems::Dispatch`](crate::schedules::GenerationSystems), when everything else in
//! a step has been done.
//!
//! Reads limits and what the step had to put off. Writes jobs and whose turn it was. At most `maxJobOpsPerStep` are let go;
//! in a step that put off turns of NPCs or chains, a quarter of that: generation gives way first, and never stops.

use bevy_ecs::prelude::*;

use super::desk::Jobs;
use super::turns::Next;
use crate::components::generation::{Band, LifeEvent};
use crate::components::tier::SimulationTier;
use crate::messages::generation::{GenerationReport, WorkOrder};
use crate::messages::tier::StepReport;
use crate::systems::interaction::Ground;
use crate::world::spec::WorldSimulationConfig;

/// Lets jobs go.
pub(crate) fn dispatch_jobs(
    mut ground: Ground,
    config: Res<WorldSimulationConfig>,
    steps: Res<StepReport>,
    mut report: ResMut<GenerationReport>,
) {
    let Some(now) = ground.clock.now else { return };
    report.steps += 1;
    if ground.jobs.book.pending() == 0 {
        return;
    }
    let turns = SimulationTier::ALL.iter().any(|tier| steps.waiting[*tier] > 0);
    let put_off = turns || ground.book.waiting() > 0;
    let budget = if put_off { config.max_job_ops_per_step.div_ceil(4) } else { config.max_job_ops_per_step };
    if budget < config.max_job_ops_per_step {
        ground.jobs.totals.gave_way += 1;
    }
    let most = usize::try_from(ground.jobs.desk.limits.max_in_flight).unwrap_or(usize::MAX);
    let mut dispatched = 0;
    while dispatched < budget && ground.jobs.book.in_flight() < most {
        let Some(next) = ground.next_job() else { break };
        if !ground.go_on(next.job, LifeEvent::Dispatch, (None, None), WorkOrder::Admit, now) {
            break;
        }
        let left = ground.jobs.book.set_left(next.user, next.band, next.left);
        ground.change_user(next.user, |user| user.left = left);
        dispatched += 1;
    }
    ground.jobs.totals.dispatched += u64::from(dispatched);
    report.dispatched = report.dispatched.saturating_add(dispatched);
    if dispatched == budget && Band::all().any(|band| ground.jobs.book.has_ready(band)) {
        let waiting = u32::try_from(ground.jobs.book.pending()).unwrap_or(u32::MAX);
        report.deferred = report.deferred.saturating_add(waiting);
    }
    ground.finish();
}

impl Ground<'_, '_> {
    /// Whose turn it is.
    fn next_job(&mut self) -> Option<Next> {
        let index = &self.index;
        let Jobs { desk, book, model, jobs, .. } = &mut self.jobs;
        if desk.held.is_some() {
            return None;
        }
        let cost = |id| {
            let job = index.get(id).and_then(|entity| jobs.get(entity).ok());
            job.or_else(|| book.fresh.get(&id)).map_or(1, |job| model.cost(job.kind))
        };
        desk.turns.next(book, model.quantum(), cost)
    }
}
