//! The tasks that remove rows.

use std::time::Duration;

use super::checks::Told;
use super::clock::Later;
use super::retentions::{Kept, Retentions};
use super::runner::{Budget, Done, Work};
use crate::plugins::store::{Store, Sweep, Swept};

/// A step of a walk should not take longer: on SQLite a commit that comes meanwhile waits for its end.
const STEP_BUDGET: Duration = Duration::from_millis(50);
/// Rows of the first step; then as many as the budget of a step allows.
const BATCH_FIRST: u32 = 250;
const BATCH_MIN: u32 = 50;
const BATCH_MAX: u32 = 5_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// Removes what is old and what is too much from one table.
pub(super) struct Sweeping {
    pub(super) store: Store,
    pub(super) what: Swept,
    /// Rows live so long; nothing: they never grow too old.
    pub(super) days: Option<u32>,
    pub(super) rows_max: Option<u32>,
    /// What of Kafka must not outlive these rows.
    pub(super) outlive: Option<Outlive>,
}

/// Ids of messages must not be forgotten while their topics keep them: one that is read again would run again.
pub(super) struct Outlive {
    pub(super) topics: &'static [&'static str],
    pub(super) retentions: Retentions,
    pub(super) told: Told,
}

impl Outlive {
    /// For how many days rows live that are to live for so many; or why none may go.
    fn days(&self, days: u32) -> Result<u32, String> {
        match self.retentions.longest(self.topics) {
            // A record may be read a little after its time: brokers remove whole segments.
            Kept::For(time) => Ok(days.max(u32::try_from(time.as_secs().div_ceil(86_400) + 1).unwrap_or(u32::MAX))),
            Kept::Unknown => {
                Err("nothing removed: Kafka has not said yet for how long it keeps these messages".to_owned())
            }
            Kept::Forever(topic) => {
                let words = format!(
                    "nothing removed: {topic} keeps its messages for ever (retention.ms -1), and one whose id is forgotten \
                     would run again"
                );
                if self.told.is_new(&words) {
                    tracing::warn!(topic, "ids are never forgotten: the topic keeps its messages for ever");
                }
                Err(words)
            }
        }
    }
}

impl Work for Sweeping {
    fn run(&self, budget: Budget) -> Later<Result<Done, String>> {
        let now = budget.clock().wall_micros();
        let days =
            self.days.map(|days| self.outlive.as_ref().map_or(Ok(days), |outlive| outlive.days(days))).transpose();
        let days = match days {
            Ok(days) => days,
            Err(did) => return Box::pin(async { Ok(Done { did, complete: true }) }),
        };
        let before = days.map_or(i64::MIN, |days| now.saturating_sub(i64::from(days).saturating_mul(DAY_MICROS)));
        let mut sweep = Sweep::new(self.what, before, self.rows_max);
        let store = self.store.clone();
        Box::pin(async move {
            let (mut removed, mut batch) = (0_u64, BATCH_FIRST);
            while !sweep.is_done() && !budget.is_spent() {
                let begun = budget.clock().elapsed();
                sweep.limit(budget.left());
                removed += match store.sweep(&mut sweep, batch).await {
                    Ok(step) => step,
                    // It was broken off.
                    Err(error) if error.is_transient() && budget.is_spent() && removed > 0 => break,
                    Err(error) => return Err(format!("after {removed} rows were removed: {error}")),
                };
                batch = next_batch(batch, budget.clock().elapsed().saturating_sub(begun));
                // Whoever waits for the database comes first.
                tokio::task::yield_now().await;
            }
            let rest = if sweep.is_done() { "" } else { "; there may be more" };
            Ok(Done { did: format!("{removed} rows removed{rest}"), complete: sweep.is_done() })
        })
    }
}

/// Rows of the next step, after one of `batch` rows has taken `took`: half as many after one that was too long, and
/// slowly more while there is room.
fn next_batch(batch: u32, took: Duration) -> u32 {
    let next = if took > STEP_BUDGET {
        batch / 2
    } else if took < STEP_BUDGET / 2 {
        batch + batch / 4
    } else {
        batch
    };
    next.clamp(BATCH_MIN, BATCH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::bridge::topics::{CheckReport, Deviation, TopicCatalogue};

    #[test]
    fn ids_outlive_what_the_cluster_keeps() {
        const TOPICS: &[&str] = &["world.tick.hourly", "world.tick.daily"];
        let outlive = Outlive { topics: TOPICS, retentions: Retentions::default(), told: Told::default() };
        let catalogue = TopicCatalogue::built_in().expect("valid");
        assert!(outlive.days(30).is_err_and(|words| words.contains("not said yet")));
        let found = |millis: i64| {
            let (topic, setting) = ("world.tick.daily".to_owned(), "retention.ms".to_owned());
            let deviation = Deviation { topic, setting, expected: "604800000".into(), found: millis.to_string() };
            outlive.retentions.note(&catalogue, &CheckReport { topics_checked: 1, deviations: vec![deviation] });
            outlive.days(30)
        };
        assert_eq!(found(86_400_000), Ok(30), "as many as are configured, where that is more");
        assert_eq!(found(100 * 86_400_000), Ok(101), "longer than the cluster keeps them, where that is more");
        assert!(found(-1).is_err_and(|words| words.contains("world.tick.daily keeps its messages for ever")));
        assert_eq!(found(i64::MAX), Ok(u32::MAX), "for longer than there is time");
    }

    #[tokio::test]
    async fn nothing_is_forgotten_while_messages_are_kept_for_ever() {
        use std::sync::Arc;

        use crate::plugins::store::{Commit, CommitOutcome, StoreConfig, TickSeenRow};
        use crate::server::tasks::clock::RealClock;

        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("worldtick.db").display());
        let store = Store::open(&StoreConfig::new(&url)).await.expect("a store");
        let lease = store.acquire(1, "test", Duration::from_secs(10)).await.expect("a lease");
        let seen = TickSeenRow { shard: 0, tick_id: uuid::Uuid::from_u128(7), seen_at: 1 };
        let commit_no = lease.commit_no() + 1;
        let commit = Commit { epoch: lease.epoch(), commit_no, ticks_seen: vec![seen], ..Commit::default() };
        assert_eq!(store.commit(&lease, &commit).await.expect("committed"), CommitOutcome::Done);
        let (retentions, catalogue) = (Retentions::default(), TopicCatalogue::built_in().expect("valid"));
        let outlive = Outlive { topics: &["world.tick.hourly"], retentions: retentions.clone(), told: Told::default() };
        let what = Swept::TickIds;
        let task = Sweeping { store: store.clone(), what, days: Some(30), rows_max: None, outlive: Some(outlive) };
        let run = async || task.run(Budget::new(Arc::new(RealClock::new()), Duration::from_secs(60))).await;
        let report = |found: &str| CheckReport {
            topics_checked: 1,
            deviations: vec![Deviation {
                topic: "world.tick.hourly".into(),
                setting: "retention.ms".into(),
                expected: "86400000".into(),
                found: found.into(),
            }],
        };
        for found in [None, Some("-1")] {
            if let Some(found) = found {
                retentions.note(&catalogue, &report(found));
            }
            let done = run().await.expect("done");
            assert!(done.complete && done.did.starts_with("nothing removed"), "{done:?}");
        }
        retentions.note(&catalogue, &report("86400000"));
        assert_eq!(run().await.expect("done").did, "1 rows removed");
        store.release(&lease).await.expect("released");
        store.close().await;
    }

    #[test]
    fn steps_shrink_when_they_take_too_long_and_grow_while_there_is_room() {
        let slow = STEP_BUDGET + Duration::from_millis(1);
        assert_eq!(next_batch(1_000, slow), 500);
        assert_eq!(next_batch(BATCH_MIN, slow), BATCH_MIN);
        assert_eq!(next_batch(1_000, STEP_BUDGET), 1_000);
        assert_eq!(next_batch(1_000, Duration::ZERO), 1_250);
        assert_eq!(next_batch(BATCH_MAX, Duration::ZERO), BATCH_MAX);
    }
}
