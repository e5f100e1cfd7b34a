//! What everybody knows of the economy: flows of goods, usual prices, how roles fare.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use super::PlaceId;

/// What is known of a commodity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Units made in an hour, of late.
    pub produced: f64,
    /// Units used up, eaten, enjoyed and spoiled in an hour, of late: what must be made again.
    pub used: f64,
    /// Price in minor units, of late.
    pub price: f64,
    /// Price in minor units over a longer time: what stocks are measured against.
    pub usual_price: f64,
}

/// What is known of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RoleStatistics {
    /// Traders in it.
    pub count: u64,
    /// Their output against what their skill allows, of late.
    pub utilisation: f64,
}

/// What everybody knows of the economy. Made from what happened, hour by hour.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MarketStatistics {
    /// Hours that the economy has lived.
    pub hours: u64,
    /// Each commodity in the order of the world file, place by place.
    pub flows: Vec<Flow>,
    /// Each role in the order of the world file, place by place.
    pub roles: Vec<RoleStatistics>,
    /// Needs of the last hour, in units.
    pub meals_due: u64,
    /// Needs of the last hour that were met.
    pub meals_met: u64,
    /// Needs since the beginning.
    pub meals_due_total: u64,
    /// Needs since the beginning that were met.
    pub meals_met_total: u64,
}

impl MarketStatistics {
    /// What is known of each commodity at a place, in a world with so many commodities.
    pub fn flows_at(&self, place: PlaceId, commodities: usize) -> &[Flow] {
        part(&self.flows, place, commodities)
    }

    /// What is known of each role at a place, in a world with so many roles.
    pub fn roles_at(&self, place: PlaceId, roles: usize) -> &[RoleStatistics] {
        part(&self.roles, place, roles)
    }

    /// Each role in the whole world, in a world with so many roles: how many have it, and their mean utilisation.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn roles_everywhere(&self, roles: usize) -> Vec<RoleStatistics> {
        let everywhere = |role: usize| {
            let mut sum = self.roles.get(role).copied().unwrap_or_default();
            for here in self.roles.iter().skip(role).step_by(roles.max(1)).skip(1) {
                let both = sum.count + here.count;
                if both > 0 {
                    let share = here.count as f64 / both as f64;
                    sum.utilisation += (here.utilisation - sum.utilisation) * share;
                }
                sum.count = both;
            }
            sum
        };
        (0..roles).map(everywhere).collect()
    }
}

/// A place's part of what stands place by place; nothing of a place that is not there.
fn part<T>(all: &[T], place: PlaceId, each: usize) -> &[T] {
    let from = place.index().saturating_mul(each);
    all.get(from..from.saturating_add(each)).unwrap_or_default()
}

/// Who moved to a place and away from it, since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceMoves {
    /// Traders that came from another place.
    pub came: u64,
    /// Traders that went to another place.
    pub went: u64,
}

/// Who moved, for each place. Only worlds with several places have it.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moves(pub Vec<PlaceMoves>);
