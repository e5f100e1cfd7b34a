//! Numbers of commodities, roles and market places, and a value for each commodity.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use bevy_ecs::prelude::Component;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use smallvec::SmallVec;

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

/// A market place: its number in the world file, from 0. Traders and markets have it in worlds with several places; who
/// has none stands at the first. A trader changes it before [`Produce`](crate::schedules::EconomySystems::Produce) or
/// after [`Clear`](crate::schedules::EconomySystems::Clear) of an hour, never while it has orders in a book.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceId(pub u16);

impl PlaceId {
    /// The place of somebody who may have none.
    pub fn of(place: Option<&Self>) -> Self {
        place.copied().unwrap_or_default()
    }

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

/// Commodities whose values stand beside each other with their owner; with more of them, they stand elsewhere.
const INLINE: usize = 8;

/// A value for each commodity of the world. With few commodities it allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerCommodity<T>(SmallVec<[T; INLINE]>);

impl<T> Default for PerCommodity<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T> PerCommodity<T> {
    /// One value for each of `count` commodities.
    pub fn from_fn(count: usize, mut value: impl FnMut(CommodityId) -> T) -> Self {
        Self((0..count).map(|index| value(CommodityId(u16::try_from(index).unwrap_or(u16::MAX)))).collect())
    }

    /// All values in the order of the world file.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// The same, to change them.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.0
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

/// As the list of its values.
impl<T: Serialize> Serialize for PerCommodity<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerCommodity<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = PerCommodity<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list with a value for each commodity")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = SmallVec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(PerCommodity(values))
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_saved_as_a_list_whether_it_is_inline_or_not() {
        for count in [0_u8, 1, 5, 8, 9, 64] {
            let list: Vec<u64> = (0..u64::from(count)).map(|value| value * 1_000).collect();
            let values = PerCommodity::from_fn(list.len(), |id| u64::from(id.0) * 1_000);
            let bytes = postcard::to_stdvec(&values).expect("saved");
            assert_eq!(bytes, postcard::to_stdvec(&list).expect("saved"));
            assert_eq!(postcard::from_bytes::<PerCommodity<u64>>(&bytes).expect("read"), values);
            let json = serde_json::to_string(&values).expect("written");
            assert_eq!(serde_json::from_str::<PerCommodity<u64>>(&json).expect("read"), values);
        }
        assert!(postcard::from_bytes::<PerCommodity<u64>>(&[3, 1, 2]).is_err());
    }
}
