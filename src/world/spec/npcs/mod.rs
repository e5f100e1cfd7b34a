//! The population of a world file: places, roles and who lives there.

mod check;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use check::check;

/// Places and people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NpcsSpec {
    /// Where NPCs can be, by id. At most 65,535.
    pub places: BTreeMap<String, PlaceSpec>,
    /// Roles that NPCs can have: at most 32.
    pub roles: Vec<String>,
    /// NPCs that are written out one by one, by id.
    pub individuals: BTreeMap<String, NpcSpec>,
    /// NPCs that are made in number, in this order.
    pub groups: Vec<NpcGroupSpec>,
    /// Sessions that may run at once: 0 to 10,000.
    #[serde(default = "sessions_max")]
    pub max_sessions: u32,
}

fn sessions_max() -> u32 {
    100
}

/// A place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlaceSpec {
    /// For people.
    pub name: String,
    /// The district that it is in: NPCs prefer places in the district where they are.
    pub district: String,
    /// Its types: home, work, bar, market, …
    pub location_types: Vec<String>,
}

/// One NPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NpcSpec {
    /// The routine that it follows.
    pub routine: String,
    /// Its preferences, from the presets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where it lives.
    pub home: String,
    /// Where it works; without it, at home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    /// Its roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// How it stands to others: NPC id, axis, 0 to 100.
    #[serde(default)]
    pub relationships: BTreeMap<String, BTreeMap<String, f64>>,
    /// Energy at first, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<f64>,
}

/// NPCs made in number. Lists are gone round in turn, so that equal numbers get each entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NpcGroupSpec {
    /// The first part of their names: `<name>-1`, `<name>-2`, …; without it they have no names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many: 1 to 1,000,000.
    pub count: u32,
    /// Their routines.
    pub routines: Vec<String>,
    /// Their preferences.
    #[serde(default)]
    pub presets: Vec<String>,
    /// Their homes.
    pub homes: Vec<String>,
    /// Their places of work; without any, at home.
    #[serde(default)]
    pub works: Vec<String>,
    /// Their roles: each has all of them.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Acquaintances of each within the group, drawn by chance: 0 to 16.
    #[serde(default)]
    pub acquaintances: u32,
}
