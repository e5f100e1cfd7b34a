//! Comparing a cluster with the catalogue: every difference, none hidden behind another.

use std::fmt;

use serde::Serialize;

use super::TopicCatalogue;
use super::admin::Admin;
use crate::plugins::bridge::connection::KafkaUnavailable;
use crate::plugins::bridge::settings::KafkaSettings;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// The topic.
    pub topic: String,
    /// What differs: `topic`, `partitions`, `replication_factor` or the name of a setting.
    pub setting: String,
    /// What the catalogue says.
    pub expected: String,
    /// What the cluster has.
    pub found: String,
}

/// Every difference between a cluster and the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Topics that were compared.
    pub topics_checked: usize,
    /// The differences, in the order of the catalogue.
    pub deviations: Vec<Deviation>,
}

impl CheckReport {
    /// Whether there is no difference.
    pub fn is_clean(&self) -> bool {
        self.deviations.is_empty()
    }

    /// One entry for each topic that differs, in the order of the catalogue, with all that differs about it.
    pub fn by_topic(&self) -> Vec<(&str, Vec<&Deviation>)> {
        let mut topics: Vec<(&str, Vec<&Deviation>)> = Vec::new();
        for deviation in &self.deviations {
            match topics.iter_mut().find(|(topic, _)| *topic == deviation.topic) {
                Some((_, differences)) => differences.push(deviation),
                None => topics.push((&deviation.topic, vec![deviation])),
            }
        }
        topics
    }

    fn note(&mut self, topic: &str, setting: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        self.deviations.push(Deviation {
            topic: topic.to_owned(),
            setting: setting.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        });
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return writeln!(f, "{} topics are as they should be", self.topics_checked);
        }
        let header = ["TOPIC", "SETTING", "EXPECTED", "FOUND"];
        let rows: Vec<[&str; 4]> = std::iter::once(header)
            .chain(self.deviations.iter().map(|d| [d.topic.as_str(), &d.setting, &d.expected, &d.found]))
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        for [topic, setting, expected, found] in rows {
            let [first, second, third] = widths;
            writeln!(f, "{topic:first$}  {setting:second$}  {expected:third$}  {found}")?;
        }
        Ok(())
    }
}

/// Compares the cluster with the catalogue. Blocking.
///
/// # Errors
/// If the cluster cannot be asked.
pub fn check(
    settings: &KafkaSettings,
    catalogue: &TopicCatalogue,
    replication_factor: Option<i32>,
) -> Result<CheckReport, KafkaUnavailable> {
    let admin = Admin::connect(settings)?;
    let live = admin.topics()?;
    let present: Vec<&str> =
        catalogue.topics.iter().map(|spec| spec.name.as_str()).filter(|name| live.contains_key(*name)).collect();
    let live_settings = if present.is_empty() { Default::default() } else { admin.settings_of(&present)? };
    let mut report = CheckReport { topics_checked: catalogue.topics.len(), ..CheckReport::default() };
    for spec in &catalogue.topics {
        let Some(topic) = live.get(&spec.name) else {
            report.note(&spec.name, "topic", "exists", "missing, or may not be described");
            continue;
        };
        if topic.partitions != spec.partitions {
            report.note(&spec.name, "partitions", spec.partitions, topic.partitions);
        }
        let copies = replication_factor.unwrap_or(spec.replication_factor);
        if topic.replication_factor != copies {
            report.note(&spec.name, "replication_factor", copies, topic.replication_factor);
        }
        match live_settings.get(&spec.name) {
            Some(Ok(found)) => {
                for (name, expected) in spec.settings() {
                    let found = found.get(name).map_or("not told", String::as_str);
                    if found != expected {
                        report.note(&spec.name, name, expected, found);
                    }
                }
            }
            Some(Err(code)) => report.note(&spec.name, "settings", "readable", code),
            None => report.note(&spec.name, "settings", "readable", "not told"),
        }
    }
    Ok(report)
}
