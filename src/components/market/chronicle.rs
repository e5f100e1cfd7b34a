//! What becomes of a trader over time.

use std::collections::VecDeque;

use bevy_ecs::prelude::{Component, Resource};
use serde::{Deserialize, Serialize};

use super::{Beliefs, Distribution};
use crate::components::money::Money;

/// A trader's state at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The economy's hour at whose end it was taken: 1 for the world's first.
    pub hour: u64,
    /// Its money.
    pub money: Money,
    /// Its money and what its goods were worth at the last prices.
    pub wealth: Money,
}

/// Samples for which there is room from the first on.
const ROOM_AT_ONCE: usize = 32;

/// A trader's wealth and beliefs at regular times, as many as the world file says; the latest last.
#[derive(Component, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Chronicle {
    samples: VecDeque<Sample>,
    /// Beliefs of all samples, one sample after the other.
    beliefs: VecDeque<f32>,
}

impl Chronicle {
    /// Keeps a sample; of what there is then, the latest `most` stay. A trader that knows another number of
    /// commodities than before begins anew.
    pub fn keep(&mut self, sample: Sample, beliefs: &Beliefs, most: usize) {
        let commodities = beliefs.0.len();
        if self.beliefs.len() != self.samples.len() * commodities {
            self.samples.clear();
            self.beliefs.clear();
        }
        while !self.samples.is_empty() && self.samples.len() >= most {
            self.samples.pop_front();
            self.beliefs.drain(..commodities);
        }
        if most > 0 {
            // All the room that there will be need of, at once: nothing grows later, and nothing stays empty.
            let room = most.min(ROOM_AT_ONCE);
            self.samples.reserve_exact(room.saturating_sub(self.samples.len()));
            self.beliefs.reserve_exact((room * commodities).saturating_sub(self.beliefs.len()));
            self.samples.push_back(sample);
            self.beliefs.extend(beliefs.0.iter().map(|belief| shorten(belief.price)));
        }
    }

    /// The samples, each with the trader's price beliefs of that time in minor units, in the order of the commodities.
    pub fn iter(&self) -> impl Iterator<Item = (&Sample, impl Iterator<Item = f32>)> {
        let commodities = self.beliefs.len().checked_div(self.samples.len()).unwrap_or(0);
        self.samples.iter().enumerate().map(move |(index, sample)| {
            (sample, self.beliefs.iter().skip(index * commodities).take(commodities).copied())
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits of a price are enough to look back at")]
fn shorten(price: f64) -> f32 {
    price as f32
}

/// How money and wealth are spread over the traders of a world, when last counted.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WealthStatistics {
    /// The hour at whose end it was counted: 1 for the world's first.
    pub hour: u64,
    /// Traders.
    pub traders: u64,
    /// Their money, in minor units.
    pub money: Distribution,
    /// Their money and what their goods are worth, in minor units.
    pub wealth: Distribution,
    /// Share of the money that the richest hundredth has (the richest one, where there are fewer than a hundred).
    pub richest_share: f64,
}

/// The same at each place, in their order. Only worlds with several places have it.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WealthOfPlaces(pub Vec<WealthStatistics>);

#[cfg(test)]
mod tests {
    use super::super::{Belief, PerCommodity};
    use super::*;

    fn beliefs(price: f64) -> Beliefs {
        Beliefs(PerCommodity::from_fn(2, |id| Belief { price: price + f64::from(id.0), doubt: 0.1 }))
    }

    #[test]
    fn the_latest_stay() {
        let mut chronicle = Chronicle::default();
        for hour in 0..7 {
            let sample = Sample { hour, ..Sample::default() };
            chronicle.keep(sample, &beliefs(100.0 + f64::from(u32::try_from(hour).expect("small"))), 3);
        }
        let kept: Vec<(u64, Vec<f32>)> = chronicle.iter().map(|(s, beliefs)| (s.hour, beliefs.collect())).collect();
        assert_eq!(kept, [(4, vec![104.0, 105.0]), (5, vec![105.0, 106.0]), (6, vec![106.0, 107.0])]);
        chronicle.keep(Sample::default(), &beliefs(1.0), 0);
        assert!(chronicle.is_empty());
    }
}
