//! Ledger kinds that balance over any span, and the treasury.

use bevy_app::App;
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::components::clock::ClockSource;
use worldtick::components::market::{CommodityId, GoodsEntry, Ledger, MoneyEntry, Purse, Stock, Trader, Treasury};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::GameWorld;
use worldtick::world::spec::{EconomySpec, ReliefSpec, TreasurySpec, WagesSpec, WorldSpec};

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

/// Taxes, relief and wages, all that there is.
fn welfare() -> TreasurySpec {
    TreasurySpec {
        initial_money: 100_000,
        sales_tax: 0.02,
        income_tax: 0.05,
        wealth_tax: 0.01,
        wealth_exemption: 100_000,
        relief: Some(ReliefSpec { below: 100_000, amount: 500 }),
        wages: Some(WagesSpec { below: 120_000, utilisation_below: 0.7, amount: 200 }),
    }
}

/// The sums of all traders' and of the treasury's money, and the ledger.
fn count(world: &mut Stepper) -> (i64, i64, Ledger) {
    let ecs = world.world().ecs();
    let all = |purse: &Purse| purse.free().0 + purse.escrow().0;
    let mut traders = ecs.query_filtered::<&Purse, bevy_ecs::prelude::With<Trader>>();
    let of_traders = traders.iter(ecs).map(all).sum();
    let mut treasuries = ecs.query_filtered::<&Purse, bevy_ecs::prelude::With<Treasury>>();
    let of_treasury = treasuries.iter(ecs).map(all).sum();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    let ledger = ecs.resource::<Ledger>().clone();
    audit(&ledger, holders.iter(ecs)).expect("everything is accounted for");
    (of_traders, of_treasury, ledger)
}

/// Over the span from one count to the other, what each has more or less is what the entries of the span say, by kind.
fn assert_span(before: &(i64, i64, Ledger), after: &(i64, i64, Ledger)) {
    let moved = |entry| after.2.money(entry) - before.2.money(entry);
    let sum = |part: fn((i64, i64)) -> i64| {
        MoneyEntry::ALL.into_iter().map(|entry| part(entry.effect()) * moved(entry)).sum::<i64>()
    };
    assert_eq!(after.0 - before.0, sum(|effect| effect.0), "traders");
    assert_eq!(after.1 - before.1, sum(|effect| effect.1), "treasury");
    for entry in MoneyEntry::ALL {
        assert!(moved(entry) >= 0, "{entry:?} went back");
    }
    for commodity in (0..5).map(CommodityId) {
        for entry in GoodsEntry::ALL {
            assert!(after.2.goods(commodity, entry) >= before.2.goods(commodity, entry), "{entry:?} went back");
        }
    }
}

#[test]
fn without_a_treasury_no_money_is_taken_or_given() -> Result<(), StepError> {
    let mut world = world_with(1, |_| {})?;
    world.hours(50)?;
    let (of_traders, of_treasury, ledger) = count(&mut world);
    assert_eq!((of_traders, of_treasury), (60_000_000, 0));
    for entry in MoneyEntry::ALL.into_iter().filter(|entry| *entry != MoneyEntry::Endowed) {
        assert_eq!(ledger.money(entry), 0, "{entry:?}");
    }
    assert_eq!(world.ask("economy.ledger", json!({})).expect("sums")["treasury"], Value::Null);
    Ok(())
}

#[test]
fn taxes_come_in_and_go_out_to_who_is_in_want() -> Result<(), StepError> {
    let mut world = world_with(2, |economy| economy.treasury = Some(welfare()))?;
    let first = count(&mut world);
    assert_eq!(first.1, 100_000);
    let mut before = first.clone();
    for _ in 0..60 {
        world.hours(1)?.take_events();
        let after = count(&mut world);
        assert_span(&before, &after);
        let ecs = world.world().ecs();
        let treasury = *ecs.query::<&Treasury>().single(ecs).expect("one treasury");
        assert!(treasury.paid <= treasury.due && after.1 >= 0, "{treasury:?}");
        assert_eq!(after.1 - before.1, treasury.collected.0 - treasury.paid.0);
        before = after;
    }
    assert_span(&first, &before);
    for entry in [MoneyEntry::SalesTax, MoneyEntry::IncomeTax, MoneyEntry::WealthTax, MoneyEntry::Wages] {
        assert!(before.2.money(entry) > 0, "nothing of {entry:?}");
    }
    // All money is still there: a treasury neither makes nor takes any.
    assert_eq!(before.0 + before.1, 60_100_000);
    Ok(())
}

#[test]
fn the_wealth_tax_comes_once_a_day() -> Result<(), StepError> {
    let spec = TreasurySpec { wealth_tax: 0.1, wealth_exemption: 100_000, ..TreasurySpec::default() };
    let mut world = world_with(3, |economy| economy.treasury = Some(spec))?;
    let mut hours = Vec::new();
    let mut before = 0;
    for hour in 1..=72 {
        world.hours(1)?.take_events();
        let after = count(&mut world).2.money(MoneyEntry::WealthTax);
        if after > before {
            hours.push(hour);
        }
        before = after;
    }
    assert_eq!(hours, [24, 48, 72]);
    Ok(())
}

#[test]
fn a_treasury_that_holds_too_little_gives_each_the_same_share() -> Result<(), StepError> {
    // Everybody who idled in the first hour is due 700 minor units, and there are 1000 for all.
    let spec = TreasurySpec {
        initial_money: 1_000,
        wages: Some(WagesSpec { below: 1_000_000_000, utilisation_below: 1.0, amount: 700 }),
        ..TreasurySpec::default()
    };
    // Nobody has stocks to work with.
    let mut world = world_with(4, |economy| {
        economy.treasury = Some(spec);
        economy.population.initial_stock_hours = 0.0;
    })?;
    world.hours(1)?;
    let (_, left, ledger) = count(&mut world);
    let ecs = world.world().ecs();
    let treasury = *ecs.query::<&Treasury>().single(ecs).expect("one treasury");
    let poor = treasury.due.0 / 700;
    assert!(poor > 2, "{treasury:?}");
    assert_eq!(ledger.money(MoneyEntry::Wages), 1_000 / poor * poor);
    assert_eq!(left, 1_000 % poor);
    Ok(())
}

/// A poor and a rich farmer who have no wood to work with, and so nothing to eat.
const STARVING: &str = "\
id: starving
clock: manual
economy:
  commodities:
    - { name: Food, need: 3 }
    - { name: Wood }
  roles:
    - { name: Farmer, output: Food, quantity: 8, inputs: { Wood: 1 }, subsistence: 0, idleCost: 2000 }
    - { name: Woodcutter, output: Wood, quantity: 4 }
  population:
    agents: [{ role: Farmer, money: 1000, skill: 1 }, { role: Farmer, money: 199000, skill: 1 }]
  parameters: { reviewEagerness: 0 }
  treasury: { initialMoney: 100000, relief: { below: 10000, amount: 500 } }
";

#[test]
fn who_misses_meals_is_paid_for_each_and_who_must_idle_loses_what_it_has_of_the_cost() -> Result<(), StepError> {
    let spec = WorldSpec::from_yaml(STARVING).expect("valid");
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })?;
    let mut sums = Vec::new();
    for _ in 0..3 {
        world.hours(1)?.take_events();
        let (of_traders, of_treasury, ledger) = count(&mut world);
        sums.push((ledger.money(MoneyEntry::Idle), ledger.money(MoneyEntry::Relief), of_traders, of_treasury));
    }
    // The rich one loses 2000 in every hour and is not helped. The poor one loses its 1000 first, and later the 1500
    // that it is given for three meals.
    assert_eq!(
        sums,
        [(3_000, 1_500, 198_500, 98_500), (6_500, 3_000, 196_500, 97_000), (10_000, 4_500, 194_500, 95_500)]
    );
    Ok(())
}

#[test]
fn a_world_is_not_restored_with_a_file_that_has_another_treasury() -> Result<(), StepError> {
    let app = |treasury: Option<TreasurySpec>| {
        let mut spec = WorldSpec::default_world().expect("a valid world file");
        spec.clock = ClockSource::Manual;
        spec.economy.as_mut().expect("an economy").treasury = treasury;
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
        app
    };
    let without = world_with(7, |_| {})?.snapshot()?;
    let with = world_with(7, |economy| economy.treasury = Some(welfare()))?.snapshot()?;
    assert!(GameWorld::restore(app(None), &without).is_ok() && GameWorld::restore(app(Some(welfare())), &with).is_ok());
    for (treasury, saved) in [(Some(welfare()), without), (None, with)] {
        let told = GameWorld::restore(app(treasury), &saved).map(drop).expect_err("refused").to_string();
        assert!(told.contains("treasuries, its file has"), "{told}");
    }
    Ok(())
}

#[test]
fn the_sums_can_be_asked_for() -> Result<(), StepError> {
    let mut world = world_with(5, |economy| economy.treasury = Some(welfare()))?;
    world.hours(30)?;
    let (of_traders, of_treasury, ledger) = count(&mut world);
    let sums = world.ask("economy.ledger", json!({})).expect("sums");
    let minor = |value: &Value| (value.as_f64().expect("a number") * 100.0).round();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let real = |amount: i64| amount as f64;
    assert!((minor(&sums["money_of_traders"]) - real(of_traders)).abs() < 0.5);
    assert!((minor(&sums["treasury"]["money"]) - real(of_treasury)).abs() < 0.5);
    assert!((minor(&sums["money"]["sales_tax"]) - real(ledger.money(MoneyEntry::SalesTax))).abs() < 0.5);
    assert_eq!(sums["money"].as_object().map(serde_json::Map::len), Some(MoneyEntry::ALL.len()));
    assert_eq!(sums["goods"]["Food"]["eaten"], ledger.goods(CommodityId(0), GoodsEntry::Eaten));
    assert!(world.ask("economy.ledger", json!({"x": 1})).is_err());
    Ok(())
}

#[test]
fn a_restart_changes_nothing() -> Result<(), StepError> {
    let world = || world_with(6, |economy| economy.treasury = Some(welfare()));
    let (mut undisturbed, mut restarted) = (world()?, world()?);
    for _ in 0..26 {
        undisturbed.hours(1)?;
        restarted.hours(1)?.restart()?;
    }
    assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?);
    assert_eq!(undisturbed.snapshot()?, restarted.snapshot()?);
    Ok(())
}

prop_compose! {
    fn treasuries()(
        initial_money in 0_i64..1_000_000,
        shares in prop::array::uniform3(0.0_f64..0.5),
        wealth_exemption in 0_i64..300_000,
        relief in prop::option::of((1_i64..500_000, 1_i64..5_000)),
        wages in prop::option::of((1_i64..500_000, 0.0_f64..1.0, 1_i64..5_000)),
    ) -> TreasurySpec {
        TreasurySpec {
            initial_money,
            sales_tax: shares[0],
            income_tax: shares[1],
            wealth_tax: shares[2],
            wealth_exemption,
            relief: relief.map(|(below, amount)| ReliefSpec { below, amount }),
            wages: wages.map(|(below, utilisation_below, amount)| WagesSpec { below, utilisation_below, amount }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn entries_balance_over_any_span_of_any_world(
        seed in any::<u32>(),
        treasury in prop::option::of(treasuries()),
        idle_cost in 0_i64..5_000,
        money in 10_000_i64..1_000_000,
        spans in prop::collection::vec(1_u32..20, 1..5),
    ) {
        let mut world = world_with(u64::from(seed), |economy| {
            economy.population.count = 40;
            economy.population.money_per_head = money.max(60_000);
            economy.treasury = treasury;
            for role in &mut economy.roles {
                role.idle_cost = idle_cost;
            }
        })
        .expect("a world");
        let mut counts = vec![count(&mut world)];
        for hours in spans {
            world.hours(hours).expect("hours").take_events();
            counts.push(count(&mut world));
        }
        for (index, before) in counts.iter().enumerate() {
            for after in &counts[index..] {
                assert_span(before, after);
            }
        }
    }
}
