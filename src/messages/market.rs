//! Events of the economy.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SimulationEvent;
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::components::market::Distribution;

/// A name in an event. In JSON it is a string; to clone it allocates nothing, so that an hour can be told for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(Arc<str>);

impl Label {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As the name itself.
impl Deref for Label {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// Shares the world's name.
impl From<&WorldId> for Label {
    fn from(id: &WorldId) -> Self {
        Self(id.shared())
    }
}

impl From<String> for Label {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<&str> for Label {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.as_str().to_owned()
    }
}

impl PartialEq<String> for Label {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Label {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}

impl JsonSchema for Label {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "string".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

/// A market was cleared.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarketCleared {
    /// The commodity, as the world file names it.
    pub commodity: Label,
    /// Clearing price of one unit in major units of money; without trades, the last one.
    pub price: f64,
    /// Units traded.
    pub volume: i64,
    /// The market, `market-<commodity>`; in a world with several places `market-<place>-<commodity>`.
    pub market_id: Label,
    /// The market place, in a world with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Label>,
    /// How often it is cleared.
    pub period: MarketPeriod,
    /// Hour of the day in game time.
    #[schemars(range(min = 0, max = 23))]
    pub game_hour: u8,
    /// Units wanted at the buyers' prices and not bought.
    #[serde(default)]
    pub bids_unfilled: i64,
    /// Units offered at the sellers' prices and not sold.
    #[serde(default)]
    pub asks_unfilled: i64,
    /// Share of the surplus that the orders' own limits allowed and that was realised, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<f64>,
    /// Money that changed hands, in major units.
    #[serde(default)]
    pub turnover: f64,
    /// Change of the price over three clearings, as a share: 0.02 is two percent up.
    #[serde(default)]
    pub trend: f64,
    /// Standard deviation of the price over the last five clearings, as a share of their mean.
    #[serde(default)]
    pub volatility: f64,
    /// Highest price among the bids left, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_bid: Option<f64>,
    /// Lowest price among the asks left, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_ask: Option<f64>,
    /// How far these two lie apart, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Units that people needed in this hour.
    #[serde(default)]
    pub needs_due: u64,
    /// Units of them that they had.
    #[serde(default)]
    pub needs_met: u64,
    /// Smith's alpha: standard deviation of the prices paid over a window of hours, as a share of their mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// What the traders believe that a unit costs, in major units, when last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beliefs: Option<Distribution>,
    /// What the traders own, their goods at market prices included, in major units, when last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wealth: Option<Distribution>,
}

/// How often a market is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarketPeriod {
    /// At every hourly tick.
    Hourly,
    /// At every daily tick.
    Daily,
}

impl SimulationEvent for MarketCleared {
    const EVENT_TYPE: &'static str = "simulation.event.market_cleared";
    const SOURCE: &'static str = "economy.market";

    fn key(&self) -> String {
        self.market_id.to_string()
    }

    fn example() -> Self {
        Self {
            commodity: "Food".into(),
            price: 10.5,
            volume: 150,
            market_id: "market-harbour-Food".into(),
            place: Some("harbour".into()),
            period: MarketPeriod::Hourly,
            game_hour: 14,
            bids_unfilled: 12,
            asks_unfilled: 0,
            efficiency: Some(0.97),
            turnover: 1_575.0,
            trend: 0.02,
            volatility: 0.013,
            best_bid: Some(10.4),
            best_ask: Some(10.9),
            spread: Some(0.5),
            needs_due: 400,
            needs_met: 399,
            alpha: Some(0.021),
            beliefs: Some(Distribution {
                mean: 10.5,
                p10: 10.1,
                p25: 10.3,
                median: 10.5,
                p75: 10.7,
                p90: 10.9,
                p99: 11.6,
                gini: 0.02,
            }),
            wealth: Some(Distribution {
                mean: 1_640.0,
                p10: 930.0,
                p25: 1_180.0,
                median: 1_570.0,
                p75: 2_020.0,
                p90: 2_480.0,
                p99: 3_310.0,
                gini: 0.22,
            }),
        }
    }
}

/// How much of a commodity people want.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DemandSignal {
    /// One of the closed list that consumers accept: food, water, medicine, weapons, ammunition, cyberware, vehicles; or
    /// the commodity's own name, where the world file gives it none of them.
    pub commodity_type: Label,
    /// The commodity, as the world file names it: several may go out under one name of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commodity: Option<Label>,
    /// Where: the world, or `<world>/<place>` in a world with several market places.
    pub location: Label,
    /// How much.
    pub demand_level: DemandLevel,
    /// Units used and units missed this hour, against the mean of the hours before it, in percent. What spoiled is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand_change_percent: Option<f64>,
    /// Expected effect on the price over the next three hours, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_price_impact_percent: Option<f64>,
    /// Agents that bid for it; traders from outside are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_count: Option<u64>,
}

/// How strong a demand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the scale say it all")]
pub enum DemandLevel {
    VeryLow,
    Low,
    Normal,
    High,
    VeryHigh,
    Critical,
}

impl SimulationEvent for DemandSignal {
    const EVENT_TYPE: &'static str = "simulation.event.demand_signal";
    const SOURCE: &'static str = "economy.market";

    fn key(&self) -> String {
        self.location.to_string()
    }

    fn example() -> Self {
        Self {
            commodity_type: "food".into(),
            commodity: Some("Food".into()),
            location: "night-city/harbour".into(),
            demand_level: DemandLevel::High,
            demand_change_percent: Some(15.2),
            predicted_price_impact_percent: Some(3.5),
            agent_count: Some(150),
        }
    }
}

/// What agents did in a place within a window, in sums.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AggregatedStats {
    /// Where.
    pub location: Label,
    /// What is summed.
    pub stats_type: StatsType,
    /// Length of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub time_window_minutes: Option<u32>,
    /// End of the window, in game time; without it, the time of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_timestamp: Option<GameInstant>,
    /// The sums.
    pub metrics: StatsMetrics,
    /// Who has summed up: the event's `source`.
    #[serde(skip)]
    pub teller: StatsTeller,
}

/// Who sums up what agents did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatsTeller {
    /// The economy, of its traders.
    #[default]
    Economy,
    /// The crowd, of its agents.
    Crowd,
}

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatsType {
    /// Everything of an hour.
    HourlySummary,
    /// Everything of a day.
    DailySummary,
    /// What agents did.
    AgentBehavior,
    /// What was traded.
    EconomicActivity,
    /// Who met whom.
    SocialInteractions,
}

/// Sums over a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatsMetrics {
    /// Actions of all agents: of traders orders of which at least a part was filled, of a crowd everything but idling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_agent_actions: Option<u64>,
    /// Agents that did any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_agents: Option<u64>,
    /// Actions of an agent, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_actions_per_agent: Option<f64>,
    /// Trades: with each other and with traders from outside; of a crowd its meals and the things that it trades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_transactions: Option<u64>,
    /// Money that changed hands, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_transaction_volume: Option<f64>,
}

impl SimulationEvent for AggregatedStats {
    const EVENT_TYPE: &'static str = "simulation.event.aggregated_stats";
    const SOURCE: &'static str = "economy.market";

    fn source(&self) -> &'static str {
        match self.teller {
            StatsTeller::Economy => Self::SOURCE,
            StatsTeller::Crowd => "world.crowd",
        }
    }

    fn at(&self) -> Option<GameInstant> {
        self.aggregation_timestamp
    }

    fn key(&self) -> String {
        self.location.to_string()
    }

    fn example() -> Self {
        Self {
            location: "night-city".into(),
            stats_type: StatsType::HourlySummary,
            time_window_minutes: Some(60),
            aggregation_timestamp: "2077-01-15T14:00:00Z".parse().ok(),
            metrics: StatsMetrics {
                total_agent_actions: Some(480),
                unique_agents: Some(200),
                average_actions_per_agent: Some(2.4),
                total_transactions: Some(150),
                total_transaction_volume: Some(1_575.0),
            },
            teller: StatsTeller::Economy,
        }
    }
}
