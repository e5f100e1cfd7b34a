//! Activities that nobody will ever choose: allowed, but hardly meant.

use std::collections::BTreeMap;

use super::conditions;
use super::day::Part;
use crate::world::spec::behaviour::{ActivitySpec, ConditionSpec, RoutineNodeSpec, TimeOfDay};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::names::Names;

/// When routines offer which activity.
#[derive(Default)]
pub(super) struct Offers<'a>(BTreeMap<&'a str, Times>);

/// Times of the day: morning, afternoon, evening, night.
#[derive(Clone, Copy, Default, PartialEq)]
struct Times([bool; 4]);

impl<'a> Offers<'a> {
    /// Notes what a node offers at the times at which it is entered.
    pub(super) fn note(&mut self, node: &'a RoutineNodeSpec, entered: &Part) {
        if entered.is_empty() {
            return;
        }
        let times = Times::touched(entered);
        for one in node.preferred_activities.iter().filter(|one| one.weight > 0.0) {
            let held = self.0.entry(one.activity_id.as_str()).or_default();
            held.0.iter_mut().zip(times.0).for_each(|(held, more)| *held |= more);
        }
    }
}

impl Times {
    fn touched(part: &Part) -> Self {
        let parts = [(6, 12), (12, 18), (18, 22), (22, 24), (0, 6)].map(|(from, to)| (from * 3_600, to * 3_600));
        let touches = |(from, to): (u32, u32)| part.spans().iter().any(|(start, end)| *start < to && from < *end);
        let [morning, afternoon, evening, late, early] = parts.map(touches);
        Self([morning, afternoon, evening, late || early])
    }

    fn of(list: &[TimeOfDay]) -> Self {
        let parts = [TimeOfDay::Morning, TimeOfDay::Afternoon, TimeOfDay::Evening, TimeOfDay::Night];
        Self(parts.map(|part| list.contains(&part)))
    }

    fn meets(self, other: Self) -> bool {
        self.0.into_iter().zip(other.0).any(|(one, other)| one && other)
    }
}

/// Warns of an activity that can never be chosen, or that takes no time.
pub(super) fn check(
    id: &str,
    activity: &ActivitySpec,
    place: &Place,
    names: &Names<'_>,
    offers: &Offers<'_>,
    found: &mut Findings,
) {
    if activity.min_duration_seconds == 0 {
        let message = "it takes no time: who chose it decides again at the next turn";
        found.warn(&place.key("minDurationSeconds"), message);
    }
    let mut reasons = Vec::new();
    let offered = offers.0.get(id);
    if offered.is_none() {
        reasons.push("no routine that can be entered prefers it".to_owned());
    }
    let wanted = &activity.requirements;
    if names.location_types(&place.key("requirements").key("locationTypes"), &wanted.location_types, found) {
        reasons.push(format!("no place is of the type {}", wanted.location_types.join(" or ")));
    }
    if let (Some(min), Some(max)) = (wanted.min_energy, wanted.max_energy)
        && min > max
    {
        reasons.push(format!("its `minEnergy` {min} is above its `maxEnergy` {max}"));
    }
    let vacant = wanted.required_npc_roles_or_ids.iter().filter(|name| names.is_vacant(name));
    reasons.extend(vacant.map(|name| format!("nobody has the role `{name}`")));
    let times = Times::of(&wanted.time_of_day);
    if !wanted.time_of_day.is_empty() && offered.is_some_and(|offered| !offered.meets(times)) {
        reasons.push("no routine prefers it at the times of day that it requires".to_owned());
    }
    reasons.extend(wanted.conditions.iter().filter_map(|condition| contradiction(condition, activity)));
    if !reasons.is_empty() {
        found.warn(place, format!("it can never be chosen: {}", reasons.join("; ")));
    }
}

/// Why a condition and the other requirements cannot hold together.
fn contradiction(condition: &ConditionSpec, activity: &ActivitySpec) -> Option<String> {
    if let Some(why) = conditions::never(condition) {
        return Some(format!("one of its conditions never holds: {why}"));
    }
    let wanted = &activity.requirements;
    match condition {
        ConditionSpec::EnergyBetween { min, max } => {
            let beyond = wanted.min_energy.is_some_and(|least| *max < least)
                || wanted.max_energy.is_some_and(|most| *min > most);
            beyond.then(|| format!("it wants energy between {min} and {max}, but its own bounds exclude that"))
        }
        ConditionSpec::TimeOfDayIn { times } => {
            let apart = !wanted.time_of_day.is_empty() && !Times::of(times).meets(Times::of(&wanted.time_of_day));
            apart.then(|| "its condition and its `timeOfDay` have no time in common".to_owned())
        }
        ConditionSpec::MoodIn { mood_tags } => {
            let apart = !wanted.mood_tags.is_empty() && !mood_tags.iter().any(|tag| wanted.mood_tags.contains(tag));
            apart.then(|| "its condition and its `moodTags` have no mood in common".to_owned())
        }
        _ => None,
    }
}
