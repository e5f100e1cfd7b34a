//! Small statistics. Quantiles are those of the worlds themselves.

use crate::systems::economy::quantile;

/// An amount as a float.
#[expect(clippy::cast_precision_loss, reason = "figures for readers; amounts are far below 2^53")]
pub(super) fn real(x: i64) -> f64 {
    x as f64
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "figures for readers; counts are far below 2^53")]
pub(super) fn count(x: usize) -> f64 {
    x as f64
}

/// A number of people or units as a float.
#[expect(clippy::cast_precision_loss, reason = "figures for readers; numbers are far below 2^53")]
pub(super) fn number(x: u64) -> f64 {
    x as f64
}

/// The part of a whole; 1 where there is nothing of which it could be a part.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { number(part) / number(whole) }
}

/// The mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / count(values.len()) }
}

/// Root mean square of the deviations about `centre`, as a share of it; 0 where the centre is 0.
pub(super) fn deviation(values: &[f64], centre: f64) -> f64 {
    if centre.abs() < f64::MIN_POSITIVE {
        return 0.0;
    }
    let squares: Vec<f64> = values.iter().map(|value| (value - centre) * (value - centre)).collect();
    mean(&squares).sqrt() / centre.abs()
}

/// Where most of several runs lie.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Band {
    /// A tenth lies below.
    pub low: f64,
    /// Half lies below.
    pub median: f64,
    /// A tenth lies above.
    pub high: f64,
}

impl Band {
    /// The band of these values, in any order.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { low: quantile(&values, 0.1), median: quantile(&values, 0.5), high: quantile(&values, 0.9) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let band = Band::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
        assert!((band.median - 3.0).abs() < 1e-12);
        assert!((band.low - 1.4).abs() < 1e-12);
        assert!((band.high - 4.6).abs() < 1e-12);
        assert_eq!(Band::of(Vec::new()), Band::default());
    }

    #[test]
    fn deviations_are_shares_of_the_centre() {
        assert!((deviation(&[9.0, 11.0], 10.0) - 0.1).abs() < 1e-12);
        assert!(deviation(&[9.0], 0.0).abs() < 1e-12);
    }
}
