//! Orders that stay in a book.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::{CommodityId, Side};

/// What is left of an order that found nobody, with what covers it in its owner's escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestingOrder {
    /// What.
    pub commodity: CommodityId,
    /// Buys or sells.
    pub side: Side,
    /// Quoted price of a unit, in minor units.
    pub price: u32,
    /// The price at which its owner would rather not trade.
    pub limit: u32,
    /// Units.
    pub quantity: u32,
    /// Units of a bid that are not to be enjoyed.
    pub for_work: u32,
    /// Further hours for which it stays. At least 1.
    pub hours_left: u16,
}

/// A trader's orders that stay in the books, one at most for each commodity, in their order. Traders of a world whose
/// orders lapse have none.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resting {
    pub(crate) orders: Vec<RestingOrder>,
}

impl Resting {
    /// The orders.
    pub fn orders(&self) -> &[RestingOrder] {
        &self.orders
    }
}
