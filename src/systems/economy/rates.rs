//! What holds for each commodity this hour: what the world file says, with what shocks and signals make of it and what is
//! known of the market.

use super::conditions::LocalConditions;
use super::model::Commodity;
use crate::components::market::CommodityId;

/// What holds for a commodity this hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rate {
    /// Which.
    pub(super) id: CommodityId,
    /// Units that everybody needs.
    pub(super) need: f64,
    /// Share of what needs leave of the budget.
    pub(super) spending_share: f64,
    /// Share of a stock that spoils.
    pub(super) spoilage: f64,
    /// What stocks are measured against, in minor units a unit.
    pub(super) usual_price: f64,
}

impl Rate {
    pub(super) fn of(id: CommodityId, commodity: &Commodity, conditions: &LocalConditions, usual_price: f64) -> Self {
        Self {
            id,
            need: commodity.need * conditions.need_of(id),
            spending_share: commodity.spending_share * conditions.spending_on(id),
            spoilage: commodity.spoilage,
            usual_price,
        }
    }
}
