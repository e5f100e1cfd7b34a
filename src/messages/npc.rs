//! Events of NPCs.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SimulationEvent;
use crate::components::tier::SimulationTier;

/// An NPC does something else than before, or does it somewhere else.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NpcActivityChanged {
    /// The NPC's id, the same for as long as it lives.
    pub npc_id: u64,
    /// The name that it is known by; without one `npc-<npc_id>`.
    pub name: String,
    /// What it did before; nothing where it did nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it does now; nothing where nothing was possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where it is.
    pub place: String,
    /// The tier in which it is simulated.
    pub tier: SimulationTier,
    /// How it came to it.
    pub reason: ActivityReason,
}

/// How an NPC came to do something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivityReason {
    /// It decided.
    Decision,
    /// Nothing that its routine offers was possible.
    NothingPossible,
    /// A longer time was caught up with at once; it may have done other things between.
    CaughtUp,
}

impl SimulationEvent for NpcActivityChanged {
    const EVENT_TYPE: &'static str = "simulation.event.npc_activity_changed";
    const SOURCE: &'static str = "npc.behaviour";

    fn key(&self) -> String {
        self.npc_id.to_string()
    }

    fn example() -> Self {
        Self {
            npc_id: 117,
            name: "npc-117".to_owned(),
            from: Some("work_shift".to_owned()),
            to: Some("eat_noodles".to_owned()),
            place: "noodle-house".to_owned(),
            tier: SimulationTier::Active,
            reason: ActivityReason::Decision,
        }
    }
}
