//! Several market places in a world: each with books of its own, tied together by who moves.

mod support;
mod ties;

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use serde_json::json;
use support::{assert_balanced, heads, place, shock, unrest, world, world_with};
use worldtick::components::ids::{StableId, StableIndex};
use worldtick::components::market::{Market, Moves, PlaceId, Side, TradeHistory, Trader};
use worldtick::messages::market::{DemandSignal, MarketCleared};
use worldtick::systems::economy::Conditions;
use worldtick::testing::StepError;
use worldtick::world::spec::{CommoditySpec, ShockKind, ShockSpec, WorldSpec};

const COMMODITIES: [&str; 5] = ["Food", "Wood", "Metal", "Weapon", "Crystal"];

#[test]
fn every_place_has_a_market_for_every_commodity() -> Result<(), StepError> {
    let mut world = world()?;
    assert_eq!(heads(&mut world), [120, 80]);
    world.hours(1)?;
    let cleared = world.events_of::<MarketCleared>()?;
    let found: Vec<_> = cleared.iter().map(|event| event.market_id.as_str().to_owned()).collect();
    let expected: Vec<_> = ["harbour", "hills"]
        .iter()
        .flat_map(|place| COMMODITIES.map(|commodity| format!("market-{place}-{commodity}")))
        .collect();
    assert_eq!(found, expected);
    assert!(cleared.iter().take(5).all(|event| event.place.as_ref().is_some_and(|place| place.as_str() == "harbour")));
    let wanted = world.events_of::<DemandSignal>()?;
    let at = |place: &str| wanted.iter().filter(|signal| signal.location.ends_with(place)).count();
    assert_eq!((at("/harbour"), at("/hills"), at("")), (at("/hills"), at("/harbour"), wanted.len()));
    let answer = world.ask("economy.markets", json!({})).expect("markets");
    assert_eq!(answer["markets"][5]["market_id"], "market-hills-Food");
    assert_eq!(answer["markets"][5]["place"], "hills");
    let heads = heads(&mut world);
    assert_eq!((&answer["places"][0]["name"], &answer["places"][0]["traders"]), (&json!("harbour"), &json!(heads[0])));
    let here = world.ask("economy.agents", json!({"place": "hills", "limit": 500})).expect("a list");
    assert_eq!(here["agents"].as_array().map(Vec::len), usize::try_from(heads[1]).ok());
    assert_eq!(here["agents"][0]["place"], "hills");
    assert!(world.ask("economy.agents", json!({"place": "moon"})).is_err());
    let prices = world.ask("economy.explain", json!({})).expect("prices");
    assert_eq!(prices["prices"].as_array().map(Vec::len), Some(10));
    assert_eq!(prices["prices"][7]["place"], "hills");
    assert!(prices["prices"][7]["implied"].is_number());
    Ok(())
}

/// A market tells of the wealth of those who trade there; all of them together are the world.
#[test]
fn wealth_is_counted_place_by_place() -> Result<(), StepError> {
    let mut world = world()?;
    world.hours(1)?;
    let known = world.ask("economy.markets", json!({})).expect("markets");
    let of = |row: &serde_json::Value, field: &str| row["wealth"][field].clone();
    let places = known["places"].as_array().expect("places");
    let traders = places.iter().filter_map(|place| of(place, "traders").as_u64()).sum::<u64>();
    assert_eq!((places.len() > 1, Some(traders)), (true, of(&known, "traders").as_u64()));
    assert!(places.windows(2).all(|two| of(&two[0], "wealth") != of(&two[1], "wealth")), "{known}");
    for market in world.events_of::<MarketCleared>()? {
        let place =
            places.iter().find(|place| place["name"].as_str() == market.place.as_ref().map(|name| name.as_str()));
        let told = serde_json::to_value(market.wealth).expect("json");
        assert_eq!(told, of(place.expect("a place of the world"), "wealth"), "{}", market.market_id);
    }
    Ok(())
}

#[test]
fn a_world_without_places_knows_nothing_of_them() -> Result<(), StepError> {
    let mut world = world_with(1, |economy| economy.places.clear())?;
    world.hours(60)?;
    let ecs = world.world().ecs();
    assert_eq!(ecs.query::<&PlaceId>().iter(ecs).count(), 0);
    assert!(ecs.get_resource::<Moves>().is_none());
    let answer = world.ask("economy.markets", json!({})).expect("markets");
    assert_eq!(answer["markets"][0]["market_id"], "market-Food");
    assert!(answer.get("places").is_none() && answer["markets"][0].get("place").is_none());
    Ok(())
}

#[test]
fn nobody_trades_in_a_book_of_another_place() -> Result<(), StepError> {
    let mut world = world_with(3, unrest)?;
    let mut moved = 0;
    for hour in 1..=120 {
        world.hours(1)?.take_events();
        let ecs = world.world().ecs();
        let mut traded: BTreeMap<(PlaceId, u16), [i64; 2]> = BTreeMap::new();
        for (place, history) in ecs.query::<(&PlaceId, &TradeHistory)>().iter(ecs) {
            for trade in history.iter().filter(|trade| trade.hour == hour) {
                let sums = traded.entry((*place, trade.commodity.0)).or_default();
                sums[usize::from(trade.side == Side::Ask)] += trade.quantity.0;
            }
        }
        for (place, market) in ecs.query::<(&PlaceId, &Market)>().iter(ecs) {
            let sums = traded.get(&(*place, market.commodity.0)).copied().unwrap_or_default();
            assert_eq!(sums, [market.volume.0; 2], "hour {hour}: {}", market.market_id);
        }
        moved = ecs.resource::<Moves>().0.iter().map(|moves| moves.came).sum::<u64>();
    }
    assert!(moved > 20, "{moved} moved");
    Ok(())
}

#[test]
fn a_thousand_hours_conserve_money_and_goods_to_the_unit() -> Result<(), StepError> {
    let mut world = world_with(5, unrest)?;
    assert_balanced(&mut world);
    for _ in 0..1_000 {
        world.hours(1)?.take_events();
        assert_balanced(&mut world);
    }
    let moves = world.world().ecs().resource::<Moves>().clone();
    let came: u64 = moves.0.iter().map(|moves| moves.came).sum();
    assert_eq!(came, moves.0.iter().map(|moves| moves.went).sum::<u64>());
    assert!(moves.0.iter().all(|moves| moves.came > 20), "{moves:?}");
    Ok(())
}

#[test]
fn a_restart_after_every_hour_changes_nothing() -> Result<(), StepError> {
    let (mut one, mut other) = (world_with(6, unrest)?, world_with(6, unrest)?);
    for _ in 0..40 {
        one.hours(1)?;
        other.hours(1)?;
        other.restart()?;
        assert_eq!(one.state_hash()?, other.state_hash()?);
    }
    assert_eq!(one.snapshot()?, other.snapshot()?);
    Ok(())
}

#[derive(Component)]
struct Shuffled;

#[test]
fn the_order_of_entities_in_memory_decides_nothing() -> Result<(), StepError> {
    let (mut world, mut shuffled) = (world_with(7, unrest)?, world_with(7, unrest)?);
    let ecs = shuffled.world().ecs();
    let every_third: Vec<_> = ecs.resource::<StableIndex>().iter().map(|(_, entity)| entity).step_by(3).collect();
    let before: Vec<StableId> = ecs.query_filtered::<&StableId, With<Trader>>().iter(ecs).copied().collect();
    for entity in every_third.into_iter().rev() {
        ecs.entity_mut(entity).insert(Shuffled);
        ecs.entity_mut(entity).remove::<Shuffled>();
    }
    let after: Vec<StableId> = ecs.query_filtered::<&StableId, With<Trader>>().iter(ecs).copied().collect();
    assert_ne!(before, after);
    world.hours(60)?;
    shuffled.hours(60)?;
    assert_eq!(world.state_hash()?, shuffled.state_hash()?);
    Ok(())
}

#[test]
fn trade_from_outside_comes_to_one_place_or_to_all_by_their_shares() -> Result<(), StepError> {
    for (only, expected) in [(Some("hills"), [0, 50]), (None, [30, 20])] {
        let mut world = world_with(9, |economy| {
            let terms = ShockSpec {
                quantity: Some(50),
                price: Some(1),
                factor: None,
                ..shock(ShockKind::Import, "Food", only)
            };
            economy.shocks = vec![ShockSpec { starts_in_hours: 0, ..terms }];
        })?;
        world.hours(1)?;
        let ecs = world.world().ecs();
        let conditions = ecs.resource::<Conditions>();
        let orders = [PlaceId(0), PlaceId(1)].map(|place| conditions.at(place).expect("a place").trade.clone());
        assert_eq!(orders.map(|orders| orders.iter().map(|order| order.quantity).sum::<u32>()), expected);
        let shocks = world.ask("economy.shocks", json!({})).expect("shocks");
        assert_eq!(shocks["shocks"][0]["place"], json!(only));
    }
    Ok(())
}

#[test]
fn what_is_wrong_with_places_is_said_all_at_once() {
    let economy = "\
commodities:
  - { name: Bread, need: 1 }
  - { name: Toys, spendingShare: 1 }
roles:
  - { name: Baker, output: Bread, quantity: 3 }
  - { name: Carver, output: Toys, quantity: 1 }
";
    let read = |more: &str| {
        let text: String = economy.lines().chain(more.lines()).map(|line| format!("  {line}\n")).collect();
        WorldSpec::from_yaml(&format!("id: w\neconomy:\n{text}")).map_err(|error| error.report)
    };
    let report = read(
        "\
places:
  - { name: harbour, share: 0.5, yields: { Baker: 0, Smith: 2 } }
  - { name: harbour, share: 0.2 }
  - { name: no name, share: 0 }
population:
  agents: [{ role: Baker, money: 100000, place: moon }, { role: Carver, money: 100000 }]
shocks:
  - { kind: need, commodity: Bread, factor: 2, durationHours: 5, place: moon }
  - { kind: money, factor: 2, place: harbour }
",
    )
    .expect_err("refused");
    for part in [
        "the shares of the places add up to 0.7, not to 1",
        "`harbour` is there twice",
        "there is no role `Smith`",
        "0 is outside 0.1 to 10",
        "0 is outside 0.01 to 1",
        "places[2].name",
        "there is no place `moon`: the world has harbour, harbour, no name",
        "a `money` shock is everybody's",
    ] {
        assert!(report.contains(part), "no `{part}` in:\n{report}");
    }
    assert!(report.matches("`moon`").count() >= 2, "{report}");
    assert!(report.contains("line 10") || report.contains(":10:"), "names lines:\n{report}");
    let lonely = read("places: [{ name: harbour, share: 1 }]\n").expect_err("refused");
    assert!(lonely.contains("there are 1; it takes 2 to 16, or none"), "{lonely}");
    let nowhere = read("shocks: [{ kind: need, commodity: Bread, factor: 2, durationHours: 5, place: moon }]\n");
    assert!(nowhere.expect_err("refused").contains("one market place without a name"));
    let good = read("places: [{ name: harbour, share: 0.5 }, { name: hills, share: 0.5, yields: { Baker: 2 } }]\n");
    assert!(!good.expect("valid").economy.expect("an economy").has_equal_places());
}

#[test]
fn there_is_an_end_to_how_many_markets_a_world_has() {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    let economy = spec.economy.as_mut().expect("an economy");
    let commodity = economy.commodities[0].clone();
    let more = (0..12).map(|n| CommoditySpec {
        name: format!("Good{n}"),
        need: 0.0,
        spending_share: 0.0,
        ..commodity.clone()
    });
    economy.commodities.extend(more);
    economy.places = (0..16).map(|n| place(&format!("p{n}"), 0.0625, &[])).collect();
    let report = garde::Validate::validate(economy).expect_err("refused").to_string();
    assert!(report.contains("272 markets"), "{report}");
}
