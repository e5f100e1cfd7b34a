//! Events of chains and intents.

use bevy_ecs::message::Message;
use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SimulationEvent;
use crate::components::clock::GameInstant;
use crate::components::interaction::InteractionTotals;

/// An NPC wants something of somebody: the game lets it happen, or does not, and says so with `intent.acknowledge` or
/// `intent.decline`.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionIntent {
    /// The intent's id, the same for as long as it lives.
    pub intent_id: u64,
    /// The NPC's id.
    pub npc_id: u64,
    /// The name that it is known by; without one `npc-<npc_id>`.
    pub name: String,
    /// The session that it is meant for; nothing where it is meant for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The kind of interaction.
    pub kind: String,
    /// To whom it is: a word of the game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How urgent it is, -1,000 to 1,000.
    pub priority: i16,
    /// The chain that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The step of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was given with it: the `data` of the intent, or of its kind.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
    /// When it was proposed.
    pub proposed_at: GameInstant,
    /// Until when an answer counts.
    pub expires_at: GameInstant,
}

impl SimulationEvent for InteractionIntent {
    const EVENT_TYPE: &'static str = "simulation.event.interaction_intent";
    const SOURCE: &'static str = "npc.interaction";

    fn key(&self) -> String {
        self.session.clone().unwrap_or_else(|| self.npc_id.to_string())
    }

    fn example() -> Self {
        Self {
            intent_id: 9_001,
            npc_id: 117,
            name: "mara-voss".to_owned(),
            session: Some("playthrough-7".to_owned()),
            kind: "ask_for_help".to_owned(),
            target: Some("player".to_owned()),
            priority: 5,
            chain: Some("lost_ring".to_owned()),
            step: Some("ask".to_owned()),
            details: json!({ "line": "Have you seen my ring?" }),
            proposed_at: example_instant(0),
            expires_at: example_instant(3_600),
        }
    }
}

/// What the steps of one input did with chains and intents. Between inputs it is that of the last one with a step. Only told:
/// nothing is decided by it.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InteractionReport {
    /// WorldSteps.
    pub steps: u32,
    /// Chains that were looked at because their time had come.
    pub ops: u32,
    /// Chains whose time had come and that had to wait for a later step, each once a step.
    pub deferred: u32,
    /// Intents that were handed out.
    pub handed_out: u32,
}

/// What one input came to for chains, cooldowns and intents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InteractionsCounted {
    /// What its steps did; nothing where it had none.
    pub report: InteractionReport,
    /// What it added to the counts.
    pub added: InteractionTotals,
    /// Chains that run afterwards.
    pub chains: u64,
    /// Intents that wait or are unanswered afterwards.
    pub intents: u64,
}

/// What happened to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChainChange {
    /// It began.
    Started,
    /// A step opened: it waits for the game.
    Opened,
    /// A step was completed.
    Advanced,
    /// An optional step was passed over.
    Skipped,
    /// The window of a step passed, and it went on from there.
    StepExpired,
    /// It came to its good end.
    Completed,
    /// It came to its bad end.
    Failed,
    /// Its time passed.
    Expired,
    /// It was cancelled.
    Cancelled,
}

/// A chain has begun, gone on or ended.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionChainChanged {
    /// The NPC's id.
    pub npc_id: u64,
    /// The name that it is known by; without one `npc-<npc_id>`.
    pub name: String,
    /// The session that it runs in; nothing where it runs in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The chain.
    pub chain: String,
    /// What happened.
    pub change: ChainChange,
    /// The step that it happened to.
    pub step: String,
    /// What came of that step, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The step that it went on to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The instant at which it happened: a step that was due between two steps of the world passed then.
    pub at: GameInstant,
}

impl SimulationEvent for InteractionChainChanged {
    const EVENT_TYPE: &'static str = "simulation.event.interaction_chain_changed";
    const SOURCE: &'static str = "npc.interaction";

    fn key(&self) -> String {
        self.session.clone().unwrap_or_else(|| self.npc_id.to_string())
    }

    fn example() -> Self {
        Self {
            npc_id: 117,
            name: "mara-voss".to_owned(),
            session: Some("playthrough-7".to_owned()),
            chain: "lost_ring".to_owned(),
            change: ChainChange::Advanced,
            step: "ask".to_owned(),
            outcome: Some("accepted".to_owned()),
            next: Some("search".to_owned()),
            at: example_instant(600),
        }
    }
}

fn example_instant(seconds: i64) -> GameInstant {
    GameInstant::from_micros(3_376_684_800_000_000 + seconds * 1_000_000).unwrap_or(GameInstant::MIN)
}
