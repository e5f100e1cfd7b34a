//! How a crowd is saved: 16 bytes an agent, as its columns lie in memory.

use bytemuck::cast_slice;

use crate::components::crowd::{CHUNK_AGENTS, Chunk, Crowd, Doing, FULL};
use crate::world::{PersistBulk, read_column};

#[cfg(target_endian = "big")]
compile_error!("crowds are saved as they lie in memory, and that is little-endian");

/// Bytes of an agent.
const AGENT: usize = 16;

/// The first piece holds the vendors' stocks, the others a chunk of agents each: x, y, hunger, drive, energy (16 bits
/// each), money (32 bits), things, doing (8 bits each), column by column.
impl PersistBulk for Crowd {
    const NAME: &'static str = "crowd.agents";

    fn pieces(&self) -> usize {
        if self.chunks.is_empty() { 0 } else { self.chunks.len() + 1 }
    }

    fn columns(&self, piece: usize, each: &mut dyn FnMut(&[u8])) {
        let Some(piece) = piece.checked_sub(1) else { return each(cast_slice(&self.stock)) };
        let Some(chunk) = self.chunks.get(piece) else { return };
        for column in [&chunk.x, &chunk.y, &chunk.hunger, &chunk.drive, &chunk.energy] {
            each(cast_slice(column));
        }
        each(cast_slice(&chunk.money));
        each(&chunk.things);
        each(&chunk.doing);
    }

    fn put(&mut self, piece: usize, bytes: &[u8]) -> Result<(), String> {
        if piece == 0 {
            *self = Self { chunks: Vec::new(), stock: read_column(&mut &*bytes, bytes.len() / 2)? };
            return Ok(());
        }
        if piece != self.chunks.len() + 1 {
            return Err(format!("chunk {piece} of the agents comes after {}", self.chunks.len()));
        }
        let agents = bytes.len() / AGENT;
        if agents == 0 || agents > CHUNK_AGENTS || !bytes.len().is_multiple_of(AGENT) {
            return Err(format!("{} bytes are no chunk of agents", bytes.len()));
        }
        let first = self.chunks.iter().map(Chunk::len).sum::<usize>();
        let rest = &mut &*bytes;
        self.chunks.push(Chunk {
            first: u32::try_from(first).map_err(|error| error.to_string())?,
            x: read_column(rest, agents)?,
            y: read_column(rest, agents)?,
            hunger: read_column(rest, agents)?,
            drive: read_column(rest, agents)?,
            energy: read_column(rest, agents)?,
            money: read_column(rest, agents)?,
            things: read_column(rest, agents)?,
            doing: read_column(rest, agents)?,
            ..Chunk::default()
        });
        Ok(())
    }
}

impl Crowd {
    /// Takes over what a saved crowd of the same world file and seed was like.
    ///
    /// # Errors
    /// With a sentence, where it has other agents or vendors, or a value that none can have.
    pub fn take_state(&mut self, saved: Self, (width, height): (i16, i16)) -> Result<(), String> {
        let lengths = |crowd: &Self| crowd.chunks.iter().map(Chunk::len).collect::<Vec<_>>();
        if lengths(self) != lengths(&saved) || self.stock.len() != saved.stock.len() {
            return Err(format!(
                "{} agents and {} stocks were saved, but the world has {} and {}",
                saved.len(),
                saved.stock.len(),
                self.len(),
                self.stock.len()
            ));
        }
        let within = |column: &[i16], end: i16| column.iter().all(|value| (0..end).contains(value));
        for chunk in &saved.chunks {
            let needs = [&chunk.hunger, &chunk.drive, &chunk.energy];
            let sound = within(&chunk.x, width)
                && within(&chunk.y, height)
                && needs.into_iter().all(|need| within(need, FULL + 1))
                && chunk.doing.iter().all(|doing| usize::from(*doing) < Doing::ALL.len());
            if !sound {
                return Err(format!("an agent from {} on is out of bounds", chunk.first));
            }
        }
        self.stock = saved.stock;
        for (chunk, saved) in self.chunks.iter_mut().zip(saved.chunks) {
            let Chunk { x, y, hunger, drive, energy, money, things, doing, .. } = saved;
            let derived = std::mem::take(chunk);
            *chunk = Chunk { x, y, hunger, drive, energy, money, things, doing, ..derived };
        }
        Ok(())
    }
}
