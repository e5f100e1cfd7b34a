//! The catalogue of topics: what should exist, and with which settings.
//!
//! The catalogue is a YAML file in the names of Kafka's own topic settings. [`apply`] brings a cluster up to it,
//! [`check`] lists every difference.

mod admin;
mod apply;
mod check;

use std::collections::BTreeSet;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use apply::{AppliedTopic, ApplyReport, Change, apply};
pub use check::{CheckReport, Deviation, check};

/// The catalogue that is built into the program.
pub const DEFAULT_TOPICS: &str = include_str!("../../../../assets/config/topics.yaml");

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    /// Its name.
    #[garde(length(min = 1, max = 249), pattern(r"^[a-zA-Z0-9._-]+$"))]
    pub name: String,
    /// Number of partitions.
    #[garde(range(min = 1, max = 10_000))]
    pub partitions: i32,
    /// Copies of each partition.
    #[garde(range(min = 1, max = 100))]
    pub replication_factor: i32,
    /// How long records are kept, in milliseconds; -1: for ever.
    #[garde(range(min = -1))]
    pub retention_ms: i64,
    /// How often a new log file is begun, in milliseconds.
    #[garde(range(min = 1))]
    pub segment_ms: i64,
    /// What becomes of old records.
    #[garde(custom(one_of(&["delete", "compact", "compact,delete"])))]
    pub cleanup_policy: String,
    /// The codec in which the broker stores records.
    #[garde(custom(one_of(&["none", "uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"])))]
    pub compression_type: String,
    /// The largest batch that the broker takes.
    #[garde(range(min = 1_024))]
    pub max_message_bytes: i64,
    /// Whether [`apply`] may raise the number of partitions. Never for topics whose partitions are shards.
    #[serde(default)]
    #[garde(skip)]
    pub grows: bool,
    /// For people.
    #[serde(default)]
    #[garde(skip)]
    pub description: String,
}

fn one_of<'a>(allowed: &'a [&'static str]) -> impl FnOnce(&String, &()) -> garde::Result + 'a {
    move |value, ()| {
        if allowed.contains(&value.as_str()) {
            return Ok(());
        }
        Err(garde::Error::new(format!("`{value}` is none of {}", allowed.join(", "))))
    }
}

impl TopicSpec {
    /// The settings of the topic under Kafka's names.
    pub fn settings(&self) -> [(&'static str, String); 5] {
        let compression = match self.compression_type.as_str() {
            "none" => "uncompressed",
            other => other,
        };
        [
            ("cleanup.policy", self.cleanup_policy.clone()),
            ("compression.type", compression.to_owned()),
            ("max.message.bytes", self.max_message_bytes.to_string()),
            ("retention.ms", self.retention_ms.to_string()),
            ("segment.ms", self.segment_ms.to_string()),
        ]
    }
}

/// All topics.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TopicCatalogue {
    /// The topics, in the order of the file.
    #[garde(dive, length(min = 1))]
    pub topics: Vec<TopicSpec>,
}

/// Why a catalogue cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {}", .problems.join("\n"))]
pub struct TopicsError {
    /// Where the catalogue came from.
    pub source_name: String,
    /// Everything that is wrong, with line, column and excerpt where it has them.
    pub problems: Vec<String>,
}

impl TopicCatalogue {
    /// Reads a catalogue. `source_name` is for error messages.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, TopicsError> {
        let failed = |problems| TopicsError { source_name: source_name.to_owned(), problems };
        let catalogue: Self = serde_saphyr::from_str_valid(text).map_err(|error| failed(vec![error.to_string()]))?;
        let mut names = BTreeSet::new();
        let problems: Vec<String> = catalogue
            .topics
            .iter()
            .filter(|topic| !names.insert(topic.name.as_str()))
            .map(|topic| format!("topic {} is there twice", topic.name))
            .collect();
        if problems.is_empty() { Ok(catalogue) } else { Err(failed(problems)) }
    }

    /// The catalogue that is built in.
    ///
    /// # Errors
    /// Never in a tested build: a test reads it.
    pub fn built_in() -> Result<Self, TopicsError> {
        Self::parse(DEFAULT_TOPICS, "assets/config/topics.yaml")
    }

    /// The topic of that name.
    pub fn get(&self, name: &str) -> Option<&TopicSpec> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    /// The largest message that any topic takes.
    pub fn message_bytes_max(&self) -> i64 {
        self.topics.iter().map(|topic| topic.max_message_bytes).max().unwrap_or(1_048_576)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_holds_every_topic_with_its_settings() {
        let catalogue = TopicCatalogue::built_in().expect("the file in the repository is valid");
        let hourly = catalogue.get("world.tick.hourly").expect("hourly");
        assert_eq!((hourly.partitions, hourly.retention_ms, hourly.segment_ms), (3, 86_400_000, 3_600_000));
        assert_eq!((hourly.compression_type.as_str(), hourly.max_message_bytes), ("snappy", 131_072));
        let daily = catalogue.get("world.tick.daily").expect("daily");
        assert_eq!((daily.partitions, daily.compression_type.as_str(), daily.max_message_bytes), (1, "gzip", 262_144));
        let event = catalogue.get("simulation.event").expect("events");
        assert_eq!((event.partitions, event.compression_type.as_str(), event.max_message_bytes), (8, "lz4", 524_288));
        assert_eq!(catalogue.get("world.command").map(|t| (t.partitions, t.grows)), Some((8, false)));
        assert_eq!(catalogue.get("worldtick.progress").map(|t| (t.partitions, t.grows)), Some((8, false)));
    }

    #[test]
    fn a_dead_letter_topic_keeps_a_week_and_takes_more_than_its_source() {
        let catalogue = TopicCatalogue::built_in().expect("valid");
        for source in ["world.tick.hourly", "world.tick.daily"] {
            let dead = catalogue.get(&format!("{source}.dlq")).expect("has a dead-letter topic");
            assert_eq!(dead.retention_ms, 604_800_000);
            assert!(dead.max_message_bytes > catalogue.get(source).expect("source").max_message_bytes);
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let broken = DEFAULT_TOPICS.replacen("compression_type: snappy", "compression_type: zip", 1);
        let error = TopicCatalogue::parse(&broken, "topics.yaml").expect_err("zip is no codec").to_string();
        assert!(error.contains("`zip` is none of") && error.contains("line"), "{error}");
        let unknown = DEFAULT_TOPICS.replacen("partitions: 3", "partition: 3", 1);
        let error = TopicCatalogue::parse(&unknown, "topics.yaml").expect_err("unknown key").to_string();
        assert!(error.contains("partition"), "{error}");
        let twice = DEFAULT_TOPICS.replacen("name: world.command", "name: simulation.event", 1);
        let error = TopicCatalogue::parse(&twice, "topics.yaml").expect_err("twice").to_string();
        assert!(error.contains("simulation.event is there twice"), "{error}");
    }
}
