//! Which activity an NPC chooses.

use super::condition::{ConditionContext, all_hold};
use super::model::Activity;
use super::mood::{second_of_day, time_of_day};
use super::place::choose_place;
use super::preferences::Cascade;
use super::routine::{Walk, collect_offers};
use super::score::{Score, score};
use crate::components::ids::StableId;
use crate::components::npc::{ActivityId, Memory, PlaceId};
use crate::systems::random::{Draw, SystemDraws};

/// Game seconds after which an NPC that found nothing to do looks again.
pub const RETRY_SECONDS: u32 = 300;
/// Names the draws of decisions. Never change it: every history would.
const DRAWS: &str = "npc.decide";

/// How a choice is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// By the scores of all factors.
    Full,
    /// By the weights of the routine alone.
    Simple,
}

impl Care {
    /// For people and tools.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Simple => "simple",
        }
    }
}

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The activity.
    pub activity: ActivityId,
    /// Where.
    pub place: PlaceId,
}

/// Why an activity is not possible now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its cooldown is not over.
    Cooldown,
    /// There is too little energy for it.
    TooTired,
    /// There is too much energy for it.
    TooFresh,
    /// It is not the time of day for it.
    TimeOfDay,
    /// It is not the mood for it.
    Mood,
    /// A condition does not hold.
    Condition,
    /// There is no place for it, or nobody there who is needed.
    PlaceOrCompany,
}

impl Refusal {
    /// For people and tools.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cooldown => "cooldown",
            Self::TooTired => "too_little_energy",
            Self::TooFresh => "too_much_energy",
            Self::TimeOfDay => "time_of_day",
            Self::Mood => "mood",
            Self::Condition => "condition",
            Self::PlaceOrCompany => "no_place_or_company",
        }
    }
}

/// An activity that was considered.
#[derive(Debug, Clone, PartialEq)]
pub struct Considered {
    /// The activity.
    pub activity: ActivityId,
    /// Its weight in the routine.
    pub weight: f64,
    /// Its score, or why it was not possible.
    pub verdict: Result<Score, Refusal>,
}

/// Room for decisions; one for each step, used again and again.
#[derive(Debug, Default)]
pub struct Desk {
    walk: Walk,
    possible: Vec<(ActivityId, f64, Option<PlaceId>)>,
}

impl Desk {
    /// Whether the routine had anything to offer at the last decision, possible or not.
    pub fn has_offers(&self) -> bool {
        !self.walk.offers.is_empty()
    }
}

/// The draws of an NPC's decision: they follow from the world's seed, the NPC and the number of the decision alone.
pub fn decision_draw(seed: u64, id: StableId, decision: u32) -> Draw {
    SystemDraws::new(seed, u64::from(decision), DRAWS).for_id(id)
}

/// Chooses among what the routine offers and whose requirements all hold, by weighted draw. `considered` gets what was
/// weighed, where somebody wants to know. Nothing where nothing is possible.
pub fn choose(
    context: &ConditionContext<'_>,
    cascade: &Cascade<'_>,
    memory: &Memory,
    care: Care,
    draw: &mut Draw,
    desk: &mut Desk,
    mut considered: Option<&mut Vec<Considered>>,
) -> Option<Choice> {
    let model = context.model;
    let routine = model.routine(context.npc.routine)?;
    collect_offers(routine, context, draw, &mut desk.walk);
    desk.possible.clear();
    for (id, weight) in &desk.walk.offers {
        let Some(activity) = model.activity(*id) else { continue };
        let checked = check(context, cascade, memory, *id, activity, draw);
        let verdict = checked.map(|place| {
            let scored = match care {
                Care::Full => score(context, cascade, *id, *weight),
                Care::Simple => Score::simple(*weight),
            };
            desk.possible.push((*id, scored.total, place));
            scored
        });
        if let Some(considered) = considered.as_deref_mut() {
            considered.push(Considered { activity: *id, weight: *weight, verdict });
        }
    }
    let total: f64 = desk.possible.iter().map(|(_, score, _)| score).sum();
    let mut left = draw.unit() * total;
    let drawn = desk.possible.iter().find(|(_, score, _)| {
        left -= score;
        left < 0.0
    });
    // Rounding may leave a rest: then it is the last.
    let (id, _, place) = *drawn.or(desk.possible.last())?;
    let place = match place {
        Some(place) => place,
        None => choose_place(context, cascade, model.activity(id)?, draw)?,
    };
    Some(Choice { activity: id, place })
}

/// Whether everything that an activity requires holds. Gives the place, where company had to be found at one.
fn check(
    context: &ConditionContext<'_>,
    cascade: &Cascade<'_>,
    memory: &Memory,
    id: ActivityId,
    activity: &Activity,
    draw: &mut Draw,
) -> Result<Option<PlaceId>, Refusal> {
    let require = |holds: bool, refusal: Refusal| if holds { Ok(()) } else { Err(refusal) };
    if activity.cooldown_seconds > 0 {
        let second = context.now.as_micros().div_euclid(1_000_000);
        let free = memory.ended_at(id).is_none_or(|ended| context.model.free_at(id, ended) <= second);
        require(free, Refusal::Cooldown)?;
    }
    let energy = f64::from(context.state.energy);
    require(energy >= activity.energy_min, Refusal::TooTired)?;
    require(energy <= activity.energy_max, Refusal::TooFresh)?;
    let time = time_of_day(second_of_day(context.now));
    require(activity.times.is_empty() || activity.times.has(time), Refusal::TimeOfDay)?;
    require(activity.moods.is_empty() || activity.moods.meets(context.moods()), Refusal::Mood)?;
    require(all_hold(&activity.conditions, context, draw), Refusal::Condition)?;
    if activity.company.is_empty() {
        let somewhere = activity.location_types.is_empty() || !activity.places.is_empty();
        return require(somewhere, Refusal::PlaceOrCompany).map(|()| None);
    }
    match choose_place(context, cascade, activity, draw) {
        Some(place) => Ok(Some(place)),
        None => Err(Refusal::PlaceOrCompany),
    }
}
