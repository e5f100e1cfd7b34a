//! Small mathematics whose results are the same bits on every machine: sums, products, quotients and square roots.

use crate::systems::random::Draw;

/// Close to x^0.6: x^0.625 by square roots alone. 0 for what is not positive.
pub(super) fn soften(x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let root = x.sqrt();
    root * root.sqrt().sqrt()
}

/// The nearest whole number, within what a quantity or an amount of money can be.
#[expect(clippy::cast_possible_truncation, reason = "clamped to what fits first; nothing that is not a number passes")]
pub(super) fn whole(x: f64) -> i64 {
    if x.is_nan() { 0 } else { x.round().clamp(-9e15, 9e15) as i64 }
}

/// The whole part, and one more with the probability of the rest: right on average.
#[expect(clippy::cast_possible_truncation, reason = "clamped to what fits first; nothing that is not a number passes")]
pub(super) fn by_chance(x: f64, draw: &mut Draw) -> i64 {
    if x.is_nan() || x <= 0.0 {
        return 0;
    }
    let below = x.min(9e15).floor();
    below as i64 + i64::from(draw.chance(x - below))
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
mod tests {
    use super::*;
    use crate::components::ids::StableId;
    use crate::systems::random::SystemDraws;

    #[test]
    fn soften_is_a_power() {
        for x in [0.01_f64, 0.5, 1.0, 2.0, 40.0] {
            let expected = (0.625 * x.ln()).exp();
            assert!((soften(x) / expected - 1.0).abs() < 1e-12);
        }
        assert!(soften(-1.0).abs() < f64::EPSILON);
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
        assert_eq!(whole(2.5), 3);
    }
}
