//! The services that tests start for themselves: they work, they survive being killed and started again, and nothing
//! is left of them.
//!
//! `cargo xtask test` says where the programs are, in `WORLDTICK_TEST_KAFKA_LIBS` and `WORLDTICK_TEST_PG_BIN`; so does
//! `eval "$(cargo xtask services up)"`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking, and shows what others said")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::kafka::{Cluster, ClusterSpec, Sasl};
use xtask::postgres::Postgres;
use xtask::process::Scope;
use xtask::run::unrecorded;

/// A folder that everybody may enter and that goes in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("worldtick-private-{:x}", xtask::ports::random()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn given(variable: &str) -> PathBuf {
    let Some(value) = std::env::var_os(variable) else { panic!("{variable} is not set: run `cargo xtask test`") };
    PathBuf::from(value)
}

/// Runs one of Kafka's own programs and returns what it says.
fn kafka_program(libs: &Path, class: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-cp"]).arg(libs.join("*")).arg(class).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(said(output.stdout)) } else { Err(said(output.stderr) + &said(output.stdout)) }
}

fn kcat(arguments: &[&str], input: &str) -> (bool, String) {
    // kcat alone would wait for ever.
    let mut command = Command::new("timeout");
    command.args(["60", "kcat"]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn three_nodes_keep_a_message_though_two_die_in_turn() {
    let libs = given("WORLDTICK_TEST_KAFKA_LIBS");
    let folder = Folder::new();
    let mut cluster = Cluster::start(ClusterSpec::for_test(3, &folder.0, &libs), &mut unrecorded).unwrap();
    let servers = cluster.bootstrap_servers();
    assert_eq!(servers.split(',').count(), 3);
    let topic =
        ["--bootstrap-server", &servers, "--create", "--topic", "t", "--partitions", "1", "--replication-factor", "3"];
    kafka_program(&libs, "org.apache.kafka.tools.TopicCommand", &topic, "").unwrap();
    assert!(kcat(&["-b", &servers, "-P", "-t", "t", "-X", "acks=all"], "kept\n").0);

    // One is enough here, although it takes the cluster seconds to accept it again; the next one dies without return.
    let stopper = cluster.node(2).unwrap().stopper();
    cluster.kill(2);
    assert!(!stopper.is_alive());
    assert!(cluster.node(2).is_none());
    cluster.restart(2).unwrap();
    assert!(cluster.node(2).unwrap().stopper().is_alive());
    cluster.kill(1);
    assert_eq!(cluster.bootstrap_servers(), servers);
    // Waiting for the message and not for the topic's end: a new leader first learns how far the old one was.
    assert_eq!(kcat(&["-b", &servers, "-C", "-t", "t", "-c", "1", "-q"], ""), (true, "kept\n".to_owned()));

    let stoppers: Vec<_> = (2..=3).map(|id| cluster.node(id).unwrap().stopper()).collect();
    drop(cluster);
    assert!(stoppers.iter().all(|stopper| !stopper.is_alive()));
}

#[test]
fn a_listener_with_a_password_lets_in_who_has_it() {
    let libs = given("WORLDTICK_TEST_KAFKA_LIBS");
    let folder = Folder::new();
    let sasl = Some(Sasl { user: "sim".to_owned(), password: "right".to_owned() });
    let spec = ClusterSpec { sasl, ..ClusterSpec::for_test(1, &folder.0, &libs) };
    let cluster = Cluster::start(spec, &mut unrecorded).unwrap();
    let servers = cluster.sasl_bootstrap_servers();
    assert_ne!(servers, cluster.bootstrap_servers());
    // Not with kcat: that of Debian 12 fails at SCRAM with brokers of today, whatever the password.
    let list = |password: &str| {
        let settings = folder.0.join(format!("{password}.properties"));
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n\
             sasl.jaas.config={module} required username=\"sim\" password=\"{password}\";\n"
        );
        std::fs::write(&settings, text).unwrap();
        let settings = settings.to_str().unwrap();
        let arguments = ["--bootstrap-server", &servers, "--command-config", settings, "--list"];
        kafka_program(&libs, "org.apache.kafka.tools.TopicCommand", &arguments, "")
    };
    assert!(list("right").is_ok());
    let said = list("wrong").unwrap_err();
    assert!(said.contains("SaslAuthenticationException"), "{said}");
}

#[test]
fn postgres_keeps_what_was_committed_through_a_crash() {
    let bin = given("WORLDTICK_TEST_PG_BIN");
    let folder = Folder::new();
    let mut server = Postgres::start(&bin, &folder.0, Scope::ParentsGroup, &mut unrecorded).unwrap();
    server.ensure_database("mine").unwrap();
    server.ensure_database("mine").unwrap();
    let url = server.url("mine");
    let sql = |statement: &str| {
        let output = Command::new(bin.join("psql")).args(["-At", "-d", &url, "-c", statement]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    sql("create table kept (number int)");
    sql("insert into kept values (42)");

    let stopper = server.process().unwrap().stopper();
    server.kill();
    assert!(!stopper.is_alive());
    server.restart().unwrap();
    assert_eq!(server.url("mine"), url);
    assert_eq!(sql("select number from kept"), "42\n");

    server.restart().unwrap();
    assert_eq!(sql("select number from kept"), "42\n");
    let stopper = server.process().unwrap().stopper();
    drop(server);
    assert!(!stopper.is_alive());
}
