//! What holds for each commodity this hour: what the world file says, with what shocks and signals make of it and what is
//! known of the market.

use crate::components::market::CommodityId;
use crate::systems::economy::influences::conditions::LocalConditions;
use crate::systems::economy::model::Commodity;

/// What holds for a commodity this hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rate {
    /// Which.
    pub(crate) id: CommodityId,
    /// Units that everybody needs.
    pub(crate) need: f64,
    /// Share of what needs leave of the budget.
    pub(crate) spending_share: f64,
    /// Share of a stock that spoils.
    pub(crate) spoilage: f64,
    /// What stocks are measured against, in minor units a unit.
    pub(crate) usual_price: f64,
}

impl Rate {
    pub(crate) fn of(id: CommodityId, commodity: &Commodity, conditions: &LocalConditions, usual_price: f64) -> Self {
        Self {
            id,
            need: commodity.need * conditions.need_of(id),
            spending_share: commodity.spending_share * conditions.spending_on(id),
            spoilage: commodity.spoilage,
            usual_price,
        }
    }
}
