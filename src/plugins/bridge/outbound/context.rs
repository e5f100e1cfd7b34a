//! The producer's call-backs: what became of each record.

use std::sync::Mutex;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, NoCustomPartitioner, ProducerContext};

use crate::plugins::bridge::connection::{BridgeContext, ClientHealth};
use crate::plugins::bridge::edge::lock;

/// Delivery reports since they were last taken.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) delivered: usize,
    /// Number of the record within its batch, and why it was not delivered.
    pub(super) failed: Vec<(usize, RDKafkaErrorCode)>,
}

/// Collects delivery reports; the rest is the bridge's.
#[derive(Default)]
pub(super) struct PublishContext {
    bridge: BridgeContext,
    reports: Mutex<Reports>,
}

impl PublishContext {
    pub(super) fn health(&self) -> &ClientHealth {
        &self.bridge.health
    }

    pub(super) fn take_reports(&self) -> Reports {
        std::mem::take(&mut *lock(&self.reports))
    }
}

impl ClientContext for PublishContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.bridge.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.bridge.error(error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for PublishContext {
    /// The number of the record within its batch.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let mut reports = lock(&self.reports);
        match result {
            Ok(_) => reports.delivered += 1,
            Err((error, _)) => {
                reports.failed.push((index, error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)));
            }
        }
    }
}
