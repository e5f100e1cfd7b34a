//! What the scheduler tells: moves between tiers, and what a step came to.

use std::collections::BTreeMap;

use bevy_ecs::message::Message;
use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SimulationEvent;
use crate::components::tier::{PerTier, SimulationTier, TierReason, TierWish};

/// An NPC has moved into another tier.
#[derive(Message, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NpcTierChanged {
    /// Stable id of the NPC.
    pub npc_id: u64,
    /// Its name; without one `npc-<id>`.
    pub name: String,
    /// The tier that it was in.
    pub from: SimulationTier,
    /// The tier that it is in.
    pub to: SimulationTier,
    /// Why it moved.
    pub reason: MoveReason,
    /// The priority of its wish.
    pub priority: i16,
}

impl SimulationEvent for NpcTierChanged {
    const EVENT_TYPE: &'static str = "simulation.event.npc_tier_changed";
    const SOURCE: &'static str = "world.scheduler";

    fn key(&self) -> String {
        self.npc_id.to_string()
    }

    fn example() -> Self {
        Self {
            npc_id: 117,
            name: "npc-117".to_owned(),
            from: SimulationTier::Ambient,
            to: SimulationTier::Detailed,
            reason: MoveReason::PlayerLocation,
            priority: 100,
        }
    }
}

/// Why an NPC moved between tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// No rule holds for it: it goes to the world's default tier.
    Default,
    /// A priority rule.
    Rule,
    /// A player is where it is.
    PlayerLocation,
    /// It is in a running scene.
    Scene,
    /// Its story runs.
    Story,
    /// An operator pinned it.
    Pin,
    /// The tier of its wish has no room for it, or not yet.
    Capacity,
}

impl MoveReason {
    /// Why somebody with this wish has moved to `to`.
    pub(crate) fn of(wish: &TierWish, to: SimulationTier) -> Self {
        if wish.tier != to {
            return Self::Capacity;
        }
        match wish.reason {
            TierReason::Default => Self::Default,
            TierReason::Rule(_) => Self::Rule,
            TierReason::PlayerLocation => Self::PlayerLocation,
            TierReason::Scene => Self::Scene,
            TierReason::Story => Self::Story,
            TierReason::Pin => Self::Pin,
        }
    }

    /// The name, as in events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Rule => "rule",
            Self::PlayerLocation => "player_location",
            Self::Scene => "scene",
            Self::Story => "story",
            Self::Pin => "pin",
            Self::Capacity => "capacity",
        }
    }
}

/// One kind of move: from, to, why.
pub type TierMove = (SimulationTier, SimulationTier, MoveReason);

/// Upper bounds of the buckets of lateness, in game seconds; one more bucket holds what is later.
pub const LATENESS_BOUNDS: [u32; 8] = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400];

/// How late turns were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Turns by bucket (see [`LATENESS_BOUNDS`]); each is counted once.
    pub buckets: [u32; LATENESS_BOUNDS.len() + 1],
    /// Game microseconds, all together.
    pub sum_micros: u64,
}

impl Lateness {
    pub(crate) fn count(&mut self, micros: i64) {
        let micros = u64::try_from(micros).unwrap_or(0);
        let at = LATENESS_BOUNDS.partition_point(|bound| u64::from(*bound) * 1_000_000 < micros);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }
}

/// What the scheduler did in the steps of one input. Between inputs it is that of the last one with a step.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct StepReport {
    /// WorldSteps.
    pub steps: u32,
    /// Turns that NPCs had, by the tier in which they had them.
    pub turns: PerTier<u32>,
    /// Turns that were due and had to wait for a later step because `maxNpcTicksPerStep` was used up: each once a step.
    pub deferred: PerTier<u32>,
    /// How many NPCs were due and waiting after the last step.
    pub waiting: PerTier<u32>,
    /// NPCs by tier after the last step.
    pub population: PerTier<u32>,
    /// How late the turns were.
    pub lateness: PerTier<Lateness>,
    /// Moves between tiers.
    pub moves: BTreeMap<TierMove, u32>,
    /// Steps in which so many NPCs had to move to another tier that some were left over for the next step.
    pub moves_cut: u32,
    /// Focus entries that ran out.
    pub focus_ended: u32,
}

impl StepReport {
    /// Turns in all tiers.
    pub fn turns_in_all(&self) -> u32 {
        self.turns.iter().map(|(_, turns)| turns).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_falls_into_the_bucket_whose_bound_it_does_not_pass() {
        let mut lateness = Lateness::default();
        for seconds in [0, 1, 2, 60, 61, 86_400, 86_401] {
            lateness.count(seconds * 1_000_000);
        }
        assert_eq!(lateness.buckets, [2, 1, 1, 1, 0, 0, 0, 1, 1]);
        assert_eq!(lateness.sum_micros, (1 + 2 + 60 + 61 + 86_400 + 86_401) * 1_000_000);
    }
}
