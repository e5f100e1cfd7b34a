//! Reading behaviour that was written for the systems that worlds come from.
//!
//! The text is JSON: a behaviour object by itself, under `behavior`, or under `meta.behavior` with `meta.simulation`
//! beside it. What is not understood is left out and reported, never refused; what is wrong is refused, all at once.

mod fit;
mod mend;
mod report;

use garde::Validate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use report::{ImportNote, ImportReport};

use super::behaviour::BehaviourSpec;
use super::findings::at;
use super::simulation::WorldSimulationConfig;
use super::{SpecError, WorldSpec, nearest};
use crate::components::ids::WorldId;
use crate::systems::npc::extend::Extensions;
use fit::Fitter;

/// The largest text that is read.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Where behaviour may stand, from the outermost.
const PLACES: [&str; 4] = ["/meta/behavior", "/meta/behaviour", "/behavior", "/behaviour"];
/// Where the simulation block may stand.
const SIMULATION_PLACES: [&str; 2] = ["/meta/simulation", "/simulation"];
/// One of these makes an object a behaviour.
const SECTIONS: [&str; 6] =
    ["activityCategories", "activities", "routines", "scoringConfig", "simulationConfig", "presets"];

/// Behaviour that was imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// How NPCs behave.
    pub spec: BehaviourSpec,
    /// How the world is simulated: what the text said, and defaults.
    pub simulation: WorldSimulationConfig,
    /// What was not understood, what was mapped, and what is odd.
    pub report: ImportReport,
}

impl BehaviourSpec {
    /// Reads behaviour that was written for the systems that worlds come from, for apps without plugins of a developer's
    /// own.
    ///
    /// # Errors
    /// As [`import_for`](Self::import_for).
    pub fn import(text: &str) -> Result<Imported, SpecError> {
        Self::import_for(text, &Extensions::default())
    }

    /// Reads behaviour that was written for the systems that worlds come from, for apps whose plugins have added these
    /// conditions, effects and scoring factors: any others were not understood.
    ///
    /// # Errors
    /// If the text is no JSON, holds no behaviour, or is wrong beyond what was not understood: with everything that is.
    pub fn import_for(text: &str, extensions: &Extensions) -> Result<Imported, SpecError> {
        let failed = |report: String| SpecError { report };
        if text.len() > TEXT_BYTES_MAX {
            return Err(failed(format!("it is {} bytes long; at most {TEXT_BYTES_MAX} are read", text.len())));
        }
        let mut document: Value =
            serde_json::from_str(text).map_err(|error| failed(format!("this is no JSON: {error}")))?;
        let mut report = ImportReport::default();
        let mut errors = Vec::new();
        let (base, behaviour) = take_behaviour(&mut document).ok_or_else(|| {
            failed("there is no behaviour in it, neither by itself nor under `behavior` or `meta.behavior`".to_owned())
        })?;
        let (simulation_base, mut simulation) = take_simulation(&mut document);
        note_standstill(&mut simulation, &simulation_base, &mut report);
        note_rest(&document, &base, &mut report);
        let budget_is_said = simulation.get("maxNpcTicksPerStep").is_some();
        let spec: Option<BehaviourSpec> = fitted(behaviour, &base, &mut report, &mut errors);
        let config: Option<WorldSimulationConfig> = fitted(simulation, &simulation_base, &mut report, &mut errors);
        if let (Some(mut spec), Some(mut simulation)) = (spec, config) {
            mend::mend(&mut spec, &base, extensions, &mut report);
            mend::map_tiers(&mut spec, &mut simulation, budget_is_said, &base, &mut report);
            let imported = Imported { spec, simulation, report };
            return imported.checked(&base, &simulation_base, extensions);
        }
        Err(failed(errors.join("\n")))
    }
}

impl Imported {
    /// A world of this name with what was imported.
    pub fn into_world(self, id: WorldId) -> WorldSpec {
        let mut world = WorldSpec::named(id);
        world.behaviour = Some(self.spec);
        world.meta.simulation = self.simulation;
        world
    }

    /// Applies the rules of world files: what they refuse, this does, and what they warn of, the report says.
    fn checked(mut self, base: &str, simulation_base: &str, extensions: &Extensions) -> Result<Self, SpecError> {
        let Ok(id) = WorldId::new("imported") else { return Ok(self) };
        let world = self.clone().into_world(id);
        let here = |pointer: &str| match pointer.strip_prefix("/behaviour") {
            Some(rest) => format!("{base}{rest}"),
            None => pointer.to_owned(),
        };
        let mut errors = Vec::new();
        if let Err(found) = world.meta.simulation.validate() {
            let place = |path: &garde::Path| format!("{simulation_base}/{}", camel_case(&path.to_string()));
            errors.extend(found.iter().map(|(path, error)| format!("{}: {}", place(path), error.message())));
        }
        let findings = world.findings(Some(extensions));
        errors.extend(findings.errors().map(|(pointer, message)| at(&here(pointer), message)));
        if !errors.is_empty() {
            return Err(SpecError { report: errors.join("\n") });
        }
        for warning in findings.into_warnings() {
            let pointer = here(&warning.pointer);
            // What has a note is odd because of what became of it.
            if !self.report.notes.iter().any(|note| note.pointer == pointer) {
                self.report.note(pointer, warning.message);
            }
        }
        Ok(self)
    }
}

/// A path of Rust's names as a part of a pointer: `tiers.active.max_npcs` is `tiers/active/maxNpcs`.
fn camel_case(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut upper = false;
    for letter in path.chars() {
        match letter {
            '_' => upper = true,
            '.' => text.push('/'),
            _ if std::mem::take(&mut upper) => text.push(letter.to_ascii_uppercase()),
            _ => text.push(letter),
        }
    }
    text
}

/// The behaviour and its place.
fn take_behaviour(document: &mut Value) -> Option<(String, Value)> {
    for place in PLACES {
        if let Some(found) = document.pointer_mut(place).filter(|value| value.is_object()) {
            return Some((place.to_owned(), found.take()));
        }
    }
    let is_behaviour = SECTIONS.iter().any(|name| document.get(name).is_some());
    is_behaviour.then(|| {
        // What may stand beside a behaviour stays.
        let mut beside = Map::new();
        if let Value::Object(table) = document {
            for name in ["meta", "simulation"] {
                beside.extend(table.remove(name).map(|value| (name.to_owned(), value)));
            }
        }
        (String::new(), std::mem::replace(document, Value::Object(beside)))
    })
}

fn take_simulation(document: &mut Value) -> (String, Value) {
    for place in SIMULATION_PLACES {
        if let Some(found) = document.pointer_mut(place).filter(|value| value.is_object()) {
            return (place.to_owned(), found.take());
        }
    }
    (SIMULATION_PLACES[0].to_owned(), Value::Object(Map::new()))
}

/// Whether the world was to stand still: nothing of a world file says that, so that it is said first.
fn note_standstill(simulation: &mut Value, base: &str, report: &mut ImportReport) {
    let Value::Object(table) = simulation else { return };
    for (key, still) in [("enabled", false), ("pauseSimulation", true)] {
        match table.remove(key) {
            Some(Value::Bool(said)) if said == still => report.note(
                format!("{base}/{key}"),
                format!(
                    "ATTENTION: it is {said}, so that the world stood still; here it RUNS as soon as it is registered. \
                     To keep it still, pause it at once: `worldtick worlds pause <world> --reason imported`"
                ),
            ),
            // Whatever is no such word was not understood, and is said to be so further on.
            Some(other) if !other.is_boolean() => drop(table.insert(key.to_owned(), other)),
            _ => {}
        }
    }
}

/// What stands beside behaviour and simulation.
fn note_rest(document: &Value, base: &str, report: &mut ImportReport) {
    let known = ["meta", "behavior", "behaviour", "simulation"];
    let mut note = |table: &Map<String, Value>, around: &str| {
        for (key, _) in table.iter().filter(|(_, value)| !value.is_null()) {
            if around.is_empty() && key == "meta" {
                continue;
            }
            let meant = nearest(key, known.into_iter()).map(|name| format!(" (did you mean `{name}`?)"));
            let place = format!("{around}/{}", key.replace('~', "~0").replace('/', "~1"));
            report.note(place, format!("was not understood{}", meant.unwrap_or_default()));
        }
    };
    if let Some(table) = document.as_object() {
        note(table, "");
    }
    match document.get("meta") {
        Some(Value::Object(table)) => note(table, "/meta"),
        None | Some(Value::Null) => {}
        Some(_) if base.starts_with("/meta") => {}
        Some(_) => report.note("/meta", "was not understood"),
    }
}

/// A value made to fit a type; nothing, and errors, if it cannot.
fn fitted<T: DeserializeOwned + JsonSchema>(
    mut value: Value,
    base: &str,
    report: &mut ImportReport,
    errors: &mut Vec<String>,
) -> Option<T> {
    let schema = schemars::schema_for!(T).to_value();
    let before = errors.len();
    Fitter::new(&schema, report, errors).fit(&mut value, base);
    if errors.len() > before {
        return None;
    }
    match serde_path_to_error::deserialize(value) {
        Ok(typed) => Some(typed),
        Err(error) => {
            errors.push(format!("{base}/{}: {}", error.path().to_string().replace('.', "/"), error.inner()));
            None
        }
    }
}
