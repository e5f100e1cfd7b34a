//! Kafka: what comes in and what goes out. The only place that names Kafka.
//!
//! | module | what it does |
//! |---|---|
//! | [`settings`] | how to reach the brokers; librdkafka's properties for each kind of client |
//! | [`connection`] | trying a connection, and naming what is wrong with it |
//! | [`inbound`] | a thread that reads the tick topics, merges their partitions and hands on what it read |
//! | [`outbound`] | a thread that publishes the outbox, exactly once on a real cluster |
//! | [`send`] | one record, for programs that send and end |
//! | [`embedded`] | the broker inside the process, for the first minute and for tests |
//! | [`topics`] | the catalogue of topics: create what is missing, compare what is there |
//! | [`dead_letter`] | records for messages that could not be used |
//! | [`lag`] | how far readers are behind |
//! | [`wire`] | events and ticks of worlds as records |
//!
//! Nothing in here decides what a message means: decoding is handed in, outcomes are handed on.
//!
//! # Compression
//! librdkafka compresses per producer, and a transaction has one producer, so the publisher compresses
//! everything with lz4, which is what `simulation.event` stores. The topics of hourly and daily ticks carry
//! `compression.type` snappy and gzip in the catalogue; the broker stores their records in those codecs whatever
//! arrives, and that is what consumers see. (The embedded broker keeps what it was sent.)

pub mod connection;
pub mod dead_letter;
pub mod embedded;
pub mod inbound;
pub mod lag;
pub mod outbound;
pub mod send;
pub mod settings;
pub mod topics;
pub mod wire;

mod edge;
mod security;

pub use connection::{ClusterInfo, KafkaUnavailable, check_connection};

pub use embedded::EmbeddedBroker;
pub use settings::{Compression, KafkaSettings, SaslMechanism, SecurityProtocol, UnknownName};
