//! One topic at librdkafka: its consumer, its partition queues, and what polling them says.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::{InboundTopic, RawRecord};
use crate::plugins::bridge::connection::{BridgeContext, ClientHealth, KafkaUnavailable};
use crate::plugins::bridge::settings::KafkaSettings;

/// The consumer of one topic.
pub(super) type TickConsumer = BaseConsumer<BridgeContext>;

/// The queue of one partition.
pub(super) type PartitionQueue = rdkafka::consumer::base_consumer::PartitionQueue<BridgeContext>;

/// What a poll brought.
pub(super) enum Polled {
    Nothing,
    Record {
        partition: i32,
        offset: i64,
        raw: RawRecord,
    },
    End {
        partition: i32,
    },
    OutOfRange,
    Damaged(String),
    /// It is not permitted.
    Refused(String),
    /// Told to the client's health already.
    Trouble,
}

impl Polled {
    fn from_poll(polled: Option<KafkaResult<BorrowedMessage<'_>>>) -> Self {
        match polled {
            None => Self::Nothing,
            Some(Ok(message)) => Self::Record {
                partition: message.partition(),
                offset: message.offset(),
                raw: RawRecord {
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    timestamp_ms: message.timestamp().to_millis(),
                },
            },
            Some(Err(KafkaError::PartitionEOF(partition))) => Self::End { partition },
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AutoOffsetReset) => Self::OutOfRange,
                Some(
                    RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression | RDKafkaErrorCode::InvalidMessage,
                ) => Self::Damaged(error.to_string()),
                Some(
                    code @ (RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed),
                ) => Self::Refused(code.to_string()),
                _ => Self::Trouble,
            },
        }
    }

    /// Polls the queue of a partition without waiting.
    pub(super) fn of(queue: &PartitionQueue) -> Self {
        Self::from_poll(queue.poll(Duration::ZERO))
    }
}

/// One topic and its consumer.
pub(super) struct TopicSource {
    pub(super) name: Arc<str>,
    pub(super) message_bytes_max: usize,
    consumer: Arc<TickConsumer>,
    wake: Sender<()>,
}

impl TopicSource {
    pub(super) fn new(
        settings: &KafkaSettings,
        topic: &InboundTopic,
        health: ClientHealth,
        wake: Sender<()>,
    ) -> Result<Self, KafkaUnavailable> {
        let mut consumer =
            TickConsumer::from_config_and_context(&settings.consumer(&topic.group), BridgeContext { health })
                .map_err(|error| KafkaUnavailable::Settings(error.to_string()))?;
        let nudge = wake.clone();
        consumer.set_nonempty_callback(move || {
            // A full channel means that a nudge is under way already.
            let _ = nudge.try_send(());
        });
        Ok(Self {
            name: Arc::from(topic.name.as_str()),
            message_bytes_max: topic.message_bytes_max,
            consumer: Arc::new(consumer),
            wake,
        })
    }

    pub(super) fn consumer(&self) -> Arc<TickConsumer> {
        self.consumer.clone()
    }

    /// Serves the consumer's own queue: call-backs, and whatever did not come through a partition's queue.
    pub(super) fn serve(&self) -> Polled {
        Polled::from_poll(self.consumer.poll(Duration::ZERO))
    }

    /// Reads these partitions too. Their queues are split off first, so that no record takes the common one.
    pub(super) fn assign(&self, positions: &[(i32, i64)]) -> KafkaResult<Vec<Option<PartitionQueue>>> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        let mut queues = Vec::with_capacity(positions.len());
        for &(partition, next) in positions {
            queues.push(self.split(partition));
            list.add_partition_offset(&self.name, partition, Offset::Offset(next))?;
        }
        self.consumer.incremental_assign(&list)?;
        Ok(queues)
    }

    /// Reads a partition from elsewhere. The old queue must be gone.
    pub(super) fn move_to(&self, partition: i32, next: i64) -> KafkaResult<Option<PartitionQueue>> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.name, partition);
        self.consumer.incremental_unassign(&list)?;
        Ok(self.assign(&[(partition, next)])?.pop().flatten())
    }

    fn split(&self, partition: i32) -> Option<PartitionQueue> {
        let mut queue = self.consumer.split_partition_queue(&self.name, partition)?;
        let nudge = self.wake.clone();
        queue.set_nonempty_callback(move || {
            // As above.
            let _ = nudge.try_send(());
        });
        Some(queue)
    }

    /// The position behind the last thing polled, transaction markers and aborted records included.
    pub(super) fn position(&self, partition: i32) -> Option<i64> {
        let positions = self.consumer.position().ok()?;
        match positions.find_partition(&self.name, partition)?.offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        }
    }

    /// Where the partition's log begins and ends.
    pub(super) fn watermarks(&self, partition: i32, timeout: Duration) -> KafkaResult<(i64, i64)> {
        self.consumer.fetch_watermarks(&self.name, partition, timeout)
    }

    /// Commits offsets to the group, without waiting for the answer.
    pub(super) fn commit(&self, positions: impl Iterator<Item = (i32, i64)>) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in positions {
            list.add_partition_offset(&self.name, partition, Offset::Offset(next))?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer.commit(&list, CommitMode::Async)
    }
}
