//! The worlds whose ticks are measured.

use bevy_app::App;
use uuid::Uuid;
use worldtick::components::clock::{ClockSource, GameInstant};
use worldtick::components::npc::NpcState;
use worldtick::plugins::WorldPlugins;
use worldtick::systems::economy::Floor;
use worldtick::world::GameWorld;
use worldtick::world::spec::{CrowdSpec, DiplomacySpec, RulePreset, WorldSpec};

use crate::parts::Parts;
use crate::{Failure, factions, people, places};

const CROWD: u32 = 1_000_000;
const FACTIONS: u32 = 100;
/// NPCs, of whom each comes to a decision in each tick.
const PEOPLE: u32 = 50;
/// Agents of the economy: so many write 100,000 orders an hour.
const TRADERS: u32 = 32_300;

/// Which world it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Whether the crowd is spread over the map, and not placed as in the originals.
    pub(crate) spread: bool,
    /// Whether there is an economy.
    pub(crate) economy: bool,
    /// Whether its state is hashed.
    pub(crate) hashes: bool,
}

/// Where the time of every world begins.
pub(crate) fn begins() -> Result<GameInstant, Failure> {
    Ok(GameInstant::from_micros(0)?)
}

/// A world, with a stopwatch in it where there is one.
pub(crate) fn build(kind: Kind, parts: Option<&Parts>) -> Result<GameWorld, Failure> {
    let mut app = App::new();
    app.add_plugins(WorldPlugins { spec: spec(kind)? });
    if let Some(parts) = parts {
        app.add_plugins(parts.clone());
    }
    let mut world = GameWorld::create(app, Uuid::nil())?;
    people::give_a_past(&mut world);
    if !kind.hashes {
        world.forgo_hashes();
    }
    Ok(world)
}

fn spec(kind: Kind) -> Result<WorldSpec, Failure> {
    let mut spec = people::spec(PEOPLE)?;
    spec.clock = ClockSource::Ticks;
    spec.starts_at = begins()?;
    spec.meta.simulation.tiers.ambient.tick_frequency_seconds = Some(3_600);
    if let Some(behaviour) = &mut spec.behaviour {
        behaviour.simulation_config.default_tier = Some("ambient".into());
    }
    if kind.economy {
        let mut economy = WorldSpec::default_world()?.economy.ok_or("the world that ships has no economy")?;
        economy.population.count = TRADERS;
        spec.economy = Some(economy);
    }
    spec.diplomacy = Some(DiplomacySpec { factions: factions::some(FACTIONS), ..DiplomacySpec::default() });
    let crowd = places::spec(CROWD, RulePreset::Originals, kind.spread);
    spec.crowd = Some(CrowdSpec { hourly: true, ..crowd });
    Ok(spec)
}

/// Decisions that the NPCs have made so far.
pub(crate) fn decisions(world: &mut GameWorld) -> u64 {
    let ecs = world.ecs();
    let mut query = ecs.query::<&NpcState>();
    query.iter(ecs).map(|state| u64::from(state.decisions)).sum()
}

/// Orders of the last hour.
pub(crate) fn orders(world: &mut GameWorld) -> usize {
    world.ecs().get_resource::<Floor>().map_or(0, |floor| floor.books().map(|book| book.len()).sum())
}
