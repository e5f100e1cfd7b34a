//! Diplomacy: how factions stand to each other, day by day.
//!
//! | set | systems | reads | writes |
//! |---|---|---|---|
//! | Hear | [`keep_calendar`], [`move_powers`], [`deal`] | the calendar, the economy's statistics, wars | treaties, feelings, powers |
//! | Evaluate | [`evaluate_relations`] | powers, feelings, the day's mood | feelings, scores, states, histories |
//! | Tell | [`signal_economy`], [`note_standings`], [`summarise_diplomacy`] | states | signals, events, what the store keeps |
//!
//! All of them run in [`DailyTick`](crate::schedules::DailyTick). Draws are keyed by the factions' stable ids. Relations
//! are columns over pairs; only what leaves its state is looked at one by one.
//!
//! | file | what it is |
//! |---|---|
//! | `model` | the diplomacy of a world file, ready to be used |
//! | `score` | what a score is made of, and which state follows |
//! | `books`, `change`, `acts` | what happens to a pair, and what follows from it |
//! | `hear`, `powers`, `deal`, `evaluate` and `rows`, `tell` | the day |
//! | `commands`, `queries`, `explain` | what people order and ask |
//! | `keep`, `entries` | how relations, and treaties and histories, are saved and hashed |

mod acts;
mod books;
mod change;
mod commands;
mod deal;
mod entries;
mod evaluate;
mod explain;
mod hear;
mod keep;
mod model;
mod powers;
mod queries;
mod rows;
mod score;
mod setup;
mod tell;

pub use books::Sides;
pub use commands::{
    Betray, BreakTreaty, CauseIncident, Chancery, DeclareWar, FormAlliance, MakeTrade, NO_FACTION, SignTreaty, betray,
    break_treaty, cause_incident, declare_war, form_alliance, make_trade, sign_treaty,
};
pub use deal::deal;
pub use evaluate::{Scratch, evaluate_relations};
pub use explain::{AskExplain, explain_pair};
pub use hear::keep_calendar;
pub use model::{Diplomacy, FactionModel};
pub use powers::move_powers;
pub use queries::{AskFaction, AskFactions, AskMatrix, AskPair, list_factions, show_faction, show_matrix, show_pair};
pub use score::{Feelings, ScoreModel, Side, Terms};
pub use setup::{found_diplomacy, ready_diplomacy};
pub use tell::{FactionSignal, note_standings, signal_economy, summarise_diplomacy};
