//! The queue of due turns of one tier: a calendar queue (R. Brown, 1988).
//!
//! Turns that lie ahead are kept by slots of game time, unordered within a slot. When time reaches a slot, its turns are
//! put in order and wait in one short list, [the most overdue first](DueQueue::next_late): what a step takes lies side by
//! side in memory. Who is left over waits in an ordered set, as do the few whose slot was open already when they came.
//! What a step pays follows the slots that it passes and the turns that it takes, never the population.
//!
//! It is derived from [`Simulated::due`](crate::components::tier::Simulated) and never persisted. Whoever changes a due time
//! or a tier changes the entry with it; should one be left behind, it is dropped when it comes up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::components::clock::GameInstant;
use crate::components::ids::StableId;

/// Turns that a slot should hold on average. Turns are spread evenly: few slots hold more than 32, for which a list
/// would double.
const PER_SLOT: u64 = 28;
/// Turns in the list of opened slots at most: to take one out of its midst moves those behind it.
const OPENED_MAX: usize = 1_024;

type Entry = (GameInstant, StableId);

/// A turn in its slot: eight bytes, because there is one for every NPC. Microseconds after the beginning of the slot, then
/// the id: as numbers they are in the order of turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ahead(u64);

impl Ahead {
    /// Nothing for an id above 32 bits.
    fn new(offset: i64, id: StableId) -> Option<Self> {
        let offset = u32::try_from(offset).ok()?;
        u32::try_from(id.0).is_ok().then_some(Self(u64::from(offset) << 32 | id.0))
    }

    fn entry(self, begin: i64) -> Entry {
        let due = GameInstant::from_micros(begin.saturating_add_unsigned(self.0 >> 32));
        (due.unwrap_or(GameInstant::MIN), StableId(self.0 & u64::from(u32::MAX)))
    }
}

/// The turns of one tier, due or ahead.
#[derive(Debug)]
pub(crate) struct DueQueue {
    /// Game time that a slot spans.
    width: i64,
    /// The slots before this one have been opened.
    open_until: i64,
    /// Turns ahead, by slot.
    slots: BTreeMap<i64, Vec<Ahead>>,
    /// Turns of the slots that were opened last, in order.
    opened: VecDeque<Entry>,
    /// How many of them are due: the first ones.
    opened_late: usize,
    /// Turns whose time has come and that no list holds: they were left over, or came when their slot was open.
    late: BTreeSet<Entry>,
    /// Turns ahead that do not go into a slot: because it has been opened, or because of their ids.
    soon: BTreeSet<Entry>,
    ahead: usize,
    sized_for: usize,
}

impl Default for DueQueue {
    fn default() -> Self {
        Self::sized(900_000_000, 0)
    }
}

impl DueQueue {
    /// A queue for so many turns that lie within one interval (game microseconds).
    pub(crate) fn sized(interval: i64, turns: usize) -> Self {
        let slots = (turns as u64 / PER_SLOT).max(1);
        let width = (interval / i64::try_from(slots).unwrap_or(i64::MAX)).clamp(1, i64::from(u32::MAX));
        Self {
            width,
            open_until: i64::MIN,
            slots: BTreeMap::new(),
            opened: VecDeque::new(),
            opened_late: 0,
            late: BTreeSet::new(),
            soon: BTreeSet::new(),
            ahead: 0,
            sized_for: turns,
        }
    }

    /// Whether it holds so much more than it was made for that its slots have become long.
    pub(crate) fn has_outgrown(&self) -> bool {
        self.ahead > 4 * self.sized_for.max(256)
    }

    /// The slot of a turn that has not been opened, and the turn as it stands there.
    fn place(&self, due: GameInstant, id: StableId) -> Option<(i64, Ahead)> {
        let slot = self.slot(due);
        let ahead = Ahead::new(due.as_micros().rem_euclid(self.width), id)?;
        (slot >= self.open_until).then_some((slot, ahead))
    }

    fn slot(&self, due: GameInstant) -> i64 {
        due.as_micros().div_euclid(self.width)
    }

    /// Puts a turn in. Put in twice it may come up twice, unless it is dropped.
    pub(crate) fn push(&mut self, due: GameInstant, id: StableId) {
        if let Some((slot, turn)) = self.place(due, id) {
            self.slots.entry(slot).or_default().push(turn);
            self.ahead += 1;
        } else {
            self.soon.insert((due, id));
        }
    }

    /// Puts a turn in whose time had come when the queue was last opened: it is taken in this step.
    pub(crate) fn push_late(&mut self, due: GameInstant, id: StableId) {
        self.late.insert((due, id));
    }

    /// Takes a turn out.
    pub(crate) fn remove(&mut self, due: GameInstant, id: StableId) {
        let entry = (due, id);
        if let Some((slot, turn)) = self.place(due, id) {
            if let Some(turns) = self.slots.get_mut(&slot)
                && let Some(at) = turns.iter().position(|known| *known == turn)
            {
                // What order there is in a slot does not matter: it is put in order when it is opened.
                turns.swap_remove(at);
                self.ahead -= 1;
                if turns.is_empty() {
                    self.slots.remove(&slot);
                }
            }
        } else if let Ok(at) = self.opened.binary_search(&entry) {
            self.opened.remove(at);
            self.opened_late -= usize::from(at < self.opened_late);
        } else if !self.soon.remove(&entry) {
            self.late.remove(&entry);
        }
    }

    /// Opens the slots that `now` has reached.
    pub(crate) fn open(&mut self, now: GameInstant) {
        self.late.extend(self.opened.drain(..self.opened_late));
        let reached = self.slot(now);
        while let Some(first) = self.slots.first_entry()
            && *first.key() <= reached
        {
            let (slot, mut turns) = first.remove_entry();
            self.ahead -= turns.len();
            turns.sort_unstable();
            let begin = slot.saturating_mul(self.width);
            self.opened.extend(turns.into_iter().map(|turn| turn.entry(begin)));
        }
        self.open_until = self.open_until.max(reached.saturating_add(1));
        self.opened_late = self.opened.partition_point(|(due, _)| *due <= now);
        if self.opened.len() > OPENED_MAX {
            let mut opened = std::mem::take(&mut self.opened);
            self.late.extend(opened.drain(..self.opened_late));
            self.soon.extend(opened);
            self.opened_late = 0;
        }
        while let Some(first) = self.soon.first()
            && first.0 <= now
        {
            self.late.extend(self.soon.pop_first());
        }
    }

    /// The most overdue turn of those that were due when the queue was last opened.
    pub(crate) fn next_late(&self) -> Option<(GameInstant, StableId)> {
        let opened = self.opened.front().filter(|_| self.opened_late > 0);
        self.late.first().into_iter().chain(opened).min().copied()
    }

    /// Takes that turn.
    pub(crate) fn pop_late(&mut self) -> Option<(GameInstant, StableId)> {
        let next = self.next_late()?;
        if self.late.first() == Some(&next) {
            return self.late.pop_first();
        }
        self.opened_late -= 1;
        self.opened.pop_front()
    }

    /// Takes all of them, the most overdue first.
    pub(crate) fn take_late(&mut self, mut take: impl FnMut((GameInstant, StableId))) {
        while !self.late.is_empty()
            && let Some(turn) = self.pop_late()
        {
            take(turn);
        }
        self.opened.drain(..std::mem::take(&mut self.opened_late)).for_each(take);
    }

    /// How many turns were due when the queue was last opened and have not been taken.
    pub(crate) fn late(&self) -> usize {
        self.late.len() + self.opened_late
    }

    /// The same turns in a queue for so many.
    pub(crate) fn resized(&mut self, interval: i64, turns: usize) -> Self {
        let mut queue = Self::sized(interval, turns);
        let opened = std::mem::take(&mut self.opened).into_iter();
        let others = std::mem::take(&mut self.late).into_iter().chain(std::mem::take(&mut self.soon));
        opened.chain(others).for_each(|(due, id)| queue.push(due, id));
        for (slot, turns) in std::mem::take(&mut self.slots) {
            let begin = slot.saturating_mul(self.width);
            turns.into_iter().map(|turn| turn.entry(begin)).for_each(|(due, id)| queue.push(due, id));
        }
        queue
    }

    /// How many due turns would be taken before this one, up to `most`.
    pub(crate) fn before(&self, due: GameInstant, id: StableId, most: usize) -> usize {
        let opened = self.opened.iter().take(self.opened_late).take_while(|entry| **entry < (due, id));
        self.late.range(..(due, id)).chain(opened).take(most).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> GameInstant {
        GameInstant::from_micros(micros).expect("in the calendar")
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u64, i64),
        Drop(u64),
        Forget(u64),
        Take(i64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u64..40, -500_i64..5_000).prop_map(|(id, due)| Step::Put(id, due)),
            1 => (0_u64..40).prop_map(Step::Drop),
            1 => (0_u64..40).prop_map(Step::Forget),
            2 => (0_i64..800, 0_usize..6).prop_map(|(span, most)| Step::Take(span, most)),
        ]
    }

    proptest! {
        /// Whatever the width of its slots, turns come up as from one sorted list, and who is gone does not.
        #[test]
        fn turns_come_up_in_order(interval in 1_i64..10_000, sized in 0_usize..5_000, steps in prop::collection::vec(step(), 1..150)) {
            let mut queue = DueQueue::sized(interval, sized);
            let mut model: BTreeMap<u64, i64> = BTreeMap::new();
            let mut now = 0;
            for step in steps {
                // Some ids are too large for a slot.
                let large = |id: u64| if id.is_multiple_of(5) { id | 1 << 40 } else { id };
                match step {
                    Step::Put(id, due) => {
                        let id = large(id);
                        if let Some(old) = model.insert(id, due) {
                            queue.remove(at(old), StableId(id));
                        }
                        queue.push(at(due), StableId(id));
                    }
                    Step::Drop(id) => {
                        let id = large(id);
                        if let Some(old) = model.remove(&id) {
                            queue.remove(at(old), StableId(id));
                        }
                    }
                    // Gone without a word: its entry stays behind.
                    Step::Forget(id) => { model.remove(&large(id)); }
                    Step::Take(span, most) => {
                        now += span;
                        queue.open(at(now));
                        if now % 3 == 0 {
                            queue = queue.resized(interval, sized / 2);
                            queue.open(at(now));
                        }
                        let mut expected: Vec<(i64, u64)> =
                            model.iter().filter(|(_, due)| **due <= now).map(|(id, due)| (*due, *id)).collect();
                        expected.sort_unstable();
                        expected.truncate(most);
                        let mut taken = Vec::new();
                        while taken.len() < most {
                            let Some((due, id)) = queue.pop_late() else { break };
                            if model.get(&id.0) == Some(&due.as_micros()) {
                                taken.push((due.as_micros(), id.0));
                                model.remove(&id.0);
                            }
                        }
                        prop_assert_eq!(taken, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn opening_looks_only_at_what_has_come() {
        let population = 1_000_000_u64;
        let interval = 14_400_000_000_i64;
        let due = |id: StableId| at(i64::try_from(id.0).expect("small") * (interval / 1_000_000));
        let mut queue = DueQueue::sized(interval, 1_000_000);
        for id in 0..population {
            queue.push(due(StableId(id)), StableId(id));
        }
        queue.open(at(interval / 20_000));
        assert_eq!(queue.late(), 51);
        let early = queue.opened.len() - queue.late();
        assert!(early <= usize::try_from(PER_SLOT).expect("small"), "{early} are opened early");
        assert_eq!(size_of::<Ahead>(), 8);
    }

    #[test]
    fn all_at_once_are_taken_in_the_order_of_one_by_one() {
        let filled = || {
            let mut queue = DueQueue::sized(1_000, 0);
            (0..40_u64).for_each(|id| queue.push(at(i64::try_from(id * 37 % 100).expect("small")), StableId(id)));
            queue.open(at(50));
            // Who is left over waits in a list of his own, beside those whose slot is opened next.
            let _: Vec<_> = (0..5).filter_map(|_| queue.pop_late()).collect();
            (40..60_u64).for_each(|id| queue.push(at(i64::try_from(id).expect("small")), StableId(id)));
            queue.open(at(80));
            queue
        };
        let (mut one, mut all) = (filled(), filled());
        let expected: Vec<Entry> = std::iter::from_fn(|| one.pop_late()).collect();
        let mut taken = Vec::new();
        all.take_late(|entry| taken.push(entry));
        assert_eq!(taken, expected);
        assert!(taken.len() > 40 && taken.is_sorted());
        assert_eq!((all.late(), all.pop_late(), all.opened.len()), (0, None, one.opened.len()));
    }

    #[test]
    fn a_long_sleep_leaves_everybody_in_order() {
        let mut queue = DueQueue::sized(1_000_000, 28);
        let all = 4 * i64::try_from(OPENED_MAX).expect("small");
        for due in (0..all).rev() {
            queue.push(at(due), StableId(due.unsigned_abs()));
        }
        queue.open(at(all - 100));
        assert!(queue.opened.is_empty(), "so many do not wait in a list");
        queue.remove(at(7), StableId(7));
        assert_eq!(queue.late(), usize::try_from(all - 100).expect("small"));
        assert_eq!(queue.before(at(9), StableId(9), 100), 8);
        queue.open(at(all));
        let taken: Vec<u64> = std::iter::from_fn(|| queue.pop_late().map(|(_, id)| id.0)).collect();
        assert!(taken.is_sorted() && taken.len() + 1 == usize::try_from(all).expect("small"));
        assert_eq!(queue.late(), 0);
    }
}
