//! Which cluster it is, and where reading and publishing begin on it.

use std::collections::BTreeMap;

use super::ServerError;
use crate::plugins::bridge::inbound::{StartAt, start_positions};
use crate::plugins::bridge::{ClusterInfo, KafkaSettings};
use crate::plugins::store::{InputPosition, Lease, ShardId, Store};

/// The id under which the store knows the broker inside the process, which is new at every start.
pub(super) const EMBEDDED: &str = "embedded";

/// Where reading and publishing begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) cluster_id: String,
    pub(super) positions: Vec<InputPosition>,
    pub(super) marks: BTreeMap<ShardId, i64>,
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
    /// Compares the cluster with the one that the store belongs to, and finds the places. First positions are in the
    /// store before this returns.
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
        let positions = if same { self.stored(store).await? } else { Vec::new() };
        let returns = !same && known.iter().any(|earlier| earlier.cluster_id == cluster_id);
        let positions = if positions.is_empty() { self.first(store, lease, returns).await? } else { positions };
        if !same {
            tracing::info!(cluster_id, embedded = self.embedded, "the store belongs to this cluster now");
            store.use_cluster(lease, &cluster_id, self.embedded, self.now).await?;
        }
        Ok(Places { cluster_id, positions, marks })
    }

    /// The positions in the store: of each partition the smallest of any shard.
    async fn stored(&self, store: &Store) -> Result<Vec<InputPosition>, ServerError> {
        let mut smallest: BTreeMap<(String, i32), i64> = BTreeMap::new();
        for (_, position) in store.positions().await? {
            if self.topics.contains(&position.topic.as_str()) {
                let next = smallest.entry((position.topic, position.partition)).or_insert(position.next);
                *next = position.next.min(*next);
            }
        }
        let positions = smallest.into_iter();
        Ok(positions.map(|((topic, partition), next)| InputPosition { topic, partition, next }).collect())
    }

    /// First positions, written before anything is read.
    async fn first(&self, store: &Store, lease: &Lease, returns: bool) -> Result<Vec<InputPosition>, ServerError> {
        if returns && !self.embedded {
            tracing::warn!(
                "the store was on another broker meanwhile: this cluster's ticks are read from their start, and those \
                 that are known by their ids are not run again"
            );
        }
        // A broker that is new has nothing that was seen before, and one that is known may have what was not seen.
        let start_at = if self.embedded || returns { StartAt::Earliest } else { self.start_at };
        let (settings, topics) =
            (self.settings.clone(), self.topics.iter().map(ToString::to_string).collect::<Vec<_>>());
        let asked = tokio::task::spawn_blocking(move || {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            start_positions(&settings, &topics, start_at)
        });
        let positions = asked.await.map_err(|error| ServerError::System(std::io::Error::other(error)))??;
        store.set_positions(lease, &positions).await?;
        Ok(positions)
    }
}
