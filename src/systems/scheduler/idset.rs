//! Sets of stable ids that are small where ids lie close together.

use std::collections::BTreeMap;

use crate::components::ids::StableId;

/// Ids in a word.
const WORD: u64 = 64;

/// An ordered set of stable ids: a bit for each, in words that are there only where there are ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdSet {
    words: BTreeMap<u64, u64>,
    len: usize,
}

impl IdSet {
    /// Puts an id in; whether it was not there before.
    pub fn insert(&mut self, id: StableId) -> bool {
        let word = self.words.entry(id.0 / WORD).or_default();
        let bit = 1 << (id.0 % WORD);
        let new = *word & bit == 0;
        *word |= bit;
        self.len += usize::from(new);
        new
    }

    /// Takes an id out; whether it was there.
    pub fn remove(&mut self, id: StableId) -> bool {
        let Some(word) = self.words.get_mut(&(id.0 / WORD)) else { return false };
        let bit = 1 << (id.0 % WORD);
        let old = *word & bit != 0;
        *word &= !bit;
        if *word == 0 {
            self.words.remove(&(id.0 / WORD));
        }
        self.len -= usize::from(old);
        old
    }

    /// Whether an id is in.
    pub fn contains(&self, id: StableId) -> bool {
        self.words.get(&(id.0 / WORD)).is_some_and(|word| word & (1 << (id.0 % WORD)) != 0)
    }

    /// The lowest id.
    pub fn first(&self) -> Option<StableId> {
        self.words.first_key_value().map(|(at, word)| StableId(at * WORD + u64::from(word.trailing_zeros())))
    }

    /// The highest id.
    pub fn last(&self) -> Option<StableId> {
        self.words.last_key_value().map(|(at, word)| StableId(at * WORD + u64::from(word.ilog2())))
    }

    /// Takes the lowest id out.
    pub fn pop_first(&mut self) -> Option<StableId> {
        let first = self.first()?;
        self.remove(first);
        Some(first)
    }

    /// All ids, the lowest first.
    pub fn iter(&self) -> impl Iterator<Item = StableId> + '_ {
        self.words.iter().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(StableId(at * WORD + u64::from(bit)))
            })
        })
    }

    /// All ids from this one on, the lowest first.
    pub fn iter_from(&self, id: StableId) -> impl Iterator<Item = StableId> + '_ {
        let first = id.0 / WORD;
        let words = self.words.range(first..).map(move |(at, word)| {
            let passed = if *at == first { u64::MAX << (id.0 % WORD) } else { u64::MAX };
            (*at, *word & passed)
        });
        let bits =
            |(at, word): (u64, u64)| (0..WORD).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * WORD + bit);
        words.flat_map(bits).map(StableId)
    }

    /// How many ids are in.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no id is in.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Extend<StableId> for IdSet {
    fn extend<I: IntoIterator<Item = StableId>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id);
        }
    }
}

/// Ids in the order of a rank, then of the ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranked {
    ranks: BTreeMap<i16, IdSet>,
}

impl Ranked {
    pub(crate) fn insert(&mut self, rank: i16, id: StableId) {
        self.ranks.entry(rank).or_default().insert(id);
    }

    pub(crate) fn remove(&mut self, rank: i16, id: StableId) {
        if let Some(ids) = self.ranks.get_mut(&rank) {
            ids.remove(id);
            if ids.is_empty() {
                self.ranks.remove(&rank);
            }
        }
    }

    /// The highest rank, and of these the lowest id.
    pub(crate) fn best(&self) -> Option<(i16, StableId)> {
        let (rank, ids) = self.ranks.last_key_value()?;
        ids.first().map(|id| (*rank, id))
    }

    /// The lowest rank, and of these the highest id.
    pub(crate) fn weakest(&self) -> Option<(i16, StableId)> {
        let (rank, ids) = self.ranks.first_key_value()?;
        ids.last().map(|id| (*rank, id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_ids_is_a_set(steps in prop::collection::vec((any::<bool>(), prop_oneof![0_u64..300, any::<u64>()]), 0..200)) {
            let (mut set, mut model) = (IdSet::default(), BTreeSet::new());
            for (put, id) in steps {
                if put {
                    prop_assert_eq!(set.insert(StableId(id)), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(StableId(id)), model.remove(&id));
                }
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.contains(StableId(id)), model.contains(&id));
                prop_assert_eq!(set.first().map(|id| id.0), model.first().copied());
                prop_assert_eq!(set.last().map(|id| id.0), model.last().copied());
            }
            prop_assert!(set.iter().map(|id| id.0).eq(model.iter().copied()));
        }
    }

    #[test]
    fn a_million_neighbours_take_sixteen_thousand_words() {
        let mut set = IdSet::default();
        set.extend((0..1_000_000).map(StableId));
        assert_eq!((set.len(), set.words.len()), (1_000_000, 15_625));
    }

    #[test]
    fn the_best_is_of_the_highest_rank_and_the_weakest_of_the_lowest() {
        let mut ranked = Ranked::default();
        for (rank, id) in [(5, 3), (5, 2), (-1, 8), (-1, 9), (0, 1)] {
            ranked.insert(rank, StableId(id));
        }
        assert_eq!(ranked.best(), Some((5, StableId(2))));
        assert_eq!(ranked.weakest(), Some((-1, StableId(9))));
        ranked.remove(-1, StableId(9));
        ranked.remove(-1, StableId(8));
        assert_eq!(ranked.weakest(), Some((0, StableId(1))));
    }
}
