//! Merging partitions by their heads: pure, so that every interleaving can be tried without a broker.
//!
//! Each partition is a queue that keeps its order. The smallest (game time, hourly before daily, partition) among
//! the heads goes on once every other partition has a head or is known to be at its end; a partition of which
//! nothing is known for `hold_max` holds nobody any more. Records without a key (bad ones, those without a game
//! time, those for worlds that keep their own time) go on as soon as they are the head.

use std::collections::VecDeque;
use std::time::Duration;

use super::MergeKey;

/// Which partition wins a tie: by the order of the topics, then by number.
pub(super) type Rank = (usize, i32);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// This record of that slot goes on.
    Take(usize, T),
    /// Nothing may go on now; look again when something arrives, or at this time at the latest.
    Wait(Option<Duration>),
}

struct Slot<T> {
    rank: Rank,
    queue: VecDeque<(Option<MergeKey>, T)>,
    /// Everything that the partition holds has been read.
    at_end: bool,
    /// Since when the queue has been empty without the end being known.
    open_since: Duration,
    /// It kept others waiting for too long and holds nobody until it is heard of again.
    excused: bool,
    /// Its records stand in game time: who waits for his place waits for its head.
    holds: bool,
}

impl<T> Slot<T> {
    fn is_open(&self) -> bool {
        self.queue.is_empty() && !self.at_end
    }
}

/// The heads of all partitions. Times are durations since any fixed instant.
pub(super) struct Merge<T> {
    slots: Vec<Slot<T>>,
    hold_max: Duration,
    /// Since when some record has been held back.
    holding_since: Option<Duration>,
    silences: u64,
    /// The last record that went on came from a topic without game time.
    free_had_turn: bool,
}

impl<T> Merge<T> {
    pub(super) fn new(hold_max: Duration) -> Self {
        Self { slots: Vec::new(), hold_max, holding_since: None, silences: 0, free_had_turn: false }
    }

    /// Adds a partition of which nothing is known yet; returns its slot.
    pub(super) fn add(&mut self, rank: Rank, now: Duration, holds: bool) -> usize {
        self.slots.push(Slot { rank, queue: VecDeque::new(), at_end: false, open_since: now, excused: false, holds });
        self.slots.len() - 1
    }

    /// Whether the slot could use another record.
    pub(super) fn wants(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|s| s.queue.is_empty())
    }

    /// Whether everything of the partition has been read and has gone on.
    #[cfg(test)]
    fn is_drained(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|s| s.queue.is_empty() && s.at_end)
    }

    /// The next record of a partition. Without a key it is not held.
    pub(super) fn put(&mut self, slot: usize, key: Option<MergeKey>, record: T) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.queue.push_back((key, record));
            slot.at_end = false;
            slot.excused = false;
        }
    }

    /// The partition holds nothing beyond what has been put.
    pub(super) fn end(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.at_end = true;
            slot.excused = false;
        }
    }

    /// Nothing is known about the ends any more: the connection was lost, or the partition is read from elsewhere.
    pub(super) fn reopen(&mut self, slot: usize, now: Duration) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.at_end = false;
            slot.excused = false;
            slot.open_since = now;
        }
    }

    /// How often a partition kept others waiting until it was excused.
    pub(super) fn silences(&self) -> u64 {
        self.silences
    }

    /// Decides what goes on.
    pub(super) fn next(&mut self, now: Duration) -> Step<T> {
        if let Some(free) = self.smallest(|key| key.is_none()) {
            // A flood on a topic without game time must not keep those waiting that have one: they take turns.
            let alone = !self.slots[free].holds && !std::mem::replace(&mut self.free_had_turn, true);
            if alone || self.slots[free].holds || !self.may_go_on(now) {
                return self.take(free, now);
            }
        }
        self.free_had_turn = false;
        let Some(smallest) = self.smallest(|key| key.is_some()) else {
            self.holding_since = None;
            return Step::Wait(None);
        };
        let holding_since = *self.holding_since.get_or_insert(now);
        let mut wait_until = None;
        for slot in self.slots.iter_mut().filter(|slot| slot.holds && slot.is_open() && !slot.excused) {
            // Silence counts from when somebody waits for it: a slow connection at the start excuses nobody.
            let deadline = slot.open_since.max(holding_since) + self.hold_max;
            if deadline <= now {
                slot.excused = true;
                self.silences += 1;
            } else {
                wait_until = Some(wait_until.map_or(deadline, |known: Duration| known.min(deadline)));
            }
        }
        match wait_until {
            Some(deadline) => Step::Wait(Some(deadline)),
            None => {
                self.holding_since = None;
                self.take(smallest, now)
            }
        }
    }

    /// Whether a record with a key has all other heads to compare itself with.
    fn may_go_on(&self, now: Duration) -> bool {
        let since = self.holding_since.unwrap_or(now);
        let keeps_waiting = |slot: &Slot<T>| {
            slot.holds && slot.is_open() && !slot.excused && slot.open_since.max(since) + self.hold_max > now
        };
        self.slots.iter().any(|slot| slot.queue.front().is_some_and(|(key, _)| key.is_some()))
            && !self.slots.iter().any(keeps_waiting)
    }

    /// The slot with the smallest head among those whose key qualifies.
    fn smallest(&self, qualifies: impl Fn(&Option<MergeKey>) -> bool) -> Option<usize> {
        let heads = self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let (key, _) = slot.queue.front()?;
            qualifies(key).then_some(((*key, slot.rank), index))
        });
        heads.min().map(|(_, index)| index)
    }

    fn take(&mut self, index: usize, now: Duration) -> Step<T> {
        let Some(slot) = self.slots.get_mut(index) else { return Step::Wait(None) };
        let Some((_, record)) = slot.queue.pop_front() else { return Step::Wait(None) };
        if slot.is_open() {
            slot.open_since = now;
        }
        Step::Take(index, record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOLD: Duration = Duration::from_secs(2);

    fn at(hour: i64) -> Option<MergeKey> {
        Some(MergeKey { game_time_micros: hour, type_order: 0 })
    }

    fn daily(hour: i64) -> Option<MergeKey> {
        Some(MergeKey { game_time_micros: hour, type_order: 1 })
    }

    fn two() -> Merge<&'static str> {
        let mut merge = Merge::new(HOLD);
        merge.add((0, 0), Duration::ZERO, true);
        merge.add((0, 1), Duration::ZERO, true);
        merge
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_record_waits_until_every_other_partition_has_shown_its_head() {
        let mut merge = two();
        merge.put(0, at(5), "five");
        assert_eq!(merge.next(Duration::ZERO), Step::Wait(Some(HOLD)));
        merge.put(1, at(3), "three");
        assert_eq!(merge.next(Duration::ZERO), Step::Take(1, "three"));
        assert_eq!(merge.next(Duration::ZERO), Step::Wait(Some(HOLD)));
        merge.end(1);
        assert_eq!(merge.next(Duration::ZERO), Step::Take(0, "five"));
    }

    #[test]
    fn a_silent_partition_is_excused_after_the_hold_and_stays_so_until_it_speaks() {
        let mut merge = two();
        merge.put(0, at(1), "a");
        assert_eq!(merge.next(secs(10)), Step::Wait(Some(secs(12))), "the wait begins with who waits");
        assert_eq!(merge.next(secs(12)), Step::Take(0, "a"));
        merge.put(0, at(2), "b");
        assert_eq!(merge.next(secs(12)), Step::Take(0, "b"), "excused once, it holds nobody");
        assert_eq!(merge.silences(), 1);
        merge.put(1, at(3), "c");
        merge.end(0);
        assert_eq!(merge.next(secs(12)), Step::Take(1, "c"));
        merge.put(0, at(4), "d");
        assert_eq!(merge.next(secs(13)), Step::Wait(Some(secs(15))), "it has spoken and counts again");
    }

    #[test]
    fn records_without_a_key_go_on_at_once_but_never_overtake_within_their_partition() {
        let mut merge = two();
        merge.put(0, at(9), "held");
        merge.put(0, None, "free");
        assert_eq!(merge.next(Duration::ZERO), Step::Wait(Some(HOLD)));
        merge.put(1, None, "bad");
        assert_eq!(merge.next(Duration::ZERO), Step::Take(1, "bad"));
        merge.end(1);
        assert_eq!(merge.next(Duration::ZERO), Step::Take(0, "held"));
        assert_eq!(merge.next(Duration::ZERO), Step::Take(0, "free"));
    }

    #[test]
    fn hourly_goes_before_daily_and_ties_go_by_partition() {
        let mut merge = Merge::new(HOLD);
        for rank in [(1, 0), (0, 2), (0, 1)] {
            merge.add(rank, Duration::ZERO, true);
        }
        merge.put(0, daily(7), "daily");
        merge.put(1, at(7), "second");
        merge.put(2, at(7), "first");
        for slot in 0..3 {
            merge.end(slot);
        }
        let order: Vec<_> = std::iter::from_fn(|| match merge.next(Duration::ZERO) {
            Step::Take(_, record) => Some(record),
            Step::Wait(_) => None,
        })
        .collect();
        assert_eq!(order, ["first", "second", "daily"]);
    }

    #[test]
    fn a_topic_without_game_time_holds_nobody() {
        let mut merge = two();
        let commands = merge.add((1, 0), Duration::ZERO, false);
        merge.put(0, at(5), "five");
        merge.put(1, at(3), "three");
        assert_eq!(merge.next(Duration::ZERO), Step::Take(1, "three"), "nothing is known of the commands");
        merge.end(1);
        merge.put(commands, None, "pause");
        assert_eq!(merge.next(Duration::ZERO), Step::Take(commands, "pause"));
        assert_eq!(merge.next(Duration::ZERO), Step::Take(0, "five"));
        assert_eq!(merge.silences(), 0);
    }

    #[test]
    fn a_flood_of_what_has_no_game_time_takes_turns_with_the_rest() {
        let mut merge = two();
        let commands = merge.add((1, 0), Duration::ZERO, false);
        for number in 0..4 {
            merge.put(0, at(number), "tick");
            merge.put(commands, None, "command");
        }
        merge.end(0);
        merge.end(1);
        let order: Vec<_> = std::iter::from_fn(|| match merge.next(Duration::ZERO) {
            Step::Take(_, record) => Some(record),
            Step::Wait(_) => None,
        })
        .collect();
        assert_eq!(order, ["command", "tick"].repeat(4));
    }

    #[test]
    fn a_lost_connection_makes_the_ends_unknown_again() {
        let mut merge = two();
        merge.end(0);
        merge.end(1);
        assert!(merge.is_drained(1));
        merge.reopen(1, secs(5));
        merge.put(0, at(1), "a");
        assert_eq!(merge.next(secs(5)), Step::Wait(Some(secs(7))));
    }

    /// Feeds partitions in an arbitrary interleaving, ends told when a partition has been fed; returns what goes on.
    fn run(partitions: &[Vec<Option<i64>>], picks: &[u8]) -> Vec<(usize, usize)> {
        let mut merge = Merge::new(HOLD);
        let mut fed = vec![0; partitions.len()];
        for index in 0..partitions.len() {
            merge.add((0, i32::try_from(index).expect("few partitions")), Duration::ZERO, true);
        }
        let mut out = Vec::new();
        let mut picks = picks.iter().cycle();
        loop {
            while let Step::Take(slot, record) = merge.next(Duration::ZERO) {
                out.push((slot, record));
            }
            let hungry: Vec<usize> =
                (0..partitions.len()).filter(|&slot| merge.wants(slot) && !merge.is_drained(slot)).collect();
            let Some(&pick) = picks.next() else { return out };
            let Some(&slot) = hungry.get(usize::from(pick) % hungry.len().max(1)) else { return out };
            match partitions[slot].get(fed[slot]) {
                Some(hour) => {
                    merge.put(slot, hour.and_then(at), fed[slot]);
                    fed[slot] += 1;
                }
                None => merge.end(slot),
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_doubled_or_reordered_within_a_partition(
            partitions in prop::collection::vec(prop::collection::vec(prop::option::of(0..50i64), 0..20), 1..5),
            picks in prop::collection::vec(any::<u8>(), 1..50),
        ) {
            let out = run(&partitions, &picks);
            for (slot, records) in partitions.iter().enumerate() {
                let seen: Vec<usize> = out.iter().filter(|(s, _)| *s == slot).map(|(_, r)| *r).collect();
                prop_assert_eq!(seen, (0..records.len()).collect::<Vec<_>>());
            }
        }

        #[test]
        fn partitions_in_order_come_out_in_order_whatever_the_interleaving(
            mut partitions in prop::collection::vec(prop::collection::vec(0..1_000i64, 0..30), 1..5),
            picks in prop::collection::vec(any::<u8>(), 1..50),
        ) {
            for hours in &mut partitions {
                hours.sort_unstable();
            }
            let timed: Vec<Vec<Option<i64>>> = partitions.iter().map(|p| p.iter().copied().map(Some).collect()).collect();
            let hours: Vec<i64> = run(&timed, &picks).iter().map(|&(slot, record)| partitions[slot][record]).collect();
            prop_assert!(hours.is_sorted(), "{:?}", hours);
        }
    }
}
