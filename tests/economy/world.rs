//! The default world's economy: it clears, it conserves, it lives, it survives restarts.

use bevy_app::App;
use bevy_ecs::prelude::*;
use serde_json::json;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::{StableId, StableIndex};
use worldtick::components::market::{
    Ledger, Market, MarketStatistics, PerCommodity, Purse, Stock, TRADE_HISTORY_MAX, TradeHistory, Trader,
};
use worldtick::messages::market::MarketCleared;
use worldtick::messages::{Envelope, EventRecord};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{ClearingRule, EconomySpec, Range, SignalsSpec, WorldSpec};

const COMMODITIES: [&str; 5] = ["Food", "Wood", "Metal", "Weapon", "Crystal"];

fn world_with(seed: u64, change: impl FnOnce(&mut EconomySpec)) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    spec.seed = seed;
    change(spec.economy.as_mut().expect("an economy"));
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

fn default_world() -> Result<Stepper, StepError> {
    world_with(1, |_| {})
}

fn statistics(world: &mut Stepper) -> MarketStatistics {
    world.world().ecs().resource::<MarketStatistics>().clone()
}

fn markets(world: &mut Stepper) -> Vec<Market> {
    let ecs = world.world().ecs();
    let mut markets: Vec<Market> = ecs.query::<&Market>().iter(ecs).cloned().collect();
    markets.sort_by_key(|market| market.commodity);
    markets
}

/// Everything is accounted for, and nothing is left in escrow between two hours.
fn assert_balanced(world: &mut Stepper) {
    let hour = statistics(world).hours;
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).unwrap_or_else(|error| panic!("hour {hour}: {error}"));
    for (purse, stock) in holders.iter(ecs) {
        assert!(purse.free().0 >= 0 && purse.escrow().0 == 0, "hour {hour}: {purse:?}");
        let settled = |holdings: &PerCommodity<_>| {
            holdings
                .iter()
                .all(|held: &worldtick::components::market::Holding| held.free().0 >= 0 && held.escrow().0 == 0)
        };
        assert!(settled(stock.holdings()), "hour {hour}: {stock:?}");
    }
}

#[test]
fn an_hour_clears_every_commodity_once() -> Result<(), StepError> {
    let mut world = default_world()?;
    for hour in 1..=50_u32 {
        world.hours(1)?;
        let cleared = world.events_of::<MarketCleared>()?;
        world.take_events();
        let names: Vec<_> = cleared.iter().map(|event| event.commodity.as_str()).collect();
        assert_eq!(names, COMMODITIES, "hour {hour}");
        for event in cleared {
            assert_eq!(event.market_id, format!("market-{}", event.commodity));
            assert_eq!(u32::from(event.game_hour), hour % 24);
            assert!(event.price >= 1.0 && event.volume >= 0, "{event:?}");
        }
    }
    Ok(())
}

#[test]
fn a_thousand_hours_conserve_money_and_goods_to_the_unit() -> Result<(), StepError> {
    let mut world = default_world()?;
    assert_balanced(&mut world);
    let money = world.world().ecs().resource::<Ledger>().money_expected();
    assert_eq!(money, 400 * 150_000);
    for _ in 0..1_000 {
        world.hours(1)?.take_events();
        assert_balanced(&mut world);
    }
    assert_eq!(world.world().ecs().resource::<Ledger>().money_expected(), money);
    Ok(())
}

#[test]
fn the_audit_notices_what_is_missing() -> Result<(), StepError> {
    let mut world = default_world()?;
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    let all: Vec<(Purse, Stock)> = holders.iter(ecs).map(|(purse, stock)| (*purse, stock.clone())).collect();
    let ledger = ecs.resource::<Ledger>();
    let count = |holders: &[(Purse, Stock)]| audit(ledger, holders.iter().map(|(purse, stock)| (purse, stock)));
    assert_eq!(count(&all), Ok(()));
    assert!(count(&all[1..]).is_err(), "an agent's money and goods are missing");
    Ok(())
}

/// What a run of a world came to.
struct Life {
    meals: f64,
    worst_late_day: f64,
    /// For each commodity from hour 500: least, mean and highest price against what the file implies.
    prices: Vec<(f64, f64, f64)>,
}

/// Lives for `hours` and checks on the way that every commodity is traded each day and no role dies out.
fn live(mut world: Stepper, hours: u32, settled_from: u32) -> Result<Life, StepError> {
    let spec = world.world().ecs().resource::<WorldSpec>().economy.clone().expect("an economy");
    let implied = spec.implied().expect("a sound world").prices;
    let mut seen = vec![Vec::new(); implied.len()];
    let mut traded = vec![0_i64; implied.len()];
    let (mut due, mut met, mut worst_late_day) = (0, 0, 1.0_f64);
    for hour in 1..=hours {
        world.hours(1)?.take_events();
        for (index, market) in markets(&mut world).iter().enumerate() {
            traded[index] += market.volume.0;
            if hour > settled_from {
                #[expect(clippy::cast_precision_loss, reason = "prices are small")]
                seen[index].push(market.price.0 as f64 / implied[index]);
            }
        }
        let now = statistics(&mut world);
        due += now.meals_due;
        met += now.meals_met;
        if hour % 24 == 0 {
            assert!(traded.iter().all(|volume| *volume > 0), "day {}: volumes {traded:?}", hour / 24);
            assert!(now.roles.iter().all(|role| role.count > 0), "hour {hour}: roles {:?}", now.roles);
            traded.fill(0);
            if hour > settled_from {
                worst_late_day = worst_late_day.min(share(met, due));
            }
            (due, met) = (0, 0);
        }
    }
    let end = statistics(&mut world);
    let summary = |prices: &Vec<f64>| {
        let mean = prices.iter().sum::<f64>() / f64::from(u32::try_from(prices.len()).expect("few"));
        (prices.iter().copied().fold(f64::MAX, f64::min), mean, prices.iter().copied().fold(0.0, f64::max))
    };
    Ok(Life {
        meals: share(end.meals_met_total, end.meals_due_total),
        worst_late_day,
        prices: seen.iter().map(summary).collect(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of meals are small")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn assert_alive(life: &Life, meals: f64) {
    assert!(life.meals >= meals, "{} of all meals", life.meals);
    assert!(life.worst_late_day >= 0.97, "{} of the meals on the worst day", life.worst_late_day);
    for ((low, mean, high), name) in life.prices.iter().zip(COMMODITIES) {
        assert!((0.9..1.1).contains(mean), "{name} costs {mean} of what the file implies");
        assert!(high - low > 0.02, "{name} stands still");
        assert!(*low > 0.7 && *high < 1.4, "{name} runs from {low} to {high}");
    }
}

#[test]
fn the_world_lives_for_two_thousand_hours_on_any_seed() -> Result<(), StepError> {
    for seed in [1, 2, 3] {
        assert_alive(&live(world_with(seed, |_| {})?, 2_000, 500)?, 0.99);
    }
    Ok(())
}

#[test]
fn it_finds_its_prices_from_a_tenth_and_from_tenfold() -> Result<(), StepError> {
    for (seed, factor) in [(4, 0.1), (5, 10.0)] {
        let world = world_with(seed, |economy| economy.population.belief_factor = factor)?;
        assert_alive(&live(world, 2_000, 600)?, 0.97);
    }
    Ok(())
}

#[test]
fn it_lives_with_one_price_for_all_as_well() -> Result<(), StepError> {
    let world = world_with(6, |economy| economy.clearing = ClearingRule::Uniform)?;
    assert_alive(&live(world, 1_000, 500)?, 0.99);
    Ok(())
}

#[test]
fn a_restart_after_every_hour_changes_no_byte() -> Result<(), StepError> {
    let mut undisturbed = default_world()?;
    let mut restarted = default_world()?;
    for hour in 0..30 {
        undisturbed.hours(1)?;
        restarted.hours(1)?.restart()?;
        assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?, "hour {hour}");
        assert_eq!(undisturbed.snapshot()?, restarted.snapshot()?, "hour {hour}");
    }
    let bytes = |world: &Stepper| -> Vec<_> { world.events().iter().map(|e| e.to_bytes(Envelope::Flat)).collect() };
    assert_eq!(bytes(&undisturbed), bytes(&restarted));
    Ok(())
}

#[test]
fn a_journal_gives_the_same_bytes_again() -> Result<(), StepError> {
    let mut world = default_world()?;
    // Past midnight, so that a daily tick is among them.
    world.hours(30)?;
    let (mut again, events) = world.replay()?;
    // What is cleared and what is in demand, each hour its summary, and the day its own.
    assert_eq!(events.len(), 30 * (2 * COMMODITIES.len() + 1) + 1);
    let bytes = |events: &[EventRecord]| -> Vec<_> { events.iter().map(|e| e.to_bytes(Envelope::Flat)).collect() };
    assert_eq!(bytes(&events), bytes(world.events()));
    assert_eq!(again.state_hash().expect("a hash"), world.state_hash()?);
    assert_eq!(again.snapshot().expect("a snapshot"), world.snapshot()?);
    Ok(())
}

#[test]
fn extreme_worlds_run_and_balance_too() -> Result<(), StepError> {
    type Change = fn(&mut EconomySpec);
    let extremes: [Change; 7] = [
        |economy| economy.population.count = 2,
        |economy| economy.population.belief_factor = 100.0,
        |economy| economy.population.belief_factor = 0.01,
        |economy| {
            economy.population.money_per_head = 10_000_000;
            economy.parameters.doubt_max = 0.5;
            economy.parameters.doubt_growth = 3.0;
        },
        |economy| {
            economy.population.initial_stock_hours = 200.0;
            economy.parameters.restock_share = 1.0;
            economy.parameters.quote_margin = 0.2;
            economy.parameters.review_hours = 1.0;
            economy.parameters.review_eagerness = 10.0;
        },
        |economy| {
            economy.population.initial_stock_hours = 0.0;
            economy.commodities[0].spoilage = 0.5;
            // All but one: with none a file is refused, for nothing could ever be made.
            economy.roles.iter_mut().filter(|role| role.name != "Miner").for_each(|role| role.subsistence = 0.0);
        },
        |economy| {
            // Ten times as able, ten times as rich: the same prices.
            economy.population.skill = Range { min: 10.0, max: 10.0 };
            economy.population.money_per_head *= 10;
        },
    ];
    for change in extremes {
        let mut world = world_with(7, |economy| {
            economy.population.count = 60;
            change(economy);
        })?;
        for _ in 0..150 {
            world.hours(1)?.take_events();
            assert_balanced(&mut world);
        }
    }
    Ok(())
}

#[derive(Component)]
struct Shuffled;

#[test]
fn the_order_of_entities_in_memory_decides_nothing() -> Result<(), StepError> {
    let mut world = default_world()?;
    let mut shuffled = default_world()?;
    let ecs = shuffled.world().ecs();
    let order = |ecs: &mut World| -> Vec<StableId> {
        let mut ids = ecs.query_filtered::<&StableId, With<Trader>>();
        ids.iter(ecs).copied().collect()
    };
    let before = order(ecs);
    let every_third: Vec<_> = ecs.resource::<StableIndex>().iter().map(|(_, entity)| entity).step_by(3).collect();
    for entity in every_third.into_iter().rev() {
        // To another table and back: the entity is now last in its table.
        ecs.entity_mut(entity).insert(Shuffled);
        ecs.entity_mut(entity).remove::<Shuffled>();
    }
    assert_ne!(order(ecs), before);
    world.hours(40)?;
    shuffled.hours(40)?;
    assert_eq!(world.state_hash()?, shuffled.state_hash()?);
    Ok(())
}

#[test]
fn another_seed_is_another_history() -> Result<(), StepError> {
    let (mut one, mut other) = (world_with(1, |_| {})?, world_with(2, |_| {})?);
    one.hours(5)?;
    other.hours(5)?;
    assert_ne!(one.state_hash()?, other.state_hash()?);
    Ok(())
}

#[test]
fn traders_remember_their_last_ten_trades() -> Result<(), StepError> {
    let mut world = default_world()?;
    world.hours(60)?;
    let ecs = world.world().ecs();
    let mut histories = ecs.query::<&TradeHistory>();
    let lengths: Vec<usize> = histories.iter(ecs).map(|history| history.iter().count()).collect();
    assert!(lengths.iter().all(|length| *length <= TRADE_HISTORY_MAX));
    assert!(lengths.iter().filter(|length| **length == TRADE_HISTORY_MAX).count() > 300);
    for history in histories.iter(ecs) {
        let hours: Vec<u64> = history.iter().map(|trade| trade.hour).collect();
        assert!(hours.is_sorted() && history.iter().all(|trade| trade.quantity.0 > 0 && trade.money.0 > 0));
    }
    Ok(())
}

#[test]
fn agents_and_markets_can_be_asked_for() -> Result<(), StepError> {
    let mut world = default_world()?;
    world.hours(30)?;
    let before = world.state_hash()?;
    let list = world.ask("economy.agents", json!({"limit": 3})).expect("a list");
    assert_eq!((list["agents"].as_array().map(Vec::len), &list["more"]), (Some(3), &json!(true)));
    let first = list["agents"][0]["id"].as_u64().expect("an id");
    let agent = world.ask("economy.agent", json!({"id": first})).expect("an agent");
    assert_eq!(agent["role"], "Farmer");
    assert!(agent["money"].as_f64().is_some_and(|money| money > 0.0), "{agent}");
    assert!(agent["commodities"]["Wood"]["belief"]["price"].as_f64().is_some_and(|price| price > 1.0), "{agent}");
    assert!(!agent["trades"].as_array().expect("trades").is_empty(), "{agent}");

    let mut after = 0;
    let mut smiths = 0;
    loop {
        let page = world.ask("economy.agents", json!({"after": after, "limit": 20, "role": "Smith"})).expect("a page");
        let agents = page["agents"].as_array().expect("agents");
        smiths += agents.len();
        if page["more"] == false {
            break;
        }
        after = agents.last().and_then(|agent| agent["id"].as_u64()).expect("an id");
    }
    let markets = world.ask("economy.markets", json!({})).expect("markets");
    assert_eq!(markets["roles"]["Smith"]["count"], json!(smiths));
    assert_eq!(markets["markets"].as_array().map(Vec::len), Some(5));
    assert_eq!(markets["markets"][0]["market_id"], "market-Food");

    for (query, payload) in [
        ("economy.agent", json!({"id": 1_000_000})),
        ("economy.agent", json!({"id": 1})),
        ("economy.agents", json!({"limit": 501})),
        ("economy.agents", json!({"limit": 0})),
        ("economy.agents", json!({"role": "Wizard"})),
        ("economy.markets", json!({"extra": 1})),
    ] {
        assert!(world.ask(query, payload.clone()).is_err(), "{query} {payload}");
    }
    assert_eq!(world.state_hash()?, before);
    Ok(())
}

#[test]
fn a_world_without_an_economy_ticks_in_silence() -> Result<(), StepError> {
    let mut world = Stepper::new(|| {
        let spec = WorldSpec::from_yaml("id: quiet\nclock: manual").expect("a valid world file");
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
        app
    })?;
    world.hours(30)?;
    assert!(world.events().is_empty());
    assert!(world.ask("economy.markets", json!({})).is_err());
    Ok(())
}

#[test]
fn a_snapshot_of_other_commodities_is_refused() -> Result<(), StepError> {
    let mut world = default_world()?;
    world.hours(2)?;
    let snapshot = world.snapshot()?;
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    for commodity in &mut spec.economy.as_mut().expect("an economy").commodities {
        if commodity.name == "Crystal" {
            commodity.name = "Glass".into();
        }
    }
    spec.economy.as_mut().expect("an economy").signals = SignalsSpec::default();
    for role in &mut spec.economy.as_mut().expect("an economy").roles {
        if role.output == "Crystal" {
            role.output = "Glass".into();
        }
        if let Some(quantity) = role.inputs.remove("Crystal") {
            role.inputs.insert("Glass".into(), quantity);
        }
    }
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
    let refused = worldtick::world::GameWorld::restore(app, &snapshot).expect_err("refused");
    assert!(refused.to_string().contains("market-Glass"), "{refused}");
    Ok(())
}
