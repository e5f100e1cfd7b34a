//! Which jobs of generation are let go to the workers, and when: limits over all worlds, back-off, time-outs. Pure: the
//! wall clock is handed in.
//!
//! Worlds let jobs go in fair turns; here they wait in the order in which they came, and one that a limit holds back holds
//! back no other. What is decided enters the worlds as inputs, so that a replay needs nothing of this.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::time::{Duration, Instant};

use crate::components::ids::WorldId;
use crate::plugins::store::ShardId;

/// Jobs that are looked at in one go at most.
const LOOKED_AT_MAX: usize = 1_000;
/// When a world is told again that no worker has said anything.
const TOLD_AGAIN: Duration = Duration::from_secs(3_600);
/// How long a world may take to hear that a job is let go.
const ASKED_MAX: Duration = Duration::from_secs(60);
/// What counts for the limits of an hour.
const HOUR: Duration = Duration::from_secs(3_600);

/// A job, by its world and its id there.
pub(super) type JobKey = (WorldId, u64);

/// Limits over all worlds of this server, and how attempts follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Jobs with the workers at once.
    pub max_in_flight: u32,
    /// Of them for one user.
    pub max_in_flight_per_user: u32,
    /// Of them of one shard.
    pub max_in_flight_per_shard: u32,
    /// Of them of one kind.
    pub max_in_flight_per_kind: u32,
    /// Attempts within an hour.
    pub max_per_hour: u32,
    /// Of them for one user.
    pub max_per_hour_per_user: u32,
    /// The wait before the second attempt; each one after it waits twice as long.
    pub retry_first: Duration,
    /// The longest wait between attempts.
    pub retry_max: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            max_in_flight: 256,
            max_in_flight_per_user: 16,
            max_in_flight_per_shard: 256,
            max_in_flight_per_kind: 256,
            max_per_hour: 100_000,
            max_per_hour_per_user: 1_000,
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
        }
    }
}

/// Whose a job is, as limits see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) user: String,
    pub(super) kind: String,
    pub(super) shard: ShardId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// From then on it may go.
    Waits { from: Instant, number: u64 },
    /// The world has been asked to send it; should nothing have come of that by then, it waits again.
    Asked { until: Instant },
    /// It is with the workers until then at the latest.
    Sent { until: Instant },
}

#[derive(Debug)]
struct Held {
    whose: Whose,
    attempt: u8,
    timeout: Duration,
    stage: Stage,
    /// Why it is held back, as the world was told last.
    told: Option<&'static str>,
}

/// What is to be told to the worlds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decisions {
    /// Jobs that are let go.
    pub(super) admitted: Vec<JobKey>,
    /// Jobs that are held back, each with why; told once for each reason.
    pub(super) held: Vec<(JobKey, &'static str)>,
    /// Jobs of which no worker has said anything for too long, with the attempt.
    pub(super) timed_out: Vec<(JobKey, u8)>,
}

/// The jobs with which the edge has something to do.
#[derive(Debug, Default)]
pub(super) struct EdgeJobs {
    pub(super) limits: EdgeLimits,
    jobs: BTreeMap<JobKey, Held>,
    waiting: BTreeMap<(Instant, u64), JobKey>,
    /// Where looking at those that wait has stopped.
    looked_at: Option<(Instant, u64)>,
    ends: BTreeSet<(Instant, JobKey)>,
    users: BTreeMap<String, u32>,
    kinds: BTreeMap<String, u32>,
    shards: BTreeMap<ShardId, u32>,
    in_flight: u32,
    /// Attempts within the last hour, the oldest first.
    hour: VecDeque<(Instant, String)>,
    hour_of_users: BTreeMap<String, u32>,
    number: u64,
}

fn count<K: Ord + Clone>(counts: &mut BTreeMap<K, u32>, key: &K, more: bool) {
    let held = counts.entry(key.clone()).or_default();
    *held = if more { held.saturating_add(1) } else { held.saturating_sub(1) };
    if *held == 0 {
        counts.remove(key);
    }
}

impl EdgeJobs {
    pub(super) fn new(limits: EdgeLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Jobs that wait here, and jobs with the workers.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.waiting.len(), usize::try_from(self.in_flight).unwrap_or(usize::MAX))
    }

    /// How long a job waits before the attempt that follows `attempt`: doubling, with a jitter of up to a quarter that goes
    /// by the job, so that those that failed together do not come again together.
    fn back_off(&self, key: &JobKey, attempt: u8) -> Duration {
        if attempt == 0 {
            return Duration::ZERO;
        }
        let doubled = self.limits.retry_first.saturating_mul(1_u32 << u32::from(attempt - 1).min(20));
        let wait = doubled.min(self.limits.retry_max);
        let salt = xxhash_rust::xxh3::xxh3_64(format!("{}:{}:{attempt}", key.0, key.1).as_bytes());
        wait + wait.mul_f64(f64::from(u32::try_from(salt % 1_000).unwrap_or(0)) / 4_000.0)
    }

    fn leave(&mut self, key: &JobKey) -> Option<Held> {
        let held = self.jobs.remove(key)?;
        match held.stage {
            Stage::Waits { from, number } => {
                self.waiting.remove(&(from, number));
            }
            Stage::Asked { until } | Stage::Sent { until } => {
                self.ends.remove(&(until, key.clone()));
                self.count(&held.whose, false);
            }
        }
        Some(held)
    }

    fn count(&mut self, whose: &Whose, more: bool) {
        count(&mut self.users, &whose.user, more);
        count(&mut self.kinds, &whose.kind, more);
        count(&mut self.shards, &whose.shard, more);
        self.in_flight = if more { self.in_flight.saturating_add(1) } else { self.in_flight.saturating_sub(1) };
    }

    /// A job waits for the edge, after so many attempts.
    pub(super) fn wait(&mut self, key: JobKey, whose: Whose, attempt: u8, now: Instant) {
        self.leave(&key);
        self.number += 1;
        let (from, number) = (now + self.back_off(&key, attempt), self.number);
        self.waiting.insert((from, number), key.clone());
        let stage = Stage::Waits { from, number };
        self.jobs.insert(key, Held { whose, attempt, timeout: Duration::ZERO, stage, told: None });
    }

    /// A job is with the workers, for the so-manieth time.
    pub(super) fn sent(&mut self, key: JobKey, whose: Whose, attempt: u8, timeout: Duration, now: Instant) {
        self.leave(&key);
        self.count(&whose, true);
        let until = now + timeout;
        self.ends.insert((until, key.clone()));
        self.jobs.insert(key, Held { whose, attempt, timeout, stage: Stage::Sent { until }, told: None });
    }

    /// A worker has said something: it has its time anew.
    pub(super) fn heard(&mut self, key: &JobKey, now: Instant) {
        if let Some(Held { stage: Stage::Sent { until }, timeout, .. }) = self.jobs.get_mut(key) {
            self.ends.remove(&(*until, key.clone()));
            *until = now + *timeout;
            self.ends.insert((*until, key.clone()));
        }
    }

    /// A job is over.
    pub(super) fn over(&mut self, key: &JobKey) {
        self.leave(key);
    }

    /// A world is gone, or begins anew.
    pub(super) fn forget(&mut self, world: &WorldId) {
        let keys: Vec<JobKey> =
            self.jobs.range((world.clone(), 0)..=(world.clone(), u64::MAX)).map(|(k, _)| k.clone()).collect();
        for key in keys {
            self.leave(&key);
        }
    }

    /// An attempt was made, so long ago.
    pub(super) fn attempted(&mut self, user: &str, at: Instant) {
        self.hour.push_back((at, user.to_owned()));
        count(&mut self.hour_of_users, &user.to_owned(), true);
    }

    fn forget_hour(&mut self, now: Instant) {
        while let Some((at, user)) = self.hour.front().cloned() {
            if now.saturating_duration_since(at) < HOUR {
                return;
            }
            self.hour.pop_front();
            count(&mut self.hour_of_users, &user, false);
        }
    }

    /// Why a job cannot go now.
    fn limit(&self, whose: &Whose) -> Option<&'static str> {
        let limits = &self.limits;
        let held = |counts: &BTreeMap<String, u32>, key: &str| counts.get(key).copied().unwrap_or(0);
        let checks = [
            (self.in_flight, limits.max_in_flight, "as many jobs are with the workers as may be in all"),
            (
                held(&self.users, &whose.user),
                limits.max_in_flight_per_user,
                "as many jobs of its user are with the workers as may be",
            ),
            (
                held(&self.kinds, &whose.kind),
                limits.max_in_flight_per_kind,
                "as many jobs of its kind are with the workers as may be",
            ),
            (
                self.shards.get(&whose.shard).copied().unwrap_or(0),
                limits.max_in_flight_per_shard,
                "as many jobs of its shard are with the workers as may be",
            ),
            (
                u32::try_from(self.hour.len()).unwrap_or(u32::MAX),
                limits.max_per_hour,
                "as many jobs were sent within the hour as may be in all",
            ),
            (
                held(&self.hour_of_users, &whose.user),
                limits.max_per_hour_per_user,
                "as many jobs of its user were sent within the hour as may be",
            ),
        ];
        checks.into_iter().find(|(held, most, _)| held >= most).map(|(.., why)| why)
    }

    /// Jobs that could go by now, the oldest first. Where there are more than are looked at in one go, the next one looks at
    /// others, so that those that limits hold back are in nobody's way.
    fn due(&mut self, now: Instant) -> Vec<((Instant, u64), JobKey)> {
        let last = (now, u64::MAX);
        let from = self.looked_at.take().filter(|from| *from < last);
        let own = |(at, key): (&(Instant, u64), &JobKey)| (*at, key.clone());
        let behind = from.map(|from| self.waiting.range((Excluded(from), Included(last))));
        let mut due: Vec<_> = behind.into_iter().flatten().take(LOOKED_AT_MAX).map(own).collect();
        let before = self.waiting.range(..=from.unwrap_or(last)).take(LOOKED_AT_MAX - due.len());
        due.extend(before.map(own));
        if due.len() == LOOKED_AT_MAX {
            self.looked_at = due.last().map(|(at, _)| *at);
        }
        due
    }

    /// What is to be done now. Jobs that are let go count from here on.
    pub(super) fn decide(&mut self, now: Instant) -> Decisions {
        self.forget_hour(now);
        let mut decisions = Decisions::default();
        let due = self.due(now);
        for (at, key) in due {
            let Some(whose) = self.jobs.get(&key).map(|held| held.whose.clone()) else { continue };
            let why = self.limit(&whose);
            let Some(held) = self.jobs.get_mut(&key) else { continue };
            match why {
                None => {
                    self.waiting.remove(&at);
                    let until = now + ASKED_MAX;
                    held.stage = Stage::Asked { until };
                    self.ends.insert((until, key.clone()));
                    self.count(&whose, true);
                    self.attempted(&whose.user, now);
                    decisions.admitted.push(key);
                }
                Some(why) if held.told != Some(why) => {
                    held.told = Some(why);
                    decisions.held.push((key, why));
                }
                Some(_) => {}
            }
        }
        while let Some((until, key)) = self.ends.first().filter(|(until, _)| *until <= now).cloned() {
            self.ends.remove(&(until, key.clone()));
            if self.jobs.get(&key).is_some_and(|held| matches!(held.stage, Stage::Asked { .. })) {
                self.put_back(&key, now);
                continue;
            }
            if let Some(held) = self.jobs.get_mut(&key) {
                // Its world has heard it, and may stand still. Should it not have heard it, it is told again.
                let again = now + TOLD_AGAIN;
                held.stage = Stage::Sent { until: again };
                decisions.timed_out.push((key.clone(), held.attempt));
                self.ends.insert((again, key));
            }
        }
        decisions
    }

    /// What was decided could not be told to the world: it waits again.
    pub(super) fn put_back(&mut self, key: &JobKey, now: Instant) {
        if let Some(held) = self.leave(key) {
            self.wait(key.clone(), held.whose, held.attempt.max(1), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn world(name: &str) -> WorldId {
        WorldId::new(name).expect("an id")
    }

    fn whose(user: u8, kind: u8, shard: u8) -> Whose {
        Whose { user: format!("u{user}"), kind: format!("k{kind}"), shard: i32::from(shard) }
    }

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant")]
    fn begin() -> Instant {
        Instant::now()
    }

    #[test]
    fn attempts_follow_each_other_ever_more_slowly_and_not_in_step() {
        let limits = EdgeLimits { retry_max: Duration::from_secs(60), ..EdgeLimits::default() };
        let edge = EdgeJobs::new(limits);
        let wait = |job: u64, attempt| edge.back_off(&(world("w"), job), attempt).as_secs_f64();
        assert!(wait(1, 0).abs() < f64::EPSILON, "the first one does not wait");
        for attempt in 1..10 {
            let least = f64::from(1_u32 << (attempt - 1)).min(60.0);
            assert!((least..=least * 1.25).contains(&wait(1, attempt)), "{attempt}: {}", wait(1, attempt));
        }
        assert!((wait(1, 3) - wait(2, 3)).abs() > f64::EPSILON, "those that failed together do not come together");
    }

    #[test]
    fn who_says_nothing_for_too_long_has_failed() {
        let (mut edge, now) = (EdgeJobs::new(EdgeLimits::default()), begin());
        let (key, seconds) = ((world("w"), 7), Duration::from_secs);
        edge.sent(key.clone(), whose(1, 1, 0), 2, seconds(30), now);
        assert_eq!(edge.decide(now + seconds(29)), Decisions::default());
        edge.heard(&key, now + seconds(29));
        assert_eq!(edge.decide(now + seconds(58)).timed_out, []);
        assert_eq!(edge.decide(now + seconds(59)).timed_out, [(key.clone(), 2)]);
        assert_eq!(edge.decide(now + seconds(60)).timed_out, [], "the world has been told");
        assert_eq!(edge.decide(now + seconds(59) + TOLD_AGAIN).timed_out, [(key.clone(), 2)], "it may not have heard");
        edge.over(&key);
        assert_eq!((edge.len(), edge.ends.len()), ((0, 0), 0));
    }

    #[test]
    fn why_a_job_is_held_back_is_told_once_and_holds_back_no_other() {
        let limits = EdgeLimits { max_in_flight_per_user: 1, ..EdgeLimits::default() };
        let (mut edge, now) = (EdgeJobs::new(limits), begin());
        let key = |job| (world("w"), job);
        for (job, user) in [(1, 1), (2, 1), (3, 2)] {
            edge.wait(key(job), whose(user, 1, 0), 0, now);
        }
        let decided = edge.decide(now);
        assert_eq!(decided.admitted, [key(1), key(3)]);
        assert!(matches!(decided.held.as_slice(), [(held, why)] if *held == key(2) && why.contains("user")));
        assert_eq!(edge.decide(now), Decisions::default(), "it has been told");
        edge.over(&key(1));
        assert_eq!(edge.decide(now).admitted, [key(2)]);
        edge.forget(&world("w"));
        assert_eq!((edge.len(), edge.users.len(), edge.shards.len()), ((0, 0), 0, 0));
    }

    #[test]
    fn very_many_that_are_held_back_are_in_nobodys_way() {
        let limits = EdgeLimits { max_in_flight_per_user: 1, ..EdgeLimits::default() };
        let (mut edge, now) = (EdgeJobs::new(limits), begin());
        let many = u64::try_from(LOOKED_AT_MAX).expect("few") * 3;
        for job in 0..=many {
            edge.wait((world("w"), job), whose(u8::from(job == many), 1, 0), 0, now);
        }
        let admitted: Vec<u64> = (0..4).flat_map(|_| edge.decide(now).admitted).map(|(_, job)| job).collect();
        assert_eq!(admitted, [0, many]);
    }

    #[test]
    fn a_world_that_does_not_hear_that_a_job_is_let_go_is_told_again() {
        let (mut edge, now) = (EdgeJobs::new(EdgeLimits::default()), begin());
        edge.wait((world("w"), 1), whose(1, 1, 0), 0, now);
        assert_eq!(edge.decide(now).admitted.len(), 1);
        assert_eq!((edge.decide(now + ASKED_MAX), edge.len()), (Decisions::default(), (1, 0)));
        assert_eq!(edge.decide(now + ASKED_MAX * 2).admitted.len(), 1);
    }

    #[test]
    fn limits_of_an_hour_last_an_hour() {
        let limits = EdgeLimits { max_per_hour_per_user: 2, ..EdgeLimits::default() };
        let (mut edge, now) = (EdgeJobs::new(limits), begin());
        for job in 1..=3 {
            edge.wait((world("w"), job), whose(1, 1, 0), 0, now);
        }
        assert_eq!(edge.decide(now).admitted.len(), 2);
        edge.over(&(world("w"), 1));
        edge.over(&(world("w"), 2));
        assert_eq!(edge.decide(now + Duration::from_secs(3_599)).admitted, []);
        assert_eq!(edge.decide(now + HOUR).admitted, [(world("w"), 3)]);
    }

    proptest! {
        /// Whatever comes and goes, no limit is ever exceeded, and what may go goes.
        #[test]
        fn no_limit_is_exceeded(
            deeds in prop::collection::vec((0_u8..4, 0_u64..30, 0_u8..3, 0_u8..3, 0_u8..2), 1..200),
            most in (1_u32..6, 1_u32..4, 1_u32..4, 1_u32..4, 5_u32..40, 2_u32..10),
        ) {
            let limits = EdgeLimits {
                max_in_flight: most.0,
                max_in_flight_per_user: most.1,
                max_in_flight_per_kind: most.2,
                max_in_flight_per_shard: most.3,
                max_per_hour: most.4,
                max_per_hour_per_user: most.5,
                ..EdgeLimits::default()
            };
            let (mut edge, mut now) = (EdgeJobs::new(limits.clone()), begin());
            let mut gone: BTreeMap<JobKey, Whose> = BTreeMap::new();
            let mut sent: Vec<(Instant, String)> = Vec::new();
            for (deed, job, user, kind, shard) in deeds {
                let key = (world("w"), job);
                match deed {
                    0 if !gone.contains_key(&key) => edge.wait(key, whose(user, kind, shard), 0, now),
                    1 => {
                        edge.over(&key);
                        gone.remove(&key);
                    }
                    2 => now += Duration::from_secs(600),
                    _ => edge.heard(&key, now),
                }
                for key in edge.decide(now).admitted {
                    let whose = edge.jobs.get(&key).expect("it is there").whose.clone();
                    sent.push((now, whose.user.clone()));
                    edge.sent(key.clone(), whose.clone(), 1, Duration::from_secs(90_000), now);
                    gone.insert(key, whose);
                }
                let of = |which: &dyn Fn(&Whose) -> bool| u32::try_from(gone.values().filter(|one| which(one)).count()).expect("few");
                prop_assert!(of(&|_| true) <= limits.max_in_flight);
                prop_assert_eq!(of(&|_| true), edge.in_flight);
                for number in 0..3_u8 {
                    let (user, kind) = (format!("u{number}"), format!("k{number}"));
                    let (by_user, by_kind) = (of(&|one| one.user == user), of(&|one| one.kind == kind));
                    let by_shard = of(&|one| one.shard == i32::from(number));
                    prop_assert!(by_user <= most.1 && by_kind <= most.2 && by_shard <= most.3);
                    let recent = sent.iter().filter(|(at, whose)| now.duration_since(*at) < HOUR && *whose == user);
                    prop_assert!(recent.count() <= usize::try_from(most.5).expect("few"));
                }
                let hour = sent.iter().filter(|(at, _)| now.duration_since(*at) < HOUR).count();
                prop_assert!(hour <= usize::try_from(limits.max_per_hour).expect("few"));
            }
        }
    }
}
