//! Places that are near: so that people work and meet within reach, whatever the size of the city.

use super::draw::{GAMMA, below, mix};

/// Tiles away at most that a place is looked for before any will do.
const REACH: i32 = 4;
/// Tiles that are drawn among those within one reach.
const TRIES: u64 = 12;
/// Tiles that are looked at together: which of them have places cannot be foretold, and so costs one guess for all.
const TOGETHER: usize = 4;

/// Places in tiles of cells. Around the grid lie empty tiles, as far as the reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Near {
    side: i32,
    /// Tiles of a row, those around the grid too.
    columns: i32,
    /// Where the places of each tile begin, and after the last tile where they end.
    starts: Vec<u32>,
    /// Places by tiles: columns, rows, and their numbers in the list that they came from.
    places: Vec<([i16; 2], u32)>,
}

impl Near {
    /// Of these places on a grid, in tiles with so many cells along a side.
    pub(super) fn new(places: &[[i16; 2]], (width, height): (i16, i16), side: i16) -> Self {
        let side = i32::from(side.max(1));
        let tiles = |length: i16| (i32::from(length) + side - 1) / side + 2 * REACH;
        let (columns, rows) = (tiles(width), tiles(height));
        let tile = |place: [i16; 2]| tile(place, side, columns);
        let mut sorted: Vec<([i16; 2], u32)> = places.iter().copied().zip(0..).collect();
        sorted.sort_unstable_by_key(|(place, number)| (tile(*place), *number));
        let count = (columns * rows).unsigned_abs();
        let mut starts = vec![0_u32; count as usize + 1];
        for (place, _) in &sorted {
            if let Some(start) = starts.get_mut(tile(*place) as usize + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { side, columns, starts, places: sorted }
    }

    /// A place near this one: of a tile drawn among those around, first the next ones, then up to four tiles away; where
    /// none of 48 tiles has any, one anywhere.
    pub(super) fn draw(&self, place: [i16; 2], drawn: u64) -> Option<([i16; 2], u32)> {
        let here = tile(place, self.side, self.columns).cast_signed();
        let mut state = drawn;
        for reach in 1..=REACH {
            let span = u64::from((2 * reach + 1).unsigned_abs());
            // Sixteen bits each for column and row, the rest for one of those in the tile.
            let offset = |part: u64| part_of(part & 0xFFFF, span) - reach;
            for _ in 0..TRIES / TOGETHER as u64 {
                let (mut found, mut draws) = ([(0_u32, 0_u32); TOGETHER], [0_u64; TOGETHER]);
                for (found, draw) in found.iter_mut().zip(&mut draws) {
                    state = state.wrapping_add(GAMMA);
                    *draw = mix(state);
                    let tile = here + offset(*draw >> 16) * self.columns + offset(*draw);
                    let at = usize::try_from(tile).unwrap_or(usize::MAX - 1);
                    if let (Some(begin), Some(end)) = (self.starts.get(at), self.starts.get(at + 1)) {
                        *found = (*begin, *end);
                    }
                }
                let some = found
                    .iter()
                    .enumerate()
                    .fold(0_u32, |some, (at, (begin, end))| some | u32::from(begin < end) << at);
                if some != 0 {
                    let first = some.trailing_zeros() as usize;
                    let ((begin, end), draw) = (found.get(first).copied()?, draws.get(first).copied()?);
                    return any(self.places.get(begin as usize..end as usize)?, draw);
                }
            }
        }
        any(&self.places, mix(drawn))
    }
}

/// The tile of a cell.
fn tile([x, y]: [i16; 2], side: i32, columns: i32) -> u32 {
    ((i32::from(y) / side + REACH) * columns + i32::from(x) / side + REACH).unsigned_abs()
}

/// So much of a span as 16 bits say.
#[expect(clippy::cast_possible_truncation, reason = "spans are small")]
const fn part_of(bits: u64, span: u64) -> i32 {
    ((bits * span) >> 16) as i32
}

/// One of some places, by the upper half of these bits.
fn any(places: &[([i16; 2], u32)], drawn: u64) -> Option<([i16; 2], u32)> {
    places.get(usize::try_from(below(drawn, places.len() as u64)).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_near_where_there_are_any() {
        let places: Vec<[i16; 2]> = (0..100).flat_map(|y| (0..100).map(move |x| [x * 10, y * 10])).collect();
        let near = Near::new(&places, (1_000, 1_000), 50);
        for agent in 0..500 {
            let home = [(agent * 37 % 1_000) as i16, (agent * 91 % 1_000) as i16];
            let ([x, y], number) = near.draw(home, agent).expect("a place");
            assert!((x - home[0]).abs() < 100 && (y - home[1]).abs() < 100, "{home:?} to {x}, {y}");
            assert_eq!(places[number as usize], [x, y]);
        }
        let far = Near::new(&[[900, 900]], (1_000, 1_000), 50);
        assert_eq!(far.draw([0, 0], 5), Some(([900, 900], 0)), "better far than none");
        assert_eq!(Near::new(&[], (10, 10), 5).draw([0, 0], 5), None);
    }
}
