//! What a trader believes of prices, and how it is.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::PerCommodity;

/// What a trader believes that a unit of a commodity costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// The price in minor units.
    pub price: f64,
    /// How far it may be off, as a share of the price. Failures raise it, success lowers it.
    pub doubt: f64,
}

impl Belief {
    /// The least price that the trader thinks likely.
    pub fn min(&self) -> f64 {
        self.price * (1.0 - self.doubt)
    }

    /// The highest price that the trader thinks likely.
    pub fn max(&self) -> f64 {
        self.price * (1.0 + self.doubt)
    }
}

/// A trader's belief about each commodity.
#[derive(Component, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Beliefs(pub PerCommodity<Belief>);

/// What makes one trader act otherwise than another.
#[derive(Component, Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Personality {
    /// 0 to 1: offers more of a stock at once.
    pub risk_tolerance: f64,
    /// 0 to 1: quotes further past its belief.
    pub impatience: f64,
    /// 0 to 1: follows the market without experience of its own.
    pub social_influence: f64,
    /// 0.01 to 1: how far one trade moves a belief.
    pub learning_rate: f64,
}

impl Default for Personality {
    fn default() -> Self {
        Self { risk_tolerance: 0.5, impatience: 0.5, social_influence: 0.5, learning_rate: 0.3 }
    }
}
