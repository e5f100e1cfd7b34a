//! What an input comes to for chains, cooldowns, intents and jobs: for metrics and for whoever watches.

use bevy_ecs::prelude::World;

use crate::components::generation::{GenerationJob, GenerationTotals};
use crate::components::ids::StableIndex;
use crate::components::interaction::InteractionTotals;
use crate::messages::generation::{GenerationCounted, GenerationReport};
use crate::messages::interaction::{InteractionReport, InteractionsCounted};
use crate::systems::generation::JobBook;

/// What there was before an input.
pub(super) struct Begun {
    totals: InteractionTotals,
    report: InteractionReport,
    job_totals: GenerationTotals,
    job_report: GenerationReport,
}

/// Begins to count for an input; nothing in a world without interactions.
pub(super) fn begin(world: &mut World) -> Option<Begun> {
    let totals = *world.get_resource::<InteractionTotals>()?;
    let job_totals = *world.get_resource::<GenerationTotals>()?;
    let report = std::mem::take(&mut *world.get_resource_mut::<InteractionReport>()?);
    let job_report = std::mem::take(&mut *world.get_resource_mut::<GenerationReport>()?);
    Some(Begun { totals, report, job_totals, job_report })
}

/// What was counted since.
pub(super) fn end(world: &mut World, begun: Begun) -> (InteractionsCounted, GenerationCounted) {
    let totals = world.get_resource::<InteractionTotals>().copied().unwrap_or_default();
    let report = world.get_resource::<InteractionReport>().copied().unwrap_or_default();
    let job_totals = world.get_resource::<GenerationTotals>().copied().unwrap_or_default();
    let job_report = world.get_resource::<GenerationReport>().copied().unwrap_or_default();
    if report.steps == 0 {
        // An input without a step takes nobody's sight of the last one away.
        world.insert_resource(begun.report);
        world.insert_resource(begun.job_report);
    }
    let (chains, intents) = (totals.chains(), totals.intents());
    let interactions = InteractionsCounted { report, added: totals.since(&begun.totals), chains, intents };
    let many = |count: Option<usize>| count.map_or(0, |count| count as u64);
    let book = world.get_resource::<JobBook>();
    let oldest = book.and_then(JobBook::oldest).and_then(|id| world.get_resource::<StableIndex>()?.get(id));
    let generation = GenerationCounted {
        report: job_report,
        added: job_totals.since(&begun.job_totals),
        pending: many(book.map(JobBook::pending)),
        in_flight: many(book.map(|book| book.in_flight() + book.held_back())),
        dead: many(book.map(JobBook::dead)),
        oldest: oldest.and_then(|entity| world.get::<GenerationJob>(entity)).map(|job| job.asked),
    };
    (interactions, generation)
}
