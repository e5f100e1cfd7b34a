//! The last decisions, kept for whoever asks.

use std::collections::{BTreeMap, VecDeque};

use bevy_ecs::prelude::Resource;

use super::decide::{Care, Choice, Considered};
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;

/// Decisions that a world keeps at most: the last one of each of so many NPCs.
pub const EXPLAINED_MAX: usize = 512;

/// A decision with everything that was weighed.
#[derive(Debug, Clone)]
pub struct Explained {
    /// When; the first instant of all where nothing has been written yet.
    pub at: GameInstant,
    /// Its number.
    pub decision: u32,
    /// How it was made.
    pub care: Care,
    /// The session whose flags and preferences held.
    pub session: Option<String>,
    /// What was weighed.
    pub considered: Vec<Considered>,
    /// What was chosen.
    pub choice: Option<Choice>,
}

impl Default for Explained {
    fn default() -> Self {
        Self {
            at: GameInstant::MIN,
            decision: 0,
            care: Care::Full,
            session: None,
            considered: Vec::new(),
            choice: None,
        }
    }
}

/// The last decisions of NPCs of every tier. Derived: empty after a restart, and nothing follows from it.
///
/// The first [`EXPLAINED_MAX`] that decide have a page, and keep it. Beyond that only those do who are watched (detailed,
/// pinned or in focus); of the others the one with the oldest page makes room. So a decision that is not kept costs a
/// look-up, and one that is kept no memory that was not there before.
#[derive(Resource, Debug, Default)]
pub struct LastDecisions {
    pages: BTreeMap<StableId, Explained>,
    /// Who has a page, in the order in which they got it.
    order: VecDeque<StableId>,
}

impl LastDecisions {
    /// The last decision of an NPC, where it is kept.
    pub fn of(&self, id: StableId) -> Option<&Explained> {
        self.pages.get(&id).filter(|page| page.at != GameInstant::MIN)
    }

    /// Whether everybody who comes gets a page.
    pub fn has_room(&self) -> bool {
        self.pages.len() < EXPLAINED_MAX
    }

    /// The page of an NPC that may be about to decide; nothing where its decision is not kept.
    pub(super) fn page(&mut self, id: StableId, is_watched: bool) -> Option<&mut Explained> {
        if !self.pages.contains_key(&id) {
            let mut page = Explained::default();
            if !self.has_room() {
                if !is_watched {
                    return None;
                }
                let freed = self.order.pop_front().and_then(|oldest| self.pages.remove(&oldest));
                page = Explained { at: GameInstant::MIN, ..freed.unwrap_or_default() };
            }
            self.order.push_back(id);
            self.pages.insert(id, page);
        }
        self.pages.get_mut(&id)
    }

    /// Forgets an NPC that is gone.
    pub(super) fn forget(&mut self, id: StableId) {
        if self.pages.remove(&id).is_some() {
            self.order.retain(|other| *other != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_only_who_is_watched_gets_a_page() {
        let mut last = LastDecisions::default();
        let all = EXPLAINED_MAX as u64;
        let write = |page: Option<&mut Explained>| {
            page.is_some_and(|page| {
                page.at = GameInstant::MAX;
                true
            })
        };
        for id in 0..all {
            assert!(write(last.page(StableId(id), false)));
        }
        assert!(!last.has_room() && last.page(StableId(all), false).is_none());
        assert!(last.page(StableId(7), false).is_some(), "who has one keeps it");
        assert!(last.page(StableId(all), true).is_some() && last.of(StableId(all)).is_none(), "not written yet");
        assert!(write(last.page(StableId(all), true)) && last.of(StableId(all)).is_some());
        assert!(last.of(StableId(0)).is_none(), "the oldest made room");
        assert_eq!((last.pages.len(), last.order.len()), (EXPLAINED_MAX, EXPLAINED_MAX));
        last.forget(StableId(7));
        assert!(last.has_room() && last.of(StableId(7)).is_none());
        assert_eq!(last.order.len(), EXPLAINED_MAX - 1);
    }
}
