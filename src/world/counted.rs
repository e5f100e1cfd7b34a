//! What an input comes to for chains, cooldowns and intents: for metrics and for whoever watches.

use bevy_ecs::prelude::World;

use crate::components::interaction::InteractionTotals;
use crate::messages::interaction::{InteractionReport, InteractionsCounted};

/// What there was before an input.
pub(super) struct Begun {
    totals: InteractionTotals,
    report: InteractionReport,
}

/// Begins to count for an input; nothing in a world without interactions.
pub(super) fn begin(world: &mut World) -> Option<Begun> {
    let totals = *world.get_resource::<InteractionTotals>()?;
    let report = std::mem::take(&mut *world.get_resource_mut::<InteractionReport>()?);
    Some(Begun { totals, report })
}

/// What was counted since.
pub(super) fn end(world: &mut World, begun: Begun) -> InteractionsCounted {
    let totals = world.get_resource::<InteractionTotals>().copied().unwrap_or_default();
    let report = world.get_resource::<InteractionReport>().copied().unwrap_or_default();
    if report.steps == 0 {
        // An input without a step takes nobody's sight of the last one away.
        world.insert_resource(begun.report);
    }
    let (chains, intents) = (totals.chains(), totals.intents());
    InteractionsCounted { report, added: totals.since(&begun.totals), chains, intents }
}
