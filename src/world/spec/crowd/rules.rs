//! How a crowd lives: two presets, and what a file changes of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::world::spec::Range;

/// Which rules a crowd begins from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RulePreset {
    /// People with homes and work, hours of the day, wages, friends and trades.
    #[default]
    City,
    /// The crowd of the systems that worlds come from: hungry agents that wander, buy and post, and earn nothing.
    Originals,
}

/// An amount of money that is drawn evenly, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AmountRange {
    /// The least.
    pub min: i64,
    /// The most.
    pub max: i64,
}

/// How a crowd lives. Needs are 0 to 100, changes are those of one step, amounts are in minor units. What is left out is
/// as the preset has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RulesSpec {
    /// Where the values come from that are not given.
    pub preset: RulePreset,
    /// By how much hunger rises. Within 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hunger_rise: Option<Range>,
    /// Above this hunger an agent goes for food. 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hungry_at: Option<f64>,
    /// By how much a meal lowers hunger. Within 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meal_relief: Option<Range>,
    /// What a meal costs where no market says. Within 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meal_price: Option<AmountRange>,
    /// Above this social drive an agent may post. 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_at: Option<f64>,
    /// Chance that it then does. 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_chance: Option<f64>,
    /// Chance that an agent with nothing else to do walks. 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub walk_chance: Option<f64>,
    /// Money that agents begin with. Within 0 to 1,000,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<AmountRange>,
    /// Money above which somebody spends more than a meal costs: with each meal an eighth of what is above it, which is
    /// what keeps money going round. 0 to 1,000,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub comfort: Option<u32>,
    /// Wage of a step at work, as far as the employers' money goes. 0 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub wage: Option<u32>,
    /// Hours of a working day. 0 to 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 16))]
    pub work_hours: Option<u8>,
    /// Cells that an agent goes in a step when it knows where to. 1 to 127.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 127))]
    pub stride: Option<u8>,
    /// Chance that an agent at leisure looks for somebody to trade with. 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trade_chance: Option<f64>,
    /// What a thing costs that two agents trade. 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub trade_price: Option<u32>,
}

/// The rules of a crowd, with every value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "those of the file are described there, the rest by their names: points of 100 a step")]
pub struct Rules {
    pub preset: RulePreset,
    pub hunger_rise: Range,
    pub drive_change: Range,
    pub hungry_at: f64,
    pub meal_relief: Range,
    pub meal_price: AmountRange,
    pub post_at: f64,
    pub post_chance: f64,
    pub post_relief: Range,
    pub walk_chance: f64,
    pub money: AmountRange,
    pub comfort: u32,
    pub wage: u32,
    pub work_hours: u8,
    pub stride: u8,
    pub tired_at: f64,
    pub energy_fall: f64,
    pub energy_rise: f64,
    pub social_at: f64,
    pub social_relief: f64,
    pub trade_chance: f64,
    pub trade_price: u32,
}

impl Rules {
    /// The rules and parameters of the originals.
    pub fn originals() -> Self {
        Self {
            preset: RulePreset::Originals,
            hunger_rise: Range { min: 1.0, max: 3.0 },
            drive_change: Range { min: -5.0, max: 5.0 },
            hungry_at: 80.0,
            meal_relief: Range { min: 40.0, max: 60.0 },
            meal_price: AmountRange { min: 1_000, max: 3_000 },
            post_at: 70.0,
            post_chance: 0.3,
            post_relief: Range { min: 20.0, max: 40.0 },
            walk_chance: 0.6,
            money: AmountRange { min: 5_000, max: 50_000 },
            comfort: u32::MAX,
            wage: 0,
            work_hours: 0,
            stride: 1,
            tired_at: 0.0,
            energy_fall: 0.0,
            energy_rise: 0.0,
            social_at: 100.0,
            social_relief: 0.0,
            trade_chance: 0.0,
            trade_price: 1,
        }
    }

    /// A city by day and night, a step an hour: somebody eats some 1.9 meals a day, and of eight hours of work spends five at
    /// it and three on the way and at meals.
    pub fn city() -> Self {
        Self {
            preset: RulePreset::City,
            hunger_rise: Range { min: 3.0, max: 5.0 },
            drive_change: Range { min: -2.0, max: 6.0 },
            meal_price: AmountRange { min: 850, max: 850 },
            comfort: 8_500,
            wage: 500,
            work_hours: 8,
            stride: 25,
            tired_at: 15.0,
            energy_fall: 5.0,
            energy_rise: 12.0,
            social_at: 50.0,
            social_relief: 20.0,
            trade_chance: 0.1,
            trade_price: 500,
            ..Self::originals()
        }
    }
}

impl RulesSpec {
    /// Every value: those of the preset, and over them those of the file.
    pub fn values(&self) -> Rules {
        let base = match self.preset {
            RulePreset::City => Rules::city(),
            RulePreset::Originals => Rules::originals(),
        };
        Rules {
            hunger_rise: self.hunger_rise.unwrap_or(base.hunger_rise),
            hungry_at: self.hungry_at.unwrap_or(base.hungry_at),
            meal_relief: self.meal_relief.unwrap_or(base.meal_relief),
            meal_price: self.meal_price.unwrap_or(base.meal_price),
            post_at: self.post_at.unwrap_or(base.post_at),
            post_chance: self.post_chance.unwrap_or(base.post_chance),
            walk_chance: self.walk_chance.unwrap_or(base.walk_chance),
            money: self.money.unwrap_or(base.money),
            comfort: self.comfort.unwrap_or(base.comfort),
            wage: self.wage.unwrap_or(base.wage),
            work_hours: self.work_hours.unwrap_or(base.work_hours),
            stride: self.stride.unwrap_or(base.stride),
            trade_chance: self.trade_chance.unwrap_or(base.trade_chance),
            trade_price: self.trade_price.unwrap_or(base.trade_price),
            ..base
        }
    }
}
