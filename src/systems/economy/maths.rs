//! Small mathematics whose results are the same bits on every machine: sums, products and quotients.

use crate::systems::random::Chance;

/// x^0.625 between 0.6 and 3.4 to a part in ten thousand, by a quotient of two polynomials: a third of what roots take.
/// Outside it rises on, below 0.72 and above 2.1; nobody's urgency goes further.
pub(super) fn soften(x: f64) -> f64 {
    let x = x.clamp(0.0, 1e6);
    (0.142_525 + x * (1.506_897 + x * 0.612_533)) / (1.0 + x * (1.205_935 + x * 0.055_911_4))
}

/// Most that a quantity or an amount of money can be; below 2^53, where floats still count in ones.
const WHOLE_MAX: f64 = 9e15;

/// Up to here, either way, a sum with [`SHIFT`] is rounded to ones.
const SHIFTED_MAX: f64 = 2_251_799_813_685_248.0;
/// 1.5 times 2^52: what lies about it are whole numbers, and their bits count on from its own.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// The nearest whole number, of two as near the even one, within what a quantity or an amount of money can be; 0 for what
/// is not a number.
///
/// By way of a sum that has no place for fractions: a cast must look for what does not fit, and `f64::round` is a call into
/// the C library. This is the innermost step of every plan.
#[inline]
pub(super) fn whole(x: f64) -> i64 {
    if x.abs() <= SHIFTED_MAX { shifted(x + SHIFT) } else { beyond(x) }
}

/// What a sum with [`SHIFT`] counts.
#[inline]
fn shifted(sum: f64) -> i64 {
    sum.to_bits().cast_signed().wrapping_sub(SHIFT.to_bits().cast_signed())
}

/// Whole numbers where floats have no halves, and whatever does not fit.
#[cold]
#[expect(clippy::cast_possible_truncation, reason = "clamped to what fits first; what is not a number becomes 0")]
fn beyond(x: f64) -> i64 {
    x.round_ties_even().clamp(-WHOLE_MAX, WHOLE_MAX) as i64
}

/// The whole part of what is not negative, within what a quantity or an amount of money can be; 0 for anything else.
#[inline]
pub(super) fn below(x: f64) -> i64 {
    if (0.0..=SHIFTED_MAX).contains(&x) { floor(x).0 } else { beyond(x.floor()).max(0) }
}

/// The whole part as it counts and as a float, of what lies between 0 and [`SHIFTED_MAX`].
#[inline]
fn floor(x: f64) -> (i64, f64) {
    let sum = x + SHIFT;
    let nearest = sum - SHIFT;
    if nearest > x { (shifted(sum) - 1, nearest - 1.0) } else { (shifted(sum), nearest) }
}

/// The least whole number that is not below what is not negative; 0 for anything else.
pub(super) fn above(x: f64) -> i64 {
    let whole = below(x);
    whole + i64::from(x > real(whole) && whole < 9_000_000_000_000_000)
}

/// The whole part, and one more with the probability of the rest: right on average.
#[inline]
pub(super) fn by_chance(x: f64, draw: &mut impl Chance) -> i64 {
    if x > 0.0 && x <= SHIFTED_MAX {
        let (whole, part) = floor(x);
        whole + i64::from(draw.chance(x - part))
    } else {
        beyond(x).max(0)
    }
}

/// One of two finite numbers: what `if` gives, without a branch. For what nobody can foretell.
#[inline]
pub(super) fn pick(first: bool, one: f64, other: f64) -> f64 {
    // A product with 1 is exact, and so is a sum with 0.
    let part = f64::from(u8::from(first));
    one * part + other * (1.0 - part)
}

/// A number of units or minor units as a float.
#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
pub(super) fn real(x: i64) -> f64 {
    x as f64
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn count(x: usize) -> f64 {
    x as f64
}

/// One step of an average over so many hours.
pub(super) fn average(mean: f64, value: f64, hours: f64) -> f64 {
    mean + (value - mean) / hours.max(1.0)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "what is expected is clamped, or small")]
mod tests {
    use super::*;
    use crate::components::ids::StableId;
    use crate::systems::random::SystemDraws;

    #[test]
    fn soften_is_a_power_where_it_counts_and_rises_everywhere() {
        let mut last = 0.0;
        for step in 0..100_000 {
            let x = f64::from(step) * 1e-3;
            let soft = soften(x);
            assert!(soft > last, "{x}");
            last = soft;
            let exact = (0.625 * x.ln()).exp();
            assert!(!(0.6..3.4).contains(&x) || (soft / exact - 1.0).abs() < 1e-4, "{x}: {soft} for {exact}");
            assert!(x > 0.55 || soft < 0.72, "{x}");
            assert!(x < 3.4 || soft > 2.1, "{x}");
        }
        assert!(soften(-1.0) < 0.2 && soften(1e300).is_finite());
    }

    #[test]
    fn chance_is_right_on_average() {
        let mut draw = SystemDraws::new(1, 1, "chance").for_id(StableId(1));
        let sum: i64 = (0..10_000).map(|_| by_chance(2.3, &mut draw)).sum();
        assert!((22_800..23_200).contains(&sum), "{sum}");
        assert_eq!(by_chance(f64::NAN, &mut draw), 0);
    }

    #[test]
    fn whole_numbers_have_bounds() {
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(1e300), 9_000_000_000_000_000);
        assert_eq!((whole(2.5), whole(3.5), whole(-2.5)), (2, 4, -2));
    }

    proptest::proptest! {
        #[test]
        fn what_is_picked_is_not_changed(one in proptest::num::f64::NORMAL, other in proptest::num::f64::NORMAL) {
            proptest::prop_assert_eq!(pick(true, one, other).to_bits(), one.to_bits());
            proptest::prop_assert_eq!(pick(false, one, other).to_bits(), other.to_bits());
        }

        #[test]
        fn whole_is_what_rounding_gives(x in proptest::num::f64::ANY) {
            let expected = if x.is_nan() { 0 } else { x.round_ties_even().clamp(-9e15, 9e15) as i64 };
            proptest::prop_assert_eq!(whole(x), expected);
        }

        #[test]
        fn whole_parts_are_whole_parts_of_what_is_worked_with(x in 0.0_f64..1e7) {
            proptest::prop_assert_eq!(below(x), x.floor() as i64);
            proptest::prop_assert_eq!(below(real(below(x))), below(x));
            proptest::prop_assert_eq!(whole(-x), -(x.round_ties_even() as i64));
        }

        #[test]
        fn below_and_above_are_floor_and_ceiling(x in proptest::num::f64::ANY) {
            let bounded = if x.is_nan() { 0.0 } else { x.clamp(0.0, 9e15) };
            proptest::prop_assert_eq!(below(x), bounded.floor() as i64);
            proptest::prop_assert_eq!(above(x), bounded.ceil() as i64);
        }

        #[test]
        fn whole_is_what_rounding_gives_near_halves(n in -1_000_000_i64..1_000_000, away in -2_i64..=2) {
            let half = real(n) + 0.5;
            let x = f64::from_bits(half.to_bits().wrapping_add_signed(away));
            proptest::prop_assert_eq!(whole(x), x.round_ties_even() as i64);
        }
    }
}
