//! What the parts tell each other: engine to publisher and reader, publisher to store.

#![expect(clippy::disallowed_methods, reason = "reading for the publisher has a limit in wall time")]

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::fresh::FreshRows;
use crate::plugins::bridge::inbound::InboundHandle;
use crate::plugins::bridge::outbound::{OutboxSource, OutboxUnavailable, PublisherHandle};
use crate::plugins::host::Surroundings;
use crate::plugins::store::{InputPosition, OutboxRow, ShardId, Store};

/// The reader and the publisher, once they run, and what is handed to it.
#[derive(Clone, Default)]
pub(super) struct Bridges {
    pub(super) inbound: Slot<InboundHandle>,
    pub(super) publisher: Slot<PublisherHandle>,
    pub(super) fresh: FreshRows,
}

/// A part that comes to life later and is taken out at the end.
pub(super) struct Slot<T>(Arc<OnceLock<Mutex<Option<T>>>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Slot<T> {
    pub(super) fn put(&self, part: T) {
        *self.0.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner) = Some(part);
    }

    pub(super) fn take(&self) -> Option<T> {
        self.0.get().and_then(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    pub(super) fn with<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        let slot = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map(read)
    }
}

impl Surroundings for Bridges {
    fn outbox_grew(&self, rows: &[OutboxRow], last_ids: &[(ShardId, i64)]) {
        // Before the wake-up: whoever is woken finds them.
        self.fresh.add(rows);
        self.publisher.with(|publisher| publisher.wake(last_ids));
    }

    fn positions_stored(&self, positions: Vec<InputPosition>) {
        self.inbound.with(|inbound| inbound.commit_group_offsets(positions));
    }

    fn partitions_ready(&self, positions: Vec<InputPosition>) -> bool {
        self.inbound.with(|inbound| inbound.add_partitions(positions)).unwrap_or(false)
    }

    fn kafka_is_read(&self) -> bool {
        self.inbound.with(|inbound| inbound.status().connected).unwrap_or(false)
    }
}

/// The outbox as the publisher reads it, on its own thread: what came last from memory, everything else from the store.
pub(super) struct StoredOutbox {
    pub(super) fresh: FreshRows,
    pub(super) store: Store,
    pub(super) runtime: Handle,
    pub(super) timeout: Duration,
}

impl OutboxSource for StoredOutbox {
    fn rows_after(&self, shard: ShardId, id: i64, limit: usize) -> Result<Vec<OutboxRow>, OutboxUnavailable> {
        if let Some(rows) = self.fresh.after(shard, id, limit) {
            return Ok(rows);
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        // time: publisher: limit of reading the outbox | real | tokio timer | time-out
        let read = async { tokio::time::timeout(self.timeout, self.store.outbox_after(shard, id, limit)).await };
        match self.runtime.block_on(read) {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(OutboxUnavailable(error.to_string())),
            Err(_) => Err(OutboxUnavailable(format!("the store did not answer within {:?}", self.timeout))),
        }
    }
}
