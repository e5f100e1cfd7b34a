//! Signals in, from a plugin of a developer's own, and signals out.

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use worldtick::components::clock::ClockSource;
use worldtick::components::market::{PlaceId, Shocks};
use worldtick::messages::market::{AggregatedStats, DemandLevel, DemandSignal, MarketCleared, StatsType};
use worldtick::messages::outside::{EconomySignal, SignalKind, TradeDirection};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::{Conditions, LocalConditions};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{DemandName, WorldSpec};
use worldtick::world::{Answer, RegisterExt, WorldCommand};

/// A plugin that does not come with worldtick: what its command is told it signals to the economy.
struct FactionPlugin;

#[derive(Deserialize, JsonSchema)]
struct Tell {
    what: String,
    hours: u32,
    #[serde(default)]
    number: f64,
    #[serde(default)]
    name: String,
}

impl WorldCommand for Tell {
    const NAME: &'static str = "faction.tell";
}

fn tell(In(order): In<Tell>, mut signals: MessageWriter<EconomySignal>) -> Answer {
    #[expect(clippy::cast_possible_truncation, reason = "a test")]
    let whole = order.number as i64;
    let kind = match order.what.as_str() {
        "food" => SignalKind::FoodDemand { change_percent: order.number },
        // JSON has no word for it, but a plugin may compute it.
        "odd food" => SignalKind::FoodDemand { change_percent: f64::NAN },
        "war" => SignalKind::War { faction_a: "north".into(), faction_b: order.name.clone() },
        "alliance" => SignalKind::Alliance { faction_a: order.name.clone(), faction_b: "north".into() },
        _ => SignalKind::Trade {
            commodity: order.name.clone(),
            direction: if order.what == "import" { TradeDirection::Import } else { TradeDirection::Export },
            quantity: whole,
            price: 2_000,
        },
    };
    signals.write(EconomySignal { source: "factions".into(), hours: order.hours, kind });
    Ok(Value::Null)
}

impl Plugin for FactionPlugin {
    fn build(&self, app: &mut App) {
        app.accept_command::<Tell, _>(tell);
    }
}

fn default_file() -> WorldSpec {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    spec.economy.as_mut().expect("an economy").population.count = 200;
    spec
}

fn world_of(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin, FactionPlugin));
        app
    })
}

fn world() -> Result<Stepper, StepError> {
    world_of(default_file())
}

fn send(world: &mut Stepper, what: &str, hours: u32, number: f64, name: &str) -> Result<(), StepError> {
    world.send("faction.tell", json!({"what": what, "hours": hours, "number": number, "name": name}))?;
    Ok(())
}

fn conditions(world: &mut Stepper) -> LocalConditions {
    world.world().ecs().resource::<Conditions>().at(PlaceId(0)).expect("a place").clone()
}

fn refused(world: &mut Stepper) -> (u64, String) {
    let answer = world.ask("economy.shocks", json!({})).expect("an answer");
    let signals = &answer["signals"];
    (signals["refused"].as_u64().expect("a number"), signals["lastRefused"].as_str().unwrap_or_default().to_owned())
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 1e-9
}

#[test]
fn a_plugin_of_ones_own_is_heard_from_the_next_hour_for_as_long_as_it_says() -> Result<(), StepError> {
    let mut world = world()?;
    world.hours(2)?;
    let before = world.state_hash()?;
    send(&mut world, "food", 3, 50.0, "")?;
    assert_ne!(world.state_hash()?, before, "it is in the state at once: a restart loses nothing");
    world.restart()?;
    for hour in 0..5 {
        world.hours(1)?;
        let expected = if hour < 3 { 1.5 } else { 1.0 };
        let need: Vec<f64> = conditions(&mut world).need.iter().copied().collect();
        assert!(near(need[0], expected) && need[1..].iter().all(|factor| near(*factor, 1.0)), "hour {hour}: {need:?}");
    }
    // The same source's word takes the place of the one before; 0 hours end it.
    for percent in [100.0, -50.0] {
        send(&mut world, "food", 100, percent, "")?;
    }
    world.hours(1)?;
    assert!(near(conditions(&mut world).need.iter().copied().next().expect("food"), 0.5));
    assert_eq!(world.world().ecs().resource::<Shocks>().signals.len(), 1);
    send(&mut world, "food", 0, 0.0, "")?;
    world.hours(1)?;
    assert!(near(conditions(&mut world).need.iter().copied().next().expect("food"), 1.0));
    Ok(())
}

#[test]
fn war_and_alliance_mean_what_the_world_file_says() -> Result<(), StepError> {
    let mut world = world()?;
    send(&mut world, "import", 50, 40.0, "Food")?;
    send(&mut world, "war", 20, 0.0, "south")?;
    world.hours(1)?;
    let at_war = conditions(&mut world);
    assert!(at_war.trade.is_empty(), "nothing comes in or goes out: {at_war:?}");
    let shares = [0.0, 0.2, 0.0, 0.5, 0.3];
    let spent: f64 = shares.iter().zip(at_war.spending.iter()).map(|(share, factor)| share * factor).sum();
    assert!(near(spent, 1.0), "nobody spends more than there is: {at_war:?}");
    let factors: Vec<f64> = at_war.spending.iter().copied().collect();
    assert!(near(factors[3] / factors[1], 2.0) && near(factors[4] / factors[1], 0.5), "{factors:?}");
    // Who is named first does not matter; an alliance is another word than a war.
    send(&mut world, "alliance", 20, 0.0, "south")?;
    world.hours(1)?;
    assert_eq!(world.world().ecs().resource::<Shocks>().signals.len(), 3);
    world.hours(21)?;
    assert_eq!(conditions(&mut world).trade[0].quantity, 40);
    Ok(())
}

/// Who ends something need not say again what it was, nor rightly.
#[test]
fn a_word_of_no_hours_ends_a_signal_whatever_else_it_says() -> Result<(), StepError> {
    let mut world = world()?;
    for (begun, number, ended) in [("food", 50.0, "food"), ("food", 50.0, "odd food"), ("import", 40.0, "import")] {
        send(&mut world, begun, 50, number, "Food")?;
        world.hours(1)?;
        assert_eq!(world.world().ecs().resource::<Shocks>().signals.len(), 1);
        send(&mut world, ended, 0, -1e9, "Food")?;
        assert_eq!(world.world().ecs().resource::<Shocks>().signals, [], "{ended}");
    }
    assert_eq!(refused(&mut world).0, 0);
    // Of what is named wrongly nobody knows what to end.
    send(&mut world, "war", 0, 0.0, "")?;
    assert_eq!(refused(&mut world).0, 1);
    Ok(())
}

#[test]
fn a_war_makes_weapons_dear() -> Result<(), StepError> {
    let price = |is_war: bool| -> Result<f64, StepError> {
        let mut world = world()?;
        world.hours(150)?;
        if is_war {
            send(&mut world, "war", 60, 0.0, "south")?;
        }
        world.take_events();
        world.hours(60)?;
        let cleared = world.events_of::<MarketCleared>()?;
        Ok(cleared.iter().filter(|event| event.commodity == "Weapon").map(|event| event.price).sum::<f64>() / 60.0)
    };
    let (peace, war) = (price(false)?, price(true)?);
    assert!(war > peace * 1.03, "{war} against {peace}");
    Ok(())
}

#[test]
fn what_is_out_of_bounds_is_refused_counted_and_changes_nothing() -> Result<(), StepError> {
    let mut mute = default_file();
    mute.economy.as_mut().expect("an economy").signals.war = serde_json::from_value(json!({})).expect("nothing");
    let mut world = world_of(mute)?;
    world.hours(2)?;
    let shocks = world.world().ecs().resource::<Shocks>().clone();
    let cases = [
        ("food", 10, 401.0, "", "401 percent is outside -90 to 400"),
        ("food", 10, -91.0, "", "outside"),
        ("odd food", 10, 0.0, "", "NaN percent is outside"),
        ("food", 721, 10.0, "", "721 hours are more than the 720"),
        ("war", 10, 0.0, "south", "does not say what it means: see `economy.signals.war`"),
        ("alliance", 10, 0.0, "north", "stands on both sides"),
        ("alliance", 10, 0.0, "", "1 to 64 printable"),
        ("alliance", 10, 0.0, "a\u{7}b", "1 to 64 printable"),
        ("import", 10, 0.0, "Food", "quantity: 0 is outside 1 to 1000000"),
        ("export", 10, 1e18, "Food", "quantity: 1000000000000000000 is outside"),
        ("export", 10, 5.0, "Bread", "there is no commodity `Bread`"),
    ];
    for (number, (what, hours, percent, name, words)) in (1..).zip(cases) {
        send(&mut world, what, hours, percent, name)?;
        let (count, why) = refused(&mut world);
        assert_eq!(count, number, "{why}");
        assert!(why.contains(words), "{words}: {why}");
    }
    assert_eq!(*world.world().ecs().resource::<Shocks>(), shocks);
    // And there is an end to how many are live.
    for number in 0..70 {
        send(&mut world, "alliance", 9, 0.0, &format!("f{number}"))?;
    }
    assert_eq!(refused(&mut world).0, 17);
    assert_eq!(world.world().ecs().resource::<Shocks>().signals.len(), 64);
    Ok(())
}

#[test]
fn demand_for_each_commodity_goes_out_in_every_hour() -> Result<(), StepError> {
    let mut world = world()?;
    world.hours(300)?;
    world.take_events();
    world.hours(1)?;
    let calm = world.events_of::<DemandSignal>()?;
    let names: Vec<&str> = calm.iter().map(|signal| signal.commodity_type.as_str()).collect();
    assert_eq!(names, ["food", "Wood", "Metal", "weapons", "cyberware"]);
    assert_eq!(calm[3].commodity.as_deref(), Some("Weapon"));
    for signal in &calm {
        assert_eq!(signal.location, "night-city");
        assert!(
            matches!(signal.demand_level, DemandLevel::Low | DemandLevel::Normal | DemandLevel::High),
            "{signal:?}"
        );
        assert!(signal.agent_count.is_some_and(|count| count <= 200), "{signal:?}");
    }
    // A famine is told of as one, and more is wanted than usual.
    world
        .send("economy.add_shock", json!({"kind": "need", "commodity": "Food", "factor": 4.0, "durationHours": 48}))?;
    world.take_events();
    world.hours(40)?;
    let food: Vec<DemandSignal> =
        world.events_of()?.into_iter().filter(|signal: &DemandSignal| signal.commodity_type == "food").collect();
    assert_eq!(food.len(), 40);
    assert!(food.iter().any(|signal| signal.demand_level == DemandLevel::Critical), "{food:?}");
    assert!(food[0].demand_change_percent > Some(50.0), "{:?}", food[0]);
    assert!(food.iter().any(|signal| signal.predicted_price_impact_percent > Some(20.0)));
    Ok(())
}

/// The change of demand for food in each hour, and how much was needed of it and not there.
fn food(world: &mut Stepper, hours: u32) -> Result<Vec<f64>, StepError> {
    world.take_events();
    world.hours(hours)?;
    let all = world.events_of::<DemandSignal>()?.into_iter().filter(|signal| signal.commodity_type == "food");
    Ok(all.map(|signal| signal.demand_change_percent.expect("a number")).collect())
}

/// A world in which everybody needs food and nobody can make it: what is needed is all missed, whatever people do.
fn famine(need: f64) -> Result<Stepper, StepError> {
    let mut spec = default_file();
    let economy = spec.economy.as_mut().expect("an economy");
    economy.commodities[0].need = need;
    economy.population.initial_stock_hours = 0.0;
    let shock = json!([{"kind": "yield", "role": "Farmer", "factor": 0.0, "durationHours": 8_000}]);
    economy.shocks = serde_json::from_value(shock).expect("a shock");
    world_of(spec)
}

#[test]
fn a_need_that_stays_unmet_is_no_change_and_a_jump_is_told_whole() -> Result<(), StepError> {
    // Whole units: no chance in what is needed. Nothing is used, all is missed: 200 an hour, for ever.
    let mut world = famine(1.0)?;
    world.hours(100)?;
    let steady = food(&mut world, 20)?;
    assert!(steady.iter().all(|change| change.abs() < 1e-9), "{steady:?}");
    world
        .send("economy.add_shock", json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 500}))?;
    let doubled = food(&mut world, 100)?;
    assert!((doubled[0] - 100.0).abs() < 0.01, "against what was before it: {doubled:?}");
    assert!(doubled.is_sorted_by(|one, next| one >= next) && doubled[99].abs() < 0.1, "{doubled:?}");
    Ok(())
}

#[test]
fn what_spoils_is_no_demand() -> Result<(), StepError> {
    // Everybody has his fill and much more of it, which rots away: what is eaten stays the same.
    let mut spec = default_file();
    let economy = spec.economy.as_mut().expect("an economy");
    economy.commodities[0].need = 1.0;
    economy.commodities[0].spoilage = 0.02;
    economy.population.initial_stock_hours = 200.0;
    let mut world = world_of(spec)?;
    world.hours(5)?;
    let changes = food(&mut world, 20)?;
    assert!(changes.iter().all(|change| change.abs() < 1e-9), "{changes:?}");
    Ok(())
}

#[test]
fn traders_from_outside_are_no_agents() -> Result<(), StepError> {
    let bidders = |world: &mut Stepper| -> Result<u64, StepError> {
        world.take_events();
        world.hours(1)?;
        let all = world.events_of::<DemandSignal>()?;
        let crystal = all.iter().find(|signal| signal.commodity.as_deref() == Some("Crystal")).expect("told");
        Ok(crystal.agent_count.expect("a number"))
    };
    let (mut alone, mut visited) = (world()?, world()?);
    alone.hours(9)?;
    visited.hours(9)?;
    send(&mut visited, "export", 5, 40.0, "Crystal")?;
    assert_eq!(bidders(&mut visited)?, bidders(&mut alone)?);
    Ok(())
}

#[test]
fn signals_are_counted_with_the_input_that_brought_them() -> Result<(), StepError> {
    use worldtick::messages::outside::SignalsHeard;
    use worldtick::messages::{CommandInput, Input};
    let mut world = world()?;
    let mut told = |what: &str, hours: u32| -> Result<SignalsHeard, StepError> {
        let command = CommandInput {
            command_id: uuid::Uuid::from_u128(u128::from(hours)),
            command: "faction.tell".into(),
            issued_by: "test".into(),
            payload: json!({"what": what, "hours": hours, "number": 10.0, "name": "Food"}),
        };
        Ok(world.apply(Input::Command(command))?.signals)
    };
    assert_eq!(told("food", 5)?, SignalsHeard { taken: 1, refused: 0 });
    assert_eq!(told("food", 721)?, SignalsHeard { taken: 0, refused: 1 });
    Ok(())
}

#[test]
fn trade_that_would_meet_other_trade_from_outside_is_refused() -> Result<(), StepError> {
    let mut world = world()?;
    world.hours(1)?;
    // Both at 2,000 minor units.
    send(&mut world, "import", 50, 40.0, "Food")?;
    send(&mut world, "export", 20, 40.0, "Food")?;
    let (count, why) = refused(&mut world);
    assert!(count == 1 && why.contains("`factions: import of Food`"), "{why}");
    let shock = json!({"kind": "export", "commodity": "Food", "quantity": 5, "price": 2_000, "durationHours": 5});
    let error = world.send("economy.add_shock", shock.clone()).expect_err("refused").to_string();
    assert!(error.contains("`factions: import of Food`"), "{error}");
    // The same source's next word takes the place of the one before, and may end it.
    send(&mut world, "import", 0, 40.0, "Food")?;
    world.send("economy.add_shock", shock)?;
    send(&mut world, "import", 50, 40.0, "Food")?;
    assert_eq!(refused(&mut world).0, 2);
    Ok(())
}

/// Traders from outside set no price among themselves.
#[test]
fn an_import_and_an_export_that_would_meet_are_refused() -> Result<(), StepError> {
    let trade = |kind: &str, price: i64, starts: u32| {
        json!({"id": format!("{kind}-{price}-{starts}"), "kind": kind, "commodity": "Food", "quantity": 10,
            "price": price, "startsInHours": starts, "durationHours": 10})
    };
    let mut world = world()?;
    world.hours(3)?;
    world.send("economy.add_shock", trade("import", 1_000, 5))?;
    let before = world.state_hash()?;
    for shock in [trade("export", 1_000, 5), trade("export", 4_000, 14), trade("export", 1_001, 0)] {
        let error = world.send("economy.add_shock", shock.clone()).expect_err("refused").to_string();
        assert!(error.contains("/price") && error.contains("`import-1000-5`"), "{shock}: {error}");
    }
    assert_eq!(world.state_hash()?, before);
    let mut wood = trade("export", 4_000, 6);
    wood["commodity"] = "Wood".into();
    for shock in [trade("export", 999, 5), trade("export", 4_000, 15), trade("import", 900, 25), wood] {
        world.send("economy.add_shock", shock)?;
    }
    // So it is in a world file, by line and column, and in a world that is made of one.
    let mut spec = default_file();
    let shocks = json!([trade("export", 2_000, 0), trade("import", 2_000, 9)]);
    spec.economy.as_mut().expect("an economy").shocks = serde_json::from_value(shocks).expect("shocks");
    let text = serde_json::to_string(&spec).expect("JSON");
    let report = WorldSpec::from_yaml(&text).expect_err("refused").report;
    assert!(report.contains("trade with `export-2000-0`") && report.contains("shocks"), "{report}");
    spec.economy.as_mut().expect("an economy").shocks.truncate(1);
    WorldSpec::from_yaml(&serde_json::to_string(&spec).expect("JSON")).expect("one alone is right");
    Ok(())
}

#[test]
fn what_has_no_name_of_the_list_goes_out_under_its_own_and_is_told_of() -> Result<(), StepError> {
    let mut spec = default_file();
    let commodities = &mut spec.economy.as_mut().expect("an economy").commodities;
    (commodities[1].signal, commodities[2].signal) = (None, Some(DemandName::None));
    let warnings = spec.warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].pointer, "/economy/commodities/1");
    assert!(warnings[0].message.contains("`Wood` goes out under its own name"), "{warnings:?}");
    let mut world = world_of(spec)?;
    world.hours(1)?;
    let names: Vec<String> =
        world.events_of::<DemandSignal>()?.into_iter().map(|signal| signal.commodity_type.into()).collect();
    assert_eq!(names, ["food", "Wood", "weapons", "cyberware"]);
    Ok(())
}

#[test]
fn hours_and_days_are_summed_up() -> Result<(), StepError> {
    let mut world = world()?;
    world.days(2)?;
    let all = world.events_of::<AggregatedStats>()?;
    let of = |kind: StatsType| all.iter().filter(|stats| stats.stats_type == kind).cloned().collect::<Vec<_>>();
    let (hours, days) = (of(StatsType::HourlySummary), of(StatsType::DailySummary));
    assert_eq!((hours.len(), days.len()), (48, 2));
    let cleared = world.events_of::<MarketCleared>()?;
    for (number, day) in days.iter().enumerate() {
        assert_eq!(day.time_window_minutes, Some(1_440));
        let of_day = &hours[number * 24..(number + 1) * 24];
        let sum = |of: fn(&AggregatedStats) -> Option<u64>| of_day.iter().filter_map(of).sum::<u64>();
        assert_eq!(day.metrics.total_agent_actions, Some(sum(|hour| hour.metrics.total_agent_actions)));
        assert_eq!(day.metrics.total_transactions, Some(sum(|hour| hour.metrics.total_transactions)));
        let turnover: f64 = cleared[number * 120..(number + 1) * 120].iter().map(|market| market.turnover).sum();
        assert!((day.metrics.total_transaction_volume.expect("a sum") - turnover).abs() < 0.01);
        let agents = day.metrics.unique_agents.expect("a number");
        assert!(of_day.iter().all(|hour| hour.metrics.unique_agents <= Some(agents)) && agents <= 200);
    }
    assert!(hours.iter().all(|hour| hour.time_window_minutes == Some(60) && hour.metrics.total_transactions > Some(0)));
    // A day of one hour tells what its hour told: nothing of the hours before.
    world.take_events();
    world.tick(worldtick::messages::TickType::Hourly)?;
    world.tick(worldtick::messages::TickType::Daily)?;
    let short = world.events_of::<AggregatedStats>()?;
    assert_eq!(short.iter().map(|stats| stats.stats_type).collect::<Vec<_>>(), {
        [StatsType::HourlySummary, StatsType::DailySummary]
    });
    assert_eq!(short[0].metrics, short[1].metrics);
    // A day with no hour in it has nothing to tell.
    world.take_events();
    world.tick(worldtick::messages::TickType::Daily)?;
    assert!(world.events_of::<AggregatedStats>()?.is_empty());
    Ok(())
}
