//! Which cluster it is, and where reading and publishing begin on it.

use std::collections::BTreeMap;

use super::ServerError;
use crate::plugins::bridge::inbound::{StartAt, partitions, start_positions};
use crate::plugins::bridge::{ClusterInfo, KafkaSettings, KafkaUnavailable};
use crate::plugins::store::{ClusterUse, InputPosition, Lease, ShardId, Store};

/// The id under which the store knows the broker inside the process, which is new at every start.
pub(super) const EMBEDDED: &str = "embedded";

/// Where reading and publishing begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) cluster_id: String,
    pub(super) positions: Vec<InputPosition>,
    pub(super) marks: BTreeMap<ShardId, i64>,
    /// Whether the store has come to this cluster just now: what it published before is elsewhere.
    pub(super) changed: bool,
}

/// What is asked of the cluster and the store.
pub(super) struct Question<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) cluster: &'a ClusterInfo,
    pub(super) embedded: bool,
    pub(super) accept_new: bool,
    pub(super) start_at: StartAt,
    pub(super) topics: &'a [&'a str],
    pub(super) now: i64,
}

impl Question<'_> {
    /// Compares the cluster with the one that the store belongs to, and finds the places. First positions are
    /// in the store before this returns, together with the cluster that they are of.
    pub(super) async fn places(&self, store: &Store, lease: &Lease) -> Result<Places, ServerError> {
        let cluster_id = if self.embedded { EMBEDDED.to_owned() } else { self.cluster.cluster_id.clone() };
        let known = store.clusters().await?;
        let last_real = known.iter().find(|cluster| !cluster.embedded);
        if let Some(expected) = last_real
            && !self.embedded
            && expected.cluster_id != cluster_id
            && !self.accept_new
        {
            return Err(ServerError::OtherCluster { found: cluster_id, expected: expected.cluster_id.clone() });
        }
        let same = !self.embedded && known.first().is_some_and(|present| present.cluster_id == cluster_id);
        let marks = if same {
            let marks = store.marks(&cluster_id).await?;
            marks.into_iter().map(|mark| (mark.shard, mark.published_id)).collect()
        } else {
            store.max_marks().await?.into_iter().collect()
        };
        let returns = !same && known.iter().any(|earlier| earlier.cluster_id == cluster_id);
        let mut positions = if same { self.stored(store, lease).await? } else { Vec::new() };
        // A topic of which there is no position at all is new to this store, not a partition that was added.
        let is_new = |topic: &&&str| !positions.iter().any(|position| position.topic == **topic);
        let new: Vec<&str> = self.topics.iter().filter(is_new).copied().collect();
        if !new.is_empty() {
            let first = self.first(returns, &new).await?;
            if same {
                store.add_positions(lease, &first).await?;
            }
            positions.extend(first);
        }
        if !same {
            tracing::info!(cluster_id, embedded = self.embedded, "the store belongs to this cluster now");
            let cluster = ClusterUse { cluster_id: &cluster_id, embedded: self.embedded, now: self.now };
            store.enter_cluster(lease, &cluster, &positions).await?;
        }
        Ok(Places { cluster_id, positions, marks, changed: !same })
    }

    /// The positions in the store: of each partition the smallest of any shard. Partitions that are no more, because the
    /// topic was made again with fewer, are forgotten.
    async fn stored(&self, store: &Store, lease: &Lease) -> Result<Vec<InputPosition>, ServerError> {
        let mut smallest: BTreeMap<(String, i32), i64> = BTreeMap::new();
        for (_, position) in store.positions().await? {
            if self.topics.contains(&position.topic.as_str()) {
                let next = smallest.entry((position.topic, position.partition)).or_insert(position.next);
                *next = position.next.min(*next);
            }
        }
        let present = self.ask(self.topics, partitions).await?;
        let as_position = |((topic, partition), next)| InputPosition { topic, partition, next };
        let (there, gone): (Vec<InputPosition>, Vec<InputPosition>) = smallest
            .into_iter()
            .map(as_position)
            .partition(|position| present.contains(&(position.topic.clone(), position.partition)));
        for InputPosition { topic, partition, next } in &gone {
            tracing::error!(
                topic,
                partition,
                next,
                "a partition is no more: its topic was made again with fewer; what it held from here on is lost"
            );
        }
        if !gone.is_empty() {
            store.forget_positions(lease, &gone).await?;
        }
        Ok(there)
    }

    /// First positions of some topics, from the cluster.
    async fn first(&self, returns: bool, topics: &[&str]) -> Result<Vec<InputPosition>, ServerError> {
        if returns && !self.embedded {
            tracing::warn!(
                "the store was on another broker meanwhile: this cluster's ticks are read from their start, and those \
                 that are known by their ids are not run again"
            );
        }
        // A broker that is new has nothing that was seen before, and one that is known may have what was not seen.
        let start_at = if self.embedded || returns { StartAt::Earliest } else { self.start_at };
        self.ask(topics, move |settings, topics| start_positions(settings, topics, start_at)).await
    }

    /// Asks the cluster about some topics; its answers block.
    async fn ask<T: Send + 'static>(
        &self,
        topics: &[&str],
        question: impl FnOnce(&KafkaSettings, &[&str]) -> Result<T, KafkaUnavailable> + Send + 'static,
    ) -> Result<T, ServerError> {
        let settings = self.settings.clone();
        let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
        let asked = tokio::task::spawn_blocking(move || {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            question(&settings, &topics)
        });
        Ok(asked.await.map_err(|error| ServerError::System(std::io::Error::other(error)))??)
    }
}
