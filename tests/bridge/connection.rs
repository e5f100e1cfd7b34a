//! Reaching the brokers: what is wrong has a name, soon; the embedded broker serves other clients.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{Broker, Rec, read_all, unique, wait_for, write};
use crossbeam_channel::{bounded, unbounded};
use worldtick::messages::TickMessage;
use worldtick::plugins::bridge::inbound::{
    InboundConfig, Received, ReceivedKind, StartAt, decode_ticks, spawn, start_positions,
};
use worldtick::plugins::bridge::outbound::{
    self, OutboundConfig, OutboundHooks, OutboxSource, OutboxUnavailable, PublisherStatus,
};
use worldtick::plugins::bridge::topics::{DEFAULT_TOPICS, TopicCatalogue};
use worldtick::plugins::bridge::{
    EmbeddedBroker, KafkaSettings, KafkaUnavailable, SaslMechanism, SecurityProtocol, check_connection,
};
use worldtick::plugins::store::{InputPosition, OutboxRow, ShardId};

const HOURLY: &str = r#"{"event_id":"550e8400-e29b-41d4-a716-446655440000","event_type":"world.tick.hourly","timestamp":"2024-01-15T14:00:00Z","version":"1.0.0","source":"simulation.ticker","data":{"tick_id":"660e8400-e29b-41d4-a716-446655440001","tick_type":"hourly","game_hour":14,"game_time":"2024-01-15T14:00:00Z","tick_timestamp":"2024-01-15T14:00:00Z","triggered_by":"scheduler"}}"#;

fn with_password(servers: &str, password: &str) -> KafkaSettings {
    KafkaSettings {
        sasl_username: Some("sim".into()),
        sasl_password: Some(password.to_owned().into()),
        ..KafkaSettings::new(servers)
    }
}

#[test]
fn a_cluster_says_who_it_is() {
    for broker in std::iter::once(Broker::mock()).chain(Broker::kafka()) {
        let info = check_connection(&broker.settings(), Duration::from_secs(10)).expect("it answers");
        assert!(!info.cluster_id.is_empty() && !info.brokers.is_empty(), "{info:?}");
    }
}

#[test]
fn nobody_there_is_told_in_time_and_names_the_setting() {
    let start = Instant::now();
    let error = check_connection(&KafkaSettings::new("127.0.0.1:1"), Duration::from_secs(2)).expect_err("nobody");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let words = error.to_string();
    assert!(words.contains("127.0.0.1:1") && words.contains("KAFKA_BOOTSTRAP_SERVERS"), "{words}");
}

#[test]
fn somebody_who_accepts_and_says_nothing_is_no_broker() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address").to_string();
    let keep = std::thread::spawn(move || listener.incoming().take(3).collect::<Vec<_>>());
    let start = Instant::now();
    let error = check_connection(&KafkaSettings::new(address.clone()), Duration::from_secs(3)).expect_err("no broker");
    assert!(matches!(error, KafkaUnavailable::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
    // Lets the thread end.
    while !keep.is_finished() {
        let _ = TcpStream::connect(&address);
    }
}

#[test]
fn tls_against_a_plain_port_fails_in_time() {
    let broker = Broker::mock();
    let mut settings = broker.settings();
    settings.security_protocol = Some(SecurityProtocol::Ssl);
    let error = check_connection(&settings, Duration::from_secs(3)).expect_err("no TLS there");
    assert!(error.to_string().contains("KAFKA_SECURITY_PROTOCOL"), "{error}");
}

#[test]
fn contradictory_settings_are_refused_before_anybody_is_asked() {
    let settings = KafkaSettings { sasl_username: Some("sim".into()), ..KafkaSettings::new("127.0.0.1:1") };
    let error = check_connection(&settings, Duration::from_secs(1)).expect_err("no password");
    assert!(matches!(&error, KafkaUnavailable::Settings(words) if words.contains("KAFKA_SASL_PASSWORD")), "{error}");
}

/// Answers as a broker does that knows the mechanism and refuses the password: enough of the protocol for that.
fn refusing_broker() -> (String, Arc<TcpListener>) {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("port"));
    let address = listener.local_addr().expect("address").to_string();
    let accepting = listener.clone();
    std::thread::spawn(move || {
        for stream in accepting.incoming() {
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || serve_refusal(stream));
        }
    });
    (address, listener)
}

fn serve_refusal(mut stream: TcpStream) -> Option<()> {
    loop {
        let mut size = [0; 4];
        stream.read_exact(&mut size).ok()?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).ok()?];
        stream.read_exact(&mut request).ok()?;
        let (api, version) = (i16::from_be_bytes([request[0], request[1]]), request[3]);
        let mut response = request[4..8].to_vec();
        match api {
            // ApiVersions: an old broker that knows the two requests of a SASL exchange, and metadata.
            18 => {
                response.extend(if version == 0 { 0_i16 } else { 35 }.to_be_bytes());
                let known = [(3_i16, 0_i16, 1_i16), (17, 0, 1), (18, 0, 0), (36, 0, 0)];
                response.extend(4_i32.to_be_bytes());
                known.iter().for_each(|(key, min, max)| {
                    [key, min, max].iter().for_each(|n| response.extend(n.to_be_bytes()));
                });
            }
            // SaslHandshake: this mechanism.
            17 => {
                response.extend(0_i16.to_be_bytes());
                response.extend(1_i32.to_be_bytes());
                response.extend(5_i16.to_be_bytes());
                response.extend(b"PLAIN");
            }
            // SaslAuthenticate: no.
            36 => {
                response.extend(58_i16.to_be_bytes());
                let words = b"Authentication failed: Invalid username or password";
                response.extend(i16::try_from(words.len()).ok()?.to_be_bytes());
                response.extend(words);
                response.extend(0_i32.to_be_bytes());
            }
            _ => return None,
        }
        stream.write_all(&u32::try_from(response.len()).ok()?.to_be_bytes()).ok()?;
        stream.write_all(&response).ok()?;
    }
}

#[test]
fn a_wrong_password_is_named_within_ten_seconds() {
    let (servers, _listener) = refusing_broker();
    let settings = KafkaSettings { sasl_mechanism: Some(SaslMechanism::Plain), ..with_password(&servers, "wrong") };
    let start = Instant::now();
    let error = check_connection(&settings, Duration::from_secs(60)).expect_err("refused");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let words = error.to_string();
    assert!(matches!(error, KafkaUnavailable::Authentication { .. }), "{words}");
    assert!(words.contains("`sim`") && words.contains("KAFKA_SASL_PASSWORD") && !words.contains("wrong"), "{words}");
}

/// Answers as a broker does that is too old to have a cluster id.
fn nameless_broker() -> (String, Arc<TcpListener>) {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("port"));
    let address = listener.local_addr().expect("address");
    let accepting = listener.clone();
    std::thread::spawn(move || {
        for stream in accepting.incoming() {
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || serve_without_a_name(stream, address.port()));
        }
    });
    (address.to_string(), listener)
}

fn serve_without_a_name(mut stream: TcpStream, port: u16) -> Option<()> {
    loop {
        let mut size = [0; 4];
        stream.read_exact(&mut size).ok()?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).ok()?];
        stream.read_exact(&mut request).ok()?;
        let (api, version) = (i16::from_be_bytes([request[0], request[1]]), request[3]);
        let mut response = request[4..8].to_vec();
        match (api, version) {
            // ApiVersions: metadata without a cluster id, and nothing else.
            (18, _) => {
                response.extend(if version == 0 { 0_i16 } else { 35 }.to_be_bytes());
                response.extend(2_i32.to_be_bytes());
                for (key, least, most) in [(3_i16, 0_i16, 1_i16), (18, 0, 0)] {
                    [key, least, most].iter().for_each(|number| response.extend(number.to_be_bytes()));
                }
            }
            // Metadata: this broker; from version 1 on with a rack and the controller; no topics.
            (3, _) => {
                response.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 9]);
                response.extend(b"127.0.0.1");
                response.extend(i32::from(port).to_be_bytes());
                if version > 0 {
                    response.extend((-1_i16).to_be_bytes());
                    response.extend(1_i32.to_be_bytes());
                }
                response.extend(0_i32.to_be_bytes());
            }
            _ => return None,
        }
        stream.write_all(&u32::try_from(response.len()).ok()?.to_be_bytes()).ok()?;
        stream.write_all(&response).ok()?;
    }
}

#[test]
fn a_cluster_that_does_not_say_who_it_is_has_not_answered() {
    let (servers, _listener) = nameless_broker();
    let error = check_connection(&KafkaSettings::new(servers), Duration::from_secs(2)).expect_err("it has no name");
    assert!(matches!(&error, KafkaUnavailable::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("cluster id"), "{error}");
}

struct OneRow(String);

impl OutboxSource for OneRow {
    fn rows_after(&self, shard: ShardId, id: i64, _limit: usize) -> Result<Vec<OutboxRow>, OutboxUnavailable> {
        let row = OutboxRow {
            shard,
            id: 1,
            event_id: uuid::Uuid::from_u128(1),
            topic: self.0.clone(),
            body: Some(b"event".to_vec()),
            ..OutboxRow::default()
        };
        Ok(if id < 1 { vec![row] } else { Vec::new() })
    }
}

#[test]
fn a_password_that_becomes_wrong_is_named_by_reader_and_publisher_too() {
    let (servers, _listener) = refusing_broker();
    let settings = KafkaSettings { sasl_mechanism: Some(SaslMechanism::Plain), ..with_password(&servers, "wrong") };
    let (tx, _out) = bounded::<Received<TickMessage>>(1);
    let position = InputPosition { topic: "world.tick.hourly".into(), partition: 0, next: 0 };
    let reader = spawn(&settings, InboundConfig::default(), vec![position], decode_ticks(), Arc::new(|_| true), tx)
        .expect("starts");
    let config = OutboundConfig::new(uuid::Uuid::new_v4(), [(0, 0)].into(), [(0, 1)].into());
    let (tx, _events) = unbounded();
    let publisher =
        outbound::spawn(&settings, config, OneRow("t".into()), OutboundHooks::default(), tx).expect("starts");
    let start = Instant::now();
    let words = wait_for("the reader says so", || {
        reader.status().trouble.filter(|words| words.contains("KAFKA_SASL_PASSWORD"))
    });
    assert!(words.contains("`sim`"), "{words}");
    wait_for("the publisher is held", || match publisher.status() {
        PublisherStatus::Held { detail } => detail.contains("credentials").then_some(()),
        _ => None,
    });
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(reader.stop(Duration::from_secs(10)) && publisher.stop(Duration::from_secs(20)));
}

#[test]
fn scram_lets_in_refuses_and_a_missing_permission_holds_the_outbox() {
    let Some(kafka) = PrivateKafka::start() else { return };
    let right = with_password(&kafka.sasl, "right");
    check_connection(&right, Duration::from_secs(10)).expect("the password is right");
    let start = Instant::now();
    let error = check_connection(&with_password(&kafka.sasl, "guess"), Duration::from_secs(30)).expect_err("wrong");
    assert!(matches!(error, KafkaUnavailable::Authentication { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    let admin = Broker::Kafka(kafka.plain.clone());
    let (topic, progress) = (admin.topic("event", 1), admin.topic("progress", 1));
    let acl = |action: &str| {
        let libs = std::env::var("WORLDTICK_TEST_KAFKA_LIBS").expect("it started");
        let mut command = Command::new("java");
        command.args(["-cp", &format!("{libs}/*"), "org.apache.kafka.tools.AclCommand"]);
        command.args(["--bootstrap-server", &kafka.plain, action, "--topic", &topic]);
        command.args(["--deny-principal", "User:sim", "--operation", "Write"]);
        if action == "--remove" {
            command.arg("--force");
        }
        let output = command.output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    acl("--add");
    let config = OutboundConfig {
        progress_topic: progress,
        hold_interval: Duration::from_millis(300),
        ..OutboundConfig::new(uuid::Uuid::new_v4(), [(0, 0)].into(), [(0, 1)].into())
    };
    let (tx, _events) = unbounded();
    let publisher =
        outbound::spawn(&right, config, OneRow(topic.clone()), OutboundHooks::default(), tx).expect("starts");
    let held = wait_for("the outbox is held", || match publisher.status() {
        PublisherStatus::Held { detail } => Some(detail),
        _ => None,
    });
    assert!(held.contains("not permitted"), "{held}");
    acl("--remove");
    wait_for("it goes on", || (publisher.positions()[&0] == 1).then_some(()));
    assert!(publisher.stop(Duration::from_secs(20)));
    assert_eq!(read_all(&admin.settings(), &topic).len(), 1, "once, nothing was skipped or doubled");
}

#[test]
fn a_taken_port_is_one_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = taken.local_addr().expect("address").port();
    let error = EmbeddedBroker::start(port, &[]).err().expect("taken").to_string();
    assert!(error.contains(&port.to_string()) && error.contains("kafka.embedded_port"), "{error}");
}

#[test]
fn the_embedded_broker_has_every_topic_and_its_port_is_free_again_afterwards() {
    let catalogue = TopicCatalogue::parse(DEFAULT_TOPICS, "built in").expect("valid");
    let first = EmbeddedBroker::start(0, &catalogue.topics).expect("starts");
    let settings = KafkaSettings::new(first.bootstrap_servers());
    let topics = ["world.tick.hourly", "world.tick.daily"];
    let positions = start_positions(&settings, &topics, StartAt::Latest).expect("topics");
    assert_eq!(positions.len(), 4);
    write(&settings, "world.tick.hourly", &[Rec::to(0, HOURLY)]);
    let port: u16 = first.bootstrap_servers().rsplit(':').next().expect("port").parse().expect("number");
    drop(first);
    EmbeddedBroker::start(port, &[]).expect("the port is free");
}

/// Runs kcat, a client that owes nothing to this crate; `None` where it is not installed and not required.
fn kcat(servers: &str, arguments: &[&str], input: &str) -> Option<String> {
    let child = Command::new("kcat")
        .args(["-b", servers])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
        assert!(!required, "kcat must be installed here");
        return None;
    };
    child.stdin.take().expect("input").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn kcat_lists_writes_and_reads_through_the_fixed_port() {
    let catalogue = TopicCatalogue::parse(DEFAULT_TOPICS, "built in").expect("valid");
    let broker = EmbeddedBroker::start(0, &catalogue.topics).expect("starts");
    let servers = broker.bootstrap_servers();
    let Some(listed) = kcat(&servers, &["-L"], "") else { return };
    assert!(listed.contains("topic \"simulation.event\" with 8 partitions"), "{listed}");
    let topics = ["world.tick.hourly", "world.tick.daily"];
    let settings = KafkaSettings::new(servers.clone());
    let positions = start_positions(&settings, &topics, StartAt::Latest).expect("positions");
    let (tx, out) = bounded::<Received<TickMessage>>(10);
    let reader =
        spawn(&settings, InboundConfig::default(), positions, decode_ticks(), Arc::new(|_| true), tx).expect("starts");
    kcat(&servers, &["-P", "-t", "world.tick.hourly"], &format!("{HOURLY}\n"));
    let received = wait_for("the tick is read", || {
        let received = out.recv_timeout(Duration::from_secs(1)).ok()?;
        matches!(received.kind, ReceivedKind::Message { .. }).then_some(received)
    });
    let ReceivedKind::Message { message, raw } = received.kind else { panic!("a tick") };
    assert_eq!(message.data.tick_id.to_string(), "660e8400-e29b-41d4-a716-446655440001");
    assert_eq!(raw.value.as_deref(), Some(HOURLY.as_bytes()));
    let read = kcat(&servers, &["-C", "-t", "world.tick.hourly", "-e", "-q"], "").expect("kcat");
    assert_eq!(read.trim_end(), HOURLY);
    assert!(reader.stop(Duration::from_secs(10)));
}

#[test]
fn two_embedded_brokers_have_nothing_in_common() {
    let (one, two) = (Broker::mock(), Broker::mock());
    let topic = unique("t");
    for broker in [&one, &two] {
        let Broker::Mock(mock) = broker else { unreachable!("it is a mock") };
        mock.create_topic(&topic, 1).expect("topic");
    }
    write(&one.settings(), &topic, &[Rec::to(0, "x")]);
    assert_eq!((read_all(&one.settings(), &topic).len(), read_all(&two.settings(), &topic).len()), (1, 0));
}
