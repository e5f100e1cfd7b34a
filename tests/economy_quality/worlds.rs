//! Worlds at rest.

use worldtick::lab::{Record, Summary};

use super::support::{DEFAULT, Ground, Missed, SECOND, THIRD, hours, is_long, runs, seeds, show, with};

const SETTLED: u32 = 500;

fn hold_to_the_goals(title: &str, records: &[Record], deviation: f64, missed: &[Missed]) {
    let summaries: Vec<Summary> = records.iter().map(|record| Summary::of(record, SETTLED)).collect();
    show(title, &summaries);
    for (seed, summary) in (1..).zip(&summaries) {
        let at = format!("{title}, seed {seed}");
        for market in &summary.markets {
            let name = &market.name;
            let known = missed.iter().find(|missed| missed.name == name);
            let (deviation, off) = known.map_or((deviation, 0.10), |known| (known.deviation, known.off_implied));
            assert!(market.deviation <= deviation, "{at}: {name} deviates {:.3} about its mean", market.deviation);
            assert!(market.off_implied.abs() <= off, "{at}: {name} is {:+.3} off what is implied", market.off_implied);
            assert_eq!(market.days_without_trade, 0, "{at}: {name}");
            assert!(!market.at_bound, "{at}: {name} runs from {} to {}", market.lowest, market.highest);
        }
        assert!(summary.consumption >= 0.93, "{at}: consumption is {:.3} of the optimum", summary.consumption);
        assert!(summary.consumption <= 1.02, "{at}: consumption of {:.3} is more than can be", summary.consumption);
        assert!(summary.meals >= 0.99, "{at}: {:.4} of the meals", summary.meals);
        assert!(summary.worst_late_day >= 0.97, "{at}: {:.4} of the meals on the worst day", summary.worst_late_day);
        assert!(summary.gini_low >= 0.2 && summary.gini_high <= 0.6, "{at}: Gini {summary:?}");
        assert!(summary.top_share < 0.15, "{at}: the richest hundredth has {:.3}", summary.top_share);
        assert!(summary.role_extinct_hours <= 48, "{at}: a role had nobody for {} h", summary.role_extinct_hours);
    }
}

#[test]
fn the_default_world_keeps_its_prices_feeds_its_people_and_shares_its_money() {
    hold_to_the_goals(DEFAULT.name, DEFAULT.calm(), 0.05, DEFAULT.missed);
}

#[test]
fn a_second_world_does_as_well() {
    hold_to_the_goals(SECOND.name, SECOND.calm(), 0.05, SECOND.missed);
}

#[test]
fn a_third_world_that_nothing_was_chosen_on_does_as_well_but_for_the_prices_of_three_goods() {
    hold_to_the_goals(THIRD.name, THIRD.calm(), 0.05, THIRD.missed);
}

fn large(ground: &Ground, hours: u32) {
    let spec = with(ground.spec(), |economy| economy.population.count = 2_000);
    hold_to_the_goals(&format!("{} of 2,000", ground.name), &runs(&spec, seeds(1), hours), 0.02, ground.missed);
}

#[test]
fn larger_worlds_are_calmer() {
    large(&DEFAULT, hours(600, 10_000));
    if is_long() {
        large(&SECOND, 2_500);
        large(&THIRD, 2_500);
    }
}
