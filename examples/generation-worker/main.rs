//! A worker that generates nothing, as a place to start from for one that does.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 cargo run --example generation-worker -- --slow 2 --fail 20 --twice 10 --die 1
//! ```
//!
//! It reads `generation.request`, says that it has begun, and answers on `generation.result`. `--slow` is how many seconds a
//! job takes; `--fail`, `--twice` and `--die` are how many of a hundred jobs fail, are answered twice, and end the worker in
//! their midst. Several workers share the work by their group. An answer is on Kafka before its request counts as read: a
//! worker that dies leaves its request to another, and an answer that comes twice counts once, by `result_id`.

#![expect(clippy::print_stdout, reason = "a worker tells what it does")]
#![expect(clippy::disallowed_methods, reason = "a worker lives in real time")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use uuid::Uuid;
use worldtick::messages::generation::{
    ErrorClass, GenerationAction, GenerationRequest, GenerationResult, ResultStatus,
};

const REQUESTS: &str = "generation.request";
const RESULTS: &str = "generation.result";
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers after flags: `--slow 2`.
fn flags() -> BTreeMap<String, u64> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    words.windows(2).filter_map(|pair| Some((pair[0].clone(), pair[1].parse().ok()?))).collect()
}

/// An answer to a request. Its id follows from what it says of which attempt: said again, it is the same answer.
fn answer(request: &GenerationRequest, status: ResultStatus) -> GenerationResult {
    let name = format!("{}:{status:?}", request.request_id);
    GenerationResult {
        result_id: Uuid::new_v5(&request.incarnation, name.as_bytes()),
        world_id: request.world_id.clone(),
        incarnation: request.incarnation,
        job_id: request.job_id,
        attempt: request.attempt,
        status,
        progress: None,
        outcome: None,
        reference: None,
        error: None,
        message: None,
        worker: Some(format!("example-{}", std::process::id())),
        answered_at: None,
    }
}

/// Puts an answer on Kafka, and waits until it is there.
fn send(producer: &BaseProducer, answer: &GenerationResult) -> Result<(), Box<dyn Error>> {
    let text = serde_json::to_string(answer)?;
    producer.send(BaseRecord::to(RESULTS).key(&answer.world_id).payload(&text)).map_err(|(error, _)| error)?;
    producer.flush(PATIENCE)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = flags();
    let flag = |name: &str| flags.get(name).copied().unwrap_or(0);
    let brokers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap_or_else(|_| "127.0.0.1:9092".to_owned());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let producer: BaseProducer = config.clone().set("enable.idempotence", "true").create()?;
    config.set("group.id", "generation-workers").set("auto.offset.reset", "earliest").set("session.timeout.ms", "6000");
    let consumer: BaseConsumer = config.set("enable.auto.commit", "false").create()?;
    consumer.subscribe(&[REQUESTS])?;
    loop {
        let Some(record) = consumer.poll(Duration::from_secs(1)) else { continue };
        // Brokers come and go; the client finds them again by itself.
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                println!("not read: {error}");
                continue;
            }
        };
        // What cannot be read here cannot be read by any other worker either: it is passed over.
        let request: Result<GenerationRequest, _> = serde_json::from_slice(record.payload().unwrap_or_default());
        if let Ok(request) = request.inspect_err(|error| println!("passed over: {error}"))
            && request.action == GenerationAction::Generate
        {
            println!("job {} of {}, attempt {}: {}", request.job_id, request.world_id, request.attempt, request.kind);
            send(&producer, &answer(&request, ResultStatus::Progress))?;
            // Here a worker of your own generates; a long one says `progress` now and then.
            std::thread::sleep(Duration::from_secs(flag("--slow")));
            let luck = u64::from(Uuid::new_v4().as_bytes()[0]) * 100 / 256;
            if luck < flag("--die") {
                return Err("died, as it was told to".into());
            }
            let mut said = if luck < flag("--die") + flag("--fail") {
                GenerationResult { error: Some(ErrorClass::Overloaded), ..answer(&request, ResultStatus::Failed) }
            } else {
                answer(&request, ResultStatus::Succeeded)
            };
            said.reference = Some(format!("example://{}/{}", request.world_id, request.job_id));
            send(&producer, &said)?;
            if luck >= 100 - flag("--twice").min(100) {
                send(&producer, &said)?;
            }
        }
        // While workers come and go it may not be taken: then the request comes again, and its answer counts once.
        if let Err(error) = consumer.commit_message(&record, CommitMode::Sync) {
            println!("not noted as read: {error}");
        }
    }
}
