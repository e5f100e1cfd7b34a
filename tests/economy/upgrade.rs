//! A world that an older program saved goes on in this one.
//!
//! `fixtures/first_economy.wtsnap` was saved after 30 hours by the first program that had an economy, which kept less
//! than this one: no shocks, measures, chronicles or storerooms, and fewer kinds of entries in the ledger.

use bevy_app::App;
use worldtick::components::market::{GoodsEntry, Ledger, MarketStatistics, MoneyEntry, Purse, Stock};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

const SAVED: &[u8] = include_bytes!("../fixtures/first_economy.wtsnap");

fn build() -> App {
    let spec = WorldSpec::from_yaml(include_str!("../fixtures/first_economy.yaml")).expect("a valid world file");
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
    app
}

fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).expect("everything is accounted for");
}

#[test]
fn a_world_that_the_first_economy_saved_goes_on() -> Result<(), StepError> {
    let mut world = Stepper::restored(build, SAVED)?;
    assert_balanced(&mut world);
    let ecs = world.world().ecs();
    assert_eq!(ecs.resource::<MarketStatistics>().hours, 30);
    let ledger = ecs.resource::<Ledger>();
    assert_eq!(ledger.money(MoneyEntry::Endowed), 40 * 150_000, "the ledger of version 1 is read");
    let bread = worldtick::components::market::CommodityId(0);
    assert!(ledger.goods(bread, GoodsEntry::Eaten) > 1_000);
    // From here on it is a world like any other: shocks come, restarts change nothing.
    world.send("economy.add_shock", serde_json::json!({ "kind": "money", "factor": 2.0 }))?;
    let mut straight = Stepper::restored(build, SAVED)?;
    straight.send("economy.add_shock", serde_json::json!({ "kind": "money", "factor": 2.0 }))?;
    straight.hours(30)?;
    for _ in 0..30 {
        world.hours(1)?.restart()?;
        assert_balanced(&mut world);
    }
    assert_eq!(world.state_hash()?, straight.state_hash()?);
    let ecs = world.world().ecs();
    assert_eq!(ecs.resource::<Ledger>().money(MoneyEntry::Granted), 40 * 150_000);
    Ok(())
}

#[test]
fn a_restored_world_is_saved_as_this_program_saves_it() -> Result<(), StepError> {
    let mut world = Stepper::restored(build, SAVED)?;
    let hash = world.state_hash()?;
    let again = world.snapshot()?;
    assert_ne!(again, SAVED, "it holds more than before");
    assert_eq!(Stepper::restored(build, &again)?.state_hash()?, hash, "and is held to its hash again");
    Ok(())
}
