//! One game world: it takes inputs, one at a time, and says what came of them.

mod bulk;
mod clock;
mod column;
mod control;
mod entries;
mod faults;
mod game_world;
mod hash;
mod inputs;
pub(crate) mod lenient;
mod noted;
mod registry;
mod saving;
mod snapshot;
pub mod spec;

pub use bulk::{PersistBulk, read_column};
pub use entries::PersistEntries;
pub use faults::{WorldError, WorldFault};
pub(crate) use faults::{note_failure, panic_text};
pub use game_world::GameWorld;
pub use hash::StateHash;
pub use noted::Touched;
pub(crate) use registry::Registry;
pub use registry::{
    Answer, CallInfo, Catalogue, EventInfo, Persist, RegisterExt, TakenMessage, WorldCommand, WorldQuery,
};
pub use saving::UnpackedSnapshot;
