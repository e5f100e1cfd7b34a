//! The ticker against a broker: one run publishes one tick, and says where it stands.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

mod bridge_support;

use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bridge_support::{Broker, Rec, read_all, unique};
use serde_json::Value;
use worldtick::messages::TickMessage;
use worldtick::plugins::bridge::send::{SingleRecord, send_one};
use worldtick::plugins::bridge::topics::{self, TopicCatalogue};
use worldtick::plugins::bridge::{Compression, KafkaSettings};

/// The program, with nothing of this process's environment that could change what it does.
fn ticker(servers: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulation-ticker"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if text.starts_with("KAFKA_") || text.starts_with("WORLDTICK_") {
            command.env_remove(name);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let command = command.current_dir(folder.path()).env("KAFKA_BOOTSTRAP_SERVERS", servers).args(arguments);
    command.output().expect("it runs")
}

fn brokers() -> Vec<Broker> {
    let mock = Broker::mock();
    if let Broker::Mock(broker) = &mock {
        broker.create_topic("world.tick.hourly", 3).expect("topic");
        broker.create_topic("world.tick.daily", 1).expect("topic");
    }
    let kafka = Broker::kafka().inspect(|kafka| {
        let all = TopicCatalogue::built_in().expect("valid");
        topics::apply(&kafka.settings(), &all, Some(1)).expect("the cluster answers");
    });
    std::iter::once(mock).chain(kafka).collect()
}

/// The records of a topic with this key.
fn records(broker: &Broker, topic: &str, key: &str) -> Vec<Rec> {
    let all = read_all(&broker.settings(), topic);
    all.into_iter().filter(|record| record.key.as_deref() == Some(key.as_bytes())).collect()
}

fn header<'a>(record: &'a Rec, name: &str) -> Option<&'a str> {
    let value = record.headers.iter().find(|(found, _)| found == name);
    value.and_then(|(_, value)| std::str::from_utf8(value).ok())
}

#[test]
fn a_run_publishes_one_tick_and_says_where_it_stands() {
    for broker in brokers() {
        let world = unique("w");
        let servers = broker.settings().bootstrap_servers;
        let slot = ["--slot", "2024-01-15T14:00:00Z", "--world", &world, "--output", "json"];
        let run = ticker(&servers, &[&["--type", "hourly"], &slot[..]].concat());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let told: Value = serde_json::from_slice(&run.stdout).expect("JSON");
        let found = records(&broker, "world.tick.hourly", &world);
        let [record] = found.as_slice() else { panic!("one record, not {}", found.len()) };
        assert_eq!(
            (told["partition"].as_i64(), told["offset"].as_i64()),
            (record.partition.map(i64::from), Some(record.offset))
        );
        assert_eq!(header(record, "event_type"), Some("world.tick.hourly"));
        assert_eq!(header(record, "source"), Some("simulation.ticker"));
        assert_eq!(header(record, "version"), Some("1.0.0"));
        assert_eq!(header(record, "tick_type"), Some("hourly"));
        let message = TickMessage::parse(record.value.as_deref().unwrap_or_default()).expect("valid");
        assert_eq!(told["tick_id"].as_str(), Some(message.data.tick_id.to_string().as_str()));
        assert_eq!(told["event_id"].as_str(), Some(message.event_id.to_string().as_str()));
        assert_eq!(
            (message.data.game_hour, message.data.game_time.to_string()),
            (Some(14), "2024-01-15T14:00:00Z".into())
        );
        assert_eq!(message.world_id.map(|id| id.to_string()), Some(world.clone()));

        let again = ticker(&servers, &[&["--type", "hourly"], &slot[..]].concat());
        let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
        assert_eq!(
            (&again["tick_id"], &again["event_id"]),
            (&told["tick_id"], &told["event_id"]),
            "a double run has the same ids"
        );
    }
}

#[test]
fn daily_ticks_game_times_and_hand_made_ticks() {
    for broker in brokers() {
        let world = unique("w");
        let servers = broker.settings().bootstrap_servers;
        let game_time = ["--game-time", "2077-01-15T00:00:00Z", "--world", &world];
        let run = ticker(&servers, &[&["--type", "daily", "--manual"], &game_time[..]].concat());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(text.contains("topic      world.tick.daily\n") && text.contains("tick_id    "), "{text}");
        let second = ticker(&servers, &[&["--type", "daily", "--manual"], &game_time[..]].concat());
        assert!(second.status.success());
        let found = records(&broker, "world.tick.daily", &world);
        let messages: Vec<TickMessage> = found
            .iter()
            .map(|record| TickMessage::parse(record.value.as_deref().unwrap_or_default()).expect("valid"))
            .collect();
        let [one, two] = messages.as_slice() else { panic!("two records, not {}", messages.len()) };
        assert_eq!(one.data.game_day, Some(20_835));
        assert_eq!(one.data.game_time, two.data.game_time);
        assert_ne!(one.data.tick_id, two.data.tick_id, "made by hand, each is a tick of its own");
    }
}

#[test]
fn without_a_broker_it_ends_within_its_time_with_one_clear_line() {
    let start = Instant::now();
    let metrics = tempfile::tempdir().expect("a folder");
    let file = metrics.path().join("ticker.prom");
    let run = ticker("127.0.0.1:1", &["--type", "hourly", "--metrics-file", file.to_str().expect("a name")]);
    assert_eq!(run.status.code(), Some(69));
    assert!(run.stdout.is_empty());
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("error: no Kafka broker at 127.0.0.1:1 answered within 10 s"), "{told}");
    let seconds = start.elapsed().as_secs();
    assert!((10..30).contains(&seconds), "{seconds} s");
    let text = std::fs::read_to_string(file).expect("written");
    assert!(text.contains("worldtick_ticker_published_total{type=\"hourly\",outcome=\"failed\"} 1\n"), "{text}");
}

/// A Pushgateway that remembers what it was sent.
fn gateway() -> (String, Receiver<[String; 4]>) {
    let (sender, pushed) = channel();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let app = axum::Router::new().fallback(async move |request: axum::extract::Request| {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 65_536).await.expect("a body");
            let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let text = String::from_utf8(body.to_vec()).expect("text");
            sender.send([head.method.to_string(), head.uri.path().to_owned(), kind.to_owned(), text]).expect("kept");
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, app).await.expect("it serves");
        });
    });
    (url, pushed)
}

#[test]
fn a_run_is_pushed_to_a_gateway() {
    let broker = brokers().remove(0);
    let servers = broker.settings().bootstrap_servers;
    let (url, pushed) = gateway();
    let run = ticker(&servers, &["--type", "hourly", "--world", "night-city", "--metrics-push", &format!("{url}/")]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
    let [method, path, kind, text] = pushed.try_recv().expect("it was pushed before the end");
    assert_eq!(method, "POST", "what is not sent stays");
    assert_eq!(path, "/metrics/job/simulation-ticker/type/hourly/world/night-city");
    assert_eq!(kind, "text/plain; version=0.0.4");
    for line in [
        "# TYPE worldtick_ticker_published_total counter",
        "worldtick_ticker_published_total{type=\"hourly\",outcome=\"published\"} 1",
        "worldtick_ticker_published_total{type=\"hourly\",outcome=\"failed\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
    }
    assert!(text.contains("worldtick_ticker_duration_seconds{type=\"hourly\"} "), "{text}");
    assert!(text.contains("worldtick_ticker_last_success_timestamp_seconds{type=\"hourly\"} "), "{text}");
    assert!(pushed.try_recv().is_err(), "once");
}

#[test]
fn a_topic_that_is_missing_is_told_with_what_creates_it() {
    // The embedded broker makes every topic that is asked for.
    let Some(broker) = Broker::kafka() else { return };
    let topic = unique("missing");
    let record = SingleRecord {
        topic: topic.clone(),
        key: "all".to_owned(),
        value: b"{}".to_vec(),
        headers: Vec::new(),
        compression: Compression::Lz4,
    };
    let settings = KafkaSettings { write_timeout: Duration::from_secs(3), ..broker.settings() };
    let start = Instant::now();
    let told = send_one(&settings, &record).expect_err("there is no such topic").to_string();
    assert_eq!(told, format!("topic {topic} is missing: `worldtick topics apply` creates it"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_broken_configuration_is_told_at_once() {
    let run = ticker("127.0.0.1:1", &["--type", "hourly", "--set", "kafka.write_timeout_seconds=soon"]);
    assert_eq!(run.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&run.stderr).contains("must be a number"));
    assert_eq!(ticker("127.0.0.1:1", &["--type", "yearly"]).status.code(), Some(2));
}
