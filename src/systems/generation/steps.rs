//! Chains and behaviours that ask for jobs, and jobs whose session has ended.

use bevy_ecs::prelude::*;

use super::desk::{WORLD_USER, Wanted};
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

    /// Chains of a session that are copied wait for the same jobs.
    pub(crate) fn copy_askers(&mut self, from: (u32, StableId), to: (u32, StableId)) {
        for (chain, id) in self.jobs.book.of_chains(from) {
            self.change_job(id, |job| {
                let source = job
                    .askers()
                    .map(|asker| asker.source)
                    .find(|source| matches!(source, JobSource::Chain(of, _) if *of == chain.0));
                if let Some(source) = source {
                    job.change_rest(|rest| rest.others.push(Asker { session: to.0, npc: to.1, source }));
                }
            });
        }
    }
}

/// A session has ended, or the definition of a chain has gone: nobody of this key waits any more. Without a chain, whoever
/// of the session does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forsaken {
    pub(crate) session: u32,
    pub(crate) chain: Option<(StableId, ChainId)>,
}

/// Takes away who does not wait any more; jobs that nobody waits for end.
pub(crate) fn forsake_jobs(In(gone): In<Forsaken>, mut ground: Ground) {
    let Some(now) = ground.clock.now else { return };
    match gone.chain {
        Some((npc, chain)) => ground.forsake_job((gone.session, npc), chain, now),
        None => {
            let all: Vec<StableId> = ground.jobs.book.from(None, StableId(0)).collect();
            for id in all {
                let is_waited = |job: &crate::components::generation::GenerationJob| {
                    !job.life.state().is_final() && job.askers().any(|asker| asker.session == gone.session)
                };
                if ground.job(id).is_some_and(is_waited) {
                    ground.forsake_job_of(id, |asker| asker.session == gone.session, now);
                }
            }
        }
    }
    ground.finish();
}
