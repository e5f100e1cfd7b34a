//! What an engine is made of, and how it ends.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use thiserror::Error;
use tokio::runtime::Handle;

use super::orders::OrderMessage;
use super::payloads::Payloads;
use super::restore::Restorer;
use super::view::HostView;
use super::{BuildApp, HostConfig};
use crate::plugins::bridge::inbound::{Inbound, Received};
use crate::plugins::bridge::outbound::{PublisherEvent, PublisherFatal};
use crate::plugins::store::{InputPosition, Lease, OutboxRow, ShardId, Store};

/// Why the engine has ended before it was told to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostFailure {
    /// Another server has taken over.
    #[error("another server has taken over this store; nothing of this one counts any more")]
    Fenced,
    /// The store can neither be written nor waited for.
    #[error("the store cannot be written any more: {0}")]
    Store(String),
    /// Publishing has ended for good.
    #[error("nothing can be published any more: {0}")]
    Publisher(PublisherFatal),
    /// A worker thread has ended.
    #[error("a worker thread has ended unexpectedly")]
    Worker,
    /// The system gives no thread.
    #[error("worker threads cannot be started: {0}")]
    Threads(String),
}

impl From<PublisherFatal> for HostFailure {
    fn from(fatal: PublisherFatal) -> Self {
        match fatal {
            PublisherFatal::LeaseLost(_) => Self::Fenced,
            fatal @ PublisherFatal::AheadOfStore(_) => Self::Publisher(fatal),
        }
    }
}

/// What the engine tells the parts around it.
pub trait Surroundings: Send {
    /// These rows of the outbox are durable, and with them all up to these ids. Told of each commit, in order.
    fn outbox_grew(&self, rows: &[OutboxRow], last_ids: &[(ShardId, i64)]);
    /// These input positions are durable.
    fn positions_stored(&self, positions: Vec<InputPosition>);
    /// These partitions have a durable position and may be read. Returns whether they were taken.
    fn partitions_ready(&self, positions: Vec<InputPosition>) -> bool;
    /// Whether Kafka is being read: what is said there is heard.
    fn kafka_is_read(&self) -> bool;
}

/// What an engine is made of.
pub struct EngineParts {
    /// Its limits.
    pub config: HostConfig,
    /// How worlds are built.
    pub build: BuildApp,
    /// How worlds are restored.
    pub restorer: Restorer,
    /// The store.
    pub store: Store,
    /// The right to commit.
    pub lease: Lease,
    /// The runtime on which the store works.
    pub runtime: Handle,
    /// Id of the cluster that is published to.
    pub cluster_id: String,
    /// What readers see.
    pub view: HostView,
    /// What is read from Kafka.
    pub inbound: Receiver<Received<Inbound>>,
    /// What people ask for.
    pub orders: Receiver<OrderMessage>,
    /// News from the publisher.
    pub publisher: Receiver<PublisherEvent>,
    /// Told when the engine is to stop.
    pub stop: Receiver<()>,
    /// The shapes of what commands of plugins take.
    pub payloads: Arc<Payloads>,
    /// The parts around it.
    pub surroundings: Box<dyn Surroundings>,
    /// Version of the program, for the journal.
    pub version: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::bridge::outbound::Ahead;

    #[test]
    fn a_restored_back_up_is_told_in_its_own_words_and_a_lost_lease_is_a_takeover() {
        let ahead = |shard| Ahead { shard, committed: 25, assigned: 15 };
        let failure = HostFailure::from(PublisherFatal::AheadOfStore(vec![ahead(3), ahead(5)]));
        let words = failure.to_string();
        for part in ["published", "back-up", "skip-to 25 --shard 3`", "skip-to 25 --shard 5`"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(!words.contains("written"), "{words}");
        assert_eq!(HostFailure::from(PublisherFatal::LeaseLost("gone".into())), HostFailure::Fenced);
    }
}
