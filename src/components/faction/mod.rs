//! What factions are made of, and how they stand to each other.
//!
//! Factions are entities. Relations are not: there is one for each pair, so they are data over pairs in columns
//! ([`Relations`]), and what only few pairs have ([`Affairs`]) is kept apart.

mod affairs;
mod history;
mod powers;
mod relations;
mod state;
mod treaty;

pub use affairs::{Affairs, DueAct, Today, Usual};
pub use history::{Happening, Histories, What};
pub use powers::{Faction, Goals, PowerLevels, Powers, Temperament};
pub use relations::{PairId, PairView, Pairs, Relations};
pub use state::{ActKind, RelationState, TreatyKind};
pub use treaty::{Treaties, Treaty};
