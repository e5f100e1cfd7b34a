//! How long the cluster keeps messages, as it said last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::plugins::bridge::topics::{CheckReport, TopicCatalogue};

/// The setting that says it.
const RETENTION: &str = "retention.ms";

/// How long messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nobody has said.
    Unknown,
    /// At most so long.
    For(Duration),
    /// This topic keeps them for ever.
    Forever(String),
}

/// What is known of it, by topic. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Retentions(Arc<Mutex<Option<BTreeMap<String, i64>>>>);

impl Retentions {
    /// Notes what a comparison of the cluster with the catalogue has found.
    pub(in crate::server) fn note(&self, catalogue: &TopicCatalogue, report: &CheckReport) {
        let of = |topic: &str, agreed: i64| {
            let mut all = report.deviations.iter();
            let found = all.find(|deviation| deviation.topic == topic && deviation.setting == RETENTION);
            // Where the cluster does not say, what was agreed with whoever made the topics is all that is known.
            found.and_then(|deviation| deviation.found.parse().ok()).unwrap_or(agreed)
        };
        let found =
            catalogue.topics.iter().map(|spec| (spec.name.clone(), of(&spec.name, spec.retention_ms))).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// How long the one of these topics keeps its messages that keeps them longest. One that is not in the catalogue
    /// counts for nothing.
    pub(super) fn longest(&self, topics: &[&str]) -> Kept {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = known.as_ref() else { return Kept::Unknown };
        let mut longest = Duration::ZERO;
        for (topic, millis) in topics.iter().filter_map(|topic| known.get_key_value(*topic)) {
            let Ok(millis) = u64::try_from(*millis) else { return Kept::Forever(topic.clone()) };
            longest = longest.max(Duration::from_millis(millis));
        }
        Kept::For(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::bridge::topics::Deviation;

    const TICKS: &[&str] = &["world.tick.hourly", "world.tick.daily"];

    #[test]
    fn what_the_cluster_says_counts_and_where_it_says_nothing_the_catalogue() {
        let catalogue = TopicCatalogue::built_in().expect("valid");
        let retentions = Retentions::default();
        assert_eq!(retentions.longest(TICKS), Kept::Unknown);
        retentions.note(&catalogue, &CheckReport::default());
        let agreed = catalogue.get("world.tick.daily").expect("daily").retention_ms.unsigned_abs();
        assert_eq!(retentions.longest(TICKS), Kept::For(Duration::from_millis(agreed)));
        let found = |found: &str| {
            let (topic, setting) = ("world.tick.hourly".to_owned(), RETENTION.to_owned());
            let deviation = Deviation { topic, setting, expected: "86400000".into(), found: found.into() };
            retentions.note(&catalogue, &CheckReport { topics_checked: 1, deviations: vec![deviation] });
            retentions.longest(TICKS)
        };
        assert_eq!(found("8640000000000"), Kept::For(Duration::from_secs(8_640_000_000)));
        assert_eq!(found("-1"), Kept::Forever("world.tick.hourly".into()));
        assert_eq!(found("not told"), Kept::For(Duration::from_millis(agreed)));
        assert_eq!(retentions.longest(&["world.command"]), Kept::For(Duration::from_millis(604_800_000)));
    }
}
