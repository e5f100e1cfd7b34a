//! A private Apache Kafka: its jars, its settings, its nodes.

mod cluster;
mod jars;
mod metadata;
mod properties;
mod spec;

pub use cluster::Cluster;
pub use jars::{VERSION, ensure, is_cached};
pub use spec::{ClusterSpec, Sasl};
