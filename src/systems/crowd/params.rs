//! The rules as the steps compute with them: integers, needs in parts of 1/256 of a point, chances of 32,768.

use crate::components::crowd::{FULL, PARTS};
use crate::world::spec::{Range, RulePreset, Rules};

/// A chance that is certain.
pub(super) const CERTAIN: i16 = i16::MAX;

/// The rules as the steps compute with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    pub(super) preset: RulePreset,
    /// Least, and how much more it may be.
    pub(super) hunger: (i16, i16),
    pub(super) drive: (i16, i16),
    pub(super) meal_relief: (i16, i16),
    pub(super) post_relief: (i16, i16),
    pub(super) hungry_at: i16,
    pub(super) post_at: i16,
    pub(super) tired_at: i16,
    pub(super) social_at: i16,
    pub(super) post: i16,
    pub(super) walk: i16,
    /// Either posts or walks, where a post may be.
    pub(super) post_or_walk: i16,
    pub(super) trade: i16,
    pub(super) stride: i16,
    pub(super) energy_fall: i16,
    pub(super) energy_rise: i16,
    pub(super) social_relief: i16,
    pub(super) work_hours: i16,
    /// What a meal costs where no market says.
    pub price: (u32, u32),
    /// Money of which what is above is spent bit by bit.
    pub(super) comfort: u32,
    /// Wage of a step.
    pub wage: u32,
    pub(super) trade_price: u32,
}

impl Params {
    /// Of these rules.
    pub fn new(rules: &Rules) -> Self {
        let chance = |chance: f64| whole(chance * 32_768.0);
        let amount = |amount: i64| u32::try_from(amount).unwrap_or(u32::MAX);
        Self {
            preset: rules.preset,
            hunger: spread(rules.hunger_rise),
            drive: spread(rules.drive_change),
            meal_relief: spread(rules.meal_relief),
            post_relief: spread(rules.post_relief),
            hungry_at: points(rules.hungry_at),
            post_at: points(rules.post_at),
            tired_at: points(rules.tired_at),
            social_at: points(rules.social_at),
            post: chance(rules.post_chance),
            walk: chance(rules.walk_chance),
            post_or_walk: chance(rules.post_chance + (1.0 - rules.post_chance) * rules.walk_chance),
            trade: chance(rules.trade_chance),
            stride: i16::from(rules.stride),
            energy_fall: points(rules.energy_fall),
            energy_rise: points(rules.energy_rise),
            social_relief: points(rules.social_relief),
            work_hours: i16::from(rules.work_hours),
            price: (amount(rules.meal_price.min), amount(rules.meal_price.max)),
            comfort: rules.comfort,
            wage: rules.wage,
            trade_price: rules.trade_price,
        }
    }
}

fn points(points: f64) -> i16 {
    whole(points * f64::from(PARTS)).min(FULL)
}

fn spread(range: Range) -> (i16, i16) {
    (points(range.min), points(range.max - range.min))
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond the bounds becomes the bound")]
fn whole(value: f64) -> i16 {
    value.round() as i16
}

/// So much of a span as 16 random bits say: 0 to `span` - 1.
#[inline(always)]
pub(super) const fn part(bits: u16, span: i16) -> i16 {
    ((bits as u32 * span.cast_unsigned() as u32) >> 16) as i16
}

/// The lower half of 32 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
pub(super) const fn low(bits: u32) -> u16 {
    bits as u16
}

/// The upper half of 32 bits.
#[inline(always)]
pub(super) const fn high(bits: u32) -> u16 {
    (bits >> 16) as u16
}

/// Evenly one of the cells around that lie in the grid, as steps east and south, where `last_x` and `last_y` are the last
/// column and row. In a grid of one cell there is none, and whoever walks must be kept inside.
#[inline(always)]
pub(super) const fn neighbour(x: i16, y: i16, last_x: i16, last_y: i16, bits: u16) -> (i16, i16) {
    let (west, north) = ((x > 0) as i16, (y > 0) as i16);
    let columns = 1 + west + (x < last_x) as i16;
    let rows = 1 + north + (y < last_y) as i16;
    let index = part(bits, columns * rows - 1);
    // The cell itself is left out.
    let index = index + (index >= north * columns + west) as i16;
    let row = (index >= columns) as i16 + (index >= 2 * columns) as i16;
    (index - row * columns - west, row - north)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_to_each_neighbour_alike_and_never_beyond_the_grid() {
        for (x, y, there) in [(0, 0, 3), (1, 0, 5), (3, 2, 8), (4, 5, 3), (0, 3, 5), (4, 2, 5)] {
            let mut seen = std::collections::BTreeMap::new();
            for bits in 0..=u16::MAX {
                let (east, south) = neighbour(x, y, 4, 5, bits);
                assert!((0..=4).contains(&(x + east)) && (0..=5).contains(&(y + south)));
                assert_ne!((east, south), (0, 0));
                *seen.entry((east, south)).or_insert(0_u32) += 1;
            }
            assert_eq!(seen.len(), there, "from {x}, {y}");
            let even = 65_536 / u32::try_from(there).expect("few");
            assert!(seen.values().all(|count| count.abs_diff(even) <= 1), "{seen:?}");
        }
        assert_eq!(neighbour(0, 1, 0, 2, 0), (0, -1), "a grid of one column");
    }

    #[test]
    fn the_originals_parameters_are_exact_to_a_part() {
        let params = Params::new(&Rules::originals());
        assert_eq!((params.hunger, params.drive), ((256, 512), (-1_280, 2_560)));
        assert_eq!((params.hungry_at, params.post_at), (20_480, 17_920));
        assert_eq!((params.post, params.walk, params.post_or_walk), (9_830, 19_661, 23_593));
        assert_eq!(params.price, (1_000, 3_000));
    }
}
