//! What the reader is told at the start, and what it tells about itself.

use std::collections::BTreeMap;
use std::time::Duration;

/// A topic to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundTopic {
    /// Its name.
    pub name: String,
    /// The group under which offsets are committed for lag tools.
    pub group: String,
    /// Key and value together may have this size; what is larger is bad.
    pub message_bytes_max: usize,
    /// Whether its records stand in game time: whoever waits for his place in it then waits for this topic, too.
    pub merged: bool,
}

/// What the reader is to do.
#[derive(Debug, Clone)]
pub struct InboundConfig {
    /// The topics, in the order in which ties go.
    pub topics: Vec<InboundTopic>,
    /// A partition of which nothing is known for this long holds nobody.
    pub merge_hold_max: Duration,
    /// The end of a partition is told at least this often.
    pub end_interval: Duration,
    /// How often the topics are asked for new partitions.
    pub metadata_interval: Duration,
    /// Whether offsets are committed to the groups, for lag tools (another service may own a group).
    pub commit_group_offsets: bool,
    /// How often they are committed at most.
    pub commit_interval: Duration,
}

impl Default for InboundConfig {
    fn default() -> Self {
        let topic = |name: &str, group: &str, message_bytes_max| InboundTopic {
            name: name.to_owned(),
            group: group.to_owned(),
            message_bytes_max,
            merged: true,
        };
        Self {
            topics: vec![
                topic("world.tick.hourly", "economy-service-group", 131_072),
                topic("world.tick.daily", "world-simulation-group", 262_144),
            ],
            merge_hold_max: Duration::from_secs(2),
            end_interval: Duration::from_secs(60),
            metadata_interval: Duration::from_secs(30),
            commit_group_offsets: true,
            commit_interval: Duration::from_secs(5),
        }
    }
}

/// How the reader is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundStatus {
    /// Whether the brokers were reached and nothing is wrong.
    pub connected: bool,
    /// What is wrong, in words.
    pub trouble: Option<String>,
    /// Records read.
    pub records: u64,
    /// Records that could not be decoded.
    pub bad: u64,
    /// Gaps met.
    pub gaps: u64,
    /// How often a silent partition was no longer waited for.
    pub silent_partitions: u64,
    /// How often a read waited for the whole read time-out, by topic.
    pub read_timeouts: BTreeMap<String, u64>,
}
