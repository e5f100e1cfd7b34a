//! The worker itself, as a place to start from for one that generates something.
//!
//! It reads `generation.request`, says that it has begun, and answers on `generation.result`. Several workers share the work by
//! their group. An answer is on Kafka before its request counts as read: a worker that dies leaves its request to another,
//! and an answer that comes twice counts once, by `result_id`.

use std::error::Error;
use std::time::{Duration, Instant};

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

/// What a worker is told to do: how many seconds a job takes, and how many of a hundred jobs fail, are answered twice, and end
/// the worker in their midst.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    pub(crate) slow: u64,
    pub(crate) fail: u64,
    pub(crate) twice: u64,
    pub(crate) die: u64,
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

/// Puts an answer on its way to Kafka.
fn send(producer: &BaseProducer, answer: &GenerationResult) -> Result<(), Box<dyn Error>> {
    let text = serde_json::to_string(answer)?;
    producer.send(BaseRecord::to(RESULTS).key(&answer.world_id).payload(&text)).map_err(|(error, _)| error)?;
    Ok(())
}

/// Waits until all answers are there. (`flush` would look every tenth of a second only.)
fn arrive(producer: &BaseProducer) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    while producer.in_flight_count() > 0 {
        if began.elapsed() > PATIENCE {
            return Err("an answer did not arrive".into());
        }
        producer.poll(Duration::from_millis(1));
    }
    Ok(())
}

/// Works until it fails, or dies as it was told to.
pub(crate) fn work(brokers: &str, habits: Habits) -> Result<(), Box<dyn Error>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let producer: BaseProducer = config.clone().set("enable.idempotence", "true").set("linger.ms", "0").create()?;
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
            std::thread::sleep(Duration::from_secs(habits.slow));
            let luck = u64::from(Uuid::new_v4().as_bytes()[0]) * 100 / 256;
            if luck < habits.die {
                return Err("died, as it was told to".into());
            }
            let mut said = if luck < habits.die + habits.fail {
                GenerationResult { error: Some(ErrorClass::Overloaded), ..answer(&request, ResultStatus::Failed) }
            } else {
                answer(&request, ResultStatus::Succeeded)
            };
            said.reference = Some(format!("example://{}/{}", request.world_id, request.job_id));
            send(&producer, &said)?;
            if luck >= 100 - habits.twice.min(100) {
                send(&producer, &said)?;
            }
            arrive(&producer)?;
        }
        // While workers come and go it may not be taken: then the request comes again, and its answer counts once.
        if let Err(error) = consumer.commit_message(&record, CommitMode::Async) {
            println!("not noted as read: {error}");
        }
    }
}
