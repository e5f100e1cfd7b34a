//! What is to be kept of relations between factions, beside the world itself: the store writes it with the events.

use bevy_ecs::prelude::Resource;

use crate::components::clock::GameInstant;
use crate::components::faction::{PairId, RelationState};

/// Of one input: how pairs stand after it, and what happened to them. Only told: nothing is decided by it.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct RelationsTold {
    /// How pairs stand. A pair may be there twice: the last counts.
    pub standing: Vec<PairStanding>,
    /// What happened, in its order.
    pub happened: Vec<PairHappening>,
}

/// How two factions stand.
#[derive(Debug, Clone, PartialEq)]
pub struct PairStanding {
    /// The faction whose id comes first.
    pub faction_a: String,
    /// The other.
    pub faction_b: String,
    /// Their state.
    pub state: RelationState,
    /// Since when.
    pub since: GameInstant,
    /// Score of the last evaluation.
    pub score: f32,
    /// Love, -1 to 1.
    pub love: f32,
    /// Trust, -1 to 1.
    pub trust: f32,
    /// How much each fears the other, 0 to 1: the first, then the second.
    pub fear: [f32; 2],
    /// When.
    pub at: GameInstant,
}

/// Something that happened between two factions.
#[derive(Debug, Clone, PartialEq)]
pub struct PairHappening {
    /// The number of the pair in its world.
    pub pair: PairId,
    /// The faction whose id comes first.
    pub faction_a: String,
    /// The other.
    pub faction_b: String,
    /// `state_changed`, `refused`, `treaty_ended`, or what was done.
    pub what: &'static str,
    /// The faction that did it.
    pub by: Option<String>,
    /// For a change of state, the one that ended and the one that began.
    pub states: Option<(RelationState, RelationState)>,
    /// What it added to love.
    pub love: f32,
    /// What it added to trust.
    pub trust: f32,
    /// For a change of state, the change of the score since the state before began; otherwise 0.
    pub score: f32,
    /// In words.
    pub words: String,
    /// When.
    pub at: GameInstant,
}
