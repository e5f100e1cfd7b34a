//! One producer and one transaction at a time.
//!
//! Blocking, and every wait has an end: a call that times out is repeated only while nobody asks to stop.

mod failure;
mod lost;
mod progress;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError};
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};

pub(super) use failure::Failure;
use failure::{is_authorization, is_missing_topic};
use progress::Progress;

use super::batch::Batch;
use super::context::PublishContext;
use super::{Guarantee, OutboundConfig};
use crate::failpoint;
use crate::plugins::bridge::connection::KafkaUnavailable;
use crate::plugins::bridge::edge::now;
use crate::plugins::bridge::settings::{Compression, KafkaSettings};
use crate::plugins::store::OutboxRow;

/// How long one call may take that goes on in the background: then it is told what is being waited for.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Between two looks at what has been acknowledged.
const REST: Duration = Duration::from_micros(300);
/// Attempts at ending a transaction before the producer is given up.
const ABORT_ATTEMPTS_MAX: u32 = 15;

/// A producer, and where its position is kept.
pub(super) struct Session {
    producer: Arc<BaseProducer<PublishContext>>,
    progress: Option<Arc<Progress>>,
    write_timeout: Duration,
    /// Of the producer and of the group.
    id: String,
    stops: Receiver<()>,
}

impl Session {
    pub(super) fn open(
        settings: &KafkaSettings,
        config: &OutboundConfig,
        stops: Receiver<()>,
    ) -> Result<Self, KafkaUnavailable> {
        let (client, progress) = match config.guarantee {
            Guarantee::AtLeastOnce => (settings.producer(Compression::Lz4), None),
            Guarantee::ExactlyOnce => {
                let client = settings.transactional_producer(Compression::Lz4, &config.transactional_id());
                (client, Some(Arc::new(Progress::open(settings, config)?)))
            }
        };
        let producer = BaseProducer::from_config_and_context(&client, PublishContext::default())
            .map_err(|error| KafkaUnavailable::Settings(error.to_string()))?;
        let id = config.transactional_id();
        Ok(Self { producer: Arc::new(producer), progress, write_timeout: settings.write_timeout, id, stops })
    }

    /// Ends what an earlier owner left open. Tells `waits` what it waits for.
    pub(super) fn begin(&self, waits: &dyn Fn(String)) -> Result<(), Failure> {
        if self.progress.is_none() {
            return Ok(());
        }
        let start = now();
        // The call goes on in the background: a slow coordinator must not make it begin from the start each time.
        while let Err(error) = self.producer.init_transactions(ATTEMPT) {
            let detail = match Failure::of(&error, &self.id) {
                Failure::Again(detail) => detail,
                other => return Err(other),
            };
            match self.named(detail) {
                Failure::Again(detail) if start.elapsed() < self.write_timeout * 3 => waits(detail),
                other => return Err(other),
            }
            if self.stopping() {
                return Err(Failure::Stopped);
            }
        }
        failpoint::hit("start.after_init");
        Ok(())
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

    /// Publishes a batch: all of it becomes visible, with its position, or nothing. Tells `waits` what it waits for when
    /// that takes long.
    pub(super) fn publish(&self, batch: &Batch, waits: &dyn Fn(String)) -> Result<(), Failure> {
        failpoint::hit("publish.before_begin");
        self.producer.context().take_reports();
        let Some(progress) = &self.progress else { return self.send_all(batch, waits) };
        self.producer.begin_transaction().map_err(|error| Failure::of(&error, &self.id))?;
        let outcome = self.send_all(batch, waits).and_then(|()| {
            failpoint::hit("publish.before_offsets");
            let offsets = progress.offsets(&batch.marks())?;
            self.persist(waits, || self.send_offsets(progress, &offsets, waits))?;
            failpoint::hit("publish.before_commit");
            self.persist(waits, || self.producer.commit_transaction(ATTEMPT))?;
            failpoint::hit("publish.after_commit");
            Ok(())
        });
        match outcome {
            Err(failure @ (Failure::Again(_) | Failure::TooLarge { .. } | Failure::Held(_))) => {
                // A producer that may not write cannot be relied on to abort either; it is made anew in any case.
                match (self.abort(waits), failure) {
                    (Ok(()) | Err(_), held @ Failure::Held(_)) => Err(held),
                    (Ok(()), failure) => Err(failure),
                    (Err(worse), _) => Err(worse),
                }
            }
            other => other,
        }
    }

    fn send_offsets(
        &self,
        progress: &Arc<Progress>,
        offsets: &TopicPartitionList,
        waits: &dyn Fn(String),
    ) -> Result<(), KafkaError> {
        let limit = self.write_timeout + ATTEMPT;
        watched::send_offsets(&self.producer, progress, offsets, self.write_timeout, |waited| {
            if waited >= ATTEMPT {
                waits("the position is not added to the transaction yet".to_owned());
            }
            waited < limit && !(waited >= ATTEMPT && self.stopping())
        })
    }

    fn send_all(&self, batch: &Batch, waits: &dyn Fn(String)) -> Result<(), Failure> {
        for (index, row) in batch.rows.iter().enumerate() {
            self.send(batch, index, row)?;
        }
        failpoint::hit("publish.after_send");
        if !self.drain(self.write_timeout + ATTEMPT, waits) {
            return Err(self.named("records were not acknowledged in time".to_owned()));
        }
        self.check_reports(batch)
    }

    fn send(&self, batch: &Batch, index: usize, row: &OutboxRow) -> Result<(), Failure> {
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
                    self.serve_and_rest();
                }
                // librdkafka refuses it by itself, without a delivery report and without failing the transaction.
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    return Err(Failure::TooLarge { indices: vec![index], certain: true });
                }
                // The transaction failed while its records were still being handed over.
                Some(RDKafkaErrorCode::State) => return Err(self.why_dropped(batch)),
                Some(code) => return Err(self.refused(row, code)),
                None => return Err(Failure::Unknown(error.to_string())),
            }
        }
    }

    fn refused(&self, row: &OutboxRow, code: RDKafkaErrorCode) -> Failure {
        if is_authorization(code) {
            Failure::not_permitted(&format!("writing to topic {}", row.topic), code, &self.id)
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
        // Records that were dropped because something else failed say nothing; the first real reason counts.
        let telling = reports
            .failed
            .iter()
            .find(|(_, code)| !matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight));
        if let Some((index, code)) = telling {
            return Err(match batch.rows.get(*index) {
                Some(row) => self.refused(row, *code),
                None => Failure::Again(code.to_string()),
            });
        }
        if !reports.failed.is_empty() {
            return Err(self.why_dropped(batch));
        }
        if reports.delivered == batch.rows.len() {
            Ok(())
        } else {
            Err(Failure::Again(format!("{} of {} records were acknowledged", reports.delivered, batch.rows.len())))
        }
    }

    /// The transaction itself has failed and its records were dropped: its next step tells why. Should that step work all
    /// the same, nothing is lost: the transaction is aborted.
    fn why_dropped(&self, batch: &Batch) -> Failure {
        let again = Failure::Again("records were dropped before they were sent".to_owned());
        let Some(progress) = &self.progress else { return again };
        let answer = progress.offsets(&batch.marks()).and_then(|offsets| {
            let sent = self.producer.send_offsets_to_transaction(&offsets, &progress.metadata, self.write_timeout);
            sent.map_err(|error| Failure::of(&error, &self.id))
        });
        answer.err().unwrap_or(again)
    }

    /// Polls until nothing is in flight. Not `flush`, which always takes its tenth of a second.
    fn drain(&self, limit: Duration, waits: &dyn Fn(String)) -> bool {
        let start = now();
        let mut told = false;
        while self.producer.in_flight_count() > 0 {
            let waited = start.elapsed();
            // Who is to stop waits a little, for brokers that are there, and not for those that are not.
            if waited >= limit || (waited >= ATTEMPT && self.stopping()) {
                return false;
            }
            if waited >= ATTEMPT && !told {
                told = true;
                waits("records are not acknowledged yet".to_owned());
            }
            self.serve_and_rest();
        }
        true
    }

    /// Serves call-backs and gives the processor away for a moment. Not a poll with a timeout: its last millisecond
    /// spins, because librdkafka counts whole ones.
    fn serve_and_rest(&self) {
        self.producer.poll(Duration::ZERO);
        // time: publisher: serving the client while acknowledgements are due | real | parked thread | fixed wait
        std::thread::park_timeout(REST);
    }

    /// Repeats a call for as long as it may be repeated and nobody asks to stop.
    fn persist(&self, waits: &dyn Fn(String), call: impl Fn() -> Result<(), KafkaError>) -> Result<(), Failure> {
        let start = now();
        loop {
            let error = match call() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let retriable = matches!(&error, KafkaError::Transaction(e)
                if e.is_retriable() && !e.txn_requires_abort() && !e.is_fatal() && !is_authorization(e.code()));
            if !retriable {
                return Err(Failure::of(&error, &self.id));
            }
            self.producer.poll(Duration::from_millis(20));
            if start.elapsed() >= ATTEMPT {
                waits(format!("a step of a transaction is repeated: {error}"));
            }
            if self.stopping() {
                return Err(Failure::Stopped);
            }
        }
    }

    fn abort(&self, waits: &dyn Fn(String)) -> Result<(), Failure> {
        for _ in 0..ABORT_ATTEMPTS_MAX {
            if self.stopping() {
                return Err(Failure::Stopped);
            }
            // Before everything is reported an abort says "again" for ever.
            if !self.drain(self.write_timeout, waits) {
                self.producer.purge(PurgeConfig::default().queue().inflight());
                self.drain(ATTEMPT, waits);
            }
            match self.producer.abort_transaction(ATTEMPT) {
                Ok(()) => {
                    self.producer.context().take_reports();
                    return Ok(());
                }
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !error.is_fatal() => {
                    waits(format!("a transaction is being aborted: {error}"));
                }
                Err(error) => return Err(Failure::of(&error, &self.id)),
            }
        }
        Err(Failure::Unknown("the transaction could not be aborted".to_owned()))
    }

    /// Adds what the client complains about: a refused password is held, not tried again in silence.
    fn named(&self, detail: String) -> Failure {
        self.producer.poll(Duration::from_millis(20));
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
