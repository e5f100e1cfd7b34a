//! What the edge shows of itself: how much of its limits is used, who waits, behind what, and for how long yet.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{EdgeJobs, HOUR, Held, JobKey, LimitScope, Stage, Tally};
use crate::components::ids::WorldId;

/// Jobs, and users, kinds, shards and worlds, of which one answer tells at most.
const SHOWN_MAX: usize = 1_000;

/// Which jobs are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct EdgeFilter {
    /// Those of this world.
    pub(crate) world: Option<String>,
    /// Those of this user.
    pub(crate) user: Option<String>,
    /// Those of this kind.
    pub(crate) kind: Option<String>,
    /// At most so many, and so many users, kinds, shards and worlds.
    pub(crate) limit: usize,
}

impl EdgeFilter {
    fn takes(&self, key: &JobKey, held: &Held) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        is(&self.world, key.0.as_str()) && is(&self.user, &held.card.user) && is(&self.kind, &held.card.kind)
    }
}

/// The share of a limit that is used.
fn share(used: u32, most: u32) -> f64 {
    match (used, most) {
        (_, 0) => 1.0,
        _ => f64::from(used) / f64::from(most),
    }
}

impl EdgeJobs {
    /// How much of what may be with the workers in all is with them: 1 where nothing more may go.
    pub(crate) fn saturation(&self) -> f64 {
        let (tally, most) = (self.tally(LimitScope::All, ""), self.limits.quota(LimitScope::All, ""));
        share(tally.in_flight, most.concurrent).max(share(tally.hour, most.per_hour))
    }

    /// All of it: sums, who has most waiting, and the jobs that wait, in the order in which they are looked at.
    pub(crate) fn shown(&self, filter: &EdgeFilter, now: Instant) -> Value {
        let limit = filter.limit.min(SHOWN_MAX);
        let waiting = self.waiting.values().enumerate();
        let waiting = waiting.filter_map(|(before, key)| Some((before, key, self.jobs.get(key)?)));
        let jobs = waiting.filter(|(_, key, held)| filter.takes(key, held)).take(limit);
        let jobs: Vec<Value> = jobs.map(|(before, key, held)| self.job_json(key, held, before, now)).collect();
        let mut shown = self.usage(LimitScope::All, "", self.tally(LimitScope::All, ""));
        let more = json!({
            "onTheirWay": self.on_their_way.values().map(std::collections::BTreeSet::len).sum::<usize>(),
            "oldestWaitSeconds": self.oldest_wait(now).as_secs_f64(),
            "stoodStillSeconds": self.stood_still.as_secs_f64(),
            "users": self.most(LimitScope::User, limit),
            "kinds": self.most(LimitScope::Kind, limit),
            "worlds": self.most(LimitScope::World, limit),
            "shards": self.most(LimitScope::Shard, limit),
            "jobs": jobs,
        });
        if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
            shown.remove("name");
            shown.extend(more);
        }
        shown
    }

    /// Those of a scope that have most waiting, then most with the workers.
    fn most(&self, scope: LimitScope, limit: usize) -> Vec<Value> {
        let names = self.tallies.get(&scope).into_iter().flatten();
        let mut names: Vec<(&String, &Tally)> = names.collect();
        names.sort_by_key(|(name, tally)| (std::cmp::Reverse((tally.waiting, tally.in_flight, tally.hour)), *name));
        names.truncate(limit);
        names.into_iter().map(|(name, tally)| self.usage(scope, name, *tally)).collect()
    }

    fn usage(&self, scope: LimitScope, name: &str, tally: Tally) -> Value {
        let most = self.limits.quota(scope, name);
        json!({
            "name": name, "waiting": tally.waiting, "withWorkers": tally.in_flight, "concurrent": most.concurrent,
            "withinTheHour": tally.hour, "perHour": most.per_hour,
            "saturation": share(tally.in_flight, most.concurrent).max(share(tally.hour, most.per_hour)),
        })
    }

    /// What the edge has to say of one job; nothing where it has nothing to do with it.
    pub(crate) fn explained(&self, world: &WorldId, job: u64, now: Instant) -> Option<Value> {
        let key = (world.clone(), job);
        let held = self.jobs.get(&key)?;
        let before = match held.stage {
            Stage::Waits { from, number } => self.waiting.range(..(from, number)).count(),
            _ => 0,
        };
        Some(self.job_json(&key, held, before, now))
    }

    fn job_json(&self, key: &JobKey, held: &Held, before: usize, now: Instant) -> Value {
        let (stage, until) = match held.stage {
            Stage::Waits { from, .. } => ("waits", Some(from)),
            Stage::Asked => ("let_go", None),
            Stage::OnItsWay { .. } => ("on_its_way", None),
            Stage::Sent { until } => ("with_workers", Some(until + self.stood_still)),
        };
        let waits = stage == "waits";
        let limit = if waits { self.limit(&held.card) } else { None };
        let backs_off = waits && until.is_some_and(|from| from > now);
        let why = match limit {
            Some((scope, hourly)) => Some(scope.words(hourly)),
            None if backs_off => Some("its last attempt has failed, and the next one waits a while"),
            None => None,
        };
        let seconds = |at: Instant| at.saturating_duration_since(now).as_secs_f64();
        json!({
            "world": key.0, "jobId": key.1, "user": held.card.user, "kind": held.card.kind,
            "priority": held.card.priority, "attempt": held.attempt, "stage": stage,
            "sinceSeconds": now.saturating_duration_since(held.since).as_secs_f64(),
            "before": waits.then_some(before), "behind": why,
            "notBeforeSeconds": until.filter(|_| backs_off).map(seconds),
            "expectedSeconds": waits.then(|| self.expected(held, before, limit, now)).flatten(),
            "timeOutSeconds": until.filter(|_| !waits).map(seconds),
        })
    }

    /// In how many seconds a job that waits is likely to go: by what was sent within the last hour; nothing where nothing
    /// was, so that nobody can say.
    fn expected(&self, held: &Held, before: usize, limit: Option<(LimitScope, bool)>, now: Instant) -> Option<f64> {
        let from = match held.stage {
            Stage::Waits { from, .. } => from.saturating_duration_since(now).as_secs_f64(),
            _ => 0.0,
        };
        let Some((scope, hourly)) = limit else { return Some(from) };
        let name = held.card.name(scope);
        if hourly {
            // When the oldest attempt of the hour that counts for it is an hour old.
            let first = self.hour.iter().find(|(_, card)| card.name(scope) == name);
            let wait = first.map(|(at, _)| (*at + HOUR).saturating_duration_since(now))?;
            return Some(wait.as_secs_f64().max(from));
        }
        let rate = f64::from(self.tally(scope, &name).hour) / Duration::as_secs_f64(&HOUR);
        let ahead = match scope {
            LimitScope::All => u32::try_from(before).unwrap_or(u32::MAX),
            _ => self.tally(scope, &name).waiting.saturating_sub(1),
        };
        (rate > 0.0).then(|| ((f64::from(ahead) + 1.0) / rate).max(from))
    }
}
