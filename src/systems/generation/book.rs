//! Which jobs there are, where they stand, and whose turn it may be. Derived from [`GenerationJob`] and
//! [`GenerationUser`], kept true at every change, made anew in `WorldReady`.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;

use super::desk::GenerationDesk;
use crate::components::clock::GameInstant;
use crate::components::generation::{BANDS, Band, GenerationJob, GenerationUser, JobSource, JobState};
use crate::components::ids::StableId;
use crate::components::interaction::ChainId;
use crate::world::spec::GenerationLimitsSpec;

/// Whose interactions: the number of the session, then the NPC.
type Key = (u32, StableId);

/// Finds jobs.
#[derive(Resource, Debug, Default)]
pub struct JobBook {
    pages: BTreeMap<StableId, Page>,
    names: BTreeMap<Box<str>, StableId>,
    /// Users that have pending jobs of a band and may have one more under way.
    ready: [BTreeSet<StableId>; BANDS],
    /// All pending jobs, in the order of users: the last one makes room for others first.
    pending: BTreeSet<(i64, StableId)>,
    in_flight: BTreeSet<StableId>,
    dead: BTreeSet<StableId>,
    deadlines: BTreeSet<(GameInstant, StableId)>,
    keys: BTreeMap<(StableId, Box<str>), StableId>,
    of_chains: BTreeMap<(Key, ChainId), StableId>,
    /// The same by their ids: the first was asked for first.
    waiting: BTreeSet<StableId>,
    /// What has been made and is not spawned yet; empty between systems.
    pub(crate) fresh: BTreeMap<StableId, GenerationJob>,
    /// The same of users.
    pub(crate) fresh_users: BTreeMap<StableId, GenerationUser>,
}

/// The jobs of a user.
#[derive(Debug, Default)]
pub(super) struct Page {
    queues: [BTreeSet<(i64, StableId)>; BANDS],
    pub(super) in_flight: u32,
    dead: u32,
    left: [u16; BANDS],
    held: bool,
}

impl Page {
    pub(super) fn pending(&self) -> usize {
        self.queues.iter().map(BTreeSet::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.dead == 0 && self.queues.iter().all(BTreeSet::is_empty)
    }
}

fn point_micros(limits: &GenerationLimitsSpec) -> i64 {
    i64::from(limits.priority_age_seconds) * 1_000_000
}

impl JobBook {
    /// Jobs that wait in the world.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Jobs that the world has let go and that are not over.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
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
        (page.left, page.held) = (user.left, user.held.is_some());
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
                let order = (job.order(point_micros(limits)), id);
                page.queues[Band::of(job.priority).index()].insert(order);
                self.pending.insert(order);
                self.waiting.insert(id);
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
        if !state.is_final() {
            if job.deadline < GameInstant::MAX {
                self.deadlines.insert((job.deadline, id));
            }
            if let Some(key) = job.dedup_key() {
                self.keys.insert((job.user, key.into()), id);
            }
            for (key, chain) in chains_of(job) {
                self.of_chains.insert((key, chain), id);
            }
        }
        self.renew(job.user, limits);
    }

    /// Strikes a job out, as it was entered.
    pub(super) fn strike(&mut self, id: StableId, job: &GenerationJob, limits: &GenerationLimitsSpec) {
        let Some(page) = self.pages.get_mut(&job.user) else { return };
        match job.life.state() {
            JobState::Pending => {
                let order = (job.order(point_micros(limits)), id);
                page.queues[Band::of(job.priority).index()].remove(&order);
                self.pending.remove(&order);
                self.waiting.remove(&id);
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
        self.deadlines.remove(&(job.deadline, id));
        if let Some(key) = job.dedup_key() {
            self.keys.remove(&(job.user, key.into()));
        }
        for (key, chain) in chains_of(job) {
            self.of_chains.remove(&(key, chain));
        }
        self.renew(job.user, limits);
    }

    /// Makes up anew in which bands a user takes turns.
    pub(super) fn renew(&mut self, user: StableId, limits: &GenerationLimitsSpec) {
        let Some(page) = self.pages.get(&user) else { return };
        let may = !page.held && page.in_flight < limits.max_in_flight_per_user;
        for (ready, queue) in self.ready.iter_mut().zip(&page.queues) {
            if may && !queue.is_empty() {
                ready.insert(user);
            } else {
                ready.remove(&user);
            }
        }
    }

    pub(super) fn hold(&mut self, user: StableId, held: bool, limits: &GenerationLimitsSpec) {
        if let Some(page) = self.pages.get_mut(&user) {
            page.held = held;
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
        page.queues[at].first().map(|(_, id)| (*id, page.left[at]))
    }

    /// What is left of a user's turn from now on, all bands: nothing where it has no more to let go.
    pub(super) fn set_left(&mut self, user: StableId, band: Band, left: u16) -> [u16; BANDS] {
        let Some(page) = self.pages.get_mut(&user) else { return [0; BANDS] };
        let at = band.index();
        page.left[at] = if page.queues[at].is_empty() { 0 } else { left };
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
    pub(crate) fn of_chain(&self, key: Key, chain: ChainId) -> Option<StableId> {
        self.of_chains.get(&(key, chain)).copied()
    }

    /// The jobs that chains of a key wait for.
    pub(crate) fn of_chains(&self, key: Key) -> Vec<(ChainId, StableId)> {
        let all = (key, ChainId(0))..=(key, ChainId(u16::MAX));
        self.of_chains.range(all).map(|((_, chain), id)| (*chain, *id)).collect()
    }

    /// Whether there is such a job.
    pub(super) fn holds(&self, id: StableId) -> bool {
        self.waiting.contains(&id) || self.in_flight.contains(&id) || self.dead.contains(&id)
    }

    /// One whose deadline has passed.
    pub(super) fn overdue(&self, now: GameInstant) -> Option<StableId> {
        self.deadlines.first().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    /// Dead jobs, the oldest first: ids only grow.
    pub(super) fn all_dead(&self) -> impl Iterator<Item = StableId> + '_ {
        self.dead.iter().copied()
    }

    /// Jobs in the order of their ids, from one on: those of a state, or all.
    pub(super) fn from(&self, state: Option<JobState>, id: StableId) -> impl Iterator<Item = StableId> + '_ {
        let wanted = |set, is: bool| if is { Some(set) } else { None };
        let sets: [Option<&BTreeSet<StableId>>; 3] = [
            wanted(&self.waiting, state.is_none_or(|state| state == JobState::Pending)),
            wanted(&self.in_flight, state.is_none_or(JobState::is_in_flight)),
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
        let order = (job.order(point_micros(limits)), id);
        let queue = self.pages.get(&job.user).map(|page| &page.queues[Band::of(job.priority).index()]);
        queue.map_or(0, |queue| queue.range(..order).count())
    }
}

fn chains_of(job: &GenerationJob) -> impl Iterator<Item = (Key, ChainId)> + '_ {
    job.askers().filter_map(|asker| match asker.source {
        JobSource::Chain(chain, _) => Some(((asker.session, asker.npc), ChainId(chain))),
        JobSource::Behaviour | JobSource::Command => None,
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
