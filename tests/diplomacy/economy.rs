//! Diplomacy and the economy reach each other, and only so far.

use bevy_app::App;
use serde_json::{Value, json};
use worldtick::components::clock::ClockSource;
use worldtick::components::market::PlaceId;
use worldtick::messages::market::MarketCleared;
use worldtick::plugins::diplomacy::DiplomacyPlugin;
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::Conditions;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

use super::support::{calm, section};

/// The factions and the economy of the default world, with fewer agents.
pub(super) fn shipped() -> WorldSpec {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    (spec.behaviour, spec.npcs) = (None, None);
    spec.economy.as_mut().expect("an economy").population.count = 200;
    spec
}

fn both() -> WorldSpec {
    calm(shipped())
}

pub(super) fn world_of(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, DiplomacyPlugin));
        app
    })
}

fn signals(world: &mut Stepper) -> Vec<String> {
    let answer = world.ask("economy.shocks", json!({})).expect("an answer");
    assert_eq!(answer["signals"]["refused"], 0, "{answer}");
    let live = answer["signals"]["live"].as_array().expect("a list").clone();
    live.iter().map(|signal| signal["signal"].as_str().expect("a name").to_owned()).collect()
}

/// The factor on what is spent on weapons.
fn weapons(world: &mut Stepper) -> f64 {
    let conditions = world.world().ecs().resource::<Conditions>().at(PlaceId(0)).expect("a place").clone();
    conditions.spending.iter().copied().nth(3).expect("weapons")
}

fn faction(world: &mut Stepper, id: &str) -> Value {
    world.ask("diplomacy.faction", json!({"faction": id})).expect("a faction")
}

#[test]
fn a_war_reaches_the_economy_and_its_end_does() -> Result<(), StepError> {
    let mut spec = both();
    section(&mut spec).rules.economy.alliances_told = 0;
    let mut world = world_of(spec)?;
    world.days(2)?;
    assert!(signals(&mut world).is_empty());
    let calm = weapons(&mut world);
    world.send("diplomacy.declare_war", json!({"by": "militia", "with": "maelstrom_gang"}))?;
    world.hours(25)?;
    assert_eq!(signals(&mut world), ["diplomacy: war of maelstrom_gang and militia"]);
    assert!(weapons(&mut world) > calm * 1.2, "{} for {calm}", weapons(&mut world));
    world.days(5)?;
    let truce = json!({"by": "militia", "with": "maelstrom_gang", "treaty": "truce", "days": 90});
    world.send("diplomacy.sign_treaty", truce)?;
    world.hours(25)?;
    assert!(signals(&mut world).is_empty(), "told that it is over, with the next day");
    assert!((weapons(&mut world) - calm).abs() < 1e-9);
    Ok(())
}

/// Units that are brought from outside in an hour.
fn brought(world: &mut Stepper) -> u32 {
    let conditions = world.world().ecs().resource::<Conditions>().at(PlaceId(0)).expect("a place").clone();
    conditions.trade.iter().map(|order| order.quantity).sum()
}

#[test]
fn trade_from_outside_stops_in_war_and_comes_back() -> Result<(), StepError> {
    // As the world that ships has it.
    assert_eq!(brought_in_war(both())?, [0, 0]);
    // And where a war leaves a quarter of it: two wars nearly end it.
    let mut spec = both();
    spec.economy.as_mut().expect("an economy").signals.war.trade = Some(0.25);
    assert_eq!(brought_in_war(spec)?, [10, 2]);
    Ok(())
}

/// What is brought of 40 units in one war and in two; before and after them it is all.
fn brought_in_war(mut spec: WorldSpec) -> Result<[u32; 2], StepError> {
    section(&mut spec).rules.economy.alliances_told = 0;
    let mut world = world_of(spec)?;
    let caravan =
        json!({"kind": "import", "commodity": "Crystal", "quantity": 40, "price": 50.0, "durationHours": 700});
    world.send("economy.add_shock", caravan)?;
    world.days(1)?;
    assert_eq!(brought(&mut world), 40);
    world.send("diplomacy.declare_war", json!({"by": "militia", "with": "maelstrom_gang"}))?;
    world.hours(25)?;
    let one = brought(&mut world);
    world.send("diplomacy.declare_war", json!({"by": "corporation", "with": "tyger_claws"}))?;
    world.hours(25)?;
    let two = brought(&mut world);
    world.days(5)?;
    for (by, with) in [("militia", "maelstrom_gang"), ("corporation", "tyger_claws")] {
        world.send("diplomacy.sign_treaty", json!({"by": by, "with": with, "treaty": "truce", "days": 90}))?;
    }
    world.hours(25)?;
    assert_eq!(brought(&mut world), 40);
    Ok([one, two])
}

/// Weapons of the last hours: units wanted and units traded in an hour, and what they cost.
fn of_weapons(world: &Stepper, hours: usize) -> Result<(f64, f64), StepError> {
    let all: Vec<MarketCleared> = world.events_of()?;
    let weapons: Vec<_> = all.iter().filter(|market| market.commodity == "Weapon").rev().take(hours).collect();
    let count = f64::from(u32::try_from(weapons.len()).expect("few"));
    let mean = |of: &dyn Fn(&MarketCleared) -> f64| weapons.iter().map(|market| of(market)).sum::<f64>() / count;
    let units = |units: i64| f64::from(u32::try_from(units).expect("few"));
    Ok((mean(&|market| units(market.volume + market.bids_unfilled)), mean(&|market| market.price)))
}

#[test]
fn a_war_makes_weapons_wanted_and_dear() -> Result<(), StepError> {
    let mut spec = both();
    section(&mut spec).rules.economy.alliances_told = 0;
    let (mut peace, mut war) = (world_of(spec.clone())?, world_of(spec)?);
    for world in [&mut peace, &mut war] {
        world.days(5)?;
    }
    assert_eq!(of_weapons(&peace, 48)?, of_weapons(&war, 48)?, "the same world so far");
    war.send("diplomacy.declare_war", json!({"by": "militia", "with": "maelstrom_gang"}))?;
    for world in [&mut peace, &mut war] {
        world.days(5)?;
    }
    let (calm, armed) = (of_weapons(&peace, 72)?, of_weapons(&war, 72)?);
    assert!(armed.0 > calm.0 * 1.1 && armed.1 > calm.1, "{calm:?} {armed:?}");
    Ok(())
}

#[test]
fn the_economy_hears_of_the_strongest_only_and_no_longer_than_it_is_told() -> Result<(), StepError> {
    let mut spec = both();
    (section(&mut spec).rules.economy.wars_told, section(&mut spec).rules.economy.told_hours) = (2, 30);
    let mut world = world_of(spec)?;
    for (by, with) in [("militia", "nomad_nomads"), ("militia", "maelstrom_gang"), ("corporation", "tyger_claws")] {
        world.send("diplomacy.declare_war", json!({"by": by, "with": with}))?;
    }
    world.days(1)?;
    let told = signals(&mut world);
    let wars: Vec<_> = told.iter().filter(|name| name.contains("war")).collect();
    assert_eq!(wars, ["diplomacy: war of corporation and tyger_claws", "diplomacy: war of maelstrom_gang and militia"]);
    assert_eq!(told.len(), 4, "and of two alliances: {told:?}");
    // Without daily ticks nobody tells it again.
    for _ in 0..32 {
        world.tick(worldtick::messages::TickType::Hourly)?;
    }
    assert!(signals(&mut world).is_empty());
    Ok(())
}

#[test]
fn what_a_faction_lives_from_moves_its_powers_within_bounds() -> Result<(), StepError> {
    let mut spec = both();
    section(&mut spec).rules.economy.usual_days = 1_000.0;
    section(&mut spec).rules.economy.reach = 0.3;
    section(&mut spec).rules.conflict.recovery = 0.5;
    let mut world = world_of(spec)?;
    world.days(4)?;
    let before = faction(&mut world, "nomad_nomads");
    let armed = faction(&mut world, "militia");
    // Nobody grows food any more, and nobody makes weapons.
    for role in ["Farmer", "Smith"] {
        let shock = json!({"kind": "role_vanished", "role": role, "durationHours": 400});
        world.send("economy.add_shock", shock)?;
    }
    world.days(12)?;
    let level = |of: &Value, kind: &str| of["powers"][kind].as_f64().expect("a number");
    let after = faction(&mut world, "nomad_nomads");
    assert!(level(&after, "economy") < level(&before, "economy") * 0.95, "{before} {after}");
    assert!(level(&after, "economy") >= 0.7 * after["firstPowers"]["economy"].as_f64().expect("a number") - 1e-9);
    let disarmed = faction(&mut world, "militia");
    let first = armed["firstPowers"]["military"].as_f64().expect("a number");
    assert!(level(&disarmed, "military") < first * 0.75, "{armed} {disarmed}");
    assert!(level(&disarmed, "military") >= first * 0.7 - 1e-9, "{disarmed}");
    Ok(())
}

#[test]
fn what_is_made_of_weapons_in_a_war_is_felt_by_who_wages_it() -> Result<(), StepError> {
    let military = |is_armed: bool| -> Result<[f64; 2], StepError> {
        let mut spec = both();
        section(&mut spec).rules.economy.usual_days = 1_000.0;
        let mut world = world_of(spec)?;
        world.days(4)?;
        world.send("diplomacy.declare_war", json!({"by": "militia", "with": "maelstrom_gang"}))?;
        if !is_armed {
            world.send("economy.add_shock", json!({"kind": "role_vanished", "role": "Smith", "durationHours": 400}))?;
        }
        world.days(8)?;
        Ok(["militia", "maelstrom_gang"].map(|id| {
            let of = faction(&mut world, id);
            assert_eq!(of["byState"]["war"], 1, "{of}");
            of["powers"]["military"].as_f64().expect("a number")
        }))
    };
    let (armed, disarmed) = (military(true)?, military(false)?);
    assert!(armed.iter().zip(&disarmed).all(|(armed, disarmed)| *disarmed < 0.98 * armed), "{armed:?} {disarmed:?}");
    Ok(())
}

#[test]
fn an_economy_without_factions_is_what_it_was() -> Result<(), StepError> {
    let mut spec = both();
    spec.diplomacy = None;
    let mut with = world_of(spec.clone())?;
    let mut without = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })?;
    with.days(3)?;
    without.days(3)?;
    assert_eq!(with.state_hash()?, without.state_hash()?);
    assert_eq!(with.events(), without.events());
    Ok(())
}
