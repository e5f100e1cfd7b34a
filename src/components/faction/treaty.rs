//! Treaties in force, and those that are to come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PairId, TreatyKind};

/// A treaty of a pair: from when to when it holds, in microseconds of game time since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treaty {
    /// From here on.
    pub begins: i64,
    /// Until here, exclusive.
    pub ends: i64,
}

impl Treaty {
    /// Whether it holds at an instant.
    pub fn holds(&self, now: i64) -> bool {
        (self.begins..self.ends).contains(&now)
    }

    /// Whether no time lies between this one and another.
    pub fn meets(&self, other: &Self) -> bool {
        self.begins <= other.ends && other.begins <= self.ends
    }
}

/// All treaties, at most one of a kind for each pair. It notes which were signed or ended, so that a state hash looks at no
/// other.
#[derive(Debug, Clone, Default)]
pub struct Treaties {
    all: BTreeMap<(PairId, TreatyKind), Treaty>,
    noted: Vec<(PairId, TreatyKind)>,
}

impl PartialEq for Treaties {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Treaties {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those of a pair.
    pub fn of(&self, pair: PairId) -> impl Iterator<Item = (TreatyKind, Treaty)> + '_ {
        let all = (pair, TreatyKind::Alliance)..=(pair, TreatyKind::Truce);
        self.all.range(all).map(|((_, kind), treaty)| (*kind, *treaty))
    }

    /// The one of this kind.
    pub fn get(&self, pair: PairId, kind: TreatyKind) -> Option<Treaty> {
        self.all.get(&(pair, kind)).copied()
    }

    /// Signs one. With one of its kind that it meets it becomes one treaty, from the earlier beginning to the later end;
    /// it takes the place of one that it does not meet.
    pub fn sign(&mut self, pair: PairId, kind: TreatyKind, treaty: Treaty) {
        let there = self.get(pair, kind).filter(|there| there.meets(&treaty));
        let begins = there.map_or(treaty.begins, |there| there.begins.min(treaty.begins));
        let ends = there.map_or(treaty.ends, |there| there.ends.max(treaty.ends));
        self.put(pair, kind, Treaty { begins, ends });
    }

    /// Ends one. Says whether there was one.
    pub fn end(&mut self, pair: PairId, kind: TreatyKind) -> bool {
        let was_there = self.all.remove(&(pair, kind)).is_some();
        if was_there {
            self.noted.push((pair, kind));
        }
        was_there
    }

    /// Puts one in the place of whatever there is of its kind.
    pub(crate) fn put(&mut self, pair: PairId, kind: TreatyKind, treaty: Treaty) {
        self.noted.push((pair, kind));
        self.all.insert((pair, kind), treaty);
    }

    /// Takes out all.
    pub fn clear(&mut self) {
        self.noted.extend(std::mem::take(&mut self.all).into_keys());
    }

    /// Those that were signed or ended since this was last asked, some perhaps more than once.
    pub(crate) fn take_noted(&mut self) -> impl Iterator<Item = (PairId, TreatyKind)> + '_ {
        self.noted.drain(..)
    }

    /// Takes out all whose time is over, in the order of their pairs.
    pub fn take_ended(&mut self, now: i64) -> Vec<(PairId, TreatyKind)> {
        let ended: Vec<_> = self.all.iter().filter(|(_, treaty)| treaty.ends <= now).map(|(key, _)| *key).collect();
        for key in &ended {
            self.all.remove(key);
        }
        self.noted.extend_from_slice(&ended);
        ended
    }

    /// All, in the order of their pairs.
    pub fn iter(&self) -> impl Iterator<Item = (PairId, TreatyKind, Treaty)> + '_ {
        self.all.iter().map(|((pair, kind), treaty)| (*pair, *kind, *treaty))
    }
}
