//! How an activity is weighed for an NPC: eight factors and those of developers.
//!
//! ```text
//! score = max(0.001, base × preference(activity) × preference(category) × Π (1 + (multiplier − 1) × weight))
//! ```
//!
//! | factor | value |
//! |---|---|
//! | base | weight in the routine × the activity's priority × `baseWeight` |
//! | activity preference | 0 to 1, neutral 0.5, × `activityPreference` |
//! | category preference | 0 to 1, neutral the category's `defaultWeight` or 0.5, × `categoryPreference` |
//! | trait | 0.5 + trait / 100 of the trait that the category suits (social: extraversion, work: conscientiousness, leisure and quest: openness); × 1.25 for what takes energy at the time of day of a morning person or a night owl, × 0.8 at the opposite one |
//! | mood | 1.5 where the activity requires a mood, else 1. The NPC is in that mood then: in another one the activity is not possible, and is not weighed |
//! | relationship | 0.5 + affinity / 100 to those it is done with (the best of them; 25 more for those whom the NPC prefers, 25 less for those it avoids, whether they are named or a role of theirs is); 1 where it is done with nobody |
//! | urgency | 2 below 30 energy for what restores it, 1.5 above 80 for what uses it; × 1.5 below -30 valence for what lifts it |
//! | inertia | 2 for what it is doing, else 1 |
//!
//! A weight of 0 leaves its factor out, and no factor is below 0. Only additions, multiplications and comparisons of doubles are used: the same
//! everywhere.

use super::condition::{ConditionContext, Whom};
use super::model::{Activity, Category};
use super::mood::{second_of_day, time_of_day};
use super::preferences::{Cascade, NEUTRAL_PREFERENCE};
use crate::components::ids::StableId;
use crate::components::npc::{ActivityId, NEUTRAL};
use crate::world::spec::TimeOfDay;

/// No activity that is possible scores less.
pub const SCORE_MIN: f64 = 0.001;

/// Points that a preference for somebody, or against, counts on top of affinity.
const TASTE: f64 = 25.0;

/// The names of the eight factors, as their weights have them, in their order in [`Score::factors`].
pub const FACTORS: [&str; 8] = [
    "baseWeight",
    "activityPreference",
    "categoryPreference",
    "traitModifier",
    "moodCompatibility",
    "relationshipBonus",
    "urgency",
    "inertia",
];

/// The score of an activity with all that went into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The eight factors as they were multiplied, weights included.
    pub factors: [f64; 8],
    /// All factors of developers multiplied, weights included.
    pub custom: f64,
    /// The score: the product of all factors, or [`SCORE_MIN`] where that is less.
    pub total: f64,
}

impl Score {
    /// The score of a simple choice: the weight in the routine is the only factor.
    pub fn simple(weight: f64) -> Self {
        Self { factors: [weight, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], custom: 1.0, total: weight }
    }
}

/// Weighs an activity that has `weight` in the routine.
pub fn score(context: &ConditionContext<'_>, cascade: &Cascade<'_>, id: ActivityId, weight: f64) -> Score {
    let model = context.model;
    let Some(activity) = model.activity(id) else {
        return Score { factors: [1.0; 8], custom: 1.0, total: SCORE_MIN };
    };
    let weights = &model.weights;
    let category = model.categories.get(usize::from(activity.category));
    let default = category.map_or(NEUTRAL_PREFERENCE, |category| category.default_weight);
    let times = |value: f64, weight: f64| if weight == 0.0 { 1.0 } else { value * weight };
    let factors = [
        times(weight * activity.priority, weights.base),
        times(cascade.activity(id), weights.activity),
        times(cascade.category(activity.category).unwrap_or(default), weights.category),
        weighed(suits(context, cascade, activity, category), weights.traits),
        // What requires a mood is weighed only in that mood.
        weighed(if activity.moods.is_empty() { 1.0 } else { 1.5 }, weights.mood),
        weighed(company(context, cascade, activity), weights.relationship),
        weighed(urgency(context, activity), weights.urgency),
        weighed(if context.state.activity == Some(id) { 2.0 } else { 1.0 }, weights.inertia),
    ];
    let mut custom = 1.0;
    for (factor, weight) in &model.factors {
        custom *= weighed(bounded((factor.call)(context, id)), *weight);
    }
    let product: f64 = factors.iter().fold(custom, |product, factor| product * factor);
    Score { factors, custom, total: if product >= SCORE_MIN { product } else { SCORE_MIN } }
}

fn weighed(multiplier: f64, weight: f64) -> f64 {
    (1.0 + (multiplier - 1.0) * weight).max(0.0)
}

pub(super) fn bounded(multiplier: f64) -> f64 {
    if multiplier.is_nan() { 1.0 } else { multiplier.clamp(0.0, 100.0) }
}

fn suits(
    context: &ConditionContext<'_>,
    cascade: &Cascade<'_>,
    activity: &Activity,
    category: Option<&Category>,
) -> f64 {
    let suited = category.and_then(|category| category.suits);
    let by_trait = suited.map_or(1.0, |number| 0.5 + cascade.trait_value(number) / 100.0);
    let (morning_person, night_owl) = (cascade.is_morning_person(), cascade.is_night_owl());
    if activity.effects.energy_hourly >= 0.0 || morning_person == night_owl {
        return by_trait;
    }
    match time_of_day(second_of_day(context.now)) {
        TimeOfDay::Afternoon => by_trait,
        TimeOfDay::Morning if morning_person => by_trait * 1.25,
        TimeOfDay::Evening | TimeOfDay::Night if night_owl => by_trait * 1.25,
        TimeOfDay::Morning | TimeOfDay::Evening | TimeOfDay::Night => by_trait * 0.8,
    }
}

fn company(context: &ConditionContext<'_>, cascade: &Cascade<'_>, activity: &Activity) -> f64 {
    let Some((first, rest)) = activity.partners.split_first() else { return 1.0 };
    let tastes = Tastes { context, preferred: cascade.preferred(), avoided: cascade.avoided() };
    let best = rest.iter().fold(tastes.liking(*first), |best, whom| best.max(tastes.liking(*whom)));
    0.5 + best / 100.0
}

/// Whom an NPC prefers and avoids.
struct Tastes<'a> {
    context: &'a ConditionContext<'a>,
    preferred: &'a [Whom],
    avoided: &'a [Whom],
}

impl Tastes<'_> {
    /// How much the NPC likes the company of a person; or of a role, which is that of the best of those whom it has a
    /// relation to or a preference about.
    fn liking(&self, whom: Whom) -> f64 {
        let Self { context, preferred, avoided } = *self;
        let affinity = context.model.affinity;
        let known = || context.relation(whom, affinity).unwrap_or(NEUTRAL);
        if preferred.is_empty() && avoided.is_empty() {
            return known();
        }
        let society = context.society;
        match whom {
            Whom::Person(number) => match society.person(number) {
                Some(other) => self.tasted(known(), other),
                None => known(),
            },
            Whom::Role(role) => {
                let bears = |other: StableId| society.roles_of(other) >> role & 1 == 1;
                let relations = context.relationships.iter().filter(|relation| relation.axis() == affinity);
                let related = relations.filter(|relation| bears(relation.to()));
                let related = related.map(|relation| self.tasted(relation.value(), relation.to()));
                let named = preferred.iter().chain(avoided).filter_map(|listed| match listed {
                    Whom::Person(number) => society.person(*number).filter(|other| bears(*other)),
                    Whom::Role(_) => None,
                });
                let strangers = named.filter(|other| context.relationships.get(*other, affinity).is_none());
                let all = related.chain(strangers.map(|other| self.tasted(NEUTRAL, other)));
                let is_listed = |list: &[Whom]| list.contains(&whom);
                all.reduce(f64::max).unwrap_or_else(|| changed(NEUTRAL, is_listed(preferred), is_listed(avoided)))
            }
        }
    }

    /// What is felt for somebody, preferences included.
    fn tasted(&self, felt: f64, other: StableId) -> f64 {
        let society = self.context.society;
        let is_meant = |whom: &Whom| match whom {
            Whom::Person(number) => society.person(*number) == Some(other),
            Whom::Role(role) => society.roles_of(other) >> role & 1 == 1,
        };
        changed(felt, self.preferred.iter().any(is_meant), self.avoided.iter().any(is_meant))
    }
}

fn changed(felt: f64, is_preferred: bool, is_avoided: bool) -> f64 {
    let more = if is_preferred { TASTE } else { 0.0 };
    let less = if is_avoided { TASTE } else { 0.0 };
    (felt + more - less).clamp(0.0, 100.0)
}

fn urgency(context: &ConditionContext<'_>, activity: &Activity) -> f64 {
    let (energy, effects) = (context.state.energy, &activity.effects);
    let need = if energy < 30.0 && effects.energy_hourly > 0.0 {
        2.0
    } else if energy > 80.0 && effects.energy_hourly < 0.0 {
        1.5
    } else {
        1.0
    };
    if context.state.valence < -30.0 && effects.valence_hourly > 0.0 { need * 1.5 } else { need }
}
