//! Interactions: chains of steps that wait in game time, cooldowns, and what NPCs propose.
//!
//! | module | what is in it |
//! |---|---|
//! | [`model`], [`compile`] | kinds and chains of the world file, ready for use |
//! | `book`, `intent_book`, `numbers` | where everything is, and when it is due; derived, but for the numbers of sessions |
//! | `walk` | how one chain goes on: pure |
//! | `ground`, `advance`, `leave` | chains whose time has come; steps that come to nothing |
//! | `hand_out` | intents that are handed out |
//! | [`later`] | chains that are defined while the world lives |
//! | `session_copy` | sessions that end or are copied, NPCs that go |
//! | `chain_commands`, `intent_commands` | what can be ordered |
//! | `queries`, `explain`, `definitions` | what can be asked |
//!
//! All of it goes by the clock of the world alone.

mod advance;
mod book;
mod chain_commands;
pub mod compile;
mod definitions;
mod explain;
mod ground;
mod hand_out;
mod intent_book;
mod intent_commands;
pub mod later;
mod leave;
pub mod model;
mod numbers;
mod queries;
mod session_copy;
mod walk;

pub(crate) use advance::advance_chains;
pub use book::InteractionBook;
pub(crate) use book::rebuild_book;
pub use chain_commands::{
    CHAINS_OF_ONE_MAX, CancelChain, CompleteStep, ForgetChain, NOT_RUNNING, REPEATED, SkipStep, StartChain,
};
pub(crate) use chain_commands::{cancel_chain, complete_step, forget_chain, skip_step, start_chain};
pub use definitions::{AskDefinition, AskDefinitions};
pub(crate) use definitions::{list_definitions, show_definition};
pub use explain::AskChain;
pub(crate) use explain::show_chain;
pub(crate) use ground::Ground;
pub use hand_out::SessionTurn;
pub(crate) use hand_out::hand_out_intents;
pub use intent_book::IntentBook;
pub(crate) use intent_book::rebuild_intents;
pub use intent_commands::{
    AcknowledgeIntent, ClearCooldowns, DeclineIntent, NO_INTENT, ProposeIntent, RESTS, UseInteraction, WithdrawIntent,
};
pub(crate) use intent_commands::{
    acknowledge_intent, clear_cooldowns, decline_intent, propose_intent, use_interaction, withdraw_intent,
};
pub use later::{DefineChain, IN_FILE, LaterChains, UndefineChain};
pub(crate) use later::{define_chain, restore_later, undefine_chain};
pub use model::InteractionModel;
pub use numbers::SessionNumbers;
pub(crate) use numbers::index_numbers;
pub use queries::{AskChains, AskCooldowns, AskIntent, AskIntents, AskInteractions};
pub(crate) use queries::{list_chains, list_cooldowns, list_intents, show_intent, show_status};
pub use session_copy::CopySession;
pub(crate) use session_copy::{copy_session, end_interactions, leave_interactions};
