//! Events of crowds.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::SimulationEvent;
use crate::components::clock::GameInstant;

/// Something that many people of a place do at once.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CrowdSignal {
    /// What they do.
    pub signal_type: CrowdSignalType,
    /// Where.
    pub location: String,
    /// The sector, where it is not the location itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// How much, 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    pub magnitude: f64,
    /// Change against the windows before, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<f64>,
    /// Agents behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_count: Option<u64>,
    /// End of the window, in game time.
    pub aggregation_timestamp: GameInstant,
    /// Length of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub time_window_minutes: Option<u32>,
    /// How much longer it is expected to last, from the end of the window on; 0 when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_duration_minutes: Option<u32>,
    /// By how much such predictions were wrong so far, on average. None before the first has come true or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_duration_error_minutes: Option<u32>,
}

/// Kinds of crowd signals: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum CrowdSignalType {
    FoodDemandRising,
    FoodDemandFalling,
    PopulationInflux,
    PopulationExodus,
    EconomicActivitySpike,
    SocialUnrest,
    TradingVolumeChange,
}

impl CrowdSignalType {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::FoodDemandRising,
        Self::FoodDemandFalling,
        Self::PopulationInflux,
        Self::PopulationExodus,
        Self::EconomicActivitySpike,
        Self::SocialUnrest,
        Self::TradingVolumeChange,
    ];
}

impl SimulationEvent for CrowdSignal {
    const EVENT_TYPE: &'static str = "simulation.event.crowd_signal";
    const SOURCE: &'static str = "world.crowd";

    fn at(&self) -> Option<GameInstant> {
        Some(self.aggregation_timestamp)
    }

    fn key(&self) -> String {
        self.location.clone()
    }

    fn example() -> Self {
        Self {
            signal_type: CrowdSignalType::FoodDemandRising,
            location: "harbour".to_owned(),
            sector: Some("fish-market".to_owned()),
            magnitude: 75.5,
            change_percent: Some(15.2),
            agent_count: Some(150),
            aggregation_timestamp: "2077-01-15T14:00:00Z".parse().unwrap_or(GameInstant::MIN),
            time_window_minutes: Some(60),
            predicted_duration_minutes: Some(120),
            predicted_duration_error_minutes: Some(30),
        }
    }
}

/// Something that one agent did.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentAction {
    /// The agent.
    pub agent_id: String,
    /// What it did.
    pub action_type: AgentActionType,
    /// Where.
    pub location: String,
    /// The sector, where it is not the location itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// When it did: the event's `timestamp`.
    #[serde(skip)]
    pub at: Option<GameInstant>,
}

/// Kinds of actions: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum AgentActionType {
    Walk,
    BuyFood,
    Tweet,
    Trade,
    Socialize,
    Rest,
}

impl SimulationEvent for AgentAction {
    const EVENT_TYPE: &'static str = "simulation.event.agent_action";
    const SOURCE: &'static str = "world.crowd";

    fn at(&self) -> Option<GameInstant> {
        self.at
    }

    fn key(&self) -> String {
        self.location.clone()
    }

    fn example() -> Self {
        let metadata = [("commodity", Value::from("Food")), ("quantity", Value::from(2))];
        Self {
            agent_id: "117".to_owned(),
            action_type: AgentActionType::BuyFood,
            location: "harbour".to_owned(),
            sector: Some("fish-market".to_owned()),
            metadata: Some(metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            at: None,
        }
    }
}

/// People moved from one place to another.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PopulationMovement {
    /// Where they came from.
    pub from_location: String,
    /// Where they went.
    pub to_location: String,
    /// What kind of movement it is.
    pub movement_type: MovementType,
    /// How many moved.
    #[schemars(range(min = 1))]
    pub agent_count: u64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<MovementReason>,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration_hours: Option<f64>,
}

/// Kinds of movements: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum MovementType {
    Migration,
    Temporary,
    Commute,
    EventDriven,
}

/// Reasons of movements: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum MovementReason {
    EconomicOpportunity,
    SafetyConcerns,
    ResourceAvailability,
    SocialAttraction,
    EventTriggered,
}

impl SimulationEvent for PopulationMovement {
    const EVENT_TYPE: &'static str = "simulation.event.population_movement";
    const SOURCE: &'static str = "world.crowd";

    fn key(&self) -> String {
        self.from_location.clone()
    }

    fn example() -> Self {
        Self {
            from_location: "ironside".to_owned(),
            to_location: "harbour".to_owned(),
            movement_type: MovementType::Commute,
            agent_count: 36,
            reason: Some(MovementReason::EconomicOpportunity),
            estimated_duration_hours: Some(8.5),
        }
    }
}
