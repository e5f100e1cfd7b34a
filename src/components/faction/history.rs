//! What happened between factions: the last of each pair, and no more than so many altogether.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{ActKind, PairId, RelationState, TreatyKind};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// They stand otherwise than before.
    Changed {
        /// As they stood.
        from: RelationState,
        /// As they stand.
        to: RelationState,
    },
    /// Something was done, by the faction of this number.
    Act(ActKind, u16),
    /// Something of the world file was to happen and could not.
    Refused(ActKind),
    /// A treaty's time was over.
    TreatyEnded(TreatyKind),
}

/// Something that happened to a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// Its number among all that ever happened.
    pub number: u64,
    /// The hour of game time (since the epoch).
    pub hour: i32,
    /// What.
    pub what: What,
    /// What it added to love.
    pub love: f32,
    /// What it added to trust.
    pub trust: f32,
    /// For a change of state, the change of the score since the state before began; otherwise 0.
    pub score: f32,
    /// In words.
    pub words: String,
}

/// What happened, pair by pair.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Histories {
    pairs: BTreeMap<PairId, VecDeque<Happening>>,
    /// The pair of each happening that is kept, by its number. Derived.
    order: BTreeMap<u64, PairId>,
    next: u64,
}

/// As it is saved.
#[derive(Serialize, Deserialize)]
struct Kept {
    pairs: Vec<(PairId, VecDeque<Happening>)>,
    next: u64,
}

impl From<Histories> for Kept {
    fn from(all: Histories) -> Self {
        Self { pairs: all.pairs.into_iter().collect(), next: all.next }
    }
}

impl From<Kept> for Histories {
    fn from(kept: Kept) -> Self {
        let of = |(pair, all): &(PairId, VecDeque<Happening>)| {
            let pair = *pair;
            all.iter().map(move |one| (one.number, pair)).collect::<Vec<_>>()
        };
        let order = kept.pairs.iter().flat_map(of).collect();
        Self { pairs: kept.pairs.into_iter().collect(), order, next: kept.next }
    }
}

impl Histories {
    /// Remembers something; its number is given here. The oldest of the pair beyond `each`, and the oldest of all beyond
    /// `total`, are forgotten.
    pub fn add(&mut self, pair: PairId, mut happening: Happening, (each, total): (u32, u32)) {
        let most = |count: u32| usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        happening.number = self.next;
        self.order.insert(self.next, pair);
        self.next += 1;
        let of_pair = self.pairs.entry(pair).or_default();
        of_pair.push_back(happening);
        while of_pair.len() > most(each) {
            if let Some(oldest) = of_pair.pop_front() {
                self.order.remove(&oldest.number);
            }
        }
        while self.order.len() > most(total) {
            let Some((_, pair)) = self.order.pop_first() else { break };
            let Some(of_pair) = self.pairs.get_mut(&pair) else { continue };
            of_pair.pop_front();
            if of_pair.is_empty() {
                self.pairs.remove(&pair);
            }
        }
    }

    /// What happened to a pair, the oldest first.
    pub fn of(&self, pair: PairId) -> impl DoubleEndedIterator<Item = &Happening> {
        self.pairs.get(&pair).into_iter().flatten()
    }

    /// How much is remembered of all pairs.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How much ever happened: the number of what happens next.
    pub fn count(&self) -> u64 {
        self.next
    }

    /// What happened from a number on and is remembered, in its order.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (PairId, &Happening)> {
        self.order.range(number..).filter_map(|(number, pair)| {
            let of_pair = self.pairs.get(pair)?;
            let at = of_pair.binary_search_by_key(number, |happening| happening.number).ok()?;
            of_pair.get(at).map(|happening| (*pair, happening))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Happening {
        let what = What::Act(ActKind::Trade, 0);
        Happening { number: 0, hour: 1, what, love: 0.0, trust: 0.0, score: 0.0, words: String::new() }
    }

    #[test]
    fn the_oldest_of_a_pair_and_of_all_are_forgotten_and_a_restart_knows_the_same() {
        let mut all = Histories::default();
        for round in 0..5 {
            for pair in 0..4 {
                all.add(PairId(pair), some(), (3, 10));
            }
            assert!(all.len() <= 10, "{round}");
        }
        assert_eq!((all.len(), all.count()), (10, 20));
        let of = |pair: u32| all.of(PairId(pair)).map(|one| one.number).collect::<Vec<_>>();
        assert_eq!((of(0), of(2)), (vec![12, 16], vec![10, 14, 18]));
        assert_eq!(all.since(17).map(|(pair, _)| pair.0).collect::<Vec<_>>(), [1, 2, 3]);
        let bytes = postcard::to_stdvec(&all).expect("bytes");
        assert_eq!(postcard::from_bytes::<Histories>(&bytes).expect("histories"), all);
    }
}
