//! Market places: where a world trades at more than one.

use std::collections::{BTreeMap, BTreeSet};

use garde::{Path, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{self, Refuse};
use super::{EconomySpec, RoleSpec};

/// Market places of a world, where it has any.
const PLACES: std::ops::RangeInclusive<usize> = 2..=16;
/// Markets of a world at most: each tells of itself in every hour.
const MARKETS_MAX: usize = 256;

/// A market place. Each commodity has a market of its own there, `market-<place>-<commodity>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarketPlaceSpec {
    /// Name, 1 to 32 of letters, digits and `_`.
    #[garde(length(min = 1, max = 32), pattern("^[A-Za-z][A-Za-z0-9_]*$"))]
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,31}$"))]
    pub name: String,
    /// Share of the agents that begin there, and that there is room for: a place that is fuller is worth less to who
    /// thinks of moving. The shares add up to 1. 0.01 to 1.
    #[garde(custom(check::between(0.01, 1.0)))]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub share: f64,
    /// Factors on what an hour of work makes there, by role; 1 for those that are not named. 0.1 to 10.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(skip)]
    pub yields: BTreeMap<String, f64>,
}

impl MarketPlaceSpec {
    /// The factor on what a role makes there.
    pub fn yield_of(&self, role: &RoleSpec) -> f64 {
        self.yields.get(&role.name).copied().unwrap_or(1.0)
    }
}

impl EconomySpec {
    /// Whether work makes the same at all places, so that what the recipes imply holds at each of them.
    pub fn has_equal_places(&self) -> bool {
        self.places.iter().all(|place| self.roles.iter().all(|role| (place.yield_of(role) - 1.0).abs() < f64::EPSILON))
    }

    /// The number of a market place.
    pub fn place_index(&self, name: &str) -> Option<usize> {
        self.places.iter().position(|place| place.name == name)
    }
}

/// Why a place is refused that the world does not have.
pub(super) fn unknown_place(spec: &EconomySpec, name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    if spec.places.is_empty() {
        return format!("there is no place `{name}`: the world has one market place without a name");
    }
    let names: Vec<_> = spec.places.iter().map(|place| place.name.as_str()).collect();
    format!("there is no place `{name}`: the world has {}", names.join(", "))
}

/// Checks the places against each other and the rest.
pub(super) fn check(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let (places, path) = (&spec.places, path.join("places"));
    if places.is_empty() {
        return;
    }
    if !PLACES.contains(&places.len()) {
        let message = format!("there are {}; it takes {} to {}, or none", places.len(), PLACES.start(), PLACES.end());
        refuse(path.clone(), message);
    }
    let markets = places.len() * spec.commodities.len();
    if markets > MARKETS_MAX {
        refuse(
            path.clone(),
            format!("{markets} markets, places times commodities, are more than the {MARKETS_MAX} that a world has"),
        );
    }
    let sum: f64 = places.iter().map(|place| place.share).sum();
    if sum.is_nan() || (sum - 1.0).abs() > 1e-6 {
        refuse(path.clone(), format!("the shares of the places add up to {sum}, not to 1"));
    }
    let mut seen = BTreeSet::new();
    for (index, place) in places.iter().enumerate() {
        let path = path.join(index);
        if !seen.insert(place.name.as_str()) {
            refuse(path.join("name"), format!("`{}` is there twice", place.name));
        }
        for (role, factor) in &place.yields {
            let at = path.join("yields").join(role.clone());
            if !spec.roles.iter().any(|known| known.name == *role) {
                refuse(at.clone(), format!("there is no role `{role}`"));
            }
            if !(0.1..=10.0).contains(factor) {
                refuse(at, format!("{factor} is outside 0.1 to 10"));
            }
        }
    }
}
