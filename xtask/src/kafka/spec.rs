//! What cluster is wanted, and where its files are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::process::{Ask, Scope};
use crate::{Error, Result};

const NODES_MAX: usize = 5;

/// A user with a password (SCRAM-SHA-256), on listeners of its own.
#[derive(Debug, Clone)]
pub struct Sasl {
    /// The name, without commas.
    pub user: String,
    /// The password, without commas and brackets.
    pub password: String,
}

/// What cluster is wanted.
#[derive(Debug, Clone)]
pub struct ClusterSpec {
    /// How many nodes: 1 to 5, each broker and controller.
    pub nodes: usize,
    /// The folder for data and logs. What it holds of an earlier run is used again.
    pub dir: PathBuf,
    /// The folder of the jars, from [`super::ensure`] or `WORLDTICK_TEST_KAFKA_LIBS`.
    pub libs: PathBuf,
    /// Listeners that want a password, beside those that do not.
    pub sasl: Option<Sasl>,
    /// Further lines of `server.properties`; they win over ours.
    pub extra: BTreeMap<String, String>,
    /// Whether each node gets a process group of its own.
    pub scope: Scope,
    /// [`Ask::Kill`] where the data does not matter afterwards, else [`Ask::Terminate`].
    pub ask: Ask,
}

impl ClusterSpec {
    /// A cluster for a test: its nodes are in the test's process group, and its data is nobody's.
    pub fn for_test(nodes: usize, dir: impl Into<PathBuf>, libs: impl Into<PathBuf>) -> Self {
        Self {
            nodes,
            dir: dir.into(),
            libs: libs.into(),
            sasl: None,
            extra: BTreeMap::new(),
            scope: Scope::ParentsGroup,
            ask: Ask::Kill,
        }
    }

    pub(super) fn node_dir(&self, id: usize) -> PathBuf {
        self.dir.join(format!("kafka-{id}"))
    }

    pub(super) fn log(&self, id: usize) -> PathBuf {
        self.dir.join(format!("kafka-{id}.log"))
    }

    pub(super) fn settings(&self, id: usize) -> PathBuf {
        self.dir.join(format!("kafka-{id}.properties"))
    }

    /// Whether this can be started at all.
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=NODES_MAX).contains(&self.nodes) {
            return Err(Error::failure(format!("a cluster has 1 to {NODES_MAX} nodes, not {}", self.nodes)));
        }
        let found = (1..=NODES_MAX).filter(|&id| self.node_dir(id).exists()).count();
        if found != 0 && found != self.nodes {
            let dir = self.dir.display();
            return Err(Error::failure(format!(
                "{dir} holds the data of {found} Kafka nodes: start as many, or use another folder"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nodes_and_too_many_are_refused() {
        for nodes in [0, NODES_MAX + 1] {
            let spec = ClusterSpec::for_test(nodes, "/no/such/folder", "/no/such/jars");
            assert!(spec.check().is_err());
        }
    }
}
