//! The money of a crowd outside its agents' pockets, and what came of it.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

/// Why money went from one pocket to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrowdFlow {
    /// Agents to vendors: meals.
    Meals,
    /// Employers to agents: wages.
    Wages,
    /// Agents to agents: things.
    Things,
    /// Vendors to employers: what they have earned.
    Earnings,
}

impl CrowdFlow {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Meals, Self::Wages, Self::Things, Self::Earnings];
}

/// The crowd's books. All amounts are in minor units. Agents, vendors and employers together always have what they had in
/// the beginning.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdBooks {
    /// Steps that the crowd has lived.
    pub steps: u64,
    /// What agents, vendors and employers had in the beginning.
    pub founded_with: u64,
    /// What the vendors have.
    pub vendors: u64,
    /// What the employers have.
    pub employers: u64,
    /// Money that has moved since the beginning, by kind.
    pub moved: [u64; CrowdFlow::ALL.len()],
    /// Meals sold since the beginning.
    pub meals: u64,
    /// Meals that are wanted in a step, averaged over about a week, in millionths: what demand is measured against.
    pub usual_meals_micro: u64,
    /// The same averaged over about a day.
    pub recent_meals_micro: u64,
}

impl CrowdBooks {
    /// Notes money that has moved.
    pub fn note(&mut self, flow: CrowdFlow, amount: u64) {
        if let Some(moved) = self.moved.get_mut(flow as usize) {
            *moved = moved.saturating_add(amount);
        }
    }

    /// What has moved of this kind since the beginning.
    pub fn moved(&self, flow: CrowdFlow) -> u64 {
        self.moved.get(flow as usize).copied().unwrap_or(0)
    }
}
