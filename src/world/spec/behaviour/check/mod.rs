//! What must hold between the parts of a description of behaviour, and what is odd about it.

mod chances;
mod conditions;
mod day;
mod routine;
mod ways;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ActivitySpec, BehaviourSpec, PreferencesSpec, TierRulesSpec, WeightsSpec};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::names::{Names, must_be_in};
use crate::world::spec::simulation::WorldSimulationConfig;
use chances::Offers;

/// Entries of a table whose names are numbers at run time.
const ENTRIES_MAX: usize = 65_535;
/// Entries of a list within an entry.
const LIST_MAX: usize = 256;
/// Bytes of a flag's value or a parameter as JSON.
const VALUE_BYTES_MAX: usize = 4_096;
/// The longest activity in seconds: a week.
const DURATION_MAX: u32 = 604_800;
/// The longest cooldown in seconds: a year.
const COOLDOWN_MAX: u32 = 31_536_000;
/// The moods that follow from valence and arousal.
pub const MOOD_TAGS: [&str; 7] = ["happy", "sad", "energetic", "tense", "calm", "tired", "neutral"];
/// The traits that preferences know.
pub const TRAITS: [&str; 5] = ["extraversion", "conscientiousness", "openness", "agreeableness", "neuroticism"];

/// Checks a description of behaviour.
pub(in crate::world::spec) fn check(spec: &BehaviourSpec, names: &Names<'_>, found: &mut Findings) {
    let root = Place::section("behaviour");
    check_categories(spec, &root.key("activityCategories"), found);
    let activities = root.key("activities");
    found.at_most(&activities, spec.activities.len(), ENTRIES_MAX);
    for (id, activity) in &spec.activities {
        check_activity(id, activity, &activities.key(id), names, found);
    }
    let routines = root.key("routines");
    found.at_most(&routines, spec.routines.len(), ENTRIES_MAX);
    let mut offers = Offers::default();
    for (id, routine) in &spec.routines {
        check_id(id, &routine.id, &routines.key(id), found);
        routine::check(routine, &routines.key(id), names, &mut offers, found);
        if let Some(preferences) = &routine.default_preferences {
            check_preferences(preferences, &routines.key(id).key("defaultPreferences"), names, found);
        }
    }
    for (id, activity) in &spec.activities {
        chances::check(id, activity, &activities.key(id), names, &offers, found);
    }
    check_weights(&spec.scoring_config.weights, &root.key("scoringConfig").key("weights"), found);
    check_tier_rules(spec, &root.key("simulationConfig"), names, found);
    check_presets(spec, &root.key("presets").key("npcPreferences"), names, found);
}

fn check_id(key: &str, id: &str, place: &Place, found: &mut Findings) {
    found.name(place, key);
    if !id.is_empty() && id != key {
        found.error(&place.key("id"), format!("it is `{id}`, but the entry is called `{key}`"));
    }
}

fn check_categories(spec: &BehaviourSpec, place: &Place, found: &mut Findings) {
    found.at_most(place, spec.activity_categories.len(), ENTRIES_MAX);
    for (id, category) in &spec.activity_categories {
        let place = place.key(id);
        check_id(id, &category.id, &place, found);
        if let Some(weight) = category.default_weight {
            found.between(&place.key("defaultWeight"), weight, 0.0, 1.0);
        }
    }
}

fn check_activity(id: &str, activity: &ActivitySpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    check_id(id, &activity.id, place, found);
    must_be_in(names.categories, "category", &activity.category, &place.key("category"), found);
    let (least, cooldown) = (activity.min_duration_seconds, activity.cooldown_seconds);
    if least > DURATION_MAX {
        found.error(&place.key("minDurationSeconds"), format!("{least} is outside 0 to {DURATION_MAX}"));
    }
    if cooldown > COOLDOWN_MAX {
        found.error(&place.key("cooldownSeconds"), format!("{cooldown} is outside 0 to {COOLDOWN_MAX}"));
    }
    if let Some(priority) = activity.priority {
        found.between(&place.key("priority"), priority, 0.0, 100.0);
    }
    check_requirements(activity, &place.key("requirements"), names, found);
    check_effects(activity, &place.key("effects"), names, found);
}

fn check_requirements(activity: &ActivitySpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    let wanted = &activity.requirements;
    for (key, energy) in [("minEnergy", wanted.min_energy), ("maxEnergy", wanted.max_energy)] {
        if let Some(energy) = energy {
            found.between(&place.key(key), energy, 0.0, 100.0);
        }
    }
    found.at_most(&place.key("locationTypes"), wanted.location_types.len(), LIST_MAX);
    conditions::check_moods(&wanted.mood_tags, &place.key("moodTags"), found);
    let company = place.key("requiredNpcRolesOrIds");
    found.at_most(&company, wanted.required_npc_roles_or_ids.len(), LIST_MAX);
    for (index, name) in wanted.required_npc_roles_or_ids.iter().enumerate() {
        names.npc_or_role(&company.at(index), name, found);
    }
    conditions::check_all(&wanted.conditions, &place.key("conditions"), names, found);
}

fn check_effects(activity: &ActivitySpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    let effects = &activity.effects;
    if let Some(delta) = effects.energy_delta_per_hour {
        found.between(&place.key("energyDeltaPerHour"), delta, -100.0, 100.0);
    }
    if let Some(mood) = effects.mood_impact {
        let place = place.key("moodImpact");
        found.between(&place.key("valence"), mood.valence, -100.0, 100.0);
        found.between(&place.key("arousal"), mood.arousal, -100.0, 100.0);
    }
    let changes = place.key("relationshipChanges");
    found.at_most(&changes, effects.relationship_changes.len(), LIST_MAX);
    for (whom, axes) in &effects.relationship_changes {
        let place = changes.key(whom);
        names.npc_or_role(&place, whom, found);
        for (axis, delta) in axes {
            found.name(&place.key(axis), axis);
            found.between(&place.key(axis), *delta, -100.0, 100.0);
        }
    }
    for (key, table) in [("flagsSet", &effects.flags_set), ("customEffects", &effects.custom_effects)] {
        let place = place.key(key);
        found.at_most(&place, table.len(), LIST_MAX);
        for (name, value) in table {
            found.name(&place.key(name), name);
            check_value(value, &place.key(name), found);
        }
    }
}

/// A value that state will hold must be small.
fn check_value(value: &Value, place: &Place, found: &mut Findings) {
    let bytes = value.to_string().len();
    if bytes > VALUE_BYTES_MAX {
        found.error(place, format!("it is {bytes} bytes long; it takes at most {VALUE_BYTES_MAX}"));
    }
}

fn check_weights(weights: &WeightsSpec, place: &Place, found: &mut Findings) {
    let built_in = [
        ("baseWeight", weights.base_weight),
        ("activityPreference", weights.activity_preference),
        ("categoryPreference", weights.category_preference),
        ("traitModifier", weights.trait_modifier),
        ("moodCompatibility", weights.mood_compatibility),
        ("relationshipBonus", weights.relationship_bonus),
        ("urgency", weights.urgency),
        ("inertia", weights.inertia),
    ];
    for (name, weight) in built_in {
        found.between(&place.key(name), weight, 0.0, 10.0);
    }
    let place = place.key("custom");
    found.at_most(&place, weights.custom.len(), LIST_MAX);
    for (name, weight) in &weights.custom {
        found.between(&place.key(name), *weight, 0.0, 10.0);
    }
}

fn check_tier_rules(spec: &BehaviourSpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    let rules = &spec.simulation_config;
    found.at_most(&place.key("tiers"), rules.tiers.len(), LIST_MAX);
    for (index, tier) in rules.tiers.iter().enumerate().take(LIST_MAX) {
        let place = place.key("tiers").at(index);
        found.name(&place.key("id"), &tier.id);
        if rules.tiers[..index].iter().any(|other| other.id == tier.id) {
            found.error(&place.key("id"), format!("`{}` is there twice", tier.id));
        }
        if !(1..=DURATION_MAX).contains(&tier.tick_frequency_seconds) {
            let message = format!("{} is outside 1 to {DURATION_MAX}", tier.tick_frequency_seconds);
            found.error(&place.key("tickFrequencySeconds"), message);
        }
    }
    let known = || rules.tiers.iter().map(|tier| tier.id.as_str()).chain(["detailed", "active", "ambient", "dormant"]);
    let mut check_tier = |name: &str, place: Place| {
        if rules.resolve(name).is_none() {
            found.unknown(&place, "tier", name, known());
        }
    };
    if let Some(name) = &rules.default_tier {
        check_tier(name, place.key("defaultTier"));
    }
    for (index, rule) in rules.priority_rules.iter().enumerate() {
        check_tier(&rule.tier, place.key("priorityRules").at(index).key("tier"));
    }
    let place = place.key("priorityRules");
    found.at_most(&place, rules.priority_rules.len(), LIST_MAX);
    for (index, rule) in rules.priority_rules.iter().enumerate() {
        if !(-1_000..=1_000).contains(&rule.priority) {
            found.error(&place.at(index).key("priority"), format!("{} is outside -1000 to 1000", rule.priority));
        }
        conditions::check(&rule.condition, &place.at(index).key("condition"), names, found);
    }
}

/// What of tiers with names of their own has no effect in a world file: `meta.simulation` has the last word.
pub(in crate::world::spec) fn check_named_tiers(
    rules: &TierRulesSpec,
    simulation: &WorldSimulationConfig,
    found: &mut Findings,
) {
    let place = Place::section("behaviour").key("simulationConfig");
    for (index, tier) in rules.tiers.iter().enumerate().take(LIST_MAX) {
        let four = rules.maps_to(tier);
        let (said, due) = (tier.tick_frequency_seconds, simulation.tiers.interval_seconds(four));
        if said != due {
            let message = format!(
                "it only says which of the four tiers `{}` is, `{four}`, and that is due every {due} s: how often is said \
                 by `meta.simulation.tiers.{four}.tickFrequencySeconds`",
                tier.id
            );
            found.warn(&place.key("tiers").at(index).key("tickFrequencySeconds"), message);
        }
    }
    let budget = simulation.max_npc_ticks_per_step;
    if rules.max_npcs_per_tick.is_some_and(|said| said != budget) {
        let message = format!("it has no effect here: `meta.simulation.maxNpcTicksPerStep` is {budget}");
        found.warn(&place.key("maxNpcsPerTick"), message);
    }
}

fn check_presets(spec: &BehaviourSpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    found.at_most(place, spec.presets.npc_preferences.len(), ENTRIES_MAX);
    for (id, preset) in &spec.presets.npc_preferences {
        check_id(id, preset.id.as_deref().unwrap_or_default(), &place.key(id), found);
        check_preferences(&preset.preferences, &place.key(id).key("preferences"), names, found);
    }
}

fn check_preferences(spec: &PreferencesSpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    let weights = place.key("activityWeights");
    for (name, weight) in &spec.activity_weights {
        must_be_in(names.activities, "activity", name, &weights.key(name), found);
        found.between(&weights.key(name), *weight, 0.0, 1.0);
    }
    let weights = place.key("categoryWeights");
    for (name, weight) in &spec.category_weights {
        must_be_in(names.categories, "category", name, &weights.key(name), found);
        found.between(&weights.key(name), *weight, 0.0, 1.0);
    }
    check_traits(&spec.trait_modifiers, &place.key("traitModifiers"), found);
    let favourites = place.key("favoriteLocations");
    found.at_most(&favourites, spec.favorite_locations.len(), LIST_MAX);
    for (index, name) in spec.favorite_locations.iter().enumerate() {
        names.place(&favourites.at(index), name, found);
    }
    let liked = ("preferredNpcIdsOrRoles", &spec.preferred_npc_ids_or_roles);
    for (key, list) in [liked, ("avoidedNpcIdsOrRoles", &spec.avoided_npc_ids_or_roles)] {
        found.at_most(&place.key(key), list.len(), LIST_MAX);
        for (index, name) in list.iter().enumerate() {
            names.npc_or_role(&place.key(key).at(index), name, found);
        }
    }
    if spec.morning_person == Some(true) && spec.night_owl == Some(true) {
        found.warn(place, "somebody is a morning person and a night owl: the two cancel each other out");
    }
}

fn check_traits(traits: &BTreeMap<String, f64>, place: &Place, found: &mut Findings) {
    for (name, value) in traits {
        if !TRAITS.contains(&name.as_str()) {
            found.unknown(&place.key(name), "trait", name, TRAITS.into_iter());
        }
        found.between(&place.key(name), *value, 0.0, 100.0);
    }
}
