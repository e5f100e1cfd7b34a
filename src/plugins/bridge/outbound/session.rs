//! One producer and one transaction at a time.
//!
//! Blocking, and every wait has an end: a call that times out is repeated only while nobody asks to stop.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};
use rdkafka::{Offset, TopicPartitionList};

use super::batch::Batch;
use super::context::PublishContext;
use super::{Guarantee, OutboundConfig};
use crate::failpoint;
use crate::plugins::bridge::connection::{BridgeContext, KafkaUnavailable};
use crate::plugins::bridge::edge::now;
use crate::plugins::bridge::settings::{Compression, KafkaSettings};
use crate::plugins::store::{OutboxRow, ShardId};

/// Why a batch is not published, and what to do about it.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it is visible: the same rows again.
    Again(String),
    /// These records of the batch are too large; `certain`: each by itself.
    TooLarge { indices: Vec<usize>, certain: bool },
    /// An operator must do something.
    Held(String),
    /// It is not known what became of it: a new producer, then read the position.
    Unknown(String),
    /// The producer is at its end.
    Fatal(String),
    /// Asked to stop.
    Stopped,
}

/// How long a call of the start may take before call-backs are served.
const START_ATTEMPT: Duration = Duration::from_secs(2);
/// Attempts at ending a transaction before the producer is given up.
const ABORT_ATTEMPTS_MAX: u32 = 10;

/// What is needed to commit positions with a transaction.
struct Progress {
    consumer: BaseConsumer<BridgeContext>,
    metadata: ConsumerGroupMetadata,
    topic: String,
}

/// A producer, and where its position is kept.
pub(super) struct Session {
    producer: BaseProducer<PublishContext>,
    progress: Option<Progress>,
    write_timeout: Duration,
    stops: Receiver<()>,
}

/// Whether a code says that something is not permitted.
fn is_authorization(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
    )
}

fn is_missing_topic(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

fn not_permitted(what: &str, code: RDKafkaErrorCode) -> Failure {
    Failure::Held(format!(
        "{what} is not permitted ({code}): grant this user write access; nothing is skipped meanwhile"
    ))
}

impl Session {
    pub(super) fn open(
        settings: &KafkaSettings,
        config: &OutboundConfig,
        stops: Receiver<()>,
    ) -> Result<Self, KafkaUnavailable> {
        let unusable = |error: KafkaError| KafkaUnavailable::Settings(error.to_string());
        let id = config.transactional_id();
        let (client, progress) = match config.guarantee {
            Guarantee::AtLeastOnce => (settings.producer(Compression::Lz4), None),
            Guarantee::ExactlyOnce => {
                let consumer = BaseConsumer::from_config_and_context(&settings.consumer(&id), BridgeContext::default())
                    .map_err(unusable)?;
                let metadata = consumer.group_metadata().ok_or_else(|| {
                    KafkaUnavailable::Settings(format!("group {id} has no metadata for transactions"))
                })?;
                let progress = Progress { consumer, metadata, topic: config.progress_topic.clone() };
                (settings.transactional_producer(Compression::Lz4, &id), Some(progress))
            }
        };
        let producer = BaseProducer::from_config_and_context(&client, PublishContext::default()).map_err(unusable)?;
        Ok(Self { producer, progress, write_timeout: settings.write_timeout, stops })
    }

    /// Ends what an earlier owner left open, and reads how far the outbox is published. Shards without a position in
    /// Kafka are left out.
    pub(super) fn begin(&self, shards: &[ShardId]) -> Result<BTreeMap<ShardId, i64>, Failure> {
        let Some(progress) = &self.progress else { return Ok(BTreeMap::new()) };
        loop {
            match self.producer.init_transactions(START_ATTEMPT) {
                Ok(()) => break,
                Err(error) => match self.classify(error) {
                    Failure::Again(detail) => return Err(self.named(detail)),
                    other => return Err(other),
                },
            }
        }
        progress.read(shards)
    }

    /// Serves call-backs of clients that have nothing to do.
    pub(super) fn idle(&self) {
        for _ in 0..4 {
            self.producer.poll(Duration::ZERO);
        }
        if let Some(progress) = &self.progress {
            progress.serve();
        }
    }

    /// Publishes a batch: all of it becomes visible, with its position, or nothing.
    pub(super) fn publish(&self, batch: &Batch) -> Result<(), Failure> {
        failpoint::hit("publish.before_begin");
        self.producer.context().take_reports();
        let Some(progress) = &self.progress else { return self.send_all(batch) };
        self.producer.begin_transaction().map_err(|error| self.classify(error))?;
        let outcome = self.send_all(batch).and_then(|()| {
            failpoint::hit("publish.before_offsets");
            let offsets = progress.offsets(&batch.marks())?;
            self.persist(|| {
                self.producer.send_offsets_to_transaction(&offsets, &progress.metadata, self.write_timeout)
            })?;
            failpoint::hit("publish.before_commit");
            self.persist(|| self.producer.commit_transaction(self.write_timeout))?;
            failpoint::hit("publish.after_commit");
            Ok(())
        });
        match outcome {
            Err(failure @ (Failure::Again(_) | Failure::TooLarge { .. } | Failure::Held(_))) => {
                // A producer that may not write cannot be relied on to abort either; it is made anew in any case.
                match (self.abort(), failure) {
                    (Ok(()) | Err(_), held @ Failure::Held(_)) => Err(held),
                    (Ok(()), failure) => Err(failure),
                    (Err(worse), _) => Err(worse),
                }
            }
            other => other,
        }
    }

    fn send_all(&self, batch: &Batch) -> Result<(), Failure> {
        for (index, row) in batch.rows.iter().enumerate() {
            self.send(index, row)?;
        }
        failpoint::hit("publish.after_send");
        if !self.drain(self.write_timeout + START_ATTEMPT) {
            return Err(self.named("records were not acknowledged in time".to_owned()));
        }
        self.check_reports(batch)
    }

    fn send(&self, index: usize, row: &OutboxRow) -> Result<(), Failure> {
        let mut headers = OwnedHeaders::new_with_capacity(row.headers.len());
        for (name, value) in &row.headers {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&row.topic, index).headers(headers);
        record.key = row.key.as_deref();
        record.payload = row.body.as_deref();
        let start = now();
        loop {
            let error = match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    record = back;
                    error
                }
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) if start.elapsed() < self.write_timeout => {
                    self.producer.poll(Duration::from_millis(5));
                }
                // librdkafka refuses it by itself, without a delivery report and without failing the transaction.
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    return Err(Failure::TooLarge { indices: vec![index], certain: true });
                }
                Some(code) => return Err(self.refused(row, code)),
                None => return Err(Failure::Unknown(error.to_string())),
            }
        }
    }

    fn refused(&self, row: &OutboxRow, code: RDKafkaErrorCode) -> Failure {
        if is_authorization(code) {
            not_permitted(&format!("writing to topic {}", row.topic), code)
        } else if is_missing_topic(code) {
            Failure::Held(format!("topic {} is missing ({code}): `worldtick topics apply` creates it", row.topic))
        } else if let Some((_, reason)) = self.producer.client().fatal_error() {
            Failure::Fatal(reason)
        } else {
            self.named(format!("a record for {} was not taken: {code}", row.topic))
        }
    }

    /// Looks at every delivery report: a transaction may commit although records of it failed locally.
    fn check_reports(&self, batch: &Batch) -> Result<(), Failure> {
        let reports = self.producer.context().take_reports();
        let too_large =
            |code| matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize);
        let indices: Vec<usize> =
            reports.failed.iter().filter(|(_, code)| too_large(*code)).map(|(index, _)| *index).collect();
        if !indices.is_empty() {
            return Err(Failure::TooLarge { indices, certain: false });
        }
        // Records that were dropped because another one failed say nothing; the first real reason counts.
        let telling = reports
            .failed
            .iter()
            .find(|(_, code)| !matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight));
        if let Some((index, code)) = telling.or(reports.failed.first()) {
            return Err(match batch.rows.get(*index) {
                Some(row) => self.refused(row, *code),
                None => Failure::Again(code.to_string()),
            });
        }
        if reports.delivered == batch.rows.len() {
            Ok(())
        } else {
            Err(Failure::Again(format!("{} of {} records were acknowledged", reports.delivered, batch.rows.len())))
        }
    }

    /// Polls until nothing is in flight. Not `flush`, which always takes its tenth of a second.
    fn drain(&self, limit: Duration) -> bool {
        let start = now();
        while self.producer.in_flight_count() > 0 {
            if start.elapsed() >= limit {
                return false;
            }
            self.producer.poll(Duration::from_millis(1));
        }
        true
    }

    /// Repeats a call for as long as it may be repeated and nobody asks to stop.
    fn persist(&self, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), Failure> {
        loop {
            let error = match call() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let retriable = matches!(&error, KafkaError::Transaction(e)
                if e.is_retriable() && !e.txn_requires_abort() && !e.is_fatal() && !is_authorization(e.code()));
            if !retriable {
                return Err(self.classify(error));
            }
            tracing::debug!(%error, "a step of a transaction is repeated");
            self.producer.poll(Duration::from_millis(20));
            if self.stopping() {
                return Err(Failure::Stopped);
            }
        }
    }

    fn abort(&self) -> Result<(), Failure> {
        for _ in 0..ABORT_ATTEMPTS_MAX {
            // Before everything is reported an abort says "again" for ever.
            if !self.drain(self.write_timeout) {
                self.producer.purge(PurgeConfig::default().queue().inflight());
                self.drain(START_ATTEMPT);
            }
            match self.producer.abort_transaction(self.write_timeout) {
                Ok(()) => {
                    self.producer.context().take_reports();
                    return Ok(());
                }
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !error.is_fatal() => {
                    if self.stopping() {
                        return Err(Failure::Stopped);
                    }
                }
                Err(error) => return Err(self.classify(error)),
            }
        }
        Err(Failure::Unknown("the transaction could not be aborted".to_owned()))
    }

    fn classify(&self, error: KafkaError) -> Failure {
        let KafkaError::Transaction(inner) = &error else { return Failure::Unknown(error.to_string()) };
        let code = inner.code();
        if is_authorization(code) {
            not_permitted("publishing", code)
        } else if inner.is_fatal() {
            Failure::Fatal(inner.to_string())
        } else if inner.txn_requires_abort() || inner.is_retriable() {
            Failure::Again(inner.to_string())
        } else {
            Failure::Unknown(inner.to_string())
        }
    }

    /// Adds what the client complains about: a refused password is held, not tried again in silence.
    fn named(&self, detail: String) -> Failure {
        self.producer.poll(Duration::from_millis(1));
        match self.producer.context().health().trouble() {
            Some(trouble) if trouble.authentication => {
                Failure::Held(format!("the brokers refuse the credentials ({})", trouble.detail))
            }
            Some(trouble) => Failure::Again(format!("{detail} ({})", trouble.detail)),
            None => Failure::Again(detail),
        }
    }

    pub(super) fn is_well(&self) {
        self.producer.context().health().is_well();
    }

    fn stopping(&self) -> bool {
        matches!(self.stops.try_recv(), Err(TryRecvError::Disconnected))
    }
}

impl Progress {
    fn serve(&self) {
        for _ in 0..4 {
            // Only call-backs: nothing is assigned.
            let _ = self.consumer.poll(Duration::ZERO);
        }
    }

    fn offsets(&self, marks: &BTreeMap<ShardId, i64>) -> Result<TopicPartitionList, Failure> {
        let mut list = TopicPartitionList::with_capacity(marks.len());
        for (&shard, &id) in marks {
            list.add_partition_offset(&self.topic, shard, Offset::Offset(id))
                .map_err(|error| Failure::Unknown(error.to_string()))?;
        }
        Ok(list)
    }

    /// The committed positions. Waits for a transaction that is still open.
    fn read(&self, shards: &[ShardId]) -> Result<BTreeMap<ShardId, i64>, Failure> {
        let again = |error: KafkaError| match error.rdkafka_error_code() {
            Some(code) if is_authorization(code) => not_permitted("reading the position of the outbox", code),
            _ => Failure::Again(format!("the position of the outbox cannot be read: {error}")),
        };
        self.check_topic(shards)?;
        let mut list = TopicPartitionList::with_capacity(shards.len());
        for &shard in shards {
            list.add_partition(&self.topic, shard);
        }
        let committed = self.consumer.committed_offsets(list, START_ATTEMPT * 5).map_err(again)?;
        let mut positions = BTreeMap::new();
        for element in committed.elements() {
            element.error().map_err(again)?;
            if let Offset::Offset(id) = element.offset() {
                positions.insert(element.partition(), id);
            }
        }
        self.serve();
        Ok(positions)
    }

    fn check_topic(&self, shards: &[ShardId]) -> Result<(), Failure> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(&self.topic), START_ATTEMPT)
            .map_err(|error| Failure::Again(format!("topic {}: {error}", self.topic)))?;
        let found = metadata.topics().iter().find(|topic| topic.name() == self.topic && topic.error().is_none());
        let partitions = found.map_or(0, |topic| topic.partitions().len());
        let needed = shards.iter().max().map_or(0, |last| usize::try_from(*last).unwrap_or(usize::MAX - 1) + 1);
        if partitions >= needed {
            return Ok(());
        }
        Err(Failure::Held(format!(
            "topic {} has {partitions} partitions and needs {needed}, one a shard: `worldtick topics apply` creates it where it is missing",
            self.topic
        )))
    }
}
