//! How far readers are behind: the bridge's own positions, and the groups that others commit.
//!
//! Positions live in the store, so lag is the end of the log less the position. In time: how long ago the log ended
//! where the position stands now, from the ends seen at earlier measurements.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;

use super::connection::{BridgeContext, KafkaUnavailable, asking_client};
use super::edge::now;
use super::settings::KafkaSettings;
use crate::plugins::store::InputPosition;

/// Ends of the log that are remembered for each partition.
const SAMPLES_MAX: usize = 360;
/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How far behind one partition is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Records between position and end.
    pub records: i64,
    /// Seconds since the log ended where the position is, as far as that was seen.
    pub seconds: f64,
    /// The end of the log.
    pub end: i64,
}

/// How far behind one group is on one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupLag {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Records between the group's offset and the end; nothing where the group has committed none.
    pub records: Option<i64>,
}

/// What has been seen of a partition's end, to tell lag in time.
#[derive(Debug, Default)]
struct Ends(VecDeque<(Instant, i64)>);

impl Ends {
    fn saw(&mut self, at: Instant, end: i64) {
        // Lag counts from when an end was first seen.
        if self.0.back().is_some_and(|(_, known)| *known == end) {
            return;
        }
        if self.0.len() == SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((at, end));
    }

    fn behind(&self, at: Instant, position: i64) -> Duration {
        let mut since = None;
        for (seen, end) in self.0.iter().rev() {
            if *end <= position {
                break;
            }
            since = Some(*seen);
        }
        since.map_or(Duration::ZERO, |since| at.saturating_duration_since(since))
    }
}

/// Measures lag. Blocking; for a thread or task of its own, every few seconds.
pub struct LagProbe {
    settings: KafkaSettings,
    client: BaseConsumer<BridgeContext>,
    groups: BTreeMap<String, BaseConsumer<BridgeContext>>,
    ends: BTreeMap<(String, i32), Ends>,
}

impl LagProbe {
    /// Prepares to measure.
    ///
    /// # Errors
    /// If the settings cannot be used.
    pub fn new(settings: &KafkaSettings) -> Result<Self, KafkaUnavailable> {
        Ok(Self {
            settings: settings.clone(),
            client: asking_client(settings)?,
            groups: BTreeMap::new(),
            ends: BTreeMap::new(),
        })
    }

    /// How far these positions are behind.
    ///
    /// # Errors
    /// If the cluster does not tell.
    pub fn positions(&mut self, positions: &[InputPosition]) -> Result<Vec<PartitionLag>, KafkaUnavailable> {
        let mut lags = Vec::with_capacity(positions.len());
        for position in positions {
            let end = self.end(&position.topic, position.partition)?;
            let at = now();
            let ends = self.ends.entry((position.topic.clone(), position.partition)).or_default();
            ends.saw(at, end);
            let records = end.saturating_sub(position.next).max(0);
            let behind = if records == 0 { Duration::ZERO } else { ends.behind(at, position.next) };
            lags.push(PartitionLag {
                topic: position.topic.clone(),
                partition: position.partition,
                records,
                seconds: behind.as_secs_f64(),
                end,
            });
        }
        Ok(lags)
    }

    /// How far these groups are behind on a topic, by the offsets that they committed.
    ///
    /// # Errors
    /// If the cluster does not tell.
    pub fn groups(&mut self, topic: &str, groups: &[String]) -> Result<Vec<GroupLag>, KafkaUnavailable> {
        let partitions = self.partitions(topic)?;
        let mut ends = BTreeMap::new();
        for &partition in &partitions {
            ends.insert(partition, self.end(topic, partition)?);
        }
        let mut lags = Vec::new();
        for group in groups {
            let mut list = TopicPartitionList::with_capacity(partitions.len());
            for &partition in &partitions {
                list.add_partition(topic, partition);
            }
            let committed = self
                .group(group)?
                .committed_offsets(list, TIMEOUT)
                .map_err(|error| self.failed(format!("offsets of group {group}: {error}")))?;
            for (&partition, end) in &ends {
                let records = match committed.find_partition(topic, partition).map(|found| found.offset()) {
                    Some(Offset::Offset(offset)) => Some(end.saturating_sub(offset).max(0)),
                    _ => None,
                };
                lags.push(GroupLag { group: group.clone(), topic: topic.to_owned(), partition, records });
            }
        }
        Ok(lags)
    }

    fn end(&self, topic: &str, partition: i32) -> Result<i64, KafkaUnavailable> {
        let watermarks = self.client.fetch_watermarks(topic, partition, TIMEOUT);
        watermarks.map(|(_, end)| end).map_err(|error| self.failed(format!("{topic} partition {partition}: {error}")))
    }

    fn partitions(&self, topic: &str) -> Result<Vec<i32>, KafkaUnavailable> {
        let metadata =
            self.client.fetch_metadata(Some(topic), TIMEOUT).map_err(|error| self.failed(error.to_string()))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let found = found.ok_or_else(|| self.failed(format!("topic {topic} does not exist")))?;
        Ok(found.partitions().iter().map(|partition| partition.id()).collect())
    }

    fn group(&mut self, group: &str) -> Result<&BaseConsumer<BridgeContext>, KafkaUnavailable> {
        use std::collections::btree_map::Entry;
        match self.groups.entry(group.to_owned()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let config = self.settings.consumer(group);
                let consumer = BaseConsumer::from_config_and_context(&config, BridgeContext::default())
                    .map_err(|error| KafkaUnavailable::Settings(error.to_string()))?;
                Ok(new.insert(consumer))
            }
        }
    }

    fn failed(&self, detail: String) -> KafkaUnavailable {
        // Call-backs are served by polling; the probe's own errors are told by its results.
        let _ = self.client.poll(Duration::ZERO);
        KafkaUnavailable::Unreachable {
            servers: self.settings.bootstrap_servers.clone(),
            seconds: TIMEOUT.as_secs(),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_in_time_is_since_the_log_ended_at_the_position() {
        let start = now();
        let at = |s| start + Duration::from_secs(s);
        let mut ends = Ends::default();
        ends.saw(at(0), 10);
        ends.saw(at(10), 10);
        ends.saw(at(20), 15);
        ends.saw(at(30), 20);
        assert_eq!(ends.behind(at(30), 10), Duration::from_secs(10), "first seen beyond 10 at 20 s");
        assert_eq!(ends.behind(at(30), 15), Duration::ZERO, "beyond 15 only now");
        ends.saw(at(40), 20);
        assert_eq!(ends.behind(at(40), 15), Duration::from_secs(10), "standing still, lag grows");
        assert_eq!(ends.behind(at(40), 3), Duration::from_secs(40), "older than what was seen: at least that");
    }

    #[test]
    fn only_so_many_ends_are_remembered() {
        let start = now();
        let mut ends = Ends::default();
        for n in 0..1_000 {
            ends.saw(start, n);
        }
        assert_eq!(ends.0.len(), SAMPLES_MAX);
    }
}
