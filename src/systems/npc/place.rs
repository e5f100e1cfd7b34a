//! Where an NPC goes for an activity.

use super::condition::{ConditionContext, Whom};
use super::effects::is_there;
use super::model::Activity;
use super::preferences::Cascade;
use crate::components::npc::PlaceId;
use crate::systems::random::Draw;

/// Places that are looked at for company at most, beside favourites, home, work and where the NPC is.
const LOOKED_AT_MAX: usize = 8;

/// Chooses a place for an activity. In this order: the NPC's favourites; its home and its place of work, where they are
/// of a type that the activity wants; where it is; a place of the same district; any other, by draw. Where the activity
/// needs company, the first such place at which it is. An activity that wants no type of place is done where the NPC
/// is. Nothing where there is no such place.
///
/// Places at which somebody is whom the NPC avoids come last, in the same order; its home and its place of work are its
/// own, whoever is there.
pub fn choose_place(
    context: &ConditionContext<'_>,
    cascade: &Cascade<'_>,
    activity: &Activity,
    draw: &mut Draw,
) -> Option<PlaceId> {
    let here = context.state.place;
    let me = (context.id, context.npc.roles, here);
    let fits = |place: PlaceId| {
        (activity.location_types.is_empty() || context.model.is_of_type(place, &activity.location_types))
            && has_company(context, &activity.company, place)
    };
    if activity.location_types.is_empty() {
        return fits(here).then_some(here);
    }
    let avoided = cascade.avoided();
    if !avoided.is_empty() {
        let (home, work) = (context.npc.home, context.npc.work);
        let is_pleasant = |place: PlaceId| {
            place == home || place == work || !avoided.iter().any(|whom| is_there(*whom, place, me, context.society))
        };
        let pleasant = first_place(context, cascade, activity, draw, |place| fits(place) && is_pleasant(place));
        if pleasant.is_some() {
            return pleasant;
        }
    }
    first_place(context, cascade, activity, draw, fits)
}

/// The first place of those that fit.
fn first_place(
    context: &ConditionContext<'_>,
    cascade: &Cascade<'_>,
    activity: &Activity,
    draw: &mut Draw,
    fits: impl Fn(PlaceId) -> bool,
) -> Option<PlaceId> {
    let here = context.state.place;
    let own = [context.npc.home, context.npc.work, here];
    let known = cascade.favourites().iter().copied().chain(own).find(|place| fits(*place));
    if known.is_some() {
        return known;
    }
    let district = context.model.place(here).map(|place| place.district);
    let from = activity.places.partition_point(|(other, _)| Some(*other) < district);
    let to = activity.places.partition_point(|(other, _)| Some(*other) <= district);
    let near = district.and_then(|_| drawn(activity.places.get(from..to)?, draw, &fits));
    near.or_else(|| drawn(&activity.places, draw, &fits))
}

/// One of these places by draw, and those after it until one fits.
fn drawn(places: &[(u16, PlaceId)], draw: &mut Draw, fits: impl Fn(PlaceId) -> bool) -> Option<PlaceId> {
    if places.is_empty() {
        return None;
    }
    let first = usize::try_from(draw.below(places.len() as u64)).unwrap_or(0);
    let round = places.iter().cycle().skip(first).map(|(_, place)| *place);
    round.take(places.len().min(LOOKED_AT_MAX)).find(|place| fits(*place))
}

/// Whether all of these are at a place.
pub fn has_company(context: &ConditionContext<'_>, company: &[Whom], place: PlaceId) -> bool {
    let me = (context.id, context.npc.roles, context.state.place);
    company.iter().all(|whom| is_there(*whom, place, me, context.society))
}
