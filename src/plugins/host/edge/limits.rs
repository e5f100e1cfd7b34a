//! Limits of the edge: how many jobs of generation may be with the workers at once and sent within an hour, in all, for each
//! user, kind, shard and world, and for some of them by name.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plugins::store::LimitRow;

/// Of what a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitScope {
    /// Of one user, over all worlds.
    User,
    /// Of one kind of generation, over all worlds.
    Kind,
    /// Of one world.
    World,
    /// Of the worlds of one shard.
    Shard,
    /// Of all jobs of this server.
    All,
}

impl LimitScope {
    /// All of them, the narrowest first: in this order they are asked, so that a job is told of the limit that will hold it
    /// back the longest.
    pub const ALL: [Self; 5] = [Self::User, Self::Kind, Self::World, Self::Shard, Self::All];

    /// Its name in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Kind => "kind",
            Self::World => "world",
            Self::Shard => "shard",
            Self::All => "all",
        }
    }

    /// The scope of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Why a job waits that a limit of it holds back.
    pub(super) fn words(self, hourly: bool) -> &'static str {
        match (self, hourly) {
            (Self::User, false) => "as many jobs of its user are with the workers as may be",
            (Self::User, true) => "as many jobs of its user were sent within the hour as may be",
            (Self::Kind, false) => "as many jobs of its kind are with the workers as may be",
            (Self::Kind, true) => "as many jobs of its kind were sent within the hour as may be",
            (Self::World, false) => "as many jobs of its world are with the workers as may be",
            (Self::World, true) => "as many jobs of its world were sent within the hour as may be",
            (Self::Shard, false) => "as many jobs of its shard are with the workers as may be",
            (Self::Shard, true) => "as many jobs of its shard were sent within the hour as may be",
            (Self::All, false) => "as many jobs are with the workers as may be in all",
            (Self::All, true) => "as many jobs were sent within the hour as may be in all",
        }
    }
}

/// How many jobs there may be of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// With the workers at once.
    pub concurrent: u32,
    /// Attempts within an hour.
    pub per_hour: u32,
}

/// What of a quota is said for itself; what is not holds as it would without.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnQuota {
    /// With the workers at once.
    pub concurrent: Option<u32>,
    /// Attempts within an hour.
    pub per_hour: Option<u32>,
}

impl OwnQuota {
    fn over(self, quota: Quota) -> Quota {
        Quota {
            concurrent: self.concurrent.unwrap_or(quota.concurrent),
            per_hour: self.per_hour.unwrap_or(quota.per_hour),
        }
    }
}

/// What was changed while the server ran, and is kept in the store: by scope and name. The empty name is of everybody of
/// whom nothing is said by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnLimits(BTreeMap<LimitScope, BTreeMap<String, OwnQuota>>);

impl OwnLimits {
    /// Says a quota of something, in place of what was said before.
    pub fn set(&mut self, scope: LimitScope, name: impl Into<String>, quota: OwnQuota) {
        self.0.entry(scope).or_default().insert(name.into(), quota);
    }

    /// Those of the store. What nobody can have said is left out.
    pub fn of_rows(rows: &[LimitRow]) -> Self {
        let number = |number: Option<i64>| number.map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX));
        let mut own = Self::default();
        for row in rows {
            let Some(scope) = LimitScope::of(&row.scope) else { continue };
            let quota = OwnQuota { concurrent: number(row.concurrent), per_hour: number(row.per_hour) };
            own.set(scope, row.name.as_str(), quota);
        }
        own
    }

    /// What is said of something by this name.
    pub fn get(&self, scope: LimitScope, name: &str) -> OwnQuota {
        self.0.get(&scope).and_then(|names| names.get(name)).copied().unwrap_or_default()
    }

    /// All of it, in the order of scopes and names.
    pub fn iter(&self) -> impl Iterator<Item = (LimitScope, &str, OwnQuota)> {
        self.0.iter().flat_map(|(scope, names)| names.iter().map(|(name, quota)| (*scope, name.as_str(), *quota)))
    }
}

/// Limits over all worlds of this server, and how attempts follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Of all jobs.
    pub all: Quota,
    /// Of one user.
    pub user: Quota,
    /// Of one kind.
    pub kind: Quota,
    /// Of one shard.
    pub shard: Quota,
    /// Of one world.
    pub world: Quota,
    /// What was changed since.
    pub own: OwnLimits,
    /// The wait before the second attempt; each one after it waits twice as long.
    pub retry_first: Duration,
    /// The longest wait between attempts.
    pub retry_max: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        let most = Quota { concurrent: 256, per_hour: 100_000 };
        Self {
            all: most,
            user: Quota { concurrent: 16, per_hour: 1_000 },
            kind: most,
            shard: most,
            world: most,
            own: OwnLimits::default(),
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
        }
    }
}

impl EdgeLimits {
    /// What the configuration says of each of a scope.
    pub fn configured(&self, scope: LimitScope) -> Quota {
        match scope {
            LimitScope::User => self.user,
            LimitScope::Kind => self.kind,
            LimitScope::World => self.world,
            LimitScope::Shard => self.shard,
            LimitScope::All => self.all,
        }
    }

    /// What holds for something: what is said of it by name, else of everybody, else by the configuration.
    pub fn quota(&self, scope: LimitScope, name: &str) -> Quota {
        let everybody = self.own.get(scope, "").over(self.configured(scope));
        if name.is_empty() { everybody } else { self.own.get(scope, name).over(everybody) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_by_name_goes_before_what_is_said_of_everybody() {
        let mut limits = EdgeLimits::default();
        let quota = |limits: &EdgeLimits, name: &str| limits.quota(LimitScope::User, name);
        assert_eq!(quota(&limits, "alice"), Quota { concurrent: 16, per_hour: 1_000 });
        limits.own.set(LimitScope::User, "", OwnQuota { concurrent: Some(3), per_hour: None });
        limits.own.set(LimitScope::User, "alice", OwnQuota { concurrent: None, per_hour: Some(7) });
        assert_eq!(quota(&limits, "alice"), Quota { concurrent: 3, per_hour: 7 });
        assert_eq!(quota(&limits, "bob"), Quota { concurrent: 3, per_hour: 1_000 });
        assert_eq!(limits.quota(LimitScope::Kind, "alice"), limits.kind, "another scope");
        assert_eq!(LimitScope::ALL.map(|scope| LimitScope::of(scope.as_str())), LimitScope::ALL.map(Some));
    }
}
