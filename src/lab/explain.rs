//! Why an agent did not trade, and what a price is made of, in a world that a [`Stepper`] has stepped.

use crate::systems::economy::telling::explain;
pub use crate::systems::economy::telling::explain::IDLE_MAX;
pub use crate::systems::economy::{Dealing, Dealings, Part, PriceMade};
use crate::testing::Stepper;

/// Everything about an agent's last hour.
///
/// # Errors
/// With a sentence, where the world has no economy or no such agent.
pub fn explain_agent(world: &mut Stepper, id: u64) -> Result<Dealings, String> {
    explain::explain_agent(world.world().ecs(), id)
}

/// What the prices are made of, in the order of the world file.
///
/// # Errors
/// With a sentence, where the world has no economy.
pub fn explain_prices(world: &mut Stepper) -> Result<Vec<PriceMade>, String> {
    explain::explain_prices(world.world().ecs())
}

/// Agents who placed orders in the last hour and traded nothing at all, the first of them.
pub fn idle_agents(world: &mut Stepper, at_most: usize) -> Vec<u64> {
    explain::idle_agents(world.world().ecs(), at_most)
}
