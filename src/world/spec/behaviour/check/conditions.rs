//! Conditions: what they ask must exist, and be possible.

use super::{LIST_MAX, MOOD_TAGS, check_value};
use crate::world::spec::behaviour::ConditionSpec;
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::names::Names;

/// Characters of an expression.
const EXPRESSION_MAX: usize = 512;
/// Statistics that conditions can ask for.
const STATISTICS: [&str; 3] = ["needs", "mood", "relationships"];

/// Checks a list of conditions that must all hold.
pub(super) fn check_all(list: &[ConditionSpec], place: &Place, names: &Names<'_>, found: &mut Findings) {
    found.at_most(place, list.len(), LIST_MAX);
    for (index, condition) in list.iter().enumerate() {
        check(condition, &place.at(index), names, found);
    }
}

/// Checks one condition.
pub(super) fn check(condition: &ConditionSpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    match condition {
        ConditionSpec::RelationshipGt { npc_id_or_role, metric, threshold }
        | ConditionSpec::RelationshipLt { npc_id_or_role, metric, threshold } => {
            names.npc_or_role(&place.key("npcIdOrRole"), npc_id_or_role, found);
            names.axis(&place.key("metric"), metric, found);
            found.between(&place.key("threshold"), *threshold, 0.0, 100.0);
        }
        ConditionSpec::StatAxisGt { stat_definition, axis, npc_id_or_role, threshold }
        | ConditionSpec::StatAxisLt { stat_definition, axis, npc_id_or_role, threshold } => {
            let least = check_stat([stat_definition, axis], npc_id_or_role.as_deref(), place, names, found);
            found.between(&place.key("threshold"), *threshold, least, 100.0);
        }
        ConditionSpec::StatAxisBetween { stat_definition, axis, npc_id_or_role, min, max } => {
            let least = check_stat([stat_definition, axis], npc_id_or_role.as_deref(), place, names, found);
            found.between(&place.key("min"), *min, least, 100.0);
            found.between(&place.key("max"), *max, least, 100.0);
        }
        ConditionSpec::EnergyBetween { min, max } => {
            found.between(&place.key("min"), *min, 0.0, 100.0);
            found.between(&place.key("max"), *max, 0.0, 100.0);
        }
        ConditionSpec::FlagEquals { key, value } => {
            found.name(&place.key("key"), key);
            check_value(value, &place.key("value"), found);
        }
        ConditionSpec::FlagExists { key } => found.name(&place.key("key"), key),
        ConditionSpec::MoodIn { mood_tags } => check_moods(mood_tags, &place.key("moodTags"), found),
        ConditionSpec::RandomChance { probability } => {
            found.between(&place.key("probability"), *probability, 0.0, 1.0);
        }
        ConditionSpec::DayOfWeekIn { days } => {
            for (index, day) in days.iter().enumerate().filter(|(_, day)| **day > 6) {
                found.error(&place.key("days").at(index), format!("{day} is outside 0 (Monday) to 6 (Sunday)"));
            }
        }
        ConditionSpec::LocationTypeIn { location_types } => {
            names.location_types(&place.key("locationTypes"), location_types, found);
        }
        ConditionSpec::Expression { expression } => {
            let length = expression.chars().count();
            if expression.trim().is_empty() || length > EXPRESSION_MAX {
                found.error(&place.key("expression"), format!("a formula has 1 to {EXPRESSION_MAX} characters"));
            }
        }
        ConditionSpec::Custom { evaluator_id, params } => {
            found.name(&place.key("evaluatorId"), evaluator_id);
            check_value(params, &place.key("params"), found);
        }
        ConditionSpec::TimeOfDayIn { .. } => {}
    }
    if let Some(why) = never(condition) {
        found.warn(place, format!("this never holds: {why}"));
    }
}

/// The least value that the axis can have.
fn check_stat(
    [statistic, axis]: [&String; 2],
    whom: Option<&str>,
    place: &Place,
    names: &Names<'_>,
    found: &mut Findings,
) -> f64 {
    let mut one_of = |known: &[&'static str]| {
        if !known.contains(&axis.as_str()) {
            found.unknown(&place.key("axis"), &format!("axis of {statistic}"), axis, known.iter().copied());
        }
    };
    match statistic.as_str() {
        "needs" => one_of(&["energy"]),
        "mood" => {
            one_of(&["valence", "arousal"]);
            return -100.0;
        }
        "relationships" => {
            names.axis(&place.key("axis"), axis, found);
            match whom {
                Some(whom) => names.npc_or_role(&place.key("npcIdOrRole"), whom, found),
                None => found.error(place, "a condition on relationships needs `npcIdOrRole`"),
            }
        }
        other => {
            found.unknown(&place.key("statDefinition"), "statistic", other, STATISTICS.into_iter());
            return -100.0;
        }
    }
    0.0
}

/// Checks tags of moods.
pub(super) fn check_moods(tags: &[String], place: &Place, found: &mut Findings) {
    found.at_most(place, tags.len(), LIST_MAX);
    for (index, tag) in tags.iter().enumerate() {
        if !MOOD_TAGS.contains(&tag.as_str()) {
            found.unknown(&place.at(index), "mood", tag, MOOD_TAGS.into_iter());
        }
    }
}

/// Why a condition can never hold, if it cannot.
pub(super) fn never(condition: &ConditionSpec) -> Option<&'static str> {
    match condition {
        ConditionSpec::StatAxisBetween { min, max, .. } | ConditionSpec::EnergyBetween { min, max } if min > max => {
            Some("its `min` is above its `max`")
        }
        ConditionSpec::MoodIn { mood_tags } if mood_tags.is_empty() => Some("its list of moods is empty"),
        ConditionSpec::TimeOfDayIn { times } if times.is_empty() => Some("its list of times is empty"),
        ConditionSpec::DayOfWeekIn { days } if days.is_empty() => Some("its list of days is empty"),
        ConditionSpec::LocationTypeIn { location_types } if location_types.is_empty() => {
            Some("its list of types is empty")
        }
        ConditionSpec::RandomChance { probability } if *probability <= 0.0 => Some("its probability is 0"),
        _ => None,
    }
}
