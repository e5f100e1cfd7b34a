//! Stationary markets with hidden reservation values (Smith 1962).

use worldtick::lab::{Smith, SmithHour, ensemble, threads_here};
use worldtick::world::spec::ClearingRule;

const PAIRS: usize = 100;
const HOURS: usize = 500;
/// It is quick: always all seeds.
const SEEDS: usize = 20;

/// What the runs of one start came to.
struct Outcome {
    /// For each seed, the first hour from which alpha stays within 2%.
    good_from: Vec<usize>,
    /// For each seed, the share of the true surplus from hour 100 on.
    surplus: Vec<f64>,
}

fn outcome(rule: ClearingRule, factor: f64) -> Outcome {
    let runs: Vec<Vec<SmithHour>> = ensemble(SEEDS, threads_here(), |seed| {
        let mut market = Smith::new(PAIRS, rule, factor, seed as u64 + 1);
        (0..HOURS).map(|_| market.hour()).collect()
    });
    let is_off = |hour: &SmithHour| hour.alpha.is_none_or(|alpha| alpha > 0.02);
    let good_from = |run: &Vec<SmithHour>| run.iter().rposition(is_off).map_or(1, |last| last + 2);
    let surplus =
        |run: &Vec<SmithHour>| run[99..].iter().map(|hour| hour.efficiency).sum::<f64>() / run[99..].len() as f64;
    Outcome { good_from: runs.iter().map(good_from).collect(), surplus: runs.iter().map(surplus).collect() }
}

fn hold(rule: ClearingRule, by_hour: usize) {
    let mut missed = Vec::new();
    for factor in [0.1, 1.0, 10.0] {
        let mut outcome = outcome(rule, factor);
        outcome.good_from.sort_unstable();
        outcome.surplus.sort_by(f64::total_cmp);
        let (median, worst) = (outcome.good_from[SEEDS / 2], outcome.good_from[SEEDS - 1]);
        println!(
            "{rule:?} from beliefs × {factor}: alpha within 2% for good from hour {median} (worst {worst}), surplus \
             {:.4} (worst {:.4})",
            outcome.surplus[SEEDS / 2],
            outcome.surplus[0]
        );
        if worst > by_hour || outcome.surplus[0] < 0.95 {
            missed.push((factor, worst, outcome.surplus[0]));
        }
    }
    assert!(missed.is_empty(), "{rule:?}: {missed:?}");
}

#[test]
fn with_one_price_for_all_prices_are_found_by_hour_80() {
    hold(ClearingRule::Uniform, 80);
}

#[test]
fn with_midpoints_prices_are_found_by_hour_250() {
    hold(ClearingRule::Midpoint, 250);
}
