//! Asking the cluster: what `apply` and `check` share.

#![expect(clippy::disallowed_methods, reason = "answers of Kafka have a limit in wall time")]

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::plugins::bridge::connection::{BridgeContext, KafkaUnavailable, asking_client, check_connection};
use crate::plugins::bridge::edge::now;
use crate::plugins::bridge::settings::KafkaSettings;

/// A topic as the cluster has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LiveTopic {
    pub(super) partitions: i32,
    /// The smallest number of copies that any partition has.
    pub(super) replication_factor: i32,
}

/// A connection for administration. Blocking: not for a thread of the async runtime.
pub(super) struct Admin {
    settings: KafkaSettings,
    client: AdminClient<BridgeContext>,
    options: AdminOptions,
    runtime: tokio::runtime::Runtime,
    timeout: Duration,
}

impl Admin {
    /// Connects, or says why not.
    pub(super) fn connect(settings: &KafkaSettings) -> Result<Self, KafkaUnavailable> {
        let timeout = settings.write_timeout;
        check_connection(settings, timeout)?;
        let refused = |error: String| KafkaUnavailable::Settings(error);
        let client = AdminClient::from_config_and_context(&settings.admin(), BridgeContext::default())
            .map_err(|error| refused(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let options = AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout));
        Ok(Self { settings: settings.clone(), client, options, runtime, timeout })
    }

    pub(super) fn client(&self) -> &AdminClient<BridgeContext> {
        &self.client
    }

    pub(super) fn options(&self) -> &AdminOptions {
        &self.options
    }

    /// An error that is the cluster's and no topic's.
    pub(super) fn failed(&self, detail: impl Into<String>) -> KafkaUnavailable {
        KafkaUnavailable::Unreachable {
            servers: self.settings.bootstrap_servers.clone(),
            seconds: self.timeout.as_secs(),
            detail: detail.into(),
        }
    }

    /// Waits for an answer, a little longer than librdkafka's own time-out.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = Result<T, KafkaError>>) -> Result<T, KafkaUnavailable> {
        let limit = self.timeout + Duration::from_secs(2);
        // time: topics: limit of an answer | real | tokio timer | time-out
        match self.runtime.block_on(async { tokio::time::timeout(limit, answer).await }) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(error.to_string())),
            Err(_) => Err(self.failed("the request was not answered")),
        }
    }

    /// Every topic of the cluster that may be seen.
    pub(super) fn topics(&self) -> Result<BTreeMap<String, LiveTopic>, KafkaUnavailable> {
        let asking = asking_client(&self.settings)?;
        let metadata = asking.fetch_metadata(None, self.timeout).map_err(|error| self.failed(error.to_string()))?;
        let present = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(present
            .map(|topic| {
                let copies = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
                let live = LiveTopic {
                    partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                    replication_factor: i32::try_from(copies).unwrap_or(i32::MAX),
                };
                (topic.name().to_owned(), live)
            })
            .collect())
    }

    /// Waits until the cluster tells of these topics with at least so many partitions: it answers a change before every
    /// broker knows of it. Returns whether it did in time.
    pub(super) fn await_topics(&self, expected: &[(&str, i32)]) -> Result<bool, KafkaUnavailable> {
        let start = now();
        loop {
            let live = self.topics()?;
            let shown = |&(name, partitions): &(&str, i32)| {
                live.get(name).is_some_and(|topic| topic.partitions >= partitions && topic.replication_factor > 0)
            };
            if expected.iter().all(shown) {
                return Ok(true);
            }
            if start.elapsed() >= self.timeout {
                return Ok(false);
            }
            // time: topics: waiting until they are there | real | tokio timer | looked at every 100 ms
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
        }
    }

    /// The settings of these topics, each or why it cannot be told.
    #[expect(clippy::type_complexity, reason = "a map of results, read in one place")]
    pub(super) fn settings_of(
        &self,
        names: &[&str],
    ) -> Result<BTreeMap<String, Result<BTreeMap<String, String>, RDKafkaErrorCode>>, KafkaUnavailable> {
        let mut all = BTreeMap::new();
        let specifiers: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let answers = self.wait(self.client.describe_configs(&specifiers, &self.options))?;
        // Answers come in the order of the questions; one that failed carries no name.
        for (name, answer) in names.iter().zip(answers) {
            let settings = answer.map(|resource| {
                resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
            });
            all.insert((*name).to_owned(), settings);
        }
        Ok(all)
    }
}
