//! The tasks that look again: for what should have gone on by itself, and at Kafka's topics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::clock::Later;
use super::retentions::Retentions;
use super::runner::{Budget, Done, Work};
use crate::plugins::bridge::KafkaSettings;
use crate::plugins::bridge::topics::{self, CheckReport, TopicCatalogue};
use crate::plugins::host::{HostView, WorldView};
use crate::plugins::store::{Store, WorldStatus};

/// A tick of our own comes back within seconds. One that takes longer than this has been lost, or stands in a long row.
const TICK_OVERDUE: Duration = Duration::from_secs(600);
/// A pause that is over ends with the engine's next look at it, which is never far.
const PAUSE_OVERDUE: Duration = Duration::from_secs(60);

/// What has been told before is told again only when it has changed.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<String>>);

impl Told {
    pub(super) fn is_new(&self, finding: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *told != finding;
        finding.clone_into(&mut told);
        new
    }
}

/// Looks for own ticks that never came back, pauses that are over, and worlds that have failed.
pub(super) struct RetryChecks {
    store: Store,
    view: HostView,
    told: Told,
}

impl RetryChecks {
    pub(super) fn new(store: Store, view: HostView) -> Self {
        Self { store, view, told: Told::default() }
    }
}

impl Work for RetryChecks {
    fn run(&self, budget: Budget) -> Later<Result<Done, String>> {
        let (store, view, told) = (self.store.clone(), self.view.clone(), self.told.clone());
        Box::pin(async move {
            let now = budget.clock().wall_micros();
            let ticks = store.overdue_ticks(now - micros(TICK_OVERDUE)).await.map_err(|error| error.to_string())?;
            let worlds = Standing::of(view.worlds().iter().map(AsRef::as_ref), now);
            set_overdue("own_ticks", u32::try_from(ticks.count).unwrap_or(u32::MAX));
            set_overdue("pauses", u32::try_from(worlds.pauses_over.len()).unwrap_or(u32::MAX));
            let mut findings = Vec::new();
            if ticks.count > 0 {
                let age = now.saturating_sub(ticks.oldest.unwrap_or(now)) / 60_000_000;
                findings.push(format!("{} own ticks have not come back, the oldest of {age} min ago", ticks.count));
            }
            if !worlds.pauses_over.is_empty() {
                findings.push(format!("paused beyond their time: {}", worlds.pauses_over.join(", ")));
            }
            if !worlds.faulted.is_empty() {
                findings.push(format!("faulted: {}", worlds.faulted.join(", ")));
            }
            let finding = findings.join("; ");
            if told.is_new(&without_age(&finding)) && !finding.is_empty() {
                tracing::warn!(finding, "something does not go on by itself");
            }
            let did = if finding.is_empty() { "everything goes on by itself".to_owned() } else { finding };
            Ok(Done { did, complete: true })
        })
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The age grows with every look and is no news.
fn without_age(finding: &str) -> String {
    finding.split(", the oldest of").next().unwrap_or_default().to_owned()
        + finding.split("min ago").nth(1).unwrap_or("")
}

fn set_overdue(what: &'static str, count: u32) {
    metrics::gauge!("worldtick_overdue", "what" => what).set(f64::from(count));
}

/// Worlds that stand still though nobody wants them to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    pauses_over: Vec<String>,
    faulted: Vec<String>,
}

impl Standing {
    fn of<'a>(worlds: impl Iterator<Item = &'a WorldView>, now: i64) -> Self {
        let mut standing = Self::default();
        for world in worlds {
            standing.note(world.world_id.as_str(), &world.status, now);
        }
        standing
    }

    fn note(&mut self, world: &str, status: &WorldStatus, now: i64) {
        match status {
            WorldStatus::Paused { until: Some(until), .. } if until.saturating_add(micros(PAUSE_OVERDUE)) < now => {
                self.pauses_over.push(world.to_owned());
            }
            WorldStatus::Faulted { .. } => self.faulted.push(world.to_owned()),
            _ => {}
        }
    }
}

/// Compares Kafka's topics with the catalogue.
pub(super) struct TopicChecks {
    settings: KafkaSettings,
    topics: TopicCatalogue,
    embedded: bool,
    told: Told,
    retentions: Retentions,
    /// One check at a time: a call that blocks goes on when its run has been given up.
    one: Arc<Semaphore>,
}

impl TopicChecks {
    pub(super) fn new(settings: KafkaSettings, topics: TopicCatalogue, embedded: bool, retentions: Retentions) -> Self {
        // The start has told what it found: this tells what has changed since.
        Self { settings, topics, embedded, told: Told::default(), retentions, one: Arc::new(Semaphore::new(1)) }
    }
}

impl Work for TopicChecks {
    fn run(&self, budget: Budget) -> Later<Result<Done, String>> {
        if self.embedded {
            let did = "the broker inside the process has no settings to compare".to_owned();
            return Box::pin(async { Ok(Done { did, complete: true }) });
        }
        let (mut settings, catalogue, told) = (self.settings.clone(), self.topics.clone(), self.told.clone());
        let retentions = self.retentions.clone();
        let Ok(permit) = self.one.clone().try_acquire_owned() else {
            return Box::pin(async { Err("the check before is still waiting for the brokers".to_owned()) });
        };
        Box::pin(async move {
            // The client's calls block; each waits no longer than the run may last.
            settings.write_timeout = settings.write_timeout.min(budget.left()).max(Duration::from_millis(100));
            let of_check = catalogue.clone();
            let check = move || (topics::check(&settings, &of_check, None), permit).0;
            let report = tokio::task::spawn_blocking(check).await;
            let report = report.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            retentions.note(&catalogue, &report);
            let did = said(&report);
            if told.is_new(&did) && !report.is_clean() {
                tracing::warn!(differs = %did, "topics differ from the catalogue (`worldtick topics check` lists all)");
            }
            Ok(Done { did, complete: true })
        })
    }
}

fn said(report: &CheckReport) -> String {
    if report.is_clean() {
        return format!("{} topics are as they should be", report.topics_checked);
    }
    let topics: Vec<String> = report
        .by_topic()
        .into_iter()
        .map(|(topic, differences)| {
            let settings: Vec<&str> = differences.iter().map(|difference| difference.setting.as_str()).collect();
            format!("{topic} ({})", settings.join(", "))
        })
        .collect();
    format!("different: {}", topics.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::bridge::topics::Deviation;

    fn paused(until: Option<i64>) -> WorldStatus {
        WorldStatus::Paused { reason: String::new(), by: String::new(), since: 0, until }
    }

    #[test]
    fn a_pause_is_overdue_a_minute_after_its_end() {
        let minute = micros(PAUSE_OVERDUE);
        let mut standing = Standing::default();
        standing.note("runs", &WorldStatus::Running, i64::MAX);
        standing.note("for ever", &paused(None), i64::MAX);
        standing.note("just over", &paused(Some(10)), 10 + minute);
        standing.note("long over", &paused(Some(10)), 11 + minute);
        let faulted = WorldStatus::Faulted { error: "x".into(), input: None, since: 0 };
        standing.note("broken", &faulted, 0);
        assert_eq!(standing, Standing { pauses_over: vec!["long over".into()], faulted: vec!["broken".into()] });
    }

    #[test]
    fn what_has_not_changed_is_not_told_again() {
        let told = Told::default();
        let finding =
            |age: u32| without_age(&format!("2 own ticks have not come back, the oldest of {age} min ago; faulted: a"));
        assert!(told.is_new(&finding(10)));
        assert!(!told.is_new(&finding(11)));
        assert!(told.is_new("") && told.is_new(&finding(12)));
    }

    #[test]
    fn a_report_is_said_topic_by_topic() {
        let mut report = CheckReport { topics_checked: 3, deviations: Vec::new() };
        assert_eq!(said(&report), "3 topics are as they should be");
        for (topic, setting) in [("a", "partitions"), ("a", "retention.ms"), ("b", "topic")] {
            let (expected, found) = ("1".to_owned(), "2".to_owned());
            report.deviations.push(Deviation { topic: topic.into(), setting: setting.into(), expected, found });
        }
        assert_eq!(said(&report), "different: a (partitions, retention.ms); b (topic)");
    }
}
