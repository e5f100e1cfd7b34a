//! What must hold of the keys about Kafka for the server's promises to hold.

use super::model::KafkaSection;
use super::rules::{Broken, broken_rule};

/// Properties of librdkafka that are not for `kafka.properties`, with the key that is meant; without one the server's
/// promises rest on the value that it sets.
pub(super) const OWNED: [(&str, Option<&str>); 23] = [
    ("bootstrap.servers", Some("kafka.bootstrap_servers")),
    ("metadata.broker.list", Some("kafka.bootstrap_servers")),
    ("client.id", Some("kafka.client_id")),
    ("security.protocol", Some("kafka.security_protocol")),
    ("sasl.mechanism", Some("kafka.sasl_mechanism")),
    ("sasl.mechanisms", Some("kafka.sasl_mechanism")),
    ("sasl.username", Some("kafka.sasl_username")),
    ("sasl.password", Some("kafka.sasl_password")),
    ("group.id", Some("kafka.hourly_group and kafka.daily_group")),
    ("transaction.timeout.ms", Some("kafka.transaction_timeout_seconds")),
    ("message.timeout.ms", Some("kafka.write_timeout_seconds")),
    ("delivery.timeout.ms", Some("kafka.write_timeout_seconds")),
    ("auto.offset.reset", Some("kafka.start_at")),
    ("transactional.id", None),
    ("enable.idempotence", None),
    ("acks", None),
    ("request.required.acks", None),
    ("isolation.level", None),
    ("enable.auto.commit", None),
    ("enable.auto.offset.store", None),
    ("enable.partition.eof", None),
    ("partitioner", None),
    ("test.mock.num.brokers", None),
];

/// Adds what is broken.
pub(super) fn check(kafka: &KafkaSection, found: &mut Vec<Broken>) {
    let servers = kafka.bootstrap_servers.as_deref().unwrap_or_default();
    for server in servers.split(',').map(str::trim).filter(|_| !servers.is_empty()) {
        if let Err(why) = host_and_port(server) {
            let message = format!("`kafka.bootstrap_servers`: `{server}` is no broker: {why}");
            let help = "write host:port, several with commas between them";
            found.push(broken_rule(&["/kafka/bootstrap_servers"], message, help));
        }
    }
    if kafka.hourly_group == kafka.daily_group {
        found.push(broken_rule(
            &["/kafka/daily_group", "/kafka/hourly_group"],
            format!("`kafka.hourly_group` and `kafka.daily_group` are both `{}`", kafka.daily_group),
            "each topic has a group of its own, as other services and lag tools expect",
        ));
    }
    for name in kafka.properties.keys() {
        let Some((_, key)) = OWNED.iter().find(|(owned, _)| name.trim().eq_ignore_ascii_case(owned)) else { continue };
        let message = format!("`kafka.properties`: `{name}` is not for you to set here");
        let help = match key {
            Some(key) => format!("set {key}"),
            None => "remove it: that every event is published exactly once rests on the server's own value".to_owned(),
        };
        found.push(broken_rule(&["/kafka/properties"], message, help));
    }
}

/// Whether this is `host:port`, an IPv6 address in brackets.
fn host_and_port(server: &str) -> Result<(), &'static str> {
    if server.contains("://") {
        return Err("brokers have no scheme");
    }
    let (host, port) = server.rsplit_once(':').ok_or("the port is missing")?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|inner| inner.contains(':')).ok_or("a bracket is missing")?,
        None if host.contains(':') => return Err("an IPv6 address stands in brackets"),
        None => host,
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    if !host.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '%')) {
        return Err("no host has such a name");
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err("the port is no number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_hosts_with_ports() {
        for good in ["k:9092", "10.0.0.1:1", "[::1]:9092", "a-b.c_d:65535"] {
            assert_eq!(host_and_port(good), Ok(()), "{good}");
        }
        for bad in [":::", "http://foo", "foo", "", ":9092", "k:0", "k:70000", "a b:1", "::1:9092", "[::1:9092"] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_property_that_is_not_to_be_set_is_documented() {
        let docs = include_str!("../../docs/operators.md");
        for (name, _) in OWNED {
            assert!(docs.contains(&format!("`{name}`")), "docs/operators.md does not say `{name}`");
        }
    }
}
