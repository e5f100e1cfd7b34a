//! Wherever beliefs begin, the world finds the same prices, and nobody starves for good.

use worldtick::components::market::{Beliefs, CommodityId, Trader};
use worldtick::lab::{Record, Summary};
use worldtick::testing::Stepper;

use super::support::{DEFAULT, Ground, SECOND, THIRD, hours, is_long, runs, runs_with, seeds, with};

const FOUND: u32 = 600;

/// Mean prices from hour 600 on, each the mean over the seeds.
fn prices(records: &[Record]) -> Vec<f64> {
    let summaries: Vec<Summary> = records.iter().map(|record| Summary::of(record, FOUND)).collect();
    let mean = |commodity: usize| summaries.iter().map(|summary| summary.markets[commodity].price).sum::<f64>();
    (0..records[0].commodities.len()).map(|commodity| mean(commodity) / summaries.len() as f64).collect()
}

/// Everything that is off is told, not only the first.
fn assert_same(title: &str, records: &[Record], usual: &[f64]) {
    let mut missed = Vec::new();
    for (name, (found, usual)) in records[0].commodities.iter().zip(prices(records).iter().zip(usual)) {
        println!("{title}: {name} at {:.2}, usually {:.2}: {:+.3}", found / 100.0, usual / 100.0, found / usual - 1.0);
        if (found / usual - 1.0).abs() > 0.05 {
            missed.push(format!("{name} at {found:.0}, usually at {usual:.0}"));
        }
    }
    for (seed, record) in (1..).zip(records) {
        let late = Summary::of(record, FOUND);
        println!(
            "{title}, seed {seed}: {:.3} of all meals, {:.3} on the worst late day",
            late.meals, late.worst_late_day
        );
        if late.worst_late_day < 0.97 {
            missed.push(format!("seed {seed}: {:.3} of the meals, still", late.worst_late_day));
        }
    }
    assert!(missed.is_empty(), "{title}: {missed:?}");
}

fn find_the_same_prices(ground: &Ground) {
    let (seeds, hours) = (seeds(2), hours(1_000, 3_000));
    let usual = prices(&ground.calm()[..seeds]);
    for factor in [0.1, 10.0] {
        let moved = with(ground.spec(), |economy| economy.population.belief_factor = factor);
        let title = format!("{}, all beliefs × {factor}", ground.name);
        assert_same(&title, &runs(&moved, seeds, hours), &usual);
    }
}

#[test]
fn the_default_world_finds_its_prices_from_a_tenth_and_from_tenfold() {
    find_the_same_prices(&DEFAULT);
}

#[test]
fn other_worlds_find_their_prices_from_a_tenth_and_from_tenfold() {
    find_the_same_prices(&SECOND);
    if is_long() {
        find_the_same_prices(&THIRD);
    }
}

fn believe(world: &mut Stepper, commodity: usize, factor: f64) {
    let ecs = world.world().ecs();
    let mut believers = ecs.query_filtered::<&mut Beliefs, bevy_ecs::prelude::With<Trader>>();
    for mut beliefs in believers.iter_mut(ecs) {
        beliefs.0[CommodityId(u16::try_from(commodity).expect("few"))].price *= factor;
    }
}

#[test]
fn one_good_believed_at_a_tenth_or_tenfold_comes_back() {
    let (seeds, hours) = (seeds(1), hours(900, 3_000));
    // Food, whose price everybody must pay, first; of the other worlds what everybody needs.
    let of_default = (0..5).flat_map(|commodity| [(&DEFAULT, commodity, 0.1), (&DEFAULT, commodity, 10.0)]);
    let of_others = [(&SECOND, 1, 0.1), (&SECOND, 1, 10.0), (&THIRD, 0, 0.1), (&THIRD, 0, 10.0)];
    let all = of_default.chain(of_others);
    for (ground, commodity, factor) in all.take(if is_long() { usize::MAX } else { 1 }) {
        let records = runs_with(&ground.spec(), seeds, hours, |hour, world| {
            if hour == 1 {
                believe(world, commodity, factor);
            }
            Ok(())
        });
        let title = format!("{}, {} × {factor}", ground.name, records[0].commodities[commodity]);
        assert_same(&title, &records, &prices(&ground.calm()[..seeds]));
    }
}
