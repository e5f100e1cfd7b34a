//! What came of jobs, in numbers.

use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts since the world began. Persisted.
        #[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct GenerationTotals {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl GenerationTotals {
            /// What was added since then.
            #[must_use]
            pub fn since(&self, then: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(then.$name),)* }
            }
        }
    };
}

counters! {
    /// Jobs that were taken in.
    asked,
    /// Requests that joined a job that was under way, by their key.
    joined,
    /// Requests of chains and behaviours for which there was no room.
    refused,
    /// Requests of behaviours whose kind, NPC or session was gone.
    gone,
    /// Pending jobs that had to make room for more urgent ones; they count as cancelled, too.
    shed,
    /// Jobs that the world let go.
    dispatched,
    /// Attempts: how often the edge let one go.
    attempts,
    /// Attempts after which another one was due.
    retried,
    /// Jobs that were done.
    succeeded,
    /// Jobs that could not be done.
    failed,
    /// Jobs that nobody wanted any more.
    cancelled,
    /// Jobs whose deadline passed.
    expired,
    /// Jobs that were tried as often as they might.
    dead,
    /// Dead jobs that were sent again.
    sent_again,
    /// Dead jobs that were forgotten because others came after them.
    dead_forgotten,
    /// Words of workers that took effect.
    results_applied,
    /// Words of workers about an attempt that has had its result.
    results_duplicate,
    /// Words of workers about an attempt before the present one.
    results_late,
    /// Words of workers about an attempt that was not made.
    results_early,
    /// Words of workers about a job that is over.
    results_finished,
    /// Words of workers about a job that never was.
    results_unknown,
    /// Steps in which fewer jobs were let go because the step had to put off other work.
    gave_way,
}

impl GenerationTotals {
    /// Jobs that are not over: what was taken in and has not ended.
    pub fn open(&self) -> u64 {
        let ended = [self.succeeded, self.failed, self.cancelled, self.expired, self.dead];
        self.asked.saturating_sub(ended.iter().sum())
    }
}
