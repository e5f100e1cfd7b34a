//! Events of diplomacy.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SimulationEvent;

/// Two factions stand otherwise than before.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiplomacyUpdate {
    /// One faction.
    pub faction_a_id: String,
    /// The other.
    pub faction_b_id: String,
    /// How they stand now.
    pub new_relation_state: RelationState,
    /// Change of the score behind it.
    pub score_change: f64,
    /// Why, in words.
    pub reason: String,
}

/// How two factions stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum RelationState {
    War,
    ColdWar,
    Peace,
    Alliance,
}

impl SimulationEvent for DiplomacyUpdate {
    const EVENT_TYPE: &'static str = "simulation.event.diplomacy_update";
    const SOURCE: &'static str = "world.diplomacy";

    fn key(&self) -> String {
        format!("{}|{}", self.faction_a_id, self.faction_b_id)
    }

    fn example() -> Self {
        Self {
            faction_a_id: "dockers-union".to_owned(),
            faction_b_id: "foundry-guild".to_owned(),
            new_relation_state: RelationState::ColdWar,
            score_change: -15.5,
            reason: "a dispute over the harbour".to_owned(),
        }
    }
}
