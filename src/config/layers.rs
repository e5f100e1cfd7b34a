//! Putting the configuration together: defaults < file < environment < flags, and where each value came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::keys::{self, Key, KeyKind};
use super::located::{Located, Node};
use super::model::{KafkaSection, ServerConfig};
use super::problem::{ConfigError, Problem, SourceProblems};
use super::rules;
use super::toml_file;
use super::value::{HIDDEN, redact};
use super::verify::{Checker, nearest};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is built in.
    Default,
    /// A file, at this line.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value that a flag sets.
#[derive(Debug, Clone)]
pub struct FlagValue {
    /// The flag as it is written, such as `--data-dir`.
    pub flag: String,
    /// `section.key`.
    pub key: String,
    /// The value, as text.
    pub value: String,
}

/// Where the layers above the defaults come from.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The TOML file. Without one, [`Layers::DEFAULT_FILE`] if it is there.
    pub file: Option<PathBuf>,
    /// The environment, as `std::env::vars_os` gives it.
    pub environment: Vec<(OsString, OsString)>,
    /// What flags say.
    pub flags: Vec<FlagValue>,
}

/// One value with where it came from; a secret is blanked out.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: Key,
    /// Its value as it may be shown.
    pub value: Value,
    /// Where it came from.
    pub source: Source,
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: ServerConfig,
    /// Each value with where it came from, in the order of the documentation.
    pub settings: Vec<Setting>,
    /// What looks like a mistake and does no harm.
    pub warnings: Vec<String>,
}

impl Layers {
    /// The file that is read if it is there and no other is named.
    pub const DEFAULT_FILE: &'static str = "assets/config/server.toml";

    /// The layers of this process: its environment, `WORLDTICK_CONFIG` among it, and no flags.
    pub fn of_process() -> Self {
        let named = std::env::var_os("WORLDTICK_CONFIG").filter(|name| !name.is_empty());
        Self { file: named.map(PathBuf::from), environment: std::env::vars_os().collect(), flags: Vec::new() }
    }

    /// Puts the configuration together.
    ///
    /// # Errors
    /// With everything that is wrong in any layer.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.merged()?.finish("/")
    }

    /// Puts together what programs need that only talk to Kafka: what is wrong elsewhere does not concern them.
    ///
    /// # Errors
    /// With everything that is wrong with the file as such, and with what is said about Kafka.
    pub fn load_kafka(&self) -> Result<KafkaSection, ConfigError> {
        let of_kafka = |name: &str| name.starts_with("KAFKA_") || name.starts_with("WORLDTICK_KAFKA_");
        let environment = self.environment.iter().filter(|(name, _)| name.to_str().is_some_and(of_kafka));
        let layers = Self { environment: environment.cloned().collect(), ..self.clone() };
        Ok(layers.merged()?.finish("/kafka/")?.config.kafka)
    }

    fn merged(&self) -> Result<Merge, ConfigError> {
        let mut merge = Merge::new(keys::all())?;
        merge.read_file(self.file.as_deref());
        merge.read_environment(&self.environment);
        merge.read_flags(&self.flags);
        Ok(merge)
    }
}

/// The layers so far.
struct Merge {
    keys: Vec<Key>,
    checker: Checker,
    values: Value,
    sources: BTreeMap<String, Source>,
    file: Option<(PathBuf, String, Located)>,
    problems: Vec<SourceProblems>,
    warnings: Vec<String>,
}

impl Merge {
    fn new(keys: Vec<Key>) -> Result<Self, ConfigError> {
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
        let Some((section, key)) = pointer.trim_start_matches('/').split_once('/') else { return };
        if let Value::Object(sections) = &mut self.values {
            let section = sections.entry(section).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(values) = section {
                values.insert(key.to_owned(), value);
            }
        }
        self.sources.insert(pointer.to_owned(), source);
    }

    fn read_file(&mut self, named: Option<&Path>) {
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
            let Node::Map(entries) = &section.value.node else { continue };
            for entry in entries {
                let pointer = format!("/{}/{}", section.key, entry.key);
                let Some(key) = self.keys.iter().find(|key| key.pointer == pointer) else { continue };
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

    fn read_environment(&mut self, environment: &[(OsString, OsString)]) {
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
            keys::sections().into_iter().map(|s| format!("WORLDTICK_{}_", s.name.to_uppercase())).collect();
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

    fn read_flags(&mut self, flags: &[FlagValue]) {
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
        let Some((section, name)) = key.name.split_once('.') else { return Ok(value) };
        let alone = serde_json::json!({ section: { name: value.clone() } });
        match self.checker.differences(&alone).into_iter().next() {
            Some(difference) => Err(Problem { message: difference.message, help: difference.help, span: None }),
            None => Ok(value),
        }
    }

    /// Checks the rules about what lies below `part`, and hands out the values.
    fn finish(mut self, part: &str) -> Result<Loaded, ConfigError> {
        if self.problems.is_empty() {
            let parsed = serde_path_to_error::deserialize::<_, ServerConfig>(&self.values);
            match parsed {
                Ok(config) => {
                    let concerns =
                        |broken: &rules::Broken| broken.pointers.iter().any(|pointer| pointer.starts_with(part));
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

/// librdkafka's properties hold secrets under several names.
fn hide_if_secret(name: &str, value: &Value) -> Value {
    let name = name.to_lowercase();
    let secret = ["password", "secret", "pem", "token", "jaas", "assertion"].iter().any(|part| name.contains(part));
    if secret { HIDDEN.into() } else { value.clone() }
}

/// The text of a file with everything behind the `=` of a secret's key blanked out, byte for byte.
fn blank_secrets(text: &str, keys: &[Key]) -> String {
    let is_secret = |name: &str| {
        let name = name.trim().trim_matches(['"', '\'']);
        let last = name.rsplit('.').next().unwrap_or(name).trim();
        keys.iter().any(|key| key.secret && key.name.ends_with(&format!(".{last}")))
            || hide_if_secret(last, &Value::Null) != Value::Null
    };
    let blank = |line: &str| match line.split_once('=') {
        Some((name, rest)) if is_secret(name) || hide_if_secret(line, &Value::Null) != Value::Null => {
            let stars: String = rest
                .chars()
                .flat_map(|c| {
                    let keep = c.is_whitespace();
                    std::iter::repeat_n(if keep { c } else { '*' }, if keep { 1 } else { c.len_utf8() })
                })
                .collect();
            format!("{name}={stars}")
        }
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> (tempfile::TempDir, Layers) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server.toml");
        std::fs::write(&path, file).expect("written");
        let flag = |(key, value): &(&str, &str)| FlagValue {
            flag: "--set".into(),
            key: (*key).into(),
            value: (*value).into(),
        };
        let layers = Layers {
            file: Some(path),
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            flags: flags.iter().map(flag).collect(),
        };
        (folder, layers)
    }

    fn source(loaded: &Loaded, name: &str) -> Source {
        loaded.settings.iter().find(|setting| setting.key.name == name).expect("a key").source.clone()
    }

    #[test]
    fn later_layers_win_and_are_named() {
        let file = "[host]\nworker_threads = 1\noutstanding_ticks_max = 2\ninputs_per_commit_max = 3\n";
        let environment = [("WORLDTICK_HOST_WORKER_THREADS", "5"), ("WORLDTICK_HOST_OUTSTANDING_TICKS_MAX", "6")];
        let (_folder, layers) = layers(file, &environment, &[("host.worker_threads", "7")]);
        let loaded = layers.load().expect("valid");
        let host = &loaded.config.host;
        assert_eq!((host.worker_threads, host.outstanding_ticks_max, host.inputs_per_commit_max), (7, 6, 3));
        assert_eq!(source(&loaded, "host.worker_threads"), Source::Flag("--set".into()));
        let variable = Source::Environment("WORLDTICK_HOST_OUTSTANDING_TICKS_MAX".into());
        assert_eq!(source(&loaded, "host.outstanding_ticks_max"), variable);
        assert!(matches!(source(&loaded, "host.inputs_per_commit_max"), Source::File(_, 4)));
        assert_eq!(source(&loaded, "host.outbox_rows_max"), Source::Default);
    }

    #[test]
    fn the_seeds_variables_work_and_empty_ones_are_unset() {
        let environment = [
            ("KAFKA_BOOTSTRAP_SERVERS", "k1:9092,k2:9092"),
            ("KAFKA_SASL_USERNAME", "sim"),
            ("KAFKA_SASL_PASSWORD", "hunter2"),
            ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("KAFKA_SASL_MECHANISM", ""),
            ("DATABASE_URL", "postgres://sim:hunter3@db/worlds"),
            ("LOG_LEVEL", "WARNING"),
            ("WORLDTICK_DATA_DIR", "/data"),
        ];
        let (_folder, layers) = layers("", &environment, &[]);
        let loaded = layers.load().expect("valid");
        let config = &loaded.config;
        assert_eq!(config.kafka.bootstrap_servers.as_deref(), Some("k1:9092,k2:9092"));
        assert_eq!(config.kafka.security_protocol.as_deref(), Some("SASL_SSL"));
        assert_eq!(config.kafka.sasl_mechanism, None);
        assert_eq!(config.store.url.as_ref().map(|url| url.expose()), Some("postgres://sim:hunter3@db/worlds"));
        assert_eq!(config.log.filter(), "warn");
        assert_eq!(config.server.data_dir, Path::new("/data"));
        let settings = config.kafka.settings("k1:9092").expect("known names");
        assert!(settings.problems().is_empty());
        let everything =
            format!("{loaded:?} {} {}", super::super::show::to_json(&loaded), super::super::show::to_toml(&loaded));
        assert!(!everything.contains("hunter"), "no secret is shown: {everything}");
        assert!(everything.contains("postgres://sim:********@db/worlds"));
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place_and_without_secrets() {
        let file = "[kafka]\nsasl_password = \"hunter2\"\nstartat = \"latest\"\n[host]\nworker_threads = 5000\n[amdin]\nlisten = 1\n";
        let (_folder, layers) = layers(file, &[("WORLDTICK_ADMIN_STREAMS_MAX", "many")], &[("host.threads", "1")]);
        let error = layers.load().expect_err("refused");
        assert_eq!(error.count(), 5, "{error}");
        let told = error.to_string();
        for part in [
            "server.toml:3:1: unknown key `startat` in `kafka` (did you mean `start_at`?)",
            "server.toml:5:18: `host.worker_threads` is 5000: too large (at most 1024)",
            "server.toml:6:2: unknown key `amdin` (did you mean `admin`?)",
            "WORLDTICK_ADMIN_STREAMS_MAX: `admin.streams_max` is the text \"many\", but must be a whole number",
            "--set: unknown key `host.threads` (did you mean `host.worker_threads`?)",
        ] {
            assert!(told.contains(part), "{part}\n is not in\n{told}");
        }
        assert!(!format!("{error:?} {} {told}", error.render(false)).contains("hunter2"));
    }

    #[test]
    fn rules_between_values_are_checked_where_the_value_came_from() {
        let (_folder, layers) =
            layers("[kafka]\ntransaction_timeout_seconds = 5\n", &[("WORLDTICK_ADMIN_LISTEN", "0.0.0.0:80")], &[]);
        let told = layers.load().expect_err("refused").to_string();
        assert!(told.contains("server.toml:2:31: `kafka.transaction_timeout_seconds` is not longer"), "{told}");
        assert!(told.contains("WORLDTICK_ADMIN_LISTEN: the admin API on 0.0.0.0:80 could be reached"), "{told}");
    }

    #[test]
    fn a_misspelt_variable_is_a_warning_and_those_of_orchestrators_are_none() {
        let environment = [
            ("WORLDTICK_KAFKA_STARTAT", "x"),
            ("WORLDTICK_ADMIN_SERVICE_HOST", "x"),
            ("WORLDTICK_ADMIN_PORT_8080_TCP", "x"),
        ];
        let (_folder, layers) = layers("", &environment, &[]);
        let warnings = layers.load().expect("valid").warnings;
        assert_eq!(
            warnings,
            ["the environment variable WORLDTICK_KAFKA_STARTAT sets nothing: did you mean WORLDTICK_KAFKA_START_AT?"]
        );
    }

    #[test]
    fn a_file_that_is_named_must_be_there_and_be_toml() {
        let missing = Layers { file: Some("/nowhere/x.toml".into()), ..Layers::default() };
        assert!(missing.load().expect_err("refused").to_string().contains("/nowhere/x.toml: cannot be read"));
        let (_folder, broken) = layers("[kafka\n", &[], &[]);
        assert!(broken.load().expect_err("refused").to_string().contains("server.toml:1:7: this is no TOML"));
    }

    #[test]
    fn what_show_writes_can_be_read_again() {
        let (_folder, first) =
            layers("[kafka.properties]\n\"ssl.ca.location\" = \"/x\"\n[lag]\ngroups = [\"a\", \"b\"]\n", &[], &[]);
        let loaded = first.load().expect("valid");
        let (_folder, second) = layers(&super::super::show::to_toml(&loaded), &[], &[]);
        let again = second.load().expect("valid");
        assert_eq!(
            serde_json::to_value(&again.config).expect("json"),
            serde_json::to_value(&loaded.config).expect("json")
        );
        let (_folder, example) = layers(&super::super::show::example(), &[], &[]);
        example.load().expect("the example is valid");
        let uncommented: String = super::super::show::example()
            .lines()
            .filter_map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if rest
                        .split_once(" = ")
                        .is_some_and(|(key, value)| !key.contains(' ') && value != "\"\"" && !value.is_empty()) =>
                {
                    Some(format!("{rest}\n"))
                }
                Some(_) => None,
                None => Some(format!("{line}\n")),
            })
            .collect();
        let (_folder, uncommented) = layers(&uncommented, &[], &[]);
        let all = uncommented.load().expect("the example with every default is valid");
        assert_eq!(
            serde_json::to_value(&all.config).expect("json"),
            serde_json::to_value(ServerConfig::default()).expect("json")
        );
    }
}
