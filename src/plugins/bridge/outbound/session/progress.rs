//! Where the position of the outbox is kept in Kafka: in a group, on a topic with a partition for each shard.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use super::failure::{Failure, is_authorization};
use crate::plugins::bridge::connection::{BridgeContext, KafkaUnavailable, missing_topic};
use crate::plugins::bridge::outbound::OutboundConfig;
use crate::plugins::bridge::settings::KafkaSettings;
use crate::plugins::store::ShardId;

const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
/// The answer waits for a transaction that is still open.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(10);

/// What is needed to commit positions with a transaction.
pub(super) struct Progress {
    consumer: BaseConsumer<BridgeContext>,
    /// Asks without waiting for transactions that are open.
    unwaiting: BaseConsumer<BridgeContext>,
    pub(super) metadata: ConsumerGroupMetadata,
    topic: String,
    group: String,
}

impl Progress {
    pub(super) fn open(settings: &KafkaSettings, config: &OutboundConfig) -> Result<Self, KafkaUnavailable> {
        let group = config.transactional_id();
        let open = |client: &ClientConfig| {
            BaseConsumer::from_config_and_context(client, BridgeContext::default())
                .map_err(|error| KafkaUnavailable::Settings(error.to_string()))
        };
        let consumer = open(&settings.consumer(&group))?;
        // In the client the isolation level decides whether committed positions have to be stable, too.
        let unwaiting = open(settings.consumer(&group).set("isolation.level", "read_uncommitted"))?;
        let metadata = consumer
            .group_metadata()
            .ok_or_else(|| KafkaUnavailable::Settings(format!("group {group} has no metadata for transactions")))?;
        Ok(Self { consumer, unwaiting, metadata, topic: config.progress_topic.clone(), group })
    }

    pub(super) fn serve(&self) {
        for _ in 0..4 {
            // Only call-backs: nothing is assigned.
            let _ = self.consumer.poll(Duration::ZERO);
            let _ = self.unwaiting.poll(Duration::ZERO);
        }
    }

    pub(super) fn offsets(&self, marks: &BTreeMap<ShardId, i64>) -> Result<TopicPartitionList, Failure> {
        let mut list = TopicPartitionList::with_capacity(marks.len());
        for (&shard, &id) in marks {
            list.add_partition_offset(&self.topic, shard, Offset::Offset(id))
                .map_err(|error| Failure::Unknown(error.to_string()))?;
        }
        Ok(list)
    }

    /// The committed positions. Waits for a transaction that is still open; one that does not end is
    /// [`Failure::Hanging`].
    pub(super) fn read(&self, shards: &[ShardId]) -> Result<BTreeMap<ShardId, i64>, Failure> {
        self.committed(&self.consumer, shards)
    }

    /// The positions of the transactions that have ended, whatever is open beside them.
    pub(super) fn read_ended(&self, shards: &[ShardId]) -> Result<BTreeMap<ShardId, i64>, Failure> {
        self.committed(&self.unwaiting, shards)
    }

    fn committed(
        &self,
        consumer: &BaseConsumer<BridgeContext>,
        shards: &[ShardId],
    ) -> Result<BTreeMap<ShardId, i64>, Failure> {
        self.check_topic(shards)?;
        let mut list = TopicPartitionList::with_capacity(shards.len());
        for &shard in shards {
            list.add_partition(&self.topic, shard);
        }
        let committed =
            consumer.committed_offsets(list, COMMITTED_TIMEOUT).map_err(|error| self.why(consumer, &error))?;
        let mut positions = BTreeMap::new();
        for element in committed.elements() {
            element.error().map_err(|error| self.why(consumer, &error))?;
            if let Offset::Offset(id) = element.offset() {
                positions.insert(element.partition(), id);
            }
        }
        self.serve();
        Ok(positions)
    }

    /// Why positions are not told.
    fn why(&self, consumer: &BaseConsumer<BridgeContext>, error: &KafkaError) -> Failure {
        // The group's coordinator refuses by a message of its own, and the question is never answered.
        match refusal(consumer).or_else(|| error.rdkafka_error_code()) {
            Some(code) if is_authorization(code) => {
                Failure::not_permitted("reading the position of the outbox", code, &self.group)
            }
            // The brokers answer, as the metadata showed, but not this: they wait for the end of a transaction.
            Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::UnstableOffsetCommit) => Failure::Hanging(
                "the position of the outbox is not told: a transaction on it does not end. Should this last, look for it with Kafka's `kafka-transactions.sh find-hanging`"
                    .to_owned(),
            ),
            _ => Failure::Again(format!("the position of the outbox cannot be read: {error}")),
        }
    }

    fn check_topic(&self, shards: &[ShardId]) -> Result<(), Failure> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(&self.topic), METADATA_TIMEOUT)
            .map_err(|error| Failure::Again(format!("topic {}: {error}", self.topic)))?;
        let told = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        if told.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from).is_some_and(is_authorization) {
            return Err(Failure::Held(missing_topic(&self.topic, told)));
        }
        let found = told.filter(|topic| topic.error().is_none());
        let partitions = found.map_or(0, |topic| topic.partitions().len());
        let needed = shards.iter().max().map_or(0, |last| usize::try_from(*last).unwrap_or(usize::MAX - 1) + 1);
        if partitions >= needed {
            return Ok(());
        }
        Err(Failure::Held(format!(
            "topic {} has {partitions} partitions and needs {needed}, one a shard: `worldtick topics apply` creates it where it is missing",
            self.topic
        )))
    }
}

/// What a consumer has been refused, if anything.
fn refusal(consumer: &BaseConsumer<BridgeContext>) -> Option<RDKafkaErrorCode> {
    let polled = (0..8).filter_map(|_| consumer.poll(Duration::ZERO));
    polled.filter_map(|polled| polled.err()?.rdkafka_error_code()).find(|code| is_authorization(*code))
}
