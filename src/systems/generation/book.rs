//! Which jobs there are, where they stand, and whose turn it may be. Derived from [`GenerationJob`] and
//! [`GenerationUser`], kept true at every change, made anew in `WorldReady`.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;

use super::desk::GenerationDesk;
use super::page::{Page, Turn, turn};
use crate::components::clock::GameInstant;
use crate::components::generation::{BANDS, Band, GenerationJob, GenerationUser, JobSource, JobState};
use crate::components::ids::StableId;
use crate::components::interaction::{ChainId, NO_SESSION, NOBODY};
use crate::world::spec::GenerationLimitsSpec;

/// Whose interactions: the number of the session, then the NPC.
type Key = (u32, StableId);

/// Somebody who waits for a job: the session, the NPC, the chain where it is one, and the job.
type Waits = (u32, StableId, Option<ChainId>, StableId);

/// Finds jobs.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct JobBook {
    pages: BTreeMap<StableId, Page>,
    names: BTreeMap<Box<str>, StableId>,
    /// Users that have pending jobs of a band that may go, and may have one more under way.
    ready: [BTreeSet<StableId>; BANDS],
    /// All pending jobs, in the order of users: the last one makes room for others first.
    pending: BTreeSet<(i64, StableId)>,
    in_flight: BTreeSet<StableId>,
    /// Those of them that the edge holds back.
    held: BTreeSet<StableId>,
    dead: BTreeSet<StableId>,
    deadlines: BTreeSet<(GameInstant, StableId)>,
    keys: BTreeMap<(StableId, Box<str>), StableId>,
    askers: BTreeSet<Waits>,
    /// Pending jobs by their ids: the first was asked for first.
    waiting: BTreeSet<StableId>,
    /// What has been made and is not spawned yet; empty between systems.
    pub(crate) fresh: BTreeMap<StableId, GenerationJob>,
    /// The same of users.
    pub(crate) fresh_users: BTreeMap<StableId, GenerationUser>,
}

impl JobBook {
    /// Jobs that wait in the world.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Jobs that the world has let go and that are not over, without those that the edge holds back.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Jobs that the world has let go and that the edge holds back.
    pub fn held_back(&self) -> usize {
        self.held.len()
    }

    /// Dead jobs that are kept.
    pub fn dead(&self) -> usize {
        self.dead.len()
    }

    /// Users that have jobs.
    pub fn users(&self) -> usize {
        self.pages.len()
    }

    /// The oldest of those that wait.
    pub fn oldest(&self) -> Option<StableId> {
        self.waiting.first().copied()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// The user of a name.
    pub fn user(&self, name: &str) -> Option<StableId> {
        self.names.get(name).copied()
    }

    pub(super) fn page(&self, user: StableId) -> Option<&Page> {
        self.pages.get(&user)
    }

    pub(super) fn enter_user(&mut self, id: StableId, user: &GenerationUser) {
        self.names.insert(user.name.clone(), id);
        let page = self.pages.entry(id).or_default();
        (page.left, page.is_held) = (user.left, user.held.is_some());
    }

    /// Strikes a user out that has no jobs. Whether it had none.
    pub(super) fn strike_user(&mut self, id: StableId, name: &str) -> bool {
        if self.pages.get(&id).is_none_or(|page| !page.is_empty()) {
            return false;
        }
        self.pages.remove(&id);
        self.names.remove(name);
        true
    }

    /// Enters a job.
    pub(super) fn enter(&mut self, id: StableId, job: &GenerationJob, limits: &GenerationLimitsSpec) {
        let state = job.life.state();
        let page = self.pages.entry(job.user).or_default();
        match state {
            JobState::Pending => {
                let turn = turn(id, job, limits);
                page.queue.insert(turn);
                self.pending.insert((turn.2, id));
                self.waiting.insert(id);
            }
            JobState::Queued | JobState::Running if job.is_held_back() => {
                *page.held.entry(job.kind).or_default() += 1;
                self.held.insert(id);
            }
            JobState::Queued | JobState::Running => {
                page.in_flight += 1;
                self.in_flight.insert(id);
            }
            _ => {
                page.dead += 1;
                self.dead.insert(id);
            }
        }
        // What is over is nobody's any more: its key and its chain may be those of another job by now.
        if !state.is_final() {
            if job.deadline < GameInstant::MAX {
                self.deadlines.insert((job.deadline, id));
            }
            if let Some(key) = job.dedup_key() {
                self.keys.insert((job.user, key.into()), id);
            }
            self.askers.extend(waits(id, job));
        }
        self.renew(job.user, limits);
    }

    /// Strikes a job out, as it was entered.
    pub(super) fn strike(&mut self, id: StableId, job: &GenerationJob, limits: &GenerationLimitsSpec) {
        let Some(page) = self.pages.get_mut(&job.user) else { return };
        let state = job.life.state();
        match state {
            JobState::Pending => {
                let turn = turn(id, job, limits);
                page.queue.remove(&turn);
                self.pending.remove(&(turn.2, id));
                self.waiting.remove(&id);
            }
            JobState::Queued | JobState::Running if job.is_held_back() => {
                if let Some(count) = page.held.get_mut(&job.kind) {
                    *count = count.saturating_sub(1);
                }
                page.held.retain(|_, count| *count > 0);
                self.held.remove(&id);
            }
            JobState::Queued | JobState::Running => {
                page.in_flight = page.in_flight.saturating_sub(1);
                self.in_flight.remove(&id);
            }
            _ => {
                page.dead = page.dead.saturating_sub(1);
                self.dead.remove(&id);
            }
        }
        if !state.is_final() {
            self.deadlines.remove(&(job.deadline, id));
            if let Some(key) = job.dedup_key() {
                self.keys.remove(&(job.user, key.into()));
            }
            for waits in waits(id, job) {
                self.askers.remove(&waits);
            }
        }
        self.renew(job.user, limits);
    }

    /// Makes up anew in which bands a user takes turns.
    pub(super) fn renew(&mut self, user: StableId, limits: &GenerationLimitsSpec) {
        let Some(page) = self.pages.get(&user) else { return };
        let may = !page.is_held && page.in_flight < limits.max_in_flight_per_user;
        for band in Band::all() {
            let ready = &mut self.ready[band.index()];
            if may && page.first(band).is_some() {
                ready.insert(user);
            } else {
                ready.remove(&user);
            }
        }
    }

    pub(super) fn hold(&mut self, user: StableId, held: bool, limits: &GenerationLimitsSpec) {
        if let Some(page) = self.pages.get_mut(&user) {
            page.is_held = held;
        }
        self.renew(user, limits);
    }

    pub(super) fn has_ready(&self, band: Band) -> bool {
        !self.ready[band.index()].is_empty()
    }

    /// Users that take turns in a band.
    pub(super) fn ready(&self, band: Band) -> usize {
        self.ready[band.index()].len()
    }

    /// The first user after another that takes turns in a band, in a ring.
    pub(super) fn ready_after(&self, band: Band, user: StableId) -> Option<StableId> {
        let ready = &self.ready[band.index()];
        let after = ready.range(StableId(user.0.saturating_add(1))..).next();
        after.or_else(|| ready.first()).copied()
    }

    /// The first job of a user that takes turns in a band, and what is left of its turn.
    pub(super) fn first_of(&self, band: Band, user: StableId) -> Option<(StableId, u16)> {
        let at = band.index();
        let page = self.pages.get(&user).filter(|_| self.ready[at].contains(&user))?;
        Some((page.first(band)?, page.left[at]))
    }

    /// What is left of a user's turn from now on, all bands: nothing where it has no more to let go.
    pub(super) fn set_left(&mut self, user: StableId, band: Band, left: u16) -> [u16; BANDS] {
        let Some(page) = self.pages.get_mut(&user) else { return [0; BANDS] };
        let has_more = page.heads(band).next().is_some();
        page.left[band.index()] = if has_more { left } else { 0 };
        page.left
    }

    /// The pending job that makes room for others first.
    pub(super) fn last_pending(&self) -> Option<StableId> {
        self.pending.last().map(|(_, id)| *id)
    }

    pub(super) fn of_key(&self, user: StableId, key: &str) -> Option<StableId> {
        self.keys.get(&(user, key.into())).copied()
    }

    /// The job that a chain waits for.
    pub(crate) fn of_chain(&self, (session, npc): Key, chain: ChainId) -> Option<StableId> {
        let of = |job| (session, npc, Some(chain), StableId(job));
        self.askers.range(of(0)..=of(u64::MAX)).next().map(|(.., job)| *job)
    }

    /// The jobs that somebody of a session waits for.
    pub(super) fn of_session(&self, session: u32) -> BTreeSet<StableId> {
        let (first, last) = ends((session, StableId(0)), (session, StableId(u64::MAX)));
        self.askers.range(first..=last).map(|(.., job)| *job).collect()
    }

    /// The jobs that somebody waits for on behalf of an NPC, in whatever session.
    pub(super) fn of_npc(&self, npc: StableId) -> BTreeSet<StableId> {
        let (mut jobs, mut session) = (BTreeSet::new(), Some(0));
        while let Some(from) = session {
            let (begin, _) = ends((from, StableId(0)), (from, npc));
            let Some((found, ..)) = self.askers.range(begin..).next() else { break };
            let (first, last) = ends((*found, npc), (*found, npc));
            jobs.extend(self.askers.range(first..=last).map(|(.., job)| *job));
            session = found.checked_add(1);
        }
        jobs
    }

    /// Whether there is such a job.
    pub(super) fn holds(&self, id: StableId) -> bool {
        [&self.waiting, &self.in_flight, &self.held, &self.dead].iter().any(|jobs| jobs.contains(&id))
    }

    /// Those whose deadline has passed, the most overdue first.
    pub(super) fn overdue(&self, now: GameInstant) -> impl Iterator<Item = StableId> + '_ {
        self.deadlines.range(..=(now, StableId(u64::MAX))).map(|(_, id)| *id)
    }

    /// Dead jobs, the oldest first: ids only grow.
    pub(super) fn all_dead(&self) -> impl Iterator<Item = StableId> + '_ {
        self.dead.iter().copied()
    }

    /// Jobs in the order of their ids, from one on: those of a state, or all.
    pub(super) fn from(&self, state: Option<JobState>, id: StableId) -> impl Iterator<Item = StableId> + '_ {
        let wanted = |set, is: bool| if is { Some(set) } else { None };
        let sets: [Option<&BTreeSet<StableId>>; 4] = [
            wanted(&self.waiting, state.is_none_or(|state| state == JobState::Pending)),
            wanted(&self.in_flight, state.is_none_or(JobState::is_in_flight)),
            wanted(&self.held, state.is_none_or(JobState::is_in_flight)),
            wanted(&self.dead, state.is_none_or(|state| state == JobState::Dead)),
        ];
        let mut ranges: Vec<_> = sets.into_iter().flatten().map(|set| set.range(id..).peekable()).collect();
        std::iter::from_fn(move || {
            let first = ranges.iter_mut().filter_map(|range| range.peek().map(|id| **id)).min()?;
            ranges.iter_mut().find_map(|range| range.next_if(|id| **id == first)).copied()
        })
    }

    /// Jobs of the same user and band that come before one that waits.
    pub(super) fn before(&self, id: StableId, job: &GenerationJob, limits: &GenerationLimitsSpec) -> usize {
        let (band, _, order, _) = turn(id, job, limits);
        let Some(page) = self.pages.get(&job.user) else { return 0 };
        let of = |(_, kind, ..): &Turn| {
            let first = (band, *kind, i64::MIN, StableId(0));
            page.queue.range(first..(band, *kind, order, id)).count()
        };
        page.heads(band).map(of).sum()
    }
}

/// From the first to the last who may wait.
fn ends((from, npc): Key, (to, last): Key) -> (Waits, Waits) {
    ((from, npc, None, StableId(0)), (to, last, Some(ChainId(u16::MAX)), StableId(u64::MAX)))
}

/// Who waits for a job. Whoever is of no session and no NPC is looked for by nobody.
fn waits(id: StableId, job: &GenerationJob) -> impl Iterator<Item = Waits> + '_ {
    let known = job.askers().filter(|asker| (asker.session, asker.npc) != (NO_SESSION, NOBODY));
    known.map(move |asker| {
        let chain = match asker.source {
            JobSource::Chain(chain, _) => Some(ChainId(chain)),
            JobSource::Behaviour | JobSource::Command => None,
        };
        (asker.session, asker.npc, chain, id)
    })
}

/// Makes the book anew. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub(crate) fn rebuild_jobs(
    mut book: ResMut<JobBook>,
    desk: Res<GenerationDesk>,
    users: Query<(&StableId, &GenerationUser)>,
    jobs: Query<(&StableId, &GenerationJob)>,
) {
    *book = JobBook::default();
    for (id, user) in &users {
        book.enter_user(*id, user);
    }
    // In their order they lie close together.
    let mut all: Vec<(StableId, &GenerationJob)> = jobs.iter().map(|(id, job)| (*id, job)).collect();
    all.sort_unstable_by_key(|(id, _)| *id);
    for (id, job) in all {
        book.enter(id, job, &desk.limits);
    }
}
