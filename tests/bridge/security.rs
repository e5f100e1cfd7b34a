//! TLS and passwords, as the build that everybody gets has them: what is right gets in, what is wrong is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::bridge_support::private_kafka::{FurtherListener, PrivateKafka};
use crate::bridge_support::wait_for;
use worldtick::plugins::bridge::{KafkaSettings, KafkaUnavailable, SaslMechanism, SecurityProtocol, check_connection};

/// Each mechanism knows `alice` by a password of its own: who gets in has used this mechanism and no other.
const PASSWORDS: [(SaslMechanism, &str); 3] = [
    (SaslMechanism::Plain, "secret-of-plain"),
    (SaslMechanism::ScramSha256, "secret-of-sha-256"),
    (SaslMechanism::ScramSha512, "secret-of-sha-512"),
];

/// Of the node that is `PrivateKafka`.
const CLUSTER_ID: &str = "d29ybGR0aWNrLXRlc3QtMQ";

/// What is wrong has to have a name by then.
const NAMED_WITHIN: Duration = Duration::from_secs(10);

/// Whether the program that makes certificates is here. Where services are required it must.
fn has_openssl() -> bool {
    let answers = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(answers || !required, "openssl must be installed here");
    answers
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().expect("openssl runs");
    assert!(output.status.success(), "openssl {arguments:?}: {}", text(&output));
}

/// An authority that signs certificates: `<name>.pem` and its key.
fn authority(folder: &Path, name: &str) -> PathBuf {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    let subject = format!("/CN={name}");
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let files = ["-subj", &subject, "-keyout", &key, "-out", &certificate];
    openssl(folder, &[&["req", "-x509"], &curve[..], &files[..]].concat());
    folder.join(certificate)
}

/// A key and a certificate for a server at 127.0.0.1, in one file as Kafka reads it.
fn key_store(folder: &Path, authority: &str) -> PathBuf {
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let files = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
    openssl(folder, &[&["req", "-new"], &curve[..], &files[..]].concat());
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").expect("written");
    let (certificate, key) = (format!("{authority}.pem"), format!("{authority}.key"));
    let signing = ["-CA", &certificate, "-CAkey", &key, "-CAcreateserial", "-days", "2", "-extfile", "names"];
    openssl(folder, &[&["x509", "-req", "-in", "server.csr", "-out", "server.pem"], &signing[..]].concat());
    let store = folder.join("store.pem");
    let parts = ["server.key", "server.pem", &certificate];
    let whole: String = parts.iter().map(|part| fs::read_to_string(folder.join(part)).expect("made")).collect();
    fs::write(&store, whole).expect("written");
    store
}

fn listener(key_store: &Path) -> FurtherListener {
    let mut properties = vec![
        ("ssl.keystore.type".to_owned(), "PEM".to_owned()),
        ("ssl.keystore.location".to_owned(), key_store.display().to_string()),
        ("sasl.enabled.mechanisms".to_owned(), PASSWORDS.map(|(mechanism, _)| mechanism.as_str()).join(",")),
    ];
    let mut users = Vec::new();
    for (mechanism, password) in PASSWORDS {
        let module = if mechanism == SaslMechanism::Plain {
            format!("plain.PlainLoginModule required user_alice=\"{password}\";")
        } else {
            users.push(format!("{mechanism}=[name=alice,password={password}]"));
            "scram.ScramLoginModule required;".to_owned()
        };
        let name = format!("{}.sasl.jaas.config", mechanism.as_str().to_lowercase());
        properties.push((name, format!("org.apache.kafka.common.security.{module}")));
    }
    FurtherListener { protocol: "SASL_SSL", properties, users }
}

fn settings(servers: &str, authority: &Path, mechanism: SaslMechanism, password: &str) -> KafkaSettings {
    KafkaSettings {
        security_protocol: Some(SecurityProtocol::SaslSsl),
        sasl_mechanism: Some(mechanism),
        sasl_username: Some("alice".into()),
        sasl_password: Some(password.to_owned().into()),
        extra: [("ssl.ca.location".to_owned(), authority.display().to_string())].into(),
        ..KafkaSettings::new(servers)
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Ends what has not ended by itself.
struct Ending(Option<Child>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `worldtick topics check`, and how long it took.
fn topics_check(settings: &KafkaSettings, password: &str) -> (Output, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_worldtick"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if ["KAFKA_", "WORLDTICK_"].iter().any(|start| text.starts_with(start)) {
            command.env_remove(name);
        }
    }
    let properties = serde_json::to_string(&settings.extra).expect("texts");
    command
        .current_dir(folder.path())
        .env("KAFKA_BOOTSTRAP_SERVERS", &settings.bootstrap_servers)
        .env("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
        .env("KAFKA_SASL_MECHANISM", settings.sasl_mechanism.expect("it is set").as_str())
        .env("KAFKA_SASL_USERNAME", "alice")
        .env("KAFKA_SASL_PASSWORD", password)
        .args(["topics", "check", "--set", &format!("kafka.properties={properties}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut running = Ending(Some(command.spawn().expect("it runs")));
    wait_for("the program ends", || running.0.as_mut().and_then(|child| child.try_wait().expect("a child")));
    let took = start.elapsed();
    (running.0.take().expect("it ran").wait_with_output().expect("it has ended"), took)
}

#[test]
fn over_tls_each_mechanism_lets_in_and_a_wrong_password_or_authority_is_named_soon() {
    if !has_openssl() {
        eprintln!("skipped: there is no openssl here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let authority_of_the_node = authority(folder.path(), "signer");
    let stranger = authority(folder.path(), "stranger");
    let listener = listener(&key_store(folder.path(), "signer"));
    let Some(mut kafka) = PrivateKafka::prepare_with(Some(&listener)) else {
        eprintln!("skipped: WORLDTICK_TEST_KAFKA_LIBS names no folder with Kafka's jars");
        return;
    };
    kafka.run();

    for (index, (mechanism, password)) in PASSWORDS.into_iter().enumerate() {
        let right = settings(&kafka.further, &authority_of_the_node, mechanism, password);
        let cluster = check_connection(&right, NAMED_WITHIN).expect("the password is right");
        assert_eq!(cluster.cluster_id, CLUSTER_ID, "{mechanism}");

        // A password of the same user, but for another mechanism.
        let (_, other) = PASSWORDS[(index + 1) % PASSWORDS.len()];
        let wrong = settings(&kafka.further, &authority_of_the_node, mechanism, other);
        let start = Instant::now();
        let error = check_connection(&wrong, Duration::from_secs(60)).expect_err("the password is wrong");
        assert!(start.elapsed() < NAMED_WITHIN, "{mechanism}: {:?}", start.elapsed());
        assert!(matches!(error, KafkaUnavailable::Authentication { .. }), "{mechanism}: {error}");
        assert_names_the_credentials(&error.to_string(), mechanism, other);

        // The same from the command line.
        let (output, took) = topics_check(&right, other);
        assert!(took < Duration::from_secs(15), "{mechanism}: {took:?}");
        assert_eq!(output.status.code(), Some(69), "{mechanism}: {}", text(&output));
        assert_names_the_credentials(&text(&output), mechanism, other);
    }

    let (mechanism, password) = PASSWORDS[0];
    let not_trusted = settings(&kafka.further, &stranger, mechanism, password);
    let start = Instant::now();
    let error = check_connection(&not_trusted, Duration::from_secs(8)).expect_err("somebody else has signed");
    assert!(start.elapsed() < NAMED_WITHIN, "{:?}", start.elapsed());
    assert!(error.to_string().contains("certificate"), "{error}");
    let (output, took) = topics_check(&not_trusted, password);
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(!output.status.success() && text(&output).contains("certificate"), "{}", text(&output));

    // With the right password the program gets as far as the topics, which are all missing.
    let trusted = settings(&kafka.further, &authority_of_the_node, mechanism, password);
    let (output, _) = topics_check(&trusted, password);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}

fn assert_names_the_credentials(words: &str, mechanism: SaslMechanism, password: &str) {
    for part in ["refuses user `alice`", mechanism.as_str(), "KAFKA_SASL_PASSWORD"] {
        assert!(words.contains(part), "{part} is missing: {words}");
    }
    assert!(!words.contains(password), "the password is told: {words}");
}
