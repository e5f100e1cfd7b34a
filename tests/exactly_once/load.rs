//! Sends what the script says, all at once or while other things happen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::script::{Numbers, Record, Script};

/// Brokers may be away for so long.
const LIMIT: Duration = Duration::from_secs(240);

/// Counts what was not delivered.
#[derive(Default)]
struct Failures(AtomicUsize);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            eprintln!("a tick was not delivered: {error}");
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A producer that keeps the order within a partition.
pub struct Sender(BaseProducer<Failures>);

impl Sender {
    pub fn new(bootstrap_servers: &str) -> Self {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap_servers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            // The topic takes batches of 128 KiB.
            .set("batch.size", "65536")
            .set("message.timeout.ms", LIMIT.as_millis().to_string());
        Self(BaseProducer::from_config_and_context(&config, Failures::default()).unwrap())
    }

    pub fn send(&self, records: &[Record]) {
        for record in records {
            let to = BaseRecord::to("world.tick.hourly")
                .partition(i32::try_from(record.partition).unwrap())
                .key(&record.key)
                .payload(&record.value);
            self.0.send(to).map_err(|(error, _)| error).unwrap();
        }
        self.0.poll(Duration::ZERO);
    }

    /// Sends one record; its key decides on the partition.
    pub fn send_to(&self, topic: &str, key: &[u8], value: &[u8]) {
        self.0.send(BaseRecord::to(topic).key(key).payload(value)).map_err(|(error, _)| error).unwrap();
        self.0.poll(Duration::ZERO);
    }

    /// Waits until everything is acknowledged.
    pub fn finish(&self) {
        self.0.flush(LIMIT).unwrap();
        assert_eq!(self.0.context().0.load(Ordering::Relaxed), 0, "every tick is delivered");
    }
}

/// Ticks that arrive while other things happen.
pub struct Load {
    stop: mpsc::Sender<usize>,
    thread: JoinHandle<Script>,
}

impl Load {
    /// Begins to send ticks for single worlds, in bursts, about `per_second` of them.
    pub fn begin(bootstrap_servers: &str, mut script: Script, per_second: u64) -> Self {
        let sender = Sender::new(bootstrap_servers);
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut numbers = Numbers::new(7);
            let least = loop {
                let burst = 1 + numbers.below(12);
                for _ in 0..burst {
                    sender.send(&script.for_one());
                }
                match stopped.recv_timeout(Duration::from_millis(burst * 1_000 / per_second)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(least) => break least,
                    Err(RecvTimeoutError::Disconnected) => break 0,
                }
            };
            while script.ticks() < least {
                sender.send(&script.for_one());
            }
            sender.finish();
            script
        });
        Self { stop, thread }
    }

    /// Sends what is missing to `least` ticks at once, waits for every acknowledgement, and gives the script back.
    pub fn finish(self, least: usize) -> Script {
        self.stop.send(least).expect("the sender lives");
        self.thread.join().expect("the sender has not failed")
    }
}
