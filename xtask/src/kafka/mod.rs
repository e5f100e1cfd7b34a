//! A private Apache Kafka: its jars, its settings, its nodes.

mod cluster;
mod jars;
mod metadata;
mod properties;

pub use cluster::{Cluster, ClusterSpec, Sasl};
pub use jars::{VERSION, ensure, is_cached};
