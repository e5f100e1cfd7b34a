//! Looking for the cluster, without keeping anybody who is told to stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, bounded, select};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::ServerError;
use super::cluster::{Places, Question};
use super::ready::Phase;
use super::tasks::Retentions;
use crate::config::model::{KafkaSection, StartAt as ConfiguredStart};
use crate::failpoint;
use crate::plugins::bridge::inbound::StartAt;
use crate::plugins::bridge::topics::{self, Deviation, TopicCatalogue};
use crate::plugins::bridge::{KafkaSettings, KafkaUnavailable, check_connection};
use crate::plugins::host::HostFailure;
use crate::plugins::store::{Lease, LeaseState, Store};

/// Back-off while Kafka does not answer.
const KAFKA_RETRY_FIRST: Duration = Duration::from_millis(500);
const KAFKA_RETRY_MAX: Duration = Duration::from_secs(10);
/// While Kafka is asked, the lease is looked at this often.
const GLANCE: Duration = Duration::from_secs(1);

/// What is needed to ask a cluster.
#[derive(Clone)]
pub(super) struct Seeker {
    pub(super) kafka: KafkaSection,
    pub(super) topics: TopicCatalogue,
    pub(super) input_topics: Vec<String>,
    pub(super) settings: KafkaSettings,
    pub(super) embedded: bool,
    pub(super) store: Store,
    pub(super) lease: Lease,
    pub(super) runtime: Arc<Runtime>,
    /// Nobody waits for the answer any more.
    pub(super) given_up: CancellationToken,
    /// What has been said of each topic: who has to ask again says nothing twice.
    pub(super) told: Arc<Mutex<BTreeMap<String, String>>>,
    /// What the tasks have to know of it.
    pub(super) retentions: Retentions,
}

impl Seeker {
    /// Tries until Kafka answers. Nothing: `stop` came first.
    pub(super) fn wait(&self, phase: &Phase, stop: &Receiver<()>) -> Result<Option<Places>, ServerError> {
        let mut wait = KAFKA_RETRY_FIRST;
        loop {
            let Some(answer) = self.ask(stop)? else { return Ok(None) };
            let error = match answer {
                Ok(places) => return Ok(Some(places)),
                Err(ServerError::Kafka(error @ KafkaUnavailable::Settings(_))) => return Err(error.into()),
                Err(ServerError::Kafka(error)) => error.to_string(),
                Err(ServerError::Store(error)) if error.is_transient() => error.to_string(),
                Err(error) => return Err(error),
            };
            tracing::warn!(error, retry_seconds = wait.as_secs_f64(), "Kafka is waited for");
            phase.waits(error);
            // time: start: Kafka is tried again | real | channel with time-out | back-off, doubling
            if stop.recv_timeout(wait).is_ok() {
                return Ok(None);
            }
            self.must_own()?;
            wait = (wait * 2).min(KAFKA_RETRY_MAX);
        }
    }

    /// Asks once, on a thread of its own: librdkafka's calls block, and a stop must not wait for them.
    fn ask(&self, stop: &Receiver<()>) -> Result<Option<Result<Places, ServerError>>, ServerError> {
        let (answer, answers) = bounded(1);
        let seeker = self.clone();
        std::thread::Builder::new().name("kafka-seek".into()).spawn(move || {
            // Whoever asked may have gone.
            let _ = answer.send(seeker.find_places());
        })?;
        loop {
            select! {
                recv(answers) -> answer => return match answer {
                    Ok(answer) => Ok(Some(answer)),
                    Err(_) => Err(std::io::Error::other("the thread that asks Kafka has ended unexpectedly").into()),
                },
                recv(stop) -> _ => {
                    self.given_up.cancel();
                    return Ok(None);
                },
                // time: start: looking whether the lease is still ours, while Kafka is waited for | real | channel with time-out | interval
                default(GLANCE) => self.must_own()?,
            }
        }
    }

    /// Who has lost the lease waits for nothing any more.
    fn must_own(&self) -> Result<(), ServerError> {
        if matches!(*self.lease.state().borrow(), LeaseState::Lost { .. }) {
            self.given_up.cancel();
            return Err(HostFailure::Fenced.into());
        }
        Ok(())
    }

    /// The cluster, its topics, and where reading and publishing begin.
    fn find_places(&self) -> Result<Places, ServerError> {
        let cluster = check_connection(&self.settings, Duration::from_secs(8))?;
        self.check_topics()?;
        failpoint::hit("start.before_places");
        // Positions must not be written once nobody waits for them.
        if self.given_up.is_cancelled() {
            return Err(ServerError::System(std::io::Error::other("nobody waits for the cluster any more")));
        }
        let topics: Vec<&str> = self.input_topics.iter().map(String::as_str).collect();
        let question = Question {
            settings: &self.settings,
            cluster: &cluster,
            embedded: self.embedded,
            accept_new: self.kafka.accept_new_cluster,
            start_at: match self.kafka.start_at {
                ConfiguredStart::Latest => StartAt::Latest,
                ConfiguredStart::Earliest => StartAt::Earliest,
            },
            topics: &topics,
            now: wall_micros(),
        };
        let places = self.runtime.block_on(question.places(&self.store, &self.lease));
        failpoint::hit("start.after_places");
        places
    }

    /// Says what differs from the catalogue. Only the number of shards can stop the start.
    fn check_topics(&self) -> Result<(), ServerError> {
        if self.embedded {
            return Ok(());
        }
        let report = topics::check(&self.settings, &self.topics, None)?;
        self.retentions.note(&self.topics, &report);
        for (topic, differences) in report.by_topic() {
            let differs: Vec<String> = differences
                .iter()
                .map(|Deviation { setting, expected, found, .. }| format!("{setting} is {found} instead of {expected}"))
                .collect();
            let differs = differs.join(", ");
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.insert(topic.to_owned(), differs.clone()).is_some_and(|before| before == differs) {
                continue;
            }
            tracing::warn!(topic, differs, "a topic differs from the catalogue (`worldtick topics check` lists all)");
        }
        let command = |deviation: &&Deviation| deviation.topic == "world.command" && deviation.setting == "partitions";
        if let Some(found) = report.deviations.iter().find(command).and_then(|deviation| deviation.found.parse().ok()) {
            let expected = i32::try_from(self.lease.shards().len()).unwrap_or(0);
            return Err(ServerError::Shards { found, expected });
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a cluster is recorded with the wall time of its first use")]
fn wall_micros() -> i64 {
    // time: start: when a cluster was first used | real | std::time::SystemTime | read once
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
