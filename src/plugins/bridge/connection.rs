//! Trying a connection, and naming what is wrong with it.
//!
//! librdkafka retries for ever and says why only through its error call-back: every client of the bridge carries a
//! [`BridgeContext`] that keeps the last such reason, so that a wrong password has a name.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::edge::{lock, now};
use super::settings::KafkaSettings;

/// What a client last complained about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTrouble {
    /// Whether trying again cannot help: the credentials are refused.
    pub authentication: bool,
    /// Whether the brokers do answer, and the detail says all there is to say.
    pub answered: bool,
    /// librdkafka's words.
    pub detail: String,
}

/// The state of a connection, shared between a client's call-backs and whoever wants to know.
#[derive(Debug, Clone, Default)]
pub struct ClientHealth {
    trouble: Arc<Mutex<Option<ClientTrouble>>>,
}

impl ClientHealth {
    /// The last complaint since the client was last seen to work.
    pub fn trouble(&self) -> Option<ClientTrouble> {
        lock(&self.trouble).clone()
    }

    /// The client has just been seen to work.
    pub fn is_well(&self) {
        lock(&self.trouble).take();
    }

    pub(super) fn complain(&self, authentication: bool, detail: String) {
        self.keep(ClientTrouble { authentication, answered: false, detail });
    }

    /// The brokers answer, and what they answer is no good.
    pub(super) fn complain_of_answer(&self, detail: String) {
        self.keep(ClientTrouble { authentication: false, answered: true, detail });
    }

    fn keep(&self, complaint: ClientTrouble) {
        let mut trouble = lock(&self.trouble);
        // "All brokers down" follows every refusal; it must not hide why.
        if !complaint.authentication && trouble.as_ref().is_some_and(|known| known.authentication) {
            return;
        }
        *trouble = Some(complaint);
    }
}

/// The call-backs of every client of the bridge: librdkafka's log goes to `tracing`, its errors to a [`ClientHealth`].
#[derive(Debug, Clone, Default)]
pub struct BridgeContext {
    /// Where complaints are kept.
    pub health: ClientHealth,
}

impl ClientContext for BridgeContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            // librdkafka reports each failed connection at this level, several times a second: the state of the
            // connection is logged by whoever holds the health.
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::trace!(target: "librdkafka", facility, "{message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let authentication =
            matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed));
        match code {
            // Told by other means, or no trouble at all.
            Some(
                RDKafkaErrorCode::PartitionEOF
                | RDKafkaErrorCode::AutoOffsetReset
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed,
            ) => {}
            // It follows every reason, a certificate that is not trusted for one, and must not hide it.
            Some(RDKafkaErrorCode::AllBrokersDown) if self.health.trouble().is_some() => {}
            _ => self.health.complain(authentication, reason.to_owned()),
        }
        tracing::debug!(target: "librdkafka", %error, reason, "client error");
    }
}

impl ConsumerContext for BridgeContext {}

/// A cluster that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// `host:port` of each broker.
    pub brokers: Vec<String>,
}

/// Why a cluster cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaUnavailable {
    /// The settings contradict themselves or librdkafka refuses them.
    #[error("the Kafka settings cannot be used: {0}")]
    Settings(String),
    /// The brokers refuse the credentials.
    #[error(
        "Kafka at {servers} refuses user `{user}` with {mechanism}: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM ({detail})"
    )]
    Authentication {
        /// The brokers asked.
        servers: String,
        /// The user name sent.
        user: String,
        /// The mechanism used.
        mechanism: String,
        /// librdkafka's words.
        detail: String,
    },
    /// Nobody answered in time.
    #[error(
        "no Kafka broker at {servers} answered within {seconds} s: check KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL ({detail})"
    )]
    Unreachable {
        /// The brokers asked.
        servers: String,
        /// How long they were given.
        seconds: u64,
        /// librdkafka's words.
        detail: String,
    },
    /// The brokers answer, but do not give what is needed.
    #[error("Kafka at {servers} does not give what is needed: {detail}")]
    Refused {
        /// The brokers asked.
        servers: String,
        /// What is missing or not permitted, and what to do.
        detail: String,
    },
}

impl KafkaUnavailable {
    /// Names a trouble that a client met while it used these settings.
    pub fn from_trouble(settings: &KafkaSettings, trouble: &ClientTrouble, waited: Duration) -> Self {
        let servers = settings.bootstrap_servers.clone();
        let detail = trouble.detail.clone();
        if trouble.authentication {
            let user = settings.sasl_username.clone().unwrap_or_default();
            let mechanism = settings.effective_mechanism().map_or("no mechanism", |m| m.as_str()).to_owned();
            Self::Authentication { servers, user, mechanism, detail }
        } else if trouble.answered {
            Self::Refused { servers, detail }
        } else {
            Self::Unreachable { servers, seconds: waited.as_secs(), detail }
        }
    }
}

/// How long one attempt may take before the complaints are looked at.
const ATTEMPT: Duration = Duration::from_millis(500);

/// Asks the cluster who it is. Returns as soon as it answers or refuses the credentials, and after `timeout` in any
/// case.
///
/// # Errors
/// [`KafkaUnavailable`] in words for the operator.
pub fn check_connection(settings: &KafkaSettings, timeout: Duration) -> Result<ClusterInfo, KafkaUnavailable> {
    let client = asking_client(settings)?;
    let health = client.context().health.clone();
    let start = now();
    loop {
        let detail = match client.fetch_metadata(None, ATTEMPT.min(timeout)) {
            Ok(metadata) => {
                let brokers = metadata.brokers().iter().map(|b| format!("{}:{}", b.host(), b.port())).collect();
                // The store keeps the id: a cluster that has not said who it is has not answered.
                let left = timeout.saturating_sub(start.elapsed()).max(ATTEMPT);
                match client.client().fetch_cluster_id(left).filter(|id| !id.is_empty()) {
                    Some(cluster_id) => return Ok(ClusterInfo { cluster_id, brokers }),
                    None => "the brokers answer, but give no cluster id".to_owned(),
                }
            }
            Err(error) => error.to_string(),
        };
        // Call-backs are served by polling.
        for _ in 0..16 {
            if client.poll(Duration::from_millis(5)).is_none() && health.trouble().is_some() {
                break;
            }
        }
        let trouble = health.trouble();
        let refused = trouble.as_ref().is_some_and(|t| t.authentication);
        let waited = start.elapsed();
        if refused || waited >= timeout {
            let trouble = trouble.unwrap_or(ClientTrouble { authentication: false, answered: false, detail });
            return Err(KafkaUnavailable::from_trouble(settings, &trouble, waited));
        }
    }
}

/// What is wrong with a topic that the brokers do not tell of, and what to do.
pub(super) fn missing_topic(name: &str, topic: Option<&MetadataTopic>) -> String {
    match topic.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from) {
        Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed) => {
            format!("topic {name} may not be described ({code}): grant this user Describe and Read on it")
        }
        _ => format!("topic {name} does not exist or may not be described; `worldtick topics apply` creates it"),
    }
}

/// A consumer without a group: it asks for metadata and watermarks, and reads nothing.
pub(super) fn asking_client(settings: &KafkaSettings) -> Result<BaseConsumer<BridgeContext>, KafkaUnavailable> {
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(KafkaUnavailable::Settings(problems.join("; ")));
    }
    BaseConsumer::from_config_and_context(&settings.admin(), BridgeContext::default())
        .map_err(|error| KafkaUnavailable::Settings(error.to_string()))
}
