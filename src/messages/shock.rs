//! Shocks of an economy: what is told of them.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SimulationEvent;
use crate::components::market::{ShockCause, ShockEnd, ShockKind};

/// A shock from outside began or ended in an economy.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarketShock {
    /// The shock's name.
    pub shock_id: String,
    /// What happened to it.
    pub phase: ShockPhase,
    /// Its kind.
    pub kind: ShockKind,
    /// Where.
    pub location: String,
    /// Who brought it.
    pub cause: ShockCause,
    /// The market place where it acts, where it does not act everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The commodity that it concerns, as the world file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commodity: Option<String>,
    /// The role that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What is multiplied by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Units an hour of a trader from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// What a unit costs or brings there, in major units of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Hours for which it was meant to last.
    pub duration_hours: u64,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ShockEnd>,
}

/// What happened to a shock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShockPhase {
    /// It began.
    Started,
    /// It ended.
    Ended,
}

impl SimulationEvent for MarketShock {
    const EVENT_TYPE: &'static str = "simulation.event.market_shock";
    const SOURCE: &'static str = "economy.market";

    fn key(&self) -> String {
        self.shock_id.clone()
    }

    fn example() -> Self {
        Self {
            shock_id: "locusts".to_owned(),
            phase: ShockPhase::Ended,
            kind: ShockKind::Yield,
            location: "night-city".to_owned(),
            cause: ShockCause::Command,
            place: Some("harbour".to_owned()),
            commodity: Some("Food".to_owned()),
            role: Some("Farmer".to_owned()),
            factor: Some(0.5),
            quantity: Some(50),
            price: Some(12.0),
            duration_hours: 200,
            reason: Some(ShockEnd::RanOut),
        }
    }
}
