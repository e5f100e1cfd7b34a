//! The economy's section of a world file.
//!
//! Amounts of money are in minor units (hundredths), so that prices have steps fine enough to be found.

pub(super) mod agents;
mod check;
mod content;
mod implied;
mod orders;
mod places;
pub(super) mod recipes;
pub(crate) mod shock;
pub(super) mod signal;
mod treasury;

use std::collections::BTreeMap;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "server")]
pub(crate) use agents::TWO_SOURCES;
pub use agents::{AGENTS_MAX, AgentFlaw, AgentSource, AgentSpec, FLAWS_MAX as AGENT_FLAWS_MAX, agents_from_csv};
pub use implied::Implied;
pub use orders::{OrdersSpec, Unfilled};
pub use places::MarketPlaceSpec;
pub(crate) use recipes::effective;
pub(crate) use shock::meets;
pub use shock::{
    FACTOR_RANGE, MONEY_FACTOR_RANGE, OUTSIDE_PRICE_MAX, OUTSIDE_QUANTITY_MAX, SHOCK_DELAY_MAX, SHOCK_HOURS_MAX,
    ShockKind, ShockSpec,
};
pub use signal::{DemandName, SignalEffectSpec, SignalsSpec};
pub use treasury::{ReliefSpec, RenewalSpec, TreasurySpec, WagesSpec};

/// The economy of a world: what is traded, who makes it, and who lives from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EconomySpec {
    /// What is traded, in the order in which markets are cleared. 1 to 64.
    pub commodities: Vec<CommoditySpec>,
    /// Trades that agents follow. 1 to 64; every commodity that anybody needs must be the output of one.
    pub roles: Vec<RoleSpec>,
    /// Who takes part.
    #[serde(default)]
    pub population: PopulationSpec,
    /// Market places, each with a market of its own for every commodity. 2 to 16, and no more than 256 markets together;
    /// without any, all trade at one place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<MarketPlaceSpec>,
    /// How the price of a trade is found.
    #[serde(default)]
    pub clearing: ClearingRule,
    /// What becomes of orders that find nobody.
    #[serde(default)]
    pub orders: OrdersSpec,
    /// How agents behave.
    #[serde(default)]
    pub parameters: EconomyParameters,
    /// Shocks that come by themselves, counted from the world's first hour. At most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shocks: Vec<ShockSpec>,
    /// What signals from outside mean.
    #[serde(default)]
    pub signals: SignalsSpec,
    /// What is remembered of each agent.
    #[serde(default)]
    pub chronicle: ChronicleSpec,
    /// Taxes, relief and wages of last resort; without it there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treasury: Option<TreasurySpec>,
}

/// What is remembered of each agent: its wealth and beliefs at regular times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChronicleSpec {
    /// Hours from one sample to the next; the spread of wealth and beliefs is counted as often. 1 to 8,760.
    #[garde(range(min = 1, max = 8760))]
    #[schemars(range(min = 1, max = 8760))]
    pub every_hours: u32,
    /// Samples kept of each agent; the oldest are forgotten. 0 to 1,000, and fewer with very many agents.
    #[garde(range(max = 1000))]
    #[schemars(range(max = 1000))]
    pub samples: u32,
}

impl Default for ChronicleSpec {
    fn default() -> Self {
        Self { every_hours: 24, samples: 7 }
    }
}

/// Something that is traded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommoditySpec {
    /// Name, 1 to 32 of letters, digits and `_`; its market is `market-<name>`, or `market-<place>-<name>`.
    #[garde(length(min = 1, max = 32), pattern("^[A-Za-z][A-Za-z0-9_]*$"))]
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,31}$"))]
    pub name: String,
    /// Price that agents believe in at first, in minor units; without it, the price that the recipes imply.
    /// 100 to 400,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 100, max = 400_000))]
    #[schemars(range(min = 100, max = 400_000))]
    pub initial_price: Option<i64>,
    /// Units that everybody needs in an hour; what is missing is a meal missed. 0 to 10.
    #[serde(default)]
    #[garde(custom(check::between(0.0, 10.0)))]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub need: f64,
    /// Share of what is left of the budget after needs that is spent on it. The shares add up to 1, or all are 0.
    #[serde(default)]
    #[garde(custom(check::between(0.0, 1.0)))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub spending_share: f64,
    /// Share of a stock that spoils in an hour. 0 to 0.5.
    #[serde(default)]
    #[garde(custom(check::between(0.0, 0.5)))]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub spoilage: f64,
    /// As what demand for it is told to the outside; without it, under its own name, and a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub signal: Option<DemandName>,
}

/// A trade that agents follow: an hour of work turns inputs into output, and wears out tools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSpec {
    /// Name, 1 to 32 of letters, digits and `_`.
    #[garde(length(min = 1, max = 32), pattern("^[A-Za-z][A-Za-z0-9_]*$"))]
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,31}$"))]
    pub name: String,
    /// The commodity that it makes.
    #[garde(skip)]
    pub output: String,
    /// Units made in an hour with all inputs, by an agent of skill 1. Parts of a unit are a chance. 0.01 to 1,000.
    #[garde(custom(check::between(0.01, 1000.0)))]
    #[schemars(range(min = 0.01, max = 1000.0))]
    pub quantity: f64,
    /// Units of each commodity used up in an hour; parts of a unit are a chance. 0.001 to 1,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(skip)]
    pub inputs: BTreeMap<String, f64>,
    /// Tools that must be at hand, one of each, and the chance that an hour's work of an agent of skill 1 wears it out.
    /// 0.0001 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(skip)]
    pub tools: BTreeMap<String, f64>,
    /// Units of other commodities that an hour's success yields as well; parts of a unit are a chance. 0.001 to 1,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(skip)]
    pub by_products: BTreeMap<String, f64>,
    /// Probability that an hour's work succeeds; inputs are used up and tools worn either way. 0.01 to 1.
    #[serde(default = "default_chance")]
    #[garde(custom(check::between(0.01, 1.0)))]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub chance: f64,
    /// Units of the output made in an hour at most, whatever the skill; without it there is no limit. 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 1, max = 1_000_000))]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub hourly_max: Option<u32>,
    /// Units of the output that the store takes: full, work stops. 1 to 1,000,000. `capacityHours` holds as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 1, max = 1_000_000))]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub store_max: Option<u32>,
    /// Money lost in an hour in which inputs or tools are missing, in minor units, as far as it goes. 0 to 1,000,000.
    #[serde(default)]
    #[garde(range(min = 0, max = 1_000_000))]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub idle_cost: i64,
    /// Share of the quantity that is made where inputs are missing: what keeps a starving economy from locking up.
    /// 0 to 0.9.
    #[serde(default = "default_subsistence")]
    #[garde(custom(check::between(0.0, 0.9)))]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub subsistence: f64,
    /// Agents that begin in this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(max = 1_000_000))]
    #[schemars(range(max = 1_000_000))]
    pub count: Option<u32>,
    /// Share of the agents without a counted role that begin in this role; the shares add up to 1. With neither
    /// counts nor shares the roles begin as the recipes imply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(check::between(0.0, 1.0))))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: Option<f64>,
}

impl RoleSpec {
    /// Units that an agent of this skill makes in an hour, on average and against its skill: at most `hourlyMax` of them.
    pub fn expected(&self, skill: f64) -> f64 {
        let most = self.hourly_max.map_or(f64::INFINITY, f64::from) * self.chance;
        recipes::effective(self.quantity * self.chance, most, skill)
    }

    /// Everything that an hour of work takes: inputs by their quantity, tools by their wear.
    pub fn uses(&self) -> impl Iterator<Item = (&str, f64)> {
        self.inputs.iter().chain(&self.tools).map(|(name, quantity)| (name.as_str(), *quantity))
    }

    /// By-products of an hour, on average.
    pub fn yields(&self) -> impl Iterator<Item = (&str, f64)> {
        self.by_products.iter().map(|(name, quantity)| (name.as_str(), quantity * self.chance))
    }
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PopulationSpec {
    /// Agents. 2 to 1,000,000.
    #[garde(range(min = 2, max = 1_000_000))]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub count: u32,
    /// Money that each begins with, in minor units. 1 to 1,000,000,000.
    #[garde(range(min = 1, max = 1_000_000_000))]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub money_per_head: i64,
    /// How far the money at first goes apart: evenly from `moneyPerHead` less this share of it to as much more. What all
    /// have together stays the same. 0 to 1.
    #[serde(skip_serializing_if = "is_nought")]
    #[garde(custom(check::between(0.0, 1.0)))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub money_spread: f64,
    /// Hours for which each begins with stocks of what it needs and uses. 0 to 200.
    #[garde(custom(check::between(0.0, 200.0)))]
    #[schemars(range(min = 0.0, max = 200.0))]
    pub initial_stock_hours: f64,
    /// First beliefs are the initial prices times this: a test of how a world finds its prices. 0.01 to 100.
    #[garde(custom(check::between(0.01, 100.0)))]
    #[schemars(range(min = 0.01, max = 100.0))]
    pub belief_factor: f64,
    /// Output of an agent against the recipe's, spread evenly. Within 0.1 to 10.
    #[garde(dive, custom(check::within(0.1, 10.0)))]
    pub skill: Range,
    /// 0 to 1: offers more of a stock at once.
    #[garde(dive, custom(check::within(0.0, 1.0)))]
    pub risk_tolerance: Range,
    /// 0 to 1: quotes further past its belief, to trade at once.
    #[garde(dive, custom(check::within(0.0, 1.0)))]
    pub impatience: Range,
    /// 0 to 1: follows the market when it has no experience of its own.
    #[garde(dive, custom(check::within(0.0, 1.0)))]
    pub social_influence: Range,
    /// 0.01 to 1: how far one trade moves a belief towards the market price.
    #[garde(dive, custom(check::within(0.01, 1.0)))]
    pub learning_rate: Range,
    /// Who goes broke changes its role or leaves, and newcomers arrive; without it the agents stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub renewal: Option<RenewalSpec>,
    /// Units of all commodities together that an agent has room for: with full stocks it buys nothing, and works only
    /// where that uses inputs up. Without it there is no limit. 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub capacity: Option<i64>,
    /// From where the agents come.
    #[serde(skip_serializing_if = "is_file")]
    #[garde(skip)]
    pub from: AgentSource,
    /// CSV file of agents, from the folder of the world file: read with it, as if they were listed in `agents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub agents_file: Option<String>,
    /// Agents one by one; with them `count`, `moneyPerHead`, `moneySpread`, `initialStockHours` and the counts and shares
    /// of roles have no meaning. 2 to 20,000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[garde(skip)]
    pub agents: Vec<AgentSpec>,
}

fn is_nought(value: &f64) -> bool {
    *value == 0.0
}

fn is_file(from: &AgentSource) -> bool {
    *from == AgentSource::File
}

impl Default for PopulationSpec {
    fn default() -> Self {
        Self {
            count: 400,
            money_per_head: 150_000,
            money_spread: 0.0,
            initial_stock_hours: 12.0,
            belief_factor: 1.0,
            skill: Range { min: 0.5, max: 2.2 },
            risk_tolerance: Range { min: 0.0, max: 1.0 },
            impatience: Range { min: 0.0, max: 1.0 },
            social_influence: Range { min: 0.0, max: 1.0 },
            learning_rate: Range { min: 0.1, max: 0.5 },
            renewal: None,
            capacity: None,
            from: AgentSource::File,
            agents_file: None,
            agents: Vec::new(),
        }
    }
}

/// A range that values are drawn from, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// How the price of a trade is found. Volumes are the same with both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClearingRule {
    /// Each pair trades at the mean of its two prices.
    #[default]
    Midpoint,
    /// All trade at one price, in the middle of what the last pair leaves room for.
    Uniform,
}

/// How agents behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EconomyParameters {
    /// An agent spends its money over so many hours: the anchor of the price level. 5 to 1,000.
    #[garde(custom(check::between(5.0, 1000.0)))]
    #[schemars(range(min = 5.0, max = 1000.0))]
    pub spending_hours: f64,
    /// An agent reviews its role once in so many hours, on average. 1 to 10,000.
    #[garde(custom(check::between(1.0, 10_000.0)))]
    #[schemars(range(min = 1.0, max = 10_000.0))]
    pub review_hours: f64,
    /// Probability of a change of role for each part by which another would earn more. 0 to 10.
    #[garde(custom(check::between(0.0, 10.0)))]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub review_eagerness: f64,
    /// Hours over which flows of goods, prices and work are averaged for the review. 1 to 1,000.
    #[garde(custom(check::between(1.0, 1000.0)))]
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub flow_hours: f64,
    /// Hours of needs that a pantry holds at usual prices. 1 to 200.
    #[garde(custom(check::between(1.0, 200.0)))]
    #[schemars(range(min = 1.0, max = 200.0))]
    pub pantry_hours: f64,
    /// Hours of inputs that a workshop holds at usual prices. 1 to 200.
    #[garde(custom(check::between(1.0, 200.0)))]
    #[schemars(range(min = 1.0, max = 200.0))]
    pub input_hours: f64,
    /// Share of the gap in a stock that is ordered in an hour. 0.01 to 1.
    #[garde(custom(check::between(0.01, 1.0)))]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub restock_share: f64,
    /// Hours of output that a seller likes to have in stock. 1 to 200.
    #[garde(custom(check::between(1.0, 200.0)))]
    #[schemars(range(min = 1.0, max = 200.0))]
    pub output_hours: f64,
    /// Hours of output at which a store is full and work stops. 2 to 1,000.
    #[garde(custom(check::between(2.0, 1000.0)))]
    #[schemars(range(min = 2.0, max = 1000.0))]
    pub capacity_hours: f64,
    /// Hours over which the usual price is averaged that stocks are measured against. 2 to 10,000.
    #[garde(custom(check::between(2.0, 10_000.0)))]
    #[schemars(range(min = 2.0, max = 10_000.0))]
    pub usual_price_hours: f64,
    /// How far past its belief an agent quotes. 0 to 0.2.
    #[garde(custom(check::between(0.0, 0.2)))]
    #[schemars(range(min = 0.0, max = 0.2))]
    pub quote_margin: f64,
    /// Share of the usual wage below which nobody works or sells. 0 to 1.
    #[garde(custom(check::between(0.0, 1.0)))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub reservation_wage: f64,
    /// The least doubt in a belief: a first failure moves it by so much. 0.001 to 0.1.
    #[garde(custom(check::between(0.001, 0.1)))]
    #[schemars(range(min = 0.001, max = 0.1))]
    pub doubt_min: f64,
    /// The most doubt in a belief: no failure moves it further. 0.01 to 0.5, not below the least.
    #[garde(custom(check::between(0.01, 0.5)), custom(check::at_least(self.doubt_min)))]
    #[schemars(range(min = 0.01, max = 0.5))]
    pub doubt_max: f64,
    /// Factor by which each failure raises doubt. 1 to 3.
    #[garde(custom(check::between(1.0, 3.0)))]
    #[schemars(range(min = 1.0, max = 3.0))]
    pub doubt_growth: f64,
    /// Share of a market's trend, the change of its price over three clearings, that traders expect to come on top: the
    /// price that they learn lies so much further on. 0 to 1.
    #[garde(custom(check::between(0.0, 1.0)))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub trend_share: f64,
    /// Caution towards a market whose price jumps about: at a volatility v, the standard deviation of five clearings as
    /// a share of the price, a step towards its price is 1 / (1 + v × caution) of what it is at rest. 0 to 100.
    #[garde(custom(check::between(0.0, 100.0)))]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub volatility_caution: f64,
    /// Hours over which Smith's alpha of a market is measured. 1 to 1,000.
    #[garde(range(min = 1, max = 1000))]
    #[schemars(range(min = 1, max = 1000))]
    pub alpha_hours: u32,
}

impl Default for EconomyParameters {
    fn default() -> Self {
        Self {
            spending_hours: 50.0,
            review_hours: 48.0,
            review_eagerness: 1.0,
            flow_hours: 12.0,
            pantry_hours: 12.0,
            input_hours: 24.0,
            restock_share: 0.2,
            output_hours: 4.0,
            capacity_hours: 48.0,
            usual_price_hours: 168.0,
            quote_margin: 0.03,
            reservation_wage: 0.8,
            doubt_min: 0.015,
            doubt_max: 0.2,
            doubt_growth: 1.4,
            trend_share: 0.25,
            volatility_caution: 2.0,
            alpha_hours: 24,
        }
    }
}

fn default_chance() -> f64 {
    1.0
}

fn default_subsistence() -> f64 {
    1.0 / 3.0
}
