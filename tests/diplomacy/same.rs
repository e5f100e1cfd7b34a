//! The same world is the same world: whatever the order of its file, after a restart, and again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::components::clock::{GameInstant, MICROS_PER_DAY};
use worldtick::components::faction::{Affairs, Relations, TreatyKind};
use worldtick::messages::relation::RelationsTold;
use worldtick::messages::{Envelope, Input, TickInput, TickType};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{DiplomacySpec, FactionSpec, PowersSpec, RelationSpec, TreatySpec, WorldSpec};

use super::support::{by_ticks, calm, days, section, seven, world_of};

/// What can be said of every pair by the names of its two.
fn by_name(world: &mut Stepper) -> BTreeMap<(String, String), Value> {
    let matrix = world.ask("diplomacy.matrix", json!({})).expect("a matrix");
    let names: Vec<String> = matrix["factions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|of| of["id"].as_str().expect("an id").to_owned())
        .collect();
    let mut all = BTreeMap::new();
    for (row, one) in names.iter().enumerate() {
        for (column, other) in names.iter().enumerate().filter(|(_, other)| one < *other) {
            all.insert((one.clone(), other.clone()), matrix["cells"][row][column].clone());
        }
    }
    all
}

#[test]
fn the_order_of_the_file_makes_no_difference() -> Result<(), StepError> {
    let (mut one, mut other) = (by_ticks(seven()), by_ticks(seven()));
    section(&mut one).rules.dealings.incidents = 0.5;
    section(&mut other).rules.dealings.incidents = 0.5;
    section(&mut other).factions.reverse();
    section(&mut other).relations.rotate_left(9);
    section(&mut other).relations.iter_mut().step_by(2).for_each(|relation| relation.between.swap(0, 1));
    let (mut one, mut other) = (world_of(one)?, world_of(other)?);
    for _ in 0..20 {
        days(&mut one, 1)?;
        days(&mut other, 1)?;
        assert_eq!(one.state_hash()?, other.state_hash()?);
    }
    assert_eq!(one.events(), other.events());
    Ok(())
}

#[test]
fn a_restart_and_a_replay_are_the_same_to_the_byte() -> Result<(), StepError> {
    let spec = by_ticks(seven());
    let (mut one, mut other) = (world_of(spec.clone())?, world_of(spec)?);
    for day in 0..40 {
        for world in [&mut one, &mut other] {
            days(world, 1)?;
            if day == 5 {
                world.send("diplomacy.declare_war", json!({"by": "militia", "with": "tyger_claws"}))?;
            }
        }
        other.restart()?;
        assert_eq!(one.state_hash()?, other.state_hash()?, "day {day}");
    }
    assert_eq!(one.events(), other.events());
    assert_eq!(one.snapshot()?, other.snapshot()?);
    let (mut again, events) = one.replay()?;
    assert_eq!((again.state_hash().expect("a hash"), events), (one.state_hash()?, one.events().to_vec()));
    Ok(())
}

/// Steps a world by so many days at once, and then lets its days come back one after the other, as from Kafka. Gives what
/// the store would keep of them.
fn step_of_days(world: &mut Stepper, days: i64) -> Result<Vec<RelationsTold>, StepError> {
    let due = world.apply(Input::advance((days * MICROS_PER_DAY).unsigned_abs()))?.due_ticks;
    let mut told = Vec::new();
    for due in due.into_iter().filter(|due| due.tick_type == TickType::Daily) {
        let (tick_id, tick_type, game_time) = (due.tick_id, due.tick_type, due.game_time);
        told.push(world.apply(Input::Tick(TickInput { tick_id, tick_type, game_time }))?.relations);
    }
    Ok(told)
}

#[test]
fn days_after_a_long_step_are_the_same_days() -> Result<(), StepError> {
    let mut spec = seven();
    let (one, other) = (section(&mut spec).factions[0].id.clone(), section(&mut spec).factions[1].id.clone());
    section(&mut spec).rules.dealings.incidents = 0.5;
    section(&mut spec).events = serde_json::from_value(json!([
        { "kind": "war_declared", "inDays": 1.5, "by": one, "with": other },
        { "kind": "incident", "inDays": 6.0, "by": one, "with": other, "strength": 0.5, "id": "a ship saved" },
    ]))
    .expect("events");
    section(&mut spec).treaties = serde_json::from_value(json!([
        { "between": [section(&mut spec).factions[2].id, section(&mut spec).factions[3].id], "kind": "trade", "days": 3 },
    ]))
    .expect("treaties");
    let (mut single, mut long) = (world_of(spec.clone())?, world_of(spec)?);
    let mut told = Vec::new();
    for _ in 0..40 {
        told.extend(step_of_days(&mut single, 1)?);
    }
    assert_eq!(step_of_days(&mut long, 40)?, told, "what the store keeps, with its times");
    let state = |world: &mut Stepper| {
        let world = world.world().ecs();
        (world.resource::<Relations>().clone(), world.resource::<Affairs>().clone())
    };
    assert_eq!(state(&mut long), state(&mut single));
    // Ids of events are of the inputs that brought them, and those are others.
    let events = |world: &Stepper| -> Vec<Value> {
        let mut all: Vec<Value> = world.events().iter().map(|event| event.to_value(Envelope::Flat)).collect();
        all.iter_mut().for_each(|event| event["event_id"] = Value::Null);
        all
    };
    assert_eq!(events(&long), events(&single));
    let times = |name: &str| -> BTreeSet<String> {
        let ours =
            events(&long).into_iter().filter(|event| event["event_type"].as_str().is_some_and(|of| of.ends_with(name)));
        ours.map(|event| event["timestamp"].as_str().expect("a time").to_owned()).collect()
    };
    assert_eq!(times("diplomacy_summary").len(), 40, "each day its own");
    assert!(times("diplomacy_update").len() >= 2, "{:?}", times("diplomacy_update"));
    let happened =
        |what: &str| told.iter().flat_map(|day| &day.happened).find(|one| one.what == what).map(|one| one.at);
    let day = |day: i64| GameInstant::from_micros(spec_start() + day * MICROS_PER_DAY).ok();
    assert_eq!(happened("treaty_ended"), day(3), "on the day on which its time is over");
    assert_eq!(happened("war_declared"), day(2));
    // A day that comes late is no day before the last one.
    long.tick_at(TickType::Daily, day(4).expect("an instant"))?;
    assert_eq!(Some(long.events().last().expect("a summary").timestamp), day(40));
    Ok(())
}

/// When the world that ships begins.
fn spec_start() -> i64 {
    seven().starts_at.as_micros()
}

#[test]
fn another_seed_is_another_history() -> Result<(), StepError> {
    let of = |seed: u64| -> Result<_, StepError> {
        let mut spec = by_ticks(seven());
        spec.seed = seed;
        let mut world = world_of(spec)?;
        days(&mut world, 10)?;
        world.state_hash()
    };
    assert_eq!(of(1)?, of(1)?);
    assert_ne!(of(1)?, of(2)?);
    Ok(())
}

#[test]
fn relations_that_do_not_fit_are_not_taken_up() -> Result<(), StepError> {
    let mut world = world_of(by_ticks(seven()))?;
    days(&mut world, 2)?;
    let saved = world.snapshot()?;
    let mut other = by_ticks(seven());
    section(&mut other).factions[0].id = "zzz".to_owned();
    section(&mut other).relations.clear();
    section(&mut other).treaties.clear();
    let build = move || {
        let mut app = bevy_app::App::new();
        app.add_plugins((
            worldtick::plugins::simulation::SimulationPlugin { spec: other.clone() },
            worldtick::plugins::diplomacy::DiplomacyPlugin,
        ));
        app
    };
    let error = Stepper::restored(build, &saved).expect_err("refused").to_string();
    assert!(error.contains("not those of the factions of its file"), "{error}");
    Ok(())
}

/// A small world of factions `f0`, `f1`, …
#[derive(Debug, Clone)]
struct Small {
    powers: Vec<f64>,
    relations: Vec<(usize, usize, f64, f64)>,
}

impl Small {
    fn spec(&self, name: impl Fn(usize) -> String) -> WorldSpec {
        let factions = self.powers.iter().enumerate().map(|(number, military)| FactionSpec {
            id: name(number),
            powers: PowersSpec { military: *military, ..PowersSpec::default() },
            ..FactionSpec::default()
        });
        let mut diplomacy = DiplomacySpec { factions: factions.collect(), ..DiplomacySpec::default() };
        let mut seen = std::collections::BTreeSet::new();
        for (one, other, love, trust) in &self.relations {
            let (one, other) = (one % self.powers.len(), other % self.powers.len());
            if one != other && seen.insert((one.min(other), one.max(other))) {
                let between = [name(one), name(other)];
                diplomacy.relations.push(RelationSpec {
                    between: between.clone(),
                    love: *love,
                    trust: *trust,
                    state: None,
                });
                let treaty = TreatySpec { between, kind: TreatyKind::Trade, begins: None, ends: None, days: Some(7) };
                diplomacy.treaties.push(treaty);
            }
        }
        let mut spec = seven();
        spec.diplomacy = Some(diplomacy);
        by_ticks(spec)
    }
}

fn small() -> impl Strategy<Value = Small> {
    let relation = (0_usize..6, 0_usize..6, -1.0..=1.0_f64, -1.0..=1.0_f64);
    (prop::collection::vec(0.0..=100.0_f64, 2..6), prop::collection::vec(relation, 0..10))
        .prop_map(|(powers, relations)| Small { powers, relations })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whoever bears which name: without noise and chance, the same becomes of them.
    #[test]
    fn names_and_numbers_make_no_difference(small in small()) {
        let count = small.powers.len();
        let plain = |number: usize| format!("f{number}");
        let turned = |number: usize| format!("f{}", count - 1 - number);
        let (mut one, mut other) =
            (world_of(calm(small.spec(plain))).expect("a world"), world_of(calm(small.spec(turned))).expect("a world"));
        for _ in 0..15 {
            days(&mut one, 1).expect("a day");
            days(&mut other, 1).expect("a day");
        }
        let renamed: BTreeMap<_, _> = by_name(&mut other)
            .into_iter()
            .map(|((a, b), cell)| {
                let back = |name: &str| plain(count - 1 - name[1..].parse::<usize>().expect("a number"));
                let (a, b) = (back(&a), back(&b));
                (if a < b { (a, b) } else { (b, a) }, cell)
            })
            .collect();
        prop_assert_eq!(by_name(&mut one), renamed);
    }

    /// Whatever it begins with, and with as much noise and chance as there can be: everything stays within its bounds.
    #[test]
    fn everything_stays_within_bounds(small in small(), seed in any::<u64>()) {
        let mut spec = small.spec(|number| format!("f{number}"));
        spec.seed = seed;
        let rules = &mut section(&mut spec).rules;
        (rules.score.noise, rules.dealings.incidents, rules.dealings.betrayal) = (0.5, 1.0, 1.0);
        rules.keeping.history = 5;
        rules.keeping.history_total = 12;
        let mut world = world_of(spec).expect("a world");
        for _ in 0..30 {
            days(&mut world, 1).expect("a day");
            let relations = world.world().ecs().resource::<Relations>();
            prop_assert!(relations.is_whole());
            let feelings = relations.love.iter().chain(&relations.trust);
            prop_assert!(feelings.clone().all(|value| (-1.0..=1.0).contains(value)));
            prop_assert!(relations.score.iter().all(|value| (-2.0..=4.0).contains(value)));
            prop_assert!(world.world().ecs().resource::<Affairs>().histories.len() <= 12);
        }
        let list = world.ask("diplomacy.factions", json!({})).expect("a list");
        for faction in list["factions"].as_array().expect("a list") {
            for (kind, most) in [("military", 100.0), ("economy", 100.0), ("territory", 100.0), ("technology", 100.0), ("morale", 1.0)] {
                let level = faction["powers"][kind].as_f64().expect("a number");
                prop_assert!((0.0..=most).contains(&level), "{} {}", kind, level);
            }
            prop_assert!((0.0..=1.0).contains(&faction["exhaustion"].as_f64().expect("a number")));
        }
    }
}
