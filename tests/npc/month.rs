//! A month of the default world: what people do all day lies within bounds that a person would find sane.
//!
//! Everything is measured in quarters of an hour, in which everybody has a turn there. The first three days do not count:
//! people begin at midnight with more or less energy, and need a night or two to find into their routine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use bevy_app::App;
use worldtick::components::clock::ClockSource;
use worldtick::components::ids::StableId;
use worldtick::components::npc::{ActivityId, Npc, NpcState, PlaceId};
use worldtick::components::tier::{Simulated, SimulationTier};
use worldtick::messages::tier::StepReport;
use worldtick::plugins::WorldPlugins;
use worldtick::systems::npc::BehaviourModel;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

const QUARTERS: usize = 96;
/// Days that do not count.
const SETTLING: usize = 3;

/// Days of the month.
const DAYS: usize = 30;

#[derive(Debug, Clone, Copy)]
struct Quarter {
    activity: Option<ActivityId>,
    place: PlaceId,
}

#[derive(Debug, Default)]
struct Person {
    name: String,
    routine: String,
    preset: Option<String>,
    /// Works at a place that is not its home.
    employed: bool,
    quarters: Vec<Quarter>,
    energy: Vec<f32>,
    decisions: u32,
    undecided: u32,
    longest_undecided: u32,
}

struct Month {
    model: BehaviourModel,
    people: BTreeMap<StableId, Person>,
    deferred: u64,
    waiting: u64,
}

/// The world as it ships, where everybody is ambient and chooses simply; or with everybody in another tier.
fn live(tier: SimulationTier) -> Result<Month, StepError> {
    let mut spec = WorldSpec::default_world().expect("valid");
    spec.clock = ClockSource::Manual;
    if tier != SimulationTier::Ambient {
        spec.behaviour.as_mut().expect("behaviour").simulation_config.default_tier = Some(tier.to_string());
        let simulation = &mut spec.meta.simulation;
        simulation.tiers.active.max_npcs = simulation.tiers.ambient.max_npcs;
    }
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins(WorldPlugins { spec: spec.clone() });
        app
    })?;
    let model = world.world().ecs().resource::<BehaviourModel>().clone();
    let mut month = Month { model, people: BTreeMap::new(), deferred: 0, waiting: 0 };
    for _ in 0..DAYS * QUARTERS {
        world.step(Duration::from_secs(900))?;
        month.note(&mut world, tier);
        world.take_events();
        world.forget_journal();
    }
    Ok(month)
}

impl Month {
    fn note(&mut self, world: &mut Stepper, tier: SimulationTier) {
        let ecs = world.world().ecs();
        let report = ecs.resource::<StepReport>();
        self.deferred += report.deferred.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
        self.waiting += report.waiting.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
        let mut query = ecs.query::<(&StableId, &Npc, &NpcState, &Simulated)>();
        for (id, npc, state, simulated) in query.iter(ecs) {
            assert_eq!(simulated.tier, tier, "{id}");
            assert!((0.0..=100.0).contains(&state.energy), "{id} has energy {}", state.energy);
            assert!(state.valence.abs() <= 100.0 && state.arousal.abs() <= 100.0, "{id} has mood {state:?}");
            let person = self.people.entry(*id).or_insert_with(|| Person {
                name: npc.name.as_deref().unwrap_or_default().to_owned(),
                routine: self.model.routine_names.name(npc.routine.0).expect("a routine").to_owned(),
                preset: npc.preset.and_then(|preset| self.model.preset_names.name(preset.0)).map(str::to_owned),
                employed: npc.work != npc.home,
                ..Person::default()
            });
            person.undecided = if person.decisions == state.decisions { person.undecided + 1 } else { 0 };
            person.longest_undecided = person.longest_undecided.max(person.undecided);
            person.decisions = state.decisions;
            person.energy.push(state.energy);
            person.quarters.push(Quarter { activity: state.activity, place: state.place });
        }
    }

    fn category(&self, activity: Option<ActivityId>) -> &str {
        let category = activity.and_then(|id| self.model.activity(id)).map(|activity| activity.category);
        category.and_then(|number| self.model.category_names.name(number)).unwrap_or("nothing")
    }

    fn of(&self, routine: &str) -> impl Iterator<Item = &Person> {
        self.people.values().filter(move |person| person.routine == routine)
    }

    /// The days that count: the number of each, and its quarters.
    fn counted<'a>(&self, person: &'a Person) -> impl Iterator<Item = (usize, &'a [Quarter])> {
        person.quarters.chunks(QUARTERS).enumerate().skip(SETTLING)
    }

    /// Mean hours a day over people and those days on which `is_day` holds.
    fn hours(&self, routine: &str, is_day: impl Fn(usize) -> bool, is_it: impl Fn(&Self, Quarter) -> bool) -> f64 {
        let (mut hits, mut all) = (0, 0);
        for person in self.of(routine) {
            for (_, day) in self.counted(person).filter(|(number, _)| is_day(*number)) {
                hits += day.iter().filter(|quarter| is_it(self, **quarter)).count();
                all += 1;
            }
        }
        hits as f64 / 4.0 / f64::from(all.max(1))
    }

    fn is(&self, quarter: Quarter, activity: &str) -> bool {
        quarter.activity.is_some_and(|id| self.model.activity_name(id) == activity)
    }

    /// Meals a day: times at which somebody begins to eat.
    fn meals(&self, routine: &str) -> f64 {
        let eats = |quarter: &Quarter| self.is(*quarter, "eat_at_home") || self.is(*quarter, "eat_out");
        let (mut meals, mut all) = (0, 0);
        for person in self.of(routine) {
            for (_, day) in self.counted(person) {
                meals += day.windows(2).filter(|pair| !eats(&pair[0]) && eats(&pair[1])).count();
                all += 1;
            }
        }
        meals as f64 / f64::from(all.max(1))
    }

    /// Hours a day that those of a preset do one of these more than everybody of their routine does, in the mean.
    fn taste(&self, preset: &str, activities: &[&str]) -> f64 {
        let is_it = |quarter: &Quarter| activities.iter().any(|activity| self.is(*quarter, activity));
        let hours = |person: &Person| {
            let quarters = person.quarters.iter().skip(SETTLING * QUARTERS);
            quarters.filter(|quarter| is_it(quarter)).count() as f64 / 4.0 / (DAYS - SETTLING) as f64
        };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let who = self.people.values().filter(|person| person.preset.as_deref() == Some(preset));
        let more = who.map(|person| hours(person) - mean(self.of(&person.routine).map(&hours).collect()));
        mean(more.collect())
    }

    /// The share of those with these routines who sleep at this hour, over all days that count.
    fn asleep_at(&self, routines: &[&str], hour: usize) -> f64 {
        let people = routines.iter().flat_map(|routine| self.of(routine));
        let at: Vec<bool> =
            people.flat_map(|person| self.counted(person).map(|(_, day)| self.is(day[hour * 4], "sleep"))).collect();
        at.iter().filter(|asleep| **asleep).count() as f64 / at.len().max(1) as f64
    }

    /// What everybody does, for people who read it.
    fn table(&self) -> String {
        let mut text = String::new();
        for routine in self.model.routine_names.iter() {
            let _ = write!(text, "\n{routine}: {} people, {:.1} meals;", self.of(routine).count(), self.meals(routine));
            for activity in self.model.activity_names.iter() {
                let hours = self.hours(routine, |_| true, |month, quarter| month.is(quarter, activity));
                if hours > 0.0 {
                    let _ = write!(text, " {activity} {hours:.2},");
                }
            }
            let idle = self.hours(routine, |_| true, |_, quarter| quarter.activity.is_none());
            let low = self.energy(routine, |energy| energy < 10.0);
            let full = self.energy(routine, |energy| energy > 99.5);
            let _ = write!(text, " nothing {idle:.2}; energy < 10 {low:.3}, full {full:.3}");
        }
        text
    }

    fn energy(&self, routine: &str, is_it: impl Fn(f32) -> bool) -> f64 {
        let all = self.of(routine).flat_map(|person| person.energy.iter().skip(SETTLING * QUARTERS));
        let (hits, count) = all.fold((0_u32, 0_u32), |(hits, count), one| (hits + u32::from(is_it(*one)), count + 1));
        f64::from(hits) / f64::from(count.max(1))
    }

    /// Of the time that is spent in company, the share in which somebody else is there for the same; and who ever was.
    fn meetings(&self) -> (f64, BTreeSet<StableId>) {
        let (mut met, mut alone, mut who) = (0_u32, 0_u32, BTreeSet::new());
        for at in SETTLING * QUARTERS..DAYS * QUARTERS {
            let mut places: BTreeMap<PlaceId, Vec<StableId>> = BTreeMap::new();
            for (id, person) in &self.people {
                let quarter = person.quarters[at];
                if self.category(quarter.activity) == "social" {
                    places.entry(quarter.place).or_default().push(*id);
                }
            }
            for there in places.into_values() {
                if there.len() > 1 {
                    met += u32::try_from(there.len()).expect("few");
                    who.extend(there);
                } else {
                    alone += 1;
                }
            }
        }
        (f64::from(met) / f64::from((met + alone).max(1)), who)
    }
}

/// 2077-01-01 is a Friday.
fn is_workday(day: usize) -> bool {
    (day + 4) % 7 < 5
}

/// What holds of a routine, each bound with its reason.
struct Bounds {
    routine: &'static str,
    /// Hours of sleep a day. Six and a half to nine and a half is what adults sleep who are let; those who sleep by day
    /// or late into the morning have their slots, the retired a nap besides.
    sleep: (f64, f64),
    /// Hours of work on a day of work: eight, less what is rested and stretched by what begins late; eleven hours at a
    /// stall, as its file says, less lunch; half a day of odd jobs for those without an employer.
    work: (f64, f64),
    /// Hours in company a day: those with an evening of four hours have more than those who guard a gate. Nobody has none,
    /// and nobody has nothing else.
    social: (f64, f64),
}

const BOUNDS: [Bounds; 6] = [
    Bounds { routine: "day_worker", sleep: (6.5, 9.5), work: (6.0, 10.0), social: (0.3, 4.0) },
    Bounds { routine: "night_worker", sleep: (6.5, 9.5), work: (6.0, 10.0), social: (0.3, 4.0) },
    Bounds { routine: "merchant", sleep: (6.5, 9.5), work: (8.0, 11.0), social: (0.3, 4.0) },
    Bounds { routine: "guard_day", sleep: (6.5, 9.5), work: (6.0, 10.0), social: (0.2, 4.0) },
    Bounds { routine: "guard_night", sleep: (6.5, 9.5), work: (6.0, 10.0), social: (0.2, 4.0) },
    Bounds { routine: "retired", sleep: (6.5, 10.5), work: (0.0, 1.5), social: (0.5, 5.0) },
];

#[test]
fn a_month_of_the_default_world_makes_sense() -> Result<(), StepError> {
    makes_sense(&live(SimulationTier::Ambient)?);
    Ok(())
}

/// The same bounds: needs, moods, traits and company tell when somebody does something rather than how much of it a life
/// has room for.
#[test]
fn a_month_in_full_makes_sense() -> Result<(), StepError> {
    let month = live(SimulationTier::Active)?;
    makes_sense(&month);
    // A simple choice knows no tastes. These do what they like more than others with the same routine; how much more
    // is bounded by what else a day asks for.
    let likes = [
        ("sociable", vec!["drink_with_friends", "socialise"]),
        ("bookish", vec!["study"]),
        ("devout", vec!["worship"]),
        ("homebody", vec!["eat_at_home", "rest", "braindance"]),
    ];
    let tastes = likes.map(|(preset, activities)| (preset, month.taste(preset, &activities)));
    println!("hours a day more than others: {tastes:?}");
    assert!(tastes.iter().all(|(_, more)| (0.05..=2.0).contains(more)), "{tastes:?}");
    Ok(())
}

fn makes_sense(month: &Month) {
    let mut wrong = Vec::new();
    let mut check = |what: &str, value: f64, (least, most): (f64, f64)| {
        if !(least..=most).contains(&value) {
            wrong.push(format!("{what}: {value:.3} is not within {least} and {most}"));
        }
    };
    let sleeps = |month: &Month, quarter| month.is(quarter, "sleep");
    let works = |month: &Month, quarter: Quarter| month.category(quarter.activity) == "work";
    let meets = |month: &Month, quarter: Quarter| month.category(quarter.activity) == "social";
    for Bounds { routine, sleep, work, social } in BOUNDS {
        check(&format!("{routine} sleeps"), month.hours(routine, |_| true, sleeps), sleep);
        let is_day = |day| routine != "day_worker" || is_workday(day);
        check(&format!("{routine} works"), month.hours(routine, is_day, works), work);
        check(&format!("{routine} is in company"), month.hours(routine, |_| true, meets), social);
    }
    // Night owls by choice: somewhat longer in bed, and what they do for a living is no category of its own.
    check("drifter sleeps", month.hours("drifter", |_| true, sleeps), (6.5, 10.5));
    check("drifter is in company", month.hours("drifter", |_| true, meets), (0.5, 5.0));
    let earns = |month: &Month, quarter: Quarter| ["work", "quest"].contains(&month.category(quarter.activity));
    check("drifter makes a living", month.hours("drifter", |_| true, earns), (2.0, 9.0));
    // Two free days: whoever is at work then cannot be there by routine. Mending something at home is another thing: it is
    // one of eight that nine hours of a day off offer, and who likes to be busy does more of it than others.
    let at_weekends = |activity: &str| {
        month.hours("day_worker", |day| !is_workday(day), |month, quarter| month.is(quarter, activity))
    };
    check("day_worker works at weekends", at_weekends("work"), (0.0, 0.1));
    check("day_worker mends things at weekends", at_weekends("repair"), (0.3, 2.0));
    for routine in month.model.routine_names.iter() {
        // Two meals keep one going; with a pause of three hours between them nobody eats more than five times.
        check(&format!("{routine} eats"), month.meals(routine), (2.0, 5.0));
        // The file's own words: a night's sleep gives back what a day costs. So nobody lives at the end of their strength,
        // and nobody is so rested that being awake costs nothing: some two hours before one gets up there is nothing left
        // to mend. The days of the retired cost half as much, so that they are rested in the middle of the night.
        check(&format!("{routine} is worn out"), month.energy(routine, |energy| energy < 10.0), (0.0, 0.03));
        let rested = if routine == "retired" { 0.5 } else { 0.3 };
        check(&format!("{routine} is fully rested"), month.energy(routine, |energy| energy > 99.5), (0.0, rested));
        // Every routine covers the day and offers rest, which needs nothing.
        let idle = month.hours(routine, |_| true, |_, quarter| quarter.activity.is_none());
        check(&format!("{routine} does nothing"), idle, (0.0, 0.1));
        // Rest is what is left over, not what one lives for.
        let rests = month.hours(routine, |_| true, |month, quarter| month.is(quarter, "rest"));
        check(&format!("{routine} rests"), rests, (0.0, 4.0));
    }
    // At three at night a town sleeps; at eleven in the morning it is up.
    let by_day = ["day_worker", "merchant", "guard_day", "retired"];
    check("asleep at three at night", month.asleep_at(&by_day, 3), (0.85, 1.0));
    check("asleep at eleven in the morning", month.asleep_at(&by_day, 11), (0.0, 0.05));
    check("at work by night, asleep at three", month.asleep_at(&["night_worker", "guard_night"], 3), (0.0, 0.05));
    check("at work by night, asleep at noon", month.asleep_at(&["night_worker", "guard_night"], 12), (0.85, 1.0));
    // Whoever goes out finds somebody there; and there is nobody who never does.
    let (together, who) = month.meetings();
    check("time in company that is not alone", together, (0.9, 1.0));
    check("who has met anybody", who.len() as f64 / month.people.len() as f64, (0.99, 1.0));
    // Who works elsewhere goes there.
    let stays = |person: &Person| person.quarters.windows(2).all(|pair| pair[0].place == pair[1].place);
    let hermits = month.people.values().filter(|person| person.employed && stays(person)).count();
    check("employed people who never leave home", hermits as f64, (0.0, 0.0));
    // The longest activity lasts an hour and a half: six quarters, and one until the turn that sees it.
    let longest = month.people.values().max_by_key(|person| person.longest_undecided).expect("people");
    check(
        &format!("quarters in which {} decided nothing", longest.name),
        f64::from(longest.longest_undecided),
        (0.0, 6.0),
    );
    check("turns that had to wait", month.deferred as f64 + month.waiting as f64, (0.0, 0.0));
    let table = month.table();
    println!("{table}\nat weekends: work {:.2}, repair {:.2}", at_weekends("work"), at_weekends("repair"));
    println!("in company: {together:.3} together, {} of {} people", who.len(), month.people.len());
    assert!(wrong.is_empty(), "{}\n{table}", wrong.join("\n"));
}
