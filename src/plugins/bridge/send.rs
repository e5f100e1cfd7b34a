//! Sending a single record and waiting until the brokers have it: for programs that run, send and end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, PurgeConfig,
};

use super::connection::{BridgeContext, ClientTrouble, KafkaUnavailable};
use super::edge::{lock, now};
use super::settings::{Compression, KafkaSettings};

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingleRecord {
    /// The topic.
    pub topic: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The codec.
    pub compression: Compression,
}

/// Where a record came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Why a record was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The brokers cannot be used.
    #[error(transparent)]
    Unavailable(#[from] KafkaUnavailable),
    /// The brokers answer, but have no such topic.
    #[error("topic {topic} is missing: `worldtick topics apply` creates it")]
    MissingTopic {
        /// The topic.
        topic: String,
    },
    /// The brokers refuse this record.
    #[error("Kafka refuses the record for topic {topic}: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
    },
}

type Outcome = Result<Delivered, RDKafkaErrorCode>;

#[derive(Default)]
struct SendContext {
    bridge: BridgeContext,
    outcome: Arc<Mutex<Option<Outcome>>>,
}

impl ClientContext for SendContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.bridge.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.bridge.error(error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for SendContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let outcome = match result {
            Ok(message) => Ok(Delivered { partition: message.partition(), offset: message.offset() }),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        *lock(&self.outcome) = Some(outcome);
    }
}

/// How long the call-backs are waited for at a time.
const ATTEMPT: Duration = Duration::from_millis(50);
/// How long brokers that answer may take to say whether they have a topic.
const QUESTION: Duration = Duration::from_secs(2);

/// Sends a record and waits until all replicas have it, but no longer than the write time-out. Blocking.
///
/// # Errors
/// If the brokers cannot be reached in time, refuse the user, or refuse the record.
pub fn send_one(settings: &KafkaSettings, record: &SingleRecord) -> Result<Delivered, SendError> {
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(KafkaUnavailable::Settings(problems.join("; ")).into());
    }
    let context = SendContext::default();
    let (health, outcome) = (context.bridge.health.clone(), context.outcome.clone());
    let producer: BaseProducer<SendContext> =
        BaseProducer::from_config_and_context(&settings.producer(record.compression), context)
            .map_err(|error| KafkaUnavailable::Settings(error.to_string()))?;
    let refused = |reason: String| SendError::Refused { topic: record.topic.clone(), reason };
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value.as_str()) }));
    let outgoing = BaseRecord::to(&record.topic).key(&record.key).payload(&record.value).headers(headers);
    producer.send(outgoing).map_err(|(error, _)| refused(error.to_string()))?;
    let start = now();
    loop {
        producer.poll(ATTEMPT);
        let waited = start.elapsed();
        let trouble = health.trouble();
        let told = lock(&outcome).take();
        match told {
            Some(Ok(delivered)) => return Ok(delivered),
            // librdkafka gave up at the same moment as this loop would.
            Some(Err(RDKafkaErrorCode::MessageTimedOut)) => {}
            Some(Err(code @ RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                return Err(refused(format!("{code}: grant this user Describe and Write on the topic")));
            }
            Some(Err(code)) => return Err(refused(code.to_string())),
            None if trouble.as_ref().is_some_and(|trouble| trouble.authentication) => {}
            None if waited < settings.write_timeout => continue,
            None => {}
        }
        producer.purge(PurgeConfig::default().queue().inflight());
        let refused_user = trouble.as_ref().is_some_and(|trouble| trouble.authentication);
        if !refused_user && is_missing(&producer, &record.topic) {
            return Err(SendError::MissingTopic { topic: record.topic.clone() });
        }
        let trouble =
            trouble.unwrap_or(ClientTrouble { authentication: false, answered: false, detail: "no answer".to_owned() });
        return Err(KafkaUnavailable::from_trouble(settings, &trouble, waited).into());
    }
}

/// Whether the brokers answer and have no such topic. librdkafka waits for one that may yet be made, until the time is
/// over, and then tells of nothing but the time.
fn is_missing(producer: &BaseProducer<SendContext>, topic: &str) -> bool {
    let Ok(metadata) = producer.client().fetch_metadata(Some(topic), QUESTION) else { return false };
    metadata.topics().iter().filter(|found| found.name() == topic).any(|found| {
        let error = found.error().map(RDKafkaErrorCode::from);
        matches!(error, Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic))
    })
}
