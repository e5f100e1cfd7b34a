//! Sessions that end, sessions that are copied, NPCs that go: what becomes of their chains, cooldowns and intents.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::book::InteractionBook;
use super::ground::Ground;
use super::intent_book::IntentBook;
use super::model::InteractionModel;
use super::numbers::SessionNumbers;
use crate::components::ids::{StableId, StableIndex};
use crate::components::interaction::{Intent, InteractionTotals, Interactions};
use crate::components::npc::Npc;
use crate::systems::generation::{Forsaken, JobBook, forsake_jobs};
use crate::systems::scheduler::{
    FocusIndex, InvalidSessionId, RUNS_ALREADY, SESSIONS_DEFAULT, SessionEnded, SessionId, session_of,
};
use crate::world::spec::WorldSpec;
use crate::world::{Answer, WorldCommand};

/// Starts a session that is as another one is now: flags, preferences, focus, chains, cooldowns and intents. What was
/// handed out to the one is handed out anew to the other; it waits for the same jobs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopySession {
    /// The session that is copied; it must run.
    pub session_id: String,
    /// The id of the new one.
    pub new_session_id: String,
}

impl WorldCommand for CopySession {
    const NAME: &'static str = "session.copy";
}

/// Takes [`CopySession`].
pub(crate) fn copy_session(
    In(order): In<CopySession>,
    spec: Res<WorldSpec>,
    mut focus: ResMut<FocusIndex>,
    intents: Query<&Intent>,
    mut ground: Ground,
) -> Answer {
    let from = session_of(Some(&order.session_id), &ground.sessions)?.ok_or("no session is named")?;
    let to: SessionId = order.new_session_id.parse().map_err(|error: InvalidSessionId| error.to_string())?;
    let session = ground.sessions.get(&from).cloned().ok_or("it has ended")?;
    let most = spec.npcs.as_ref().map_or(SESSIONS_DEFAULT, |npcs| npcs.max_sessions);
    if ground.sessions.get(&to).is_some() {
        return Err(format!("session `{to}` runs {RUNS_ALREADY}"));
    }
    if ground.sessions.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
        return Err(format!("{most} sessions run {RUNS_ALREADY}, and npcs.maxSessions allows no more"));
    }
    let number = ground.numbers.find(Some(&from));
    let proposed = number.map(|number| ground.intents.of(|session, _| session == number)).unwrap_or_default();
    let running = number.map_or(0, |number| ground.book.chains_in(number));
    let fits = |held: usize, more: usize, most: u32| held + more <= usize::try_from(most).unwrap_or(usize::MAX);
    if !fits(ground.book.chains(), running, ground.model.limits.max_chains) {
        return Err(format!("its {running} chains would be more than limits.maxChains allows"));
    }
    if !fits(ground.intents.len(), proposed.len(), ground.model.limits.max_intents) {
        return Err(format!("its {} intents would be more than limits.maxIntents allows", proposed.len()));
    }
    if let Some(number) = number {
        ground.may_copy_askers(number)?;
    }
    for ((kind, target), until) in &session.focus {
        focus.insert(Some(to.clone()), *kind, *target, *until);
    }
    ground.sessions.sessions.insert(to.clone(), session);
    if let Some(number) = number {
        let copy = ground.numbers.number(Some(&to)).ok_or("there have been too many sessions")?;
        let all: Vec<StableId> = ground.book.of_session(number).map(|(npc, _)| npc).collect();
        for npc in all {
            let Some(state) = ground.state_of((number, npc)).cloned() else { continue };
            ground.change((copy, npc), false, |new| *new = state.in_session(copy));
        }
        ground.copy_askers(number, copy);
        ground.totals.chains_copied += running as u64;
        for id in &proposed {
            let entity = ground.index.get(*id);
            let Some(intent) = entity.and_then(|entity| intents.get(entity).ok()) else { continue };
            ground.propose(Intent { session: copy, handed_out: None, ..intent.clone() });
        }
    }
    ground.finish();
    Ok(json!({ "sessionId": to, "copyOf": from, "chains": running, "intents": proposed.len() }))
}

/// Forgets everything of a session that has ended.
pub(crate) fn end_interactions(ended: On<SessionEnded>, mut numbers: ResMut<SessionNumbers>, mut gone: Gone) {
    let session = &ended.event().0;
    let Some(number) = numbers.forget(session) else { return };
    let all: Vec<StableId> = gone.book.of_session(number).map(|(_, id)| id).collect();
    let ended = gone.drop_all(&all);
    gone.totals.chains_cancelled += ended;
    let intents = gone.intents.of(|session, _| session == number);
    gone.drop_intents(&intents);
    gone.forsake(Forsaken::Session(number, session.as_str().into()));
}

/// Forgets everything of an NPC that is gone.
pub(crate) fn leave_interactions(removed: On<Remove<Npc>>, ids: Query<&StableId>, mut gone: Gone) {
    let Ok(npc) = ids.get(removed.event_target()).copied() else { return };
    let all: Vec<StableId> = gone.book.of_npc(npc).map(|(_, id)| id).collect();
    let ended = gone.drop_all(&all);
    gone.totals.chains_gone += ended;
    gone.forsake(Forsaken::Npc(npc));
    if gone.intents.is_empty() {
        return;
    }
    let intents = gone.intents.of(|_, of| of == npc);
    gone.drop_intents(&intents);
}

/// What is forgotten from.
#[derive(bevy_ecs::system::SystemParam)]
pub(crate) struct Gone<'w, 's> {
    book: ResMut<'w, InteractionBook>,
    intents: ResMut<'w, IntentBook>,
    jobs: Res<'w, JobBook>,
    model: Res<'w, InteractionModel>,
    index: Res<'w, StableIndex>,
    totals: ResMut<'w, InteractionTotals>,
    states: Query<'w, 's, &'static Interactions>,
    commands: Commands<'w, 's>,
}

impl Gone<'_, '_> {
    /// Drops entities with their chains. How many chains ran.
    fn drop_all(&mut self, ids: &[StableId]) -> u64 {
        let mut chains = 0;
        for id in ids {
            let Some(entity) = self.index.get(*id) else { continue };
            let Ok(state) = self.states.get(entity) else { continue };
            chains += state.chains().len() as u64;
            self.book.strike(*id, state);
            self.commands.entity(entity).despawn();
        }
        chains
    }

    /// Nobody of these waits for jobs any more.
    fn forsake(&mut self, who: Forsaken) {
        if !self.jobs.is_empty() {
            self.commands.run_system_cached_with(forsake_jobs, who);
        }
    }

    fn drop_intents(&mut self, ids: &[StableId]) {
        for id in ids {
            self.intents.strike(*id, &self.model.limits);
            if let Some(entity) = self.index.get(*id) {
                self.commands.entity(entity).despawn();
            }
        }
        self.totals.intents_gone += ids.len() as u64;
    }
}
