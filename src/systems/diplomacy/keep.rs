//! How relations are saved and hashed: as their columns lie in memory.

use bytemuck::cast_slice;

use crate::components::faction::Relations;
use crate::world::{PersistBulk, read_column};

#[cfg(target_endian = "big")]
compile_error!("relations are saved as they lie in memory, and that is little-endian");

/// Columns of a pair.
const COLUMNS: usize = 8;

/// The first piece holds the number of factions (16 bits), whether it has begun (8 bits) and when (32 bits), and the days
/// (64 bits); the others a column each: love, nature, trust, bonus, score, score then, state, since.
impl PersistBulk for Relations {
    const NAME: &'static str = "diplomacy.relations";
    const VERSION: u32 = 2;

    fn pieces(&self) -> usize {
        COLUMNS + 1
    }

    fn columns(&self, piece: usize, each: &mut dyn FnMut(&[u8])) {
        match piece {
            0 => {
                each(&self.factions.to_le_bytes());
                each(&[u8::from(self.began.is_some())]);
                each(&self.began.unwrap_or_default().to_le_bytes());
                each(&self.days.to_le_bytes());
            }
            7 => each(&self.state),
            8 => each(cast_slice(&self.since)),
            _ => {
                let reals = [&self.love, &self.nature, &self.trust, &self.bonus, &self.score, &self.score_then];
                if let Some(column) = reals.get(piece - 1) {
                    each(cast_slice(column));
                }
            }
        }
    }

    fn put(&mut self, piece: usize, bytes: &[u8]) -> Result<(), String> {
        let (count, rest) = (self.pairs().count(), &mut &*bytes);
        match piece {
            0 => {
                let factions = u16::from_le_bytes(number(rest)?);
                let has_begun = number(rest)? != [0];
                let began = i32::from_le_bytes(number(rest)?);
                let days = u64::from_le_bytes(number(rest)?);
                *self = Self { factions, began: has_begun.then_some(began), days, ..Self::default() };
            }
            7 => self.state = read_column(rest, count)?,
            8 => self.since = read_column(rest, count)?,
            _ => {
                let reals = [
                    &mut self.love,
                    &mut self.nature,
                    &mut self.trust,
                    &mut self.bonus,
                    &mut self.score,
                    &mut self.score_then,
                ];
                let column = reals.into_iter().nth(piece - 1).ok_or("there is no such column")?;
                *column = read_column(rest, count)?;
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("piece {piece} is {} bytes too long", rest.len())) }
    }
}

/// The bytes of the next number.
fn number<const WIDTH: usize>(rest: &mut &[u8]) -> Result<[u8; WIDTH], String> {
    let (number, after) = rest.split_first_chunk::<WIDTH>().ok_or("a number ends too early")?;
    *rest = after;
    Ok(*number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(relations: &Relations, piece: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        relations.columns(piece, &mut |column| bytes.extend_from_slice(column));
        bytes
    }

    #[test]
    fn relations_come_back_bit_by_bit_and_bytes_too_many_or_too_few_are_refused() {
        let mut relations = Relations::new(5);
        relations.began = Some(-7);
        relations.days = 3;
        relations.love[2] = -0.0;
        relations.trust[9] = f32::MIN_POSITIVE;
        relations.state[4] = 3;
        relations.since[1] = i32::MIN;
        relations.score_then[0] = 1.5;
        let mut back = Relations::default();
        for piece in 0..relations.pieces() {
            let bytes = saved(&relations, piece);
            assert!(back.put(piece, bytes.get(1..).expect("bytes")).is_err(), "{piece}");
            assert!(back.put(piece, &[&*bytes, &[0]].concat()).is_err(), "{piece}");
            back.put(piece, &bytes).expect("a piece");
            assert_eq!(saved(&back, piece), bytes);
        }
        assert_eq!(back, relations);
        assert_eq!(back.love[2].to_bits(), (-0.0_f32).to_bits());
        assert!(back.put(9, &[]).is_err());
    }
}
