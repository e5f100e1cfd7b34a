//! The section about jobs of generation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;
use crate::plugins::host::EdgeLimits;

/// Limits over all worlds for what is sent to the workers that generate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct GenerationSection {
    /// Jobs with the workers at once, of all worlds.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub in_flight_max: u32,
    /// Of them for one user.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub in_flight_per_user_max: u32,
    /// Of them of the worlds of one shard.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub in_flight_per_shard_max: u32,
    /// Of them of one kind.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub in_flight_per_kind_max: u32,
    /// Attempts within an hour, of all worlds.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_max: u32,
    /// Of them for one user.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_per_user_max: u32,
    /// The wait before the second attempt at a job; each one after it waits twice as long.
    #[schemars(range(min = 0.01, max = 3_600))]
    pub retry_first_seconds: Seconds,
    /// The longest wait between two attempts, but for a jitter of a quarter.
    #[schemars(range(min = 0.01, max = 86_400))]
    pub retry_max_seconds: Seconds,
}

impl Default for GenerationSection {
    fn default() -> Self {
        Self {
            in_flight_max: 256,
            in_flight_per_user_max: 16,
            in_flight_per_shard_max: 256,
            in_flight_per_kind_max: 256,
            per_hour_max: 100_000,
            per_hour_per_user_max: 1_000,
            retry_first_seconds: Seconds::whole(1),
            retry_max_seconds: Seconds::whole(300),
        }
    }
}

impl GenerationSection {
    /// The limits as the edge takes them.
    pub fn limits(&self) -> EdgeLimits {
        EdgeLimits {
            max_in_flight: self.in_flight_max,
            max_in_flight_per_user: self.in_flight_per_user_max,
            max_in_flight_per_shard: self.in_flight_per_shard_max,
            max_in_flight_per_kind: self.in_flight_per_kind_max,
            max_per_hour: self.per_hour_max,
            max_per_hour_per_user: self.per_hour_per_user_max,
            retry_first: self.retry_first_seconds.duration(),
            retry_max: self.retry_max_seconds.duration(),
        }
    }
}
