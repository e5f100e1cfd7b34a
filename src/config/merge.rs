//! Taking one layer after the other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::hide::{blank_secrets, hide_if_secret};
use super::keys::{self, Key, KeyKind};
use super::layers::{FlagValue, Layers, Loaded, Setting, Source};
use super::located::{Located, Node};
use super::model::ServerConfig;
use super::problem::{ConfigError, Problem, SourceProblems};
use super::rules;
use super::toml_file;
use super::value::redact;
use super::verify::{Checker, nearest};

/// The layers so far.
pub(super) struct Merge {
    keys: Vec<Key>,
    checker: Checker,
    values: Value,
    sources: BTreeMap<String, Source>,
    file: Option<(PathBuf, String, Located)>,
    problems: Vec<SourceProblems>,
    warnings: Vec<String>,
}

impl Merge {
    pub(super) fn new(keys: Vec<Key>) -> Result<Self, ConfigError> {
        let broken = |problem| ConfigError { sources: vec![SourceProblems::of("worldtick", vec![problem])] };
        let checker = Checker::new(keys::schema().to_value()).map_err(broken)?;
        let mut merge = Self {
            values: Value::Object(Map::new()),
            sources: BTreeMap::new(),
            file: None,
            problems: Vec::new(),
            warnings: Vec::new(),
            keys: Vec::new(),
            checker,
        };
        for key in &keys {
            // A secret's default is that there is none.
            merge.set(&key.pointer, if key.secret { Value::Null } else { key.default.clone() }, Source::Default);
        }
        merge.keys = keys;
        Ok(merge)
    }

    fn set(&mut self, pointer: &str, value: Value, source: Source) {
        keys::put(&mut self.values, pointer.trim_start_matches('/'), value);
        self.sources.insert(pointer.to_owned(), source);
    }

    /// What the layers so far say at this place, right or wrong.
    pub(super) fn value(&self, pointer: &str) -> Option<&Value> {
        self.values.pointer(pointer)
    }

    pub(super) fn read_file(&mut self, named: Option<&Path>) {
        let path = named.unwrap_or(Path::new(Layers::DEFAULT_FILE));
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                let problem = Problem::new(format!("cannot be read: {error}"))
                    .help("--config or WORLDTICK_CONFIG names the configuration file");
                self.problems.push(SourceProblems::of(name, vec![problem]));
                return;
            }
        };
        let shown = blank_secrets(&text, &self.keys);
        let tree = match toml_file::read(&text) {
            Ok(tree) => tree,
            Err(problem) => {
                self.problems.push(SourceProblems::of_text(name, &shown, vec![problem]));
                return;
            }
        };
        let problems = self.checker.problems(&tree);
        if !problems.is_empty() {
            self.problems.push(SourceProblems::of_text(name, &shown, problems));
        }
        self.take_tree(path, &text, &tree);
        self.file = Some((path.to_owned(), shown, tree));
    }

    fn take_tree(&mut self, path: &Path, text: &str, tree: &Located) {
        let Node::Map(sections) = &tree.node else { return };
        for section in sections {
            self.take_section(path, text, &format!("/{}", section.key), &section.value);
        }
    }

    fn take_section(&mut self, path: &Path, text: &str, section: &str, tree: &Located) {
        if let Node::Map(entries) = &tree.node {
            for entry in entries {
                let pointer = format!("{section}/{}", entry.key);
                let Some(key) = self.keys.iter().find(|key| key.pointer == pointer) else {
                    // Sections lie within sections at most once; what is unknown has been told.
                    if self.keys.iter().any(|key| key.pointer.starts_with(&format!("{pointer}/"))) {
                        self.take_section(path, text, &pointer, &entry.value);
                    }
                    continue;
                };
                // Empty is unset, as in the environment.
                let value = match entry.value.to_json() {
                    Value::String(text) if text.is_empty() && key.default.is_null() => Value::Null,
                    value => value,
                };
                let start = entry.key_span.as_ref().map_or(0, |span| span.start);
                let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
                self.set(&pointer, value, Source::File(path.to_owned(), line));
            }
        }
    }

    pub(super) fn read_environment(&mut self, environment: &[(OsString, OsString)]) {
        let mut problems = Vec::new();
        // Empty is unset: compose files and charts hand on variables that nobody has filled.
        let filled: BTreeMap<String, String> = environment
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        for key in self.keys.clone() {
            let found = key.variables.iter().find_map(|name| Some((name, filled.get(name)?)));
            if let Some((name, text)) = found {
                match self.parse(&key, text) {
                    Ok(value) => self.set(&key.pointer, value, Source::Environment(name.clone())),
                    Err(problem) => {
                        problems.push(Problem { message: format!("{name}: {}", problem.message), ..problem })
                    }
                }
            }
        }
        if !problems.is_empty() {
            self.problems.push(SourceProblems::of("environment", problems));
        }
        self.warn_of_misspelt(filled.keys());
    }

    /// A variable that looks like one of ours: only a warning, because orchestrators make such names, too.
    fn warn_of_misspelt<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        let known: Vec<&str> = self.keys.iter().flat_map(|key| key.variables.iter().map(String::as_str)).collect();
        let sections: Vec<String> =
            keys::sections().into_iter().map(|section| keys::variable_prefix(&section.name)).collect();
        let suspicious = |name: &&String| {
            sections.iter().any(|section| name.starts_with(section.as_str()))
                && !known.contains(&name.as_str())
                && !name.contains("_PORT")
                && !name.ends_with("_SERVICE_HOST")
        };
        let warnings: Vec<String> = names
            .filter(suspicious)
            .map(|name| match nearest(name, known.iter().copied()) {
                Some(meant) => format!("the environment variable {name} sets nothing: did you mean {meant}?"),
                None => format!("the environment variable {name} sets nothing"),
            })
            .collect();
        self.warnings.extend(warnings);
    }

    pub(super) fn read_flags(&mut self, flags: &[FlagValue]) {
        let mut problems = Vec::new();
        for flag in flags {
            let Some(key) = self.keys.iter().find(|key| key.name == flag.key).cloned() else {
                let problem = Problem::new(format!("{}: unknown key `{}`", flag.flag, flag.key));
                let meant = nearest(&flag.key, self.keys.iter().map(|key| key.name.as_str()));
                problems.push(match meant {
                    Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                    None => problem.help("`worldtick config show` lists every key"),
                });
                continue;
            };
            match self.parse(&key, &flag.value) {
                Ok(value) => self.set(&key.pointer, value, Source::Flag(flag.flag.clone())),
                Err(problem) => {
                    problems.push(Problem { message: format!("{}: {}", flag.flag, problem.message), ..problem });
                }
            }
        }
        if !problems.is_empty() {
            self.problems.push(SourceProblems::of("command line", problems));
        }
    }

    /// A text as the value of a key, checked.
    fn parse(&self, key: &Key, text: &str) -> Result<Value, Problem> {
        let value = match key.kind {
            KeyKind::Text => Value::from(as_the_key_spells(&key.name, text)),
            KeyKind::Integer => text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from),
            KeyKind::Number => match text.trim().parse::<i64>() {
                Ok(whole) => whole.into(),
                Err(_) => text.trim().parse::<f64>().map_or_else(|_| text.into(), Value::from),
            },
            KeyKind::Flag => match text.trim().to_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => true.into(),
                "false" | "0" | "no" | "off" => false.into(),
                _ => text.into(),
            },
            KeyKind::List => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
            KeyKind::Table => serde_json::from_str(text)
                .map_err(|_| Problem::new(format!("`{}` must be a JSON object of texts", key.name)))?,
        };
        let mut alone = Value::Object(Map::new());
        keys::put(&mut alone, key.pointer.trim_start_matches('/'), value.clone());
        match self.checker.differences(&alone).into_iter().next() {
            Some(difference) => Err(Problem { message: difference.message, help: difference.help, span: None }),
            None => Ok(value),
        }
    }

    /// Checks the rules about what lies below `part`, and hands out the values.
    pub(super) fn finish(mut self, part: &str) -> Result<Loaded, ConfigError> {
        if self.problems.is_empty() {
            let parsed = serde_path_to_error::deserialize::<_, ServerConfig>(&self.values);
            match parsed {
                Ok(config) => {
                    // The first value is the one that is probably wrong.
                    let concerns =
                        |broken: &rules::Broken| broken.pointers.first().is_some_and(|first| first.starts_with(part));
                    for broken in rules::broken(&config).into_iter().filter(concerns) {
                        self.place(&broken);
                    }
                    if self.problems.is_empty() {
                        let settings = self.settings();
                        return Ok(Loaded { config, settings, warnings: self.warnings });
                    }
                }
                // The schema is made from the types: only a mistake in the program leads here.
                Err(error) => {
                    let problem = Problem::new(format!("`{}`: {}", error.path(), error.inner()));
                    self.problems.push(SourceProblems::of("configuration", vec![problem]));
                }
            }
        }
        Err(ConfigError { sources: self.problems })
    }

    /// Puts a broken rule where the first of its values that somebody has set came from.
    fn place(&mut self, broken: &rules::Broken) {
        let problem = Problem::new(broken.message.clone()).help(broken.help.clone());
        let sources = broken.pointers.iter().filter_map(|pointer| Some((*pointer, self.sources.get(*pointer)?)));
        let set = sources.into_iter().find(|(_, source)| **source != Source::Default);
        let (name, text, problem) = match (set, &self.file) {
            (Some((pointer, Source::File(..))), Some((path, text, tree))) => {
                (path.display().to_string(), Some(text.as_str().into()), problem.at(tree.value_at(pointer)))
            }
            (Some((_, source)), _) => (source.to_string(), None, problem),
            (None, _) => ("configuration".to_owned(), None, problem),
        };
        match self.problems.iter_mut().find(|source| source.name == name) {
            Some(source) => source.problems.push(problem),
            None => self.problems.push(SourceProblems { name, text, problems: vec![problem] }),
        }
    }

    fn settings(&self) -> Vec<Setting> {
        let shown = |key: &Key| {
            let value = self.values.pointer(&key.pointer).cloned().unwrap_or_default();
            match &value {
                Value::String(text) if key.secret => Value::from(redact(text)),
                Value::Object(table) => table.iter().map(|(k, v)| (k.clone(), hide_if_secret(k, v))).collect(),
                _ => value,
            }
        };
        let source = |key: &Key| self.sources.get(&key.pointer).cloned().unwrap_or(Source::Default);
        self.keys.iter().map(|key| Setting { key: key.clone(), value: shown(key), source: source(key) }).collect()
    }
}

/// Choices that people write in other letters than the key's own.
fn as_the_key_spells(key: &str, text: &str) -> String {
    match key {
        "kafka.security_protocol" | "kafka.sasl_mechanism" => text.trim().to_uppercase(),
        "kafka.start_at" | "events.envelope" | "log.format" => text.trim().to_lowercase(),
        _ => text.to_owned(),
    }
}
