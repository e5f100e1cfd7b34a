//! The scheduler of a world: who belongs to which tier, whose turn it is, and how much a step may do.
//!
//! | module | what is in it |
//! |---|---|
//! | `session`, `focus` | sessions, pins, and what is in focus |
//! | `roster`, `tiers` | everybody by tier; capacities and who moves |
//! | `queue`, `times` | whose turn is due, and when the next one is |
//! | `share`, [`plan`] | how the turns of a step are divided; the work plan |
//! | `commands`, `queries` | what can be ordered and asked |
//!
//! [`Simulated`](crate::components::tier::Simulated), [`Sessions`], [`Pins`], [`Credits`] and [`TierMoves`] persist.
//! Everything else is derived from them and kept true at every change, so that no step looks for what has changed.

mod assign;
mod commands;
mod context;
mod focus;
mod idset;
mod json_text;
mod names;
pub mod plan;
mod queries;
mod queue;
mod ready;
mod roster;
mod session;
mod session_commands;
mod session_queries;
mod share;
mod tiers;
mod times;

pub use assign::TierMoves;
pub(crate) use assign::{assign_tiers, end_focus};
pub use commands::{FOCUS_MAX, Focus, NO_SESSION, PINS_MAX, Pin, TTL_MAX_SECONDS, Unfocus, Unpin};
pub(crate) use commands::{focus_npcs, pin_npc, session_of, unfocus_npcs, unpin_npc};
pub use context::{MoveCount, SchedulerState, StepSummary, TierState, WorldSimulationContext};
pub use focus::{FocusIndex, Places};
pub use idset::IdSet;
pub use names::{NpcLookup, NpcNames, name_or_number};
pub(crate) use names::{enter_name, leave_name};
pub use plan::{Turn, WorkPlan};
pub(crate) use plan::{plan_turns, settle_turns};
pub use queries::{AskContext, AskStatus, AskTier};
pub(crate) use queries::{explain_tier, show_context, show_status};
pub(crate) use queue::DueQueue;
pub use ready::{AdmitError, admit};
pub(crate) use ready::{enter_roster, forget_pin, leave_roster, move_turns, rebuild_roster};
pub use roster::Roster;
pub use session::{FocusEntries, FocusKind, FocusTarget, InvalidSessionId, Pins, Session, SessionId, Sessions};
pub use session_commands::{
    EndSession, FLAG_KEY_MAX, FLAG_VALUE_MAX, FLAGS_MAX, NOT_YET, PREFERENCES_MAX, PreferenceCheck, RUNS_ALREADY,
    SESSIONS_DEFAULT, SessionEnded, SetSession, StartSession,
};
pub(crate) use session_commands::{end_session, set_session, start_session};
pub use session_queries::{AskFocus, AskSession, AskSessions, LIST_MAX};
pub(crate) use session_queries::{list_focus, list_sessions, show_session};
pub use share::Credits;
