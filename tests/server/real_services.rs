//! The main path on Apache Kafka and PostgreSQL: ticks of the ticker, events read once each, and what must be refused.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{LIMIT, unique, wait_for};
use crate::server_support::ticks::{DAILY_EXAMPLE, DAILY_EXAMPLE_TICK, HOURLY_EXAMPLE, HOURLY_EXAMPLE_TICK, Tick};
use crate::server_support::{COMMODITIES, DAILY, EVENTS, EVENTS_PER_HOUR, HOURLY, TestServer, world};
use crate::services::{Services, sql};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use worldtick::plugins::bridge::topics::TopicCatalogue;
use worldtick::plugins::store::StoreError;
use worldtick::server::ServerError;

fn run(program: &str, kafka: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if text.starts_with("KAFKA_") || text.starts_with("WORLDTICK_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder.path()).env("KAFKA_BOOTSTRAP_SERVERS", kafka).args(arguments).output().expect("it runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a group has committed for the partitions of a topic.
fn committed(server: &TestServer, group: &str, topic: &str, partitions: i32) -> Vec<Offset> {
    let consumer = BaseConsumer::from_config(&server.kafka().consumer(group)).expect("consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition(topic, partition);
    }
    let found = consumer.committed_offsets(list, LIMIT).expect("the cluster answers");
    found.elements().iter().map(|element| element.offset()).collect()
}

/// Lets a topic keep what it has.
fn keep_for_ever(server: &TestServer, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = AdminClient::from_config(&server.kafka().admin()).expect("a client");
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", "-1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = AdminOptions::new().request_timeout(Some(LIMIT));
    let changed = runtime.block_on(admin.alter_configs([&change], &options)).expect("the cluster answers");
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
}

/// One of Apache Kafka's own console programs. It has a limit in time.
fn console(libs: &str, class: &str, kafka: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("timeout");
    command.args(["120", "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", &format!("{libs}/*")]);
    command.args([&format!("org.apache.kafka.tools.{class}"), "--bootstrap-server", kafka]).args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("java runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{class}: {}", text(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn topics_are_compared_and_kafkas_own_console_programs_send_ticks_and_read_events() {
    let Some(kafka) = PrivateKafka::start() else { return };
    let topics =
        |arguments: &[&str]| run(env!("CARGO_BIN_EXE_worldtick"), &kafka.plain, &[&["topics"][..], arguments].concat());
    let missing = topics(&["check"]);
    assert_eq!(missing.status.code(), Some(3), "{}", text(&missing));
    let applied = topics(&["apply", "--replication-factor", "1"]);
    assert!(applied.status.success(), "{}", text(&applied));
    let clean = topics(&["check", "--replication-factor", "1"]);
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean));
    // On one node no topic has the three copies of the catalogue.
    let differs = topics(&["check"]);
    assert_eq!(differs.status.code(), Some(3), "{}", text(&differs));
    for topic in TopicCatalogue::built_in().expect("valid").topics {
        let told = text(&differs);
        let mut lines = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = [topic.name.as_str(), "replication_factor", "3", "1"];
        assert!(lines.any(|found| found == line), "{line:?} is missing:\n{told}");
    }

    let servers = kafka.plain.clone();
    let server = TestServer::start_with(&[world("seed", "ticks")], move |config| {
        config.kafka.bootstrap_servers = Some(servers.clone());
    });
    let libs = std::env::var("WORLDTICK_TEST_KAFKA_LIBS").expect("the node was started from it");
    let send = |topic: &str, message: &str| {
        console(&libs, "ConsoleProducer", &kafka.plain, &["--topic", topic], &format!("{message}\n"));
    };
    send(HOURLY, HOURLY_EXAMPLE);
    assert_eq!(server.history(HOURLY_EXAMPLE_TICK, 1)[0]["outcome"], "applied");
    send(HOURLY, HOURLY_EXAMPLE);
    let outcomes = server.history(HOURLY_EXAMPLE_TICK, 2);
    let mut outcomes: Vec<&str> = outcomes.iter().filter_map(|row| row["outcome"].as_str()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["applied", "duplicate"]);
    send(DAILY, DAILY_EXAMPLE);
    let applied = server.history(DAILY_EXAMPLE_TICK, 1);
    server.wait_until_published();
    // As many as the history says, and no more: the repetition has told nothing.
    let of_day = usize::try_from(applied[0]["events"].as_u64().expect("a count")).expect("few");
    let told = EVENTS_PER_HOUR + of_day;
    let reading = ["--topic", EVENTS, "--from-beginning", "--isolation-level", "read_committed"];
    let (most, limit) = (told.to_string(), ["--timeout-ms", "60000", "--max-messages"]);
    let arguments = [&reading[..], &limit[..], &[most.as_str()]].concat();
    let read = console(&libs, "consumer.ConsoleConsumer", &kafka.plain, &arguments, "");
    let events: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let commodities: BTreeSet<&str> = events.iter().filter_map(|event| event["commodity"].as_str()).collect();
    assert_eq!(commodities, BTreeSet::from(COMMODITIES), "{read}");
    let of_tick = |id: &str| events.iter().filter(|event| event["tick_id"] == id).count();
    assert_eq!((of_tick(HOURLY_EXAMPLE_TICK), of_tick(DAILY_EXAMPLE_TICK)), (EVENTS_PER_HOUR, of_day), "{read}");
    let of_source = |name: &str| events.iter().filter(|event| event["source"] == name).count();
    assert!(["world.diplomacy", "world.crowd"].iter().all(|source| of_source(source) >= 1), "{read}");
    assert_eq!(server.events_of("seed").len(), told, "the repetition has published nothing");

    // What the cluster keeps for ever is remembered for ever, whatever the catalogue says.
    let did = |task: &str| {
        wait_for("the task can be run", || {
            let answer = server.api().post(&format!("/api/v1/tasks/{task}/run"), &json!({}));
            (answer.status != 409).then(|| answer.ok()["did"].to_string())
        })
    };
    assert_eq!(did("tick_ids"), "\"0 rows removed\"", "the start has asked");
    keep_for_ever(&server, DAILY);
    assert!(did("topics").contains("retention.ms"), "it differs now");
    assert!(did("tick_ids").contains(&format!("{DAILY} keeps its messages for ever")), "{}", did("tick_ids"));
    assert_eq!(did("commands"), "\"0 rows removed\"", "of another topic");
}

#[test]
fn the_main_path_runs_on_kafka_and_postgresql() {
    let Some(services) = Services::named() else { return };
    let applied =
        run(env!("CARGO_BIN_EXE_worldtick"), &services.kafka, &["topics", "apply", "--replication-factor", "1"]);
    assert!(applied.status.success(), "{}", text(&applied));

    let (ours, live) = (unique("w"), unique("live"));
    let group = unique("group");
    let worlds = [world(&ours, "ticks"), world(&live, "live")];
    let mut server = TestServer::start_with(&worlds, services.configure(&group));
    let verbose = server.api().get("/readyz?verbose").text;
    assert!(verbose.contains("exactly once"), "{verbose}");

    // Somebody else with the same database is refused, and says which setting to change.
    let mut second = TestServer::prepare(&worlds, services.configure(&group));
    match second.try_begin() {
        Err(error @ ServerError::Store(StoreError::InUse { .. })) => {
            assert!(error.to_string().contains("DATABASE_URL") || error.to_string().contains("store.url"), "{error}");
        }
        other => panic!("it must be refused: {other:?}"),
    }

    // The ticker's tick, twice: one run.
    let slot = ["--type", "hourly", "--slot", "2024-01-15T14:00:00Z", "--world", &ours, "--output", "json"];
    let mut printed = Vec::new();
    for _ in 0..2 {
        let ticker = run(env!("CARGO_BIN_EXE_simulation-ticker"), &services.kafka, &slot);
        assert!(ticker.status.success(), "{}", text(&ticker));
        printed.push(serde_json::from_slice::<Value>(&ticker.stdout).expect("JSON"));
    }
    assert_eq!(printed[0]["tick_id"], printed[1]["tick_id"]);
    let tick_id = printed[0]["tick_id"].as_str().expect("an id").to_owned();
    let rows = server.history(&tick_id, 2);
    let mut outcomes: Vec<&str> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["applied", "duplicate"]);
    assert_eq!(server.world(&ours)["now"], "2024-01-15T14:00:00Z");
    server.wait_until_published();
    let events = server.events_of(&ours);
    assert_eq!(events.len(), EVENTS_PER_HOUR);
    assert!(events.iter().all(|event| event["tick_id"] == tick_id.as_str()));
    wait_for("events of the live world", || (server.events_of(&live).len() >= 2 * EVENTS_PER_HOUR).then_some(()));

    // Lag tools see how far reading has come.
    let partition = printed[1]["partition"].as_i64().expect("a partition");
    let offset = printed[1]["offset"].as_i64().expect("an offset");
    wait_for("the group's offsets", || {
        let found = committed(&server, &format!("{group}-hourly"), HOURLY, 3);
        matches!(found[usize::try_from(partition).unwrap()], Offset::Offset(at) if at > offset).then_some(())
    });

    // Restarted, it goes on; nothing is published twice, nothing is lost.
    server.api().post(&format!("/api/v1/worlds/{live}/pause"), &serde_json::json!({})).ok();
    let state = server.world(&ours);
    server.restart();
    for field in ["now", "state_hash", "inputs", "incarnation"] {
        assert_eq!(server.world(&ours)[field], state[field], "{field}");
    }
    let next = Tick::hourly(&ours, "2024-01-15T15:00:00Z");
    server.send(HOURLY, 0, &next.text());
    server.history(&next.id, 1);
    server.wait_until_published();
    assert_eq!(server.events_of(&ours).len(), 2 * EVENTS_PER_HOUR);
    let live_events = server.events_of(&live);
    let ids: BTreeSet<&str> = live_events.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), live_events.len(), "each event of the live world once");
    let in_store = {
        let mut count = 0;
        let mut path = format!("/api/v1/events?world={live}&limit=1000");
        loop {
            let page = server.api().get(&path).ok();
            count += page["items"].as_array().expect("items").len();
            let Some(next) = page["next"].as_str() else { break count };
            path = format!("/api/v1/events?world={live}&limit=1000&cursor={next}");
        }
    };
    wait_for("all of them", || (server.events_of(&live).len() == in_store).then_some(()));

    // The store knows its cluster: another one is refused, unless it is said that it is meant.
    server.stop();
    sql(&services.url(), "UPDATE cluster SET cluster_id = 'somewhere-else' WHERE embedded = 0");
    server.try_begin().expect("it begins");
    match server.take_running().wait_for_signal() {
        Err(error @ ServerError::OtherCluster { .. }) => {
            let told = error.to_string();
            assert!(told.contains("somewhere-else") && told.contains("--accept-new-cluster"), "{told}");
        }
        other => panic!("it must be refused: {other:?}"),
    }
    let configure = services.configure(&group);
    let mut server = server.changed(move |config| {
        configure(config);
        config.kafka.accept_new_cluster = true;
    });
    server.begin();
    assert_eq!(server.world(&ours)["incarnation"], state["incarnation"]);
    server.wait_until_published();
    let live_again = server.events_of(&live);
    assert_eq!(live_again.len(), in_store, "what was published before is not published again");

    // A new store is a new beginning beside it: other incarnation, other producer, the old history out of sight.
    server.stop();
    let fresh = Services::named().expect("they were there");
    let anew = TestServer::start_with(&[world(&ours, "ticks")], fresh.configure(&group));
    assert_ne!(anew.world(&ours)["incarnation"], state["incarnation"]);
    let again = Tick::hourly(&ours, "2024-01-15T14:00:00Z").with_id(tick_id.parse().expect("an id"));
    anew.send(HOURLY, 1, &again.text());
    assert_eq!(anew.history(&tick_id, 1)[0]["outcome"], "applied", "it is new to this store");
    anew.wait_until_published();
    let ids: BTreeSet<String> = anew.events_of(&ours).iter().map(|event| event["event_id"].to_string()).collect();
    assert_eq!(ids.len(), 3 * EVENTS_PER_HOUR, "no event id of the old incarnation is used again");
}
