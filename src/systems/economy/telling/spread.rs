//! How values are spread: quantiles and the Gini coefficient. Pure.

use crate::components::market::Distribution;
use crate::systems::economy::maths::{count, real, whole};

/// The value below which the share `q` (0 to 1) of the sorted values lies, linear between neighbours; 0 of none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q.clamp(0.0, 1.0) * count(last);
    let below = at.floor();
    let value = |index: f64| {
        let index = usize::try_from(whole(index)).unwrap_or(0).min(last);
        sorted.get(index).copied().unwrap_or(0.0)
    };
    let (low, high) = (value(below), value(below + 1.0));
    low + (high - low) * (at - below)
}

/// The Gini coefficient of sorted values of which none is negative: half the mean distance of two of them over their
/// mean; 0 of none, and where nobody has anything.
pub(crate) fn gini(sorted: &[f64]) -> f64 {
    let sum: f64 = sorted.iter().sum();
    if sum <= 0.0 {
        return 0.0;
    }
    let n = count(sorted.len());
    let weighted: f64 = sorted.iter().enumerate().map(|(rank, value)| (2.0 * count(rank) + 1.0 - n) * value).sum();
    (weighted / (n * sum)).clamp(0.0, 1.0)
}

/// Share of the whole that the largest hundredth of the sorted values has, one of them at least; 0 of nothing.
pub(crate) fn richest_share(sorted: &[f64]) -> f64 {
    let sum: f64 = sorted.iter().sum();
    let few = (sorted.len() / 100).max(1);
    let top: f64 = sorted.iter().rev().take(few).sum();
    if sum > 0.0 { top / sum } else { 0.0 }
}

/// Sorts the values and describes them.
pub(crate) fn describe(values: &mut [f64]) -> Distribution {
    values.sort_unstable_by(f64::total_cmp);
    let sorted = &*values;
    let mean = if sorted.is_empty() { 0.0 } else { sorted.iter().sum::<f64>() / count(sorted.len()) };
    Distribution {
        mean,
        p10: quantile(sorted, 0.1),
        p25: quantile(sorted, 0.25),
        median: quantile(sorted, 0.5),
        p75: quantile(sorted, 0.75),
        p90: quantile(sorted, 0.9),
        p99: quantile(sorted, 0.99),
        gini: gini(sorted),
    }
}

/// Volume-weighted mean and variance of prices, each with its number of units.
pub(crate) fn mean_and_variance(trades: impl Iterator<Item = (u32, u32)> + Clone) -> (u64, f64, f64) {
    let units: u64 = trades.clone().map(|(_, quantity)| u64::from(quantity)).sum();
    if units == 0 {
        return (0, 0.0, 0.0);
    }
    let all = real(i64::try_from(units).unwrap_or(i64::MAX));
    let mean = trades.clone().map(|(price, quantity)| f64::from(price) * f64::from(quantity)).sum::<f64>() / all;
    let square = |price: u32| (f64::from(price) - mean) * (f64::from(price) - mean);
    let variance = trades.map(|(price, quantity)| square(price) * f64::from(quantity)).sum::<f64>() / all;
    (units, mean, variance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, pair by pair.
    fn gini_by_pairs(values: &[f64]) -> f64 {
        let sum: f64 = values.iter().sum();
        let pairs: f64 = values.iter().map(|a| values.iter().map(|b| (a - b).abs()).sum::<f64>()).sum();
        if sum > 0.0 { pairs / (2.0 * count(values.len()) * sum) } else { 0.0 }
    }

    #[test]
    fn known_distributions() {
        assert!(gini(&[5.0; 8]).abs() < 1e-12);
        assert!((gini(&[0.0, 0.0, 0.0, 8.0]) - 0.75).abs() < 1e-12);
        assert!(gini(&[]).abs() < f64::EPSILON);
        assert!((quantile(&[1.0, 2.0, 3.0, 4.0], 0.5) - 2.5).abs() < 1e-12);
        assert!((quantile(&[7.0], 0.99) - 7.0).abs() < 1e-12);
        assert!((richest_share(&[1.0, 1.0, 2.0]) - 0.5).abs() < 1e-12);
        assert_eq!(mean_and_variance([(90, 1), (110, 1)].into_iter()), (2, 100.0, 100.0));
    }

    proptest! {
        #[test]
        fn gini_is_what_all_pairs_give(values in prop::collection::vec(0.0_f64..1e9, 1..60)) {
            let expected = gini_by_pairs(&values);
            let mut values = values;
            let found = describe(&mut values).gini;
            prop_assert!((found - expected).abs() < 1e-9, "{found} against {expected}");
        }

        #[test]
        fn gini_does_not_depend_on_the_unit(
            values in prop::collection::vec(0.1_f64..1e6, 1..60),
            unit in 0.01_f64..100.0,
        ) {
            let mut scaled: Vec<f64> = values.iter().map(|value| value * unit).collect();
            let mut values = values;
            prop_assert!((describe(&mut values).gini - describe(&mut scaled).gini).abs() < 1e-9);
        }

        #[test]
        fn quantiles_rise_and_lie_within(values in prop::collection::vec(-1e9_f64..1e9, 1..60)) {
            let mut values = values;
            let found = describe(&mut values);
            let ladder = [values[0], found.p10, found.p25, found.median, found.p75, found.p90, found.p99];
            prop_assert!(ladder.is_sorted(), "{ladder:?}");
            prop_assert!(found.p99 <= values[values.len() - 1]);
            prop_assert!(richest_share(&values.iter().map(|v| v.abs()).collect::<Vec<_>>()) <= 1.0);
        }
    }
}
