//! What a tier means for an NPC: rules wish it there, and coarse updates agree with fine ones.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::npc_support::{hermit, part, show, town, world};
use serde_json::{Value, json};
use worldtick::components::clock::{GameInstant, MICROS_PER_DAY};
use worldtick::components::ids::StableId;
use worldtick::components::npc::{Npc, NpcState, WorldFlags};
use worldtick::components::tier::{Simulated, SimulationTier, TierReason};
use worldtick::messages::Input;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSimulationConfig;

/// The energy of each clerk.
fn energies(world: &mut Stepper) -> Vec<f64> {
    let ecs = world.world().ecs();
    let mut query = ecs.query::<(&Npc, &NpcState)>();
    let clerks = query.iter(ecs).filter(|(npc, _)| npc.name.as_deref().is_some_and(|name| name.starts_with("clerk")));
    clerks.map(|(_, state)| f64::from(state.energy)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).expect("few"))
}

/// The town with everybody in one tier, in steps of so many seconds; everybody has a turn in each step.
fn all_in(tier: &str, step_seconds: u32, seed: u64) -> Result<Stepper, StepError> {
    let mut spec = town();
    spec.seed = seed;
    spec.behaviour.as_mut().expect("behaviour").simulation_config.default_tier = Some(tier.into());
    let simulation = &mut spec.meta.simulation;
    simulation.events.npc_activity_changed = part(json!({"detailed": 0, "active": 0}));
    simulation.tiers.dormant.tick_frequency_seconds = Some(60);
    simulation.max_step_game_seconds = step_seconds;
    world(spec)
}

/// Moves the world on in as few steps as its configuration allows.
fn advance(world: &mut Stepper, seconds: u64) -> Result<(), StepError> {
    world.apply(Input::advance(seconds * 1_000_000))?;
    Ok(())
}

/// The bound that `catch_up` states, in points of energy.
const ENERGY_APART_MAX: f64 = 8.0;

#[test]
fn coarse_updates_agree_with_turns_of_a_minute() -> Result<(), StepError> {
    let mut fine = all_in("detailed", 60, 11)?;
    let mut four_hours = all_in("dormant", 14_400, 12)?;
    let mut a_day = all_in("dormant", 86_400, 13)?;
    for day in 1..=7 {
        for world in [&mut fine, &mut four_hours, &mut a_day] {
            advance(world, 86_400)?;
        }
        let with = mean(&energies(&mut fine));
        for world in [&mut four_hours, &mut a_day] {
            let without = mean(&energies(world));
            assert!((with - without).abs() <= ENERGY_APART_MAX, "day {day}: {with:.1} and {without:.1}");
        }
    }
    Ok(())
}

/// The bound that `catch_up` states for each four hours of the first two days.
const ENERGY_APART_EARLY: f64 = 4.0;

#[test]
fn what_is_dormant_agrees_at_each_of_its_turns() -> Result<(), StepError> {
    let mut spread = 0.0_f64;
    for seed in [1, 31] {
        let (mut fine, mut dormant) = (all_in("detailed", 60, seed)?, all_in("dormant", 14_400, seed + 1)?);
        for mark in 1..=12 {
            advance(&mut fine, 14_400)?;
            advance(&mut dormant, 14_400)?;
            let (with, without) = (mean(&energies(&mut fine)), mean(&energies(&mut dormant)));
            assert!((with - without).abs() <= ENERGY_APART_EARLY, "hour {}: {with:.1} and {without:.1}", mark * 4);
            spread = spread.max((with - 100.0).abs());
        }
    }
    assert!(spread > 50.0, "energy comes and goes by more than the bound: {spread}");
    Ok(())
}

/// The energy of each clerk by id, with when it had its last turn.
fn turns(world: &mut Stepper) -> BTreeMap<StableId, (GameInstant, f64)> {
    let ecs = world.world().ecs();
    let mut query = ecs.query::<(&StableId, &Npc, &NpcState, &Simulated)>();
    let clerks =
        query.iter(ecs).filter(|(_, npc, ..)| npc.name.as_deref().is_some_and(|name| name.starts_with("clerk")));
    clerks.map(|(id, _, state, simulated)| (*id, (simulated.last, f64::from(state.energy)))).collect()
}

#[test]
fn a_dormant_npc_with_a_turn_every_three_days_agrees_at_its_turn() -> Result<(), StepError> {
    let mut fine = all_in("detailed", 60, 41)?;
    let mut spec = town();
    spec.seed = 42;
    spec.behaviour.as_mut().expect("behaviour").simulation_config.default_tier = Some("dormant".into());
    spec.meta.simulation.tiers.dormant.tick_frequency_seconds = Some(3 * 86_400);
    spec.meta.simulation.max_step_game_seconds = 7_200;
    let mut dormant = world(spec)?;
    let began = dormant.now().expect("a time");
    let mut last: BTreeMap<StableId, GameInstant> = BTreeMap::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..6 * 12 {
        advance(&mut fine, 7_200)?;
        advance(&mut dormant, 7_200)?;
        let now = dormant.now().expect("a time");
        let finely = turns(&mut fine);
        for (id, (turn, energy)) in turns(&mut dormant).into_iter().filter(|(_, (turn, _))| *turn == now) {
            if turn.micros_since(last.insert(id, turn).unwrap_or(began)) >= 2 * MICROS_PER_DAY {
                with.push(finely[&id].1);
                without.push(energy);
            }
        }
    }
    assert!(with.len() >= 30, "{} turns after more than two days", with.len());
    let (with, without) = (mean(&with), mean(&without));
    assert!((with - without).abs() <= ENERGY_APART_MAX, "{with:.1} and {without:.1}");
    Ok(())
}

#[test]
fn one_update_over_days_agrees_with_turns_of_a_minute() -> Result<(), StepError> {
    let mut fine = all_in("detailed", 60, 21)?;
    advance(&mut fine, 43_200)?;
    for days in 1..=7 {
        advance(&mut fine, 86_400)?;
        let mut coarse = all_in("detailed", 60, 21)?;
        advance(&mut coarse, 43_200)?;
        let ecs = coarse.world().ecs();
        ecs.resource_mut::<WorldSimulationConfig>().max_step_game_seconds = 86_400 * 7;
        advance(&mut coarse, 86_400 * days)?;
        let (with, without) = (mean(&energies(&mut fine)), mean(&energies(&mut coarse)));
        assert!((with - without).abs() <= ENERGY_APART_MAX, "{days} days: {with:.1} and {without:.1}");
    }
    Ok(())
}

#[test]
fn what_a_long_turn_leaves_is_plausible() -> Result<(), StepError> {
    let mut world = all_in("dormant", 14_400, 5)?;
    for _ in 0..12 {
        advance(&mut world, 14_400)?;
        let now = world.now().expect("a time");
        let list = world.ask("npc.list", json!({"limit": 500})).expect("a list");
        for npc in list["npcs"].as_array().expect("rows") {
            let (does, place) = (npc["activity"].as_str(), npc["place"].as_str().expect("a place"));
            let fits = match does {
                Some("work") => place == "office",
                Some("sleep" | "rest") => place == "flats",
                Some("serve") => place.ends_with("bar"),
                _ => true,
            };
            assert!(fits, "{now}: {npc}");
        }
    }
    let decisions: Vec<u64> =
        ["nils", "mona"].map(|name| show(&mut world, name)["decisions"].as_u64().expect("a number")).to_vec();
    assert!(decisions.iter().all(|count| (16..=192).contains(count)), "{decisions:?} in two days");
    Ok(())
}

fn simulated(world: &mut Stepper, name: &str) -> Simulated {
    let ecs = world.world().ecs();
    let mut query = ecs.query::<(&Npc, &Simulated)>();
    let found = query.iter(ecs).find(|(npc, _)| npc.name.as_deref() == Some(name));
    found.map(|(_, simulated)| simulated.clone()).expect("an NPC")
}

#[test]
fn rules_wish_npcs_into_tiers_under_names_of_the_worlds_own() -> Result<(), StepError> {
    let spec = hermit(|spec| {
        spec["meta"]["simulation"]["tierDwellSeconds"] = json!(0);
        spec["behaviour"]["simulationConfig"] = json!({
            "tiers": [
                {"id": "same_location", "tickFrequencySeconds": 1, "detailLevel": "full"},
                {"id": "nearby_location", "tickFrequencySeconds": 200, "detailLevel": "full"},
                {"id": "far_away", "tickFrequencySeconds": 14_400, "detailLevel": "schedule_only"},
            ],
            "priorityRules": [
                {"condition": {"type": "flag_exists", "key": "near"}, "tier": "nearby_location", "priority": 5},
                {"condition": {"type": "flag_exists", "key": "here"}, "tier": "same_location", "priority": 9},
            ],
            "defaultTier": "far_away",
        });
    });
    let mut world = world(spec)?;
    let tier = |world: &mut Stepper| (simulated(world, "anna").tier, simulated(world, "anna").rule_wish.reason);
    assert_eq!(tier(&mut world), (SimulationTier::Dormant, TierReason::Default));
    world.send("npc.set_flag", json!({"npc": "anna", "key": "near", "value": true}))?;
    world.hours(2)?;
    assert_eq!(tier(&mut world), (SimulationTier::Active, TierReason::Rule(0)));
    world.send("world.set_flag", json!({"key": "here", "value": 1}))?;
    world.hours(1)?;
    assert_eq!(tier(&mut world), (SimulationTier::Detailed, TierReason::Rule(1)));
    world.send("npc.set_flag", json!({"npc": "anna", "key": "near", "value": Value::Null}))?;
    world.send("world.set_flag", json!({"key": "here", "value": Value::Null}))?;
    world.hours(1)?;
    assert_eq!(tier(&mut world), (SimulationTier::Dormant, TierReason::Default));
    Ok(())
}

/// Anna, dormant until a flag wishes her closer.
fn flagged() -> Result<Stepper, StepError> {
    world(hermit(|spec| {
        spec["meta"]["simulation"]["tierDwellSeconds"] = json!(0);
        spec["behaviour"]["simulationConfig"] = json!({
            "priorityRules": [{"condition": {"type": "flag_exists", "key": "near"}, "tier": "active", "priority": 5}],
            "defaultTier": "dormant",
        });
    }))
}

#[test]
fn a_flag_of_an_npc_moves_it_in_the_next_step() -> Result<(), StepError> {
    let mut world = flagged()?;
    world.hours(2)?;
    assert_eq!(simulated(&mut world, "anna").tier, SimulationTier::Dormant);
    for (value, tier) in [(json!(true), SimulationTier::Active), (Value::Null, SimulationTier::Dormant)] {
        world.send("npc.set_flag", json!({"npc": "anna", "key": "near", "value": value}))?;
        // The wish that the flag made is not lost with the process.
        world.restart()?;
        world.step(Duration::from_secs(60))?;
        assert_eq!(simulated(&mut world, "anna").tier, tier, "{value}");
    }
    Ok(())
}

#[test]
fn what_rules_say_by_now_is_told_before_a_turn_comes() -> Result<(), StepError> {
    let mut world = flagged()?;
    world.hours(2)?;
    let explain = |world: &mut Stepper| {
        let ask = json!({"npc": "anna"});
        let tier = world.ask("npc.tier", ask.clone()).expect("an answer");
        (tier["why"].as_str().expect("words").to_owned(), world.ask("npc.decision", ask).expect("an answer"))
    };
    let (_, decision) = explain(&mut world);
    assert_eq!(decision["rulesNow"]["differs"], false, "{decision}");
    // Just after a turn, so that the next one does not come too soon.
    let before = simulated(&mut world, "anna").last;
    while simulated(&mut world, "anna").last == before {
        world.step(Duration::from_secs(60))?;
    }
    world.send("world.set_flag", json!({"key": "near", "value": true}))?;
    world.step(Duration::from_secs(60))?;
    let last = simulated(&mut world, "anna").last;
    let (why, decision) = explain(&mut world);
    assert_eq!(simulated(&mut world, "anna").tier, SimulationTier::Dormant);
    assert!(why.contains(&format!("no rule holds for it as of its last turn at {last}")), "{why}");
    let now = &decision["rulesNow"];
    assert_eq!(
        (now["differs"].as_bool(), now["tier"].as_str(), now["rule"].as_u64()),
        (Some(true), Some("active"), Some(0))
    );
    while simulated(&mut world, "anna").last == last {
        world.step(Duration::from_secs(60))?;
    }
    let (why, _) = explain(&mut world);
    assert!(why.contains("and moves in the next step"), "there is room: {why}");
    world.step(Duration::from_secs(60))?;
    assert_eq!(simulated(&mut world, "anna").tier, SimulationTier::Active);
    Ok(())
}

/// What Anna feels for Bert after a day in steps of so many seconds, and whether her flag and that of the world are set.
fn after_a_day(tier: &str, step_seconds: u32) -> Result<(f64, bool, bool), StepError> {
    let mut world = world(hermit(|spec| {
        spec["meta"]["simulation"]["maxStepGameSeconds"] = json!(step_seconds);
        spec["behaviour"]["simulationConfig"] = json!({ "defaultTier": tier });
        spec["behaviour"]["activities"]["act"] = json!({
            "category": "any", "minDurationSeconds": 3_600,
            "effects": {"relationshipChanges": {"bert": {"affinity": 0.5}}, "flagsSet": {"met": true, "world.met": true}},
        });
        spec["behaviour"]["activities"]["watch"] = json!({"category": "any", "minDurationSeconds": 3_600});
        spec["behaviour"]["routines"]["other"] = json!({"nodes": [{
            "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86_400},
            "preferredActivities": [{"activityId": "watch"}],
        }]});
        spec["npcs"]["individuals"]["bert"] = json!({"routine": "other", "home": "hut"});
    }))?;
    advance(&mut world, 86_400)?;
    let anna = show(&mut world, "anna");
    let felt = anna["relationships"].as_array().expect("a list").iter().find_map(|relation| relation["value"].as_f64());
    let world_flag = world.world().ecs().resource::<WorldFlags>().0.get("met").is_some();
    Ok((felt.unwrap_or(50.0), anna["flags"]["met"] == true, world_flag))
}

#[test]
fn activities_end_with_their_changes_in_long_turns_too() -> Result<(), StepError> {
    for tier in ["detailed", "active", "ambient"] {
        let (fine, own, of_world) = after_a_day(tier, 60)?;
        assert!(own && of_world && (60.0..=62.0).contains(&fine), "{tier}: {fine} after some 23 hours of it");
        for seconds in [7_200, 43_200, 86_400] {
            let (coarse, own, of_world) = after_a_day(tier, seconds)?;
            assert!(own && of_world && (coarse - fine).abs() <= 1.0, "{tier}, {seconds} s: {coarse} and {fine}");
        }
    }
    assert_eq!(after_a_day("dormant", 7_200)?, (50.0, false, false), "who is dormant meets nobody");
    Ok(())
}
