//! Who goes broke leaves, newcomers arrive: the population stays in bounds and everything is accounted for.

use bevy_app::App;
use bevy_ecs::prelude::*;
use proptest::prelude::*;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::StableId;
use worldtick::components::market::{Ledger, Livelihood, MarketStatistics, MoneyEntry, Purse, Role, Stock, Trader};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{EconomySpec, RenewalSpec, WorldSpec};

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

/// Most are poor by this measure, so that people come and go all the time.
fn unrest() -> RenewalSpec {
    RenewalSpec {
        minimum: 50,
        maximum: 70,
        broke_below: 140_000,
        broke_hours: 6,
        arrivals_per_day: 20.0,
        newcomer_money: 150_000,
    }
}

fn ids(world: &mut Stepper) -> Vec<u64> {
    let ecs = world.world().ecs();
    let mut ids: Vec<u64> = ecs.query_filtered::<&StableId, With<Trader>>().iter(ecs).map(|id| id.0).collect();
    ids.sort_unstable();
    ids
}

fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).expect("everything is accounted for");
}

#[test]
fn without_renewal_the_same_people_stay() -> Result<(), StepError> {
    let mut world = world_with(1, |_| {})?;
    let before = ids(&mut world);
    world.hours(60)?;
    assert_eq!(ids(&mut world), before);
    Ok(())
}

#[test]
fn people_come_and_go_within_bounds() -> Result<(), StepError> {
    let mut world = world_with(2, |economy| {
        economy.population.count = 60;
        economy.population.renewal = Some(unrest());
    })?;
    let first = ids(&mut world);
    let mut sizes = Vec::new();
    for hour in 1..=150 {
        world.hours(1)?.take_events();
        assert_balanced(&mut world);
        let here = ids(&mut world).len();
        assert!((50..=70).contains(&here), "{here} agents in hour {hour}");
        let ecs = world.world().ecs();
        let counted: u64 = ecs.resource::<MarketStatistics>().roles.iter().map(|role| role.count).sum();
        assert_eq!(usize::try_from(counted), Ok(here));
        sizes.push(here);
    }
    let last = ids(&mut world);
    assert!(first.iter().filter(|id| !last.contains(id)).count() > 5, "nobody left");
    assert!(last.iter().filter(|id| !first.contains(id)).count() > 5, "nobody came");
    assert!(sizes.iter().min() != sizes.iter().max());
    let ledger = world.world().ecs().resource::<Ledger>().clone();
    let newcomers = ledger.money(MoneyEntry::Arrived) / 150_000;
    assert_eq!(ledger.money(MoneyEntry::Arrived) % 150_000, 0);
    assert!(newcomers > 5 && ledger.money(MoneyEntry::Left) > 0, "{ledger:?}");
    Ok(())
}

#[test]
fn newcomers_bring_no_more_money_than_a_world_may_have() -> Result<(), StepError> {
    let mut world = world_with(6, |economy| {
        economy.population.count = 60;
        economy.population.renewal = Some(RenewalSpec {
            minimum: 60,
            maximum: 70,
            broke_below: 1,
            newcomer_money: 30_000_000,
            broke_hours: 10,
            arrivals_per_day: 10_000.0,
        });
    })?;
    // Of 9,000,000 at first, ten times as much at most: two newcomers' 60,000,000 still fit, a third's do not.
    world.hours(5)?;
    assert_eq!(ids(&mut world).len(), 62);
    assert_eq!(world.world().ecs().resource::<Ledger>().money_expected(), 69_000_000);
    assert_balanced(&mut world);
    Ok(())
}

#[test]
fn who_is_broke_tries_another_role_first() -> Result<(), StepError> {
    let mut world = world_with(3, |economy| {
        economy.population.count = 60;
        // Nobody reviews its role of its own accord, all are broke, and nobody may leave.
        economy.parameters.review_eagerness = 0.0;
        economy.population.renewal = Some(RenewalSpec {
            minimum: 60,
            maximum: 60,
            broke_below: 1_000_000,
            newcomer_money: 1_000_000,
            broke_hours: 10,
            arrivals_per_day: 0.0,
        });
    })?;
    let roles = |world: &mut Stepper| -> Vec<usize> {
        let ecs = world.world().ecs();
        let mut roles: Vec<(u64, usize)> =
            ecs.query::<(&StableId, &Role)>().iter(ecs).map(|(id, role)| (id.0, role.id.index())).collect();
        roles.sort_unstable();
        roles.into_iter().map(|(_, role)| role).collect()
    };
    let before = roles(&mut world);
    world.hours(9)?;
    assert_eq!(roles(&mut world), before);
    world.hours(1)?;
    let after = roles(&mut world);
    assert!(before != after && after.iter().all(|role| *role == after[0]), "{after:?}");
    assert_eq!(ids(&mut world).len(), 60);
    Ok(())
}

#[test]
fn who_is_somebody_else_as_well_never_leaves() -> Result<(), StepError> {
    let mut world = world_with(4, |economy| {
        economy.population.count = 60;
        economy.population.renewal = Some(unrest());
    })?;
    let guests: Vec<u64> = ids(&mut world).into_iter().step_by(3).collect();
    let ecs = world.world().ecs();
    let all: Vec<(Entity, u64)> =
        ecs.query::<(Entity, &StableId)>().iter(ecs).map(|(entity, id)| (entity, id.0)).collect();
    for (entity, _) in all.iter().filter(|(_, id)| guests.contains(id)) {
        ecs.entity_mut(*entity).remove::<Livelihood>();
    }
    world.hours(150)?;
    let here = ids(&mut world);
    assert!(guests.iter().all(|id| here.contains(id)));
    Ok(())
}

#[test]
fn a_restart_changes_nothing() -> Result<(), StepError> {
    let world = || {
        world_with(5, |economy| {
            economy.population.count = 60;
            economy.population.renewal = Some(unrest());
        })
    };
    let (mut undisturbed, mut restarted) = (world()?, world()?);
    for _ in 0..30 {
        undisturbed.hours(1)?;
        restarted.hours(1)?.restart()?;
    }
    assert_eq!(undisturbed.state_hash()?, restarted.state_hash()?);
    assert_eq!(undisturbed.snapshot()?, restarted.snapshot()?);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn bounds_hold_and_nothing_is_lost(
        seed in any::<u32>(),
        (below, above) in (0_u32..20, 0_u32..20),
        broke_below in 1_i64..300_000,
        broke_hours in 1_u32..24,
        arrivals_per_day in 0.0_f64..100.0,
    ) {
        let (minimum, maximum) = (30 - below, 30 + above);
        let mut world = world_with(u64::from(seed), |economy| {
            economy.population.count = 30;
            economy.population.renewal = Some(RenewalSpec {
                minimum, maximum, broke_below, broke_hours, arrivals_per_day, newcomer_money: broke_below,
            });
        })
        .expect("a world");
        for _ in 0..40 {
            world.hours(1).expect("an hour").take_events();
            let here = u32::try_from(ids(&mut world).len()).expect("few");
            prop_assert!((minimum..=maximum).contains(&here), "{here} outside {minimum} to {maximum}");
            assert_balanced(&mut world);
        }
    }
}
