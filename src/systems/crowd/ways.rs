//! The way from each cell to the nearest vendor, by Manhattan distance, for all cells at once.
//!
//! That distance can be taken apart (as Rosenfeld and Pfaltz, "Sequential operations in digital picture processing", Journal
//! of the ACM 13, 1966, do with two sweeps over all neighbours): the nearest vendor of each column first, up and down, and
//! of those the nearest along the row, to the right and to the left. Columns do not depend on each other in the first part,
//! rows in the second: many are swept side by side. Of several vendors as near the westernmost counts, then the
//! northernmost.

/// For each cell, row by row, the columns east and rows south to the nearest of the cells in `vendors`; cut to 127.
pub(super) fn find_ways(width: usize, height: usize, vendors: &[u32]) -> Vec<[i8; 2]> {
    find_near(width, height, vendors).unwrap_or_else(|| find_far(width, height, vendors))
}

/// The furthest that a way may lead to be a word of [`find_near`].
const NEAR_MAX: i32 = 126;
/// A way of no length: distance above, then columns east and rows south, both with 128 added.
const HERE: i32 = 0x80_80;
/// A way that is longer than any. What is added to words on the way through a row never makes one of it that is near.
const NOWHERE: i32 = 0x4000_0000;
/// One cell further, and the neighbour's way with it: to the west, to the east.
const FROM_WEST: i32 = 0x1_0000 - 0x100;
const FROM_EAST: i32 = 0x1_0000 + 0x100;
/// Rows that are swept side by side.
const LANES: usize = 8;
/// Further than anything that is near: of a column without a vendor.
const FAR: u8 = 127;

/// The same where vendors are near everywhere, as they are in all but odd worlds: a way is one word, so that a neighbour's
/// is taken over by an addition and a minimum. Nothing where some way is too long for that.
fn find_near(width: usize, height: usize, vendors: &[u32]) -> Option<Vec<[i8; 2]>> {
    // How far above each cell the next vendor of its column stands.
    let mut above = vec![FAR; width * height];
    for vendor in vendors {
        *above.get_mut(*vendor as usize)? = 0;
    }
    let width = width.max(1);
    let mut before: &[u8] = &[];
    for row in above.chunks_exact_mut(width) {
        for (cell, before) in row.iter_mut().zip(before) {
            *cell = (*cell).min(before + 1).min(FAR);
        }
        before = row;
    }
    let mut ways = vec![[0; 2]; above.len()];
    let (mut below, mut block) = (vec![FAR; width], vec![[NOWHERE; LANES]; width]);
    let mut furthest = 0;
    for (above, ways) in above.rchunks(width * LANES).zip(ways.rchunks_mut(width * LANES)) {
        for (lane, row) in above.rchunks_exact(width).enumerate() {
            look_along_columns(row, &mut below, &mut block, lane);
        }
        sweep_rows(&mut block);
        for (lane, row) in ways.rchunks_exact_mut(width).enumerate() {
            furthest = write_row(row, &block, lane).max(furthest);
        }
    }
    (furthest <= NEAR_MAX).then_some(ways)
}

/// The nearest vendor of each column, as words; `below` becomes how far below each cell of this row the next one stands.
fn look_along_columns(above: &[u8], below: &mut [u8], block: &mut [[i32; LANES]], lane: usize) {
    for ((above, below), words) in above.iter().zip(below).zip(block) {
        *below = if *above == 0 { 0 } else { (*below + 1).min(FAR) };
        let (north, south) = (i32::from(*above), i32::from(*below));
        let word = if north <= south { HERE + north * (0x1_0000 - 1) } else { HERE + south * (0x1_0000 + 1) };
        words[lane % LANES] = if north.min(south) > NEAR_MAX { NOWHERE } else { word };
    }
}

/// Takes the better of each cell's own way and its neighbour's over, from the west and from the east.
fn sweep_rows(block: &mut [[i32; LANES]]) {
    let mut beside = [NOWHERE; LANES];
    for words in block.iter_mut() {
        take_over_words(words, &mut beside, FROM_WEST);
    }
    beside = [NOWHERE; LANES];
    for words in block.iter_mut().rev() {
        take_over_words(words, &mut beside, FROM_EAST);
    }
}

#[inline(always)]
fn take_over_words(words: &mut [i32; LANES], beside: &mut [i32; LANES], further: i32) {
    for (word, beside) in words.iter_mut().zip(beside) {
        *word = (*word).min(*beside + further);
        *beside = *word;
    }
}

/// Writes the ways of a row; gives the length of the longest.
fn write_row(row: &mut [[i8; 2]], block: &[[i32; LANES]], lane: usize) -> i32 {
    let mut longest = 0;
    for (way, words) in row.iter_mut().zip(block) {
        let word = words[lane % LANES];
        longest = longest.max(word >> 16);
        *way = [part(word >> 8), part(word)];
    }
    longest
}

/// Columns or rows of a word.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "eight bits are what is wanted")]
const fn part(word: i32) -> i8 {
    ((word & 0xFF) - 128) as i8
}

/// No way is known yet.
const NONE: [i16; 2] = [i16::MAX, i16::MAX];

/// The same for ways of any length.
fn find_far(width: usize, height: usize, vendors: &[u32]) -> Vec<[i8; 2]> {
    let mut ways = vec![NONE; width * height];
    for vendor in vendors {
        if let Some(way) = ways.get_mut(*vendor as usize) {
            *way = [0, 0];
        }
    }
    let mut above: &mut [[i16; 2]] = &mut [];
    for row in ways.chunks_exact_mut(width.max(1)) {
        take_over(row, above, -1);
        let mut left = NONE;
        for way in row.iter_mut() {
            *way = nearer(*way, beside(left, -1));
            left = *way;
        }
        above = row;
    }
    let mut below: &mut [[i16; 2]] = &mut [];
    for row in ways.chunks_exact_mut(width.max(1)).rev() {
        take_over(row, below, 1);
        let mut right = NONE;
        for way in row.iter_mut().rev() {
            *way = nearer(*way, beside(right, 1));
            right = *way;
        }
        below = row;
    }
    ways.into_iter().map(|[east, south]| [cut(east), cut(south)]).collect()
}

fn take_over(row: &mut [[i16; 2]], neighbours: &[[i16; 2]], south: i16) {
    for (way, [east, rows]) in row.iter_mut().zip(neighbours) {
        if [*east, *rows] != NONE {
            *way = nearer(*way, [*east, rows + south]);
        }
    }
}

#[inline(always)]
fn beside([east, south]: [i16; 2], step: i16) -> [i16; 2] {
    if [east, south] == NONE { NONE } else { [east + step, south] }
}

#[inline(always)]
fn nearer(one: [i16; 2], other: [i16; 2]) -> [i16; 2] {
    let length = |[east, south]: [i16; 2]| u32::from(east.unsigned_abs()) + u32::from(south.unsigned_abs());
    if length(other) < length(one) { other } else { one }
}

fn cut(way: i16) -> i8 {
    i8::try_from(way.clamp(-127, 127)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The way leads to a vendor, and none is nearer.
        #[test]
        fn ways_lead_to_the_nearest_vendor(
            width in 1_usize..30, height in 1_usize..30, seeds in prop::collection::vec(any::<u32>(), 1..12),
        ) {
            let cells = u32::try_from(width * height).expect("few");
            let vendors: Vec<u32> = seeds.iter().map(|seed| seed % cells).collect();
            let ways = find_ways(width, height, &vendors);
            let length = |[east, south]: &[i8; 2]| u32::from(east.unsigned_abs()) + u32::from(south.unsigned_abs());
            let far = find_far(width, height, &vendors);
            prop_assert!(ways.iter().map(length).eq(far.iter().map(length)), "both ways to find them come to the same");
            let place = |cell: usize| (i64::try_from(cell % width).expect("few"), i64::try_from(cell / width).expect("few"));
            for (cell, [east, south]) in ways.iter().enumerate() {
                let (x, y) = place(cell);
                let distances =
                    vendors.iter().map(|vendor| place(*vendor as usize)).map(|(vx, vy)| (vx - x).abs() + (vy - y).abs());
                let found = (x + i64::from(*east), y + i64::from(*south));
                prop_assert!(vendors.iter().any(|vendor| place(*vendor as usize) == found), "{cell}");
                prop_assert_eq!(Some(i64::from(east.abs()) + i64::from(south.abs())), distances.min());
            }
        }
    }

    #[test]
    fn a_far_way_is_cut_and_still_leads_there() {
        let ways = find_ways(1_000, 300, &[999]);
        assert_eq!(ways[0], [127, 0]);
        assert_eq!(ways[299 * 1_000 + 990], [9, -127]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Vendors so few and far between that some ways are too long to be a word.
        #[test]
        fn both_ways_of_finding_agree_at_any_distance(
            width in 1_usize..400, height in 1_usize..12, turned in any::<bool>(),
            seeds in prop::collection::vec(any::<u32>(), 1..4),
        ) {
            let (width, height) = if turned { (height, width) } else { (width, height) };
            let cells = u32::try_from(width * height).expect("few");
            let vendors: Vec<u32> = seeds.iter().map(|seed| seed % cells).collect();
            let length = |[east, south]: &[i8; 2]| u32::from(east.unsigned_abs()) + u32::from(south.unsigned_abs());
            let far = find_far(width, height, &vendors);
            let ways = find_ways(width, height, &vendors);
            let furthest = far.iter().map(length).max().unwrap_or(0);
            let near = find_near(width, height, &vendors);
            // What is further than 127 along one axis is cut there: such a length may be more than it says.
            prop_assert_eq!(near.is_some(), furthest <= NEAR_MAX.unsigned_abs());
            prop_assert!(ways.iter().map(length).eq(far.iter().map(length)));
            if near.is_none() {
                prop_assert_eq!(ways, far);
            }
        }
    }

    #[test]
    fn the_longest_word_and_the_first_that_is_none() {
        for (cells, is_word) in [(127, true), (128, false)] {
            assert_eq!(find_near(cells, 1, &[0]).is_some(), is_word, "{cells} cells in a row");
            assert_eq!(find_near(1, cells, &[0]).is_some(), is_word);
            let last = find_ways(cells, 1, &[0])[cells - 1];
            assert_eq!(last, [-i8::try_from(cells - 1).expect("small"), 0]);
        }
    }
}
