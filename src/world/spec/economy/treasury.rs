//! The treasury and the renewal of the population: both only where a world file asks for them.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check;

/// Public money: taxes, relief and wages of last resort. It pays no more than it has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TreasurySpec {
    /// Money that it begins with, in minor units. 0 to 1,000,000,000,000.
    #[garde(range(min = 0, max = 1_000_000_000_000))]
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    pub initial_money: i64,
    /// Share of what a seller receives. 0 to 0.5.
    #[garde(custom(check::between(0.0, 0.5)))]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub sales_tax: f64,
    /// Share of what a trader earns in an hour: what it sold less the inputs that it bought. 0 to 0.5.
    #[garde(custom(check::between(0.0, 0.5)))]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub income_tax: f64,
    /// Share of a trader's money above what is exempt, once in 24 hours. 0 to 0.5.
    #[garde(custom(check::between(0.0, 0.5)))]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub wealth_tax: f64,
    /// Money that the wealth tax leaves alone, in minor units. 0 to 1,000,000,000,000.
    #[garde(range(min = 0, max = 1_000_000_000_000))]
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    pub wealth_exemption: i64,
    /// Help for who missed meals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub relief: Option<ReliefSpec>,
    /// Wages of last resort for who finds little to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub wages: Option<WagesSpec>,
}

/// Help for who missed meals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReliefSpec {
    /// Only for those with less money than that, in minor units. 1 to 1,000,000,000.
    #[garde(range(min = 1, max = 1_000_000_000))]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub below: i64,
    /// For each unit that was needed and not there in the last hour, in minor units. 1 to 1,000,000.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub amount: i64,
}

/// Wages of last resort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WagesSpec {
    /// Only for those with less money than that, in minor units. 1 to 1,000,000,000.
    #[garde(range(min = 1, max = 1_000_000_000))]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub below: i64,
    /// Only for those whose output of late was less than this share of what their skill allows. 0 to 1.
    #[garde(custom(check::between(0.0, 1.0)))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub utilisation_below: f64,
    /// For an hour, in minor units. 1 to 1,000,000.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub amount: i64,
}

/// Who goes broke changes to the role that earns most, or leaves; newcomers arrive. Without it the same agents stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenewalSpec {
    /// Agents below which nobody leaves, and up to which newcomers arrive at once. 2 to 1,000,000; not above the count.
    #[garde(range(min = 2, max = 1_000_000))]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub minimum: u32,
    /// Agents at which nobody arrives any more. 2 to 1,000,000; not below the count.
    #[garde(range(min = 2, max = 1_000_000))]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub maximum: u32,
    /// Who has less money than that is broke, in minor units. 1 to 1,000,000,000.
    #[garde(range(min = 1, max = 1_000_000_000))]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub broke_below: i64,
    /// Hours in a row after which who is broke changes its role; as many again in that role, and it leaves. 1 to
    /// 10,000.
    #[serde(default = "default_broke_hours")]
    #[garde(range(min = 1, max = 10_000))]
    #[schemars(range(min = 1, max = 10_000))]
    pub broke_hours: u32,
    /// Newcomers in a day, on average. 0 to 10,000.
    #[serde(default)]
    #[garde(custom(check::between(0.0, 10_000.0)))]
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub arrivals_per_day: f64,
    /// Money that a newcomer brings, in minor units: money that was not there before. 1 to 1,000,000,000.
    #[garde(range(min = 1, max = 1_000_000_000))]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub newcomer_money: i64,
}

fn default_broke_hours() -> u32 {
    48
}
