//! Putting the configuration together: defaults < file < environment < flags, and where each value came from.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::keys::{self, Key};
use super::merge::Merge;
use super::model::{KafkaSection, ServerConfig, WorldsSection};
use super::problem::ConfigError;

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

    /// What the layers say of other files, as far as it can be read: a configuration that is wrong elsewhere, or here,
    /// must not hide what is wrong with those files.
    ///
    /// # Errors
    /// Never in a tested build: the schema of the configuration is built.
    pub fn files(&self) -> Result<(WorldsSection, KafkaSection), ConfigError> {
        let merge = self.merged()?;
        let path = |pointer: &str| merge.value(pointer).and_then(Value::as_str).map(PathBuf::from);
        let worlds = path("/worlds/dir").map_or_else(WorldsSection::default, |dir| WorldsSection { dir });
        Ok((worlds, KafkaSection { topics_file: path("/kafka/topics_file"), ..KafkaSection::default() }))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::world::spec::CrowdOverrides;

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
            ("CROWD_NUM_AGENTS", "5000"),
            ("CROWD_GRID_WIDTH", "200"),
            ("CROWD_GRID_HEIGHT", "100"),
            ("CROWD_SIMULATION_ENABLED", "false"),
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
        let wanted = CrowdOverrides { agents: Some(5_000), width: Some(200), height: Some(100), enabled: Some(false) };
        assert_eq!(config.crowd.overrides(), wanted);
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
    fn tasks_have_sections_within_a_section() {
        let file = "[tasks.outbox]\ninterval_seconds = 30\nbudget_seconds = 0.5\n[tasks.topics]\nbudget_seconds = 7\n";
        let environment = [("WORLDTICK_TASKS_TOPICS_BUDGET_SECONDS", "8")];
        let (_folder, layers) = layers(file, &environment, &[("tasks.tick_ids.interval_seconds", "90")]);
        let loaded = layers.load().expect("valid");
        let tasks = &loaded.config.tasks;
        let millis = |seconds: super::super::value::Seconds| seconds.duration().as_millis();
        assert_eq!(millis(tasks.outbox.interval_seconds), 30_000);
        assert_eq!((millis(tasks.outbox.budget_seconds), millis(tasks.topics.budget_seconds)), (500, 8_000));
        assert_eq!((millis(tasks.tick_ids.interval_seconds), millis(tasks.topics.interval_seconds)), (90_000, 600_000));
        assert!(matches!(source(&loaded, "tasks.outbox.budget_seconds"), Source::File(_, 3)));
        let shown = super::super::show::to_json(&loaded);
        assert_eq!(shown.pointer("/tasks/outbox/budget_seconds/value"), Some(&serde_json::json!(0.5)));
    }

    #[test]
    fn what_is_wrong_with_a_task_is_told_at_its_place() {
        let file = "[tasks.outbox]\nintervall_seconds = 30\nbudget_seconds = 0\n[tasks.outbocks]\nx = 1\n";
        let (_folder, wrong) = layers(file, &[], &[]);
        let told = wrong.load().expect_err("refused").to_string();
        for part in ["server.toml:2:1: unknown key `intervall_seconds`", "server.toml:3:", "unknown key `outbocks`"] {
            assert!(told.contains(part), "{part}\n is not in\n{told}");
        }
        let (_folder, wrong) = layers("[tasks.dead_letters]\nbudget_seconds = 300\n", &[], &[]);
        let told = wrong.load().expect_err("refused").to_string();
        let expected = "server.toml:2:18: `tasks.dead_letters.budget_seconds` is not less than";
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn values_that_would_do_harm_in_silence_are_refused_together_with_their_places() {
        let file = "[kafka]\nbootstrap_servers = \":::,http://foo\"\nhourly_group = \"g\"\ndaily_group = \"g\"\n\
                    [kafka.properties]\nacks = \"0\"\n\"security.protocol\" = \"ssl\"\n\
                    [admin]\ntoken_file = \"/nowhere/token\"\n[store]\nurl = \"postgres://sim:hush@/\"\n";
        let (_folder, wrong) = layers(file, &[("LOG_LEVEL", "inof")], &[]);
        let error = wrong.load().expect_err("refused");
        let told = error.to_string();
        for part in [
            "server.toml:2:21: `kafka.bootstrap_servers`: `:::` is no broker",
            "server.toml:2:21: `kafka.bootstrap_servers`: `http://foo` is no broker: brokers have no scheme",
            "server.toml:4:15: `kafka.hourly_group` and `kafka.daily_group` are both `g`",
            "`kafka.properties`: `acks` is not for you to set here (remove it",
            "`kafka.properties`: `security.protocol` is not for you to set here (set kafka.security_protocol)",
            "server.toml:9:14: admin.token_file /nowhere/token cannot be read",
            "the host is missing",
            "LOG_LEVEL: `log.level`: `inof` is no level: they are error, warn, info, debug, trace, off (did you mean `info`?)",
        ] {
            assert!(told.contains(part), "{part}\n is not in\n{told}");
        }
        assert!(error.count() == 8 && !told.contains("hush"), "{told}");
        let (_folder, token) = layers("", &[("WORLDTICK_ADMIN_TOKEN", "one\ntwo")], &[]);
        let told = token.load().expect_err("refused").to_string();
        assert!(told.contains("admin.token holds a line break") && !told.contains("two"), "{told}");
        for level in ["info,worldtick=debug", "WARNING", "off", "debug"] {
            let (_folder, level) = layers("", &[("LOG_LEVEL", level)], &[]);
            level.load().expect("a level");
        }
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
