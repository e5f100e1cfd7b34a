//! The settings of a node, as the text of its `server.properties`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) broker: u16,
    pub(super) controller: u16,
    /// Where clients have to give a password.
    pub(super) sasl: u16,
}

/// What distinguishes a node.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Counted from 1.
    pub(super) id: usize,
    /// Of all nodes, this one included.
    pub(super) ports: &'a [Ports],
    pub(super) data: &'a Path,
    pub(super) has_sasl: bool,
    /// The caller's settings; they win.
    pub(super) extra: &'a BTreeMap<String, String>,
}

/// How nodes write their log: to stdout, which goes into a file.
pub(super) const LOGGING: &str = "\
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
";

/// The text of `server.properties`: broker and controller in one process, everything on loopback.
pub(super) fn render(node: &Node<'_>) -> Option<String> {
    let own = node.ports.get(node.id.checked_sub(1)?)?;
    let count = node.ports.len();
    // A cluster of three goes on with two; a single node has nobody to wait for.
    let replicas = count.min(3);
    let in_sync = if replicas > 1 { 2 } else { 1 };
    let voters: Vec<String> =
        (1..).zip(node.ports).map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller)).collect();

    let mut advertised = format!("PLAINTEXT://127.0.0.1:{}", own.broker);
    let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
    if node.has_sasl {
        // Writing to a String cannot fail.
        let _ = write!(advertised, ",SASL://127.0.0.1:{}", own.sasl);
        protocols.push_str(",SASL:SASL_PLAINTEXT");
        set("sasl.enabled.mechanisms", "SCRAM-SHA-256".to_owned());
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        set("listener.name.sasl.scram-sha-256.sasl.jaas.config", module.to_owned());
    }
    set("process.roles", "broker,controller".to_owned());
    set("node.id", node.id.to_string());
    set("controller.quorum.voters", voters.join(","));
    set("listeners", format!("{advertised},CONTROLLER://127.0.0.1:{}", own.controller));
    set("advertised.listeners", advertised);
    set("controller.listener.names", "CONTROLLER".to_owned());
    set("listener.security.protocol.map", protocols);
    set("inter.broker.listener.name", "PLAINTEXT".to_owned());
    set("log.dirs", node.data.display().to_string());
    set("offsets.topic.replication.factor", replicas.to_string());
    set("transaction.state.log.replication.factor", replicas.to_string());
    set("default.replication.factor", replicas.to_string());
    set("transaction.state.log.min.isr", in_sync.to_string());
    set("min.insync.replicas", in_sync.to_string());
    // Small and quick: a handful of internal partitions, groups that form at once, a dead broker noticed in seconds.
    set("offsets.topic.num.partitions", "4".to_owned());
    set("transaction.state.log.num.partitions", "4".to_owned());
    set("group.initial.rebalance.delay.ms", "0".to_owned());
    set("broker.session.timeout.ms", "6000".to_owned());
    // A topic that nobody made is a mistake to be seen.
    set("auto.create.topics.enable", "false".to_owned());
    settings.extend(node.extra.iter().map(|(name, value)| (name.clone(), value.clone())));

    Some(settings.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name}={}", value.replace('\\', "\\\\"));
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: [Ports; 3] = [
        Ports { broker: 1, controller: 11, sasl: 21 },
        Ports { broker: 2, controller: 12, sasl: 22 },
        Ports { broker: 3, controller: 13, sasl: 23 },
    ];

    fn lines(id: usize, count: usize, has_sasl: bool, extra: &BTreeMap<String, String>) -> Vec<String> {
        let node = Node { id, ports: &PORTS[..count], data: Path::new("/data"), has_sasl, extra };
        render(&node).unwrap().lines().map(str::to_owned).collect()
    }

    fn assert_has(lines: &[String], wanted: &[&str]) {
        for line in wanted {
            assert!(lines.iter().any(|it| it == line), "no {line} in {lines:#?}");
        }
    }

    #[test]
    fn one_node_waits_for_nobody() {
        let lines = lines(1, 1, false, &BTreeMap::new());
        assert_has(
            &lines,
            &[
                "node.id=1",
                "controller.quorum.voters=1@127.0.0.1:11",
                "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:11",
                "advertised.listeners=PLAINTEXT://127.0.0.1:1",
                "transaction.state.log.replication.factor=1",
                "min.insync.replicas=1",
                "log.dirs=/data",
                "auto.create.topics.enable=false",
            ],
        );
        assert!(!lines.iter().any(|line| line.contains("sasl") || line.contains("SASL")));
    }

    #[test]
    fn three_nodes_know_each_other_and_go_on_with_two() {
        assert_has(
            &lines(2, 3, false, &BTreeMap::new()),
            &[
                "node.id=2",
                "controller.quorum.voters=1@127.0.0.1:11,2@127.0.0.1:12,3@127.0.0.1:13",
                "advertised.listeners=PLAINTEXT://127.0.0.1:2",
                "offsets.topic.replication.factor=3",
                "transaction.state.log.min.isr=2",
                "min.insync.replicas=2",
            ],
        );
    }

    #[test]
    fn a_password_has_a_listener_of_its_own() {
        assert_has(
            &lines(1, 1, true, &BTreeMap::new()),
            &[
                "advertised.listeners=PLAINTEXT://127.0.0.1:1,SASL://127.0.0.1:21",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT",
                "sasl.enabled.mechanisms=SCRAM-SHA-256",
            ],
        );
    }

    #[test]
    fn the_callers_settings_win() {
        let extra = BTreeMap::from([("auto.create.topics.enable".to_owned(), "true".to_owned())]);
        let lines = lines(1, 1, false, &extra);
        assert_has(&lines, &["auto.create.topics.enable=true"]);
        assert_eq!(lines.iter().filter(|line| line.starts_with("auto.create")).count(), 1);
    }

    #[test]
    fn a_node_that_is_not_among_them_has_no_settings() {
        for id in [0, 4] {
            let extra = BTreeMap::new();
            let node = Node { id, ports: &PORTS, data: Path::new("/data"), has_sasl: false, extra: &extra };
            assert_eq!(render(&node), None);
        }
    }
}
