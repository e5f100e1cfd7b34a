//! One game world: it takes inputs, one at a time, and says what came of them.

mod clock;
mod column;
mod game_world;
mod hash;
mod registry;
mod snapshot;
pub mod spec;

pub use game_world::{GameWorld, WorldError, WorldFault};
pub(crate) use game_world::{note_failure, panic_text};
pub use hash::StateHash;
pub use registry::{Answer, CallInfo, Catalogue, EventInfo, Persist, RegisterExt, WorldCommand, WorldQuery};
