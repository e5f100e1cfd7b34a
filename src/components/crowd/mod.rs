//! A crowd: many anonymous agents in dense columns, not entities (see docs/adr/0014-crowd-in-columns.md).

mod books;
mod chunk;
mod doing;
mod ground;
mod tally;

pub use books::{CrowdBooks, CrowdFlow};
pub use chunk::{CHUNK_AGENTS, Chunk, Crowd};
pub use doing::Doing;
pub use ground::{Friendships, Ground, NO_FRIEND};
pub use tally::{ActionSample, Flows, SectorTally, Tallies, TopPost, Way};

/// A need that is full: 100 points in parts of 1/256.
pub const FULL: i16 = 25_600;
/// Parts of a point of a need.
pub const PARTS: i16 = 256;
