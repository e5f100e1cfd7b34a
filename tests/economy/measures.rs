//! Measures of markets, and wealth and beliefs over time.

use bevy_app::App;
use serde_json::json;
use worldtick::components::clock::ClockSource;
use worldtick::components::market::{Chronicle, Market, MarketStatistics, Measures, WealthStatistics};
use worldtick::messages::market::MarketCleared;
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{ClearingRule, EconomySpec, WorldSpec};

fn world_with(change: impl FnOnce(&mut EconomySpec)) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    change(spec.economy.as_mut().expect("an economy"));
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

#[test]
fn every_clearing_says_what_it_left_and_whose_needs_it_met() -> Result<(), StepError> {
    let mut world = world_with(|_| {})?;
    let mut spreads = 0;
    for hour in 1..=40 {
        world.hours(1)?;
        let statistics = world.world().ecs().resource::<MarketStatistics>().clone();
        let cleared = world.events_of::<MarketCleared>()?;
        world.take_events();
        let (due, met) = cleared.iter().fold((0, 0), |sum, m| (sum.0 + m.needs_due, sum.1 + m.needs_met));
        assert_eq!((due, met), (statistics.meals_due, statistics.meals_met), "hour {hour}");
        for market in &cleared {
            assert_eq!(market.needs_due > 0, market.commodity == "Food", "{market:?}");
            assert_eq!(market.best_bid.is_some(), market.bids_unfilled > 0, "{market:?}");
            assert_eq!(market.best_ask.is_some(), market.asks_unfilled > 0, "{market:?}");
            match (market.best_bid, market.best_ask, market.spread) {
                (Some(bid), Some(ask), Some(spread)) => {
                    // No crossed book is left.
                    assert!(spread > 0.0 && (ask - bid - spread).abs() < 1e-9, "{market:?}");
                    spreads += 1;
                }
                (None, _, None) | (_, None, None) => {}
                _ => panic!("{market:?}"),
            }
            assert!(market.alpha.is_none_or(|alpha| (0.0..2.0).contains(&alpha)), "{market:?}");
            assert!(market.beliefs.is_some() && market.wealth.is_some(), "{market:?}");
        }
    }
    assert!(spreads > 50, "{spreads} spreads");
    Ok(())
}

/// Alpha of a window of one hour is zero where all pay the same, and is not where each pair has its own price.
#[test]
fn alpha_sees_how_prices_differ_within_an_hour() -> Result<(), StepError> {
    let alphas = |rule| -> Result<Vec<f64>, StepError> {
        let mut world = world_with(|economy| {
            economy.clearing = rule;
            economy.parameters.alpha_hours = 1;
        })?;
        world.hours(20)?;
        Ok(world.events_of::<MarketCleared>()?.iter().filter_map(|market| market.alpha).collect())
    };
    let uniform = alphas(ClearingRule::Uniform)?;
    assert!(uniform.len() > 50 && uniform.iter().all(|alpha| *alpha < 1e-12), "{uniform:?}");
    let midpoint = alphas(ClearingRule::Midpoint)?;
    assert!(midpoint.iter().filter(|alpha| **alpha > 0.001).count() > 50, "{midpoint:?}");
    Ok(())
}

#[test]
fn the_window_of_alpha_is_bounded() -> Result<(), StepError> {
    let mut world = world_with(|economy| economy.parameters.alpha_hours = 5)?;
    world.hours(30)?;
    let ecs = world.world().ecs();
    let mut markets = ecs.query::<(&Market, &Measures)>();
    for (market, measures) in markets.iter(ecs) {
        assert!((1..=5).contains(&measures.hours_traded()), "{} {measures:?}", market.market_id);
    }
    Ok(())
}

#[test]
fn wealth_and_beliefs_are_kept_at_the_times_that_the_file_says() -> Result<(), StepError> {
    let mut world = world_with(|economy| {
        economy.chronicle.every_hours = 4;
        economy.chronicle.samples = 3;
    })?;
    world.hours(18)?;
    let ecs = world.world().ecs();
    let mut lives = ecs.query::<&Chronicle>();
    assert_eq!(lives.iter(ecs).count(), 400);
    for life in lives.iter(ecs) {
        let hours: Vec<u64> = life.iter().map(|(sample, _)| sample.hour).collect();
        assert_eq!(hours, [9, 13, 17]);
        for (sample, beliefs) in life.iter() {
            let beliefs: Vec<f32> = beliefs.collect();
            assert!(beliefs.len() == 5 && beliefs.iter().all(|price| *price >= 1.0), "{beliefs:?}");
            assert!(sample.wealth >= sample.money, "{sample:?}");
        }
    }
    let spread = *ecs.resource::<WealthStatistics>();
    assert_eq!((spread.hour, spread.traders), (17, 400));
    assert!((spread.money.mean - 150_000.0).abs() < 1e-6, "{spread:?}");
    assert!(spread.wealth.mean > spread.money.mean);
    assert!(spread.money.gini > 0.0 && spread.money.gini < 0.6 && spread.richest_share >= 0.01, "{spread:?}");

    let agent = world.ask("economy.agents", json!({"limit": 1})).expect("a list")["agents"][0]["id"].clone();
    let shown = world.ask("economy.agent", json!({"id": agent})).expect("an agent");
    assert_eq!(shown["past"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["past"][2]["hour"], 17);
    assert!(shown["past"][2]["beliefs"]["Metal"].as_f64().is_some_and(|price| price > 1.0), "{shown}");
    let markets = world.ask("economy.markets", json!({})).expect("markets");
    assert_eq!(markets["wealth"]["hour"], 17);
    assert!(markets["markets"][0]["beliefs"]["median"].as_f64().is_some_and(|price| price > 1.0), "{markets}");
    Ok(())
}

#[test]
fn what_is_kept_survives_a_restart_and_counts_in_the_hash() -> Result<(), StepError> {
    let world = |samples| world_with(move |economy| economy.chronicle.samples = samples);
    let (mut undisturbed, mut restarted, mut forgetful) = (world(7)?, world(7)?, world(0)?);
    undisturbed.hours(30)?;
    restarted.hours(25)?.restart()?.hours(5)?;
    forgetful.hours(30)?;
    assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?);
    assert_ne!(undisturbed.state_hash()?, forgetful.state_hash()?);
    let ecs = forgetful.world().ecs();
    assert!(ecs.query::<&Chronicle>().iter(ecs).all(Chronicle::is_empty));
    Ok(())
}
