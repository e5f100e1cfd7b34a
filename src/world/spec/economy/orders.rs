//! What becomes of orders that find nobody.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of the part of an order that found nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unfilled {
    /// It lapses: every hour begins with empty books.
    #[default]
    Lapse,
    /// It stays in the book at its price with what covers it, until it is filled, its hours are over, or its owner places
    /// another order for the commodity.
    Rest,
}

/// How orders live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OrdersSpec {
    /// What becomes of what is not filled.
    #[garde(skip)]
    pub unfilled: Unfilled,
    /// Hours for which it rests. 1 to 720.
    #[garde(range(min = 1, max = 720))]
    #[schemars(range(min = 1, max = 720))]
    pub rest_hours: u16,
}

impl Default for OrdersSpec {
    fn default() -> Self {
        Self { unfilled: Unfilled::Lapse, rest_hours: 24 }
    }
}
