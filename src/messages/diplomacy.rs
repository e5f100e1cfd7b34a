//! Events of diplomacy.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SimulationEvent;
use crate::components::clock::GameInstant;
pub use crate::components::faction::RelationState;

/// Two factions stand otherwise than before.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiplomacyUpdate {
    /// One faction.
    pub faction_a_id: String,
    /// The other.
    pub faction_b_id: String,
    /// How they stand now.
    pub new_relation_state: RelationState,
    /// Change of the score behind it, in hundredths, since the state before began: -15.5 is a score that fell by 0.155.
    pub score_change: f64,
    /// Why, in words.
    pub reason: String,
    /// When: the event's `timestamp`.
    #[serde(skip)]
    pub at: Option<GameInstant>,
}

impl SimulationEvent for DiplomacyUpdate {
    const EVENT_TYPE: &'static str = "simulation.event.diplomacy_update";
    const SOURCE: &'static str = "world.diplomacy";

    fn at(&self) -> Option<GameInstant> {
        self.at
    }

    fn key(&self) -> String {
        format!("{}|{}", self.faction_a_id, self.faction_b_id)
    }

    fn example() -> Self {
        Self {
            faction_a_id: "dockers-union".to_owned(),
            faction_b_id: "foundry-guild".to_owned(),
            new_relation_state: RelationState::ColdWar,
            score_change: -15.5,
            reason: "hatred -0.31, distrust -0.08; lately a dispute over territory".to_owned(),
            at: None,
        }
    }
}

/// What a day of diplomacy came to.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiplomacySummary {
    /// The world.
    pub location: String,
    /// Pairs of factions.
    pub relations: u64,
    /// Changes of state since the summary before.
    pub changes: u64,
    /// Pairs by their state.
    pub by_state: ByState,
    /// Treaties.
    pub treaties: u64,
    /// Things that happened between factions since the summary before, changes of state among them.
    pub happenings: u64,
    /// Of which day: the event's `timestamp`.
    #[serde(skip)]
    pub at: Option<GameInstant>,
}

/// A number for each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are the states")]
pub struct ByState {
    pub war: u64,
    pub cold_war: u64,
    pub peace: u64,
    pub alliance: u64,
}

impl From<[u64; 4]> for ByState {
    fn from([war, cold_war, peace, alliance]: [u64; 4]) -> Self {
        Self { war, cold_war, peace, alliance }
    }
}

impl SimulationEvent for DiplomacySummary {
    const EVENT_TYPE: &'static str = "simulation.event.diplomacy_summary";
    const SOURCE: &'static str = "world.diplomacy";

    fn at(&self) -> Option<GameInstant> {
        self.at
    }

    fn key(&self) -> String {
        self.location.clone()
    }

    fn example() -> Self {
        Self {
            location: "night-city".to_owned(),
            relations: 21,
            changes: 3,
            by_state: ByState { war: 2, cold_war: 5, peace: 9, alliance: 5 },
            treaties: 4,
            happenings: 6,
            at: None,
        }
    }
}
