//! The work plan in a living world: who has turns when, what a small budget does, and what is reported of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::scheduler_support::{Had, Turns, npc, seconds, simulation, town};
use proptest::prelude::*;
use serde_json::json;
use worldtick::components::tier::SimulationTier::{Active, Ambient, Detailed, Dormant};
use worldtick::components::tier::{PerTier, SimulationTier};
use worldtick::messages::{Input, TickType};
use worldtick::systems::scheduler::WorkPlan;
use worldtick::testing::{StepError, Stepper};

fn turns(world: &mut Stepper, id: u64) -> Vec<Had> {
    world.world().ecs().resource::<Turns>().0.get(&id).cloned().unwrap_or_default()
}

#[test]
fn everybody_has_turns_at_the_interval_of_their_tier() -> Result<(), StepError> {
    let people = vec![(3, Detailed, 0), (3, Active, 0), (3, Ambient, 0), (3, Dormant, 0)];
    let mut world = town("manual", &simulation([50, 50, 50, 50], 50, 0), people);
    for _ in 0..8 * 60 {
        world.step(seconds(60))?;
    }
    for (ids, interval) in [(1..=3, 60), (4..=6, 300), (7..=9, 900), (10..=12, 14_400)] {
        for id in ids {
            let had = turns(&mut world, id);
            assert_eq!(had.len(), 8 * 3_600 / interval, "npc {id}");
            for pair in had.windows(2) {
                assert_eq!(pair[1].last, pair[0].now, "no time is lived twice, none is left out");
            }
            assert!(had.iter().all(|turn| turn.now.micros_since(turn.due) < 60_000_000), "nobody is later than a step");
        }
    }
    Ok(())
}

#[test]
fn a_step_without_work_runs_no_tier() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([50, 50, 50, 50], 50, 0), vec![(1, Dormant, 0)]);
    let due = npc(&mut world, 1).due.micros_since(world.now().unwrap()).unsigned_abs();
    // The last whole second before it.
    world.step(seconds((due - 1) / 1_000_000))?;
    assert!(turns(&mut world, 1).is_empty());
    world.step(seconds(1))?;
    assert_eq!(turns(&mut world, 1).len(), 1);
    assert!(world.world().ecs().resource::<WorkPlan>().turns(Dormant).is_empty(), "plans are empty between steps");
    Ok(())
}

#[test]
fn what_waits_goes_on_in_the_same_order_after_a_restart() -> Result<(), StepError> {
    let people = || vec![(20, Detailed, 0), (40, Active, 0), (60, Ambient, 0), (80, Dormant, 0)];
    let block = simulation([100, 100, 100, 100], 7, 0);
    let (mut straight, mut restarted) = (town("manual", &block, people()), town("manual", &block, people()));
    for step in 0..120 {
        straight.step(seconds(211))?;
        restarted.step(seconds(211))?;
        if step % 3 == 0 {
            // Turns are not persisted: take along those that were had.
            let had = std::mem::take(&mut restarted.world().ecs().resource_mut::<Turns>().0);
            restarted.restart()?;
            restarted.world().ecs().resource_mut::<Turns>().0 = had;
        }
        assert_eq!(straight.state_hash()?, restarted.state_hash()?, "after step {step}");
    }
    for id in 1..=200 {
        assert_eq!(turns(&mut straight, id), turns(&mut restarted, id), "npc {id}");
    }
    Ok(())
}

#[test]
fn as_many_steps_are_made_as_were_ordered_each_with_a_plan_of_its_own() -> Result<(), StepError> {
    let people = || town("manual", &simulation([100, 100, 100, 100], 10, 0), vec![(60, Detailed, 0)]);
    let steps = |steps| Input::Advance { game_micros: 60_000_000, wall_micros: 0, steps };
    let mut at_once = people();
    assert_eq!(at_once.apply(steps(1))?.report.expect("a step").steps, 1);
    let mut one_by_one = people();
    let report = one_by_one.apply(steps(3))?.report.expect("steps");
    assert_eq!((report.steps, report.turns.detailed), (3, 30), "the budget holds for each step");
    // The same as three orders.
    let mut ordered = people();
    for _ in 0..3 {
        ordered.apply(Input::advance(20_000_000))?;
    }
    let clocks = [&mut one_by_one, &mut ordered].map(|world| world.world().now());
    assert_eq!(clocks[0], clocks[1]);
    for id in 1..=60 {
        assert_eq!(turns(&mut one_by_one, id), turns(&mut ordered, id), "npc {id}");
    }
    Ok(())
}

#[test]
fn the_report_says_what_was_done_and_what_had_to_wait() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([100, 100, 100, 100], 10, 0), vec![(30, Detailed, 0)]);
    let advance = |seconds: u64| Input::advance(seconds * 1_000_000);
    let report = world.apply(advance(60))?.report.expect("a step was made");
    assert_eq!((report.steps, report.turns.detailed, report.deferred.detailed), (1, 10, 20));
    assert_eq!((report.waiting.detailed, report.population.detailed), (20, 30));
    assert_eq!(report.lateness.detailed.buckets.iter().sum::<u32>(), 10);
    assert_eq!(report.lateness.detailed.buckets[3..].iter().sum::<u32>(), 0, "nobody was later than a minute");

    let status = world.ask("scheduler.status", json!({})).expect("an answer");
    assert_eq!(status["last"]["deferredBy"], json!({"maxNpcTicksPerStep": 20}));
    let why = status["last"]["why"].as_str().unwrap();
    assert!(why.contains("20 times a turn that was due had to wait") && why.contains("allows 10"), "{why}");
    assert_eq!(status["tiers"]["detailed"]["waiting"], 20);
    let waits = status["tiers"]["detailed"]["longestWaitSteps"].as_u64().unwrap();
    assert_eq!(waits, (100 * 29 + 4 * 99) / (10 * 40) + 1);

    // Who waits is told at which place.
    let late: Vec<_> = (1..=30)
        .map(|id| world.ask("npc.tier", json!({"npc": format!("npc-{id}")})).expect("an answer"))
        .filter(|answer| answer["turn"]["waiting"] == true)
        .collect();
    let mut places: Vec<u64> = late.iter().map(|answer| answer["turn"]["before"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..20).collect::<Vec<_>>());

    let report = world.apply(advance(3 * 3_600))?.report.expect("steps were made");
    assert_eq!((report.steps, report.turns.detailed), (3, 30), "three steps of an hour, ten turns in each");
    let outcome = world.apply(Input::Tick(worldtick::messages::TickInput {
        tick_id: uuid::Uuid::nil(),
        tick_type: TickType::Hourly,
        game_time: world.now().unwrap(),
    }))?;
    assert_eq!(outcome.report, None, "a tick of a world with its own clock makes no step");
    Ok(())
}

#[test]
fn a_world_that_ticks_drive_begins_to_live_with_its_first_tick() -> Result<(), StepError> {
    let mut world = town("ticks", &simulation([100, 100, 100, 100], 3, 0), vec![(9, Active, 0)]);
    assert!(world.send("session.start", json!({"sessionId": "s"})).is_err(), "there is no time yet");
    world.hours(4)?;
    let began = world.world().clock().began.expect("it has begun");
    for id in 1..=9 {
        let first = turns(&mut world, id)[0];
        assert!(first.last == began && first.due == began, "nobody has lived through two thousand years: {first:?}");
    }
    world.restart()?;
    world.hours(1)?;
    Ok(())
}

#[test]
fn who_goes_while_waiting_is_nobodys_trouble() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([100, 100, 100, 100], 1, 0), vec![(10, Detailed, 0)]);
    world.step(seconds(60))?;
    for id in 1..=8 {
        world.send("test.population", json!({"remove": id}))?;
    }
    for _ in 0..4 {
        world.step(seconds(1))?;
    }
    assert!(!turns(&mut world, 9).is_empty() && !turns(&mut world, 10).is_empty());
    world.restart()?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The bound that an NPC is told holds in a living world, even with a budget of one turn.
    #[test]
    fn nobody_waits_longer_than_they_are_told(
        people in prop::collection::vec(0_usize..12, 4),
        budget in prop_oneof![Just(1_u32), 1_u32..8],
        share in prop::collection::vec(1_u32..=1_000, 4),
        span in 20_u64..2_000,
    ) {
        let mut block = simulation([100, 100, 100, 100], budget, 0);
        for (tier, share) in SimulationTier::ALL.iter().zip(&share) {
            block["tiers"][tier.as_str()]["share"] = json!(share);
        }
        let people = SimulationTier::ALL.into_iter().zip(people).map(|(tier, count)| (count, tier, 0)).collect();
        let mut world = town("manual", &block, people);
        let status = world.ask("scheduler.status", json!({})).expect("an answer");
        let bound = PerTier::from_fn(|tier| status["tiers"][tier.as_str()]["longestWaitSteps"].as_u64().unwrap());
        let count = u64::try_from(world.world().ecs().resource::<worldtick::components::ids::StableIndex>().len()).unwrap();
        let mut waits = vec![0_u64; usize::try_from(count).unwrap() + 1];
        for _ in 0..150 {
            let before: Vec<_> = (1..=count).map(|id| npc(&mut world, id)).collect();
            world.apply(Input::advance(span * 1_000_000)).expect("it steps");
            let now = world.now().unwrap();
            for (id, old) in (1..).zip(before) {
                let wait = &mut waits[usize::try_from(id).unwrap()];
                *wait += u64::from(old.due <= now);
                prop_assert!(*wait <= bound[old.tier], "{} waits {} steps of {}", old.tier, wait, bound[old.tier]);
                if npc(&mut world, id).last == now {
                    *wait = 0;
                }
            }
        }
    }

    /// Nor do those who are moved between tiers, which empty and fill meanwhile: from when they came into their tier,
    /// with everybody counted who has been in it since.
    #[test]
    fn nobody_waits_longer_from_when_they_came_into_their_tier(
        people in prop::collection::vec(0_usize..8, 4),
        budget in prop_oneof![Just(1_u32), 1_u32..5],
        share in prop::collection::vec(prop_oneof![1_u32..=5, 1_u32..=1_000], 4),
        moves in prop::collection::vec((0_usize..150, 1_u64..32, 0_usize..4), 0..120),
        span in prop_oneof![20_u64..2_000, Just(86_400_u64)],
    ) {
        let mut block = simulation([100, 100, 100, 100], budget, 0);
        block["maxStepGameSeconds"] = json!(86_400);
        for (tier, share) in SimulationTier::ALL.iter().zip(&share) {
            block["tiers"][tier.as_str()]["share"] = json!(share);
        }
        let count = people.iter().sum::<usize>() as u64;
        let people = SimulationTier::ALL.into_iter().zip(people).map(|(tier, count)| (count, tier, 0)).collect();
        let mut world = town("manual", &block, people);
        let price: u64 = share.iter().map(|share| u64::from(*share)).sum();
        let bound = |tier: SimulationTier, met: usize| {
            let at = SimulationTier::ALL.iter().position(|other| *other == tier).unwrap();
            (price * (met as u64 - 1) + 4 * (price - 1)) / (u64::from(budget) * u64::from(share[at])) + 1
        };
        // By NPC: the steps that it waits, and everybody who has been in its tier meanwhile.
        let mut waits: BTreeMap<u64, (u64, BTreeSet<u64>)> = BTreeMap::new();
        for step in 0..150 {
            for (_, id, to) in moves.iter().filter(|(at, id, _)| *at == step && *id <= count) {
                world.send("test.rule", json!({"id": id, "tier": SimulationTier::ALL[*to], "priority": 1})).expect("taken");
            }
            let before: Vec<_> = (1..=count).map(|id| npc(&mut world, id)).collect();
            world.apply(Input::advance(span * 1_000_000)).expect("it steps");
            let now = world.now().unwrap();
            let after: Vec<_> = (1..=count).map(|id| npc(&mut world, id)).collect();
            for ((id, old), new) in (1..).zip(&before).zip(&after) {
                if old.tier != new.tier || old.due > now {
                    waits.remove(&id);
                }
                if old.due > now {
                    continue;
                }
                let (wait, met) = waits.entry(id).or_default();
                *wait += 1;
                met.extend((1..).zip(&after).filter(|(_, other)| other.tier == new.tier).map(|(id, _)| id));
                let most = bound(new.tier, met.len());
                prop_assert!(*wait <= most, "{id} waits {wait} steps of {most} in {}", new.tier);
                if new.last == now {
                    waits.remove(&id);
                }
            }
        }
    }
}
