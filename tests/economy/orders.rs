//! Orders that find nobody: they lapse, or rest with what covers them, and nothing is lost either way.

use std::collections::BTreeMap;

use bevy_app::App;
use bevy_ecs::prelude::*;
use proptest::prelude::*;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::StableId;
use worldtick::components::market::{
    CommodityId, GoodsEntry, Ledger, MoneyEntry, Purse, Resting, RestingOrder, Side, Stock, Storeroom, Trader,
};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{EconomySpec, OrdersSpec, RenewalSpec, Unfilled, WorldSpec};

const HOURS: u16 = 5;

fn world_of(seed: u64, change: impl FnOnce(&mut EconomySpec)) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    spec.seed = seed;
    let economy = spec.economy.as_mut().expect("an economy");
    economy.population.count = 60;
    change(economy);
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

fn resting(economy: &mut EconomySpec) {
    economy.orders = OrdersSpec { unfilled: Unfilled::Rest, rest_hours: HOURS };
}

fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).expect("everything is accounted for");
}

type Kept = BTreeMap<(u64, CommodityId), RestingOrder>;

/// All orders that rest; each trader's escrow must be exactly what covers them.
fn kept(world: &mut Stepper) -> Kept {
    let ecs = world.world().ecs();
    let mut all = Kept::new();
    let mut traders = ecs.query_filtered::<(&StableId, &Purse, &Stock, &Resting), With<Trader>>();
    for (id, purse, stock, resting) in traders.iter(ecs) {
        let mut money = 0;
        let mut goods: BTreeMap<CommodityId, i64> = BTreeMap::new();
        for order in resting.orders() {
            assert!(order.quantity > 0 && (1..=HOURS).contains(&order.hours_left), "{order:?}");
            match order.side {
                Side::Bid => money += i64::from(order.price) * i64::from(order.quantity),
                Side::Ask => *goods.entry(order.commodity).or_default() += i64::from(order.quantity),
            }
            assert!(all.insert((id.0, order.commodity), *order).is_none(), "two orders for one commodity");
        }
        assert_eq!(purse.escrow().0, money, "trader {id}");
        for (commodity, held) in (0..).map(CommodityId).zip(stock.holdings().iter()) {
            assert_eq!(held.escrow().0, goods.get(&commodity).copied().unwrap_or(0), "trader {id}");
        }
    }
    all
}

#[test]
fn orders_lapse_by_default_and_nobody_keeps_any() -> Result<(), StepError> {
    let mut world = world_of(1, |_| {})?;
    world.hours(10)?;
    let ecs = world.world().ecs();
    assert_eq!(ecs.query::<&Resting>().iter(ecs).count(), 0);
    let mut purses = ecs.query::<(&Purse, &Stock)>();
    for (purse, stock) in purses.iter(ecs) {
        assert_eq!(purse.escrow().0, 0);
        assert!(stock.holdings().iter().all(|held| held.escrow().0 == 0));
    }
    Ok(())
}

#[test]
fn what_rests_is_covered_and_lives_as_long_as_it_may() -> Result<(), StepError> {
    let (mut rested, mut shrunk, mut ended) = (0, 0, 0);
    for seed in 6..10 {
        let mut world = world_of(seed, resting)?;
        let mut before = Kept::new();
        for _ in 0..120 {
            world.hours(1)?.take_events();
            assert_balanced(&mut world);
            let now = kept(&mut world);
            for (key, order) in &now {
                let Some(old) = before.get(key).filter(|_| order.hours_left < HOURS) else {
                    // A new one has all its hours.
                    assert_eq!(order.hours_left, HOURS);
                    continue;
                };
                assert_eq!((order.side, order.price, order.limit), (old.side, old.price, old.limit));
                assert_eq!(order.hours_left, old.hours_left - 1);
                assert!(order.quantity <= old.quantity);
                rested += 1;
                shrunk += usize::from(order.quantity < old.quantity);
            }
            ended += before.iter().filter(|(key, old)| old.hours_left == 1 && !now.contains_key(*key)).count();
            before = now;
        }
    }
    assert!(rested > 100 && shrunk > 0 && ended > 0, "{rested} rested, {shrunk} shrunk, {ended} ended");
    Ok(())
}

#[test]
fn what_rests_outlives_a_restart_and_is_replayed() -> Result<(), StepError> {
    let mut straight = world_of(3, resting)?;
    straight.hours(40)?;
    let mut broken = world_of(3, resting)?;
    broken.hours(20)?;
    assert!(!kept(&mut broken).is_empty());
    broken.restart()?.hours(20)?;
    assert_eq!(broken.state_hash()?, straight.state_hash()?);
    let (mut again, _) = straight.replay()?;
    assert_eq!(again.state_hash().expect("a hash"), straight.state_hash()?);
    Ok(())
}

#[test]
fn who_leaves_takes_along_what_covered_its_orders() -> Result<(), StepError> {
    let mut world = world_of(4, |economy| {
        resting(economy);
        economy.population.renewal = Some(RenewalSpec {
            minimum: 50,
            maximum: 70,
            broke_below: 140_000,
            broke_hours: 4,
            arrivals_per_day: 20.0,
            newcomer_money: 150_000,
        });
    })?;
    let mut first: Vec<u64> = Vec::new();
    for hour in 0..100 {
        world.hours(1)?.take_events();
        assert_balanced(&mut world);
        let _ = kept(&mut world);
        let ecs = world.world().ecs();
        let ids: Vec<u64> = ecs.query_filtered::<&StableId, With<Trader>>().iter(ecs).map(|id| id.0).collect();
        assert_eq!(ecs.query::<&Resting>().iter(ecs).count(), ids.len(), "newcomers have it as well");
        if hour == 0 {
            first = ids;
        } else if hour == 99 {
            assert!(first.iter().any(|id| !ids.contains(id)), "nobody has left");
        }
    }
    Ok(())
}

/// Two farmers who live from what they grow, ask too much for the rest of it, and bid for toys that nobody makes.
const HERMITS: &str = "\
id: hermits
clock: manual
economy:
  commodities:
    - { name: Food, need: 0.1, spoilage: 0.5, signal: food }
    - { name: Toy, spendingShare: 1, signal: none }
  roles:
    - { name: Farmer, output: Food, quantity: 8, storeMax: 40 }
    - { name: Toymaker, output: Toy, quantity: 1 }
  orders: { unfilled: rest, restHours: 24 }
  population:
    agents:
      - { role: Farmer, money: 1000000, stocks: { Food: 40 }, beliefs: { Food: 9000 }, skill: 1 }
      - { role: Farmer, money: 900000, stocks: { Food: 40 }, beliefs: { Food: 9000 }, skill: 1 }
  parameters: { reviewEagerness: 0 }
  treasury: { wealthTax: 0.1 }
";

fn hermits() -> Result<Stepper, StepError> {
    let spec = WorldSpec::from_yaml(HERMITS).expect("valid");
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

/// Units of food of all, and what covers asks of it.
fn food(world: &mut Stepper) -> (i64, i64) {
    let ecs = world.world().ecs();
    let mut stocks = ecs.query_filtered::<&Stock, With<Trader>>();
    stocks
        .iter(ecs)
        .map(|stock| stock.holdings()[CommodityId(0)])
        .fold((0, 0), |(all, covers), held| (all + held.free().0 + held.escrow().0, covers + held.escrow().0))
}

#[test]
fn what_covers_an_order_spoils_and_fills_the_store_as_well() -> Result<(), StepError> {
    let mut world = hermits()?;
    let entry = |world: &mut Stepper, entry| world.world().ecs().resource::<Ledger>().goods(CommodityId(0), entry);
    let mut covered = 0;
    for _ in 0..60 {
        let (before, in_orders) = food(&mut world);
        let (eaten, spoiled) = (entry(&mut world, GoodsEntry::Eaten), entry(&mut world, GoodsEntry::Spoiled));
        world.hours(1)?.take_events();
        assert_balanced(&mut world);
        let left = before - (entry(&mut world, GoodsEntry::Eaten) - eaten);
        let spoiled = entry(&mut world, GoodsEntry::Spoiled) - spoiled;
        // Half of all that there is, to a part of a unit for each of the two.
        assert!((2 * spoiled - left).abs() <= 2, "{spoiled} of {left} spoiled, {in_orders} in orders");
        assert!(food(&mut world).0 <= 80, "more than the stores take");
        covered += in_orders;
    }
    assert!(covered > 300, "{covered} units in orders");
    Ok(())
}

#[test]
fn money_that_covers_an_order_is_taxed_as_well() -> Result<(), StepError> {
    let mut world = hermits()?;
    world.hours(23)?;
    let ecs = world.world().ecs();
    let purses: Vec<Purse> = ecs.query_filtered::<&Purse, With<Trader>>().iter(ecs).copied().collect();
    assert!(purses.iter().all(|purse| purse.escrow().0 > 0), "{purses:?}");
    let due: i64 = purses.iter().map(|purse| (purse.free().0 + purse.escrow().0) / 10).sum();
    world.hours(1)?;
    assert_eq!((world.world().ecs().resource::<Ledger>().money(MoneyEntry::WealthTax), due), (190_000, 190_000));
    assert_balanced(&mut world);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn nothing_is_lost_and_no_store_overflows(seed in 0_u64..1_000, rest_hours in 1_u16..5, capacity in 15_i64..60) {
        let mut world = world_of(seed, |economy| {
            economy.orders = OrdersSpec { unfilled: Unfilled::Rest, rest_hours };
            economy.population.capacity = Some(capacity);
        }).expect("a world");
        for _ in 0..25 {
            world.hours(1).expect("an hour");
            assert_balanced(&mut world);
            let ecs = world.world().ecs();
            let mut stocks = ecs.query::<(&Stock, &Storeroom)>();
            for (stock, _) in stocks.iter(ecs) {
                let held: i64 = stock.holdings().iter().map(|held| held.free().0 + held.escrow().0).sum();
                prop_assert!(held <= capacity, "{} units", held);
            }
        }
    }
}
