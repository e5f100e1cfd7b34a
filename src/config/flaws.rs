//! Worlds and simulation blocks that come over the wire: checked as files are, everything at once, by JSON pointer.

use std::sync::LazyLock;

use garde::Validate;
use schemars::schema_for;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::guess::Guess;
use super::problem::cut;
use super::verify::Checker;
use super::yaml_file;
use crate::systems::npc::extend::Extensions;
use crate::world::lenient::{self, Unfit};
use crate::world::spec::{WorldSimulationConfig, WorldSpec};

/// One thing that is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where: a JSON pointer.
    pub pointer: String,
    /// A short word: the keyword of the schema, `unknown_key`, `invalid` or `syntax`.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

impl Flaw {
    /// A flaw at this place.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: cut(detail.into()) }
    }
}

static WORLD: LazyLock<Option<Checker>> = LazyLock::new(|| Checker::new(schema_for!(WorldSpec).to_value()).ok());
static SIMULATION: LazyLock<Option<Checker>> =
    LazyLock::new(|| Checker::new(schema_for!(WorldSimulationConfig).to_value()).ok());

/// The shape that values of a kind must have.
pub(crate) struct Shape(Option<Checker>);

impl Shape {
    /// Of a JSON Schema. What is no schema says nothing against any value.
    pub(crate) fn new(schema: Value) -> Self {
        Self(Checker::new(schema).ok())
    }

    /// Everything that is wrong with a value.
    pub(crate) fn flaws(&self, value: &Value) -> Vec<Flaw> {
        differences(self.0.as_ref(), value)
    }
}

/// Reads a value of this shape.
pub(crate) fn read_shaped<T: DeserializeOwned>(shape: &Shape, value: &Value) -> Result<T, Vec<Flaw>> {
    let flaws = shape.flaws(value);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    lenient::read(value).map_err(|unfit| vec![of_unfit(&unfit, value)])
}

/// Reads a world as its file describes it, for apps whose plugins have added these conditions, effects and factors.
///
/// # Errors
/// With everything that is wrong with it: what this calls valid can be made into a world.
pub fn check_world(value: &Value, extensions: &Extensions) -> Result<WorldSpec, Vec<Flaw>> {
    check(WORLD.as_ref(), value, |spec: &WorldSpec| {
        let mut alone = garde::Report::new();
        spec.validate_alone(&garde::Path::empty(), &mut alone);
        let mut flaws = invalid(&alone, value);
        let faults = spec.faults(Some(extensions)).into_iter();
        flaws.extend(faults.map(|fault| Flaw::new(fault.pointer, "invalid", fault.message)));
        flaws
    })
}

/// Reads a world file, YAML or JSON, as [`check_world`] does.
///
/// # Errors
/// With everything that is wrong with it.
pub fn check_world_text(text: &str, extensions: &Extensions) -> Result<WorldSpec, Vec<Flaw>> {
    let tree = yaml_file::read(text).map_err(|problem| vec![Flaw::new("", "syntax", problem.message)])?;
    check_world(&tree.to_json(), extensions)
}

/// Reads a simulation block.
///
/// # Errors
/// With everything that is wrong with it.
pub fn check_simulation(value: &Value) -> Result<WorldSimulationConfig, Vec<Flaw>> {
    check(SIMULATION.as_ref(), value, |config: &WorldSimulationConfig| {
        config.validate().err().map(|report| invalid(&report, value)).unwrap_or_default()
    })
}

/// Reads a simulation block that a patch has led to. What is unknown is explained against the patch: a key that is
/// misspelt there stands in the block under its right name.
///
/// # Errors
/// With everything that is wrong with it.
pub fn check_patched_simulation(patch: &Value, patched: &Value) -> Result<WorldSimulationConfig, Vec<Flaw>> {
    check_simulation(patched).map_err(|flaws| {
        let of_patch = differences(SIMULATION.as_ref(), patch).into_iter().filter(|flaw| flaw.code == "unknown_key");
        let unknown: Vec<Flaw> = of_patch.collect();
        let told = |flaw: &Flaw| unknown.iter().any(|other| other.pointer == flaw.pointer);
        let others: Vec<Flaw> = flaws.into_iter().filter(|flaw| !told(flaw)).collect();
        others.into_iter().chain(unknown.iter().cloned()).collect()
    })
}

/// What the schema says against a value.
fn differences(checker: Option<&Checker>, value: &Value) -> Vec<Flaw> {
    // That the schemas of our own types are schemas is tested.
    let found = checker.map(|checker| checker.differences(value)).unwrap_or_default().into_iter();
    found
        .map(|found| {
            let detail = match found.help {
                Some(help) => format!("{}: {help}", found.message),
                None => found.message,
            };
            Flaw::new(found.pointer, found.code, detail)
        })
        .collect()
}

/// What the rules of a type have found.
fn invalid(report: &garde::Report, value: &Value) -> Vec<Flaw> {
    let told = |(path, error): &(garde::Path, garde::Error)| {
        Flaw::new(pointer_of(&path.to_string(), value), "invalid", error.message().to_string())
    };
    report.iter().map(told).collect()
}

fn of_unfit(unfit: &Unfit, value: &Value) -> Flaw {
    Flaw::new(pointer_of(&unfit.path, value), "invalid", unfit.message.as_str())
}

/// Reads a value by its schema, and by the rules of its type.
fn check<T: DeserializeOwned>(
    checker: Option<&Checker>,
    value: &Value,
    rules: impl Fn(&T) -> Vec<Flaw>,
) -> Result<T, Vec<Flaw>> {
    let mut flaws = differences(checker, value);
    let unfit = match lenient::read::<T>(value) {
        Ok(read) => {
            let known = flaws.len();
            for flaw in rules(&read) {
                if !flaws.iter().take(known).any(|known| known.pointer == flaw.pointer) {
                    flaws.push(flaw);
                }
            }
            return if flaws.is_empty() { Ok(read) } else { Err(flaws) };
        }
        Err(unfit) => unfit,
    };
    if flaws.is_empty() {
        flaws.push(of_unfit(&unfit, value));
    }
    // The rest is held against the rules as well.
    if let Some(guess) = Guess::<T>::of(value) {
        let told = rules(&guess.value).into_iter().filter(|flaw| guess.vouches_for(&flaw.pointer));
        let fresh: Vec<Flaw> = told.filter(|flaw| !flaws.iter().any(|known| known.pointer == flaw.pointer)).collect();
        flaws.extend(fresh);
    }
    Err(flaws)
}

/// A path of Rust's names (`tiers.active.max_npcs`, `roles[0].name`) as a JSON pointer into a value whose names may be
/// camelCase.
pub(super) fn pointer_of(path: &str, value: &Value) -> String {
    let plain = path.replace('[', ".").replace(']', "");
    let mut pointer = String::new();
    for part in plain.split('.').filter(|part| !part.is_empty()) {
        let exact = format!("{pointer}/{part}");
        let camel = format!("{pointer}/{}", super::worlds::camel_case(part));
        pointer = if value.pointer(&exact).is_none() && value.pointer(&camel).is_some() { camel } else { exact };
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_wrong_with_a_block_is_told_at_once() {
        let block = json!({"timeScale": 0, "tickIntervalSecond": 1, "maxNpcTicksPerStep": "many"});
        let flaws = check_simulation(&block).expect_err("refused");
        let told: Vec<(&str, &str)> = flaws.iter().map(|f| (f.pointer.as_str(), f.code.as_str())).collect();
        for expected in
            [("/timeScale", "minimum"), ("/tickIntervalSecond", "unknown_key"), ("/maxNpcTicksPerStep", "type")]
        {
            assert!(told.contains(&expected), "{expected:?}: {told:?}");
        }
        assert_eq!(told.len(), 3, "{told:?}");
        let unknown = flaws.iter().find(|flaw| flaw.code == "unknown_key").expect("told");
        assert!(unknown.detail.contains("did you mean `tickIntervalSeconds`?"), "{}", unknown.detail);
    }

    #[test]
    fn a_world_comes_as_json_or_yaml() {
        let none = Extensions::default();
        let spec = check_world_text("id: w\nclock: manual\n", &none).expect("valid");
        assert_eq!(check_world(&json!({"id": "w", "clock": "manual"}), &none), Ok(spec.clone()));
        assert_eq!(check_world_text(r#"{"id": "w", "clock": "manual"}"#, &none), Ok(spec));
        assert_eq!(check_world_text("id: [w", &none).expect_err("refused")[0].code, "syntax");
        let tiers = json!({"id": "w", "meta": {"simulation": {"tiers": {"active": {"maxNpcs": 1}}}}});
        let flaws = check_world(&tiers, &none).expect_err("all four tiers must be there");
        assert!(flaws.iter().any(|flaw| flaw.pointer == "/meta/simulation/tiers"), "{flaws:?}");
    }

    #[test]
    fn a_time_scale_of_a_patch_is_in_millionths() {
        let mut block = serde_json::to_value(WorldSimulationConfig::default()).expect("JSON");
        let patch = json!({"timeScale": 1.000_000_4});
        block["timeScale"] = patch["timeScale"].clone();
        let flaws = check_patched_simulation(&patch, &block).expect_err("refused");
        let told: Vec<_> = flaws.iter().map(|flaw| (flaw.pointer.as_str(), flaw.detail.as_str())).collect();
        let words = "1.0000004 has more than six decimals, and the clock counts in millionths: write 1";
        assert_eq!(told, [("/timeScale", words)]);
    }
}
