//! Systems of one's own beside the economy's: who is rich is seen every hour, when the books are closed.

#![allow(unreachable_pub, reason = "the example and the test that includes it are programs: nothing is reachable")]

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use worldtick::components::ids::StableId;
use worldtick::components::market::Purse;
use worldtick::schedules::{EconomySystems, HourlyTick};
use worldtick::world::{Persist, RegisterExt};

/// The purse that was the fullest at the end of the last hour, and for how many hours it has been so.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Richest {
    /// Whose it is.
    pub who: Option<StableId>,
    /// Hours in a row.
    pub hours: u32,
}

impl Persist for Richest {
    const NAME: &'static str = "wealth.richest";
}

/// A set of one's own, so that others can be ordered against it without knowing its systems.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct WealthSystems;

/// Adds the systems where they belong: after everything that moves money.
pub struct WealthPlugin;

impl Plugin for WealthPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Richest>()
            .persist_resource::<Richest>()
            .configure_sets(HourlyTick, WealthSystems.after(EconomySystems::Report))
            .add_systems(HourlyTick, (find_richest, cap_hours).chain().in_set(WealthSystems));
    }
}

/// The same without a word about order: a world with it is refused.
pub struct UnorderedPlugin;

impl Plugin for UnorderedPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Richest>().persist_resource::<Richest>().add_systems(HourlyTick, find_richest);
    }
}

fn find_richest(purses: Query<(&StableId, &Purse)>, mut richest: ResMut<Richest>) {
    // Of equals the one with the smallest id: the order in memory must not be seen.
    let who = purses
        .iter()
        .max_by_key(|(id, purse)| (purse.free().0 + purse.escrow().0, std::cmp::Reverse(**id)))
        .map(|(id, _)| *id);
    let same = who == richest.who;
    *richest = Richest { who, hours: if same { richest.hours + 1 } else { 1 } };
}

/// A day is enough to be called old money.
fn cap_hours(mut richest: ResMut<Richest>) {
    richest.hours = richest.hours.min(24);
}
