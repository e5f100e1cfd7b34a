//! Traders that other plugins bring in and take out, at any point of an hour.

use bevy_app::App;
use bevy_ecs::prelude::*;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::{StableId, StableIds};
use worldtick::components::market::{
    CommodityId, GoodsEntry, Ledger, MarketStatistics, MoneyEntry, PlaceId, Purse, Stock, Trader,
};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::EconomySystems::{Clear, Learn, Order, Produce, Report, Review};
use worldtick::schedules::HourlyTick;
use worldtick::systems::economy;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{
    EconomySpec, MarketPlaceSpec, OrdersSpec, ReliefSpec, RenewalSpec, TreasurySpec, Unfilled, WagesSpec, WorldSpec,
};

/// At one point of an hour, one trader is despawned, one is a trader no more, one that was is one again, and one comes.
fn churn<const POINT: usize>(world: &mut World) {
    let hour = usize::try_from(world.resource::<MarketStatistics>().hours).expect("few");
    let ids_of = |found: Vec<(&StableId, Entity)>| -> Vec<Entity> {
        let mut found: Vec<_> = found.into_iter().map(|(id, entity)| (*id, entity)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, entity)| entity).collect()
    };
    let mut traders = world.query_filtered::<(&StableId, Entity), With<Trader>>();
    let traders = ids_of(traders.iter(world).collect());
    let mut others = world.query_filtered::<(&StableId, Entity), (With<Purse>, Without<Trader>)>();
    let others = ids_of(others.iter(world).collect());
    let pick = |of: &[Entity], by: usize| of[(hour * 7 + POINT * 3 + by) % of.len()];
    let (gone, retired) = (pick(&traders, 0), pick(&traders, 1));
    world.despawn(gone);
    world.entity_mut(retired).remove::<Trader>();
    // The treasury has a purse as well, and is no trader.
    let back = others
        .iter()
        .copied()
        .find(|entity| world.entity(*entity).get::<worldtick::components::market::Treasury>().is_none());
    if let Some(back) = back {
        world.entity_mut(back).insert(Trader { skill: 1.0 });
    }
    let id = world.resource_mut::<StableIds>().next_id();
    world.spawn((id, Trader { skill: 1.0 }));
}

fn world_of(change: impl FnOnce(&mut EconomySpec)) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    let economy = spec.economy.as_mut().expect("an economy");
    economy.population.count = 120;
    economy.chronicle.every_hours = 1;
    change(economy);
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app.add_systems(HourlyTick, churn::<0>.before(Review));
        app.add_systems(HourlyTick, churn::<1>.after(economy::review_roles).before(economy::move_traders));
        app.add_systems(HourlyTick, churn::<2>.after(Review).before(Produce));
        app.add_systems(HourlyTick, churn::<3>.after(economy::meet_needs).before(economy::run_recipes));
        app.add_systems(HourlyTick, churn::<4>.after(Produce).before(Order));
        app.add_systems(HourlyTick, churn::<5>.after(Order).before(Clear));
        app.add_systems(HourlyTick, churn::<6>.after(economy::match_books).before(economy::settle_orders));
        app.add_systems(HourlyTick, churn::<7>.after(economy::settle_orders).before(economy::keep_treasury));
        app.add_systems(HourlyTick, churn::<8>.after(Clear).before(Learn));
        app.add_systems(HourlyTick, churn::<9>.after(Learn).before(Report));
        app.add_systems(HourlyTick, churn::<10>.after(Report));
        app
    })
}

fn everything(economy: &mut EconomySpec) {
    economy.orders = OrdersSpec { unfilled: Unfilled::Rest, rest_hours: 5 };
    economy.population.capacity = Some(60);
    economy.population.renewal = Some(RenewalSpec {
        minimum: 100,
        maximum: 160,
        broke_below: 100_000,
        broke_hours: 5,
        arrivals_per_day: 100.0,
        newcomer_money: 150_000,
    });
    economy.treasury = Some(TreasurySpec {
        sales_tax: 0.02,
        wealth_tax: 0.01,
        relief: Some(ReliefSpec { below: 100_000, amount: 500 }),
        wages: Some(WagesSpec { below: 120_000, utilisation_below: 0.7, amount: 200 }),
        ..TreasurySpec::default()
    });
}

fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).expect("everything is accounted for");
}

#[test]
fn whoever_comes_and_goes_at_any_point_of_an_hour_is_accounted_for() -> Result<(), StepError> {
    for change in [|_: &mut EconomySpec| {}, everything] {
        let mut world = world_of(change)?;
        for _ in 0..50 {
            world.hours(1)?.take_events();
            assert_balanced(&mut world);
            let ecs = world.world().ecs();
            let mut others =
                ecs.query_filtered::<&Purse, (Without<Trader>, Without<worldtick::components::market::Treasury>)>();
            assert!(others.iter(ecs).all(|purse| purse.free().0 + purse.escrow().0 == 0), "who left has something");
        }
        let ledger = world.world().ecs().resource::<Ledger>();
        assert!(ledger.money(MoneyEntry::Left) > 10_000_000 && ledger.goods(CommodityId(0), GoodsEntry::Left) > 0);
    }
    Ok(())
}

#[test]
fn whoever_comes_and_goes_does_so_again_in_a_replay_and_after_a_restart() -> Result<(), StepError> {
    let (mut undisturbed, mut restarted) = (world_of(everything)?, world_of(everything)?);
    for _ in 0..12 {
        undisturbed.hours(1)?;
        restarted.hours(1)?.restart()?;
    }
    assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?);
    let (mut again, _) = undisturbed.replay()?;
    assert_eq!(again.state_hash().expect("a hash"), undisturbed.state_hash()?);
    Ok(())
}

/// At one point of an hour every third trader is sent to the other place.
fn scatter<const POINT: u64>(
    hours: Res<MarketStatistics>,
    mut traders: Query<(&StableId, &mut PlaceId), With<Trader>>,
) {
    for (id, mut place) in &mut traders {
        if (id.0 + POINT + hours.hours).is_multiple_of(3) {
            *place = PlaceId(1 - place.0);
        }
    }
}

/// Orders are settled where they are written, wherever their owners are by then.
#[test]
fn whoever_is_sent_elsewhere_in_the_middle_of_an_hour_is_settled_where_its_orders_are() -> Result<(), StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    let economy = spec.economy.as_mut().expect("an economy");
    everything(economy);
    economy.population.count = 120;
    // So few at the one that a number at the other is often none here.
    let place = |name: &str, share| MarketPlaceSpec { name: name.to_owned(), share, ..MarketPlaceSpec::default() };
    economy.places = vec![place("harbour", 0.7), place("hills", 0.3)];
    let world = || {
        let spec = spec.clone();
        Stepper::new(move || {
            let mut app = App::new();
            app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
            app.add_systems(HourlyTick, scatter::<0>.after(Review).before(Produce));
            app.add_systems(HourlyTick, scatter::<1>.after(economy::meet_needs).before(economy::run_recipes));
            app.add_systems(HourlyTick, scatter::<2>.after(Produce).before(Order));
            app.add_systems(HourlyTick, scatter::<3>.after(Order).before(Clear));
            app.add_systems(HourlyTick, scatter::<4>.after(economy::match_books).before(economy::settle_orders));
            app.add_systems(HourlyTick, scatter::<5>.after(economy::settle_orders).before(economy::keep_treasury));
            app.add_systems(HourlyTick, scatter::<6>.after(Clear).before(Learn));
            app.add_systems(HourlyTick, churn::<5>.after(scatter::<3>).before(Clear));
            app
        })
    };
    let (mut undisturbed, mut restarted) = (world()?, world()?);
    let mut traded = 0;
    for _ in 0..30 {
        undisturbed.hours(1)?;
        restarted.hours(1)?.restart()?;
        assert_balanced(&mut undisturbed);
        let cleared = undisturbed.events_of::<worldtick::messages::market::MarketCleared>()?;
        traded += cleared.iter().filter(|event| event.volume > 0).count();
        undisturbed.take_events();
    }
    assert!(traded > 200, "{traded} markets traded");
    assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?);
    Ok(())
}
