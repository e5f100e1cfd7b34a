//! More of a world file than behaviour and population: conditions and effects of other sections.

use std::cell::RefCell;

use super::super::extend::Extensions;
use super::super::model::BehaviourModel;
use super::super::names::unknown;
use super::{Compiler, is_person};
use crate::world::spec::{NpcsSpec, SpecFault};

/// Reads them into the model that was made of behaviour and population. With `grows`, axes, people and types of places that
/// nobody has named before get numbers; without, naming them is wrong.
///
/// # Errors
/// With everything that is wrong, each with its place in the file as a JSON pointer. The model is as it was then.
pub(crate) fn extend<T>(
    model: &mut BehaviourModel,
    npcs: Option<&NpcsSpec>,
    extensions: Option<&Extensions>,
    grows: bool,
    read: impl FnOnce(&Compiler<'_>) -> T,
) -> Result<T, Vec<SpecFault>> {
    let nobody = NpcsSpec::default();
    let npcs = npcs.unwrap_or(&nobody);
    let is_nobody = npcs == &nobody;
    let is_person = |name: &str| is_nobody || is_person(npcs, name);
    let known = model.clone();
    let compiler = Compiler {
        model: &known,
        extensions,
        axes: RefCell::new(known.axes.clone()),
        types: RefCell::new(known.location_types.clone()),
        people: RefCell::new(known.people.clone()),
        is_person: &is_person,
        errors: RefCell::new(Vec::new()),
    };
    let value = read(&compiler);
    let Compiler { axes, types, people, errors, .. } = compiler;
    let mut errors = errors.into_inner();
    let named = [
        ("axis of relationships", axes.into_inner()),
        ("type of places", types.into_inner()),
        ("NPC", people.into_inner()),
    ];
    let before = [known.axes.len(), known.location_types.len(), known.people.len()];
    if !grows {
        for ((what, names), before) in named.iter().zip(before) {
            errors.extend(names.iter().skip(before).map(|name| SpecFault {
                pointer: String::new(),
                message: format!(
                    "{}: the world file names none such, and its names are numbered",
                    unknown(what, name, names.iter().take(before))
                ),
            }));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let [(_, axes), (_, types), (_, people)] = named;
    (model.axes, model.location_types, model.people) = (axes, types, people);
    Ok(value)
}
