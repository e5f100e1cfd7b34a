//! Where a chain stands.

use serde::{Deserialize, Serialize};

use crate::components::clock::GameInstant;

/// A chain by its number. Those of the world file come first, those that were defined later from
/// [`LATER`](Self::LATER).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub u16);

impl ChainId {
    /// The number of the first chain that is no part of the world file.
    pub const LATER: u16 = 1 << 15;
}

/// What a chain waits for at its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChainPhase {
    /// For its wait to be over.
    Waiting,
    /// For its flags, conditions or cooldown: it is asked again now and then.
    Blocked,
    /// For the game to say what came of it.
    Open,
}

/// A chain that runs for an NPC in a session. Small: there may be millions of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainState {
    /// Which.
    pub chain: ChainId,
    /// The step, by its place.
    pub step: u8,
    /// What it waits for.
    pub phase: ChainPhase,
    /// Steps that were completed, a bit each.
    pub completed: u32,
    /// Steps that were passed over, a bit each.
    pub skipped: u32,
    /// When it was started.
    pub started: GameInstant,
    /// When the step began.
    pub since: GameInstant,
    /// When it is looked at next; [`GameInstant::MAX`] where only the game can move it.
    pub due: GameInstant,
}

/// How a chain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChainEnd {
    /// It came to its good end.
    Completed,
    /// It came to its bad end, or its next wait would have ended beyond the calendar.
    Failed,
    /// Its time, or the window of a step, passed.
    Expired,
    /// It was cancelled.
    Cancelled,
}

impl ChainEnd {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A chain that has run for an NPC in a session before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Which.
    pub chain: ChainId,
    /// How it ended last.
    pub end: ChainEnd,
    /// How often it was completed.
    pub completions: u32,
    /// When it ended last.
    pub ended: GameInstant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_small() {
        assert_eq!(size_of::<ChainState>(), 40);
    }
}
