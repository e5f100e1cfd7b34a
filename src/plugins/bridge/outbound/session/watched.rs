//! A call into the client library whose own time-out does not hold.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use rdkafka::TopicPartitionList;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};

use super::progress::Progress;
use crate::plugins::bridge::edge::now;
use crate::plugins::bridge::outbound::context::PublishContext;

const LOOK: Duration = Duration::from_millis(100);

/// Adds positions to the transaction. `goes_on` is asked every now and then, with the time that has passed, whether to
/// wait any longer; when it says no, the call is left to itself.
///
/// librdkafka may never come back from this call when the broker that coordinates the group has gone
/// (<https://github.com/confluentinc/librdkafka/issues/5456>, and 5511 there). The thread and the producer are then
/// lost, for this one call; the next producer finds the new coordinator, and its `init_transactions` ends what was
/// left open, so that the old one can do no harm if it does wake up.
pub(super) fn send_offsets(
    producer: &Arc<BaseProducer<PublishContext>>,
    progress: &Arc<Progress>,
    offsets: &TopicPartitionList,
    limit: Duration,
    goes_on: impl Fn(Duration) -> bool,
) -> Result<(), KafkaError> {
    let (done, answer) = bounded(1);
    let (producer, progress, offsets) = (Arc::clone(producer), Arc::clone(progress), offsets.clone());
    let spawned = std::thread::Builder::new().name("kafka-offsets".to_owned()).spawn(move || {
        let result = producer.send_offsets_to_transaction(&offsets, &progress.metadata, limit);
        // Whoever waits is to be the last one who holds the producer.
        drop((producer, progress));
        // Nobody may be left to hear it.
        let _ = done.send(result);
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread can be started for a step of a transaction");
        return Err(KafkaError::Canceled);
    }
    let start = now();
    loop {
        // time: publisher: a call that may hang | real | channel with time-out | looked at until its limit
        match answer.recv_timeout(LOOK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if goes_on(start.elapsed()) => {}
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("the client does not come back from a step of a transaction; it is given up");
                return Err(KafkaError::Canceled);
            }
            // It has panicked, which has been logged.
            Err(RecvTimeoutError::Disconnected) => return Err(KafkaError::Canceled),
        }
    }
}
