//! What holds for each commodity this hour: what the world file says, with what is known of the market.

use super::model::Commodity;

/// What holds for a commodity this hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rate {
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
    pub(super) fn of(commodity: &Commodity, usual_price: f64) -> Self {
        Self {
            need: commodity.need,
            spending_share: commodity.spending_share,
            spoilage: commodity.spoilage,
            usual_price,
        }
    }
}
