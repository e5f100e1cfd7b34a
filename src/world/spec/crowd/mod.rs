//! The crowd's section of a world file: a grid, its districts and sectors, and the rules that its agents live by.

mod check;
mod grid;
mod overrides;
mod rules;
mod telling;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use check::check;
pub use grid::{Area, DistrictKind, DistrictSpec, GridSpec, SectorSpec, VendorsSpec};
pub use overrides::CrowdOverrides;
pub use rules::{AmountRange, RulePreset, Rules, RulesSpec};
pub use telling::TellingSpec;

/// Bytes that a crowd takes at most, all told.
pub const CROWD_BYTES_MAX: u64 = 4 << 30;
/// Bytes that an agent takes, all told: its columns and its share of the buffers.
pub const AGENT_BYTES: u64 = 80;
/// Bytes that a cell takes: the way from it to the nearest vendor, and the buffers in which that is found.
pub const CELL_BYTES: u64 = 6;
/// Sectors at most.
pub const SECTORS_MAX: usize = 256;
/// Cells along one side at most.
pub const SIDE_MAX: u32 = 32_000;

/// A crowd: many anonymous agents with needs on a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CrowdSpec {
    /// Whether it lives; without it the section is checked and does nothing. `CROWD_SIMULATION_ENABLED` overrides it.
    pub enabled: bool,
    /// Agents, 1 and more, as many as the memory of a crowd (4 GiB) holds. `CROWD_NUM_AGENTS` overrides it.
    #[schemars(range(min = 1))]
    pub agents: u32,
    /// Steps that the crowd lives in a day, of whole minutes each: 1 to 96; with `hourly` a multiple of 24. The rules of a
    /// city are those of an hour: any other number than 24 is a warning there.
    #[schemars(range(min = 1, max = 96))]
    pub steps_a_day: u32,
    /// Whether it lives hour by hour with the hourly tick, and not a day at once with the daily one.
    pub hourly: bool,
    /// Where it lives.
    pub grid: GridSpec,
    /// How it lives.
    pub rules: RulesSpec,
    /// What it tells of itself.
    pub telling: TellingSpec,
}

impl Default for CrowdSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            agents: 100,
            steps_a_day: 24,
            hourly: false,
            grid: GridSpec::default(),
            rules: RulesSpec::default(),
            telling: TellingSpec::default(),
        }
    }
}

impl CrowdSpec {
    /// Bytes that it takes, all told.
    pub fn bytes(&self) -> u64 {
        u64::from(self.agents) * AGENT_BYTES + self.grid.cells() * CELL_BYTES
    }

    /// Steps that one tick brings: those of a day, or those of an hour.
    pub fn steps_a_tick(&self) -> u32 {
        if self.hourly { (self.steps_a_day / 24).max(1) } else { self.steps_a_day }
    }
}
