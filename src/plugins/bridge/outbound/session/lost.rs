//! What Kafka tells of the position, and making sure that what it has lost is lost whole.

use std::collections::BTreeMap;

use rdkafka::producer::Producer;

use super::{Failure, Session};
use crate::plugins::bridge::outbound::batch::Batch;
use crate::plugins::store::ShardId;

impl Session {
    /// How far the outbox is published. Shards without a position in Kafka are left out.
    pub(in crate::plugins::bridge::outbound) fn positions(
        &self,
        shards: &[ShardId],
    ) -> Result<BTreeMap<ShardId, i64>, Failure> {
        self.progress.as_ref().map_or_else(|| Ok(BTreeMap::new()), |progress| progress.read(shards))
    }

    /// How far it is published by transactions that have ended.
    pub(in crate::plugins::bridge::outbound) fn ended_positions(
        &self,
        shards: &[ShardId],
    ) -> Result<BTreeMap<ShardId, i64>, Failure> {
        self.progress.as_ref().map_or_else(|| Ok(BTreeMap::new()), |progress| progress.read_ended(shards))
    }

    /// Sends rows and positions in a transaction that is aborted on purpose. Whatever this producer's transactions of the
    /// past have left open on the same partitions ends with it, and nobody will ever read it.
    ///
    /// A coordinator may hold a transaction for complete whose end it has not written everywhere: Kafka passes over
    /// partitions that have no leader at that moment, as all have while the only broker that holds them shuts down. The
    /// next end that the same producer writes there counts for both.
    pub(in crate::plugins::bridge::outbound) fn void(
        &self,
        batch: &Batch,
        positions: &BTreeMap<ShardId, i64>,
        waits: &dyn Fn(String),
    ) -> Result<(), Failure> {
        let Some(progress) = &self.progress else { return Ok(()) };
        self.producer.context().take_reports();
        self.producer.begin_transaction().map_err(|error| Failure::of(&error, &self.id))?;
        let sent = self.send_all(batch, waits).and_then(|()| {
            let offsets = progress.offsets(positions)?;
            self.persist(waits, || self.send_offsets(progress, &offsets, waits))
        });
        self.abort(waits)?;
        sent
    }

    /// Commits positions alone.
    pub(in crate::plugins::bridge::outbound) fn commit_positions(
        &self,
        positions: &BTreeMap<ShardId, i64>,
        waits: &dyn Fn(String),
    ) -> Result<(), Failure> {
        let Some(progress) = &self.progress else { return Ok(()) };
        let offsets = progress.offsets(positions)?;
        self.producer.begin_transaction().map_err(|error| Failure::of(&error, &self.id))?;
        self.persist(waits, || self.send_offsets(progress, &offsets, waits))?;
        self.persist(waits, || self.producer.commit_transaction(super::ATTEMPT))
    }

    /// Whether the client has had trouble with the brokers since they were last well.
    pub(in crate::plugins::bridge::outbound) fn has_trouble(&self) -> bool {
        self.producer.context().health().trouble().is_some()
    }
}
