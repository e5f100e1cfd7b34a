//! The catalogue of topics against a cluster.

use crate::bridge_support::{Broker, unique};
use worldtick::plugins::bridge::topics::{Change, DEFAULT_TOPICS, TopicCatalogue, apply, check};

/// The built-in catalogue under names that nobody else uses.
fn catalogue() -> TopicCatalogue {
    let mut catalogue = TopicCatalogue::parse(DEFAULT_TOPICS, "built in").expect("valid");
    let suffix = unique("test");
    for topic in &mut catalogue.topics {
        topic.name = format!("{}.{suffix}", topic.name);
    }
    catalogue
}

#[test]
fn what_is_missing_is_created_exactly_as_written() {
    let Some(broker) = Broker::kafka() else { return };
    let (settings, catalogue) = (broker.settings(), catalogue());
    let before = check(&settings, &catalogue, Some(1)).expect("answers");
    assert_eq!(before.deviations.len(), catalogue.topics.len(), "all are missing: {before}");
    assert!(before.deviations.iter().all(|deviation| deviation.setting == "topic"));
    let report = apply(&settings, &catalogue, Some(1)).expect("answers");
    assert!(report.topics.iter().all(|topic| topic.change == Change::Created), "{report}");
    let after = check(&settings, &catalogue, Some(1)).expect("answers");
    assert!(after.is_clean(), "{after}");
    assert_eq!(after.to_string(), format!("{} topics are as they should be\n", catalogue.topics.len()));
    let again = apply(&settings, &catalogue, Some(1)).expect("answers");
    assert!(again.topics.iter().all(|topic| topic.change == Change::None), "{again}");
}

#[test]
fn every_deviation_is_listed() {
    let Some(broker) = Broker::kafka() else { return };
    let (settings, catalogue) = (broker.settings(), catalogue());
    apply(&settings, &catalogue, Some(1)).expect("answers");
    let mut other = catalogue.clone();
    let hourly = &mut other.topics[0];
    hourly.retention_ms += 1;
    hourly.segment_ms += 1;
    hourly.max_message_bytes += 1;
    hourly.compression_type = "zstd".into();
    hourly.cleanup_policy = "compact".into();
    hourly.partitions = 5;
    let report = check(&settings, &other, Some(2)).expect("answers");
    let of_hourly: Vec<&str> =
        report.deviations.iter().filter(|d| d.topic == other.topics[0].name).map(|d| d.setting.as_str()).collect();
    assert_eq!(
        of_hourly,
        [
            "partitions",
            "replication_factor",
            "cleanup.policy",
            "compression.type",
            "max.message.bytes",
            "retention.ms",
            "segment.ms"
        ]
    );
    assert_eq!(report.deviations.len(), 7 + catalogue.topics.len() - 1, "and the replication of all others: {report}");
    let retention = report.deviations.iter().find(|d| d.setting == "retention.ms").expect("listed");
    assert_eq!((retention.expected.as_str(), retention.found.as_str()), ("86400001", "86400000"));
    assert!(report.to_string().starts_with("TOPIC"), "{report}");
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["deviations"][0]["found"], "3");
}

#[test]
fn partitions_are_raised_where_that_is_harmless_and_nowhere_else() {
    let Some(broker) = Broker::kafka() else { return };
    let (settings, catalogue) = (broker.settings(), catalogue());
    apply(&settings, &catalogue, Some(1)).expect("answers");
    let mut larger = catalogue.clone();
    larger.topics.iter_mut().for_each(|topic| topic.partitions += 1);
    let report = apply(&settings, &larger, Some(1)).expect("answers");
    for (topic, spec) in report.topics.iter().zip(&catalogue.topics) {
        let (from, to) = (spec.partitions, spec.partitions + 1);
        let expected = match spec.grows {
            true => Change::Raised { from, to },
            false => Change::Kept { partitions: from, expected: to },
        };
        assert_eq!(topic.change, expected, "{}", topic.topic);
        let may_grow =
            ["world.tick.hourly.test", "world.tick.daily.test", "simulation.event.test", "world.command.result.test"];
        assert_eq!(spec.grows, may_grow.iter().any(|name| spec.name.starts_with(name)), "{}", spec.name);
    }
    assert!(report.has_failures(), "what was kept is no success");
    let smaller = apply(&settings, &catalogue, Some(1)).expect("answers");
    assert!(smaller.topics.iter().all(|topic| topic.change == Change::None), "partitions are never taken away");
}

#[test]
fn too_many_replicas_are_refused_with_the_way_out() {
    let Some(broker) = Broker::kafka() else { return };
    let mut catalogue = catalogue();
    catalogue.topics.truncate(1);
    let report = apply(&broker.settings(), &catalogue, Some(99)).expect("answers");
    let Change::Failed { reason } = &report.topics[0].change else { panic!("{report}") };
    assert!(reason.contains("--replication-factor"), "{reason}");
}

#[test]
fn a_cluster_that_is_away_is_one_error() {
    let settings = worldtick::plugins::bridge::KafkaSettings {
        write_timeout: std::time::Duration::from_secs(2),
        ..worldtick::plugins::bridge::KafkaSettings::new("127.0.0.1:1")
    };
    let error = check(&settings, &catalogue(), None).expect_err("away").to_string();
    assert!(error.contains("KAFKA_BOOTSTRAP_SERVERS"), "{error}");
}
