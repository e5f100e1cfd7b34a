//! What NPCs propose.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::chain::ChainId;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;

/// A kind of interaction of the world file, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KindId(pub u16);

/// Where an intent comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IntentSource {
    /// An activity that has ended.
    Behaviour,
    /// The step of a chain, which has been open since then.
    Chain {
        /// The chain.
        chain: ChainId,
        /// The step, by its place.
        step: u8,
        /// When the step began.
        since: GameInstant,
    },
    /// A command.
    Command,
}

/// An interaction that an NPC proposes: it waits to be handed out, then to be answered.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The NPC.
    pub npc: StableId,
    /// The number of the session.
    pub session: u32,
    /// What it proposes.
    pub kind: KindId,
    /// How urgent it is, -1,000 to 1,000.
    pub priority: i16,
    /// Where it comes from.
    pub source: IntentSource,
    /// To whom: a word of the game.
    pub target: Option<Box<str>>,
    /// What the game gets with it: JSON as text. Without it that of the kind.
    pub data: Option<Box<str>>,
    /// When it was proposed.
    pub proposed: GameInstant,
    /// When it can be handed out at the earliest.
    pub earliest: GameInstant,
    /// When it is worth nothing any more.
    pub expires: GameInstant,
    /// When it was handed out.
    pub handed_out: Option<GameInstant>,
}
