//! Which jobs of generation are let go to the workers, and when: limits over all worlds, back-off, time-outs. Pure: the
//! wall clock is handed in.
//!
//! Worlds let jobs go in fair turns; here they wait in the order in which they came, and one that a limit holds back holds
//! back no other. What is decided enters the worlds as inputs, so that a replay needs nothing of this.

mod card;
mod limits;
mod show;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(super) use self::card::Card;
use self::card::{Counted, Tally};
pub use self::limits::{EdgeLimits, LimitScope, OwnLimits, OwnQuota, Quota};
pub(crate) use self::show::EdgeFilter;
use crate::components::ids::WorldId;
use crate::plugins::store::ShardId;

/// Jobs that are looked at in one go at most.
const LOOKED_AT_MAX: usize = 1_000;
/// When a world that could not be told something is told again: after the first time, and at most.
const TOLD_AGAIN_FIRST: Duration = Duration::from_secs(1);
const TOLD_AGAIN_MAX: Duration = Duration::from_secs(60);
/// A world is told another reason for which a job is held back no sooner than this after the last.
const REASON_LASTS: Duration = Duration::from_secs(60);
/// What counts for the limits of an hour.
const HOUR: Duration = Duration::from_secs(3_600);

/// A job, by its world and its id there.
pub(super) type JobKey = (WorldId, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// From then on it may go.
    Waits { from: Instant, number: u64 },
    /// The world has been asked to send it, and what becomes of that is not durable yet.
    Asked,
    /// It is sent, and not known to be on Kafka: it is by the time when its shard is published up to this id.
    OnItsWay { outbox_id: i64 },
    /// It is with the workers, by the edge's clock until then at the latest.
    Sent { until: Instant },
}

#[derive(Debug)]
struct Held {
    card: Arc<Card>,
    attempt: u8,
    timeout: Duration,
    stage: Stage,
    /// Since when it is in that stage.
    since: Instant,
    /// Why it is held back, as the world was told last, and when.
    told: Option<(&'static str, Instant)>,
    /// How often its world could not be told of a decision.
    untold: u8,
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
pub(crate) struct EdgeJobs {
    limits: EdgeLimits,
    jobs: BTreeMap<JobKey, Held>,
    waiting: BTreeMap<(Instant, u64), JobKey>,
    /// Where looking at those that wait has stopped.
    looked_at: Option<(Instant, u64)>,
    /// Jobs that are sent and not known to be on Kafka, by their places in the outbox.
    on_their_way: BTreeMap<(ShardId, i64), BTreeSet<JobKey>>,
    ends: BTreeSet<(Instant, JobKey)>,
    tallies: BTreeMap<LimitScope, BTreeMap<String, Tally>>,
    /// Attempts within the last hour, the oldest first.
    hour: VecDeque<(Instant, Arc<Card>)>,
    number: u64,
    /// For how long nothing could be heard of the workers, so that no time-out has run.
    stood_still: Duration,
}

/// The same, for the engine that works with it and for readers. Nobody holds it for long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge(Arc<Mutex<EdgeJobs>>);

impl Edge {
    pub(crate) fn lock(&self) -> MutexGuard<'_, EdgeJobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EdgeJobs {
    #[cfg(test)]
    fn new(limits: EdgeLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes limits from the configuration; those that were changed since stay.
    pub(super) fn configure(&mut self, limits: EdgeLimits) {
        let own = std::mem::take(&mut self.limits.own);
        self.limits = EdgeLimits { own, ..limits };
    }

    /// Takes limits as they were changed.
    pub(crate) fn change(&mut self, own: OwnLimits) {
        self.limits.own = own;
    }

    /// The limits that hold.
    pub(crate) fn limits(&self) -> &EdgeLimits {
        &self.limits
    }

    /// Jobs that wait here, and jobs with the workers.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.waiting.len(), self.jobs.len().saturating_sub(self.waiting.len()))
    }

    /// Since when the oldest of those that wait could have gone, as far as only limits hold it back.
    pub(super) fn oldest_wait(&self, now: Instant) -> Duration {
        self.waiting.first_key_value().map_or(Duration::ZERO, |((from, _), _)| now.saturating_duration_since(*from))
    }

    /// The time by which time-outs run: it stands still while nothing can be heard of the workers.
    fn clock(&self, now: Instant) -> Instant {
        now.checked_sub(self.stood_still).unwrap_or(now)
    }

    /// Nothing could be heard of the workers for so long: their time has not run.
    pub(super) fn stand_still(&mut self, time: Duration) {
        self.stood_still += time;
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

    fn count(&mut self, card: &Card, what: Counted, more: bool) {
        for scope in LimitScope::ALL {
            let (name, of_scope) = (card.name(scope), self.tallies.entry(scope).or_default());
            let tally = of_scope.entry(name.clone().into_owned()).or_default();
            let number = match what {
                Counted::Waiting => &mut tally.waiting,
                Counted::InFlight => &mut tally.in_flight,
                Counted::Hour => &mut tally.hour,
            };
            *number = if more { number.saturating_add(1) } else { number.saturating_sub(1) };
            if *tally == Tally::default() {
                of_scope.remove(&*name);
            }
        }
    }

    fn tally(&self, scope: LimitScope, name: &str) -> Tally {
        self.tallies.get(&scope).and_then(|names| names.get(name)).copied().unwrap_or_default()
    }

    fn leave(&mut self, key: &JobKey) -> Option<Held> {
        let held = self.jobs.remove(key)?;
        match held.stage {
            Stage::Waits { from, number } => {
                self.waiting.remove(&(from, number));
                self.count(&held.card, Counted::Waiting, false);
                return Some(held);
            }
            Stage::Asked => self.count(&held.card, Counted::Hour, false),
            Stage::OnItsWay { outbox_id } => {
                let place = (held.card.shard, outbox_id);
                if let Some(keys) = self.on_their_way.get_mut(&place) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.on_their_way.remove(&place);
                    }
                }
            }
            Stage::Sent { until } => {
                self.ends.remove(&(until, key.clone()));
            }
        }
        self.count(&held.card, Counted::InFlight, false);
        Some(held)
    }

    /// A job waits for the edge, after so many attempts.
    pub(super) fn wait(&mut self, key: JobKey, card: Card, attempt: u8, now: Instant) {
        self.leave(&key);
        let wait = self.back_off(&key, attempt);
        let card = Arc::new(card);
        let stage = Stage::Asked;
        let held = Held { card, attempt, timeout: Duration::ZERO, stage, since: now, told: None, untold: 0 };
        self.queue(key, held, now + wait);
    }

    /// Lets a job that is in no stage wait until then.
    fn queue(&mut self, key: JobKey, held: Held, from: Instant) {
        self.number += 1;
        let number = self.number;
        self.waiting.insert((from, number), key.clone());
        self.count(&held.card, Counted::Waiting, true);
        self.jobs.insert(key, Held { stage: Stage::Waits { from, number }, ..held });
    }

    /// A job is sent, for the so-manieth time, in or before this place of its shard's outbox. It counts for the hour.
    pub(super) fn sent(
        &mut self,
        key: JobKey,
        card: Card,
        (attempt, timeout): (u8, Duration),
        outbox_id: i64,
        now: Instant,
    ) {
        self.attempted(card.clone(), now);
        self.with_workers(key, card, (attempt, timeout), outbox_id, now);
    }

    /// The same for one of which it is known that it was sent before.
    pub(super) fn with_workers(
        &mut self,
        key: JobKey,
        card: Card,
        (attempt, timeout): (u8, Duration),
        outbox_id: i64,
        now: Instant,
    ) {
        self.leave(&key);
        self.count(&card, Counted::InFlight, true);
        self.on_their_way.entry((card.shard, outbox_id)).or_default().insert(key.clone());
        let (card, stage) = (Arc::new(card), Stage::OnItsWay { outbox_id });
        self.jobs.insert(key, Held { card, attempt, timeout, stage, since: now, told: None, untold: 0 });
    }

    /// The outbox of a shard is on Kafka up to here: from now on the time of the workers runs.
    pub(super) fn published(&mut self, shard: ShardId, outbox_id: i64, now: Instant) {
        let clock = self.clock(now);
        while let Some((place, keys)) = self
            .on_their_way
            .range((shard, i64::MIN)..=(shard, outbox_id))
            .next()
            .map(|(place, keys)| (*place, keys.clone()))
        {
            self.on_their_way.remove(&place);
            for key in keys {
                if let Some(held) = self.jobs.get_mut(&key) {
                    let until = clock + held.timeout;
                    (held.stage, held.since) = (Stage::Sent { until }, now);
                    self.ends.insert((until, key));
                }
            }
        }
    }

    /// A worker has said something: it has its time anew.
    pub(super) fn heard(&mut self, key: &JobKey, now: Instant) {
        let clock = self.clock(now);
        if let Some(timeout) = self.jobs.get(key).map(|held| held.timeout) {
            self.end_at(key, clock + timeout);
        }
    }

    fn end_at(&mut self, key: &JobKey, at: Instant) {
        if let Some(Held { stage: Stage::Sent { until }, .. }) = self.jobs.get_mut(key) {
            self.ends.remove(&(*until, key.clone()));
            *until = at;
            self.ends.insert((at, key.clone()));
        }
    }

    /// A job is over, or this attempt at it is: the edge has nothing to do with it.
    pub(super) fn over(&mut self, key: &JobKey) {
        self.leave(key);
    }

    /// What is known of a job that is with the workers, or on its way to them, for the so-manieth time.
    pub(super) fn with_the_workers(&self, key: &JobKey, attempt: u8) -> Option<Arc<Card>> {
        let is_sent = |held: &&Held| matches!(held.stage, Stage::OnItsWay { .. } | Stage::Sent { .. });
        self.jobs.get(key).filter(is_sent).filter(|held| held.attempt == attempt).map(|held| held.card.clone())
    }

    /// The jobs of a world that are with the workers, or on their way to them: id, attempt, and what is known of each.
    pub(super) fn of_world(&self, world: &WorldId) -> Vec<(u64, u8, Arc<Card>)> {
        let all = self.jobs.range((world.clone(), 0)..=(world.clone(), u64::MAX));
        let is_sent = |held: &Held| matches!(held.stage, Stage::OnItsWay { .. } | Stage::Sent { .. });
        all.filter(|(_, held)| is_sent(held)).map(|((_, id), held)| (*id, held.attempt, held.card.clone())).collect()
    }

    /// A world is gone, or begins anew.
    pub(super) fn forget(&mut self, world: &WorldId) {
        let keys: Vec<JobKey> =
            self.jobs.range((world.clone(), 0)..=(world.clone(), u64::MAX)).map(|(k, _)| k.clone()).collect();
        for key in keys {
            self.leave(&key);
        }
    }

    /// An attempt was made, then.
    pub(super) fn attempted(&mut self, card: Card, at: Instant) {
        self.count(&card, Counted::Hour, true);
        self.hour.push_back((at, Arc::new(card)));
    }

    fn forget_hour(&mut self, now: Instant) {
        while let Some((at, _)) = self.hour.front() {
            if now.saturating_duration_since(*at) < HOUR {
                return;
            }
            if let Some((_, card)) = self.hour.pop_front() {
                self.count(&card, Counted::Hour, false);
            }
        }
    }

    /// The limit because of which a job cannot go now, and whether it is that of the hour.
    fn limit(&self, card: &Card) -> Option<(LimitScope, bool)> {
        LimitScope::ALL.into_iter().find_map(|scope| {
            let name = card.name(scope);
            let (held, most) = (self.tally(scope, &name), self.limits.quota(scope, &name));
            if held.in_flight >= most.concurrent {
                return Some((scope, false));
            }
            (held.hour >= most.per_hour).then_some((scope, true))
        })
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

    /// What is to be done now for worlds that can be told something. Jobs that are let go count from here on. No more than
    /// `room` time-outs are told at once.
    pub(super) fn decide(&mut self, now: Instant, hears: impl Fn(&WorldId) -> bool, room: usize) -> Decisions {
        self.forget_hour(now);
        let mut decisions = Decisions::default();
        for (at, key) in self.due(now) {
            let Some(card) = self.jobs.get(&key).map(|held| held.card.clone()).filter(|card| hears(&card.world)) else {
                continue;
            };
            let why = self.limit(&card).map(|(scope, hourly)| scope.words(hourly));
            let Some(held) = self.jobs.get_mut(&key) else { continue };
            match why {
                None => {
                    (held.stage, held.since) = (Stage::Asked, now);
                    self.waiting.remove(&at);
                    self.count(&card, Counted::Waiting, false);
                    self.count(&card, Counted::InFlight, true);
                    self.count(&card, Counted::Hour, true);
                    decisions.admitted.push(key);
                }
                Some(why) => {
                    let known = held
                        .told
                        .is_some_and(|(told, at)| told == why || now.saturating_duration_since(at) < REASON_LASTS);
                    if !known {
                        held.told = Some((why, now));
                        decisions.held.push((key, why));
                    }
                }
            }
        }
        let clock = self.clock(now);
        while decisions.timed_out.len() < room
            && let Some((until, key)) = self.ends.first().filter(|(until, _)| *until <= clock).cloned()
        {
            self.ends.remove(&(until, key.clone()));
            // Should it come to nothing, it is told again.
            let (heard, attempt) = (hears(&key.0), self.jobs.get(&key).map_or(0, |held| held.attempt));
            self.end_at(&key, clock + if heard { TOLD_AGAIN_MAX } else { TOLD_AGAIN_FIRST });
            if heard {
                decisions.timed_out.push((key, attempt));
            }
        }
        decisions
    }

    /// A world that was asked to send a job has not done so: it waits again, a while. No attempt was made.
    pub(super) fn put_back(&mut self, key: &JobKey, now: Instant) {
        if !self.jobs.get(key).is_some_and(|held| held.stage == Stage::Asked) {
            return;
        }
        if let Some(mut held) = self.leave(key) {
            let wait = TOLD_AGAIN_FIRST.saturating_mul(1 << u32::from(held.untold).min(6)).min(TOLD_AGAIN_MAX);
            held.untold = held.untold.saturating_add(1);
            held.since = now;
            self.queue(key.clone(), held, now + wait);
        }
    }

    /// A world could not be told why a job is held back, or that its time is over.
    pub(super) fn not_told(&mut self, key: &JobKey, now: Instant) {
        let clock = self.clock(now);
        if let Some(held) = self.jobs.get_mut(key) {
            held.told = None;
        }
        self.end_at(key, clock + TOLD_AGAIN_FIRST);
    }
}
