//! Where reading begins when the store has no position yet.

use std::collections::BTreeSet;
use std::str::FromStr;

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::plugins::bridge::connection::{BridgeContext, KafkaUnavailable, asking_client, missing_topic};
use crate::plugins::bridge::settings::{KafkaSettings, UnknownName};
use crate::plugins::store::InputPosition;

/// Where to begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartAt {
    /// At the end: only what comes from now on.
    #[default]
    Latest,
    /// At the start of the log.
    Earliest,
}

impl FromStr for StartAt {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "latest" => Ok(Self::Latest),
            "earliest" => Ok(Self::Earliest),
            _ => Err(UnknownName { what: "start", name: text.to_owned(), allowed: &["latest", "earliest"] }),
        }
    }
}

/// The partitions of these topics, as (topic, partition).
///
/// # Errors
/// If the cluster cannot be asked, or a topic is missing.
pub fn partitions(settings: &KafkaSettings, topics: &[&str]) -> Result<BTreeSet<(String, i32)>, KafkaUnavailable> {
    partitions_of(&asking_client(settings)?, settings, topics)
}

fn partitions_of(
    client: &BaseConsumer<BridgeContext>,
    settings: &KafkaSettings,
    topics: &[&str],
) -> Result<BTreeSet<(String, i32)>, KafkaUnavailable> {
    let mut partitions = BTreeSet::new();
    for name in topics {
        let metadata = client
            .fetch_metadata(Some(name), settings.write_timeout)
            .map_err(|error| unreachable(settings, error.to_string()))?;
        let told = metadata.topics().iter().find(|topic| topic.name() == *name);
        let Some(topic) = told.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty()) else {
            let servers = settings.bootstrap_servers.clone();
            return Err(KafkaUnavailable::Refused { servers, detail: missing_topic(name, told) });
        };
        partitions.extend(topic.partitions().iter().map(|partition| ((*name).to_owned(), partition.id())));
    }
    Ok(partitions)
}

/// The first positions of every partition of these topics. To be written to the store before the first read.
///
/// # Errors
/// If the cluster cannot be asked, or a topic is missing or may not be described.
pub fn start_positions(
    settings: &KafkaSettings,
    topics: &[&str],
    start_at: StartAt,
) -> Result<Vec<InputPosition>, KafkaUnavailable> {
    let client = asking_client(settings)?;
    let mut positions = Vec::new();
    for (topic, partition) in partitions_of(&client, settings, topics)? {
        let (low, high) = client
            .fetch_watermarks(&topic, partition, settings.write_timeout)
            .map_err(|error| unreachable(settings, format!("{topic} partition {partition}: {error}")))?;
        let next = if start_at == StartAt::Latest { high } else { low };
        positions.push(InputPosition { topic, partition, next });
    }
    Ok(positions)
}

fn unreachable(settings: &KafkaSettings, detail: String) -> KafkaUnavailable {
    let (servers, seconds) = (settings.bootstrap_servers.clone(), settings.write_timeout.as_secs());
    KafkaUnavailable::Unreachable { servers, seconds, detail }
}
