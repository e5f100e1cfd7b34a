//! Who is in which tier: wishes, capacities, and how one becomes the other.
//!
//! A tier holds the best of those who wish it: the highest priority, then the lowest id. Who does not fit falls into the
//! next coarser tier, and the best of those who wait come up when room opens.
//!
//! Two rules keep an NPC from flapping. Somebody whose wish has become coarser stays for `tierDwellSeconds` from when it
//! came, unless the room is needed or a pin says otherwise. And somebody whom a rule wishes into a full tier takes the
//! place of another there only when it has itself been where it is for `tierDwellSeconds`: who had to give way does not
//! come back at once, whatever becomes of those who pushed it out. So rules move nobody into a full tier more than once in
//! that time. Those of the rules' whom it goes before wait with it. Focus and pins are orders: they wait neither themselves
//! nor for somebody before them who does. Nor does anybody wait where there is room; and who has not moved since the world
//! began waits only for those before it.

use super::roster::{Roster, capacity};
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::tier::{SimulationTier, TierReason};
use crate::world::spec::WorldSimulationConfig;

/// Moves in one step at most. What is left over moves in the steps after.
pub(crate) const MOVES_MAX: usize = 20_000;

/// Those who are moved.
pub(crate) trait Movers {
    /// Moves one NPC, and keeps the roster true.
    fn shift(&mut self, roster: &mut Roster, id: StableId, tier: SimulationTier);
    /// Since when an NPC has been in its tier, and why it is wished where it is.
    fn stay(&self, id: StableId) -> Option<(GameInstant, TierReason)>;
}

/// When places in full tiers are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dwell {
    /// The first instant of the world: who has been in its tier since then has not moved.
    pub(crate) began: GameInstant,
    /// Game microseconds.
    pub(crate) micros: i64,
}

impl Dwell {
    pub(crate) fn new(config: &WorldSimulationConfig, began: GameInstant) -> Self {
        Self { began, micros: i64::from(config.tier_dwell_seconds) * 1_000_000 }
    }

    /// From when on an NPC may take the place of another in a full tier.
    pub(crate) fn may_push_from(self, since: GameInstant, reason: TierReason) -> GameInstant {
        match reason {
            reason if !reason.is_order() && since > self.began => {
                since.checked_add_micros(self.micros).unwrap_or(GameInstant::MAX)
            }
            _ => GameInstant::MIN,
        }
    }
}

/// Moves who must or may move, until every tier is as it should be or `MOVES_MAX` is reached.
///
/// The cost follows the moves. Returns false where some are left over.
pub(crate) fn settle_tiers(
    roster: &mut Roster,
    config: &WorldSimulationConfig,
    (began, now): (GameInstant, GameInstant),
    movers: &mut impl Movers,
) -> bool {
    let mut left = MOVES_MAX;
    let mut shift = |movers: &mut _, roster: &mut Roster, id, tier| {
        Movers::shift(movers, roster, id, tier);
        left = left.saturating_sub(1);
        left > 0
    };
    let dwell = Dwell::new(config, began);
    for (from, to) in coarser_pairs() {
        while let Some((since, id)) = roster.first_leaving(from, to)
            && (since == GameInstant::MIN || now.micros_since(since) >= dwell.micros)
            && room_below(roster, config, from, to)
        {
            // The tier may be full: then its weakest falls below.
            if !shift(movers, roster, id, to) {
                return false;
            }
        }
    }
    for tier in SimulationTier::ALL {
        let Some(coarser) = tier.coarser() else { break };
        let most = capacity(config, tier);
        while roster.population(tier) > most
            && let Some((_, _, id)) = roster.weakest(tier)
        {
            if !shift(movers, roster, id, coarser) {
                return false;
            }
        }
        while let Some((priority, mut id)) = roster.candidate(tier) {
            if roster.population(tier) >= most {
                let (since, reason) = movers.stay(id).unwrap_or((GameInstant::MIN, TierReason::Default));
                let waits = now < dwell.may_push_from(since, reason);
                let next = if waits { roster.ordered(tier) } else { Some((priority, id)) };
                let Some((priority, comes)) = next else { break };
                let Some(last) = roster.gives_way(tier, priority, comes) else { break };
                id = comes;
                if !shift(movers, roster, last, coarser) {
                    return false;
                }
            }
            if !shift(movers, roster, id, tier) {
                return false;
            }
        }
    }
    true
}

/// Every tier with every coarser one.
fn coarser_pairs() -> impl Iterator<Item = (SimulationTier, SimulationTier)> {
    let pairs = SimulationTier::ALL.into_iter().flat_map(|from| SimulationTier::ALL.map(|to| (from, to)));
    pairs.filter(|(from, to)| from < to)
}

/// Whether one who goes from a tier to a coarser one finds room there or below, and takes it from nobody who must fall
/// from a tier between.
fn room_below(roster: &Roster, config: &WorldSimulationConfig, from: SimulationTier, to: SimulationTier) -> bool {
    let (mut held, mut most) = (0_usize, 0_usize);
    SimulationTier::ALL.into_iter().rev().filter(|tier| *tier > from).all(|tier| {
        held += roster.population(tier);
        most = most.saturating_add(capacity(config, tier));
        tier > to || held < most
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::components::tier::{PerTier, Simulated, TierWish};

    fn at(seconds: i64) -> GameInstant {
        GameInstant::from_micros(seconds * 1_000_000).expect("in the calendar")
    }

    fn config(most: [u32; 4], dwell: u32) -> WorldSimulationConfig {
        let mut config = WorldSimulationConfig { tier_dwell_seconds: dwell, ..WorldSimulationConfig::default() };
        let tiers = &mut config.tiers;
        (tiers.detailed.max_npcs, tiers.active.max_npcs) = (most[0], most[1]);
        (tiers.ambient.max_npcs, tiers.dormant.max_npcs) = (most[2], most[3]);
        config
    }

    struct People<'a> {
        npcs: &'a mut BTreeMap<StableId, Simulated>,
        moves: &'a mut usize,
        now: GameInstant,
    }

    impl Movers for People<'_> {
        fn shift(&mut self, roster: &mut Roster, id: StableId, tier: SimulationTier) {
            let npc = self.npcs.get_mut(&id).expect("it is known");
            roster.leave(id, npc);
            (npc.tier, npc.since) = (tier, self.now);
            roster.enter(id, npc);
            *self.moves += 1;
        }

        fn stay(&self, id: StableId) -> Option<(GameInstant, TierReason)> {
            self.npcs.get(&id).map(|npc| (npc.since, npc.wish.reason))
        }
    }

    /// A population and its roster.
    #[derive(Default)]
    struct Town {
        npcs: BTreeMap<StableId, Simulated>,
        roster: Roster,
        moves: usize,
    }

    impl Town {
        fn add(&mut self, id: u64, tier: SimulationTier, wish: TierWish) {
            let npc = Simulated { tier, rule_wish: wish, wish, since: at(0), last: at(0), due: at(0) };
            self.roster.enter(StableId(id), &npc);
            self.npcs.insert(StableId(id), npc);
        }

        fn wish(&mut self, id: u64, wish: TierWish) {
            let Some(npc) = self.npcs.get_mut(&StableId(id)) else { return };
            self.roster.leave(StableId(id), npc);
            npc.wish = wish;
            self.roster.enter(StableId(id), npc);
        }

        /// Returns whether nobody was left over.
        fn settle(&mut self, config: &WorldSimulationConfig, now: i64) -> bool {
            let mut people = People { npcs: &mut self.npcs, moves: &mut self.moves, now: at(now) };
            settle_tiers(&mut self.roster, config, (at(0), at(now)), &mut people)
        }

        fn tier(&self, id: u64) -> SimulationTier {
            self.npcs[&StableId(id)].tier
        }

        /// What the rules say, by going over everybody: the best of those who wish a tier or have fallen from above.
        fn as_the_rules_say(&self, config: &WorldSimulationConfig) -> BTreeMap<StableId, SimulationTier> {
            let mut placed = BTreeMap::new();
            for tier in SimulationTier::ALL {
                let mut all: Vec<_> = self
                    .npcs
                    .iter()
                    .filter(|(id, npc)| !placed.contains_key(*id) && npc.wish.tier <= tier)
                    .map(|(id, npc)| (std::cmp::Reverse(npc.wish.priority), *id))
                    .collect();
                all.sort_unstable();
                placed.extend(all.into_iter().take(capacity(config, tier)).map(|(_, id)| (id, tier)));
            }
            placed
        }
    }

    fn wish(tier: SimulationTier, priority: i16) -> TierWish {
        TierWish { tier, priority, reason: TierReason::Rule(0) }
    }

    fn a_tier() -> impl Strategy<Value = SimulationTier> + Clone {
        (0_usize..4).prop_map(|at| SimulationTier::ALL[at])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// With nobody kept by dwelling, everybody is where the rules say, after every change of wishes.
        #[test]
        fn tiers_hold_the_best_of_those_who_wish_them(
            npcs in prop::collection::vec((a_tier(), a_tier(), -3_i16..3), 1..40),
            most in (0_u32..8, 0_u32..8, 0_u32..8),
            changes in prop::collection::vec((1_u64..40, a_tier(), -3_i16..3), 0..30),
        ) {
            let config = config([most.0, most.1, most.2, 100], 0);
            let mut town = Town::default();
            for (id, (tier, to, priority)) in (1..).zip(npcs) {
                town.add(id, tier, wish(to, priority));
            }
            town.settle(&config, 1);
            for (number, (id, to, priority)) in (2..).zip(changes) {
                town.wish(id, wish(to, priority));
                town.settle(&config, number);
                let found: BTreeMap<_, _> = town.npcs.iter().map(|(id, npc)| (*id, npc.tier)).collect();
                prop_assert_eq!(found, town.as_the_rules_say(&config));
                let moves = town.moves;
                town.settle(&config, number);
                prop_assert_eq!(town.moves, moves, "who is where the rules say does not move");
            }
        }

        /// However full the world is and whoever dwells, no tier holds more than it may.
        #[test]
        fn no_tier_holds_more_than_it_may(
            wishes in prop::collection::vec((a_tier(), -3_i16..3), 12),
            changes in prop::collection::vec((1_u64..13, a_tier(), -3_i16..3), 0..60),
            dwell in 0_u32..10,
        ) {
            let config = config([3, 3, 3, 4], dwell);
            let mut town = Town::default();
            for (id, (to, priority)) in (1..).zip(wishes) {
                let wish = wish(to, priority);
                let any = TierWish { tier: SimulationTier::Detailed, ..wish };
                let Some(tier) = town.roster.room_for(&config, &wish).or_else(|| town.roster.room_for(&config, &any)) else { break };
                town.add(id, tier, wish);
            }
            for (number, (id, to, priority)) in (1..).zip(changes) {
                town.wish(id, wish(to, priority));
                town.settle(&config, number);
                let count = PerTier::from_fn(|tier| town.npcs.values().filter(|npc| npc.tier == tier).count());
                for (tier, count) in count.iter() {
                    prop_assert!(*count <= capacity(&config, tier), "{tier} holds {count}");
                    prop_assert_eq!(*count, town.roster.population(tier));
                }
            }
        }
    }

    #[test]
    fn a_coarser_wish_waits_unless_the_room_is_needed() {
        use SimulationTier::{Ambient, Detailed};
        let config = config([1, 5, 5, 5], 300);
        let mut town = Town::default();
        town.add(1, Detailed, wish(Detailed, 5));
        town.wish(1, wish(Ambient, 0));
        town.settle(&config, 299);
        assert_eq!(town.tier(1), Detailed);
        town.settle(&config, 300);
        assert_eq!(town.tier(1), Ambient);

        town.wish(1, wish(Detailed, 0));
        town.settle(&config, 301);
        assert_eq!(town.tier(1), Detailed, "closer goes at once");
        town.wish(1, wish(Ambient, 100));
        town.add(2, Ambient, wish(Detailed, -7));
        town.settle(&config, 302);
        assert_eq!((town.tier(1), town.tier(2)), (SimulationTier::Active, Detailed), "who is wished here has the room");
    }

    /// How often each of two moves in 1,200 s in which both wish for one place, with a dwell of 300 s.
    fn moves_of_two(change: impl Fn(&mut Town, i64)) -> usize {
        use SimulationTier::Detailed;
        let config = config([1, 5, 5, 5], 300);
        let mut town = Town::default();
        town.add(1, Detailed, wish(Detailed, 1));
        town.add(2, SimulationTier::Ambient, wish(SimulationTier::Ambient, 0));
        for second in 1..=1_200 {
            change(&mut town, second);
            town.settle(&config, second);
            assert!(town.roster.population(Detailed) == 1, "the place is never empty");
        }
        town.moves
    }

    #[test]
    fn two_who_contend_for_one_place_do_not_flap() {
        use SimulationTier::{Ambient, Detailed};
        // They change places once in a dwell, however often a wish does.
        let most = 2 * (1_200 / 300) + 2;
        let comes_and_goes = moves_of_two(|town, second| {
            town.wish(2, if second % 2 == 1 { wish(Detailed, 2) } else { wish(Ambient, 0) });
        });
        assert!((2..=most).contains(&comes_and_goes), "{comes_and_goes} moves of at most {most}");
        let priority = moves_of_two(|town, second| {
            town.wish(2, wish(Detailed, if second % 2 == 1 { 2 } else { 0 }));
        });
        assert!((2..=most).contains(&priority), "{priority} moves of at most {most}");
    }

    #[test]
    fn who_had_to_give_way_comes_back_after_its_dwell_and_an_order_before() {
        use SimulationTier::{Active, Ambient, Detailed};
        let config = config([1, 5, 5, 5], 300);
        let mut town = Town::default();
        town.add(1, Detailed, wish(Detailed, 1));
        town.add(2, Ambient, wish(Detailed, 2));
        town.settle(&config, 10);
        assert_eq!((town.tier(1), town.tier(2)), (Active, Detailed), "a higher priority has the place at once");
        town.wish(2, wish(Ambient, 0));
        town.settle(&config, 309);
        assert_eq!((town.tier(1), town.tier(2)), (Active, Detailed), "the first waits for its own dwell to be over");
        town.wish(1, TierWish { tier: Detailed, priority: 900, reason: TierReason::Scene });
        town.settle(&config, 309);
        assert_eq!((town.tier(1), town.tier(2)), (Detailed, Active), "focus does not wait");
        town.wish(1, wish(Ambient, 0));
        town.wish(2, wish(Detailed, 1));
        town.settle(&config, 608);
        assert_eq!((town.tier(1), town.tier(2)), (Detailed, Active));
        town.settle(&config, 609);
        assert_eq!((town.tier(1), town.tier(2)), (Ambient, Detailed));
    }

    #[test]
    fn an_order_does_not_wait_for_one_before_it_who_does() {
        use SimulationTier::{Active, Ambient, Detailed};
        let config = config([1, 5, 5, 5], 300);
        let order = |priority, reason| TierWish { tier: Detailed, priority, reason };
        let mut town = Town::default();
        town.add(1, Detailed, wish(Detailed, 1));
        town.add(2, Ambient, wish(Detailed, 2));
        town.add(3, Ambient, wish(Ambient, 0));
        town.settle(&config, 10);
        assert_eq!((town.tier(1), town.tier(2)), (Active, Detailed));
        // The first has just come to its tier: a rule does not bring it back before its dwell is over.
        town.wish(1, wish(Detailed, 950));
        town.settle(&config, 20);
        assert_eq!((town.tier(1), town.tier(2)), (Active, Detailed));
        town.wish(3, order(900, TierReason::Scene));
        assert!(town.settle(&config, 20));
        assert_eq!([1, 2, 3].map(|id| town.tier(id)), [Active, Active, Detailed], "focus does not wait with it");
        // Those of the rules' behind it wait, and an order that is behind who is there gets nothing.
        town.wish(2, wish(Detailed, 940));
        town.add(4, Ambient, order(890, TierReason::Story));
        town.settle(&config, 309);
        assert_eq!([1, 2, 3, 4].map(|id| town.tier(id)), [Active, Active, Detailed, Active]);
        town.settle(&config, 310);
        assert_eq!([1, 2, 3, 4].map(|id| town.tier(id)), [Detailed, Active, Active, Active], "then its turn has come");
        town.wish(3, wish(Ambient, 0));
        town.wish(1, wish(Detailed, 0));
        town.settle(&config, 311);
        assert_eq!(
            [1, 2, 4].map(|id| town.tier(id)),
            [Active, Active, Detailed],
            "the dwell of the second is not over"
        );
    }

    #[test]
    fn a_pin_does_not_wait() {
        use SimulationTier::{Detailed, Dormant};
        let config = config([1, 5, 5, 5], 300);
        let mut town = Town::default();
        town.add(1, Detailed, wish(Detailed, 5));
        town.wish(1, TierWish { tier: Dormant, priority: i16::MAX, reason: TierReason::Pin });
        town.settle(&config, 1);
        assert_eq!(town.tier(1), Dormant);
    }

    #[test]
    fn what_is_too_much_for_one_step_moves_in_the_next() {
        use SimulationTier::{Active, Detailed};
        let config = config([0, 100_000, 0, 0], 0);
        let mut town = Town::default();
        for id in 1..=30_000 {
            town.add(id, Detailed, wish(Detailed, 0));
        }
        assert!(!town.settle(&config, 1), "some are left over, and that is told");
        assert_eq!((town.moves, town.roster.population(Detailed)), (MOVES_MAX, 30_000 - MOVES_MAX));
        assert!(town.settle(&config, 2));
        assert_eq!((town.moves, town.roster.population(Active)), (30_000, 30_000));
    }
}
