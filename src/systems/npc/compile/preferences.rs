//! Preferences of a world file, or of a session, made ready.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bevy_ecs::world::World;

use super::{Compiler, token};
use crate::components::npc::{ActivityId, PlaceId};
use crate::systems::npc::model::BehaviourModel;
use crate::systems::npc::names::{Names, unknown};
use crate::systems::npc::preferences::Preferences;
use crate::world::spec::{PreferencesSpec, TRAITS};

impl Compiler<'_> {
    pub(crate) fn preferences(&self, at: &str, spec: &PreferencesSpec) -> Preferences {
        let mut traits = [None; 5];
        for (name, value) in &spec.trait_modifiers {
            let at = format!("{at}/traitModifiers/{}", token(name));
            match TRAITS.iter().position(|known| known == name) {
                Some(number) => traits[number] = Some(self.within(&at, *value, 0.0, 100.0)),
                None => self.fault(&at, unknown("trait", name, TRAITS)),
            }
        }
        let model = self.model;
        let activities =
            self.by_number(&format!("{at}/activityWeights"), "activity", &model.activity_names, &spec.activity_weights);
        let categories =
            self.by_number(&format!("{at}/categoryWeights"), "category", &model.category_names, &spec.category_weights);
        // In a world without places there are none to be mistaken about.
        let favourites = spec.favorite_locations.iter().enumerate().filter(|_| !model.places.is_empty());
        let favourites = favourites.filter_map(|(index, name)| {
            let at = format!("{at}/favoriteLocations/{index}");
            self.take(&at, model.place_names.require("place", name)).map(PlaceId)
        });
        Preferences {
            activities: activities.into_iter().map(|(number, value)| (ActivityId(number), value)).collect(),
            categories: categories.into_boxed_slice(),
            traits,
            favourites: favourites.collect(),
            preferred: self.whoms(&format!("{at}/preferredNpcIdsOrRoles"), &spec.preferred_npc_ids_or_roles),
            avoided: self.whoms(&format!("{at}/avoidedNpcIdsOrRoles"), &spec.avoided_npc_ids_or_roles),
            morning_person: spec.morning_person,
            night_owl: spec.night_owl,
        }
    }

    fn by_number(&self, at: &str, what: &str, names: &Names, values: &BTreeMap<String, f64>) -> Vec<(u16, f64)> {
        let found = values.iter().filter_map(|(name, value)| {
            let at = format!("{at}/{}", token(name));
            let number = self.take(&at, names.require(what, name))?;
            Some((number, self.within(&at, *value, 0.0, 1.0)))
        });
        let mut all: Vec<(u16, f64)> = found.collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }
}

/// Makes the preferences of a session ready for a world that runs.
///
/// # Errors
/// With everything that is wrong with them.
pub fn compile_override(model: &BehaviourModel, spec: &PreferencesSpec) -> Result<Preferences, Vec<String>> {
    let compiler = Compiler {
        model,
        extensions: None,
        axes: RefCell::new(model.axes.clone()),
        types: RefCell::new(model.location_types.clone()),
        people: RefCell::new(model.people.clone()),
        is_person: &|_| false,
        errors: RefCell::default(),
    };
    let preferences = compiler.preferences("/preferences", spec);
    let errors = compiler.errors.into_inner();
    if errors.is_empty() { Ok(preferences) } else { Err(errors.iter().map(ToString::to_string).collect()) }
}

/// Everything that is wrong with the preferences of a session, by the names that the world has.
pub fn check_override(world: &World, spec: &PreferencesSpec) -> Vec<String> {
    let Some(model) = world.get_resource::<BehaviourModel>() else { return Vec::new() };
    compile_override(model, spec).err().unwrap_or_default()
}
