//! What jobs stand on, and everything that happens to one: asked for, joined, left, let go, ended.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::book::JobBook;
use super::model::GenerationModel;
use super::over::Ended;
use super::page::Page;
use super::turns::Turns;
use crate::components::clock::GameInstant;
use crate::components::generation::{
    Asker, GenerationJob, GenerationKindId, GenerationTotals, GenerationUser, JobSource, JobState, Life, LifeEvent,
};
use crate::components::ids::StableId;
use crate::components::interaction::{ChainId, NO_SESSION, NOBODY};
use crate::messages::generation::{GenerationJobChanged, GenerationTold, JobTold, WorkOrder};
use crate::systems::interaction::Ground;
use crate::world::spec::GenerationLimitsSpec;

/// Whom jobs are done for that nobody in particular asks for.
pub const WORLD_USER: &str = "world";
/// Why a job is cancelled that makes room for a more urgent one.
pub const SHED: &str = "shed";
/// Why a job is cancelled that nobody waits for any more.
pub const FORSAKEN: &str = "forsaken";
/// Those who wait for one job at most: whoever asks under the key of one that has so many is refused.
pub const ASKERS_MAX: usize = 64;

/// What a world keeps of its jobs beside the jobs. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationDesk {
    /// How many there may be.
    pub limits: GenerationLimitsSpec,
    /// Whose turn it was last.
    pub(super) turns: Turns,
    /// Jobs of which workers have said something that has not taken effect, in the order in which they said it.
    pub(super) landed: Vec<StableId>,
    /// Why nothing is let go, where the edge holds the world back.
    pub(super) held: Option<String>,
}

/// Jobs, users, and what finds them.
#[derive(SystemParam)]
pub(crate) struct Jobs<'w, 's> {
    pub(crate) model: Res<'w, GenerationModel>,
    pub(crate) desk: ResMut<'w, GenerationDesk>,
    pub(crate) book: ResMut<'w, JobBook>,
    pub(crate) totals: ResMut<'w, GenerationTotals>,
    pub(super) told: ResMut<'w, GenerationTold>,
    pub(super) events: MessageWriter<'w, GenerationJobChanged>,
    pub(super) jobs: Query<'w, 's, &'static mut GenerationJob>,
    pub(super) users: Query<'w, 's, &'static mut GenerationUser>,
}

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: GenerationKindId,
    pub(crate) user: &'a str,
    pub(crate) priority: Option<i16>,
    pub(crate) deadline_micros: Option<i64>,
    pub(crate) dedup_key: Option<&'a str>,
    pub(crate) payload: Option<Box<str>>,
    pub(crate) asker: Asker,
    pub(crate) again_for: Option<u64>,
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is a job now.
    Taken(StableId),
    /// It waits for a job that is under way.
    Joined(StableId),
}

impl Ground<'_, '_> {
    /// A job as it is now. One that has ended in this system is none any more.
    pub(crate) fn job(&self, id: StableId) -> Option<&GenerationJob> {
        if !self.jobs.book.holds(id) {
            return None;
        }
        match self.index.get(id) {
            Some(entity) => self.jobs.jobs.get(entity).ok(),
            None => self.jobs.book.fresh.get(&id),
        }
    }

    /// Changes a job, and what finds it.
    pub(super) fn change_job<T>(&mut self, id: StableId, change: impl FnOnce(&mut GenerationJob) -> T) -> Option<T> {
        let entity = self.index.get(id);
        let Jobs { jobs, book, desk, .. } = &mut self.jobs;
        if !book.holds(id) {
            return None;
        }
        let mut made = book.fresh.remove(&id);
        let mut found = entity.and_then(|entity| jobs.get_mut(entity).ok());
        let job = found.as_deref_mut().or(made.as_mut())?;
        book.strike(id, job, &desk.limits);
        let given = change(job);
        book.enter(id, job, &desk.limits);
        if let Some(made) = made {
            book.fresh.insert(id, made);
        }
        if let Some(entity) = entity {
            self.touched.note(entity);
        }
        Some(given)
    }

    /// Forgets a user who has no jobs.
    pub(super) fn leave_user(&mut self, id: StableId) {
        let entity = self.index.get(id);
        let Jobs { book, users, .. } = &mut self.jobs;
        let name = match entity.and_then(|entity| users.get(entity).ok()) {
            Some(user) => user.name.clone(),
            None => match book.fresh_users.get(&id) {
                Some(user) => user.name.clone(),
                None => return,
            },
        };
        if book.strike_user(id, &name) {
            match entity {
                Some(entity) => self.commands.entity(entity).despawn(),
                None => {
                    book.fresh_users.remove(&id);
                }
            }
        }
    }

    pub(super) fn user_name(&self, id: StableId) -> &str {
        let spawned = self.index.get(id).and_then(|entity| self.jobs.users.get(entity).ok());
        spawned.or_else(|| self.jobs.book.fresh_users.get(&id)).map_or("?", |user| &user.name)
    }

    /// Changes a user, who must be entered anew by the caller where that matters.
    pub(super) fn change_user(&mut self, id: StableId, change: impl FnOnce(&mut GenerationUser)) {
        match self.index.get(id) {
            Some(entity) => {
                if let Ok(mut user) = self.jobs.users.get_mut(entity) {
                    change(&mut user);
                    self.touched.note(entity);
                }
            }
            None => {
                if let Some(user) = self.jobs.book.fresh_users.get_mut(&id) {
                    change(user);
                }
            }
        }
    }

    /// Asks for a job.
    ///
    /// # Errors
    /// With a sentence, where there is no room for it.
    pub(crate) fn ask_job(&mut self, wanted: Wanted<'_>, now: GameInstant) -> Result<Asked, String> {
        let known = self.jobs.book.user(wanted.user);
        if let Some(id) = wanted.dedup_key.and_then(|key| self.jobs.book.of_key(known?, key)) {
            self.may_join(id, Some(wanted.asker))?;
            self.change_job(id, |job| job.join(wanted.asker));
            self.jobs.totals.joined += 1;
            return Ok(Asked::Joined(id));
        }
        let kind = self.jobs.model.kind(wanted.kind).cloned().ok_or("the kind is gone")?;
        let priority = wanted.priority.unwrap_or(kind.priority);
        if let Some(last) = self.room_for(known, priority)? {
            self.jobs.totals.shed += 1;
            self.end_job(last, LifeEvent::Cancel, &Ended { reason: Some(SHED), shed: true, ..Ended::default() }, now);
        }
        // Who made room may have been the last job of the same user.
        let user = self.jobs.book.user(wanted.user).unwrap_or_else(|| {
            let (id, user) = (self.ids.next_id(), GenerationUser::new(wanted.user));
            self.jobs.book.enter_user(id, &user);
            self.jobs.book.fresh_users.insert(id, user);
            id
        });
        let deadline = now.checked_add_micros(wanted.deadline_micros.unwrap_or(kind.deadline_micros));
        let times = (now, deadline.unwrap_or(GameInstant::MAX));
        let life = Life::new(kind.attempts_max);
        let mut job = GenerationJob::new(user, (wanted.kind, priority), times, wanted.asker, life);
        if wanted.dedup_key.is_some() || wanted.payload.is_some() || wanted.again_for.is_some() {
            job.change_rest(|rest| {
                rest.dedup_key = wanted.dedup_key.map(Into::into);
                rest.payload = wanted.payload;
                rest.again_for = wanted.again_for;
            });
        }
        let id = self.ids.next_id();
        self.jobs.book.enter(id, &job, &self.jobs.desk.limits);
        self.tell_job((id, &job), None, &Ended::default(), WorkOrder::None);
        self.jobs.book.fresh.insert(id, job);
        self.jobs.totals.asked += 1;
        Ok(Asked::Taken(id))
    }

    /// Whether somebody may wait for a job beside those who do; whoever does already may. Nobody is somebody new.
    ///
    /// # Errors
    /// With a sentence, where it has as many who wait for it as it may.
    pub(super) fn may_join(&self, id: StableId, asker: Option<Asker>) -> Result<(), String> {
        let Some(job) = self.job(id) else { return Ok(()) };
        if job.askers().count() < ASKERS_MAX || job.askers().any(|known| Some(known) == asker) {
            return Ok(());
        }
        Err(format!("{ASKERS_MAX} wait for job {id} already, and no more may"))
    }

    /// Whether there is room for a job of somebody: nothing, or the less urgent job that would have to make it.
    ///
    /// # Errors
    /// With a sentence, where there is none.
    pub(super) fn room_for(&self, user: Option<StableId>, priority: i16) -> Result<Option<StableId>, String> {
        let limits = &self.jobs.desk.limits;
        let (most, of_one) = (limits.max_pending, limits.max_pending_per_user);
        let fits = |held: usize, most: u32| held < usize::try_from(most).unwrap_or(usize::MAX);
        let held = user.and_then(|user| self.jobs.book.page(user)).map_or(0, Page::waiting);
        if !fits(held, of_one) {
            return Err(format!("{held} jobs of this user wait already, and maxPendingPerUser allows {of_one}"));
        }
        let waiting = self.jobs.book.pending() + self.jobs.book.held_back();
        if fits(waiting, most) {
            return Ok(None);
        }
        let last = self.jobs.book.last_pending();
        match last.filter(|id| self.job(*id).is_some_and(|job| job.priority < priority)) {
            Some(last) if most > 0 => Ok(Some(last)),
            _ => Err(format!(
                "{waiting} jobs wait already, the last in their order is no less urgent, and maxPending allows {most}"
            )),
        }
    }

    /// Something happens to a job that does not end it. Whether it could.
    pub(super) fn go_on(
        &mut self,
        id: StableId,
        event: LifeEvent,
        (reason, message): (Option<&str>, Option<&str>),
        order: WorkOrder,
        now: GameInstant,
    ) -> bool {
        let Some(job) = self.job(id) else { return false };
        let (before, after) = (job.life.state(), job.life.take(event));
        let Ok(life) = after else { return false };
        self.change_job(id, |job| {
            if life.state() != before {
                job.since = now;
            }
            job.life = life;
            if job.rest().is_some_and(|rest| rest.held.is_some() || rest.progress > 0) {
                job.change_rest(|rest| (rest.held, rest.progress) = (None, 0));
            }
        });
        if let Some(job) = self.job(id).cloned() {
            let ended = Ended { reason, message, ..Ended::default() };
            self.tell_job((id, &job), Some(before), &ended, order);
        }
        true
    }

    /// Tells a change of a job.
    pub(super) fn tell_job(
        &mut self,
        (id, job): (StableId, &GenerationJob),
        previous: Option<JobState>,
        ended: &Ended<'_>,
        order: WorkOrder,
    ) {
        let change = self.change_of((id, job), previous, ended);
        if !order.is_for_the_edge_alone() {
            self.jobs.events.write(change.clone());
        }
        self.jobs.told.0.push(JobTold { change, order });
    }

    /// Tells whoever remembers jobs that a dead one is not here any more. It stays what it was: that is no event.
    pub(super) fn tell_forgotten(&mut self, (id, job): (StableId, &GenerationJob), reason: &str) {
        let message = job.rest().and_then(|rest| rest.error.as_deref());
        let ended = Ended { reason: Some(reason), message, ..Ended::default() };
        let change = self.change_of((id, job), Some(job.life.state()), &ended);
        self.jobs.told.0.push(JobTold { change, order: WorkOrder::None });
    }

    fn change_of(
        &self,
        (id, job): (StableId, &GenerationJob),
        previous: Option<JobState>,
        ended: &Ended<'_>,
    ) -> GenerationJobChanged {
        let asker = job.askers().next();
        let chain = asker.and_then(|asker| match asker.source {
            JobSource::Chain(chain, step) => self.model.chain(ChainId(chain)).map(|chain| (chain, step)),
            JobSource::Behaviour | JobSource::Command => None,
        });
        let session = asker.filter(|asker| asker.session != NO_SESSION);
        let session_name = |asker: Asker| self.session_name(asker.session).or_else(|| ended.session.map(str::to_owned));
        GenerationJobChanged {
            job_id: id.0,
            state: job.life.state(),
            previous,
            kind: self.jobs.model.name(job.kind).to_owned(),
            user: self.user_name(job.user).to_owned(),
            session: session.and_then(session_name),
            npc_id: asker.map(|asker| asker.npc).filter(|npc| *npc != NOBODY).map(|npc| npc.0),
            chain: chain.map(|(chain, _)| chain.name.as_ref().to_owned()),
            step: chain.map(|(chain, step)| chain.step_name(step).to_owned()),
            priority: job.priority,
            attempt: job.life.attempt(),
            reason: ended.reason.map(str::to_owned),
            message: ended.message.map(str::to_owned),
            reference: ended.reference.map(str::to_owned),
            again_for: job.rest().and_then(|rest| rest.again_for),
            asked_at: job.asked,
            deadline: job.deadline,
        }
    }

    /// What workers get with a job.
    pub(super) fn payload_of(&self, job: &GenerationJob) -> Value {
        let own = job.rest().and_then(|rest| rest.payload.as_deref());
        let text = own.or_else(|| self.jobs.model.kind(job.kind)?.payload.as_deref());
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    }
}
