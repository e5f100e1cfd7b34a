//! A faction: its powers, what it strives for, and how.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

/// A faction.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faction {
    /// Its number: its place in the order of the factions' ids.
    pub number: u16,
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// The five kinds of power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PowerLevels {
    /// Military power, 0 to 100.
    pub military: f64,
    /// Economic strength, 0 to 100.
    pub economy: f64,
    /// Territory, 0 to 100.
    pub territory: f64,
    /// Technology, 0 to 100.
    pub technology: f64,
    /// Morale, 0 to 1.
    pub morale: f64,
}

impl PowerLevels {
    /// Each level with the same one of another, made into a new one.
    #[must_use]
    pub fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            military: f(self.military, other.military),
            economy: f(self.economy, other.economy),
            territory: f(self.territory, other.territory),
            technology: f(self.technology, other.technology),
            morale: f(self.morale, other.morale),
        }
    }

    /// The sum of the levels, each times its weight.
    pub fn weighed(&self, weights: &Self) -> f64 {
        self.military * weights.military
            + self.economy * weights.economy
            + self.territory * weights.territory
            + self.technology * weights.technology
            + self.morale * weights.morale
    }
}

/// A faction's powers.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Powers {
    /// As they are.
    pub now: PowerLevels,
    /// As they were at first.
    pub first: PowerLevels,
    /// What wars have worn off, 0 to 1.
    pub exhaustion: f64,
}

/// What a faction strives for; each 0 to 1.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Goals {
    /// Land.
    pub expansion: f64,
    /// Trade.
    pub commerce: f64,
    /// Safety.
    pub security: f64,
}

/// How a faction goes about what it wants; each 0 to 1.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Temperament {
    /// How often what it does to others is hostile.
    pub aggression: f64,
    /// How seldom it betrays an ally.
    pub loyalty: f64,
    /// How fast love and hatred go back to what they are by nature.
    pub forgiveness: f64,
}
