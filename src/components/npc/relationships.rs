//! How an NPC stands to others.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use crate::components::ids::StableId;

/// Relations that an NPC keeps at most: the one nearest to neutral is forgotten first.
pub const RELATIONS_MAX: usize = 64;

/// What an NPC feels towards somebody whom it has no relation to.
pub const NEUTRAL: f64 = 50.0;

/// An axis of relationships of the world file (affinity, trust, …), by its number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AxisId(pub u16);

/// One axis of a relation to one other entity, in twelve bytes: values are kept in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u16, u16)", into = "(u64, u16, u16)")]
pub struct Relation {
    to: [u32; 2],
    axis: AxisId,
    hundredths: u16,
}

impl Relation {
    /// A relation; its value is clamped to 0 to 100 and rounded to a hundredth.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; ids are cut into halves")]
    pub fn new(to: StableId, axis: AxisId, value: f64) -> Self {
        let hundredths = (value.clamp(0.0, 100.0) * 100.0).round() as u16;
        Self { to: [to.0 as u32, (to.0 >> 32) as u32], axis, hundredths }
    }

    /// To whom.
    pub fn to(&self) -> StableId {
        StableId(u64::from(self.to[0]) | u64::from(self.to[1]) << 32)
    }

    /// On which axis.
    pub fn axis(&self) -> AxisId {
        self.axis
    }

    /// 0 to 100; 50 is neutral.
    pub fn value(&self) -> f64 {
        f64::from(self.hundredths) / 100.0
    }

    fn key(&self) -> (StableId, AxisId) {
        (self.to(), self.axis)
    }
}

impl From<(u64, u16, u16)> for Relation {
    fn from((to, axis, hundredths): (u64, u16, u16)) -> Self {
        Self { hundredths: hundredths.min(10_000), ..Self::new(StableId(to), AxisId(axis), 0.0) }
    }
}

impl From<Relation> for (u64, u16, u16) {
    fn from(relation: Relation) -> Self {
        (relation.to().0, relation.axis.0, relation.hundredths)
    }
}

/// All relations of an NPC, in the order of (to, axis).
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Relationships(Box<[Relation]>);

impl Relationships {
    /// All of them, in the order of (to, axis).
    pub fn iter(&self) -> impl Iterator<Item = &Relation> + '_ {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The relation to somebody on an axis.
    pub fn get(&self, to: StableId, axis: AxisId) -> Option<f64> {
        let at = self.0.binary_search_by_key(&(to, axis), Relation::key).ok()?;
        self.0.get(at).map(Relation::value)
    }

    /// Sets a relation. Where there are [`RELATIONS_MAX`] already, the one nearest to neutral makes room.
    pub fn set(&mut self, to: StableId, axis: AxisId, value: f64) {
        let relation = Relation::new(to, axis, value);
        match self.0.binary_search_by_key(&(to, axis), Relation::key) {
            Ok(at) => self.0[at] = relation,
            Err(at) => {
                let mut all = std::mem::take(&mut self.0).into_vec();
                all.insert(at, relation);
                if all.len() > RELATIONS_MAX {
                    let weak = |relation: &Relation| relation.hundredths.abs_diff(5_000);
                    let weakest = (0..all.len()).min_by_key(|at| weak(&all[*at]));
                    weakest.map(|at| all.remove(at));
                }
                self.0 = all.into_boxed_slice();
            }
        }
    }

    /// Adds to a relation, from neutral where there is none.
    pub fn change(&mut self, to: StableId, axis: AxisId, delta: f64) {
        let value = self.get(to, axis).unwrap_or(NEUTRAL);
        self.set(to, axis, value + delta);
    }

    /// Makes a set of relations at once.
    pub fn from_values(values: impl IntoIterator<Item = (StableId, AxisId, f64)>) -> Self {
        let mut all = Self::default();
        for (to, axis, value) in values {
            all.set(to, axis, value);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_small_sorted_and_bounded() {
        assert_eq!(size_of::<Relation>(), 12);
        let mut all = Relationships::default();
        for to in (1..=100_u32).rev() {
            all.set(StableId(u64::from(to)), AxisId(0), f64::from(to));
        }
        assert_eq!(all.len(), RELATIONS_MAX);
        assert!(all.0.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        assert_eq!(all.get(StableId(100), AxisId(0)), Some(100.0), "the strong ones stay");
        assert_eq!(all.get(StableId(50), AxisId(0)), None, "the neutral ones go");
        all.change(StableId(100), AxisId(0), 5.0);
        all.change(StableId(1), AxisId(0), -0.25);
        assert_eq!(all.get(StableId(100), AxisId(0)), Some(100.0));
        assert_eq!(all.get(StableId(1), AxisId(0)), Some(0.75));
    }

    #[test]
    fn ids_beyond_32_bits_are_kept() {
        let far = StableId(u64::MAX - 3);
        let all = Relationships::from_values([(far, AxisId(7), 12.34)]);
        let bytes = postcard::to_stdvec(&all).expect("bytes");
        let back: Relationships = postcard::from_bytes(&bytes).expect("relations");
        assert_eq!(back.get(far, AxisId(7)), Some(12.34));
    }
}
