//! World files and the catalogue of topics: read, and checked as the configuration is.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::guess::Guess;
use super::layers::Layers;
use super::located::{Located, Node, dotted, join};
use super::model::{KafkaSection, WorldsSection};
use super::problem::{ConfigError, Problem, SourceProblems};
use super::verify::Checker;
use super::yaml_file;
use crate::components::ids::WorldId;
use crate::plugins::bridge::topics::{DEFAULT_TOPICS, TopicCatalogue};
use crate::systems::npc::extend::Extensions;
use crate::world::lenient;
use crate::world::spec::{DEFAULT_WORLD, SpecWarning, WorldSpec};

/// World files that one folder may hold.
const FILES_MAX: usize = 10_000;
/// The largest world file, and the largest file of agents.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A world file that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldFile {
    /// Where it is; nothing for the world that is built in.
    pub path: Option<PathBuf>,
    /// The world.
    pub spec: WorldSpec,
    /// Sections that are there with nothing in them, by their names.
    empty: Vec<String>,
}

/// Sections of a world file that describe a part of the world.
const SECTIONS: [&str; 6] = ["economy", "diplomacy", "behaviour", "behavior", "npcs", "crowd"];

impl WorldFile {
    /// What is allowed in it but hardly meant, a line each.
    pub fn warnings(&self) -> Vec<String> {
        let name =
            self.path.as_ref().map_or_else(|| format!("world `{}`", self.spec.id), |path| path.display().to_string());
        let told = |warning: SpecWarning| format!("{name}: {}", said_of(&warning.pointer, &warning.message));
        let hollow = |section: &String| SpecWarning {
            pointer: format!("/{section}"),
            message: "it is empty, and does nothing: it is as if it were not there".to_owned(),
        };
        self.empty.iter().map(hollow).chain(self.spec.warnings()).map(told).collect()
    }
}

/// Reads a world file. Given the conditions, effects and factors that plugins have added, it names no others; without,
/// whoever gets it has to know them.
///
/// # Errors
/// With everything that is wrong with it.
pub fn read_world(path: &Path, extensions: Option<&Extensions>) -> Result<WorldFile, ConfigError> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(one)?;
    let (spec, tree) = parse_world(&name, &text, extensions).map_err(one)?;
    Ok(WorldFile { path: Some(path.to_owned()), spec, empty: empty_sections(&tree) })
}

/// Reads every world file of the folder; if the default folder is missing, the world that is built in. What is read can
/// be made into worlds by apps with these conditions, effects and factors.
///
/// # Errors
/// With everything that is wrong with any of them, two files for one world included.
pub fn read_worlds(section: &WorldsSection, extensions: &Extensions) -> Result<Vec<WorldFile>, ConfigError> {
    if section.dir == Path::new(WorldsSection::DEFAULT_DIR) && !section.dir.exists() {
        let (spec, _) = parse_world("the world that is built in", DEFAULT_WORLD, Some(extensions)).map_err(one)?;
        return Ok(vec![WorldFile { path: None, spec, empty: Vec::new() }]);
    }
    let paths = world_files(&section.dir).map_err(one)?;
    if paths.is_empty() {
        let problem =
            Problem::new("there is no world file (*.yaml, *.json) in it").help("`worlds.dir` names the folder");
        return Err(one(SourceProblems::of(section.dir.display().to_string(), vec![problem])));
    }
    read_all(&paths, extensions)
}

/// Reads the file of one world, where the folder has one, whatever is wrong with the files of others.
///
/// # Errors
/// With everything that is wrong with it.
pub fn read_world_of(
    section: &WorldsSection,
    id: &WorldId,
    extensions: &Extensions,
) -> Result<Option<WorldFile>, ConfigError> {
    if section.dir == Path::new(WorldsSection::DEFAULT_DIR) && !section.dir.exists() {
        let built_in = read_worlds(section, extensions)?;
        return Ok(built_in.into_iter().find(|file| file.spec.id == *id));
    }
    let paths = world_files(&section.dir).map_err(one)?;
    let own: Vec<PathBuf> = paths.into_iter().filter(|path| is_of_world(path, id)).collect();
    Ok(read_all(&own, extensions)?.into_iter().find(|file| file.spec.id == *id))
}

/// Whether a file names this world, or, where it cannot be read, has its name.
fn is_of_world(path: &Path, id: &WorldId) -> bool {
    let tree = read_text(path).ok().and_then(|text| yaml_file::read(&text).ok());
    let Some(Located { node: Node::Map(entries), .. }) = tree else {
        return path.file_stem().is_some_and(|stem| stem == id.as_str());
    };
    let named = entries.iter().find(|entry| entry.key == "id").map(|entry| entry.value.to_json());
    named.as_ref().and_then(serde_json::Value::as_str) == Some(id.as_str())
}

/// Reads the catalogue of topics: the file that is named, or the one that is built in.
///
/// # Errors
/// With everything that is wrong with it.
pub fn read_topics(kafka: &KafkaSection) -> Result<TopicCatalogue, ConfigError> {
    match &kafka.topics_file {
        None => parse_topics("the catalogue that is built in", DEFAULT_TOPICS).map_err(one),
        Some(path) => {
            let text = read_text(path).map_err(one)?;
            parse_topics(&path.display().to_string(), &text).map_err(one)
        }
    }
}

/// Checks files by their names: `.toml` as configuration, `.yaml` as world file or catalogue of topics, `.json` as
/// world file, for apps with these conditions, effects and factors. Gives back what is odd about the worlds, a line each.
///
/// # Errors
/// With everything that is wrong with any of them.
pub fn check_files(paths: &[PathBuf], layers: &Layers, extensions: &Extensions) -> Result<Vec<String>, ConfigError> {
    let mut problems = Vec::new();
    let mut worlds = Vec::new();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let outcome = match ending {
            "toml" => Layers { file: Some(path.clone()), ..layers.clone() }.load().map(|_| ()),
            "yaml" | "yml" if is_catalogue(path) => {
                read_topics(&KafkaSection { topics_file: Some(path.clone()), ..KafkaSection::default() }).map(|_| ())
            }
            "yaml" | "yml" | "json" => {
                worlds.push(path.clone());
                Ok(())
            }
            _ => {
                let problem = Problem::new("its name does not say what it is")
                    .help("a configuration ends in .toml, a world file in .yaml or .json");
                Err(one(SourceProblems::of(path.display().to_string(), vec![problem])))
            }
        };
        problems.extend(outcome.err().into_iter().flat_map(|error| error.sources));
    }
    let files = read_all(&worlds, extensions).unwrap_or_else(|error| {
        problems.extend(error.sources);
        Vec::new()
    });
    if problems.is_empty() {
        Ok(files.iter().flat_map(WorldFile::warnings).collect())
    } else {
        Err(ConfigError { sources: problems })
    }
}

fn one(problems: SourceProblems) -> ConfigError {
    ConfigError { sources: vec![problems] }
}

/// Whether a YAML file is a catalogue of topics.
fn is_catalogue(path: &Path) -> bool {
    let tree = read_text(path).ok().and_then(|text| yaml_file::read(&text).ok());
    let Some(Located { node: Node::Map(entries), .. }) = tree else { return false };
    entries.iter().any(|entry| entry.key == "topics")
}

fn read_all(paths: &[PathBuf], extensions: &Extensions) -> Result<Vec<WorldFile>, ConfigError> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut owners: BTreeMap<WorldId, &Path> = BTreeMap::new();
    for path in paths {
        let name = path.display().to_string();
        let parsed = read_text(path).and_then(|text| Ok((parse_world(&name, &text, Some(extensions))?, text)));
        match parsed {
            Err(wrong) => problems.push(wrong),
            Ok(((spec, tree), text)) => {
                if let Some(other) = owners.insert(spec.id.clone(), path) {
                    let problem =
                        Problem::new(format!("world `{}` is described by {} already", spec.id, other.display()))
                            .help("give each world an id of its own")
                            .at(tree.value_at("/id"));
                    problems.push(SourceProblems::of_text(name, &text, vec![problem]));
                }
                files.push(WorldFile { path: Some(path.clone()), spec, empty: empty_sections(&tree) });
            }
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(ConfigError { sources: problems }) }
}

/// Sections of which a file has the name and nothing else.
fn empty_sections(tree: &Located) -> Vec<String> {
    let Node::Map(entries) = &tree.node else { return Vec::new() };
    let is_empty = |value: &Located| matches!(&value.node, Node::Scalar(serde_json::Value::Null));
    let hollow = entries.iter().filter(|entry| SECTIONS.contains(&entry.key.as_str()) && is_empty(&entry.value));
    hollow.map(|entry| entry.key.clone()).collect()
}

fn world_files(dir: &Path) -> Result<Vec<PathBuf>, SourceProblems> {
    let name = dir.display().to_string();
    let failed = |error: std::io::Error| {
        let problem =
            Problem::new(format!("cannot be read: {error}")).help("`worlds.dir` names the folder of world files");
        SourceProblems::of(name.clone(), vec![problem])
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("yaml" | "yml" | "json")) && path.is_file() {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            let problem = Problem::new(format!("there are more than {FILES_MAX} world files in it"));
            return Err(SourceProblems::of(name.clone(), vec![problem]));
        }
    }
    // The order of a folder is not the same everywhere.
    paths.sort();
    Ok(paths)
}

pub(super) fn read_text(path: &Path) -> Result<String, SourceProblems> {
    let failed = |what: String| SourceProblems::of(path.display().to_string(), vec![Problem::new(what)]);
    let unread = |error: std::io::Error| failed(format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    // Whatever size it says it has: a device has none, and goes on for ever.
    let file = std::fs::File::open(path).map_err(unread)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(format!("is larger than {FILE_BYTES_MAX} bytes, and no more are read of a file")));
    }
    let text = String::from_utf8(bytes).map_err(|error| failed(format!("is not UTF-8: {}", error.utf8_error())))?;
    // A mark before the text is no part of it, and of no line.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn parse_world(
    name: &str,
    text: &str,
    extensions: Option<&Extensions>,
) -> Result<(WorldSpec, Located), SourceProblems> {
    let failed = |problems| SourceProblems::of_text(name, text, problems);
    let read = if name.ends_with(".json") { yaml_file::read_json } else { yaml_file::read };
    let tree = read(text).map_err(|problem| failed(vec![problem]))?;
    let checker = Checker::new(schemars::schema_for!(WorldSpec).to_value()).map_err(|problem| failed(vec![problem]))?;
    let mut problems = checker.problems(&tree);
    let document = tree.to_json();
    let unfit = match lenient::read::<WorldSpec>(&document) {
        Ok(mut spec) => {
            if let Err(wrong) = super::agents_file::take_in(name, &mut spec, &tree) {
                if problems.is_empty() {
                    return Err(wrong);
                }
                // Its turn comes when the world file itself is right.
                spec.economy.iter_mut().for_each(|economy| economy.population.agents_file = None);
            }
            problems.extend(broken_rules(&spec, extensions, &tree, &problems, |_| true));
            return if problems.is_empty() { Ok((spec, tree)) } else { Err(failed(problems)) };
        }
        Err(unfit) => unfit,
    };
    // What the schema has said already need not be said again.
    if problems.is_empty() {
        let pointer = pointer_of(&unfit.path, &tree);
        problems.push(Problem::new(said_of(&pointer, &unfit.message)).at(tree.value_at(&pointer)));
    }
    // The rest is held against the rules as well.
    if let Some(mut guess) = Guess::<WorldSpec>::of(&document) {
        guess.value.economy.iter_mut().for_each(|economy| economy.population.agents_file = None);
        let more = broken_rules(&guess.value, extensions, &tree, &problems, |at| guess.vouches_for(at));
        problems.extend(more);
    }
    Err(failed(problems))
}

/// What is wrong at a place of the file.
fn said_of(pointer: &str, message: &str) -> String {
    match dotted(pointer) {
        place if place.is_empty() => message.to_owned(),
        place => format!("`{place}`: {message}"),
    }
}

/// What the rules of the type say beyond its schema.
fn broken_rules(
    spec: &WorldSpec,
    extensions: Option<&Extensions>,
    tree: &Located,
    known: &[Problem],
    is_sure: impl Fn(&str) -> bool,
) -> Vec<Problem> {
    let mut alone = garde::Report::new();
    spec.validate_alone(&garde::Path::empty(), &mut alone);
    let alone = alone.iter().map(|(path, error)| (pointer_of(&path.to_string(), tree), error.message().to_string()));
    let faults = spec.faults(extensions).into_iter().map(|fault| (fault.pointer, fault.message));
    let told =
        |(pointer, message): (String, String)| Problem::new(said_of(&pointer, &message)).at(tree.value_at(&pointer));
    let fresh = |problem: &Problem| !known.iter().any(|other| other.span == problem.span);
    alone.chain(faults).filter(|(pointer, _)| is_sure(pointer)).map(told).filter(fresh).collect()
}

/// A path of Rust's names (`meta.simulation.time_scale`, `roles[0].name`) as a JSON pointer into a file, whose names
/// may be camelCase, and whose keys may have dots in them.
fn pointer_of(path: &str, tree: &Located) -> String {
    let plain = path.replace('[', ".").replace(']', "");
    let parts: Vec<&str> = plain.split('.').filter(|part| !part.is_empty()).collect();
    let mut pointer = String::new();
    let mut rest = parts.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let exact = join(&pointer, first);
        let known = (1..=rest.len()).find_map(|count| {
            let (name, after) = rest.split_at_checked(count)?;
            let name = name.join(".");
            let candidates = [join(&pointer, &name), join(&pointer, &camel_case(&name))];
            Some((candidates.into_iter().find(|pointer| has(tree, pointer))?, after))
        });
        (pointer, rest) = known.unwrap_or((exact, after));
    }
    pointer
}

fn has(tree: &Located, pointer: &str) -> bool {
    tree.to_json().pointer(pointer).is_some()
}

pub(super) fn camel_case(name: &str) -> String {
    let mut upper = false;
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '_' {
            upper = true;
        } else if upper {
            text.extend(letter.to_uppercase());
            upper = false;
        } else {
            text.push(letter);
        }
    }
    text
}

fn parse_topics(name: &str, text: &str) -> Result<TopicCatalogue, SourceProblems> {
    let failed = |problems| SourceProblems::of_text(name, text, problems);
    let tree = yaml_file::read(text).map_err(|problem| failed(vec![problem]))?;
    let checker =
        Checker::new(schemars::schema_for!(TopicCatalogue).to_value()).map_err(|problem| failed(vec![problem]))?;
    let problems = checker.problems(&tree);
    if !problems.is_empty() {
        return Err(failed(problems));
    }
    TopicCatalogue::parse(text, name).map_err(|error| {
        SourceProblems::of(name, error.problems.iter().map(|problem| Problem::new(problem.trim())).collect())
    })
}

#[cfg(test)]
mod tests;
