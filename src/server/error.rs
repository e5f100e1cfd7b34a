//! Why a server does not start or does not go on.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::config::{ConfigError, TokenError};
use crate::plugins::bridge::KafkaUnavailable;
use crate::plugins::bridge::embedded::EmbeddedError;
use crate::plugins::bridge::topics::TopicsError;
use crate::plugins::host::HostFailure;
use crate::plugins::metrics::MetricsError;
use crate::plugins::store::StoreError;

/// Why a server does not start or does not go on.
#[derive(Debug, Error)]
pub enum ServerError {
    /// World files or topics are wrong.
    #[error("{}", .0.render(false))]
    Config(#[from] ConfigError),
    /// The catalogue of topics is wrong.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// The token's file cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A value that the configuration allows and the server cannot use.
    #[error("{0}")]
    Setting(String),
    /// The admin API would be open to everybody.
    #[error(
        "the admin API would listen on {0}, beyond this machine, without a token: set WORLDTICK_ADMIN_TOKEN (or admin.token_file), or let admin.listen be 127.0.0.1:8080"
    )]
    OpenToAll(SocketAddr),
    /// The admin API cannot listen.
    #[error("the admin API cannot listen on {listen} ({source}): choose another address with admin.listen (--listen)")]
    Listen {
        /// The address.
        listen: String,
        /// What the system says.
        source: io::Error,
    },
    /// The data folder cannot be made.
    #[error("the data folder {folder} cannot be made ({source}): choose another with --data-dir (server.data_dir)")]
    DataFolder {
        /// The folder.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// The plugins do not fit together.
    #[error("{0}")]
    Plugins(String),
    /// The embedded broker does not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Kafka cannot be used, and waiting does not help.
    #[error(transparent)]
    Kafka(#[from] KafkaUnavailable),
    /// Another cluster than before.
    #[error(
        "this is Kafka cluster {found}, but the store belongs to cluster {expected}: input positions of one mean nothing on the other. If the change is meant, start once with kafka.accept_new_cluster = true (--accept-new-cluster); reading then begins where kafka.start_at says, and publishing goes on behind what was published before"
    )]
    OtherCluster {
        /// Its id.
        found: String,
        /// The id in the store.
        expected: String,
    },
    /// The partitions of the command topic are not what the store was made for.
    #[error(
        "topic world.command has {found} partitions, but the store has {expected} shards: that number must never change. Restore the topic with {expected} partitions, or use another store"
    )]
    Shards {
        /// Partitions on the cluster.
        found: i32,
        /// Shards of the store.
        expected: i32,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The worlds do not end when they are told to.
    #[error("the worlds did not end within server.shutdown_timeout_seconds ({seconds} s); the next start recovers")]
    NotInTime {
        /// How long they were given.
        seconds: u64,
    },
    /// The worlds do not go on.
    #[error(transparent)]
    Host(#[from] HostFailure),
    /// Metrics cannot be recorded.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The system gives no thread or no runtime.
    #[error("the system does not give what the server needs: {0}")]
    System(#[from] io::Error),
}

impl ServerError {
    /// Whether the configuration is to blame: exit code 78.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Config(_)
                | Self::Topics(_)
                | Self::Token(_)
                | Self::Setting(_)
                | Self::OpenToAll(_)
                | Self::Plugins(_)
                | Self::Store(StoreError::Config { .. })
                | Self::Kafka(KafkaUnavailable::Settings(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_another_configuration_mends_is_told_apart_from_what_may_pass() {
        let settings = || KafkaUnavailable::Settings("no such property".to_owned());
        assert!(ServerError::Kafka(settings()).is_configuration());
        assert!(ServerError::Store(StoreError::Config { message: "needs a file".to_owned() }).is_configuration());
        let gone = KafkaUnavailable::Unreachable { servers: "k:9092".to_owned(), seconds: 10, detail: String::new() };
        assert!(!ServerError::Kafka(gone).is_configuration());
    }
}
