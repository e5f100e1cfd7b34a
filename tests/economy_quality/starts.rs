//! Wherever beliefs begin, the world finds the same prices, and nobody starves for good.

use worldtick::components::market::{Beliefs, Trader};
use worldtick::lab::{Record, Summary};
use worldtick::testing::Stepper;
use worldtick::world::spec::WorldSpec;

use super::support::{default_world, hours, is_long, mill_valley, pairs, runs, seeds, with};

const FOUND: u32 = 600;

/// Mean prices from hour 600 on, each the mean over the seeds.
fn prices(records: &[Record]) -> Vec<f64> {
    let summaries: Vec<Summary> = records.iter().map(|record| Summary::of(record, FOUND)).collect();
    let mean = |commodity: usize| summaries.iter().map(|summary| summary.markets[commodity].price).sum::<f64>();
    (0..records[0].commodities.len()).map(|commodity| mean(commodity) / summaries.len() as f64).collect()
}

fn assert_same(title: &str, records: &[Record], usual: &[f64]) {
    for (name, (found, usual)) in records[0].commodities.iter().zip(prices(records).iter().zip(usual)) {
        println!("{title}: {name} at {:.2}, usually {:.2}: {:+.3}", found / 100.0, usual / 100.0, found / usual - 1.0);
    }
    for (name, (found, usual)) in records[0].commodities.iter().zip(prices(records).iter().zip(usual)) {
        assert!((found / usual - 1.0).abs() <= 0.05, "{title}: {name} at {found:.0}, usually at {usual:.0}");
    }
    for (seed, record) in (1..).zip(records) {
        let late = Summary::of(record, FOUND);
        println!("{title}, seed {seed}: {:.3} of all meals, {:.3} on the worst late day", late.meals, late.worst_day);
        assert!(late.worst_day >= 0.97, "{title}, seed {seed}: {:.3} of the meals, still", late.worst_day);
    }
}

fn find_the_same_prices(spec: &WorldSpec) {
    let (seeds, hours) = (seeds(1), hours(900, 3_000));
    let usual = prices(&runs(spec, seeds, hours));
    for factor in [0.1, 10.0] {
        let moved = with(spec.clone(), |economy| economy.population.belief_factor = factor);
        assert_same(&format!("all beliefs × {factor}"), &runs(&moved, seeds, hours), &usual);
    }
}

#[test]
fn the_default_world_finds_its_prices_from_a_tenth_and_from_tenfold() {
    find_the_same_prices(&default_world());
}

#[test]
fn a_second_world_finds_its_prices_from_a_tenth_and_from_tenfold() {
    find_the_same_prices(&mill_valley());
}

fn believe(world: &mut Stepper, commodity: usize, factor: f64) {
    let ecs = world.world().ecs();
    let mut believers = ecs.query_filtered::<&mut Beliefs, bevy_ecs::prelude::With<Trader>>();
    for mut beliefs in believers.iter_mut(ecs) {
        let id = worldtick::components::market::CommodityId(u16::try_from(commodity).expect("few"));
        beliefs.0[id].price *= factor;
    }
}

#[test]
fn one_good_believed_at_a_tenth_or_tenfold_comes_back() {
    // Food, whose price everybody must pay, and metal, which three trades use.
    let all = [(0, 0.1), (2, 10.0), (0, 10.0), (2, 0.1)];
    for (commodity, factor) in all.into_iter().take(if is_long() { 4 } else { 1 }) {
        let pairs = pairs(&default_world(), seeds(1), hours(900, 3_000), |hour, world| {
            if hour == 1 {
                believe(world, commodity, factor);
            }
            Ok(())
        });
        let (without, with): (Vec<Record>, Vec<Record>) = pairs.into_iter().unzip();
        let title = format!("{} × {factor}", without[0].commodities[commodity]);
        assert_same(&title, &with, &prices(&without));
    }
}
