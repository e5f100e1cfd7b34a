//! The ground that every domain stands on: schedules, clock, ids, random draws, registry.

// time: the clock of a world: made, kept in snapshots | world | `WorldClock` | once, and at each snapshot

use bevy_app::{App, Plugin};
use bevy_ecs::error::{BevyError, ErrorContext, FallbackErrorHandler, Severity};
use bevy_time::Time;

use crate::components::clock::{GameTime, WorldClock};
use crate::components::ids::{StableIds, StableIndex};
use crate::messages::control::{WorldConfigChanged, WorldPaused, WorldResumed};
use crate::schedules;
use crate::systems::random::WorldSeed;
use crate::world::spec::{WorldSimulationConfig, WorldSpec};
use crate::world::{Persist, RegisterExt, note_failure, panic_text};

impl Persist for WorldClock {
    const NAME: &'static str = "clock";
}

impl Persist for StableIds {
    const NAME: &'static str = "stable_ids";
}

impl Persist for WorldSimulationConfig {
    const NAME: &'static str = "simulation_config";
}

impl Persist for WorldSeed {
    const NAME: &'static str = "seed";
}

/// Adds what every game world needs. Add it first; then the domains.
#[derive(Debug, Clone)]
pub struct SimulationPlugin {
    /// The world to begin with.
    pub spec: WorldSpec,
}

impl Plugin for SimulationPlugin {
    fn build(&self, app: &mut App) {
        schedules::configure(app);
        app.insert_resource(self.spec.clone())
            .insert_resource(WorldClock::new(self.spec.clock, self.spec.scale(), self.spec.starts_at))
            .insert_resource(WorldSeed(self.spec.seed))
            .insert_resource(self.spec.meta.simulation.clone())
            .insert_resource(Time::new_with(GameTime::default()))
            .insert_resource(FallbackErrorHandler(hold_error))
            .init_resource::<StableIds>()
            .init_resource::<StableIndex>()
            .persist_resource::<WorldClock>()
            .persist_resource::<StableIds>()
            .persist_resource::<WorldSeed>()
            .persist_resource::<WorldSimulationConfig>()
            .emit_event::<WorldPaused>()
            .emit_event::<WorldResumed>()
            .emit_event::<WorldConfigChanged>();
    }
}

/// Keeps an error or panic of a system for the world that runs on this thread, which then counts as faulted.
/// What a system calls a warning or less is only logged.
fn hold_error(mut error: BevyError, context: ErrorContext) {
    if error.severity() <= Severity::Warning {
        tracing::warn!(%context, %error, "a system reported a problem");
        return;
    }
    let text = error.take_payload().map_or_else(|| error.to_string().trim().to_owned(), |panic| panic_text(&*panic));
    note_failure(format!("{} `{}`: {text}", context.kind(), context.name()));
}
