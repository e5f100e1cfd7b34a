//! Where reading begins when the store has no position yet.

use std::str::FromStr;

use rdkafka::consumer::Consumer;

use crate::plugins::bridge::connection::{KafkaUnavailable, asking_client, missing_topic};
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
    let timeout = settings.write_timeout;
    let unreachable = |detail: String| KafkaUnavailable::Unreachable {
        servers: settings.bootstrap_servers.clone(),
        seconds: timeout.as_secs(),
        detail,
    };
    let mut positions = Vec::new();
    for name in topics {
        let metadata = client.fetch_metadata(Some(name), timeout).map_err(|error| unreachable(error.to_string()))?;
        let told = metadata.topics().iter().find(|topic| topic.name() == *name);
        let Some(topic) = told.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty()) else {
            let servers = settings.bootstrap_servers.clone();
            return Err(KafkaUnavailable::Refused { servers, detail: missing_topic(name, told) });
        };
        for partition in topic.partitions() {
            let (low, high) = client
                .fetch_watermarks(name, partition.id(), timeout)
                .map_err(|error| unreachable(format!("{name} partition {}: {error}", partition.id())))?;
            let next = if start_at == StartAt::Latest { high } else { low };
            positions.push(InputPosition { topic: (*name).to_owned(), partition: partition.id(), next });
        }
    }
    positions.sort();
    Ok(positions)
}
