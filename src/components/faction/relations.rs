//! How factions stand to each other: a column for each thing that every pair has.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use super::RelationState;

/// The number of a pair: its place in the triangle of all pairs, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairId(pub u32);

impl PairId {
    /// Its place in a column.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The pairs of so many factions.
///
/// Row `a` holds the pairs of faction `a` with each faction of a higher number: (0,1), (0,2), …, (1,2), …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairs(pub usize);

impl Pairs {
    /// How many there are.
    pub fn count(self) -> usize {
        self.0 * self.0.saturating_sub(1) / 2
    }

    /// Where row `a` begins.
    pub fn row(self, a: usize) -> usize {
        a * (2 * self.0).saturating_sub(a + 1) / 2
    }

    /// The pair of two factions, in either order; nothing for one alone or one that is not there.
    pub fn of(self, one: u16, other: u16) -> Option<PairId> {
        let (a, b) = (usize::from(one.min(other)), usize::from(one.max(other)));
        if a == b || b >= self.0 {
            return None;
        }
        u32::try_from(self.row(a) + b - a - 1).ok().map(PairId)
    }

    /// The factions of a pair, the lower number first.
    pub fn sides(self, pair: PairId) -> Option<(u16, u16)> {
        let at = pair.index();
        if at >= self.count() {
            return None;
        }
        // The last row that begins no later: rows begin at rising places.
        let (mut low, mut high) = (0, self.0.saturating_sub(1));
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            if self.row(middle) <= at { low = middle } else { high = middle }
        }
        let b = at - self.row(low) + low + 1;
        u16::try_from(low).ok().zip(u16::try_from(b).ok())
    }
}

/// How factions stand to each other. One entry a pair in each column, in the order of [`Pairs`]. Persisted in bulk.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Relations {
    /// Factions.
    pub factions: u16,
    /// The hour of game time (since the epoch) at which it began; nothing before the world has a time.
    pub began: Option<i32>,
    /// Days that were evaluated.
    pub days: u64,
    /// Love, -1 to 1.
    pub love: Vec<f32>,
    /// What love is by nature, to which it goes back. -1 to 1.
    pub nature: Vec<f32>,
    /// Trust, -1 to 1.
    pub trust: Vec<f32>,
    /// What treaties in force add to love.
    pub bonus: Vec<f32>,
    /// Score of the last evaluation.
    pub score: Vec<f32>,
    /// Score with which the present state began.
    pub score_then: Vec<f32>,
    /// The state, by its number.
    pub state: Vec<u8>,
    /// The hour of game time (since the epoch) in which the present state began.
    pub since: Vec<i32>,
}

/// One pair, as the columns have it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the columns")]
pub struct PairView {
    pub love: f32,
    pub nature: f32,
    pub trust: f32,
    pub bonus: f32,
    pub score: f32,
    pub score_then: f32,
    pub state: RelationState,
    pub since: i32,
}

impl Relations {
    /// Relations of so many factions, all indifferent.
    pub fn new(factions: u16) -> Self {
        let count = Pairs(usize::from(factions)).count();
        let zeros = || vec![0.0; count];
        Self {
            factions,
            began: None,
            days: 0,
            love: zeros(),
            nature: zeros(),
            trust: zeros(),
            bonus: zeros(),
            score: zeros(),
            score_then: zeros(),
            state: vec![RelationState::Peace.number(); count],
            since: vec![0; count],
        }
    }

    /// Its pairs.
    pub fn pairs(&self) -> Pairs {
        Pairs(usize::from(self.factions))
    }

    /// Whether every column has an entry for each pair.
    pub fn is_whole(&self) -> bool {
        let count = self.pairs().count();
        let reals = [&self.love, &self.nature, &self.trust, &self.bonus, &self.score, &self.score_then];
        reals.iter().all(|column| column.len() == count && column.iter().all(|value| value.is_finite()))
            && self.state.len() == count
            && self.state.iter().all(|state| *state < 4)
            && self.since.len() == count
    }

    /// A pair.
    pub fn view(&self, pair: PairId) -> Option<PairView> {
        let at = pair.index();
        Some(PairView {
            love: *self.love.get(at)?,
            nature: *self.nature.get(at)?,
            trust: *self.trust.get(at)?,
            bonus: *self.bonus.get(at)?,
            score: *self.score.get(at)?,
            score_then: *self.score_then.get(at)?,
            state: self.state_of(pair),
            since: *self.since.get(at)?,
        })
    }

    /// The state of a pair.
    pub fn state_of(&self, pair: PairId) -> RelationState {
        self.state.get(pair.index()).map_or(RelationState::Peace, |number| RelationState::of_number(*number))
    }

    /// Adds to a pair's love and trust, within their bounds; gives what was really added.
    pub fn move_feelings(&mut self, pair: PairId, love: f32, trust: f32) -> (f32, f32) {
        let add = |column: &mut [f32], change: f32| {
            column.get_mut(pair.index()).map_or(0.0, |value| {
                let before = *value;
                *value = (before + change).clamp(-1.0, 1.0);
                *value - before
            })
        };
        (add(&mut self.love, love), add(&mut self.trust, trust))
    }

    /// Puts a pair into a state from this hour on.
    pub fn set_state(&mut self, pair: PairId, state: RelationState, hour: i32) {
        let at = pair.index();
        if let (Some(place), Some(since), Some(then), Some(score)) =
            (self.state.get_mut(at), self.since.get_mut(at), self.score_then.get_mut(at), self.score.get(at))
        {
            *place = state.number();
            *since = hour;
            *then = *score;
        }
    }

    /// Pairs in each state, from war to alliance.
    pub fn counts(&self) -> [u64; 4] {
        let mut counts = [0_u64; 4];
        for part in self.state.chunks(128) {
            // Bytes are counted sixteen at a time; 128 of them fit into one.
            for (number, count) in (0_u8..).zip(&mut counts) {
                *count += u64::from(part.iter().map(|state| u8::from(*state == number)).sum::<u8>());
            }
        }
        counts
    }

    /// The factions of the pairs in a state, in their order: without a search for each.
    pub fn sides_in_state(&self, state: RelationState) -> impl Iterator<Item = (u16, u16)> + '_ {
        let pairs = self.pairs();
        let (mut row, mut first, mut after) = (0, 0, pairs.row(1));
        self.in_state(state).filter_map(move |pair| {
            let at = pair.index();
            while at >= after && row < pairs.0 {
                row += 1;
                (first, after) = (after, pairs.row(row + 1));
            }
            let along = at.checked_sub(first)?;
            u16::try_from(row).ok().zip(u16::try_from(row + 1 + along).ok())
        })
    }

    /// The pairs in a state, in their order.
    pub fn in_state(&self, state: RelationState) -> impl Iterator<Item = PairId> + '_ {
        let number = state.number();
        let parts = (0_u32..).step_by(64).zip(self.state.chunks(64));
        let some = parts.filter(move |(_, part)| part.iter().fold(false, |found, state| found | (*state == number)));
        some.flat_map(move |(first, part)| {
            let of_state = (first..).zip(part).filter(move |(_, state)| **state == number);
            of_state.map(|(pair, _)| PairId(pair))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_number_and_every_number_a_pair() {
        for count in [0_u16, 1, 2, 3, 7, 40] {
            let pairs = Pairs(usize::from(count));
            let mut next = 0;
            for a in 0..count {
                for b in a + 1..count {
                    let pair = pairs.of(b, a).expect("a pair");
                    assert_eq!((pair.0, pairs.of(a, b), pairs.sides(pair)), (next, Some(pair), Some((a, b))));
                    next += 1;
                }
            }
            assert_eq!(pairs.count(), usize::try_from(next).expect("small"));
            assert_eq!((pairs.of(0, 0), pairs.of(0, count), pairs.sides(PairId(next))), (None, None, None));
        }
        assert_eq!(Pairs(4_096).count(), 8_386_560);
    }

    #[test]
    fn pairs_are_counted_and_found_by_state() {
        let mut relations = Relations::new(60);
        assert!(relations.is_whole());
        for pair in [3, 700, 1_769] {
            relations.set_state(PairId(pair), RelationState::War, 5);
        }
        assert_eq!(relations.counts(), [3, 0, 1_767, 0]);
        let wars: Vec<u32> = relations.in_state(RelationState::War).map(|pair| pair.0).collect();
        assert_eq!(wars, [3, 700, 1_769]);
        let sides: Vec<_> = relations.sides_in_state(RelationState::War).collect();
        let expected = wars.iter().filter_map(|pair| relations.pairs().sides(PairId(*pair)));
        assert_eq!(sides, expected.collect::<Vec<_>>());
        assert_eq!(relations.sides_in_state(RelationState::Peace).count(), 1_767);
        assert!(
            relations
                .sides_in_state(RelationState::Peace)
                .eq(relations.in_state(RelationState::Peace).filter_map(|pair| relations.pairs().sides(pair)))
        );
        assert_eq!(Relations::new(0).sides_in_state(RelationState::Peace).count(), 0);
        relations.love.pop();
        assert!(!relations.is_whole());
    }
}
