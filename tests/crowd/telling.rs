//! What a crowd tells: every kind of signal and event, that a quiet city is silent, that a shock is heard at once, and that
//! what is too much is told in sums.

use std::collections::{BTreeMap, BTreeSet};

use crate::crowd_support::{ground, shipped, sum, tallies, world};
use bevy_ecs::change_detection::DetectChangesMut;
use worldtick::components::clock::{GameInstant, MICROS_PER_DAY};
use worldtick::components::crowd::{Chunk, Crowd, Doing, FULL};
use worldtick::messages::crowd::{
    AgentAction, AgentActionType, CrowdSignal, CrowdSignalType, MovementReason, MovementType, PopulationMovement,
};
use worldtick::messages::market::{AggregatedStats, StatsType};
use worldtick::messages::trend::{SocialTrend, TrendType};
use worldtick::messages::{Input, SimulationEvent, TickInput, TickType};
use worldtick::testing::Stepper;

/// A city large enough that everything is told, hour by hour.
const CITY: &str = "{ agents: 9000, hourly: true, grid: { width: 120, height: 120 } }";

/// Changes every agent.
fn change(world: &mut Stepper, with: impl Fn(&mut Chunk)) {
    let mut crowd = world.world().ecs().resource_mut::<Crowd>();
    crowd.chunks.iter_mut().for_each(with);
    crowd.set_changed();
}

fn signals(world: &Stepper) -> Vec<CrowdSignal> {
    world.events_of::<CrowdSignal>().expect("they have their shape")
}

/// A city that has learned what is usual, at six in the evening, with nothing told yet.
fn settled(seed: u64, crowd: &str) -> Stepper {
    let mut world = world(seed, crowd);
    world.days(9).expect("nine days").hours(17).expect("until the evening");
    world.take_events();
    world
}

/// In how many sectors each kind was told within so many hours of a shock.
fn heard(seed: u64, crowd: &str, hours: u32, shock: impl Fn(&mut Chunk)) -> Vec<(CrowdSignalType, usize)> {
    let mut world = settled(seed, crowd);
    change(&mut world, shock);
    let began = world.now().expect("it has begun").hour_index();
    world.hours(hours).expect("some hours");
    let all = signals(&world);
    assert!(all.iter().all(|signal| signal.time_window_minutes == Some(60)));
    assert!(
        all.iter()
            .all(|signal| (began + 1..=began + i64::from(hours)).contains(&signal.aggregation_timestamp.hour_index()))
    );
    let sectors = |kind| all.iter().filter(move |signal| signal.signal_type == kind).map(|signal| &signal.location);
    CrowdSignalType::ALL.into_iter().map(|kind| (kind, sectors(kind).collect::<BTreeSet<_>>().len())).collect()
}

fn count(heard: &[(CrowdSignalType, usize)], kind: CrowdSignalType) -> usize {
    heard.iter().find(|(other, _)| *other == kind).map_or(0, |(_, count)| *count)
}

#[test]
fn hunger_is_heard_within_the_hour_and_the_money_that_it_brings_vendors_when_it_is_spent() {
    let heard_first = heard(1, CITY, 1, |chunk| chunk.hunger.fill(FULL));
    assert!(count(&heard_first, CrowdSignalType::FoodDemandRising) >= 8, "{heard_first:?}");
    assert_eq!(count(&heard_first, CrowdSignalType::FoodDemandFalling), 0, "{heard_first:?}");
    // Most walk for an hour before they can buy.
    let heard_next = heard(1, CITY, 2, |chunk| chunk.hunger.fill(FULL));
    assert!(count(&heard_next, CrowdSignalType::EconomicActivitySpike) >= 5, "{heard_next:?}");
}

#[test]
fn money_that_comes_to_everybody_is_heard_within_the_hour() {
    let heard = heard(12, CITY, 1, |chunk| chunk.money.iter_mut().for_each(|money| *money += 100_000));
    assert_eq!(count(&heard, CrowdSignalType::EconomicActivitySpike), 9, "{heard:?}");
    assert_eq!(count(&heard, CrowdSignalType::FoodDemandRising), 0, "{heard:?}");
}

#[test]
fn when_nobody_is_hungry_demand_falls() {
    let heard = heard(2, CITY, 1, |chunk| chunk.hunger.fill(0));
    assert!(count(&heard, CrowdSignalType::FoodDemandFalling) >= 3, "{heard:?}");
    assert_eq!(count(&heard, CrowdSignalType::FoodDemandRising), 0, "{heard:?}");
}

#[test]
fn a_crowd_that_comes_together_is_an_influx_there_and_an_exodus_elsewhere() {
    let heard = heard(3, CITY, 1, |chunk| {
        // Every other agent is carried into the north-western sector, with no wish to be anywhere else.
        for at in (0..chunk.len()).step_by(2) {
            (chunk.x[at], chunk.y[at]) = (20, 20);
            (chunk.home_x[at], chunk.home_y[at], chunk.work_x[at], chunk.work_y[at]) = (20, 20, 20, 20);
            (chunk.hunger[at], chunk.drive[at]) = (0, 0);
        }
    });
    assert_eq!(count(&heard, CrowdSignalType::PopulationInflux), 1, "{heard:?}");
    assert!(count(&heard, CrowdSignalType::PopulationExodus) >= 4, "{heard:?}");
}

#[test]
fn people_without_money_for_food_are_unrest() {
    let heard = heard(4, CITY, 1, |chunk| {
        chunk.money.fill(0);
        chunk.hunger.fill(FULL);
    });
    assert!(count(&heard, CrowdSignalType::SocialUnrest) >= 8, "{heard:?}");
}

#[test]
fn when_nobody_has_anything_to_trade_the_volume_changes() {
    let city = "{ agents: 9000, hourly: true, grid: { width: 120, height: 120 }, rules: { tradeChance: 0.5 } }";
    let heard = heard(5, city, 1, |chunk| chunk.things.fill(0));
    assert!(count(&heard, CrowdSignalType::TradingVolumeChange) >= 3, "{heard:?}");
}

#[test]
fn a_shock_of_a_day_is_heard_with_the_hour_in_which_it_began() {
    let mut world = world(6, "{ agents: 9000, grid: { width: 120, height: 120 } }");
    world.days(9).expect("nine days");
    world.take_events();
    change(&mut world, |chunk| chunk.hunger.fill(FULL));
    world.days(1).expect("a day");
    let first = signals(&world)
        .into_iter()
        .find(|signal| signal.signal_type == CrowdSignalType::FoodDemandRising)
        .expect("it is heard");
    assert_eq!(first.aggregation_timestamp.to_string(), "2077-01-10T01:00:00Z");
    assert_eq!(first.time_window_minutes, Some(60));
    assert!(first.magnitude >= 25.0 && first.change_percent.is_some_and(|change| change >= 25.0), "{first:?}");
    assert!(first.agent_count.is_some_and(|agents| agents > 100), "{first:?}");
}

/// Sector-windows of thirty days, after the week in which nothing is told, in which any signal lasted or was told, of all.
fn carrying(world: &mut Stepper) -> f64 {
    let sectors = ground(world).sectors.len();
    world.days(7).expect("a week");
    assert!(signals(world).is_empty(), "nothing is usual yet");
    world.days(30).expect("thirty days");
    let end = world.now().expect("it has begun").hour_index();
    let mut carried = BTreeSet::new();
    let mut begun = BTreeMap::new();
    for signal in signals(world) {
        let hour = signal.aggregation_timestamp.hour_index();
        let key = (signal.location.clone(), signal.signal_type as u8);
        carried.insert((signal.location.clone(), hour));
        if signal.magnitude >= 12.5 {
            begun.entry(key).or_insert(hour);
        } else if let Some(from) = begun.remove(&key) {
            carried.extend((from..hour).map(|hour| (signal.location.clone(), hour)));
        }
    }
    // What has not ended lasts until the end.
    for ((sector, _), from) in begun {
        carried.extend((from..=end).map(|hour| (sector.clone(), hour)));
    }
    carried.len() as f64 / (sectors * 24 * 30) as f64
}

#[test]
fn a_quiet_city_is_silent() {
    for (seed, crowd) in [
        (1, "{}"),
        (2, "{}"),
        (3, "{ agents: 600, grid: { width: 60, height: 60 } }"),
        (4, "{ agents: 600, hourly: true, grid: { width: 60, height: 60, vendors: { stock: 40 } } }"),
        (5, "{ agents: 9000, grid: { width: 120, height: 120 } }"),
    ] {
        let share = carrying(&mut world(seed, crowd));
        assert!(share <= 0.01, "seed {seed}, {crowd}: {share}");
    }
}

#[test]
fn the_world_that_ships_is_silent_while_its_prices_move() {
    let share = carrying(&mut shipped());
    assert!(share <= 0.01, "{share}");
}

#[test]
fn a_signal_lasts_until_half_of_what_it_began_with_and_says_how_long_it_may() {
    let mut world = settled(7, CITY);
    let mut told = Vec::new();
    for _ in 0..6 {
        change(&mut world, |chunk| chunk.hunger.fill(FULL));
        world.hours(1).expect("an hour");
        change(&mut world, |chunk| chunk.hunger.fill(FULL));
        world.hours(47).expect("two days");
        told.extend(signals(&world));
        world.take_events();
    }
    let food: Vec<&CrowdSignal> =
        told.iter().filter(|signal| signal.signal_type == CrowdSignalType::FoodDemandRising).collect();
    let begun = food.iter().filter(|signal| signal.magnitude >= 25.0).count();
    let ended = food.iter().filter(|signal| signal.magnitude < 12.5).count();
    assert!(begun >= 30 && ended >= 30, "{begun} {ended}");
    assert!(food.iter().all(|signal| signal.predicted_duration_minutes.is_some_and(|minutes| minutes % 60 == 0)));
    let last = food.last().expect("some");
    assert!(last.magnitude < 12.5 && last.predicted_duration_minutes == Some(0), "{last:?}");
    // The same shock over and over lasts about as long: once that is known, it is foretold within two hours.
    let error = last.predicted_duration_error_minutes.expect("some have ended");
    assert!(error <= 120, "{error} minutes off on average");
    assert!(food[0].predicted_duration_error_minutes.is_none(), "nothing was known");
}

#[test]
fn too_many_signals_are_told_in_sums() {
    let shock = |bound: u32| {
        let crowd = format!(
            "{{ agents: 9000, hourly: true, grid: {{ width: 120, height: 120 }}, telling: {{ signals: {bound} }} }}"
        );
        let mut world = settled(8, &crowd);
        change(&mut world, |chunk| chunk.hunger.fill(FULL));
        world.hours(1).expect("an hour");
        signals(&world)
    };
    let (all, sums) = (shock(1_000), shock(2));
    assert!(all.len() > 7 && sums.len() <= 7, "{} {}", all.len(), sums.len());
    assert!(sums.iter().all(|signal| signal.location == "w"));
    let agents = |signals: &[CrowdSignal]| signals.iter().filter_map(|signal| signal.agent_count).sum::<u64>();
    assert_eq!(agents(&all), agents(&sums), "nobody is lost");
    assert!(shock(0).is_empty(), "none is told");
}

#[test]
fn movements_are_told_with_their_reasons_and_add_up_to_all_who_crossed_a_border() {
    for (movements, agents) in [(32, 10), (3, 50), (1_000, 1)] {
        let crowd = format!(
            "{{ agents: 2000, grid: {{ width: 80, height: 80 }}, telling: {{ movements: {movements}, movementAgents: {agents} }} }}"
        );
        let mut world = world(9, &crowd);
        world.days(2).expect("two days");
        world.take_events();
        world.days(1).expect("a day");
        let all = world.events_of::<PopulationMovement>().expect("they have their shape");
        let told: u64 = all.iter().map(|movement| movement.agent_count).sum();
        assert_eq!(told, sum(&mut world, |tally| tally.entered.into()), "nobody is lost");
        let (of_world, of_sectors): (Vec<_>, Vec<_>) = all.iter().partition(|movement| movement.from_location == "w");
        assert!(of_sectors.len() <= movements && of_world.len() <= 3, "{} {}", of_sectors.len(), of_world.len());
        assert!(
            of_sectors
                .iter()
                .all(|movement| { movement.agent_count >= agents && movement.from_location != movement.to_location })
        );
        let commuters: u64 = all
            .iter()
            .filter(|movement| movement.movement_type == MovementType::Commute)
            .inspect(|movement| {
                assert_eq!(movement.reason, Some(MovementReason::EconomicOpportunity));
                assert_eq!(movement.estimated_duration_hours, Some(8.0));
            })
            .map(|movement| movement.agent_count)
            .sum();
        assert!(commuters > 1_000, "{commuters}");
        for reason in [MovementReason::ResourceAvailability, MovementReason::SocialAttraction] {
            assert!(all.iter().any(|movement| movement.reason == Some(reason)), "{reason:?}");
        }
    }
}

#[test]
fn hours_and_days_of_each_sector_are_summed_up_and_agree_with_each_other() {
    for crowd in [
        "{ agents: 800, grid: { width: 60, height: 60 } }",
        "{ agents: 800, hourly: true, grid: { width: 60, height: 60 } }",
    ] {
        let mut world = world(10, crowd);
        world.days(1).expect("a day");
        world.take_events();
        world.days(1).expect("a day");
        let all = world.events_of::<AggregatedStats>().expect("they have their shape");
        let (hours, days): (Vec<_>, Vec<_>) =
            all.iter().partition(|stats| stats.stats_type == StatsType::HourlySummary);
        assert_eq!(days.len(), 9, "each sector");
        assert!(hours.len() > 9 * 20 && hours.len() <= 9 * 24, "{}", hours.len());
        for day in &days {
            let of_sector = || hours.iter().filter(|stats| stats.location == day.location);
            let sum = |of: fn(&AggregatedStats) -> Option<u64>| of_sector().filter_map(|stats| of(stats)).sum::<u64>();
            assert_eq!(day.time_window_minutes, Some(1_440));
            assert_eq!(day.metrics.total_agent_actions, Some(sum(|stats| stats.metrics.total_agent_actions)));
            assert_eq!(day.metrics.total_transactions, Some(sum(|stats| stats.metrics.total_transactions)));
            let volume: f64 = of_sector().filter_map(|stats| stats.metrics.total_transaction_volume).sum();
            assert!(day.metrics.total_transaction_volume.is_some_and(|all| (all - volume).abs() < 1e-6));
            assert!(of_sector().all(|stats| stats.aggregation_timestamp == stats.at()));
            let ends: BTreeSet<_> = of_sector().filter_map(|stats| stats.aggregation_timestamp).collect();
            assert_eq!(ends.len(), of_sector().count(), "each hour has its own end");
            assert!(of_sector().all(|stats| stats.time_window_minutes == Some(60)));
        }
        let mut events = world.events().iter().filter(|event| event.event_type == AggregatedStats::EVENT_TYPE);
        assert!(events.all(|event| event.source == "world.crowd"));
    }
}

#[test]
fn a_day_that_is_told_begins_and_ends_at_midnight_and_has_its_hours() {
    let mut world = world(13, "{ agents: 800, hourly: true, grid: { width: 60, height: 60 } }");
    world.hours(14).expect("until two in the afternoon");
    world.restart().expect("a restart").hours(24 - 14 + 24).expect("until the second midnight");
    let all = world.events_of::<AggregatedStats>().expect("they have their shape");
    let days: BTreeSet<_> = all
        .iter()
        .filter(|stats| stats.stats_type == StatsType::DailySummary)
        .map(|stats| (stats.aggregation_timestamp.expect("it has one").to_string(), stats.time_window_minutes))
        .collect();
    let day = |day: &str| (format!("2077-01-{day}T00:00:00Z"), Some(1_440));
    assert_eq!(days, BTreeSet::from([day("02"), day("03")]));
    let mut world = crate::crowd_support::world(13, "{ agents: 800, stepsADay: 12, rules: { preset: originals } }");
    world.days(1).expect("a day");
    let all = world.events_of::<AggregatedStats>().expect("they have their shape");
    assert!(all.iter().all(|stats| stats.stats_type == StatsType::DailySummary), "two hours are no hour");
}

#[test]
fn what_is_told_with_the_day_has_the_time_at_which_it_happened() {
    let mut world = world(14, "{ agents: 800, grid: { width: 60, height: 60 }, telling: { actionSamples: 9 } }");
    world.days(1).expect("a day");
    let hours = |name: &str| -> BTreeSet<i64> {
        let ours = world.events().iter().filter(|event| event.event_type.ends_with(name));
        ours.map(|event| event.timestamp.hour_index()).collect()
    };
    assert_eq!((hours("agent_action").len(), hours("aggregated_stats").len()), (24, 24), "each hour its own");
}

#[test]
fn days_that_come_late_are_told_as_those_that_they_are() {
    let mut world = world(16, "{ agents: 300 }");
    let day = |day: i64| world_start().checked_add_micros(day * MICROS_PER_DAY).expect("within the calendar");
    // A long step, after which the ticks of its days come back one after the other.
    let micros = (4 * MICROS_PER_DAY).unsigned_abs();
    let due = world.apply(Input::advance(micros)).expect("four days").due_ticks;
    for due in due.into_iter().filter(|due| due.tick_type == TickType::Daily) {
        let (tick_id, tick_type, game_time) = (due.tick_id, due.tick_type, due.game_time);
        world.apply(Input::Tick(TickInput { tick_id, tick_type, game_time })).expect("a day");
    }
    let times: BTreeSet<_> = world
        .events_of::<AggregatedStats>()
        .expect("they have their shape")
        .iter()
        .filter_map(SimulationEvent::at)
        .collect();
    assert_eq!(times.len(), 4 * 24, "each hour of four days once");
    assert_eq!(times.last(), Some(&day(4)));
}

fn world_start() -> GameInstant {
    "2077-01-01T00:00:00Z".parse().expect("a time")
}

#[test]
fn actions_are_sampled_and_of_every_kind_of_the_list() {
    let mut world = world(11, "{ agents: 3000, grid: { width: 40, height: 40 }, telling: { actionSamples: 50 } }");
    world.days(3).expect("three days");
    world.take_events();
    world.days(1).expect("a day");
    let all = world.events_of::<AgentAction>().expect("they have their shape");
    assert!(all.len() > 24 * 30 && all.len() <= 24 * 50, "{}", all.len());
    let share =
        |kind| all.iter().filter(|action: &&AgentAction| action.action_type == kind).count() as f64 / all.len() as f64;
    for kind in [
        AgentActionType::Walk,
        AgentActionType::BuyFood,
        AgentActionType::Tweet,
        AgentActionType::Trade,
        AgentActionType::Socialize,
        AgentActionType::Rest,
    ] {
        assert!(share(kind) > 0.0, "{kind:?}");
    }
    let names = ground(&mut world).sectors.clone();
    assert!(all.iter().all(|action| names.contains(&action.location)));
    assert!(all.iter().all(|action| action.agent_id.parse::<u32>().is_ok_and(|agent| agent < 3_000)));
    // Of each step as many are told as eight draws find of those who do something that others see.
    let (mut rest, mut seen) = (0.0, 0.0);
    for step in 0..24 {
        let rows = tallies(&mut world).step(step);
        let of = |doing| rows.iter().map(|row| f64::from(row.count(doing))).sum::<f64>();
        let visible = 3_000.0 - of(Doing::Idle) - of(Doing::Work);
        let found = 1.0 - (1.0 - visible / 3_000.0).powi(8);
        rest += found * of(Doing::Rest) / visible;
        seen += found;
    }
    let rested = share(AgentActionType::Rest);
    assert!((rested - rest / seen).abs() < 0.06, "{rested} of the samples, {} of the agents", rest / seen);
}

#[test]
fn posts_spread_and_news_are_what_is_talked_about() {
    let mut world = settled(12, CITY);
    world.hours(24).expect("a day");
    let quiet = world.events_of::<SocialTrend>().expect("they have their shape");
    assert!(quiet.iter().any(|trend| trend.trend_type == TrendType::ViralContent), "{quiet:?}");
    assert!(quiet.len() <= 8 * 24 * 2, "{}", quiet.len());
    for trend in &quiet {
        let taken = trend.agent_participation_count.expect("a count");
        assert!((10..=9_000).contains(&taken));
        let strength = (taken as f64 / 9_000.0).sqrt() * 100.0;
        assert!((trend.trend_strength - strength).abs() <= 0.06, "{trend:?}");
        assert!(trend.spread_rate.is_some_and(|rate| (0.0..=6.0).contains(&rate)), "{trend:?}");
        assert!(trend.estimated_duration_hours.is_some() && trend.topic.is_some());
    }
    world.take_events();
    for _ in 0..12 {
        change(&mut world, |chunk| {
            chunk.money.fill(0);
            chunk.hunger.fill(FULL);
            chunk.drive.fill(FULL);
        });
        world.hours(1).expect("an hour");
    }
    let loud = world.events_of::<SocialTrend>().expect("they have their shape");
    let about_food = loud.iter().filter(|trend| trend.topic.as_ref().is_some_and(|topic| topic.contains("food")));
    let about_hunger = loud.iter().filter(|trend| trend.trend_type == TrendType::SocialMovement);
    assert!(about_food.chain(about_hunger).count() > 0, "{loud:?}");
    let most = |trends: &[SocialTrend]| trends.iter().map(|trend| trend.trend_strength).fold(0.0, f64::max);
    assert!(most(&loud) > most(&quiet), "news goes further");
}

#[test]
fn a_restart_and_a_replay_tell_the_same() {
    let mut going_on = settled(13, "{ agents: 2000, hourly: true, grid: { width: 60, height: 60 } }");
    let mut restarted = settled(13, "{ agents: 2000, hourly: true, grid: { width: 60, height: 60 } }");
    for hour in 0..30 {
        for world in [&mut going_on, &mut restarted] {
            if hour == 3 {
                change(world, |chunk| chunk.hunger.fill(FULL));
            }
            world.hours(1).expect("an hour");
        }
        restarted.restart().expect("a restart");
        assert_eq!(going_on.state_hash().expect("a hash"), restarted.state_hash().expect("a hash"));
    }
    assert!(!signals(&going_on).is_empty());
    assert_eq!(going_on.events().len(), restarted.events().len());
    for (one, other) in going_on.events().iter().zip(restarted.events()) {
        assert_eq!(one, other);
    }
}

#[test]
fn what_is_not_wanted_is_not_told() {
    let crowd = "{ telling: { signals: 0, stats: false, movements: 0, actionSamples: 0, trends: 0 } }";
    let mut world = world(14, crowd);
    world.days(3).expect("three days");
    assert!(world.events().iter().all(|event| event.source != "world.crowd"), "{:?}", world.events());
}
