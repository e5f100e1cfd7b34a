//! Numbers of commodities and roles, and a value for each commodity.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// A commodity: its number in the world file, from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommodityId(pub u16);

impl CommodityId {
    /// The number as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A role: its number in the world file, from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleId(pub u16);

impl RoleId {
    /// The number as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Which way somebody trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Buys.
    Bid,
    /// Sells.
    Ask,
}

/// A value for each commodity of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerCommodity<T>(Box<[T]>);

impl<T> Default for PerCommodity<T> {
    fn default() -> Self {
        Self(Box::new([]))
    }
}

impl<T> PerCommodity<T> {
    /// One value for each of `count` commodities.
    pub fn from_fn(count: usize, mut value: impl FnMut(CommodityId) -> T) -> Self {
        Self((0..count).map(|index| value(CommodityId(u16::try_from(index).unwrap_or(u16::MAX)))).collect())
    }

    /// For how many commodities there is a value.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in the order of the world file.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The value of a commodity, if the world has it.
    pub fn get(&self, commodity: CommodityId) -> Option<&T> {
        self.0.get(commodity.index())
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, commodity: CommodityId) -> Option<&mut T> {
        self.0.get_mut(commodity.index())
    }
}

impl<T> Index<CommodityId> for PerCommodity<T> {
    type Output = T;
    fn index(&self, commodity: CommodityId) -> &T {
        &self.0[commodity.index()]
    }
}

impl<T> IndexMut<CommodityId> for PerCommodity<T> {
    fn index_mut(&mut self, commodity: CommodityId) -> &mut T {
        &mut self.0[commodity.index()]
    }
}
