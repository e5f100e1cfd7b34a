//! Agents that are listed one by one, in a world file or a CSV file, and stocks that have an end.

use bevy_app::App;
use bevy_ecs::prelude::*;
use proptest::prelude::*;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::StableId;
use worldtick::components::market::{
    Beliefs, CommodityId, GoodsEntry, Ledger, MarketStatistics, Personality, Purse, RoleId, Stock, Storeroom, Trader,
};
use worldtick::components::money::Money;
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{AgentSource, AgentSpec, EconomySpec, WorldSpec, agents_from_csv};

const VILLAGE: &str = include_str!("../cmd/economy.in/village.yaml");

fn village() -> EconomySpec {
    WorldSpec::from_yaml(VILLAGE).expect("valid").economy.expect("an economy")
}

fn world_of(change: impl FnOnce(&mut EconomySpec)) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::from_yaml(VILLAGE).expect("valid");
    spec.clock = ClockSource::Manual;
    change(spec.economy.as_mut().expect("an economy"));
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

fn people(count: usize) -> Vec<AgentSpec> {
    let one = |number: usize| AgentSpec {
        role: if number.is_multiple_of(2) { "Baker" } else { "Woodcutter" }.into(),
        money: 100_000 + i64::try_from(number).expect("small"),
        stocks: [("Bread".to_owned(), 7), ("Wood".to_owned(), 3)].into(),
        beliefs: [("Bread".to_owned(), 900)].into(),
        skill: Some(1.5),
        risk_tolerance: Some(0.25),
        ..AgentSpec::default()
    };
    (0..count).map(one).collect()
}

fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).expect("everything is accounted for");
}

#[test]
fn listed_agents_begin_as_they_are_written() -> Result<(), StepError> {
    let mut world = world_of(|economy| economy.population.agents = people(30))?;
    assert_balanced(&mut world);
    let ecs = world.world().ecs();
    let statistics = ecs.resource::<MarketStatistics>();
    assert_eq!(statistics.roles.iter().map(|role| role.count).collect::<Vec<_>>(), [15, 15]);
    let mut agents = ecs.query::<(
        &StableId,
        &Trader,
        &worldtick::components::market::Role,
        &Personality,
        &Beliefs,
        &Purse,
        &Stock,
    )>();
    let mut found: Vec<_> = agents.iter(ecs).collect();
    found.sort_by_key(|(id, ..)| **id);
    assert_eq!(found.len(), 30);
    let mut impatience = Vec::new();
    for (number, (_, trader, role, personality, beliefs, purse, stock)) in (0_u16..).zip(found) {
        assert_eq!(purse.free(), Money(100_000 + i64::from(number)));
        assert_eq!((trader.skill, role.id), (1.5, RoleId(number % 2)));
        assert_eq!((stock.free(CommodityId(0)), stock.free(CommodityId(1))), (7, 3));
        assert_eq!((personality.risk_tolerance, beliefs.0[CommodityId(0)].price), (0.25, 900.0));
        impatience.push(personality.impatience);
    }
    // What is left out is drawn.
    assert!(impatience.iter().any(|drawn| (drawn - impatience[0]).abs() > 0.1));
    Ok(())
}

#[test]
fn a_world_of_listed_agents_lives_is_saved_and_replayed() -> Result<(), StepError> {
    let mut world = world_of(|economy| economy.population.agents = people(30))?;
    world.hours(30)?;
    let hash = world.state_hash()?;
    let (mut again, _) = world.replay()?;
    assert_eq!(again.state_hash().expect("a hash"), hash);
    world.restart()?;
    assert_eq!(world.state_hash()?, hash);
    let answer = world.ask("economy.agent", serde_json::json!({ "id": 4 })).expect("an answer");
    let past = answer["past"].as_array().expect("a list");
    assert!(past.len() >= 2, "{answer}");
    assert!(past.iter().all(|sample| sample["wealth"].is_number() && sample["beliefs"]["Bread"].is_number()));
    assert_balanced(&mut world);
    Ok(())
}

#[test]
fn a_world_says_what_its_prices_are_made_of_and_why_an_agent_did_not_trade() -> Result<(), StepError> {
    let mut world = world_of(|economy| economy.population.agents = people(30))?;
    let agent = |world: &mut Stepper, agent: u64| world.ask("economy.explain", serde_json::json!({ "agent": agent }));
    // Before the first hour nobody has traded.
    assert!(all_say(&agent(&mut world, 4).expect("an answer"), "since this process started"));
    world.hours(2)?;
    let prices = world.ask("economy.explain", serde_json::json!({})).expect("an answer");
    let names: Vec<&str> =
        prices["prices"].as_array().expect("a list").iter().filter_map(|p| p["commodity"].as_str()).collect();
    assert_eq!(names, ["Bread", "Wood"]);
    let dealings = agent(&mut world, 4).expect("an answer");
    assert!(!all_say(&dealings, "since this process started"), "{dealings}");
    world.restart()?;
    assert!(all_say(&agent(&mut world, 4).expect("an answer"), "since this process started"));
    assert!(agent(&mut world, 999).expect_err("nobody").contains("no agent 999: their numbers run from 3 to 32"));
    world.hours(1)?;
    assert!(!all_say(&agent(&mut world, 4).expect("an answer"), "since this process started"));
    Ok(())
}

fn all_say(dealings: &serde_json::Value, part: &str) -> bool {
    let said = dealings["dealings"].as_array().expect("a list").iter().map(|dealing| dealing["said"].as_str());
    said.into_iter().all(|said| said.expect("a sentence").contains(part))
}

/// What the woodcutter with number 4 has to say of bread after the first hour.
fn of_bread(change: impl FnOnce(&mut AgentSpec)) -> Result<String, StepError> {
    let mut agents = people(30);
    agents[1].stocks = [("Wood".to_owned(), 1)].into();
    change(&mut agents[1]);
    let mut world = world_of(|economy| economy.population.agents = agents)?;
    world.hours(1)?;
    let answer = world.ask("economy.explain", serde_json::json!({ "agent": 4 })).expect("an answer");
    assert_eq!(answer["dealings"][0]["commodity"], "Bread");
    Ok(answer["dealings"][0]["said"].as_str().expect("a sentence").to_owned())
}

#[test]
fn who_could_not_pay_and_who_had_no_room_is_told_so() -> Result<(), StepError> {
    let said = of_bread(|agent| agent.money = 0)?;
    assert!(said.contains("could not pay for a unit"), "{said}");
    let said = of_bread(|agent| agent.capacity = Some(1))?;
    assert!(said.contains("had no room for a unit; its store takes 1,"), "{said}");
    let said = of_bread(|_| {})?;
    assert!(said.contains("it bid for"), "{said}");
    Ok(())
}

#[test]
fn what_comes_with_a_product_pays_for_a_part_of_it() -> Result<(), StepError> {
    let mut world = world_of(|economy| economy.roles[1].by_products = [("Bread".to_owned(), 0.3)].into())?;
    world.hours(3)?;
    let answer = world.ask("economy.explain", serde_json::json!({})).expect("an answer");
    let price = |index: usize| answer["prices"][index]["price"].as_f64().expect("a price");
    let parts = answer["prices"][1]["makers"][0][1].as_array().expect("parts");
    let names: Vec<&str> = parts.iter().filter_map(|part| part["name"].as_str()).collect();
    assert_eq!(names, ["Bread", "work", "left over"]);
    let money: Vec<f64> = parts.iter().filter_map(|part| part["money"].as_f64()).collect();
    assert!((money[0] + price(0) * 0.3 / 4.0).abs() < 1e-9, "{answer}");
    assert!((money.iter().sum::<f64>() - price(1)).abs() < 1e-9, "{answer}");
    Ok(())
}

#[test]
fn trades_and_histories_count_their_hours_alike_from_one() -> Result<(), StepError> {
    let mut world = world_of(|economy| economy.population.agents = people(30))?;
    world.hours(1)?;
    let mut trades = 0;
    for id in 3..33 {
        let answer = world.ask("economy.agent", serde_json::json!({ "id": id })).expect("an answer");
        assert_eq!(answer["past"][0]["hour"], 1, "{answer}");
        let of_agent = answer["trades"].as_array().expect("a list");
        assert!(of_agent.iter().all(|trade| trade["hour"] == 1), "{answer}");
        trades += of_agent.len();
    }
    assert!(trades > 0, "nobody has traded");
    Ok(())
}

#[test]
fn agents_that_are_in_the_database_must_be_read_from_there() {
    let told = world_of(|economy| economy.population.from = AgentSource::MarketAgent).expect_err("refused").to_string();
    assert!(told.contains("market_agent"), "{told}");
}

#[test]
fn what_is_left_of_agents_from_the_database_is_what_was_written() {
    let mut spec = WorldSpec::from_yaml(VILLAGE).expect("valid");
    spec.economy.as_mut().expect("an economy").population.from = AgentSource::MarketAgent;
    let written = spec.clone();
    spec.economy.as_mut().expect("an economy").population.agents = people(3);
    assert_eq!(spec.as_written(), written);
    spec.economy.as_mut().expect("an economy").population.from = AgentSource::File;
    assert_eq!(spec.as_written(), spec);
}

#[test]
fn csv_is_read_with_quotes_blanks_and_fields_left_out() {
    let text =
        "role, money ,skill,\"stocks.Bread\",beliefs.Wood\r\nBaker,100,,5,\r\n\r\n \"Woodcutter\" , 200, 1.5 ,,450\r\n";
    let agents = agents_from_csv(text, &village()).expect("valid");
    assert_eq!(
        agents,
        [
            AgentSpec {
                role: "Baker".into(),
                money: 100,
                stocks: [("Bread".into(), 5)].into(),
                ..AgentSpec::default()
            },
            AgentSpec {
                role: "Woodcutter".into(),
                money: 200,
                skill: Some(1.5),
                beliefs: [("Wood".into(), 450)].into(),
                ..AgentSpec::default()
            },
        ]
    );
}

/// Spreadsheets write it before UTF-8.
#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let text = "role,money\nBaker,100\nWoodcutter,x\n";
    let plain = agents_from_csv(text, &village()).expect_err("refused");
    let marked = agents_from_csv(&format!("\u{feff}{text}"), &village()).expect_err("refused");
    let after = |flaw: &worldtick::world::spec::AgentFlaw| (flaw.span.start + 3, flaw.message.clone());
    let place = |flaw: &worldtick::world::spec::AgentFlaw| (flaw.span.start, flaw.message.clone());
    assert_eq!(marked.iter().map(place).collect::<Vec<_>>(), plain.iter().map(after).collect::<Vec<_>>());
    let text = text.replace('x', "5");
    assert_eq!(agents_from_csv(&format!("\u{feff}{text}"), &village()), agents_from_csv(&text, &village()));
}

#[test]
fn everything_wrong_with_a_csv_file_is_told_with_its_place() {
    let text = "role,money,capacity,skill,stocks.Bread,stocks.Wood,beliefs.Bread\n\
                Baker,-1,,1,0,0,900\n\
                Miner,x,,NaN,0,-5,0\n\
                Baker,5\n\
                Baker,99999999999999999999,0,11,9223372036854775807,9223372036854775807,900\n\
                ,,5,1,4,4,900\n";
    let flaws = agents_from_csv(text, &village()).expect_err("refused");
    let told: Vec<(usize, &str, String)> = flaws
        .iter()
        .map(|flaw| {
            let line = text[..flaw.span.start].matches('\n').count() + 1;
            (line, &text[flaw.span.clone()], flaw.message.clone())
        })
        .collect();
    let has = |line: usize, cell: &str, part: &str| {
        let found = told.iter().any(|(at, text, message)| *at == line && *text == cell && message.contains(part));
        assert!(found, "line {line}, `{cell}`, {part}: {told:#?}");
    };
    has(2, "-1", "outside 0 to");
    has(3, "Miner", "no role `Miner`");
    has(3, "x", "no whole number");
    has(3, "NaN", "outside 0.1 to 10");
    has(3, "-5", "outside 0 to");
    has(3, "0", "outside 1 to");
    has(4, "Baker,5", "2 fields");
    has(5, "99999999999999999999", "no whole number");
    has(5, "0", "outside 1 to 1000000");
    has(5, "9223372036854775807", "outside 0 to 1000000");
    has(6, "", "`role` is left out");
    has(6, "", "`money` is left out");
    has(6, "4", "more than the 5 units");
    for (head, part) in [
        ("role,money,stocks.Gold", "no commodity `Gold`"),
        ("role,money,colour", "no field `colour`"),
        ("role,money,role", "there twice"),
        ("role", "`money` is missing"),
        ("", "empty"),
        ("role,money", "there are 0 agents"),
    ] {
        let flaws = agents_from_csv(head, &village()).expect_err("refused");
        assert!(flaws.iter().any(|flaw| flaw.message.contains(part)), "{head}: {flaws:?}");
    }
}

#[test]
fn listed_agents_are_checked_as_the_rest_of_a_world_file() {
    let refuse = |agents: &str, part: &str| {
        let text = VILLAGE.replace("    count: 40", &format!("    agents: {agents}"));
        let report = WorldSpec::from_yaml(&text).expect_err("refused").report;
        assert!(report.contains(part), "{agents}: {report}");
    };
    refuse("[{role: Baker, money: 1}]", "it takes 2 to 20000");
    refuse("[{role: Baker, money: 1}, {role: Smith, money: 1}]", "no role `Smith`");
    refuse("[{role: Baker, money: 1}, {role: Baker, money: 1, beliefs: {Gold: 5}}]", "no commodity `Gold`");
    refuse("[{role: Baker, money: 1}, {role: Baker, money: 1, skill: .nan}]", "outside 0.1 to 10");
    refuse("[{role: Baker, money: 0}, {role: Baker, money: 0}]", "no money");
    let text = VILLAGE.replace("    count: 40", "    agentsFile: people.csv");
    assert!(WorldSpec::from_yaml(&text).expect_err("refused").report.contains("beside a world file"));
}

#[cfg(feature = "server")]
#[test]
fn a_csv_file_beside_a_world_file_is_read_with_it() {
    use worldtick::config::read_world;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("village.yaml");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("village.yaml", &VILLAGE.replace("    count: 40", "    agentsFile: people.csv"));
    assert!(read_world(&path, None).expect_err("refused").to_string().contains("people.csv: cannot be read"));
    write("people.csv", "role,money\nBaker,70000\nWoodcutter,80000\n");
    let population = read_world(&path, None).expect("valid").spec.economy.expect("an economy").population;
    assert_eq!(population.agents.iter().map(|agent| agent.money).collect::<Vec<_>>(), [70_000, 80_000]);
    assert_eq!((population.heads(), population.money(), population.agents_file), (2, Some(150_000), None));
    write("people.csv", "role,money\nBaker,70000\nSmith,1\nBaker,-1\n");
    let told = read_world(&path, None).expect_err("refused").to_string();
    assert!(told.contains("people.csv:3:1: there is no role `Smith`"), "{told}");
    assert!(told.contains("people.csv:4:7: -1 is outside"), "{told}");
    for outside in ["../people.csv", "/etc/passwd"] {
        write("village.yaml", &VILLAGE.replace("    count: 40", &format!("    agentsFile: {outside}")));
        let told = read_world(&path, None).expect_err("refused").to_string();
        assert!(told.contains("outside the folder of the world file"), "{told}");
        assert!(told.contains("village.yaml:"), "{told}");
    }
}

#[test]
fn stocks_never_pass_their_capacity_and_trade_goes_on() -> Result<(), StepError> {
    let mut world = world_of(|economy| economy.population.capacity = Some(12))?;
    let mut volume = 0;
    let mut full = 0;
    for _ in 0..100 {
        world.hours(1)?;
        assert_balanced(&mut world);
        let ecs = world.world().ecs();
        let mut stocks = ecs.query::<(&Stock, &Storeroom)>();
        for (stock, storeroom) in stocks.iter(ecs) {
            let held: i64 = stock.holdings().iter().map(|held| held.free().0 + held.escrow().0).sum();
            assert_eq!(storeroom.capacity, Some(12));
            assert!(held <= 12, "{held} units");
            full += i64::from(held == 12);
        }
        let mut markets = ecs.query::<&worldtick::components::market::Market>();
        volume += markets.iter(ecs).map(|market| market.volume.0).sum::<i64>();
    }
    assert!(volume > 1_000, "{volume} units traded");
    assert!(full > 0, "the capacity was never reached");
    Ok(())
}

/// A smith's metal stands before everybody's food, and there is little room for either.
const SMITHY: &str = "\
id: smithy
clock: manual
seed: 5
economy:
  commodities:
    - { name: Metal, signal: none }
    - { name: Food, need: 0.3, signal: food }
    - { name: Tool, spendingShare: 1, signal: none }
  roles:
    - { name: Miner, output: Metal, quantity: 4 }
    - { name: Farmer, output: Food, quantity: 3 }
    - { name: Smith, output: Tool, quantity: 1, inputs: { Metal: 2 }, subsistence: 0 }
  population: { count: 60, capacity: 12, skill: { min: 1, max: 1 } }
  parameters: { inputHours: 24, pantryHours: 12 }
";

#[test]
fn an_input_that_fills_the_store_stops_neither_work_nor_meals() -> Result<(), StepError> {
    let spec = WorldSpec::from_yaml(SMITHY).expect("valid");
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })?;
    let count = |world: &mut Stepper| {
        let ecs = world.world().ecs();
        let made = ecs.resource::<Ledger>().goods(CommodityId(2), GoodsEntry::Produced);
        let statistics = ecs.resource::<MarketStatistics>();
        (made, statistics.meals_due_total, statistics.meals_met_total)
    };
    world.hours(200)?;
    let before = count(&mut world);
    world.hours(100)?;
    let after = count(&mut world);
    let (made, due, met) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
    assert!(made > 500, "{made} tools in a hundred hours");
    assert!(met * 10 > due * 9, "{met} meals of {due}");
    Ok(())
}

#[test]
fn too_little_room_is_warned_of() {
    let warnings = |text: &str| -> Vec<(String, String)> {
        let warnings = WorldSpec::from_yaml(text).expect("valid").warnings();
        warnings.into_iter().map(|warning| (warning.pointer, warning.message)).collect()
    };
    // A pantry holds 3.6 units, a smithy 48 and an hour's two.
    let told = warnings(SMITHY);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "/economy/population/capacity");
    assert!(told[0].1.contains("room for 12 units") && told[0].1.contains("Smith of skill 1.00 hold 54"), "{told:?}");
    assert_eq!(warnings(&SMITHY.replace("capacity: 12", "capacity: 54")), []);
    assert_eq!(warnings(&SMITHY.replace("capacity: 12, ", "")), []);
    let listed = "agents: [{ role: Smith, money: 90000, skill: 0.5 }, { role: Farmer, money: 90000, capacity: 3 }], capacity: 29";
    let told = warnings(&SMITHY.replace("count: 60, capacity: 12", listed));
    // Half the skill holds half the metal: 3.6, 24 and 1.
    assert_eq!(told.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["/economy/population/agents/1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_listed_agents_are_accounted_for_and_have_room(
        agents in prop::collection::vec((0_usize..2, 0_i64..1_000_000, 0_i64..9, 0_i64..9, 20_i64..40), 2..20),
    ) {
        let listed = agents.iter().map(|(role, money, bread, wood, capacity)| AgentSpec {
            role: ["Baker", "Woodcutter"][*role].into(),
            money: *money + 50_000,
            stocks: [("Bread".to_owned(), *bread), ("Wood".to_owned(), *wood)].into(),
            capacity: Some(*capacity),
            ..AgentSpec::default()
        }).collect::<Vec<_>>();
        let mut world = world_of(|economy| economy.population.agents = listed).expect("a world");
        for _ in 0..8 {
            world.hours(1).expect("an hour");
            assert_balanced(&mut world);
            let ecs = world.world().ecs();
            let mut stocks = ecs.query::<(&Stock, &Storeroom)>();
            for (stock, storeroom) in stocks.iter(ecs) {
                let held: i64 = stock.holdings().iter().map(|held| held.free().0 + held.escrow().0).sum();
                prop_assert!(held <= storeroom.capacity.expect("one"));
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_csv_panic(text in "[a-zA-Z0-9,.\"\\n \u{e9}\u{feff}-]{0,200}") {
        let _ = agents_from_csv(&text, &village());
        let _ = agents_from_csv(&format!("role,money,stocks.Bread\n{text}"), &village());
    }
}
