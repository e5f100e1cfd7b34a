//! Generation: jobs that are asked of workers outside.
//!
//! Chains wait for jobs and jobs let chains go on, so
//! [`InteractionPlugin`](crate::plugins::interaction::InteractionPlugin) adds [`GenerationPlugin`], and reads the section
//! `generation` of the world file together with its own.

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;

use crate::components::generation::{GenerationJob, GenerationTotals, GenerationUser};
use crate::messages::generation::{GenerationJobChanged, GenerationReport, GenerationTold};
use crate::schedules::{GenerationSystems, SchedulerSystems, WorldReady, WorldStep};
use crate::systems::generation::{
    self as generation, AdmitGeneration, AskGeneration, AskJob, AskJobs, CancelGeneration, GenerationDesk,
    GenerationModel, HoldGeneration, JobBook, LimitGeneration, ReportGeneration, RequestGeneration, ResendGeneration,
};
use crate::world::{Persist, RegisterExt};

impl Persist for GenerationJob {
    const NAME: &'static str = "generation.job";
}

impl Persist for GenerationUser {
    const NAME: &'static str = "generation.user";
}

impl Persist for GenerationDesk {
    const NAME: &'static str = "generation.desk";
}

impl Persist for GenerationTotals {
    const NAME: &'static str = "generation.totals";
}

/// Adds jobs of generation. [`InteractionPlugin`](crate::plugins::interaction::InteractionPlugin) adds it.
#[derive(Debug, Clone, Copy, Default)]
pub struct GenerationPlugin;

impl Plugin for GenerationPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<GenerationModel>()
            .init_resource::<JobBook>()
            .init_resource::<GenerationDesk>()
            .init_resource::<GenerationTotals>()
            .init_resource::<GenerationReport>()
            .init_resource::<GenerationTold>()
            .persist_noted_component::<GenerationJob>()
            .persist_noted_component::<GenerationUser>()
            .persist_resource::<GenerationDesk>()
            .persist_resource::<GenerationTotals>()
            .emit_event::<GenerationJobChanged>();
        app.accept_command::<RequestGeneration, _>(generation::request_generation)
            .accept_command::<CancelGeneration, _>(generation::cancel_generation)
            .accept_command::<ResendGeneration, _>(generation::resend_generation)
            .accept_command::<LimitGeneration, _>(generation::limit_generation)
            .accept_command::<AdmitGeneration, _>(generation::admit_generation)
            .accept_command::<HoldGeneration, _>(generation::hold_generation)
            .accept_command::<ReportGeneration, _>(generation::report_generation)
            .answer_query::<AskJobs, _, _>(generation::list_jobs)
            .answer_query::<AskJob, _, _>(generation::show_job)
            .answer_query::<AskGeneration, _, _>(generation::show_generation);
        app.add_systems(WorldReady, generation::rebuild_jobs.after(SchedulerSystems::Ready))
            .add_systems(WorldStep, generation::land_results.in_set(GenerationSystems::Land))
            .add_systems(WorldStep, generation::dispatch_jobs.in_set(GenerationSystems::Dispatch));
    }
}
