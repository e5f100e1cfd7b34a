//! The section about jobs of generation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;
use crate::plugins::host::{EdgeLimits, OwnLimits, Quota};

/// Limits over all worlds for what is sent to the workers that generate, as they are until somebody changes them
/// (`PATCH /api/v1/generation/limits`).
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
    /// Of them of one world.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub in_flight_per_world_max: u32,
    /// Attempts within an hour, of all worlds.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_max: u32,
    /// Of them for one user.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_per_user_max: u32,
    /// Of them of the worlds of one shard.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_per_shard_max: u32,
    /// Of them of one kind.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_per_kind_max: u32,
    /// Of them of one world.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub per_hour_per_world_max: u32,
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
            in_flight_per_world_max: 256,
            per_hour_max: 100_000,
            per_hour_per_user_max: 1_000,
            per_hour_per_shard_max: 100_000,
            per_hour_per_kind_max: 100_000,
            per_hour_per_world_max: 100_000,
            retry_first_seconds: Seconds::whole(1),
            retry_max_seconds: Seconds::whole(300),
        }
    }
}

impl GenerationSection {
    /// The limits as the edge takes them.
    pub fn limits(&self) -> EdgeLimits {
        let quota = |concurrent, per_hour| Quota { concurrent, per_hour };
        EdgeLimits {
            all: quota(self.in_flight_max, self.per_hour_max),
            user: quota(self.in_flight_per_user_max, self.per_hour_per_user_max),
            kind: quota(self.in_flight_per_kind_max, self.per_hour_per_kind_max),
            shard: quota(self.in_flight_per_shard_max, self.per_hour_per_shard_max),
            world: quota(self.in_flight_per_world_max, self.per_hour_per_world_max),
            own: OwnLimits::default(),
            retry_first: self.retry_first_seconds.duration(),
            retry_max: self.retry_max_seconds.duration(),
        }
    }
}
