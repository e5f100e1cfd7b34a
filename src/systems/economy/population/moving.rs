//! Moving from one market place to another: what ties their prices together.
//!
//! Goods do not travel alone: who moves takes its money and its goods along. What an hour brings at two places is compared
//! in what it buys: by the price of what an agent consumes. What somebody has counts as well as what it earns, as both buy
//! more where prices are lower: money flows there and raises them. A place that is fuller than its share is worth less,
//! or the better of two would draw everybody: the pull between places falls with their crowding.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;
use smallvec::SmallVec;

use crate::components::market::{MarketStatistics, Moves, PlaceId, Resting, Trader};
use crate::systems::economy::floor::Floor;
use crate::systems::economy::maths::real;
use crate::systems::economy::model::Economy;

/// Room for each at a place against its share, at least and at most: beyond it nothing more is felt.
const ROOM_RANGE: (f64, f64) = (0.25, 4.0);

/// What a minor unit buys at each place, with the room that there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook(SmallVec<[f64; 16]>);

impl Outlook {
    /// As everybody knows it.
    pub(crate) fn of(economy: &Economy, statistics: &MarketStatistics) -> Self {
        if !economy.has_places() {
            return Self(SmallVec::from_slice(&[1.0]));
        }
        let heads =
            |place| statistics.roles_at(place, economy.roles.len()).iter().map(|known| known.count).sum::<u64>();
        let amount = |heads: u64| real(i64::try_from(heads).unwrap_or(i64::MAX));
        let all = economy.place_ids().map(heads).sum::<u64>();
        let standing = |(id, share): (PlaceId, f64)| {
            let flows = statistics.flows_at(id, economy.commodities.len());
            let basket: f64 = economy.basket.iter().zip(flows).map(|(units, flow)| units * flow.price).sum();
            let room = (share * amount(all) / amount(heads(id).max(1))).clamp(ROOM_RANGE.0, ROOM_RANGE.1);
            room / basket.max(f64::MIN_POSITIVE)
        };
        Self(economy.place_ids().zip(economy.places.iter().map(|place| place.share)).map(standing).collect())
    }

    /// The standing of a place.
    pub(crate) fn at(&self, place: PlaceId) -> f64 {
        self.0.get(place.index()).copied().unwrap_or(1.0)
    }

    /// As somebody at a place sees it who has so much to spend in an hour.
    pub(crate) fn from(&self, here: PlaceId, own: f64) -> View<'_> {
        View { all: self, here: self.at(here), own }
    }
}

/// How somebody at a place sees the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    all: &'a Outlook,
    here: f64,
    own: f64,
}

impl View<'_> {
    /// What an hour must bring here to be worth as much as one that brings so much there.
    pub(crate) fn worth(&self, there: PlaceId, prospect: f64) -> f64 {
        (prospect + self.own) * self.all.at(there) / self.here - self.own
    }
}

/// Those who have decided for another place go there, with all that they have; orders of theirs that rest end. Runs in
/// `Review`, before the roster of the hour is called.
pub fn move_traders(
    mut floor: ResMut<Floor>,
    moves: Option<ResMut<Moves>>,
    mut traders: Query<(&mut PlaceId, Option<&mut Resting>), With<Trader>>,
) -> Result {
    let Some(mut moves) = moves.filter(|_| !floor.movers.is_empty()) else { return Ok(()) };
    for (entity, to) in floor.movers.drain(..) {
        // Somebody may have left between the decision and the move.
        let Ok((mut place, resting)) = traders.get_mut(entity) else { continue };
        if let Some(mut resting) = resting.filter(|resting| !resting.orders.is_empty()) {
            // What covers them has been given back at the beginning of the hour.
            resting.orders.clear();
        }
        if let Some(left) = moves.0.get_mut(place.index()) {
            left.went += 1;
        }
        if let Some(found) = moves.0.get_mut(to.index()) {
            found.came += 1;
        }
        *place = to;
    }
    Ok(())
}
