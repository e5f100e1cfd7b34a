//! How to reach the brokers, and librdkafka's properties for each kind of client.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use secrecy::{ExposeSecret, SecretString};

pub use super::security::{Compression, SaslMechanism, SecurityProtocol, UnknownName};

/// How to reach a Kafka cluster, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// `host:port`, several with commas between them.
    pub bootstrap_servers: String,
    /// How the connection is protected; nothing: plain text, or SASL when there is a user name.
    pub security_protocol: Option<SecurityProtocol>,
    /// How the user proves who they are; nothing: SCRAM-SHA-512 when there is a user name.
    pub sasl_mechanism: Option<SaslMechanism>,
    /// The user name.
    pub sasl_username: Option<String>,
    /// The password.
    pub sasl_password: Option<SecretString>,
    /// The name that the brokers see in their logs and quotas.
    pub client_id: String,
    /// A reader that has waited this long for its brokers is counted; it goes on waiting.
    pub read_timeout: Duration,
    /// A write that is not acknowledged within this time has failed.
    pub write_timeout: Duration,
    /// The transaction coordinator aborts what is open for longer.
    pub transaction_timeout: Duration,
    /// The largest message that may be sent, headers and key included.
    pub message_bytes_max: usize,
    /// Further librdkafka properties; they win over everything above.
    pub extra: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            bootstrap_servers: "127.0.0.1:9092".to_owned(),
            security_protocol: None,
            sasl_mechanism: None,
            sasl_username: None,
            sasl_password: None,
            client_id: "worldtick".to_owned(),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(15),
            message_bytes_max: 2_097_152,
            extra: BTreeMap::new(),
        }
    }
}

/// The most bytes that are put into one batch of several records. Below the smallest `max.message.bytes` of the
/// catalogue (128 KiB), so that a batch which a broker refuses for its size is one record that is too large.
const BATCH_BYTES_MAX: usize = 65_536;

impl KafkaSettings {
    /// Settings for these brokers, everything else by default.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), ..Self::default() }
    }

    /// The protocol that holds: as set, otherwise plain text, with SASL when there is a user name.
    pub fn effective_protocol(&self) -> SecurityProtocol {
        match (self.security_protocol, &self.sasl_username) {
            (Some(protocol), _) => protocol,
            (None, Some(_)) => SecurityProtocol::SaslPlaintext,
            (None, None) => SecurityProtocol::Plaintext,
        }
    }

    /// The mechanism that holds, if a user name is sent at all.
    pub fn effective_mechanism(&self) -> Option<SaslMechanism> {
        match self.effective_protocol() {
            SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl => {
                Some(self.sasl_mechanism.unwrap_or(SaslMechanism::ScramSha512))
            }
            SecurityProtocol::Plaintext | SecurityProtocol::Ssl => None,
        }
    }

    /// What contradicts itself in these settings, everything at once; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.bootstrap_servers.trim().is_empty() {
            problems.push("no brokers are named (KAFKA_BOOTSTRAP_SERVERS)".to_owned());
        }
        let sasl = self.effective_mechanism().is_some();
        if sasl && self.sasl_username.is_none() && !self.extra.contains_key("sasl.username") {
            problems.push(format!("{} needs a user name (KAFKA_SASL_USERNAME)", self.effective_protocol()));
        }
        if sasl && self.sasl_password.is_none() && !self.extra.contains_key("sasl.password") {
            problems.push(format!("{} needs a password (KAFKA_SASL_PASSWORD)", self.effective_protocol()));
        }
        if !sasl && self.sasl_username.is_some() {
            problems.push(format!(
                "a user name is set, but {} sends none: set KAFKA_SECURITY_PROTOCOL to SASL_PLAINTEXT or SASL_SSL",
                self.effective_protocol()
            ));
        }
        if self.transaction_timeout <= self.write_timeout {
            problems.push("the transaction time-out must be longer than the write time-out".to_owned());
        }
        problems
    }

    /// What librdkafka says of each further property that it does not know, or not with this value.
    pub fn refused_properties(&self) -> Vec<String> {
        let refusal = |(name, value): (&String, &String)| {
            match ClientConfig::new().set(name, value).create_native_config() {
                Ok(_) => None,
                // Without the value: it may be a secret.
                Err(KafkaError::ClientConfig(_, words, _, _)) => Some(words),
                Err(error) => Some(error.to_string()),
            }
        };
        self.extra.iter().filter_map(refusal).collect()
    }

    /// What every client needs.
    fn common(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", &self.client_id)
            .set("security.protocol", self.effective_protocol().as_str())
            .set("socket.keepalive.enable", "true")
            // A broker that is back is to be found within seconds, not after the default of ten.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000");
        if let Some(mechanism) = self.effective_mechanism() {
            config.set("sasl.mechanism", mechanism.as_str());
            if let Some(user) = &self.sasl_username {
                config.set("sasl.username", user);
            }
            if let Some(password) = &self.sasl_password {
                config.set("sasl.password", password.expose_secret());
            }
        }
        config
    }

    fn with_extra(&self, mut config: ClientConfig) -> ClientConfig {
        for (name, value) in &self.extra {
            config.set(name, value);
        }
        config
    }

    /// A client that only asks: metadata, watermarks, topic administration.
    pub fn admin(&self) -> ClientConfig {
        self.with_extra(self.common())
    }

    /// A consumer of explicitly assigned partitions; `group` is only where offsets for lag tools are committed.
    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.common();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            // A position outside the log is history to record, never to be passed over in silence.
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("allow.auto.create.topics", "false")
            // The end of a partition is told after this wait; the default of half a second would hold every tick.
            .set("fetch.wait.max.ms", "10")
            .set("fetch.error.backoff.ms", "100")
            .set("check.crcs", "true")
            // Ticks are few and small: read ahead a little, not 64 MiB a partition.
            .set("queued.min.messages", "2000")
            .set("queued.max.messages.kbytes", "8192");
        self.with_extra(config)
    }

    /// An idempotent producer that waits for all replicas.
    pub fn producer(&self, compression: Compression) -> ClientConfig {
        let mut config = self.common();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", compression.as_str())
            // As Java clients do, so that a key finds the same partition whoever writes it.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "0")
            .set("batch.size", BATCH_BYTES_MAX.to_string())
            .set("message.max.bytes", self.message_bytes_max.to_string())
            .set("message.timeout.ms", self.write_timeout.as_millis().to_string())
            .set("request.timeout.ms", self.write_timeout.as_millis().to_string());
        self.with_extra(config)
    }

    /// A transactional producer.
    pub fn transactional_producer(&self, compression: Compression, transactional_id: &str) -> ClientConfig {
        let mut config = self.producer(compression);
        config
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string());
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_alone_means_scram_sha_512() {
        let settings = KafkaSettings {
            sasl_username: Some("sim".into()),
            sasl_password: Some("secret".to_owned().into()),
            ..KafkaSettings::default()
        };
        let config = settings.consumer("g");
        assert_eq!(config.get("security.protocol"), Some("SASL_PLAINTEXT"));
        assert_eq!(config.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        assert_eq!(config.get("sasl.password"), Some("secret"));
        assert!(settings.problems().is_empty());
        assert!(!format!("{settings:?}").contains("secret"), "a password must not be printed");
    }

    #[test]
    fn contradictions_are_reported_together() {
        let settings = KafkaSettings {
            bootstrap_servers: " ".into(),
            security_protocol: Some(SecurityProtocol::SaslSsl),
            transaction_timeout: Duration::from_secs(1),
            ..KafkaSettings::default()
        };
        let problems = settings.problems();
        assert_eq!(problems.len(), 4, "{problems:?}");
        let unused = KafkaSettings {
            sasl_username: Some("sim".into()),
            security_protocol: Some(SecurityProtocol::Ssl),
            ..KafkaSettings::default()
        };
        assert_eq!(unused.problems().len(), 1);
    }

    #[test]
    fn names_are_read_in_any_case_and_refused_with_a_list() {
        assert_eq!("sasl_ssl".parse(), Ok(SecurityProtocol::SaslSsl));
        assert_eq!("scram-sha-256".parse(), Ok(SaslMechanism::ScramSha256));
        let refused = "kerberos".parse::<SaslMechanism>().expect_err("not offered").to_string();
        assert!(refused.contains("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"), "{refused}");
    }

    #[test]
    fn extra_properties_win_and_every_client_can_be_made() {
        let mut settings = KafkaSettings::default();
        settings.extra.insert("fetch.wait.max.ms".into(), "33".into());
        assert_eq!(settings.consumer("g").get("fetch.wait.max.ms"), Some("33"));
        settings.extra.clear();
        settings.consumer("g").create_native_config().expect("consumer");
        settings.admin().create_native_config().expect("admin");
        let producer = settings.transactional_producer(Compression::Lz4, "worldtick-x");
        producer.create_native_config().expect("producer");
        assert_eq!(producer.get("partitioner"), Some("murmur2_random"));
    }
}
