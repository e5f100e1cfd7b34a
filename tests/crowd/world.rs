//! A crowd in a world, hour by hour: each behaviour, what it earns and pays, and what restarts and threads change.

use crate::crowd_support::{assert_conserved, books, crowd, did, ground, sum, tallies, with_more, world};
use bevy_ecs::change_detection::DetectChanges;
use serde_json::json;
use worldtick::components::crowd::{Chunk, Crowd, CrowdFlow, Doing, FULL, Way};
use worldtick::components::market::{Effect, Shocks};
use worldtick::testing::Stepper;

const TOWN: &str = "{ agents: 600, grid: { width: 60, height: 60 } }";

fn agents(crowd: &Crowd) -> impl Iterator<Item = (&Chunk, usize)> {
    crowd.chunks.iter().flat_map(|chunk| (0..chunk.len()).map(move |at| (chunk, at)))
}

#[test]
fn people_walk_to_work_in_the_morning_and_home_in_the_evening() {
    let mut world = world(1, TOWN);
    world.days(3).expect("three days");
    let commuters: Vec<u32> = (0..24).map(|hour| did(&mut world, hour, Doing::Commute)).collect();
    let workers: Vec<u32> = (0..24).map(|hour| did(&mut world, hour, Doing::Work)).collect();
    let resting: Vec<u32> = (0..24).map(|hour| did(&mut world, hour, Doing::Rest)).collect();
    assert!(workers[12] > 300, "by day people work: {workers:?}");
    assert!(workers[2] < 100 && resting[2] > 300, "by night they rest: {resting:?}");
    assert!(commuters[9] > 2 * commuters[14], "in between they walk: {commuters:?}");
    let flows = &tallies(&mut world).flows;
    let (mut commutes, mut others) = (0, 0);
    for (from, to) in (0..9).flat_map(|from| (0..9).map(move |to| (from, to))) {
        let [commute, food, leisure] = Way::ALL.map(|way| flows.between(from, to, way));
        let other = food + leisure;
        assert!(from != to || (commute, other) == (0, 0), "who stays does not move");
        commutes += u64::from(commute);
        others += u64::from(other);
    }
    assert!(commutes > 600, "most cross a border on their way: {commutes}");
    let crossed = sum(&mut world, |tally| u64::from(tally.entered));
    assert_eq!(crossed, commutes + others);
    assert_eq!(crossed, sum(&mut world, |tally| u64::from(tally.left)));
}

#[test]
fn who_rests_is_at_home_and_who_works_at_work() {
    let mut world = world(2, "{ agents: 600, hourly: true, grid: { width: 60, height: 60 } }");
    let mut seen = [0, 0];
    for _ in 0..48 {
        world.hours(1).expect("an hour");
        for (chunk, at) in agents(crowd(&mut world)) {
            let here = (chunk.x[at], chunk.y[at]);
            match Doing::from_number(chunk.doing[at]) {
                Doing::Rest => assert_eq!(here, (chunk.home_x[at], chunk.home_y[at])),
                Doing::Work => assert_eq!(here, (chunk.work_x[at], chunk.work_y[at])),
                _ => continue,
            }
            seen[usize::from(chunk.doing[at] == Doing::Work.number())] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 3_000), "{seen:?}");
}

#[test]
fn the_hungry_go_to_a_vendor_and_pay_for_a_meal() {
    let mut world = world(3, "{ agents: 600, grid: { width: 60, height: 60 }, rules: { comfort: 1000000000 } }");
    world.days(4).expect("four days");
    let (bought, spent) = (sum(&mut world, |tally| tally.bought().into()), sum(&mut world, |tally| tally.spent));
    // 96 points of hunger a day, 50 a meal.
    assert!((900..1_400).contains(&bought), "{bought}");
    assert_eq!(spent, bought * 850);
    let spread = ground(&mut world).vendors.len();
    assert_eq!(spread, 18, "one for 200 cells");
    assert_conserved(&mut world);
    let books = books(&mut world);
    assert_eq!(books.moved(CrowdFlow::Meals), books.meals * 850);
    assert_eq!(books.moved(CrowdFlow::Earnings), books.moved(CrowdFlow::Meals), "vendors are the employers'");
}

#[test]
fn who_has_more_than_enough_leaves_an_eighth_of_it_with_a_meal() {
    let spent = |money: i64, comfort: i64| {
        let rules =
            format!("{{ money: {{ min: {money}, max: {money} }}, comfort: {comfort}, wage: 0, tradeChance: 0 }}");
        let mut world =
            world(3, &format!("{{ agents: 600, hourly: true, grid: {{ width: 60, height: 60 }}, rules: {rules} }}"));
        // Until everybody has eaten once at the most.
        world.hours(10).expect("ten hours");
        let (meals, spent) = (books(&mut world).meals, books(&mut world).moved(CrowdFlow::Meals));
        assert!(meals > 50, "{meals}");
        spent as f64 / meals as f64
    };
    assert!((spent(50_000, 49_150) - 850.0).abs() < 1e-9, "what is left after the meal is the comfort");
    let more = spent(57_350, 48_500);
    assert!((1_750.0..1_850.1).contains(&more), "{more}: an eighth of 8,000, and less with a second meal");
}

#[test]
fn people_post_meet_and_trade() {
    let mut world = world(4, "{ agents: 3000, grid: { width: 40, height: 40 } }");
    world.days(3).expect("three days");
    let things = crowd(&mut world).things();
    world.days(1).expect("a day");
    let posts = sum(&mut world, |tally| tally.posts().into());
    let tops: Vec<_> = tallies(&mut world).rows.iter().filter(|tally| tally.posts() > 0).collect();
    assert!(posts > 100, "{posts}");
    assert!(tops.iter().all(|tally| tally.top_post.is_some_and(|top| top.influence <= 100 && top.agent < 3_000)));
    let many = tops.iter().filter(|tally| tally.posts() >= 10).collect::<Vec<_>>();
    assert!(many.iter().all(|tally| tally.top_post.is_some_and(|top| top.influence > 50)), "of ten one is influential");
    let (trades, traded) = (sum(&mut world, |tally| tally.trades.into()), sum(&mut world, |tally| tally.traded));
    assert!(trades > 20, "{trades}");
    assert_eq!(traded, trades * 500);
    assert_eq!(sum(&mut world, |tally| tally.count(Doing::Trade).into()), 2 * trades);
    let meetings = sum(&mut world, |tally| tally.meetings.into());
    assert!(meetings > 100, "{meetings}");
    assert_eq!(sum(&mut world, |tally| tally.count(Doing::Socialize).into()), 2 * meetings);
    assert_eq!(crowd(&mut world).things(), things, "things are conserved");
    assert_conserved(&mut world);
}

#[test]
fn wages_come_from_what_employers_have() {
    let mut world = world(5, "{ agents: 500, rules: { wage: 100000 } }");
    world.days(10).expect("ten days");
    assert_conserved(&mut world);
    let paid = books(&mut world).moved(CrowdFlow::Wages);
    assert!(paid > 500 * 100_000 * 8, "{paid}");
    // 16 steps' wages for everybody were there; from then on meals must bring it in.
    assert!(paid < 500 * 100_000 * 16 + books(&mut world).moved(CrowdFlow::Meals));
}

#[test]
fn vendors_sell_out_and_are_filled_up() {
    let mut world = world(6, "{ agents: 900, grid: { width: 30, height: 30, vendors: { count: 2, stock: 3 } } }");
    world.days(3).expect("three days");
    let (bought, missed) =
        (sum(&mut world, |tally| tally.bought().into()), sum(&mut world, |tally| tally.sold_out.into()));
    assert!(missed > 1_000, "{missed}");
    assert!((100..=2 * 3 * 24).contains(&bought), "two vendors with three meals an hour: {bought}");
    assert_conserved(&mut world);
    let mut unlimited = crate::crowd_support::world(6, "{ agents: 900 }");
    unlimited.days(2).expect("two days");
    assert_eq!(sum(&mut unlimited, |tally| tally.sold_out.into()), 0);
}

const ECONOMY: &str = "\
economy:
  commodities:
    - { name: Bread, need: 1, signal: food }
    - { name: Toys, spendingShare: 1 }
  roles:
    - { name: Baker, output: Bread, quantity: 3 }
    - { name: Carver, output: Toys, quantity: 1, inputs: { Bread: 0.5 } }
";

const EATERS: &str = "{ agents: 400, hourly: true, grid: { vendors: { commodity: Bread } } }";

fn demand(world: &mut Stepper) -> Option<f64> {
    let signals = world.world().ecs().resource::<Shocks>().signals.clone();
    let signal = signals.into_iter().find(|signal| signal.id == "crowd: food demand")?;
    signal.effects.iter().find_map(|effect| match effect {
        Effect::Need(_, factor) => Some(*factor),
        _ => None,
    })
}

fn price(world: &mut Stepper) -> f64 {
    let markets = world.ask("economy.markets", json!({})).expect("markets");
    let bread = markets["markets"].as_array().expect("a list").iter().find(|market| market["commodity"] == "Bread");
    bread.expect("it is traded")["price"].as_f64().expect("a price")
}

#[test]
fn what_a_meal_costs_is_the_markets_price() {
    let mut world = with_more(7, EATERS, ECONOMY);
    world.days(5).expect("five days");
    let (least, most) = tallies(&mut world).price;
    assert_eq!(least, most, "one price");
    assert!((100..5_000).contains(&least) && least != 850, "it is the market's: {least}");
    // A bad harvest is felt at the table: the same people pay more, and in the end some go without.
    let mut dear = with_more(7, EATERS, ECONOMY);
    dear.days(5).expect("five days");
    let bad = json!({"id": "blight", "kind": "yield", "commodity": "Bread", "factor": 0.2, "durationHours": 720});
    dear.send("economy.add_shock", bad).expect("it is taken");
    let going_without = |world: &mut Stepper| {
        let mut hours = 0;
        for _ in 0..20 * 24 {
            world.hours(1).expect("an hour");
            hours += sum(world, |tally| tally.going_without.into());
        }
        hours
    };
    let (before, after) = (going_without(&mut world), going_without(&mut dear));
    let (calm, blight) = (tallies(&mut world).price.0, tallies(&mut dear).price.0);
    assert!(blight > 2 * calm, "{blight} {calm}");
    assert!(after > before + 1_000, "{after} hours of going without, and {before}");
    assert_conserved(&mut dear);
}

#[test]
fn the_market_feels_when_a_crowd_eats_more_or_less_and_nothing_when_it_eats_as_usual() {
    let mut calm = with_more(7, EATERS, ECONOMY);
    for hour in 0..24 * 20 {
        calm.hours(1).expect("an hour");
        assert_eq!(demand(&mut calm), None, "hour {hour}: what is usual is not told");
    }
    let before = price(&mut calm);
    let after = |hunger: i16| {
        let mut world = with_more(7, EATERS, ECONOMY);
        world.days(20).expect("twenty days");
        assert!((price(&mut world) - before).abs() < 1e-9);
        let mut factors = Vec::new();
        let mut dearest: f64 = 0.0;
        let mut cheapest = f64::MAX;
        for _ in 0..24 {
            // All day long.
            world.world().ecs().resource_mut::<Crowd>().chunks.iter_mut().for_each(|chunk| chunk.hunger.fill(hunger));
            world.hours(1).expect("an hour");
            factors.extend(demand(&mut world));
            (dearest, cheapest) = (dearest.max(price(&mut world)), cheapest.min(price(&mut world)));
        }
        (factors, dearest, cheapest)
    };
    let (calm_dearest, calm_cheapest) = (0..24).fold((0.0_f64, f64::MAX), |(most, least), _| {
        let now = price(calm.hours(1).expect("an hour"));
        (most.max(now), least.min(now))
    });
    let (hungry, dearest, _) = after(FULL);
    assert!(hungry.len() > 12 && hungry.iter().all(|factor| *factor > 1.0), "{hungry:?}");
    assert!(dearest > 1.05 * calm_dearest, "{dearest} {calm_dearest}");
    let (full, _, cheapest) = after(0);
    assert!(full.len() > 12 && full.iter().all(|factor| *factor < 1.0), "{full:?}");
    assert!(cheapest < 0.95 * calm_cheapest, "{cheapest} {calm_cheapest}");
}

#[test]
fn between_its_ticks_a_crowd_is_left_alone() {
    let mut world = world(15, TOWN);
    world.days(2).expect("two days");
    let (before, steps) = (crowd(&mut world).clone(), books(&mut world).steps);
    let changed = world.world().ecs().resource_ref::<Crowd>().last_changed();
    for _ in 0..23 {
        world.hours(1).expect("an hour");
    }
    let ecs = world.world().ecs();
    assert_eq!(ecs.resource_ref::<Crowd>().last_changed(), changed, "no system writes to it");
    assert_eq!(crowd(&mut world), &before);
    assert_eq!(books(&mut world).steps, steps);
    world.hours(1).expect("the day's last hour");
}

#[test]
fn a_restart_changes_nothing() {
    for town in [TOWN, "{ agents: 500, rules: { preset: originals }, grid: { vendors: { stock: 9 } } }"] {
        let mut going_on = world(8, town);
        let mut restarted = world(8, town);
        for _ in 0..4 {
            going_on.days(1).expect("a day");
            restarted.restart().expect("a restart").days(1).expect("a day");
            assert_eq!(crowd(&mut going_on), crowd(&mut restarted));
            assert_eq!(books(&mut going_on), books(&mut restarted));
            assert_eq!(tallies(&mut going_on), tallies(&mut restarted));
            assert_eq!(going_on.state_hash().expect("a hash"), restarted.state_hash().expect("a hash"));
        }
    }
}

#[test]
fn a_replay_comes_to_the_same_and_another_seed_does_not() {
    let mut one = world(9, TOWN);
    one.days(2).expect("two days");
    let (mut again, _) = one.replay().expect("a replay");
    let hash = one.state_hash().expect("a hash");
    assert_eq!(again.state_hash().expect("a hash"), hash);
    let mut other = world(10, TOWN);
    other.days(2).expect("two days");
    assert_ne!(other.state_hash().expect("a hash"), hash);
}

#[test]
fn a_day_at_once_is_a_day_hour_by_hour() {
    let mut by_day = world(11, "{ agents: 300 }");
    let mut by_hour = world(11, "{ agents: 300, hourly: true }");
    by_day.days(3).expect("three days");
    by_hour.days(3).expect("three days");
    assert_eq!(crowd(&mut by_day), crowd(&mut by_hour));
    assert_eq!(tallies(&mut by_hour).steps(), 1);
    assert_eq!(tallies(&mut by_hour).step(0), tallies(&mut by_day).step(23));
}

#[test]
fn a_snapshot_takes_at_most_32_bytes_an_agent_and_is_refused_for_another_crowd() {
    let mut world = world(12, "{ agents: 20000, grid: { width: 700, height: 700 } }");
    world.days(2).expect("two days");
    let snapshot = world.snapshot().expect("a snapshot");
    assert!(snapshot.len() < 32 * 20_000, "{}", snapshot.len());
    let text = "id: w\nclock: manual\nseed: 12\ncrowd: { agents: 19999, grid: { width: 700, height: 700 } }\n";
    let spec = worldtick::world::spec::WorldSpec::from_yaml(text).expect("valid");
    let build = move || {
        let mut app = bevy_app::App::new();
        app.add_plugins((
            worldtick::plugins::simulation::SimulationPlugin { spec: spec.clone() },
            worldtick::plugins::economy::EconomyPlugin,
            worldtick::plugins::crowd::CrowdPlugin,
        ));
        app
    };
    let refused = worldtick::testing::Stepper::restored(build, &snapshot).expect_err("another crowd").to_string();
    assert!(refused.contains("20000 agents"), "{refused}");
}

#[test]
fn a_crowd_that_is_switched_off_costs_and_changes_nothing() {
    let mut off = world(13, "{ enabled: false }");
    let mut none = with_more(13, "null", "");
    off.days(2).expect("two days");
    none.days(2).expect("two days");
    assert_eq!(off.state_hash().expect("a hash"), none.state_hash().expect("a hash"));
    assert!(off.world().ecs().get_resource::<Crowd>().is_none());
}

#[test]
fn money_goes_round_for_ever_and_nobody_who_works_goes_hungry_for_long() {
    let mut world = world(11, "{ agents: 600, grid: { width: 60, height: 60 } }");
    world.days(60).expect("sixty days");
    for day in 0..5 {
        world.days(1).expect("a day");
        let hungry = sum(&mut world, |sector| u64::from(sector.going_without) + u64::from(sector.count(Doing::Broke)));
        assert!(hungry * 100 <= 600 * 24, "day {day}: {hungry} hours of hunger");
        // The wage is paid in full: employers have enough for everybody.
        assert!(books(&mut world).employers >= 500 * 600, "day {day}: {:?}", books(&mut world));
        assert_conserved(&mut world);
    }
}
