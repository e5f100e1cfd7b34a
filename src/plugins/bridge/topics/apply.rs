//! Bringing a cluster up to the catalogue: creates what is missing, raises partitions where that is harmless.

use std::fmt;

use rdkafka::admin::{NewPartitions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use serde::Serialize;

use super::admin::{Admin, LiveTopic};
use super::{TopicCatalogue, TopicSpec};
use crate::plugins::bridge::connection::KafkaUnavailable;
use crate::plugins::bridge::settings::KafkaSettings;

/// What was done about a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It was there.
    None,
    /// It was created.
    Created,
    /// Partitions were added.
    Raised {
        /// Partitions before.
        from: i32,
        /// Partitions now.
        to: i32,
    },
    /// It has fewer partitions than the catalogue says, and it is no topic whose partitions may be added.
    Kept {
        /// Partitions it has.
        partitions: i32,
        /// Partitions it should have.
        expected: i32,
    },
    /// The cluster refused.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedTopic {
    /// The topic.
    pub topic: String,
    /// What was done.
    #[serde(flatten)]
    pub change: Change,
}

/// What was done about every topic of the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApplyReport {
    /// In the order of the catalogue.
    pub topics: Vec<AppliedTopic>,
}

impl ApplyReport {
    /// Whether something could not be done.
    pub fn has_failures(&self) -> bool {
        self.topics.iter().any(|topic| matches!(topic.change, Change::Failed { .. } | Change::Kept { .. }))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("exists"),
            Self::Created => f.write_str("created"),
            Self::Raised { from, to } => write!(f, "partitions raised from {from} to {to}"),
            Self::Kept { partitions, expected } => write!(
                f,
                "has {partitions} partitions instead of {expected}; not changed, because its partitions have a meaning"
            ),
            Self::Failed { reason } => write!(f, "FAILED: {reason}"),
        }
    }
}

impl fmt::Display for ApplyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.topics.iter().map(|topic| topic.topic.len()).max().unwrap_or(0);
        for topic in &self.topics {
            writeln!(f, "{:width$}  {}", topic.topic, topic.change)?;
        }
        Ok(())
    }
}

/// Creates the topics that are missing and adds partitions to those that may grow. Settings of topics that exist are
/// left alone; `check` lists them. Blocking.
///
/// # Errors
/// If the cluster cannot be reached; what it refuses about one topic is in the report.
pub fn apply(
    settings: &KafkaSettings,
    catalogue: &TopicCatalogue,
    replication_factor: Option<i32>,
) -> Result<ApplyReport, KafkaUnavailable> {
    let admin = Admin::connect(settings)?;
    let live = admin.topics()?;
    let mut report = ApplyReport::default();
    for spec in &catalogue.topics {
        let change = match live.get(&spec.name) {
            None => create(&admin, spec, replication_factor.unwrap_or(spec.replication_factor))?,
            Some(LiveTopic { partitions, .. }) if *partitions >= spec.partitions => Change::None,
            Some(LiveTopic { partitions, .. }) if spec.grows => raise(&admin, spec, *partitions)?,
            Some(LiveTopic { partitions, .. }) => Change::Kept { partitions: *partitions, expected: spec.partitions },
        };
        report.topics.push(AppliedTopic { topic: spec.name.clone(), change });
    }
    let changed: Vec<(&str, i32)> = report
        .topics
        .iter()
        .zip(&catalogue.topics)
        .filter(|(topic, _)| matches!(topic.change, Change::Created | Change::Raised { .. }))
        .map(|(_, spec)| (spec.name.as_str(), spec.partitions))
        .collect();
    if !changed.is_empty() && !admin.await_topics(&changed)? {
        tracing::warn!("the cluster does not yet tell of every topic that it has created");
    }
    Ok(report)
}

fn create(admin: &Admin, spec: &TopicSpec, replication_factor: i32) -> Result<Change, KafkaUnavailable> {
    let settings = spec.settings();
    let mut topic = NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(replication_factor));
    for (name, value) in &settings {
        topic = topic.set(name, value);
    }
    let results = admin.wait(admin.client().create_topics([&topic], admin.options()))?;
    Ok(match results.into_iter().next() {
        Some(Ok(_)) => Change::Created,
        // Somebody else was quicker.
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Change::None,
        Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => Change::Failed {
            reason: format!(
                "{replication_factor} replicas are more than the cluster has brokers; override with --replication-factor"
            ),
        },
        Some(Err((_, code))) => Change::Failed { reason: code.to_string() },
        None => Change::Failed { reason: "the cluster said nothing about it".to_owned() },
    })
}

fn raise(admin: &Admin, spec: &TopicSpec, from: i32) -> Result<Change, KafkaUnavailable> {
    let count = usize::try_from(spec.partitions).unwrap_or(1);
    let more = NewPartitions::new(&spec.name, count);
    let results = admin.wait(admin.client().create_partitions([&more], admin.options()))?;
    Ok(match results.into_iter().next() {
        Some(Ok(_)) => Change::Raised { from, to: spec.partitions },
        Some(Err((_, code))) => Change::Failed { reason: code.to_string() },
        None => Change::Failed { reason: "the cluster said nothing about it".to_owned() },
    })
}
