//! The world file: how a world begins.
//!
//! Names are camelCase, as in `meta.simulation` of the systems that worlds come from. Unknown keys are errors.

mod economy;

use std::collections::BTreeMap;

use bevy_ecs::prelude::Resource;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

pub use economy::*;

use crate::components::clock::{ClockSource, GameInstant, TimeScale};
use crate::components::ids::WorldId;

/// The world file that ships with worldtick, as text.
pub const DEFAULT_WORLD: &str = include_str!("../../../assets/config/worlds/night-city.yaml");

/// A world as its file describes it. A resource of the world; it never changes while the world lives.
#[derive(Resource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct WorldSpec {
    /// Name of the world.
    pub id: WorldId,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[garde(length(max = 2000))]
    pub description: String,
    /// Seed of all random draws: another seed, another history.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What drives the clock.
    #[serde(default)]
    pub clock: ClockSource,
    /// The first instant of game time. A world driven by `ticks` begins with its first tick instead.
    #[serde(default = "default_start")]
    pub starts_at: GameInstant,
    /// What is said about the world, the simulation block among it.
    #[serde(default)]
    #[garde(dive)]
    pub meta: WorldMeta,
    /// The economy; without it the world has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub economy: Option<EconomySpec>,
    /// Sections of other plugins, by the plugin's name; the plugin checks its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Value>,
}

/// What is said about a world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldMeta {
    /// How it is simulated.
    #[serde(default)]
    #[garde(dive)]
    pub simulation: SimulationSpec,
}

/// How a world is simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimulationSpec {
    /// Game seconds in a real second, for a live world: 0.1 to 86,400.
    #[serde(default = "default_time_scale")]
    #[garde(custom(a_number), range(min = 0.1, max = 86_400.0))]
    #[schemars(range(min = 0.1, max = 86_400.0))]
    pub time_scale: f64,
    /// Real seconds between two steps of a live world: 0.05 to 60.
    #[serde(default = "default_tick_interval")]
    #[garde(custom(a_number), range(min = 0.05, max = 60.0))]
    #[schemars(range(min = 0.05, max = 60.0))]
    pub tick_interval_seconds: f64,
    /// The longest single step in game seconds; more is cut into several. 1 to 86,400.
    #[serde(default = "default_step_max")]
    #[garde(range(min = 1, max = 86_400))]
    #[schemars(range(min = 1, max = 86_400))]
    pub max_step_game_seconds: u32,
    /// The furthest that one tick may move a world that takes its time from ticks, in game days. 1 to 36,500.
    #[serde(default = "default_jump_max")]
    #[garde(range(min = 1, max = 36_500))]
    #[schemars(range(min = 1, max = 36_500))]
    pub max_tick_jump_days: u32,
}

impl Default for SimulationSpec {
    fn default() -> Self {
        Self {
            time_scale: default_time_scale(),
            tick_interval_seconds: default_tick_interval(),
            max_step_game_seconds: default_step_max(),
            max_tick_jump_days: default_jump_max(),
        }
    }
}

/// YAML has `.nan`, and a comparison with it finds no fault.
fn a_number(value: &f64, _: &()) -> garde::Result {
    if value.is_finite() { Ok(()) } else { Err(garde::Error::new("it must be a number")) }
}

fn default_seed() -> u64 {
    1
}

fn default_start() -> GameInstant {
    // 2077-01-01T00:00:00Z.
    GameInstant::from_micros(3_376_684_800_000_000).unwrap_or(GameInstant::MIN)
}

fn default_time_scale() -> f64 {
    60.0
}

fn default_tick_interval() -> f64 {
    1.0
}

fn default_step_max() -> u32 {
    3_600
}

fn default_jump_max() -> u32 {
    400
}

/// A world file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{report}")]
pub struct SpecError {
    /// What is wrong, with line and column where there are any.
    pub report: String,
}

impl WorldSpec {
    /// An empty world of this name, with every default.
    pub fn named(id: WorldId) -> Self {
        Self {
            id,
            description: String::new(),
            seed: default_seed(),
            clock: ClockSource::default(),
            starts_at: default_start(),
            meta: WorldMeta::default(),
            economy: None,
            plugins: BTreeMap::new(),
        }
    }

    /// Reads a world file and checks it.
    ///
    /// # Errors
    /// With a report that names what is wrong, where (line and column), and what to do.
    pub fn from_yaml(text: &str) -> Result<Self, SpecError> {
        serde_saphyr::from_str_valid(text).map_err(|error| SpecError { report: error.render() })
    }

    /// The world that ships with worldtick.
    ///
    /// # Errors
    /// Never in a released build: the tests read it.
    pub fn default_world() -> Result<Self, SpecError> {
        Self::from_yaml(DEFAULT_WORLD)
    }

    /// The time scale as the clock takes it.
    pub fn scale(&self) -> TimeScale {
        TimeScale::from_factor(self.meta.simulation.time_scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_only_a_name_gets_every_default() {
        let spec = WorldSpec::from_yaml("id: w").expect("valid");
        assert_eq!(spec, WorldSpec::named(WorldId::new("w").expect("an id")));
        assert_eq!(spec.starts_at.to_string(), "2077-01-01T00:00:00Z");
        assert_eq!(spec.scale(), TimeScale(60_000_000));
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place() {
        let report =
            WorldSpec::from_yaml("id: w\nmeta:\n  simulation:\n    timeScale: 0\n").expect_err("refused").report;
        assert!(report.contains("timeScale"), "{report}");
        assert!(report.contains('4'), "names the line: {report}");
        assert!(WorldSpec::from_yaml("id: w\nmeta:\n  simulation:\n    timeScale: .nan\n").is_err());
        assert!(WorldSpec::from_yaml("id: w\ncolour: red\n").is_err());
        assert!(WorldSpec::from_yaml("id: W!\n").is_err());
    }

    #[test]
    fn the_default_world_is_valid() {
        let spec = WorldSpec::default_world().expect("valid");
        assert_eq!(spec.scale(), TimeScale(3_600_000_000));
        assert_eq!(spec.clock, ClockSource::Live);
    }
}
