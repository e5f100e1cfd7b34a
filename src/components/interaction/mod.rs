//! Interactions: chains that run, cooldowns that last, intents that wait for an answer. Data only.

mod chain;
mod intent;
mod state;
mod totals;

pub use chain::{ChainEnd, ChainId, ChainPhase, ChainState, Finished};
pub use intent::{Intent, IntentSource, KindId};
pub use state::{Cooldown, CooldownScope, Interactions, NO_SESSION, NOBODY};
pub use totals::InteractionTotals;
