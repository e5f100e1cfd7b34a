//! Shocks: they do what they say, they end on time, they outlive a restart, and what is refused changes nothing.

use bevy_app::App;
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::components::clock::ClockSource;
use worldtick::components::market::{GoodsEntry, Ledger, Market, MarketStatistics, MoneyEntry, Purse, Shocks, Stock};
use worldtick::messages::market::MarketCleared;
use worldtick::messages::shock::{MarketShock, ShockPhase};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

const NAMES: [&str; 5] = ["Food", "Wood", "Metal", "Weapon", "Crystal"];

fn file(seed: u64, people: u32, shocks: Value) -> WorldSpec {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    spec.seed = seed;
    let economy = spec.economy.as_mut().expect("an economy");
    economy.population.count = people;
    economy.shocks = serde_json::from_value(shocks).expect("shocks");
    spec
}

fn world_of(spec: WorldSpec) -> Result<Stepper, StepError> {
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

fn world(seed: u64) -> Result<Stepper, StepError> {
    world_of(file(seed, 200, json!([])))
}

fn add(world: &mut Stepper, shock: Value) -> Result<Value, StepError> {
    world.send("economy.add_shock", shock)
}

fn ledger(world: &mut Stepper) -> Ledger {
    world.world().ecs().resource::<Ledger>().clone()
}

fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).unwrap_or_else(|error| panic!("{error}"));
    assert!(holders.iter(ecs).all(|(purse, _)| purse.free().0 >= 0 && purse.escrow().0 == 0));
}

/// Mean price and hourly volume of each commodity over so many hours.
fn means(world: &mut Stepper, hours: u32) -> Result<Vec<(f64, f64)>, StepError> {
    world.take_events();
    world.hours(hours)?;
    let cleared = world.events_of::<MarketCleared>()?;
    world.take_events();
    let mean = |name: &str, of: fn(&MarketCleared) -> f64| {
        let all: Vec<f64> = cleared.iter().filter(|event| event.commodity == name).map(of).collect();
        all.iter().sum::<f64>() / f64::from(hours)
    };
    #[expect(clippy::cast_precision_loss, reason = "small")]
    Ok(NAMES.map(|name| (mean(name, |event| event.price), mean(name, |event| event.volume as f64))).to_vec())
}

fn told(world: &Stepper) -> Result<Vec<(String, ShockPhase)>, StepError> {
    Ok(world.events_of::<MarketShock>()?.into_iter().map(|event| (event.shock_id, event.phase)).collect())
}

#[test]
fn a_bad_harvest_makes_food_dear_and_ends_on_time() -> Result<(), StepError> {
    let (mut calm, mut hit) = (world(3)?, world(3)?);
    calm.hours(200)?;
    hit.hours(200)?;
    assert_eq!(calm.state_hash()?, hit.state_hash()?);
    let shock = json!({"id": "locusts", "kind": "yield", "commodity": "Food", "factor": 0.4, "durationHours": 48});
    let answer = add(&mut hit, shock)?;
    assert_eq!(
        (&answer["id"], &answer["state"], &answer["startHour"], &answer["endHour"], &answer["hoursLeft"]),
        (&json!("locusts"), &json!("to_come"), &json!(200), &json!(248), &json!(48)),
        "it begins with the hour"
    );
    let state =
        |world: &mut Stepper| world.ask("economy.shocks", json!({})).expect("an answer")["shocks"][0]["state"].clone();
    assert_eq!(state(&mut hit), json!("to_come"), "nothing of it has been done yet");
    let mut begun = world(3)?;
    add(&mut begun, json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 5}))?;
    begun.hours(1)?;
    assert_eq!(state(&mut begun), json!("active"));
    let (usual, dear) = (means(&mut calm, 48)?, means(&mut hit, 48)?);
    assert!(dear[0].0 > usual[0].0 * 1.3, "food costs {} instead of {}", dear[0].0, usual[0].0);
    let made =
        |world: &mut Stepper| ledger(world).goods(worldtick::components::market::CommodityId(0), GoodsEntry::Produced);
    assert!(made(&mut hit) < made(&mut calm));
    // It ends in the hour in which its time is over, and says so then.
    hit.take_events();
    hit.hours(1)?;
    assert_eq!(told(&hit)?, [("locusts".to_owned(), ShockPhase::Ended)]);
    let listed = hit.ask("economy.shocks", json!({})).expect("an answer");
    assert_eq!((&listed["shocks"][0]["state"], &listed["shocks"][0]["why"]), (&json!("ended"), &json!("ran_out")));
    assert_balanced(&mut hit);
    Ok(())
}

#[test]
fn each_kind_does_what_it_says() -> Result<(), StepError> {
    let shocked = |shock: Value| -> Result<(Vec<(f64, f64)>, Ledger), StepError> {
        let mut world = world(5)?;
        world.hours(120)?;
        add(&mut world, shock)?;
        let means = means(&mut world, 48)?;
        assert_balanced(&mut world);
        Ok((means, ledger(&mut world)))
    };
    let mut calm = world(5)?;
    calm.hours(120)?;
    let usual = means(&mut calm, 48)?;
    let nothing = ledger(&mut calm);
    let eaten = |ledger: &Ledger| ledger.goods(worldtick::components::market::CommodityId(0), GoodsEntry::Eaten);

    let (_, hungry) = shocked(json!({"kind": "need", "commodity": "Food", "factor": 1.5, "durationHours": 48}))?;
    assert!(eaten(&hungry) > eaten(&nothing) + 200 * 48 / 4, "{} of {}", eaten(&hungry), eaten(&nothing));
    let (armed, _) = shocked(json!({"kind": "demand", "commodity": "Weapon", "factor": 3.0, "durationHours": 48}))?;
    assert!(armed[3].0 > usual[3].0 * 1.05 && armed[4].0 < usual[4].0, "{armed:?} against {usual:?}");
    let (idle, without) = shocked(json!({"kind": "role_vanished", "role": "Miner", "durationHours": 48}))?;
    assert!(idle[2].0 > usual[2].0 * 1.1, "{idle:?} against {usual:?}");
    let metal = worldtick::components::market::CommodityId(2);
    let mut before = world(5)?;
    before.hours(120)?;
    assert_eq!(
        without.goods(metal, GoodsEntry::Produced),
        ledger(&mut before).goods(metal, GoodsEntry::Produced),
        "nobody mines"
    );
    let (rich, doubled) = shocked(json!({"kind": "money", "factor": 2.0}))?;
    assert_eq!(doubled.money(MoneyEntry::Granted), doubled.money(MoneyEntry::Endowed), "doubled to the unit");
    assert!(rich.iter().zip(&usual).all(|(rich, usual)| rich.0 > usual.0 * 1.2), "{rich:?} against {usual:?}");
    let (_, halved) = shocked(json!({"kind": "money", "factor": 0.5}))?;
    assert!(halved.money(MoneyEntry::Taken) > 0 && halved.money_expected() < nothing.money_expected());
    Ok(())
}

#[test]
fn trade_from_outside_moves_prices_and_is_accounted_for() -> Result<(), StepError> {
    let food = worldtick::components::market::CommodityId(0);
    let run = |kind: &str, price: i64| -> Result<(Vec<(f64, f64)>, Ledger), StepError> {
        let mut world = world(7)?;
        world.hours(120)?;
        if price > 0 {
            let shock =
                json!({"kind": kind, "commodity": "Food", "quantity": 100, "price": price, "durationHours": 24});
            add(&mut world, shock)?;
        }
        let means = means(&mut world, 24)?;
        assert_balanced(&mut world);
        let at_the_end = ledger(&mut world);
        // When it is over, nothing more comes in or goes out.
        world.hours(5)?;
        for entry in [GoodsEntry::Imported, GoodsEntry::Exported] {
            assert_eq!(ledger(&mut world).goods(food, entry), at_the_end.goods(food, entry));
        }
        Ok((means, at_the_end))
    };
    let (usual, nothing) = run("import", 0)?;
    assert_eq!((nothing.goods(food, GoodsEntry::Imported), nothing.money(MoneyEntry::PaidAbroad)), (0, 0));
    let (cheap, imports) = run("import", 500)?;
    assert!(imports.goods(food, GoodsEntry::Imported) > 500, "{imports:?}");
    assert!(imports.money(MoneyEntry::PaidAbroad) >= imports.goods(food, GoodsEntry::Imported) * 500);
    assert!(cheap[0].0 < usual[0].0, "{cheap:?} against {usual:?}");
    let (dear, exports) = run("export", 20_000)?;
    assert!(exports.goods(food, GoodsEntry::Exported) > 100, "{exports:?}");
    assert!(exports.money(MoneyEntry::EarnedAbroad) <= exports.goods(food, GoodsEntry::Exported) * 20_000);
    assert!(dear[0].0 > usual[0].0, "{dear:?} against {usual:?}");
    assert_eq!(
        exports.money_expected(),
        exports.money(MoneyEntry::Endowed) + exports.money(MoneyEntry::EarnedAbroad),
        "all other money stays"
    );
    Ok(())
}

#[test]
fn a_shock_outlives_a_restart_and_is_in_the_state_hash() -> Result<(), StepError> {
    let shock = json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 30, "startsInHours": 10});
    let (mut straight, mut restarted) = (world(9)?, world(9)?);
    straight.hours(5)?;
    restarted.hours(5)?;
    let before = straight.state_hash()?;
    let answer = add(&mut straight, shock.clone())?;
    assert_eq!((&answer["state"], &answer["id"]), (&json!("to_come"), &json!("shock-1")));
    assert_ne!(straight.state_hash()?, before, "it counts in the hash");
    add(&mut restarted, shock)?;
    for _ in 0..6 {
        straight.hours(8)?;
        restarted.hours(8)?.restart()?;
        assert_eq!(straight.state_hash()?, restarted.state_hash()?);
    }
    assert_eq!(straight.events(), restarted.events());
    let started = ("shock-1".to_owned(), ShockPhase::Started);
    assert_eq!(told(&restarted)?, [started, ("shock-1".to_owned(), ShockPhase::Ended)]);
    let (mut again, events) = straight.replay()?;
    assert_eq!(again.state_hash().expect("a hash"), straight.state_hash()?);
    assert_eq!(events, straight.events());
    Ok(())
}

#[test]
fn what_is_refused_says_why_and_changes_nothing() -> Result<(), StepError> {
    let mut world = world(11)?;
    world.hours(3)?;
    add(&mut world, json!({"id": "flood", "kind": "role_vanished", "role": "Miner", "durationHours": 9}))?;
    let before = (world.state_hash()?, world.journal().len());
    let cases = [
        (json!({"kind": "plague"}), "plague"),
        (
            json!({"kind": "need", "commodity": "Bread", "factor": 2.0, "durationHours": 9}),
            "/commodity: there is no commodity `Bread`",
        ),
        (json!({"kind": "need", "commodity": "Wood", "factor": 2.0, "durationHours": 9}), "take `demand`"),
        (json!({"kind": "demand", "commodity": "Metal", "factor": 2.0, "durationHours": 9}), "take `need`"),
        (json!({"kind": "role_vanished", "role": "King", "durationHours": 9}), "/role: there is no role `King`"),
        (
            json!({"kind": "yield", "factor": 2.0, "durationHours": 9}),
            "/role: a `yield` shock is of a role or of a commodity",
        ),
        (
            json!({"kind": "yield", "commodity": "Food", "role": "Farmer", "factor": 2.0, "durationHours": 9}),
            "give one",
        ),
        (
            json!({"kind": "need", "commodity": "Food", "factor": 11.0, "durationHours": 9}),
            "/factor: 11 is outside 0 to 10",
        ),
        (json!({"kind": "need", "commodity": "Food", "factor": -0.1, "durationHours": 9}), "/factor: -0.1 is outside"),
        (
            json!({"kind": "need", "commodity": "Food", "factor": null, "durationHours": 9}),
            "/factor: a `need` shock needs it",
        ),
        (json!({"kind": "need", "commodity": "Food", "factor": 2.0}), "/durationHours: a `need` shock needs it"),
        (
            json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 0}),
            "/durationHours: 0 is outside",
        ),
        (json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 8761}), "/durationHours: 8761"),
        (
            json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 9, "startsInHours": 90_000}),
            "/startsInHours",
        ),
        (
            json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 9, "price": 5}),
            "/price: a `need` shock has no use",
        ),
        (
            json!({"kind": "import", "commodity": "Food", "quantity": 0, "price": 5, "durationHours": 9}),
            "/quantity: 0 is outside",
        ),
        (
            json!({"kind": "import", "commodity": "Food", "quantity": 9, "price": 0, "durationHours": 9}),
            "/price: 0 is outside",
        ),
        (
            json!({"kind": "export", "commodity": "Food", "quantity": i64::MAX, "price": 5, "durationHours": 9}),
            "/quantity: 9223372036854775807",
        ),
        (json!({"kind": "export", "commodity": "Food", "quantity": 5, "price": -1, "durationHours": 9}), "/price: -1"),
        (json!({"kind": "money", "factor": 0.0}), "/factor: 0 is outside 0.1 to 10"),
        (json!({"kind": "money", "factor": 2.0, "durationHours": 5}), "/durationHours: a `money` shock happens once"),
        (json!({"id": "flood", "kind": "money", "factor": 2.0}), "/id: `flood` is a shock already"),
        (json!({"id": "A b", "kind": "money", "factor": 2.0}), "/id: a name has 1 to 64"),
        (json!({"kind": "money", "factor": 2.0, "colour": "red"}), "colour"),
    ];
    for (shock, words) in cases {
        let error = add(&mut world, shock.clone()).expect_err("refused").to_string();
        assert!(error.contains(words), "{shock}: {error}");
    }
    let error = world.send("economy.end_shock", json!({"shock": "fire"})).expect_err("refused").to_string();
    assert!(error.contains("there is no live shock `fire`: live are flood"), "{error}");
    assert_eq!((world.state_hash()?, world.journal().len()), before);
    Ok(())
}

#[test]
fn shocks_and_money_have_bounds() -> Result<(), StepError> {
    let mut world = world(13)?;
    add(&mut world, json!({"kind": "money", "factor": 5.0, "startsInHours": 2}))?;
    let error = add(&mut world, json!({"kind": "money", "factor": 3.0})).expect_err("refused").to_string();
    assert!(error.contains("a tenth to ten times"), "with what is to come: {error}");
    for _ in 0..31 {
        add(&mut world, json!({"kind": "role_vanished", "role": "Miner", "durationHours": 1, "startsInHours": 50}))?;
    }
    let error = add(&mut world, json!({"kind": "role_vanished", "role": "Miner", "durationHours": 1}));
    assert!(error.expect_err("refused").to_string().contains("end one first"));
    world.send("economy.end_shock", json!({"shock": "shock-7"}))?;
    assert_eq!(told(&world)?, [], "it never began");
    add(&mut world, json!({"id": "last", "kind": "role_vanished", "role": "Miner", "durationHours": 9}))?;
    world.hours(4)?;
    world.send("economy.end_shock", json!({"shock": "last"}))?;
    let expected = [("last", ShockPhase::Started), ("shock-1", ShockPhase::Started), ("shock-1", ShockPhase::Ended)];
    let expected = expected.map(|(id, phase)| (id.to_owned(), phase));
    assert_eq!(told(&world)?[..3], expected);
    assert_eq!(told(&world)?[3..], [("last".to_owned(), ShockPhase::Ended)]);
    assert_balanced(&mut world);
    // More than are remembered.
    for number in 0..60 {
        let id = format!("s{number}");
        world.send("economy.end_shock", json!({"shock": "none"})).expect_err("refused");
        add(&mut world, json!({"id": id, "kind": "role_vanished", "role": "Miner", "durationHours": 9}))?;
        world.send("economy.end_shock", json!({"shock": id}))?;
    }
    let shocks = world.world().ecs().resource::<Shocks>();
    assert_eq!((shocks.ended.len(), shocks.live.len()), (50, 30));
    Ok(())
}

/// The money that shocks and trade from outside are held against is that of the people, on both sides of the comparison.
/// Trade with the outside has made people rich before it begins: it would take all money beyond ten times of the file's.
#[test]
fn money_that_no_longer_fits_ends_without_having_started() -> Result<(), StepError> {
    let mut world = world(13)?;
    add(&mut world, json!({"id": "gift", "kind": "money", "factor": 5.0, "startsInHours": 20}))?;
    let sale = json!({"id": "sale", "kind": "export", "commodity": "Food", "quantity": 500, "price": 500_000,
        "durationHours": 19});
    add(&mut world, sale)?;
    world.hours(20)?;
    let (endowed, before) = (ledger(&mut world).money(MoneyEntry::Endowed), ledger(&mut world).money_expected());
    assert!(before > 2 * endowed, "{before} against {endowed}");
    world.take_events();
    world.hours(1)?;
    let events = world.events_of::<MarketShock>()?;
    let of_gift: Vec<_> = events.iter().filter(|event| event.shock_id == "gift").map(|event| event.phase).collect();
    assert_eq!((of_gift, ledger(&mut world).money(MoneyEntry::Granted)), (vec![ShockPhase::Ended], 0));
    let known = world.ask("economy.shocks", json!({})).expect("shocks");
    let gift = known["shocks"].as_array().expect("a list").iter().find(|shock| shock["id"] == "gift").expect("known");
    assert_eq!((&gift["state"], &gift["why"]), (&json!("ended"), &json!("out_of_bounds")));
    assert_balanced(&mut world);
    Ok(())
}

#[test]
fn a_treasury_does_not_count_in_the_bounds_of_money() -> Result<(), StepError> {
    let mut spec = file(17, 100, json!([]));
    let economy = spec.economy.as_mut().expect("an economy");
    economy.treasury = Some(serde_json::from_value(json!({"initialMoney": 1_000_000_000})).expect("a treasury"));
    let mut world = world_of(spec)?;
    world.hours(5)?;
    let before = ledger(&mut world).money_of_traders();
    assert_eq!(before, 100 * 150_000);
    add(&mut world, json!({"kind": "money", "factor": 2.0}))?;
    let export = json!({"kind": "export", "commodity": "Food", "quantity": 100, "price": 9_000, "durationHours": 24});
    add(&mut world, export)?;
    world.hours(24)?;
    let after = ledger(&mut world);
    assert_eq!(after.money(MoneyEntry::Granted), before, "doubled");
    let food = worldtick::components::market::CommodityId(0);
    assert!(after.goods(food, GoodsEntry::Exported) > 100, "{after:?}");
    assert_eq!(after.money_of_treasury(), 1_000_000_000);
    // And down: the treasury does not make a people rich that is to have next to nothing.
    add(&mut world, json!({"kind": "money", "factor": 0.1}))?;
    let error = add(&mut world, json!({"kind": "money", "factor": 0.1})).expect_err("refused").to_string();
    assert!(error.contains("the traders' money"), "{error}");
    Ok(())
}

#[test]
fn a_world_file_may_bring_its_own() -> Result<(), StepError> {
    let shocks = json!([
        {"id": "drought", "kind": "yield", "role": "Farmer", "factor": 0.5, "startsInHours": 2, "durationHours": 3},
        {"kind": "export", "commodity": "Crystal", "quantity": 5, "price": 9000, "durationHours": 4},
    ]);
    let mut world = world_of(file(1, 60, shocks))?;
    world.hours(8)?;
    let of = |id: &str, phase| (id.to_owned(), phase);
    assert_eq!(
        told(&world)?,
        [
            of("shock-1", ShockPhase::Started),
            of("drought", ShockPhase::Started),
            of("shock-1", ShockPhase::Ended),
            of("drought", ShockPhase::Ended)
        ]
    );
    // Numbers pass over names that the file gives, before and behind.
    let shocks = json!([
        {"kind": "money", "factor": 2.0},
        {"id": "shock-1", "kind": "money", "factor": 2.0},
        {"kind": "money", "factor": 0.5},
    ]);
    let named = world_of(file(1, 20, shocks))?.world().ecs().resource::<Shocks>().clone();
    let ids: Vec<&str> = named.live.iter().map(|shock| shock.influence.id.as_str()).collect();
    assert_eq!(ids, ["shock-2", "shock-1", "shock-3"]);
    // What is wrong is told with everything else, line and column.
    let wrong = "id: w\nclock: manual\neconomy:\n  commodities:\n    - { name: Food, need: 1.0, signal: food }\n    \
                 - { name: Wood, signal: none }\n  roles:\n    - { name: Farmer, output: Food, quantity: 3 }\n    \
                 - { name: Logger, output: Wood, quantity: 3 }\n  shocks:\n    \
                 - { kind: need, commodity: Foot, factor: 2, durationHours: 9 }\n    \
                 - { kind: money, factor: .nan }\n  signals:\n    war: { demand: { Gold: 2 }, trade: 11 }\n    \
                 foodDemand: [Bread]\n";
    let report = WorldSpec::from_yaml(wrong).expect_err("refused").report;
    for words in ["`Foot`", "NaN is outside", "`Gold`", "11 is outside", "`Bread`", "12", "14"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    Ok(())
}

fn any_shock() -> impl Strategy<Value = Value> {
    let factor = prop_oneof![Just(0.0), Just(10.0), 0.0..10.0_f64];
    let name = prop::sample::select(NAMES.to_vec());
    let role = prop::sample::select(vec!["Farmer", "Woodcutter", "Miner", "Smith", "Grower"]);
    let amount = |most: i64| prop_oneof![Just(1), Just(most), 1..=most];
    let hours = (0_u32..30, 1_u32..40);
    (0_usize..7, factor, name, role, amount(1_000_000), amount(4_000_000), hours).prop_map(
        |(kind, factor, name, role, quantity, price, (starts, hours))| {
            let kinds = ["yield", "need", "demand", "money", "role_vanished", "import", "export"];
            let mut shock = json!({"kind": kinds[kind], "startsInHours": starts});
            match kinds[kind] {
                "yield" => shock["role"] = role.into(),
                "need" => shock["commodity"] = "Food".into(),
                "demand" => shock["commodity"] = "Weapon".into(),
                "role_vanished" => shock["role"] = role.into(),
                "import" | "export" => {
                    shock["commodity"] = name.into();
                    shock["quantity"] = quantity.into();
                    shock["price"] = price.into();
                }
                _ => {}
            }
            if matches!(kinds[kind], "yield" | "need" | "demand" | "money") {
                shock["factor"] = factor.into();
            }
            if kinds[kind] != "money" {
                shock["durationHours"] = hours.into();
            }
            shock
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever comes, the world lives on, prices stay prices, and every unit is accounted for by kind.
    #[test]
    fn no_shock_breaks_a_world(shocks in prop::collection::vec(any_shock(), 1..8), seed in 0_u64..1_000) {
        let mut world = world_of(file(seed, 40, json!([]))).expect("a world");
        for shock in shocks {
            // A money shock out of bounds is refused, as it should be.
            let _ = add(&mut world, shock);
        }
        for _ in 0..8 {
            world.hours(10).expect("it lives");
            assert_balanced(&mut world);
            let ecs = world.world().ecs();
            let hours = ecs.resource::<MarketStatistics>().hours;
            for market in ecs.query::<&Market>().iter(ecs) {
                prop_assert!((1..=4_194_303).contains(&market.price.0), "hour {}: {:?}", hours, market);
            }
        }
        let ledger = ledger(&mut world);
        let sources = [MoneyEntry::Endowed, MoneyEntry::Granted, MoneyEntry::EarnedAbroad];
        let sinks = [MoneyEntry::Taken, MoneyEntry::PaidAbroad];
        let sum = |kinds: &[MoneyEntry]| kinds.iter().map(|kind| ledger.money(*kind)).sum::<i64>();
        prop_assert_eq!(ledger.money_expected(), sum(&sources) - sum(&sinks));
        prop_assert!(ledger.money_expected() <= 10 * ledger.money(MoneyEntry::Endowed));
        world.restart().expect("restored");
    }
}
