//! What came of chains and intents, in numbers.

use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts since the world began. Persisted.
        #[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct InteractionTotals {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl InteractionTotals {
            /// What was added since then.
            #[must_use]
            pub fn since(&self, then: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(then.$name),)* }
            }
        }
    };
}

counters! {
    /// Chains that were started.
    chains_started,
    /// Chains that run because a session was copied.
    chains_copied,
    /// Chains that came to their good end.
    chains_completed,
    /// Chains that came to their bad end.
    chains_failed,
    /// Chains whose time passed.
    chains_expired,
    /// Chains that were cancelled, those of sessions that ended among them.
    chains_cancelled,
    /// Chains whose NPC was gone, or whose definition was.
    chains_gone,
    /// Chains that failed because their next wait would have ended beyond the calendar.
    chains_beyond_calendar,
    /// Steps that were completed.
    steps_completed,
    /// Optional steps that were passed over.
    steps_skipped,
    /// Steps whose window passed.
    steps_expired,
    /// Times that a step could not open: flags, conditions or a cooldown did not let it.
    steps_blocked,
    /// Times that a chain was looked at because its time had come.
    chain_ops,
    /// Times that a chain whose time had come had to wait for a later step, each once a step.
    chain_ops_deferred,
    /// Intents that were proposed and taken in.
    intents_proposed,
    /// Intents for which there was no room.
    intents_refused,
    /// Intents that were handed out.
    intents_handed_out,
    /// Intents that the game acknowledged.
    intents_acknowledged,
    /// Intents that the game declined.
    intents_declined,
    /// Intents whose time passed before they were handed out.
    intents_expired,
    /// Intents that were handed out and not answered in time.
    intents_unanswered,
    /// Intents that were taken back: the chain had gone on, or a command said so.
    intents_withdrawn,
    /// Intents whose NPC or session was gone.
    intents_gone,
    /// Cooldowns that began.
    cooldowns_begun,
}

impl InteractionTotals {
    /// Chains that run: what began and has not ended.
    pub fn chains(&self) -> u64 {
        let ended =
            [self.chains_completed, self.chains_failed, self.chains_expired, self.chains_cancelled, self.chains_gone];
        (self.chains_started + self.chains_copied).saturating_sub(ended.iter().sum())
    }

    /// Intents that wait or are unanswered: what was taken in and has not ended.
    pub fn intents(&self) -> u64 {
        let ended = [
            self.intents_acknowledged,
            self.intents_declined,
            self.intents_expired,
            self.intents_unanswered,
            self.intents_withdrawn,
            self.intents_gone,
        ];
        self.intents_proposed.saturating_sub(ended.iter().sum())
    }
}
