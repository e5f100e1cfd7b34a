//! Places that are near: so that people work and meet within reach, whatever the size of the city.

use super::draw::{GAMMA, below, mix};

/// Places in tiles of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Near {
    side: i32,
    columns: i32,
    rows: i32,
    /// Where the places of each tile begin, and after the last tile where they end.
    starts: Vec<u32>,
    /// Places by tiles: columns, rows, and their numbers in the list that they came from.
    places: Vec<([i16; 2], u32)>,
}

impl Near {
    /// Of these places on a grid, in tiles with so many cells along a side.
    pub(super) fn new(places: &[[i16; 2]], (width, height): (i16, i16), side: i16) -> Self {
        let side = i32::from(side.max(1));
        let tiles = |length: i16| (i32::from(length) + side - 1) / side;
        let (columns, rows) = (tiles(width), tiles(height));
        let tile = |[x, y]: [i16; 2]| (i32::from(y) / side * columns + i32::from(x) / side).unsigned_abs();
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
        Self { side, columns, rows, starts, places: sorted }
    }

    /// A place near this one: of a tile drawn among those around, first the next ones, then up to four tiles away; where
    /// none of 48 tiles has any, one anywhere.
    pub(super) fn draw(&self, [x, y]: [i16; 2], drawn: u64) -> Option<([i16; 2], u32)> {
        for attempt in 0..48_u8 {
            let reach = i32::from(attempt / 12) + 1;
            let once = mix(drawn.wrapping_add(GAMMA.wrapping_mul(u64::from(attempt) + 1)));
            // Sixteen bits each for column and row, the rest for one of those in the tile.
            let offset = |part: u64| {
                let span = u64::from((2 * reach + 1).unsigned_abs());
                i32::try_from(((part & 0xFFFF) * span) >> 16).unwrap_or(0) - reach
            };
            let (column, row) =
                (i32::from(x) / self.side + offset(once), i32::from(y) / self.side + offset(once >> 16));
            if !(0..self.columns).contains(&column) || !(0..self.rows).contains(&row) {
                continue;
            }
            let tile = (row * self.columns + column).unsigned_abs() as usize;
            let (Some(begin), Some(end)) = (self.starts.get(tile), self.starts.get(tile + 1)) else { continue };
            let in_tile = self.places.get(*begin as usize..*end as usize).unwrap_or_default();
            if !in_tile.is_empty() {
                return any(in_tile, once);
            }
        }
        any(&self.places, mix(drawn))
    }
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
