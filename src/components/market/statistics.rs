//! What everybody knows of the economy: flows of goods, usual prices, how roles fare.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use super::PerCommodity;

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
    /// Each commodity.
    pub flows: PerCommodity<Flow>,
    /// Each role, in the order of the world file.
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
