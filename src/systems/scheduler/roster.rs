//! The roster: everybody by tier, and everything that the scheduler must find without a search.
//!
//! It is derived from [`Simulated`] alone. It follows every change in order, and is made anew after a restart.

use std::collections::BTreeSet;

use bevy_ecs::prelude::Resource;

use super::idset::{IdSet, Ranked};
use super::queue::DueQueue;
use super::share::Division;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::tier::{PerTier, Simulated, SimulationTier, TierReason, TierWish};
use crate::world::spec::WorldSimulationConfig;

/// Everybody by tier.
#[derive(Resource, Debug, Default)]
pub struct Roster {
    count: PerTier<usize>,
    /// By the tier that they are in, by the tier that they are wished into.
    ranks: PerTier<PerTier<Ranked>>,
    /// Of these, who is there by an order: they need not wait for somebody before them.
    orders: PerTier<PerTier<Ranked>>,
    /// Who is closer than wished: by tier, by the tier of the wish, in the order in which they may leave.
    leaving: PerTier<PerTier<BTreeSet<(GameInstant, StableId)>>>,
    pub(crate) queues: PerTier<DueQueue>,
    /// Whose wish may have changed.
    pub(crate) reconsider: IdSet,
}

impl Roster {
    /// An empty roster for so many NPCs of each tier.
    pub(crate) fn sized(population: &PerTier<usize>, division: &Division) -> Self {
        let queues = PerTier::from_fn(|tier| DueQueue::sized(division.interval[tier], population[tier]));
        Self { queues, ..Self::default() }
    }

    /// How many NPCs a tier holds.
    pub fn population(&self, tier: SimulationTier) -> usize {
        self.count[tier]
    }

    /// How many turns of a tier were due and left over when the last step had been planned.
    pub fn waiting(&self, tier: SimulationTier) -> usize {
        self.queues[tier].late()
    }

    /// Has the wish of an NPC looked at again in the next step.
    pub fn reconsider(&mut self, id: StableId) {
        self.reconsider.insert(id);
    }

    pub(crate) fn enter(&mut self, id: StableId, npc: &Simulated) {
        self.queues[npc.tier].push(npc.due, id);
        self.enter_rank(id, npc);
    }

    pub(crate) fn leave(&mut self, id: StableId, npc: &Simulated) {
        self.queues[npc.tier].remove(npc.due, id);
        self.leave_rank(id, npc);
    }

    /// [`enter`](Self::enter) for one whose turn is not in the queue.
    pub(crate) fn enter_rank(&mut self, id: StableId, npc: &Simulated) {
        self.count[npc.tier] += 1;
        self.ranks[npc.tier][npc.wish.tier].insert(npc.wish.priority, id);
        if npc.wish.reason.is_order() {
            self.orders[npc.tier][npc.wish.tier].insert(npc.wish.priority, id);
        }
        if npc.wish.tier > npc.tier {
            self.leaving[npc.tier][npc.wish.tier].insert((leaves_from(npc), id));
        }
    }

    /// [`leave`](Self::leave) for one whose turn is not in the queue.
    pub(crate) fn leave_rank(&mut self, id: StableId, npc: &Simulated) {
        self.count[npc.tier] = self.count[npc.tier].saturating_sub(1);
        self.ranks[npc.tier][npc.wish.tier].remove(npc.wish.priority, id);
        if npc.wish.reason.is_order() {
            self.orders[npc.tier][npc.wish.tier].remove(npc.wish.priority, id);
        }
        if npc.wish.tier > npc.tier {
            self.leaving[npc.tier][npc.wish.tier].remove(&(leaves_from(npc), id));
        }
    }

    /// The closest tier from that of the wish downwards that has room.
    pub(crate) fn room_for(&self, config: &WorldSimulationConfig, wish: &TierWish) -> Option<SimulationTier> {
        let mut tiers = SimulationTier::ALL.into_iter().filter(|tier| *tier >= wish.tier);
        tiers.find(|tier| self.count[*tier] < capacity(config, *tier))
    }

    /// The first who may leave `from` for `to`, with the instant from which their stay counts.
    pub(crate) fn first_leaving(&self, from: SimulationTier, to: SimulationTier) -> Option<(GameInstant, StableId)> {
        self.leaving[from][to].first().copied()
    }

    /// Who of the coarser tiers should come up first into `tier`.
    pub(crate) fn candidate(&self, tier: SimulationTier) -> Option<(i16, StableId)> {
        best_below(&self.ranks, tier)
    }

    /// The same of those whom focus or a pin brings there.
    pub(crate) fn ordered(&self, tier: SimulationTier) -> Option<(i16, StableId)> {
        best_below(&self.orders, tier)
    }

    /// Who of a full tier gives way to somebody of this priority and id; nobody where all go before it.
    pub(crate) fn gives_way(&self, tier: SimulationTier, priority: i16, id: StableId) -> Option<StableId> {
        let (entitled, weakest, last) = self.weakest(tier)?;
        let beats = !entitled || priority > weakest || (priority == weakest && id < last);
        beats.then_some(last)
    }

    /// Who of a tier falls first: those whose wish is coarser, then the lowest priority, then the highest id.
    /// The flag says whether they are wished here or closer.
    pub(crate) fn weakest(&self, tier: SimulationTier) -> Option<(bool, i16, StableId)> {
        let all = SimulationTier::ALL
            .into_iter()
            .filter_map(|wish| self.ranks[tier][wish].weakest().map(|(priority, id)| (wish <= tier, priority, id)));
        all.min_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)).then(other.2.cmp(&one.2)))
    }
}

/// NPCs that a tier holds at most.
pub(crate) fn capacity(config: &WorldSimulationConfig, tier: SimulationTier) -> usize {
    usize::try_from(config.tiers.of(tier).max_npcs).unwrap_or(usize::MAX)
}

/// The best of those in tiers coarser than this one who are wished here or closer.
fn best_below(ranks: &PerTier<PerTier<Ranked>>, tier: SimulationTier) -> Option<(i16, StableId)> {
    let from = SimulationTier::ALL.into_iter().filter(|from| *from > tier);
    let all = from.flat_map(|from| wishes(tier).filter_map(move |wish| ranks[from][wish].best()));
    all.max_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)))
}

/// Wishes for a tier and for closer ones.
fn wishes(tier: SimulationTier) -> impl Iterator<Item = SimulationTier> {
    SimulationTier::ALL.into_iter().filter(move |wish| *wish <= tier)
}

/// From when an NPC's stay in its tier counts: one that is pinned into a coarser tier does not wait.
fn leaves_from(npc: &Simulated) -> GameInstant {
    if npc.wish.reason == TierReason::Pin { GameInstant::MIN } else { npc.since }
}
