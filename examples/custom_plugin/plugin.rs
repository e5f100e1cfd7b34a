//! A plugin as a Bevy developer writes it: a lighthouse that guides ships.
//!
//! It declares what survives a restart ([`Lighthouse`]), what is told to the outside ([`ShipsGuided`]) and what it can
//! be asked ([`AskShips`]); snapshots, publishing, validation and the catalogue follow from that.

#![allow(unreachable_pub, reason = "the example and the test that includes it are programs: nothing is reachable")]

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use worldtick::components::ids::{StableId, StableIds};
use worldtick::messages::SimulationEvent;
use worldtick::schedules::{HourlyTick, SetupSystems, WorldSetup};
use worldtick::systems::random::Draws;
use worldtick::world::{Answer, Persist, RegisterExt, WorldQuery};

/// A lighthouse and what it has done so far.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lighthouse {
    /// Its name.
    pub name: String,
    /// Ships that it has guided since it was built.
    pub ships_total: u64,
}

impl Persist for Lighthouse {
    const NAME: &'static str = "harbour.lighthouse";
}

/// What is told of a lighthouse every hour.
#[derive(Message, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipsGuided {
    /// The lighthouse.
    pub lighthouse: String,
    /// Ships in this hour.
    pub ships: u64,
    /// Ships since it was built.
    pub ships_total: u64,
}

impl SimulationEvent for ShipsGuided {
    const EVENT_TYPE: &'static str = "simulation.event.ships_guided";
    const SOURCE: &'static str = "harbour.lighthouse";

    fn key(&self) -> String {
        self.lighthouse.clone()
    }

    fn example() -> Self {
        Self { lighthouse: "Cape Sorrow".to_owned(), ships: 3, ships_total: 1_204 }
    }
}

/// Asks how many ships all lighthouses have guided.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AskShips {}

impl WorldQuery for AskShips {
    const NAME: &'static str = "harbour.ships";
}

/// Adds a harbour with a lighthouse to every world.
#[derive(Debug, Clone, Copy, Default)]
pub struct HarbourPlugin;

impl Plugin for HarbourPlugin {
    fn build(&self, app: &mut App) {
        app.persist_component::<Lighthouse>()
            .emit_event::<ShipsGuided>()
            .answer_query::<AskShips, _, _>(count_ships)
            // After the domains: both hand out ids, and which one is first must not depend on luck.
            .add_systems(WorldSetup, build_lighthouse.in_set(SetupSystems::Own))
            .add_systems(HourlyTick, guide_ships);
    }
}

fn build_lighthouse(mut commands: Commands, mut ids: ResMut<StableIds>) {
    commands.spawn((ids.next_id(), Lighthouse { name: "old-mole".into(), ships_total: 0 }));
}

fn guide_ships(
    draws: Draws,
    mut lighthouses: Query<(&StableId, &mut Lighthouse)>,
    mut events: MessageWriter<ShipsGuided>,
) {
    let draws = draws.of("harbour.guide_ships");
    // In the order of the ids, which is the same in every replay.
    for (id, mut lighthouse) in lighthouses.iter_mut().sort::<&StableId>() {
        let ships = 1 + draws.for_id(*id).below(5);
        lighthouse.ships_total += ships;
        let Lighthouse { name, ships_total } = lighthouse.clone();
        events.write(ShipsGuided { lighthouse: name, ships, ships_total });
    }
}

fn count_ships(In(AskShips {}): In<AskShips>, lighthouses: Query<&Lighthouse>) -> Answer {
    Ok(lighthouses.iter().map(|lighthouse| lighthouse.ships_total).sum::<u64>().into())
}
