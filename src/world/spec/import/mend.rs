//! What only the meaning of an imported behaviour shows: names that are not defined, tiers with names of their own.

use std::collections::BTreeMap;

use super::report::ImportReport;
use crate::components::tier::{PerTier, SimulationTier};
use crate::systems::npc::compile::{read_expression, read_flag, read_flag_key, token};
use crate::systems::npc::extend::Extensions;
use crate::world::spec::behaviour::{
    BehaviourSpec, CategorySpec, ConditionSpec, EffectsSpec, MOOD_TAGS, PreferencesSpec, TRAITS, WeightsSpec,
};
use crate::world::spec::nearest;
use crate::world::spec::simulation::WorldSimulationConfig;

/// Mends what has an obvious meaning, and notes each change. Pointers begin with `base`.
pub(super) fn mend(spec: &mut BehaviourSpec, base: &str, extensions: &Extensions, report: &mut ImportReport) {
    mend_ids(spec, base, report);
    add_categories(spec, base, report);
    for (id, activity) in &mut spec.activities {
        let place = format!("{base}/activities/{id}");
        let wanted = &mut activity.requirements;
        let had_moods = !wanted.mood_tags.is_empty();
        mend_moods(&mut wanted.mood_tags, &format!("{place}/requirements/moodTags"), report);
        let conditions = format!("{place}/requirements/conditions");
        mend_conditions(&mut wanted.conditions, &conditions, extensions, report);
        if had_moods && wanted.mood_tags.is_empty() {
            // Without any it would be no requirement at all.
            let message = "none of its moods was understood: taken as a condition that never holds";
            report.note(format!("{place}/requirements/moodTags"), message);
            wanted.conditions.push(never());
        }
        mend_effects(&mut activity.effects, &format!("{place}/effects"), extensions, report);
    }
    for (id, routine) in &mut spec.routines {
        let place = format!("{base}/routines/{id}");
        for (number, node) in routine.nodes.iter_mut().enumerate() {
            let place = format!("{place}/nodes/{number}");
            mend_conditions(&mut node.decision_conditions, &format!("{place}/decisionConditions"), extensions, report);
            for (number, one) in node.preferred_activities.iter_mut().enumerate() {
                let place = format!("{place}/preferredActivities/{number}/conditions");
                mend_conditions(&mut one.conditions, &place, extensions, report);
            }
        }
        for (number, edge) in routine.edges.iter_mut().enumerate() {
            mend_conditions(&mut edge.conditions, &format!("{place}/edges/{number}/conditions"), extensions, report);
        }
    }
    for (number, rule) in spec.simulation_config.priority_rules.iter_mut().enumerate() {
        let place = format!("{base}/simulationConfig/priorityRules/{number}/condition");
        mend_condition(&mut rule.condition, &place, extensions, report);
    }
    mend_weights(&mut spec.scoring_config.weights, base, extensions, report);
    mend_all_preferences(spec, base, report);
}

/// Entries whose id is not their key: the key is what others refer to.
fn mend_ids(spec: &mut BehaviourSpec, base: &str, report: &mut ImportReport) {
    let mut mend = |section: &str, key: &String, id: &mut String| {
        if !id.is_empty() && id != key {
            report.note(
                format!("{base}/{section}/{key}/id"),
                format!("`{id}` is called `{key}` by its key: that is taken"),
            );
            id.clone_from(key);
        }
    };
    spec.activity_categories.iter_mut().for_each(|(key, entry)| mend("activityCategories", key, &mut entry.id));
    spec.activities.iter_mut().for_each(|(key, entry)| mend("activities", key, &mut entry.id));
    spec.routines.iter_mut().for_each(|(key, entry)| mend("routines", key, &mut entry.id));
    for (key, preset) in &mut spec.presets.npc_preferences {
        if let Some(id) = &mut preset.id {
            mend("presets/npcPreferences", key, id);
        }
    }
}

/// Categories that activities have and nobody has defined.
fn add_categories(spec: &mut BehaviourSpec, base: &str, report: &mut ImportReport) {
    for (id, activity) in &spec.activities {
        if !spec.activity_categories.contains_key(&activity.category) {
            let place = format!("{base}/activities/{id}/category");
            report.note(place, format!("there is no category `{}`: one is added", activity.category));
            spec.activity_categories.insert(activity.category.clone(), CategorySpec::default());
        }
    }
}

fn mend_moods(tags: &mut Vec<String>, place: &str, report: &mut ImportReport) {
    let mut number = 0;
    tags.retain_mut(|tag| {
        let lower = tag.to_lowercase();
        let known = MOOD_TAGS.contains(&lower.as_str());
        if known {
            *tag = lower;
        } else {
            let meant = nearest(tag, MOOD_TAGS.into_iter()).map(|name| format!(" (did you mean `{name}`?)"));
            let message = format!("the mood `{tag}` was not understood{}", meant.unwrap_or_default());
            report.note(format!("{place}/{number}"), message);
        }
        number += 1;
        known
    });
}

/// Effects that nobody knows, and flags that cannot be set.
fn mend_effects(effects: &mut EffectsSpec, place: &str, extensions: &Extensions, report: &mut ImportReport) {
    effects.custom_effects.retain(|name, _| {
        let unknown = extensions.effects.find("effect", name).err();
        if unknown.is_some() {
            let message = format!("the effect `{name}` needs a plugin that registers it: left out");
            report.note(format!("{place}/customEffects/{}", token(name)), message);
        }
        unknown.is_none()
    });
    effects.flags_set.retain(|key, value| {
        let odd = read_flag_key(key).err().or_else(|| read_flag(value).err());
        if let Some(why) = &odd {
            report.note(format!("{place}/flagsSet/{}", token(key)), format!("{why}: left out"));
        }
        odd.is_none()
    });
}

/// Weights of scoring factors that nobody knows.
fn mend_weights(weights: &mut WeightsSpec, base: &str, extensions: &Extensions, report: &mut ImportReport) {
    weights.custom.retain(|name, _| {
        let unknown = extensions.factors.find("scoring factor", name).err();
        if unknown.is_some() {
            let message = format!("the scoring factor `{name}` needs a plugin that registers it: left out");
            report.note(format!("{base}/scoringConfig/weights/custom/{}", token(name)), message);
        }
        unknown.is_none()
    });
}

/// A condition that never holds.
fn never() -> ConditionSpec {
    ConditionSpec::RandomChance { probability: 0.0 }
}

fn mend_conditions(list: &mut [ConditionSpec], place: &str, extensions: &Extensions, report: &mut ImportReport) {
    for (number, condition) in list.iter_mut().enumerate() {
        mend_condition(condition, &format!("{place}/{number}"), extensions, report);
    }
}

fn mend_condition(condition: &mut ConditionSpec, place: &str, extensions: &Extensions, report: &mut ImportReport) {
    let mut give_up = |condition: &mut ConditionSpec, why: String| {
        report.note(place, format!("{why}: taken as a condition that never holds"));
        *condition = never();
    };
    match condition {
        ConditionSpec::MoodIn { mood_tags } => mend_moods(mood_tags, &format!("{place}/moodTags"), report),
        ConditionSpec::Custom { evaluator_id, .. }
            if extensions.conditions.find("condition", evaluator_id).is_err() =>
        {
            let why = format!("the condition `{evaluator_id}` needs a plugin that registers it");
            give_up(condition, why);
        }
        ConditionSpec::Expression { expression } => {
            if let Err(why) = read_expression(expression) {
                give_up(condition, format!("the formula cannot be read ({why})"));
            }
        }
        ConditionSpec::FlagEquals { key, value } => {
            if let Some(why) = read_flag_key(key).err().or_else(|| read_flag(value).err()) {
                give_up(condition, why);
            }
        }
        ConditionSpec::FlagExists { key } => {
            if let Err(why) = read_flag_key(key) {
                give_up(condition, why);
            }
        }
        ConditionSpec::StatAxisGt { stat_definition, axis, .. }
        | ConditionSpec::StatAxisLt { stat_definition, axis, .. }
        | ConditionSpec::StatAxisBetween { stat_definition, axis, .. } => {
            let known = match stat_definition.as_str() {
                "needs" => axis == "energy",
                "mood" => axis == "valence" || axis == "arousal",
                other => other == "relationships",
            };
            if !known {
                let why = format!("there is no axis `{axis}` of a statistic `{stat_definition}` here");
                give_up(condition, why);
            }
        }
        _ => {}
    }
}

/// Preferences for what is not there say nothing.
fn mend_all_preferences(spec: &mut BehaviourSpec, base: &str, report: &mut ImportReport) {
    let BehaviourSpec { activities, activity_categories, routines, presets, .. } = spec;
    let mut mend = |preferences: &mut PreferencesSpec, place: String| {
        let mut keep = |table: &mut BTreeMap<String, f64>, kind: &str, key: &str, known: &dyn Fn(&str) -> bool| {
            table.retain(|name, _| {
                let known = known(name);
                if !known {
                    report.note(format!("{place}/{key}/{name}"), format!("there is no {kind} `{name}`: left out"));
                }
                known
            });
        };
        keep(&mut preferences.activity_weights, "activity", "activityWeights", &|name| activities.contains_key(name));
        keep(&mut preferences.category_weights, "category", "categoryWeights", &|name| {
            activity_categories.contains_key(name)
        });
        keep(&mut preferences.trait_modifiers, "trait", "traitModifiers", &|name| TRAITS.contains(&name));
    };
    for (id, routine) in routines {
        if let Some(preferences) = &mut routine.default_preferences {
            mend(preferences, format!("{base}/routines/{id}/defaultPreferences"));
        }
    }
    for (id, preset) in &mut presets.npc_preferences {
        mend(&mut preset.preferences, format!("{base}/presets/npcPreferences/{id}/preferences"));
    }
}

/// Replaces tiers with names of their own by the four, and takes their intervals and the budget over.
pub(super) fn map_tiers(
    spec: &mut BehaviourSpec,
    simulation: &mut WorldSimulationConfig,
    budget_is_said: bool,
    base: &str,
    report: &mut ImportReport,
) {
    let place = format!("{base}/simulationConfig");
    let rules = spec.simulation_config.clone();
    let mut meant: PerTier<Vec<u32>> = PerTier::from_fn(|_| Vec::new());
    for (number, tier) in rules.tiers.iter().enumerate() {
        let four = rules.maps_to(tier);
        meant[four].push(tier.tick_frequency_seconds);
        let message = format!("the tier `{}` is taken as `{four}`, every {} s", tier.id, tier.tick_frequency_seconds);
        report.note(format!("{place}/tiers/{number}"), message);
    }
    for tier in SimulationTier::ALL {
        let own = simulation.tiers.of_mut(tier);
        match meant[tier].as_slice() {
            [] => {}
            // Two in one: the finer interval serves both.
            all if own.tick_frequency_seconds.is_none() => {
                own.tick_frequency_seconds = all.iter().min().map(|seconds| (*seconds).clamp(1, 604_800));
            }
            _ => report.note(&place, format!("`meta.simulation` says how often `{tier}` is due: that is taken")),
        }
    }
    let target = &mut spec.simulation_config;
    let rename = |name: &mut String| {
        if let Some(four) = rules.resolve(name) {
            *name = four.to_string();
        }
    };
    target.priority_rules.iter_mut().for_each(|rule| rename(&mut rule.tier));
    target.default_tier.iter_mut().for_each(rename);
    target.tiers.clear();
    if let Some(budget) = target.max_npcs_per_tick.take() {
        if budget_is_said {
            report.note(format!("{place}/maxNpcsPerTick"), "`meta.simulation.maxNpcTicksPerStep` is taken instead");
        } else {
            simulation.max_npc_ticks_per_step = budget.max(1);
        }
    }
}
