//! Wiring: one plugin a domain, and the parts of the server.

use bevy_app::{App, PluginGroup, PluginGroupBuilder};

use crate::components::ids::WorldId;
use crate::systems::npc::extend::Extensions;
use crate::world::spec::WorldSpec;

pub mod crowd;
pub mod diplomacy;
pub mod economy;
pub mod npc;
pub mod scheduler;
pub mod simulation;
pub mod watch;

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod bridge;
#[cfg(feature = "server")]
pub mod host;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod store;

/// Everything that the server's worlds are made of: the simulation, the economy, the crowd, diplomacy, the scheduler and
/// NPCs.
///
/// ```
/// use bevy_app::App;
/// use worldtick::plugins::WorldPlugins;
/// use worldtick::testing::Stepper;
/// use worldtick::world::spec::WorldSpec;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let spec = WorldSpec::default_world()?;
/// let mut world = Stepper::new(move || {
///     let mut app = App::new();
///     app.add_plugins(WorldPlugins { spec: spec.clone() });
///     app
/// })?;
/// world.hours(1)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WorldPlugins {
    /// The world to begin with.
    pub spec: WorldSpec,
}

/// The conditions, effects and scoring factors that the plugins of these apps add: what a world file may name.
pub fn extensions_of(build: &dyn Fn(WorldSpec) -> App) -> Extensions {
    // Plugins add them to every world alike; one that is made for the purpose tells which.
    let app = WorldId::new("extensions").map(|id| build(WorldSpec::named(id)));
    app.ok().and_then(|app| app.world().get_resource::<Extensions>().cloned()).unwrap_or_default()
}

/// Those of [`WorldPlugins`], without plugins of a developer's own.
pub fn built_in_extensions() -> Extensions {
    extensions_of(&|spec| {
        let mut app = App::new();
        app.add_plugins(WorldPlugins { spec });
        app
    })
}

impl PluginGroup for WorldPlugins {
    fn build(self) -> PluginGroupBuilder {
        PluginGroupBuilder::start::<Self>()
            .add(simulation::SimulationPlugin { spec: self.spec })
            .add(economy::EconomyPlugin)
            .add(crowd::CrowdPlugin)
            .add(diplomacy::DiplomacyPlugin)
            .add(scheduler::SchedulerPlugin)
            .add(npc::NpcPlugin)
    }
}
