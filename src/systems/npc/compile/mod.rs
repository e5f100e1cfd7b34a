//! From the behaviour and population sections of a world file to a [`BehaviourModel`]; all errors at once.

mod conditions;
mod more;
mod preferences;
mod routines;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::Whom;
use super::expression::Expression;
use super::extend::{Extensions, Named, Shelf};
use super::flag_key::{FlagKey, flag_value};
use super::model::{Activity, BehaviourModel, Category, Effects, Place, TierRule, Weights};
use super::mood::{Moods, Times};
use super::names::{Names, unknown};
use super::preferences::NEUTRAL_PREFERENCE;
use crate::components::npc::{AxisId, PlaceId};
use crate::components::tier::SimulationTier;
use crate::world::spec::{ActivitySpec, BehaviourSpec, EffectsSpec, NpcsSpec, SpecFault};

pub(crate) use more::extend;
pub use preferences::{check_override, compile_override};

/// Roles of a world at most: each is a bit.
const ROLES_MAX: usize = 32;
/// The axis that company is judged by.
const AFFINITY: &str = "affinity";

/// What is known while a world file is read, and what is wrong with it.
pub(crate) struct Compiler<'a> {
    pub(super) model: &'a BehaviourModel,
    /// What plugins have added; nothing where that is not known yet, so that no name of theirs is wrong.
    pub(super) extensions: Option<&'a Extensions>,
    pub(super) axes: RefCell<Names>,
    pub(super) types: RefCell<Names>,
    pub(super) people: RefCell<Names>,
    pub(super) is_person: &'a dyn Fn(&str) -> bool,
    pub(super) errors: RefCell<Vec<SpecFault>>,
}

impl Compiler<'_> {
    /// Notes what is wrong at a place of the file.
    pub(crate) fn fault(&self, at: &str, error: impl AsRef<str>) {
        self.errors.borrow_mut().push(SpecFault { pointer: at.to_owned(), message: error.as_ref().to_owned() });
    }

    /// A value, or nothing and a noted fault.
    pub(crate) fn take<T>(&self, at: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|error| self.fault(at, error)).ok()
    }

    /// What a plugin has added under a name; nothing, and a noted fault where that is known, if none has.
    pub(crate) fn added<F: ?Sized>(
        &self,
        at: &str,
        shelf: impl Fn(&Extensions) -> &Shelf<F>,
        what: &str,
        name: &str,
    ) -> Option<Named<F>> {
        self.extensions.and_then(|extensions| self.take(at, shelf(extensions).find(what, name)))
    }

    /// A number within bounds.
    pub(crate) fn within(&self, at: &str, value: f64, least: f64, most: f64) -> f64 {
        if value >= least && value <= most {
            return value;
        }
        self.fault(at, format!("{value} is outside {least} to {most}"));
        least
    }

    /// An axis of relationships; the file makes them by naming them.
    pub(crate) fn axis(&self, at: &str, name: &str) -> AxisId {
        match self.axes.borrow_mut().add(name) {
            Some(number) => AxisId(number),
            None => {
                self.fault(at, "there are more than 65,535 axes of relationships");
                AxisId(0)
            }
        }
    }

    /// An NPC or a role.
    pub(crate) fn whom(&self, at: &str, name: &str) -> Option<Whom> {
        if let Some(role) = self.model.roles.find(name).and_then(|bit| u8::try_from(bit).ok()) {
            return Some(Whom::Role(role));
        }
        if let Some(number) = self.people.borrow().find(name) {
            return Some(Whom::Person(number));
        }
        if !(self.is_person)(name) {
            let people = self.people.borrow();
            let known = self.model.roles.iter().chain(people.iter());
            self.fault(at, unknown("NPC or role", name, known));
            return None;
        }
        self.people.borrow_mut().add(name).map(Whom::Person)
    }

    pub(crate) fn whoms(&self, at: &str, names: &[String]) -> Box<[Whom]> {
        names.iter().enumerate().filter_map(|(index, name)| self.whom(&format!("{at}/{index}"), name)).collect()
    }

    /// Types of places. One that no place has is allowed: what wants it is never possible.
    pub(crate) fn location_types(&self, names: &[String]) -> Box<[u16]> {
        let mut types = self.types.borrow_mut();
        // There are fewer types than 65,535 unless the file names absurdly many: those then mean the last one.
        let mut found: Vec<u16> = names.iter().map(|name| types.add(name).unwrap_or(u16::MAX)).collect();
        found.sort_unstable();
        found.dedup();
        found.into_boxed_slice()
    }
}

/// Whether a formula can be read.
///
/// # Errors
/// With a sentence that says where it cannot.
pub(crate) fn read_expression(text: &str) -> Result<(), String> {
    Expression::parse(text).map(|_| ())
}

/// Whether a text can be a flag's key, with the place that it may begin with.
///
/// # Errors
/// With a sentence that says why not.
pub(crate) fn read_flag_key(text: &str) -> Result<(), String> {
    FlagKey::parse(text).map(|_| ())
}

/// Whether a value can be a flag's.
///
/// # Errors
/// With a sentence that says why not.
pub(crate) fn read_flag(value: &Value) -> Result<(), String> {
    flag_value(value).map(|_| ())
}

/// A key as a part of a JSON pointer.
pub(crate) fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Reads the behaviour and population sections.
///
/// # Errors
/// With everything that is wrong, each with its place in the file as a JSON pointer.
pub fn compile(
    behaviour: Option<&BehaviourSpec>,
    npcs: Option<&NpcsSpec>,
    extensions: &Extensions,
) -> Result<BehaviourModel, Vec<SpecFault>> {
    read(behaviour, npcs, Some(extensions))
}

/// The model of sections in which nothing is wrong, as far as is known what plugins have added.
pub(crate) fn model_of(
    behaviour: Option<&BehaviourSpec>,
    npcs: Option<&NpcsSpec>,
    extensions: Option<&Extensions>,
) -> Option<BehaviourModel> {
    read(behaviour, npcs, extensions).ok()
}

/// Everything that [`compile`] would find wrong; where it is not known what plugins have added, no name of theirs is.
pub fn faults(
    behaviour: Option<&BehaviourSpec>,
    npcs: Option<&NpcsSpec>,
    extensions: Option<&Extensions>,
) -> Vec<SpecFault> {
    read(behaviour, npcs, extensions).err().unwrap_or_default()
}

fn read(
    behaviour: Option<&BehaviourSpec>,
    npcs: Option<&NpcsSpec>,
    extensions: Option<&Extensions>,
) -> Result<BehaviourModel, Vec<SpecFault>> {
    let (no_behaviour, nobody) = (BehaviourSpec::default(), NpcsSpec::default());
    let (spec, npcs) = (behaviour.unwrap_or(&no_behaviour), npcs.unwrap_or(&nobody));
    let given_twice = extensions.map(|extensions| extensions.errors.clone()).unwrap_or_default();
    let mut errors: Vec<SpecFault> =
        given_twice.into_iter().map(|message| SpecFault { pointer: String::new(), message }).collect();
    let mut model = named(spec, npcs, &mut errors);
    // Without a population nobody is there to be named, and nobody to mind.
    let is_nobody = npcs == &NpcsSpec::default();
    let is_person = |name: &str| is_nobody || is_person(npcs, name);
    let mut compiler = Compiler {
        model: &BehaviourModel::default(),
        extensions,
        axes: RefCell::new(Names::new([AFFINITY])),
        types: RefCell::new(model.location_types.clone()),
        people: RefCell::new(Names::new(npcs.individuals.keys().map(String::as_str))),
        is_person: &is_person,
        errors: RefCell::new(errors),
    };
    let known = model.clone();
    compiler.model = &known;
    for axes in npcs.individuals.values().flat_map(|npc| npc.relationships.values()) {
        for axis in axes.keys() {
            compiler.axis("/npcs/individuals", axis);
        }
    }
    model.categories = categories(&compiler, spec);
    model.activities = spec.activities.iter().map(|(id, activity)| one_activity(&compiler, id, activity)).collect();
    model.routines = spec.routines.iter().map(|(id, routine)| compiler.routine(id, routine)).collect();
    let presets = spec.presets.npc_preferences.iter();
    model.presets = presets
        .map(|(id, preset)| {
            let at = format!("/behaviour/presets/npcPreferences/{}/preferences", token(id));
            compiler.preferences(&at, &preset.preferences)
        })
        .collect();
    (model.weights, model.factors) = weights(&compiler, spec);
    (model.rules, model.default_tier) = tier_rules(&compiler, spec);
    let Compiler { axes, types, people, errors, .. } = compiler;
    (model.axes, model.people) = (axes.into_inner(), people.into_inner());
    model.location_types = types.into_inner();
    let errors = errors.into_inner();
    if errors.is_empty() { Ok(model) } else { Err(errors) }
}

/// The names that the file gives, and its places.
fn named(spec: &BehaviourSpec, npcs: &NpcsSpec, errors: &mut Vec<SpecFault>) -> BehaviourModel {
    let count = |what: &str, count: usize, most: usize, errors: &mut Vec<SpecFault>| {
        if count > most {
            errors.push(SpecFault { pointer: what.to_owned(), message: format!("{count} are more than {most}") });
        }
    };
    let most = usize::from(u16::MAX);
    count("/behaviour/activities", spec.activities.len(), most, errors);
    count("/behaviour/activityCategories", spec.activity_categories.len(), most, errors);
    count("/behaviour/routines", spec.routines.len(), most, errors);
    count("/behaviour/presets/npcPreferences", spec.presets.npc_preferences.len(), most, errors);
    count("/npcs/places", npcs.places.len(), most, errors);
    count("/npcs/roles", npcs.roles.len(), ROLES_MAX, errors);
    let districts = Names::new(npcs.places.values().map(|place| place.district.as_str()));
    let types = npcs.places.values().flat_map(|place| &place.location_types);
    let location_types = Names::new(types.map(String::as_str));
    let places = npcs.places.values().map(|place| {
        let mut types: Vec<u16> = place.location_types.iter().filter_map(|name| location_types.find(name)).collect();
        types.sort_unstable();
        types.dedup();
        Place { district: districts.find(&place.district).unwrap_or(0), types: types.into_boxed_slice() }
    });
    BehaviourModel {
        places: places.collect(),
        activity_names: Names::new(spec.activities.keys().map(String::as_str)),
        category_names: Names::new(spec.activity_categories.keys().map(String::as_str)),
        routine_names: Names::new(spec.routines.keys().map(String::as_str)),
        preset_names: Names::new(spec.presets.npc_preferences.keys().map(String::as_str)),
        place_names: Names::new(npcs.places.keys().map(String::as_str)),
        roles: Names::new(npcs.roles.iter().map(String::as_str).take(ROLES_MAX)),
        districts,
        location_types,
        ..BehaviourModel::default()
    }
}

/// Whether the population has somebody of this name: written out, or numbered in a group.
fn is_person(npcs: &NpcsSpec, name: &str) -> bool {
    npcs.individuals.contains_key(name)
        || npcs.groups.iter().any(|group| {
            let number = group.name.as_deref().and_then(|first| name.strip_prefix(first)?.strip_prefix('-'));
            number.and_then(|number| number.parse().ok()).is_some_and(|number| (1..=group.count).contains(&number))
        })
}

fn categories(compiler: &Compiler<'_>, spec: &BehaviourSpec) -> Vec<Category> {
    let suits = BTreeMap::from([("social", 0), ("work", 1), ("leisure", 2), ("quest", 2)]);
    let all = spec.activity_categories.iter().map(|(id, category)| {
        let at = format!("/behaviour/activityCategories/{}/defaultWeight", token(id));
        let weight = category.default_weight.map(|weight| compiler.within(&at, weight, 0.0, 1.0));
        Category { default_weight: weight.unwrap_or(NEUTRAL_PREFERENCE), suits: suits.get(id.as_str()).copied() }
    });
    all.collect()
}

fn one_activity(compiler: &Compiler<'_>, id: &str, spec: &ActivitySpec) -> Activity {
    let at = format!("/behaviour/activities/{}", token(id));
    let known = &compiler.model.category_names;
    let category = compiler.take(&format!("{at}/category"), known.require("category", &spec.category)).unwrap_or(0);
    let (wanted, needs) = (&spec.requirements, format!("{at}/requirements"));
    let location_types = compiler.location_types(&wanted.location_types);
    let places = compiler.model.places.iter().enumerate();
    let mut places: Vec<(u16, PlaceId)> = places
        .filter(|(_, place)| location_types.iter().any(|wanted| place.types.binary_search(wanted).is_ok()))
        .filter_map(|(number, place)| Some((place.district, PlaceId(u16::try_from(number).ok()?))))
        .collect();
    places.sort_unstable();
    let moods = Moods::named(&wanted.mood_tags).unwrap_or_else(|errors| {
        errors.iter().for_each(|error| compiler.fault(&format!("{needs}/moodTags"), error));
        Moods::default()
    });
    let energy = |name: &str, value: Option<f64>, otherwise| {
        value.map_or(otherwise, |value| compiler.within(&format!("{needs}/{name}"), value, 0.0, 100.0))
    };
    let (energy_min, energy_max) =
        (energy("minEnergy", wanted.min_energy, 0.0), energy("maxEnergy", wanted.max_energy, 100.0));
    let company = compiler.whoms(&format!("{needs}/requiredNpcRolesOrIds"), &wanted.required_npc_roles_or_ids);
    let effects = effects(compiler, &format!("{at}/effects"), &spec.effects);
    let mut partners: Vec<Whom> =
        company.iter().copied().chain(effects.relations.iter().map(|(whom, ..)| *whom)).collect();
    partners.sort_unstable();
    partners.dedup();
    let bounded = |name: &str, value: u32, most: u32| {
        if value > most {
            compiler.fault(&format!("{at}/{name}"), format!("{value} is more than {most}"));
        }
        value.min(most)
    };
    Activity {
        category,
        priority: compiler.within(&format!("{at}/priority"), spec.priority.unwrap_or(1.0), 0.0, 100.0),
        duration_seconds: bounded("minDurationSeconds", spec.min_duration_seconds, 604_800),
        cooldown_seconds: bounded("cooldownSeconds", spec.cooldown_seconds, 31_536_000),
        location_types,
        places: places.into_boxed_slice(),
        energy_min,
        energy_max,
        times: Times::new(&wanted.time_of_day),
        moods,
        company,
        conditions: compiler.conditions(&format!("{needs}/conditions"), &wanted.conditions),
        effects,
        partners: partners.into_boxed_slice(),
    }
}

pub(crate) fn effects(compiler: &Compiler<'_>, at: &str, spec: &EffectsSpec) -> Effects {
    let mood = spec.mood_impact.unwrap_or_default();
    let hourly = |name: &str, value: f64| compiler.within(&format!("{at}/{name}"), value, -100.0, 100.0);
    let mut relations = Vec::new();
    for (name, axes) in &spec.relationship_changes {
        let at = format!("{at}/relationshipChanges/{}", token(name));
        let Some(whom) = compiler.whom(&at, name) else { continue };
        for (axis, delta) in axes {
            let at = format!("{at}/{}", token(axis));
            relations.push((whom, compiler.axis(&at, axis), compiler.within(&at, *delta, -100.0, 100.0)));
        }
    }
    let flags = spec.flags_set.iter().filter_map(|(key, value)| {
        let at = format!("{at}/flagsSet/{}", token(key));
        let key = compiler.take(&at, FlagKey::parse(key));
        let value = compiler.take(&at, flag_value(value));
        Some((key?, value?))
    });
    let custom = spec.custom_effects.iter().filter_map(|(name, params)| {
        let at = format!("{at}/customEffects/{}", token(name));
        Some((compiler.added(&at, |added| &added.effects, "effect", name)?, params.clone()))
    });
    Effects {
        energy_hourly: hourly("energyDeltaPerHour", spec.energy_delta_per_hour.unwrap_or(0.0)),
        valence_hourly: hourly("moodImpact/valence", mood.valence),
        arousal_hourly: hourly("moodImpact/arousal", mood.arousal),
        flags: flags.collect(),
        custom: custom.collect(),
        intents: spec.intents.iter().map(|kind| kind.as_str().into()).collect(),
        generations: spec.generations.iter().map(|kind| kind.as_str().into()).collect(),
        relations: relations.into_boxed_slice(),
    }
}

type Factors = Vec<(Named<super::extend::FactorFn>, f64)>;

fn weights(compiler: &Compiler<'_>, spec: &BehaviourSpec) -> (Weights, Factors) {
    let (given, at) = (&spec.scoring_config.weights, "/behaviour/scoringConfig/weights");
    let take = |name: &str, value: f64| compiler.within(&format!("{at}/{name}"), value, 0.0, 10.0);
    let weights = Weights {
        base: take("baseWeight", given.base_weight),
        activity: take("activityPreference", given.activity_preference),
        category: take("categoryPreference", given.category_preference),
        traits: take("traitModifier", given.trait_modifier),
        mood: take("moodCompatibility", given.mood_compatibility),
        relationship: take("relationshipBonus", given.relationship_bonus),
        urgency: take("urgency", given.urgency),
        inertia: take("inertia", given.inertia),
    };
    for (name, weight) in &given.custom {
        let at = format!("{at}/custom/{}", token(name));
        compiler.added(&at, |added| &added.factors, "scoring factor", name);
        compiler.within(&at, *weight, 0.0, 10.0);
    }
    let weight = |name: &str| given.custom.get(name).copied().unwrap_or(1.0);
    let registered = compiler.extensions.into_iter().flat_map(|extensions| extensions.factors.iter());
    (weights, registered.map(|factor| (factor.clone(), weight(&factor.name))).collect())
}

fn tier_rules(compiler: &Compiler<'_>, spec: &BehaviourSpec) -> (Vec<TierRule>, SimulationTier) {
    let (given, at) = (&spec.simulation_config, "/behaviour/simulationConfig");
    let tier = |at: &str, name: &str| {
        let found = given.resolve(name);
        if found.is_none() {
            let four = SimulationTier::ALL.iter().map(|tier| tier.as_str());
            compiler.fault(at, unknown("tier", name, four.chain(given.tiers.iter().map(|tier| tier.id.as_str()))));
        }
        found.unwrap_or_default()
    };
    let mut rules = Vec::new();
    for (number, rule) in given.priority_rules.iter().enumerate() {
        let at = format!("{at}/priorityRules/{number}");
        let tier = tier(&format!("{at}/tier"), &rule.tier);
        if !(-1_000..=1_000).contains(&rule.priority) {
            compiler.fault(&format!("{at}/priority"), format!("{} is outside -1000 to 1000", rule.priority));
        }
        let Ok(number) = u8::try_from(number) else {
            compiler.fault(&at, "there are more than 256 rules");
            break;
        };
        let Some(condition) = compiler.condition(&format!("{at}/condition"), &rule.condition) else { continue };
        rules.push(TierRule { number, condition, tier, priority: rule.priority });
    }
    rules.sort_by_key(|rule| (-i32::from(rule.priority), rule.tier, rule.number));
    let default = given.default_tier.as_deref();
    (rules, default.map_or(SimulationTier::Ambient, |name| tier(&format!("{at}/defaultTier"), name)))
}
