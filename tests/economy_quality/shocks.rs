//! Interventions against paired runs without.

use bevy_ecs::prelude::*;
use worldtick::components::market::{Ledger, MoneyEntry, Purse, Stock, Trader};
use worldtick::systems::economy::ledger::create_money;
use worldtick::testing::Stepper;

use super::support::{default_world, hours, last_hour_off, pairs, price_ratios, seeds};

#[test]
fn a_pair_differs_from_the_hour_of_the_intervention_on_and_not_before() {
    const AT: u32 = 60;
    let pairs = pairs(&default_world(), seeds(2), 100, |hour, world| {
        if hour == AT {
            let ecs = world.world().ecs();
            let entities: Vec<_> = ecs.query_filtered::<Entity, With<Trader>>().iter(ecs).collect();
            // All stocks of one half are forgotten; the ledger is not told, as nothing here audits it.
            for entity in entities.into_iter().step_by(2) {
                ecs.entity_mut(entity).insert(Stock::default());
            }
        }
        Ok(())
    });
    for (without, with) in &pairs {
        let before = AT as usize - 1;
        assert_eq!(without.samples[..before], with.samples[..before]);
        assert_ne!(without.samples[before], with.samples[before]);
    }
    let food = price_ratios(&pairs, 0);
    assert!(food[..AT as usize - 1].iter().all(|ratio| (ratio - 1.0).abs() < f64::EPSILON));
    assert!(food.iter().any(|ratio| *ratio > 1.02), "food is dearer when half of it is gone");
}

#[test]
fn the_last_hour_off_is_found() {
    let mut ratios = vec![1.0; 200];
    ratios[50..100].fill(1.5);
    assert!((100..=124).contains(&last_hour_off(&ratios, 0.05)), "{}", last_hour_off(&ratios, 0.05));
    assert_eq!(last_hour_off(&[1.0; 100], 0.05), 0);
}

fn double_money(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut purses = ecs.query_filtered::<&mut Purse, With<Trader>>();
    let mut ledger = ecs.remove_resource::<Ledger>().expect("a ledger");
    for mut purse in purses.iter_mut(ecs) {
        let there = purse.free();
        create_money(&mut ledger, &mut purse, there, MoneyEntry::Endowed).expect("it fits");
    }
    ecs.insert_resource(ledger);
}

#[test]
fn twice_the_money_is_twice_the_prices() {
    const AT: usize = 300;
    let pairs = pairs(&default_world(), seeds(2), hours(1_000, 3_000), |hour, world| {
        if hour as usize == AT {
            double_money(world);
        }
        Ok(())
    });
    let mut missed = Vec::new();
    for (commodity, name) in pairs[0].0.commodities.iter().enumerate() {
        let ratios = price_ratios(&pairs, commodity);
        let settled = &ratios[AT + 500..];
        let mean = settled.iter().sum::<f64>() / settled.len() as f64;
        let overshoot = ratios[AT..].iter().copied().fold(0.0, f64::max);
        println!("money doubled: {name} × {mean:.3} from hour 500 on, × {overshoot:.2} at most");
        if (mean / 2.0 - 1.0).abs() > 0.03 || overshoot >= 3.5 {
            missed.push((name, mean, overshoot));
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
