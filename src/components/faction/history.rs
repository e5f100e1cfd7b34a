//! What happened between factions: the last of each pair, and no more than so many altogether.

use std::collections::btree_map::Entry;
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

/// What happened, pair by pair. It notes what it has taken in and what it has forgotten, so that a state hash looks at
/// nothing else.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    pairs: BTreeMap<PairId, VecDeque<Happening>>,
    /// Numbers and pairs of what is kept, the oldest first; and of some that a pair has forgotten since. Derived.
    order: VecDeque<(u64, PairId)>,
    /// How much is kept. Derived.
    kept: usize,
    next: u64,
    noted: Vec<u64>,
}

impl PartialEq for Histories {
    fn eq(&self, other: &Self) -> bool {
        self.next == other.next && self.pairs == other.pairs
    }
}

impl Histories {
    /// Remembers something; its number is given here. The oldest of the pair beyond `each`, and the oldest of all beyond
    /// `total`, are forgotten.
    pub fn add(&mut self, pair: PairId, mut happening: Happening, (each, total): (u32, u32)) {
        let most = |count: u32| usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        happening.number = self.next;
        self.noted.push(self.next);
        self.order.push_back((self.next, pair));
        self.kept += 1;
        self.next += 1;
        let of_pair = self.pairs.entry(pair).or_default();
        of_pair.push_back(happening);
        while of_pair.len() > most(each) {
            if let Some(oldest) = of_pair.pop_front() {
                self.noted.push(oldest.number);
                self.kept -= 1;
            }
        }
        while self.kept > most(total) {
            self.forget_oldest();
        }
        // What pairs have forgotten by themselves is looked for in `order` no more: it must not outgrow what is kept.
        if self.order.len() > 2 * self.kept + 64 {
            let pairs = &self.pairs;
            self.order.retain(|(number, pair)| is_kept(pairs, *number, *pair));
        }
    }

    fn forget_oldest(&mut self) {
        let Some((number, pair)) = self.order.pop_front() else {
            self.kept = 0;
            return;
        };
        let Entry::Occupied(mut of_pair) = self.pairs.entry(pair) else { return };
        // The oldest of all is its pair's oldest too, unless the pair has forgotten it already.
        if of_pair.get_mut().pop_front_if(|oldest| oldest.number == number).is_some() {
            self.noted.push(number);
            self.kept -= 1;
            if of_pair.get().is_empty() {
                of_pair.remove();
            }
        }
    }

    /// Puts something at the end that has its number already.
    pub(crate) fn put(&mut self, pair: PairId, happening: Happening) {
        self.noted.push(happening.number);
        self.order.push_back((happening.number, pair));
        self.kept += 1;
        self.pairs.entry(pair).or_default().push_back(happening);
    }

    /// What happened to a pair, the oldest first.
    pub fn of(&self, pair: PairId) -> impl DoubleEndedIterator<Item = &Happening> {
        self.pairs.get(&pair).into_iter().flatten()
    }

    /// How much is remembered of all pairs.
    pub fn len(&self) -> usize {
        self.kept
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.kept == 0
    }

    /// How much ever happened: the number of what happens next.
    pub fn count(&self) -> u64 {
        self.next
    }

    /// The number of the last of all that is remembered.
    pub(crate) fn last(&self) -> Option<u64> {
        let kept = |(number, pair): &&(u64, PairId)| is_kept(&self.pairs, *number, *pair);
        self.order.iter().rev().find(kept).map(|(number, _)| *number)
    }

    /// Goes on with this number.
    pub(crate) fn go_on_from(&mut self, next: u64) {
        self.next = next;
    }

    /// What happened from a number on and is remembered, in its order.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (PairId, &Happening)> {
        let first = self.order.partition_point(|(one, _)| *one < number);
        self.order.range(first..).filter_map(|(number, pair)| self.numbered(*number, *pair).map(|one| (*pair, one)))
    }

    /// What has this number, and its pair; nothing for what is not remembered.
    pub(crate) fn get(&self, number: u64) -> Option<(PairId, &Happening)> {
        let at = self.order.binary_search_by_key(&number, |(one, _)| *one).ok()?;
        let (_, pair) = self.order.get(at)?;
        self.numbered(number, *pair).map(|one| (*pair, one))
    }

    fn numbered(&self, number: u64, pair: PairId) -> Option<&Happening> {
        let of_pair = self.pairs.get(&pair)?;
        of_pair.get(of_pair.binary_search_by_key(&number, |one| one.number).ok()?)
    }

    /// Numbers of what was remembered or forgotten since this was last asked, some perhaps more than once.
    pub(crate) fn take_noted(&mut self) -> impl Iterator<Item = u64> + '_ {
        self.noted.drain(..)
    }
}

/// Whether a pair still remembers what has this number: it forgets the oldest first.
fn is_kept(pairs: &BTreeMap<PairId, VecDeque<Happening>>, number: u64, pair: PairId) -> bool {
    pairs.get(&pair).and_then(VecDeque::front).is_some_and(|oldest| oldest.number <= number)
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
        let mut again = Histories::default();
        again.go_on_from(all.count());
        all.since(0).for_each(|(pair, one)| again.put(pair, one.clone()));
        assert_eq!(again, all);
        let last = |all: &mut Histories| {
            all.add(PairId(1), some(), (3, 10));
            all.since(0).map(|(pair, one)| (pair, one.number)).collect::<Vec<_>>()
        };
        assert_eq!(last(&mut again), last(&mut all));
    }

    #[test]
    fn what_a_pair_forgets_by_itself_does_not_pile_up_and_everything_is_noted() {
        let mut all = Histories::default();
        let mut kept = std::collections::BTreeSet::new();
        all.add(PairId(7), some(), (2, 50));
        for round in 0..1_000 {
            all.add(PairId(round % 3), some(), (2, 50));
            assert!(all.order.len() <= 2 * all.len() + 65);
            let noted: Vec<u64> = all.take_noted().collect();
            for number in noted {
                if all.get(number).is_some() {
                    kept.insert(number)
                } else {
                    kept.remove(&number)
                };
            }
        }
        assert_eq!(all.since(0).map(|(_, one)| one.number).collect::<Vec<_>>(), [0, 995, 996, 997, 998, 999, 1_000]);
        assert!(kept.into_iter().eq(all.since(0).map(|(_, one)| one.number)));
        assert_eq!((all.len(), all.since(998).count(), all.get(4).is_none()), (7, 3, true));
    }
}
