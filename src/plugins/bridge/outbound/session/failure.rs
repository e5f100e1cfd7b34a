//! Why a batch is not published, read from what librdkafka says.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why a batch is not published, and what to do about it.
#[derive(Debug)]
pub(in crate::plugins::bridge::outbound) enum Failure {
    /// Nothing of it is visible: the same rows again.
    Again(String),
    /// These records of the batch are too large; `certain`: each by itself.
    TooLarge { indices: Vec<usize>, certain: bool },
    /// An operator must do something.
    Held(String),
    /// It is not known what became of it: a new producer, then read the position.
    Unknown(String),
    /// A transaction on the position does not end, although this producer has none open.
    Hanging(String),
    /// The producer is at its end.
    Fatal(String),
    /// Asked to stop.
    Stopped,
}

impl Failure {
    /// What an error of a transaction's step means, for the producer (and the group) of this id.
    pub(super) fn of(error: &KafkaError, id: &str) -> Self {
        let KafkaError::Transaction(inner) = error else { return Self::Unknown(error.to_string()) };
        let code = inner.code();
        if is_authorization(code) {
            Self::not_permitted("publishing", code, id)
        } else if inner.is_fatal() {
            Self::Fatal(inner.to_string())
        } else if inner.txn_requires_abort() || inner.is_retriable() {
            Self::Again(inner.to_string())
        } else {
            Self::Unknown(inner.to_string())
        }
    }

    pub(super) fn not_permitted(what: &str, code: RDKafkaErrorCode, id: &str) -> Self {
        let grant = match code {
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed => {
                format!("Describe and Write on the transactional id {id}")
            }
            RDKafkaErrorCode::GroupAuthorizationFailed => format!("Describe and Read on the group {id}"),
            RDKafkaErrorCode::ClusterAuthorizationFailed => "IdempotentWrite on the cluster".to_owned(),
            _ => "Describe and Write on every topic of the catalogue, Read on worldtick.progress".to_owned(),
        };
        Self::Held(format!("{what} is not permitted ({code}): grant this user {grant}; nothing is skipped meanwhile"))
    }
}

/// Whether a code says that something is not permitted.
pub(super) fn is_authorization(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
    )
}

/// Whether a code says that a topic does not exist.
pub(super) fn is_missing_topic(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}
