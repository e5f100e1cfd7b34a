//! The peer: consume, transform, produce, with one Kafka transaction for what has arrived, and nothing else.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};
use uuid::Uuid;

use crate::load::{BARE_EVENTS, EVENTS_PER_TICK, Load, TICKS, client, drive, reader_at_end};
use crate::measure::Report;

/// Events in one transaction, as the server has it.
const EVENTS_MAX: usize = 500;
/// Bytes of one event: what a market_cleared event has.
const EVENT_BYTES: usize = 520;

/// Runs the loop under the load.
pub fn run(servers: &str, load: &Load) -> Result<Report, Box<dyn Error>> {
    let consumer = reader_at_end(servers, TICKS, 3)?;
    let producer: BaseProducer = client(servers)
        .set("transactional.id", format!("bench-{}", Uuid::new_v4()))
        .set("compression.type", "lz4")
        .set("linger.ms", "0")
        .create()?;
    producer.init_transactions(Duration::from_secs(20))?;
    let stop = Arc::new(AtomicBool::new(false));
    let stop_loop = stop.clone();
    let worker = std::thread::spawn(move || {
        while !stop_loop.load(Ordering::Acquire) {
            turn(&consumer, &producer).map_err(|error| error.to_string())?;
        }
        Ok::<(), String>(())
    });
    let report = drive(servers, load, BARE_EVENTS, 0, "bench-bare");
    stop.store(true, Ordering::Release);
    worker.join().map_err(|_| "the loop failed")??;
    report
}

/// One transaction for what has arrived.
fn turn(consumer: &BaseConsumer, producer: &BaseProducer) -> Result<(), Box<dyn Error>> {
    let Some(first) = consumer.poll(Duration::from_millis(20)) else { return Ok(()) };
    let mut next = TopicPartitionList::new();
    let mut ticks = Vec::new();
    let mut take = |message: &rdkafka::message::BorrowedMessage<'_>| -> Result<(), Box<dyn Error>> {
        ticks.push(message.payload().unwrap_or_default().to_vec());
        let place = Offset::Offset(message.offset() + 1);
        if next.find_partition(message.topic(), message.partition()).is_some() {
            next.set_partition_offset(message.topic(), message.partition(), place)?;
        } else {
            next.add_partition_offset(message.topic(), message.partition(), place)?;
        }
        Ok(())
    };
    take(&first?)?;
    let mut count = 1;
    while count * EVENTS_PER_TICK < EVENTS_MAX
        && let Some(message) = consumer.poll(Duration::ZERO)
    {
        take(&message?)?;
        count += 1;
    }
    producer.begin_transaction()?;
    for tick in &ticks {
        let value: serde_json::Value = serde_json::from_slice(tick)?;
        for event in 0..EVENTS_PER_TICK {
            let mut body = serde_json::json!({ "tick_id": value["data"]["tick_id"], "event": event }).to_string();
            body.insert_str(body.len() - 1, &format!(",\"fill\":\"{}\"", "x".repeat(EVENT_BYTES)));
            let key = format!("market-{event}");
            producer.send(BaseRecord::to(BARE_EVENTS).key(&key).payload(&body)).map_err(|(error, _)| error)?;
        }
    }
    while producer.in_flight_count() > 0 {
        // As the server does it: a poll with a timeout spins.
        producer.poll(Duration::ZERO);
        std::thread::park_timeout(Duration::from_micros(300));
    }
    let group = consumer.group_metadata().ok_or("the consumer has no group")?;
    producer.send_offsets_to_transaction(&next, &group, Duration::from_secs(10))?;
    producer.commit_transaction(Duration::from_secs(10))?;
    Ok(())
}
