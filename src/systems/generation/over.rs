//! How a job comes to its end, and who is told: those who wait for it, whoever remembers jobs, the workers.

use bevy_ecs::prelude::*;

use super::desk::{FORSAKEN, Jobs};
use crate::components::clock::GameInstant;
use crate::components::generation::{Asker, GenerationJob, JobSource, JobState, LifeEvent};
use crate::components::ids::StableId;
use crate::components::interaction::ChainId;
use crate::messages::generation::WorkOrder;
use crate::systems::interaction::Ground;

/// Why a dead job is not there any more: it was sent again.
pub const SENT_AGAIN: &str = "sent_again";
/// Why a dead job is not there any more: others died after it, and only so many are kept.
pub const FORGOTTEN: &str = "forgotten";

/// How a job came to its end, for who is told of it.
#[derive(Default)]
pub(super) struct Ended<'a> {
    pub(super) reason: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    pub(super) outcome: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
    /// The session that waited for it, where that is no more.
    pub(super) session: Option<&'a str>,
    /// Whether a worker has said so: then nobody has to be told to stop.
    pub(super) by_worker: bool,
    /// Whether it had to make room for a more urgent one.
    pub(super) shed: bool,
    /// Whether nobody waits for it any more: whoever did is named, and hears nothing of it.
    pub(super) forsaken: bool,
}

impl Ground<'_, '_> {
    /// Ends a job: it is told, and what waited for it goes on.
    pub(super) fn end_job(&mut self, id: StableId, event: LifeEvent, ended: &Ended<'_>, now: GameInstant) {
        let Some(life) = self.job(id).and_then(|job| job.life.take(event).ok()) else { return };
        let user = self.job(id).map_or(StableId(0), |job| job.user);
        let Some(mut job) = self.take_job_of(id, life.state()) else { return };
        let (before, was_sent) = (job.life.state(), job.life.is_sent());
        (job.life, job.since) = (life, now);
        let totals = &mut self.jobs.totals;
        *match life.state() {
            JobState::Succeeded => &mut totals.succeeded,
            JobState::Failed => &mut totals.failed,
            JobState::Expired => &mut totals.expired,
            JobState::Dead => &mut totals.dead,
            _ => &mut totals.cancelled,
        } += 1;
        let order = if was_sent && !ended.by_worker { WorkOrder::Stop } else { WorkOrder::None };
        self.tell_job((id, &job), Some(before), ended, order);
        let askers: Vec<Asker> = if ended.forsaken { Vec::new() } else { job.askers().collect() };
        if life.state() == JobState::Dead {
            self.keep_dead(id, job.clone(), ended);
        } else {
            self.leave_user(user);
        }
        for asker in askers {
            self.answer(asker, &job, ended, now);
        }
    }

    /// Takes a job out; one that is dead from now on leaves its entity where it is.
    fn take_job_of(&mut self, id: StableId, state: JobState) -> Option<GenerationJob> {
        if state != JobState::Dead || self.index.get(id).is_none() {
            return self.take_job(id);
        }
        let job = self.job(id)?.clone();
        let Jobs { book, desk, .. } = &mut self.jobs;
        book.strike(id, &job, &desk.limits);
        Some(job)
    }

    /// Takes a job out and leaves its user be.
    fn take_job(&mut self, id: StableId) -> Option<GenerationJob> {
        let job = self.job(id)?.clone();
        let Jobs { book, desk, .. } = &mut self.jobs;
        book.strike(id, &job, &desk.limits);
        if book.fresh.remove(&id).is_none()
            && let Some(entity) = self.index.get(id)
        {
            self.commands.entity(entity).despawn();
        }
        Some(job)
    }

    /// Keeps a dead job, and forgets the oldest where there are too many.
    fn keep_dead(&mut self, id: StableId, mut job: GenerationJob, ended: &Ended<'_>) {
        job.change_rest(|rest| {
            rest.landed = None;
            rest.error = ended.message.or(ended.reason).map(Into::into);
        });
        let Jobs { book, desk, jobs, .. } = &mut self.jobs;
        book.enter(id, &job, &desk.limits);
        match self.index.get(id) {
            Some(entity) => {
                if let Ok(mut held) = jobs.get_mut(entity) {
                    *held = job;
                }
                self.touched.note(entity);
            }
            None => {
                book.fresh.insert(id, job);
            }
        }
        self.trim_dead();
    }

    /// Forgets the oldest dead jobs where there are more than may be kept.
    fn trim_dead(&mut self) {
        let most = usize::try_from(self.jobs.desk.limits.max_dead).unwrap_or(usize::MAX);
        while self.jobs.book.dead() > most {
            let Some(oldest) = self.jobs.book.all_dead().next() else { break };
            self.jobs.totals.dead_forgotten += 1;
            self.forget_dead(oldest, FORGOTTEN);
        }
    }

    /// Forgets a dead job.
    pub(super) fn forget_dead(&mut self, id: StableId, reason: &str) {
        let Some(job) = self.take_job(id) else { return };
        self.tell_forgotten((id, &job), reason);
        self.leave_user(job.user);
    }

    /// A chain does not wait for its job any more: without anybody who does, the job is cancelled.
    pub(crate) fn forsake_job(&mut self, key: (u32, StableId), chain: ChainId, now: GameInstant) {
        let Some(id) = self.jobs.book.of_chain(key, chain) else { return };
        let is_it = |asker: &Asker| {
            (asker.session, asker.npc) == key && matches!(asker.source, JobSource::Chain(of, _) if of == chain.0)
        };
        self.forsake_job_of(id, is_it, None, now);
    }

    /// Those of whom this is true do not wait for a job any more. The name of their session is given where it is no more.
    fn forsake_job_of(
        &mut self,
        id: StableId,
        which: impl Fn(&Asker) -> bool,
        session: Option<&str>,
        now: GameInstant,
    ) {
        let Some(job) = self.job(id) else { return };
        if job.askers().all(|asker| which(&asker)) {
            let ended = Ended { reason: Some(FORSAKEN), session, forsaken: true, ..Ended::default() };
            self.end_job(id, LifeEvent::Cancel, &ended, now);
        } else {
            self.change_job(id, |job| job.forsake(which));
        }
    }
}

/// Who does not wait any more.
#[derive(Debug, Clone)]
pub(crate) enum Forsaken {
    /// A chain of an NPC in a session, whose definition has gone.
    Chain((u32, StableId), ChainId),
    /// Whoever is of a session that has ended: its number, and its name.
    Session(u32, Box<str>),
    /// Whoever asks for an NPC that is gone.
    Npc(StableId),
}

/// Takes away who does not wait any more; jobs that nobody waits for end.
pub(crate) fn forsake_jobs(In(gone): In<Forsaken>, mut ground: Ground) {
    let Some(now) = ground.clock.now else { return };
    match gone {
        Forsaken::Chain(key, chain) => ground.forsake_job(key, chain, now),
        Forsaken::Session(session, name) => {
            for id in ground.jobs.book.of_session(session) {
                ground.forsake_job_of(id, |asker| asker.session == session, Some(&name), now);
            }
        }
        Forsaken::Npc(npc) => {
            for id in ground.jobs.book.of_npc(npc) {
                ground.forsake_job_of(id, |asker| asker.npc == npc, None, now);
            }
        }
    }
    ground.finish();
}

/// Forgets dead jobs where fewer may be kept than there are.
pub(crate) fn trim_dead_jobs(mut ground: Ground) {
    ground.trim_dead();
    ground.finish();
}
