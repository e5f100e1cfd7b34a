//! Events of what people talk about.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SimulationEvent;

/// Something that spreads among people.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SocialTrend {
    /// What kind of thing.
    pub trend_type: TrendType,
    /// Where.
    pub location: String,
    /// How strong, 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    pub trend_strength: f64,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub topic: Option<String>,
    /// How many take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_participation_count: Option<u64>,
    /// New participants for each one, an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub spread_rate: Option<f64>,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration_hours: Option<f64>,
}

/// Kinds of trends: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum TrendType {
    Rumor,
    SocialMovement,
    CulturalShift,
    PublicOpinion,
    ViralContent,
}

impl SimulationEvent for SocialTrend {
    const EVENT_TYPE: &'static str = "simulation.event.social_trend";
    const SOURCE: &'static str = "world.crowd";

    fn key(&self) -> String {
        self.location.clone()
    }

    fn example() -> Self {
        Self {
            trend_type: TrendType::Rumor,
            location: "old-town".to_owned(),
            trend_strength: 62.5,
            topic: Some("food prices".to_owned()),
            agent_participation_count: Some(48),
            spread_rate: Some(1.5),
            estimated_duration_hours: Some(12.0),
        }
    }
}
