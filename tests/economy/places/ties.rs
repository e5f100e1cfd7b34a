//! What ties places together: who moves.

use serde_json::json;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{AgentSpec, ShockKind};

use super::support::{heads, place, prices, shock, world_with};

/// Mean price of each commodity at each place over so many hours.
fn mean_prices(world: &mut Stepper, hours: u32) -> Result<Vec<Vec<f64>>, StepError> {
    let mut sums = prices(world);
    sums.iter_mut().flatten().for_each(|sum| *sum = 0.0);
    for _ in 0..hours {
        world.hours(1)?.take_events();
        let now = prices(world);
        sums.iter_mut().flatten().zip(now.iter().flatten()).for_each(|(sum, price)| *sum += price / f64::from(hours));
    }
    Ok(sums)
}

/// How many times as dear each commodity is at the first place as at the second.
fn ratios(prices: &[Vec<f64>]) -> Vec<f64> {
    prices[0].iter().zip(&prices[1]).map(|(here, there)| here / there).collect()
}

#[test]
fn places_where_work_makes_the_same_have_the_same_prices() -> Result<(), StepError> {
    let mut world = world_with(11, |economy| economy.population.count = 400)?;
    world.hours(300)?;
    let mut all = vec![0.0; 5];
    for week in 0..10 {
        let week_ratios = ratios(&mean_prices(&mut world, 170)?);
        assert!(week_ratios.iter().all(|ratio| (0.87..1.15).contains(ratio)), "week {week}: {week_ratios:?}");
        all.iter_mut().zip(week_ratios).for_each(|(sum, ratio)| *sum += ratio / 10.0);
    }
    assert!(all.iter().all(|ratio| (0.95..1.05).contains(ratio)), "{all:?}");
    let heads = heads(&mut world);
    assert!((200..=280).contains(&heads[0]), "{heads:?}");
    Ok(())
}

/// A world whose agents begin with three times as much money at the harbour as in the hills.
fn unequal_purses(eagerness: f64) -> Result<Stepper, StepError> {
    world_with(12, |economy| {
        economy.parameters.review_eagerness = eagerness;
        let known: Vec<String> = economy.roles.iter().map(|role| role.name.clone()).collect();
        let agent = |number: usize| AgentSpec {
            role: known[number / 2 % known.len()].clone(),
            place: Some(["harbour", "hills"][number % 2].to_owned()),
            money: [225_000, 75_000][number % 2],
            stocks: [("Food".to_owned(), 12)].into(),
            ..AgentSpec::default()
        };
        economy.places = vec![place("harbour", 0.5, &[]), place("hills", 0.5, &[])];
        economy.population.agents = (0..300).map(agent).collect();
    })
}

#[test]
fn prices_that_are_far_apart_meet_as_people_move() -> Result<(), StepError> {
    // The second day, and a week after 1,350 hours.
    let after = |mut world: Stepper| -> Result<(f64, f64), StepError> {
        world.hours(24)?;
        let early = ratios(&mean_prices(&mut world, 24)?)[0];
        world.hours(1_300)?;
        Ok((early, ratios(&mean_prices(&mut world, 168)?)[0]))
    };
    let (early, late) = after(unequal_purses(1.0)?)?;
    assert!(early > 1.3 && (0.87..1.15).contains(&late), "{early}, then {late}");
    // Where nobody moves, they stay as far apart as the money is.
    let (early, late) = after(unequal_purses(0.0)?)?;
    assert!(early > 1.3 && late > 2.0, "{early}, then {late}");
    Ok(())
}

#[test]
fn each_place_is_cheap_in_what_it_makes_well() -> Result<(), StepError> {
    let mut world = world_with(13, |economy| {
        economy.population.count = 400;
        economy.places = vec![place("harbour", 0.5, &[("Farmer", 1.3)]), place("hills", 0.5, &[("Miner", 1.3)])];
    })?;
    world.hours(500)?;
    let found = ratios(&mean_prices(&mut world, 500)?);
    assert!((0.68..0.86).contains(&found[0]), "food: {found:?}");
    assert!((1.16..1.47).contains(&found[2]), "metal: {found:?}");
    assert!([1, 4].iter().all(|other| (0.9..1.12).contains(&found[*other])), "others: {found:?}");
    let prices = world.ask("economy.explain", json!({})).expect("prices");
    assert!(prices["prices"][0].get("implied").is_none(), "no price holds for both");
    Ok(())
}

#[test]
fn a_place_that_is_better_in_everything_draws_people_but_not_all() -> Result<(), StepError> {
    let mut world = world_with(14, |economy| {
        let roles: Vec<_> = economy.roles.iter().map(|role| role.name.clone()).collect();
        let better: Vec<_> = roles.iter().map(|role| (role.as_str(), 1.4)).collect();
        economy.places = vec![place("harbour", 0.5, &better), place("hills", 0.5, &[])];
    })?;
    world.hours(1_000)?;
    let heads = heads(&mut world);
    assert!((108..=150).contains(&heads[0]), "{heads:?}");
    Ok(())
}

#[test]
fn a_shock_at_one_place_is_felt_there_first() -> Result<(), StepError> {
    let world_of = |with_shock: bool| {
        world_with(15, |economy| {
            economy.population.count = 400;
            economy.places = vec![place("harbour", 0.5, &[]), place("hills", 0.5, &[])];
            if with_shock {
                economy.shocks = vec![shock(ShockKind::Yield, "Food", Some("hills"))];
            }
        })
    };
    let (mut calm, mut struck) = (world_of(false)?, world_of(true)?);
    calm.hours(400)?;
    struck.hours(400)?;
    assert_eq!(prices(&mut calm), prices(&mut struck));
    let food = |calm: &mut Stepper, struck: &mut Stepper, hours| -> Result<[f64; 2], StepError> {
        let (without, with) = (mean_prices(calm, hours)?, mean_prices(struck, hours)?);
        Ok([with[0][0] / without[0][0], with[1][0] / without[1][0]])
    };
    let first = food(&mut calm, &mut struck, 48)?;
    food(&mut calm, &mut struck, 100)?;
    let moved = [heads(&mut calm), heads(&mut struck)];
    assert!(first[1] > 1.5 && first[1] > first[0] + 0.4, "{first:?}");
    assert!(moved[1][1] + 8 < moved[0][1], "people leave: {moved:?}");
    struck.hours(400)?;
    calm.hours(400)?;
    let end = food(&mut calm, &mut struck, 100)?;
    assert!(end.iter().all(|ratio| (0.85..1.18).contains(ratio)), "{end:?}");
    Ok(())
}
