//! Whose turn it is: how the turns of a step are divided among the tiers.
//!
//! Let `B` be the turns that a step may have (`maxNpcTicksPerStep`), `s` the share of a tier and `S` the sum of the shares
//! of all four. At the beginning of a step every tier that has due work earns `B·s` credits; a turn that is its for sure
//! costs `S`. While room is left, the tier with the most credits has its most overdue NPC taken, as long as it can pay.
//! The room that nobody can pay for goes to the tiers by lateness, measured in intervals of the tier, at no charge. A tier
//! that has no due work left loses its credits.
//!
//! # How long an NPC waits at most
//!
//! An NPC that is due has its turn at the latest in step number
//!
//! ```text
//! W = ⌊ (S·(N − 1) + 4·(S − 1)) / (B·s) ⌋ + 1
//! ```
//!
//! counted from the first step in which it is due, where `N` is how many NPCs its tier holds ([`longest_wait`]).
//!
//! Why: a turn that is not paid for is given only when every tier that has work left holds less than `S`, and then
//! nothing is earned until the next step. So at the end of a step either some tier still holds `S` or more, and all `B`
//! turns were paid for with `B·S`, which is no less than what was earned; or each of the four holds at most `S − 1`. By
//! induction all credits together never exceed `4·(S − 1)` between steps. A tier with work in `k` steps running earns
//! `k·B·s`, holds at most `4·(S − 1)` of it, and has paid for turns with the rest. Turns go by due time and then by id, and
//! who had a turn is due later than everybody who waits: before an NPC at most the `N − 1` others of its tier have one
//! turn each. NPCs that come into the tier meanwhile and are more overdue count among the `N`. A change of budget or
//! shares begins the count anew.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use super::queue::DueQueue;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::tier::{PerTier, SimulationTier};
use crate::world::spec::WorldSimulationConfig;

/// What the tiers have earned and not spent. Persisted: a restart is no reason to be served earlier or later.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credits {
    pub(crate) earned: PerTier<u64>,
}

/// How a step's turns are divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division {
    /// Turns in a step.
    pub(crate) budget: u64,
    /// Shares of the tiers.
    pub(crate) share: PerTier<u64>,
    /// Game microseconds between two turns.
    pub(crate) interval: PerTier<i64>,
}

impl Division {
    pub(crate) fn new(config: &WorldSimulationConfig) -> Self {
        Self {
            budget: config.max_npc_ticks_per_step.into(),
            share: PerTier::from_fn(|tier| u64::from(config.tiers.share(tier)).max(1)),
            interval: PerTier::from_fn(|tier| i64::from(config.tiers.interval_seconds(tier)).max(1) * 1_000_000),
        }
    }

    fn price(&self) -> u64 {
        self.share.iter().map(|(_, share)| share).sum()
    }
}

/// The steps that an NPC of a tier with `population` NPCs waits at most, the one with its turn included.
pub(crate) fn longest_wait(division: &Division, tier: SimulationTier, population: u64) -> u64 {
    let price = division.price();
    let owed = price.saturating_mul(population.saturating_sub(1)).saturating_add(4 * (price - 1));
    owed / (division.budget * division.share[tier]).max(1) + 1
}

/// Takes the turns of a step out of the queues, which have been opened for `now`.
pub(crate) fn choose(
    queues: &mut PerTier<DueQueue>,
    credits: &mut Credits,
    division: &Division,
    now: GameInstant,
    mut take: impl FnMut(SimulationTier, GameInstant, StableId),
) {
    let waiting: usize = SimulationTier::ALL.into_iter().map(|tier| queues[tier].late()).sum();
    if waiting as u64 <= division.budget {
        // There is room for everybody: nobody has to be compared with anybody, and nobody has anything left to earn for.
        for tier in SimulationTier::ALL {
            queues[tier].take_late(|(due, id)| take(tier, due, id));
        }
        credits.earned = PerTier::default();
        return;
    }
    let mut heads = PerTier::from_fn(|tier| queues[tier].next_late());
    let price = division.price();
    for tier in SimulationTier::ALL {
        if heads[tier].is_some() {
            credits.earned[tier] += division.budget * division.share[tier];
        }
    }
    for _ in 0..division.budget {
        let waiting = SimulationTier::ALL.into_iter().filter_map(|tier| heads[tier].map(|head| (tier, head)));
        let sure = waiting.clone().filter(|(tier, _)| credits.earned[*tier] >= price);
        // Of equals, the closest tier comes first: `max_by` would take the last.
        let chosen = match sure.rev().max_by_key(|(tier, _)| credits.earned[*tier]) {
            Some(sure) => {
                credits.earned[sure.0] -= price;
                Some(sure)
            }
            None => waiting.rev().max_by(|(one, (one_due, _)), (other, (other_due, _))| {
                // Lateness over interval, compared without a division.
                let late =
                    |due: GameInstant, interval: i64| i128::from(now.micros_since(due).max(0)) * i128::from(interval);
                late(*one_due, division.interval[*other]).cmp(&late(*other_due, division.interval[*one]))
            }),
        };
        let Some((tier, (due, id))) = chosen else { break };
        queues[tier].pop_late();
        take(tier, due, id);
        heads[tier] = queues[tier].next_late();
    }
    for tier in SimulationTier::ALL {
        if heads[tier].is_none() {
            credits.earned[tier] = 0;
        }
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

    /// A population without anything but due times.
    struct Crowd {
        division: Division,
        queues: PerTier<DueQueue>,
        credits: Credits,
        due: PerTier<BTreeMap<u64, i64>>,
        /// Steps since each has been due.
        waits: PerTier<BTreeMap<u64, u64>>,
        now: i64,
    }

    impl Crowd {
        fn new(division: Division, due: PerTier<Vec<i64>>) -> Self {
            let mut queues = PerTier::from_fn(|tier| DueQueue::sized(division.interval[tier], due[tier].len()));
            let due = PerTier::from_fn(|tier| {
                let known: BTreeMap<u64, i64> = (1..).zip(due[tier].iter().copied()).collect();
                for (id, due) in &known {
                    queues[tier].push(at(*due), StableId(*id));
                }
                known
            });
            let waits = PerTier::from_fn(|_| BTreeMap::new());
            Self { division, queues, credits: Credits::default(), due, waits, now: 0 }
        }

        /// One step; gives the turns of each tier.
        fn step(&mut self, span: i64) -> PerTier<u64> {
            self.now += span;
            let (now, due) = (at(self.now), &self.due);
            for tier in SimulationTier::ALL {
                self.queues[tier].open(now);
                for (id, _) in due[tier].iter().filter(|(_, due)| **due <= self.now) {
                    *self.waits[tier].entry(*id).or_default() += 1;
                }
            }
            let mut turns = Vec::new();
            choose(&mut self.queues, &mut self.credits, &self.division, now, |tier, _, id| turns.push((tier, id)));
            let mut count = PerTier::<u64>::default();
            for (tier, id) in turns {
                count[tier] += 1;
                let next = self.now + self.division.interval[tier];
                self.due[tier].insert(id.0, next);
                self.queues[tier].push(at(next), id);
            }
            count
        }

        /// The longest that anybody of a tier has been waiting; who had a turn begins anew.
        fn longest(&mut self, tier: SimulationTier) -> u64 {
            let longest = self.waits[tier].values().copied().max().unwrap_or(0);
            let (due, now) = (&self.due[tier], self.now);
            self.waits[tier].retain(|id, _| due[id] <= now);
            longest
        }
    }

    fn tiers<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = PerTier<T>> {
        (value.clone(), value.clone(), value.clone(), value).prop_map(|(detailed, active, ambient, dormant)| PerTier {
            detailed,
            active,
            ambient,
            dormant,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Nobody waits longer than the documented bound, whatever the population, the budget and the shares.
        #[test]
        fn nobody_waits_longer_than_the_bound(
            budget in prop_oneof![Just(1_u64), 1_u64..60],
            share in tiers(prop_oneof![Just(1_u64), 1_u64..=1_000]),
            interval in tiers(prop_oneof![Just(1_i64), 1_i64..2_000]),
            due in tiers(prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..2_000], 0..25)),
            spans in prop::collection::vec(0_i64..200, 200..600),
        ) {
            let division = Division { budget, share, interval };
            let mut crowd = Crowd::new(division, due);
            for span in spans {
                let turns = crowd.step(span);
                prop_assert!(turns.iter().map(|(_, turns)| turns).sum::<u64>() <= budget);
                let held: u64 = crowd.credits.earned.iter().map(|(_, earned)| earned).sum();
                prop_assert!(held <= 4 * (division.price() - 1), "the tiers hold {held}");
                for tier in SimulationTier::ALL {
                    let population = crowd.due[tier].len() as u64;
                    let waited = crowd.longest(tier);
                    let bound = longest_wait(&division, tier, population);
                    prop_assert!(waited <= bound, "{tier}: {waited} steps of {bound}");
                }
            }
        }
    }

    fn everybody_always(budget: u64, population: usize) -> Crowd {
        let share = PerTier { detailed: 40, active: 30, ambient: 20, dormant: 10 };
        let division = Division { budget, share, interval: PerTier::from_fn(|_| 1) };
        Crowd::new(division, PerTier::from_fn(|_| vec![0; population]))
    }

    #[test]
    fn under_load_each_tier_has_its_share_even_with_one_turn_a_step() {
        for budget in [1, 3, 7, 50] {
            let mut crowd = everybody_always(budget, 200);
            let mut sum = PerTier::<u64>::default();
            for _ in 0..1_000 {
                for (tier, turns) in crowd.step(1).iter() {
                    sum[tier] += turns;
                }
            }
            for (tier, turns) in sum.iter() {
                let fair = 1_000 * budget * crowd.division.share[tier] / 100;
                assert!(turns.abs_diff(fair) <= 4, "{tier} had {turns} of {fair} turns");
            }
        }
    }

    #[test]
    fn the_bound_is_near_what_happens() {
        let mut crowd = everybody_always(1, 50);
        let mut longest = 0;
        for _ in 0..2_000 {
            crowd.step(1);
            longest = longest.max(crowd.longest(SimulationTier::Dormant));
        }
        let bound = longest_wait(&crowd.division, SimulationTier::Dormant, 50);
        assert!(longest <= bound && longest * 10 >= bound * 9, "{longest} of {bound}");
    }

    #[test]
    fn room_that_nobody_needs_goes_to_who_does() {
        let mut crowd = everybody_always(50, 0);
        crowd.due.dormant = (1..=200).map(|id| (id, 0)).collect();
        for id in 1..=200 {
            crowd.queues.dormant.push(at(0), StableId(id));
        }
        assert_eq!(crowd.step(1).dormant, 50);
        assert_eq!(crowd.credits.earned.detailed, 0, "who has no work earns nothing");
    }

    #[test]
    fn spare_room_goes_by_lateness_in_intervals() {
        let share = PerTier::from_fn(|_| 1_000);
        let interval = PerTier { detailed: 60, active: 300, ambient: 900, dormant: 14_400 };
        let division = Division { budget: 1, share, interval };
        // Three intervals late against less than one.
        let due = PerTier { detailed: vec![820], active: vec![], ambient: vec![], dormant: vec![0] };
        let mut crowd = Crowd::new(division, due);
        assert_eq!(crowd.step(1_000).detailed, 1);
    }
}
