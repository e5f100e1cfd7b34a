//! Traders: their money, their goods, what they do for a living and how they spend.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::{Beliefs, Chronicle, CommodityId, PerCommodity, Personality, RoleId, TradeHistory};
use crate::components::money::{Goods, Money};

/// Somebody who works, trades and consumes. May be anything else as well: there is one purse for all.
#[derive(Component, Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[require(Purse, Stock, Storeroom, Beliefs, Personality, TradeHistory, Role, Budget, Chronicle)]
pub struct Trader {
    /// Output against the recipe's.
    pub skill: f64,
}

impl Default for Trader {
    fn default() -> Self {
        Self { skill: 1.0 }
    }
}

/// Somebody's money. Only ledger functions change it.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    pub(crate) free: Money,
    pub(crate) escrow: Money,
}

impl Purse {
    /// Money that can be spent.
    pub fn free(&self) -> Money {
        self.free
    }

    /// Money that covers orders.
    pub fn escrow(&self) -> Money {
        self.escrow
    }
}

/// Units of one commodity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub(crate) free: Goods,
    pub(crate) escrow: Goods,
}

impl Holding {
    /// Units that can be used.
    pub fn free(&self) -> Goods {
        self.free
    }

    /// Units that cover orders.
    pub fn escrow(&self) -> Goods {
        self.escrow
    }
}

/// Somebody's goods. Only ledger functions change them.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stock {
    pub(crate) goods: PerCommodity<Holding>,
}

impl Stock {
    /// Units of a commodity that can be used.
    pub fn free(&self, commodity: CommodityId) -> i64 {
        self.goods.get(commodity).map_or(0, |holding| holding.free.0)
    }

    /// What there is of each commodity.
    pub fn holdings(&self) -> &PerCommodity<Holding> {
        &self.goods
    }
}

/// How much somebody's stock takes. Who came into a world before there was such a thing has no limit.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Storeroom {
    /// Units of all commodities together; nothing where there is no limit.
    pub capacity: Option<i64>,
}

impl Storeroom {
    /// Units that there is room for beside a stock, those that cover orders included; 0 where it is full or more.
    pub fn room(&self, stock: &Stock) -> i64 {
        let Some(capacity) = self.capacity else { return i64::MAX };
        let held =
            stock.goods.iter().fold(0_i64, |sum, held| sum.saturating_add(held.free.0).saturating_add(held.escrow.0));
        capacity.saturating_sub(held).max(0)
    }
}

/// What a trader does for a living.
#[derive(Component, Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// The recipe that it follows.
    pub id: RoleId,
    /// Hours since it took the role.
    pub hours: u64,
    /// Output of late against what its skill allows, 0 to 1.
    pub utilisation: f64,
}

impl Default for Role {
    fn default() -> Self {
        Self { id: RoleId(0), hours: 0, utilisation: 1.0 }
    }
}

/// How a trader means to spend. Plans, not money: the purse alone holds money.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Minor units that are not yet planned for anything; below zero after needs took more than an hour's budget.
    pub open: i64,
    /// Minor units planned for enjoying each commodity.
    pub envelopes: PerCommodity<i64>,
    /// Units of each commodity that were bought to be enjoyed and are still in stock.
    pub treats: PerCommodity<i64>,
    /// Needs of the last hour that were met, in units.
    pub meals_met: u32,
    /// Needs of the last hour in units.
    pub meals_due: u32,
}
