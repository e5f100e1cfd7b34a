//! The agents of a crowd, in columns, a chunk of them at a time.

use bevy_ecs::prelude::Resource;

/// Agents of a chunk; the last one may have fewer. Two threads share a crowd by whole chunks.
pub const CHUNK_AGENTS: usize = 4_096;

/// Some agents whose homes lie near each other, in columns of equal length.
///
/// Saved and hashed are position, needs, money, things and what they do. The rest follows from the world file and the
/// seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Number of the first agent; the others follow.
    pub first: u32,
    /// Column of the cell where the agent is.
    pub x: Vec<i16>,
    /// Row of the cell where the agent is.
    pub y: Vec<i16>,
    /// Hunger, 0 to [`FULL`](super::FULL).
    pub hunger: Vec<i16>,
    /// Social drive, 0 to [`FULL`](super::FULL).
    pub drive: Vec<i16>,
    /// Energy, 0 to [`FULL`](super::FULL).
    pub energy: Vec<i16>,
    /// Money in minor units.
    pub money: Vec<u32>,
    /// Things that it owns and may trade.
    pub things: Vec<u8>,
    /// What it did in the last step: numbers of [`Doing`](super::Doing).
    pub doing: Vec<u8>,
    /// Derived: number of the sector where it is.
    pub sector: Vec<u8>,
    /// Derived: column of the home.
    pub home_x: Vec<i16>,
    /// Derived: row of the home.
    pub home_y: Vec<i16>,
    /// Derived: column of the workplace.
    pub work_x: Vec<i16>,
    /// Derived: row of the workplace.
    pub work_y: Vec<i16>,
    /// Derived: hour of the day at which work begins.
    pub shift: Vec<i16>,
    /// Derived: two favourite social spots, by their numbers.
    pub favourites: Vec<[u16; 2]>,
    /// Derived: influence upon others, 0 to 100: tenths of the originals' 0 to 10.
    pub influence: Vec<u8>,
}

impl Chunk {
    /// How many agents it has.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Bytes that its columns take.
    pub fn bytes(&self) -> usize {
        let words = [&self.x, &self.y, &self.hunger, &self.drive, &self.energy];
        let derived = [&self.home_x, &self.home_y, &self.work_x, &self.work_y, &self.shift];
        let bytes = [&self.things, &self.doing, &self.sector, &self.influence];
        words.iter().chain(&derived).map(|column| column.capacity() * 2).sum::<usize>()
            + bytes.iter().map(|column| column.capacity()).sum::<usize>()
            + (self.money.capacity() + self.favourites.capacity()) * 4
    }
}

/// All agents of a world and the stocks of its vendors. Persisted in bulk.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd {
    /// The agents, by their numbers.
    pub chunks: Vec<Chunk>,
    /// Meals at each vendor; empty where nothing ever sells out.
    pub stock: Vec<u16>,
}

impl Crowd {
    /// How many agents there are.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.chunks.iter().all(Chunk::is_empty)
    }

    /// The chunk of an agent and its place there.
    pub fn place(agent: u32) -> (usize, usize) {
        let agent = usize::try_from(agent).unwrap_or(usize::MAX);
        (agent / CHUNK_AGENTS, agent % CHUNK_AGENTS)
    }

    /// All money of the agents, in minor units.
    pub fn money(&self) -> u64 {
        self.chunks.iter().flat_map(|chunk| &chunk.money).map(|money| u64::from(*money)).sum()
    }

    /// All things of the agents.
    pub fn things(&self) -> u64 {
        self.chunks.iter().flat_map(|chunk| &chunk.things).map(|things| u64::from(*things)).sum()
    }

    /// Bytes that the columns take.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum::<usize>() + self.stock.capacity() * 2
    }
}
