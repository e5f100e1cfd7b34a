//! Chains and behaviours that ask for jobs, and sessions that are copied while they wait.

use super::desk::{ASKERS_MAX, WORLD_USER, Wanted};
use super::model::StepGeneration;
use crate::components::clock::GameInstant;
use crate::components::generation::{Asker, JobSource};
use crate::components::ids::StableId;
use crate::components::interaction::ChainId;
use crate::systems::interaction::Ground;

impl Ground<'_, '_> {
    /// The step of a chain asks for a job and waits for it.
    ///
    /// # Errors
    /// With a sentence, where there is no room for it.
    pub(crate) fn ask_for_step(
        &mut self,
        (session, npc): (u32, StableId),
        (chain, step): (ChainId, u8),
        asks: &StepGeneration,
        now: GameInstant,
    ) -> Result<(), String> {
        let session_name = self.session_name(session);
        let user = asks.user.as_deref().or(session_name.as_deref()).unwrap_or(WORLD_USER);
        let wanted = Wanted {
            kind: asks.kind,
            user,
            priority: asks.priority,
            deadline_micros: asks.deadline_micros,
            dedup_key: asks.dedup_key.as_deref(),
            payload: asks.payload.clone(),
            asker: Asker { session, npc, source: JobSource::Chain(chain.0, step) },
            again_for: None,
        };
        let asked = self.ask_job(wanted, now).map(|_| ());
        self.jobs.totals.refused += u64::from(asked.is_err());
        asked
    }

    /// An activity of an NPC asks for a job.
    pub(crate) fn ask_for_behaviour(&mut self, (session, npc): (u32, StableId), kind: &str, now: GameInstant) {
        let Ok(kind) = self.jobs.model.require(kind) else {
            self.jobs.totals.gone += 1;
            return;
        };
        let user = self.session_name(session);
        let wanted = Wanted {
            kind,
            user: user.as_deref().unwrap_or(WORLD_USER),
            priority: None,
            deadline_micros: None,
            dedup_key: None,
            payload: None,
            asker: Asker { session, npc, source: JobSource::Behaviour },
            again_for: None,
        };
        if self.ask_job(wanted, now).is_err() {
            self.jobs.totals.refused += 1;
        }
    }

    /// Whether the copy of a session can wait for the same jobs as the session.
    ///
    /// # Errors
    /// With a sentence, where more would wait for one of them than may.
    pub(crate) fn may_copy_askers(&self, session: u32) -> Result<(), String> {
        for id in self.jobs.book.of_session(session) {
            let Some(job) = self.job(id) else { continue };
            let more = job.askers().filter(|asker| asker.session == session).count();
            if job.askers().count() + more > ASKERS_MAX {
                return Err(format!("more than {ASKERS_MAX} would wait for job {id}, which it waits for"));
            }
        }
        Ok(())
    }

    /// Whoever waits for a job in a session waits for it in its copy, too.
    pub(crate) fn copy_askers(&mut self, from: u32, to: u32) {
        for id in self.jobs.book.of_session(from) {
            self.change_job(id, |job| {
                let all: Vec<Asker> = job.askers().filter(|asker| asker.session == from).collect();
                all.into_iter().for_each(|asker| job.join(Asker { session: to, ..asker }));
            });
        }
    }
}
