//! A job: what is asked of workers outside, by whom, and how far it is.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::life::Life;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;

/// A kind of generation of the world file, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GenerationKindId(pub u16);

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JobSource {
    /// An activity that has ended.
    Behaviour,
    /// The step of a chain, which waits for it: the number of the chain, the place of the step.
    Chain(u16, u8),
    /// A command.
    Command,
}

/// Who waits for a job: what comes of it happens to this NPC in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asker {
    /// The number of the session.
    pub session: u32,
    /// The NPC; nobody where it is asked for none.
    pub npc: StableId,
    /// Where the request comes from.
    pub source: JobSource,
}

/// What a worker has said of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LandedWhat {
    /// It has begun, or is so far, in percent.
    Progress(u8),
    /// It is done: the word that a chain may branch on, and where what was made lies.
    Succeeded {
        /// The outcome, `done` without one.
        outcome: Option<Box<str>>,
        /// A reference: a path, an address.
        reference: Option<Box<str>>,
    },
    /// It could not be done.
    Failed {
        /// Whether another attempt may do better.
        again: bool,
        /// The class of the error, a word.
        class: Box<str>,
        /// What went wrong.
        message: Option<Box<str>>,
    },
}

/// The same, with the attempt that it is of: it takes effect at the beginning of the next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// The attempt.
    pub attempt: u8,
    /// What was said.
    pub what: LandedWhat,
}

/// What few jobs have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRest {
    /// The key under which the same is not asked for twice while it is under way.
    pub dedup_key: Option<Box<str>>,
    /// What the workers get, as JSON; without it that of the kind.
    pub payload: Option<Box<str>>,
    /// Who else waits for it.
    pub others: Vec<Asker>,
    /// What a worker has said and the world has not heard yet.
    pub landed: Option<Landed>,
    /// How far it is, in percent.
    pub progress: u8,
    /// What went wrong last.
    pub error: Option<Box<str>>,
    /// Why the edge holds it back.
    pub held: Option<Box<str>>,
    /// The job that it is sent again for.
    pub again_for: Option<u64>,
}

/// A job. Small: there may be a million of them.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationJob {
    /// Whom it is done for.
    pub user: StableId,
    /// When it was asked for.
    pub asked: GameInstant,
    /// Since when it stands where it stands.
    pub since: GameInstant,
    /// When it is worth nothing any more.
    pub deadline: GameInstant,
    /// Who waits for it; nobody any more where its chain has gone on and others wait.
    pub asker: Option<Asker>,
    /// Where it stands.
    pub life: Life,
    /// What is asked for.
    pub kind: GenerationKindId,
    /// How urgent it is, -1,000 to 1,000.
    pub priority: i16,
    rest: Option<Box<JobRest>>,
}

impl GenerationJob {
    /// A job that is asked for at an instant.
    pub fn new(
        user: StableId,
        (kind, priority): (GenerationKindId, i16),
        (asked, deadline): (GameInstant, GameInstant),
        asker: Asker,
        life: Life,
    ) -> Self {
        Self { user, asked, since: asked, deadline, asker: Some(asker), life, kind, priority, rest: None }
    }

    /// What few jobs have; nothing where this one has nothing of it.
    pub fn rest(&self) -> Option<&JobRest> {
        self.rest.as_deref()
    }

    /// Changes what few jobs have. One in which nothing is left takes no room.
    pub fn change_rest<T>(&mut self, change: impl FnOnce(&mut JobRest) -> T) -> T {
        let mut rest = self.rest.take().unwrap_or_default();
        let made = change(&mut rest);
        if *rest != JobRest::default() {
            self.rest = Some(rest);
        }
        made
    }

    /// Everybody who waits for it.
    pub fn askers(&self) -> impl Iterator<Item = Asker> + '_ {
        self.asker.into_iter().chain(self.rest().into_iter().flat_map(|rest| rest.others.iter().copied()))
    }

    /// Whether it is among those that the edge has, and the edge holds it back.
    pub fn is_held_back(&self) -> bool {
        self.life.waits_for_edge() && self.rest().is_some_and(|rest| rest.held.is_some())
    }

    /// Somebody more waits for it. Whoever does already is there once.
    pub fn join(&mut self, asker: Asker) {
        if self.askers().any(|known| known == asker) {
            return;
        }
        match self.asker {
            None => self.asker = Some(asker),
            Some(_) => self.change_rest(|rest| rest.others.push(asker)),
        }
    }

    /// Takes away whoever waits for it and of whom this is true. Whether somebody did.
    pub fn forsake(&mut self, which: impl Fn(&Asker) -> bool) -> bool {
        let mut gone = self.asker.take_if(|asker| which(asker)).is_some();
        if self.rest().is_some_and(|rest| !rest.others.is_empty()) {
            gone |= self.change_rest(|rest| {
                let before = rest.others.len();
                rest.others.retain(|asker| !which(asker));
                rest.others.len() < before
            });
        }
        gone
    }

    /// The key under which the same is not asked for twice.
    pub fn dedup_key(&self) -> Option<&str> {
        self.rest().and_then(|rest| rest.dedup_key.as_deref())
    }

    /// Where it stands in the order of its user: a point of priority is worth so many microseconds of waiting.
    pub fn order(&self, point_micros: i64) -> i64 {
        self.asked.as_micros().saturating_sub(i64::from(self.priority).saturating_mul(point_micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_small() {
        assert!(size_of::<GenerationJob>() <= 88, "{}", size_of::<GenerationJob>());
    }

    #[test]
    fn who_waits_for_a_job_can_leave_it() {
        let at = GameInstant::from_micros(5_000_000).expect("in the calendar");
        let asker = |npc| Asker { session: 1, npc: StableId(npc), source: JobSource::Command };
        let kind = (GenerationKindId(0), 2);
        let mut job = GenerationJob::new(StableId(9), kind, (at, GameInstant::MAX), asker(4), Life::new(1));
        job.join(asker(4));
        job.join(asker(5));
        assert_eq!(job.askers().count(), 2, "who waits already is there once");
        assert!(job.forsake(|asker| asker.npc == StableId(4)));
        assert!(!job.forsake(|asker| asker.npc == StableId(4)));
        assert_eq!(job.askers().collect::<Vec<_>>(), [asker(5)]);
        assert!(job.forsake(|_| true) && job.rest().is_none());
        assert_eq!(job.order(1_000_000), 3_000_000);
    }
}
