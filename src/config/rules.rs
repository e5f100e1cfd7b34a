//! What a schema cannot say: values that contradict each other or name nothing that can be.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::model::ServerConfig;
use super::rules_kafka;
use super::verify::nearest;
use super::worlds::read_topics;
use crate::messages::TickEventType;
use crate::plugins::store::StoreConfig;

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The values that it is about, the one that is probably wrong first.
    pub(super) pointers: Vec<&'static str>,
    pub(super) message: String,
    pub(super) help: String,
}

pub(super) fn broken_rule(pointers: &[&'static str], message: impl Into<String>, help: impl Into<String>) -> Broken {
    Broken { pointers: pointers.to_vec(), message: message.into(), help: help.into() }
}

/// Every rule that is broken.
pub(super) fn broken(config: &ServerConfig) -> Vec<Broken> {
    let mut found = Vec::new();
    kafka(config, &mut found);
    rules_kafka::check(&config.kafka, &mut found);
    admin(config, &mut found);
    store(config, &mut found);
    tasks(config, &mut found);
    log(config, &mut found);
    found
}

/// Levels that people write.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

fn log(config: &ServerConfig, found: &mut Vec<Broken>) {
    let filter = config.log.filter();
    // A word alone would be taken as the name of a part: nothing of all the others would be logged.
    let unknown = filter
        .split(',')
        .map(str::trim)
        .find(|part| !part.contains(['=', '[']) && !LEVELS.contains(&part.to_lowercase().as_str()));
    if let Some(word) = unknown {
        let help = match nearest(word, LEVELS.into_iter()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "to name a part, write its level too, such as info,worldtick=debug".to_owned(),
        };
        let message = format!("`log.level`: `{word}` is no level: they are {}", LEVELS.join(", "));
        found.push(broken_rule(&["/log/level"], message, help));
    } else if let Err(error) = EnvFilter::builder().parse(&filter) {
        let help = "write error, warn, info, debug or trace, or parts such as info,worldtick=debug";
        found.push(broken_rule(&["/log/level"], format!("`log.level` is not understood: {error}"), help));
    }
}

fn kafka(config: &ServerConfig, found: &mut Vec<Broken>) {
    let kafka = &config.kafka;
    if kafka.transaction_timeout_seconds.duration() <= kafka.write_timeout_seconds.duration() {
        found.push(broken_rule(
            &["/kafka/transaction_timeout_seconds", "/kafka/write_timeout_seconds"],
            "`kafka.transaction_timeout_seconds` is not longer than `kafka.write_timeout_seconds`",
            "a write must be able to fail while its transaction is still open",
        ));
    }
    // librdkafka knows its own properties best; protocol and mechanism are among the names that the schema checks.
    let refused = kafka.settings("").map(|settings| settings.refused_properties()).unwrap_or_default();
    for refused in refused {
        let help = "the names and values are librdkafka's: see its CONFIGURATION.md";
        found.push(broken_rule(&["/kafka/properties"], format!("`kafka.properties`: {refused}"), help));
    }
    let sasl = match kafka.security_protocol.as_deref() {
        Some(protocol) => protocol.starts_with("SASL_"),
        None => kafka.sasl_username.is_some(),
    };
    let has = |name: &str| kafka.properties.contains_key(name);
    if sasl && kafka.sasl_username.is_none() && !has("sasl.username") {
        found.push(broken_rule(
            &["/kafka/sasl_username", "/kafka/security_protocol"],
            "SASL needs a user name",
            "set KAFKA_SASL_USERNAME",
        ));
    }
    if sasl && kafka.sasl_password.is_none() && !has("sasl.password") {
        found.push(broken_rule(
            &["/kafka/sasl_password", "/kafka/sasl_username", "/kafka/security_protocol"],
            "SASL needs a password",
            "set KAFKA_SASL_PASSWORD",
        ));
    }
    if !sasl && kafka.sasl_username.is_some() {
        found.push(broken_rule(
            &["/kafka/security_protocol", "/kafka/sasl_username"],
            "a user name is set, but this protocol sends none",
            "set KAFKA_SECURITY_PROTOCOL to SASL_SSL or SASL_PLAINTEXT",
        ));
    }
}

fn store(config: &ServerConfig, found: &mut Vec<Broken>) {
    remembered_ticks(config, found);
    let Some(url) = &config.store.url else { return };
    if let Err(error) = StoreConfig::new(url.expose()).check_url() {
        let help = "write postgres://user:password@host/database, or sqlite:<path>";
        found.push(broken_rule(&["/store/url"], format!("`store.url` cannot be used: {error}"), help));
    }
}

/// A tick or command that Kafka still has may come again: its id must not be forgotten before.
fn remembered_ticks(config: &ServerConfig, found: &mut Vec<Broken>) {
    // What is wrong with the catalogue as such is told where it is read.
    let Ok(topics) = read_topics(&config.kafka) else { return };
    const TICKS: &[&str] = &["/store/tick_retention_days", "/kafka/topics_file"];
    const COMMANDS: &[&str] = &["/store/command_retention_days", "/kafka/topics_file"];
    let of_ticks = |tick: TickEventType| (tick.as_str(), "tick", config.store.tick_retention_days, TICKS);
    let commands = ("world.command", "command", config.store.command_retention_days, COMMANDS);
    let results = ("generation.result", "command", config.store.command_retention_days, COMMANDS);
    let hourly = of_ticks(TickEventType::Hourly);
    for (name, what, days, pointers) in [hourly, of_ticks(TickEventType::Daily), commands, results] {
        let remembered = Duration::from_secs(u64::from(days) * 86_400);
        let Some(topic) = topics.get(name) else { continue };
        let kept = u64::try_from(topic.retention_ms).map(Duration::from_millis);
        if kept.is_ok_and(|kept| kept <= remembered) {
            continue;
        }
        let kept = match kept {
            Ok(kept) => format!("for {} days", kept.as_secs().div_ceil(86_400)),
            Err(_) => "for ever".to_owned(),
        };
        found.push(broken_rule(
            pointers,
            format!(
                "`store.{what}_retention_days` is {days}, but `kafka.topics_file` keeps the messages of {name} {kept} (retention_ms: {})",
                topic.retention_ms
            ),
            format!("a repeated {what} whose id is forgotten would run again: remember {what}s longer, or keep their messages for less time"),
        ));
    }
}

fn tasks(config: &ServerConfig, found: &mut Vec<Broken>) {
    for (name, task, pointer) in config.tasks.all() {
        if task.budget_seconds.duration() >= task.interval_seconds.duration() {
            let message = format!("`tasks.{name}.budget_seconds` is not less than `tasks.{name}.interval_seconds`");
            found.push(broken_rule(&[pointer], message, "a run must be over before the next one is due"));
        }
    }
}

fn admin(config: &ServerConfig, found: &mut Vec<Broken>) {
    let admin = &config.admin;
    if admin.token.is_some() && admin.token_file.is_some() {
        let help = "keep one of them";
        found.push(broken_rule(
            &["/admin/token_file", "/admin/token"],
            "both `admin.token` and `admin.token_file` are set",
            help,
        ));
    } else if let Err(error) = admin.read_token() {
        let help = "the token is a line of printable characters";
        found.push(broken_rule(&["/admin/token_file", "/admin/token"], error.to_string(), help));
    }
    match addresses(&admin.listen) {
        Err(error) => {
            let message = format!("`admin.listen` is no address: {error}");
            found.push(broken_rule(&["/admin/listen"], message, "write it as 127.0.0.1:8080"));
        }
        Ok(addresses) => {
            let open = addresses.iter().map(SocketAddr::ip).any(|ip| !is_loopback(ip));
            if open && admin.token.is_none() && admin.token_file.is_none() && admin.open_on_loopback {
                found.push(broken_rule(
                    &["/admin/listen"],
                    format!("the admin API on {} could be reached from elsewhere without a token", admin.listen),
                    "set WORLDTICK_ADMIN_TOKEN or `admin.token_file`, or listen on 127.0.0.1",
                ));
            }
        }
    }
}

fn addresses(listen: &str) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> = listen.to_socket_addrs().map_err(|error| error.to_string())?.collect();
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
