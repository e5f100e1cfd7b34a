//! A cluster that is there and does not give what the server needs: what is denied or different is named, with what to
//! do about it, and the server goes on as soon as it is put right.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{LIMIT, wait_for};
use crate::process::{Process, folder_with};
use crate::program::program;
use crate::server_support::ticks::Tick;
use crate::server_support::{EVENTS_PER_HOUR, HOURLY, TestServer, world};
use serde_json::Value;
use worldtick::config::Secret;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::topics::{TopicCatalogue, apply};

fn built_in() -> TopicCatalogue {
    TopicCatalogue::built_in().expect("a catalogue")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_topic_that_differs_is_one_line_with_all_that_differs() {
    let Some(kafka) = PrivateKafka::start() else { return };
    let mut catalogue = built_in();
    for topic in &mut catalogue.topics {
        match topic.name.as_str() {
            "world.tick.hourly" => topic.partitions = 5,
            "world.tick.daily" => (topic.partitions, topic.retention_ms) = (2, 3_600_000),
            "simulation.event" => topic.cleanup_policy = "compact".into(),
            _ => {}
        }
    }
    let settings = KafkaSettings::new(kafka.plain.clone());
    // A topic that is read is made later: the server asks again and again until it is there.
    let (later, first) = catalogue.topics.iter().cloned().partition(|topic| topic.name == "world.tick.daily");
    let apply = |topics| {
        let report = apply(&settings, &TopicCatalogue { topics }, Some(1)).expect("topics");
        assert!(!report.has_failures(), "{report}");
    };
    apply(first);

    let folder = folder_with(&[world("hand", "manual")]);
    let servers = format!("kafka.bootstrap_servers={}", kafka.plain);
    let mut process = Process::start(folder.path(), &["--set", &servers]);
    for seconds in [0.5, 1.0] {
        process.line("that it asks again", |line| {
            let fields: Value = serde_json::from_str(line).ok()?;
            (fields["message"] == "Kafka is waited for" && fields["retry_seconds"] == seconds).then_some(())
        });
    }
    apply(later);
    process.line("that worlds run", |line| line.contains("\"worlds run\"").then_some(()));
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in process.seen.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.contains("differs")) {
            let words = |field: &str| line[field].as_str().unwrap_or_else(|| panic!("{field}: {line}")).to_owned();
            told.entry(words("topic")).or_default().push(words("differs"));
        }
    }
    // One node has one copy of everything, so that every topic differs.
    assert_eq!(told.len(), catalogue.topics.len(), "{told:?}");
    for (topic, lines) in &mut told {
        if topic == "world.tick.daily" {
            assert_eq!(lines.remove(0), "topic is missing, or may not be described instead of exists");
        }
        assert_eq!(lines.len(), 1, "{topic} is one line: {lines:?}");
        assert!(lines[0].contains("replication_factor is 1 instead of 3"), "{topic}: {lines:?}");
    }
    for (topic, words) in [
        ("world.tick.hourly", "partitions is 5 instead of 3"),
        ("world.tick.daily", "partitions is 2 instead of 1"),
        ("world.tick.daily", "retention.ms is 3600000 instead of "),
        ("simulation.event", "cleanup.policy is compact instead of delete"),
    ] {
        assert!(told[topic][0].contains(words), "{topic}: {words} is missing: {told:?}");
    }
    assert_eq!(told["worldtick.progress"], ["replication_factor is 1 instead of 3"]);
}

/// What the user `sim` may not do. Where there is one rule about a thing, what no rule allows is denied, too.
struct Denied<'a> {
    kafka: &'a PrivateKafka,
    resource: [&'static str; 2],
    operation: &'static str,
}

/// What the user may do with a thing that something else is denied of.
const ALLOWED: &str = "Describe";

impl<'a> Denied<'a> {
    fn add(kafka: &'a PrivateKafka, resource: [&'static str; 2], operation: &'static str) -> Self {
        let denied = Self { kafka, resource, operation };
        denied.change(&["--add"]);
        denied
    }

    fn remove(self) {
        self.change(&["--remove", "--force"]);
    }

    fn change(&self, action: &[&str]) {
        self.rule(action, "--deny-principal", self.operation);
        if self.operation == "Read" {
            self.rule(action, "--allow-principal", ALLOWED);
        }
    }

    fn rule(&self, action: &[&str], rule: &str, operation: &str) {
        let libs = std::env::var("WORLDTICK_TEST_KAFKA_LIBS").expect("it started");
        let mut command = Command::new("java");
        command.args(["-XX:TieredStopAtLevel=1", "-cp", &format!("{libs}/*"), "org.apache.kafka.tools.AclCommand"]);
        command.args(["--bootstrap-server", &self.kafka.plain]).args(action).args(self.resource);
        command.args([rule, "User:sim", "--operation", operation]);
        let output = command.output().expect("java runs");
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// Waits until `/readyz` is 503 and says all this.
fn not_ready(server: &TestServer, words: &[&str]) {
    let started = std::time::Instant::now();
    wait_for(words[0], || {
        let answer = server.api().get("/readyz?verbose");
        assert!(started.elapsed() < LIMIT / 2, "{words:?} is not said: {}", answer.text);
        (answer.status == 503 && words.iter().all(|words| answer.text.contains(words))).then_some(())
    });
}

#[test]
fn what_is_not_permitted_is_named_with_what_to_grant_and_goes_on_once_it_is_granted() {
    let Some(kafka) = PrivateKafka::start() else { return };
    apply(&KafkaSettings::new(kafka.plain.clone()), &built_in(), Some(1)).expect("topics");
    let describe = Denied::add(&kafka, ["--topic", "world.tick.hourly"], "Describe");
    let transactions = Denied::add(&kafka, ["--transactional-id", "*"], "All");
    let groups = Denied::add(&kafka, ["--group", "*"], "Describe");
    let read = Denied::add(&kafka, ["--topic", "world.tick.daily"], "Read");

    let servers = kafka.sasl.clone();
    let mut server = TestServer::prepare(&[world("ours", "ticks")], move |config| {
        config.kafka.bootstrap_servers = Some(servers.clone());
        config.kafka.sasl_username = Some("sim".into());
        config.kafka.sasl_password = Some(Secret::new("right"));
    });
    server.try_begin().expect("it waits for what it may not have");
    not_ready(&server, &["topic world.tick.hourly may not be described", "grant this user Describe and Read on it"]);
    // The programs that do not wait end with their exit codes: a check found something; failed.
    let folder = tempfile::tempdir().expect("a folder");
    let run = |mut command: Command| {
        let set = [
            ("KAFKA_BOOTSTRAP_SERVERS", &*kafka.sasl),
            ("KAFKA_SASL_USERNAME", "sim"),
            ("KAFKA_SASL_PASSWORD", "right"),
        ];
        command.envs(set).output().expect("it runs")
    };
    let check = run(program(folder.path(), &["topics", "check"]));
    assert_eq!(check.status.code(), Some(3), "{}", text(&check));
    assert!(text(&check).contains("may not be described"), "{}", text(&check));
    let mut ticker = Command::new(env!("CARGO_BIN_EXE_simulation-ticker"));
    ticker.current_dir(folder.path()).args(["--type", "hourly"]);
    let ticker = run(ticker);
    assert_eq!(ticker.status.code(), Some(1), "{}", text(&ticker));
    for part in ["world.tick.hourly", "grant this user Describe and Write"] {
        assert!(text(&ticker).contains(part), "{part} is missing: {}", text(&ticker));
    }
    describe.remove();
    not_ready(&server, &["grant this user Describe and Write on the transactional id worldtick-"]);
    transactions.remove();
    not_ready(
        &server,
        &[
            "reading the position of the outbox is not permitted",
            "grant this user Describe and Read on the group worldtick-",
        ],
    );
    groups.remove();
    not_ready(&server, &["topic world.tick.daily may not be read", "grant this user Read on it"]);
    read.remove();
    server.wait_until_ready();

    let tick = Tick::hourly("ours", "2024-01-15T14:00:00Z");
    let admin = KafkaSettings::new(kafka.plain.clone());
    crate::bridge_support::write(&admin, HOURLY, &[crate::bridge_support::Rec::to(0, tick.text())]);
    assert_eq!(server.history(&tick.id, 1)[0]["outcome"], "applied");
    server.wait_until_published();
    // The end of a transaction takes a moment to become visible.
    let events = wait_for("the events", || {
        let events = crate::bridge_support::read_all(&admin, crate::server_support::EVENTS);
        (events.len() >= EVENTS_PER_HOUR).then_some(events)
    });
    assert_eq!(events.len(), EVENTS_PER_HOUR, "each once");
    server.stop();
}
