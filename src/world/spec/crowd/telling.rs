//! What a crowd tells of itself, and how much of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a crowd tells. What is more than its bounds allow is told in sums, and nothing is left out of those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TellingSpec {
    /// Signals (`crowd_signal`) of a tick that are told by sectors; of more, each kind of each window is told once for the
    /// whole crowd. 0 to 10,000; 0 tells none.
    #[schemars(range(min = 0, max = 10_000))]
    pub signals: u32,
    /// Whether the hours and days of each sector are summed up (`aggregated_stats`).
    pub stats: bool,
    /// Movements of a tick (`population_movement`) that are told by the two sectors; what is left is told once for each
    /// kind. 0 to 1,000; 0 tells none.
    #[schemars(range(min = 0, max = 1_000))]
    pub movements: u32,
    /// Agents from which on a movement is told by its sectors. 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub movement_agents: u32,
    /// Agents of each step, drawn by chance, of whom it is told what they did (`agent_action`). 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    pub action_samples: u32,
    /// Trends that spread at the same time (`social_trend`). 0 to 64; 0 tells none.
    #[schemars(range(min = 0, max = 64))]
    pub trends: u32,
    /// Agents that a trend takes hold of at most. 10 to 100,000.
    #[schemars(range(min = 10, max = 100_000))]
    pub trend_agents: u32,
}

impl Default for TellingSpec {
    fn default() -> Self {
        Self {
            signals: 256,
            stats: true,
            movements: 32,
            movement_agents: 10,
            action_samples: 1,
            trends: 8,
            trend_agents: 10_000,
        }
    }
}
