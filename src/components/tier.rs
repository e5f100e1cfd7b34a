//! Simulation tiers: how closely an NPC is simulated, and when its turn is.

use std::fmt;
use std::ops::{Index, IndexMut};

use bevy_ecs::prelude::Component;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::GameInstant;

/// How closely an NPC is simulated. Ordered from the closest to the coarsest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SimulationTier {
    /// Near a player or critical to a scene: everything an NPC can do, at the finest interval.
    Detailed,
    /// Relevant to a session or a story: everything an NPC can do, at a coarser interval.
    Active,
    /// In the world, in nobody's focus: follows its routine by a simplified choice.
    #[default]
    Ambient,
    /// Not simulated until its slot comes; then one coarse update over the whole span.
    Dormant,
}

impl SimulationTier {
    /// All tiers, from the closest to the coarsest.
    pub const ALL: [Self; 4] = [Self::Detailed, Self::Active, Self::Ambient, Self::Dormant];

    /// The name, as in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detailed => "detailed",
            Self::Active => "active",
            Self::Ambient => "ambient",
            Self::Dormant => "dormant",
        }
    }

    /// The next coarser tier; nothing below dormant.
    pub fn coarser(self) -> Option<Self> {
        match self {
            Self::Detailed => Some(Self::Active),
            Self::Active => Some(Self::Ambient),
            Self::Ambient => Some(Self::Dormant),
            Self::Dormant => None,
        }
    }
}

impl fmt::Display for SimulationTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value for each tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PerTier<T> {
    /// Of the detailed tier.
    pub detailed: T,
    /// Of the active tier.
    pub active: T,
    /// Of the ambient tier.
    pub ambient: T,
    /// Of the dormant tier.
    pub dormant: T,
}

impl<T> PerTier<T> {
    /// Made from one value a tier.
    pub fn from_fn(mut value: impl FnMut(SimulationTier) -> T) -> Self {
        Self {
            detailed: value(SimulationTier::Detailed),
            active: value(SimulationTier::Active),
            ambient: value(SimulationTier::Ambient),
            dormant: value(SimulationTier::Dormant),
        }
    }

    /// All values with their tiers, from the closest to the coarsest.
    pub fn iter(&self) -> impl Iterator<Item = (SimulationTier, &T)> {
        SimulationTier::ALL.into_iter().map(|tier| (tier, &self[tier]))
    }
}

impl<T> Index<SimulationTier> for PerTier<T> {
    type Output = T;
    fn index(&self, tier: SimulationTier) -> &T {
        match tier {
            SimulationTier::Detailed => &self.detailed,
            SimulationTier::Active => &self.active,
            SimulationTier::Ambient => &self.ambient,
            SimulationTier::Dormant => &self.dormant,
        }
    }
}

impl<T> IndexMut<SimulationTier> for PerTier<T> {
    fn index_mut(&mut self, tier: SimulationTier) -> &mut T {
        match tier {
            SimulationTier::Detailed => &mut self.detailed,
            SimulationTier::Active => &mut self.active,
            SimulationTier::Ambient => &mut self.ambient,
            SimulationTier::Dormant => &mut self.dormant,
        }
    }
}

/// Why an NPC is wished into a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierReason {
    /// No rule held: the world's default tier.
    Default,
    /// The priority rule of this number (from 0, in the order of the world file).
    Rule(u8),
    /// A player is where it is.
    PlayerLocation,
    /// It is in a running scene.
    Scene,
    /// Its story runs.
    Story,
    /// An operator pinned it.
    Pin,
}

impl TierReason {
    /// Whether somebody asked for it, by focus or a pin: such a wish never waits for a dwell.
    pub(crate) fn is_order(self) -> bool {
        !matches!(self, Self::Default | Self::Rule(_))
    }
}

/// A tier that an NPC is wished into. The higher priority wins; then the closer tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierWish {
    /// The tier.
    pub tier: SimulationTier,
    /// The priority; higher wins.
    pub priority: i16,
    /// Why.
    pub reason: TierReason,
}

/// The scheduler's part of an NPC: the tier it is in, the tier it is wished into, and when its turn is.
///
/// Only the scheduler's systems write it, but for [`rule_wish`](Self::rule_wish), which the behaviour domain sets.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// The tier that it is in.
    pub tier: SimulationTier,
    /// What the priority rules say, as of its last turn.
    pub rule_wish: TierWish,
    /// What is wished for it, all told: pin, focus or rule. Capacity may have put it in a coarser tier.
    pub wish: TierWish,
    /// Since when it has been in its tier.
    pub since: GameInstant,
    /// When it had its last turn; its effects are applied over the time from here.
    pub last: GameInstant,
    /// When its next turn is due.
    pub due: GameInstant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedulers_part_of_an_npc_is_small() {
        assert_eq!(size_of::<TierWish>(), 6);
        assert_eq!(size_of::<Simulated>(), 40);
    }
}
