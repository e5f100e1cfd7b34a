//! What the public has: taxes come in, relief and wages go out.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::{Purse, Stock};
use crate::components::money::Money;

/// The treasury of a world; its money is in its purse. At most one entity has it.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[require(Purse, Stock)]
pub struct Treasury {
    /// Taxes of the last hour.
    pub collected: Money,
    /// Relief and wages that were due in the last hour.
    pub due: Money,
    /// What was paid of them: all of it, or the same share to everybody when the treasury holds less.
    pub paid: Money,
}

/// The livelihood of an agent that the economy has brought into the world, and that leaves it when it goes broke. A
/// trader without it, such as one that is somebody else as well, never leaves.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Livelihood {
    /// Hours in a row with less money than the world file calls broke.
    pub broke_hours: u32,
}
