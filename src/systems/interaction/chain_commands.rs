//! What can be ordered of chains. Everything is checked before anything is changed.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::advance::{After, walk_of};
use super::book::Key;
use super::ground::{Ground, Told};
use super::model::ChainModel;
use super::walk::Walk;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{ChainEnd, ChainId, ChainPhase, ChainState};
use crate::messages::interaction::ChainChange;
use crate::systems::npc::commands::{NpcRef, Registry};
use crate::systems::scheduler::{SessionId, session_of};
use crate::world::spec::{DONE, SKIPPED, is_word};
use crate::world::{Answer, WorldCommand};

/// What is said of a chain that does not run.
pub const NOT_RUNNING: &str = "does not run for this NPC";
/// What is said of a chain that has run and cannot be started again now.
pub const REPEATED: &str = "repeat";
/// Chains that one NPC has in one session at once, at most.
pub const CHAINS_OF_ONE_MAX: usize = 32;

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident = $command:literal { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Deserialize, JsonSchema)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub struct $name {
                /// The chain.
                pub chain: String,
                /// The NPC that it is of.
                pub npc: NpcRef,
                /// The session that it runs in; without it in none.
                #[serde(default)]
                pub session_id: Option<String>,
                $($(#[$field_doc])* pub $field: $kind,)*
            }

            impl WorldCommand for $name {
                const NAME: &'static str = $command;
            }
        )*
    };
}

orders! {
    /// Starts a chain.
    StartChain = "chain.start" {}
    /// Says what came of the step at which a chain stands.
    CompleteStep = "chain.complete" {
        /// The step: the chain must stand there.
        step: String,
        /// What came of it, a word that the chain may branch on. Without it `done`.
        #[serde(default)]
        outcome: Option<String>,
    }
    /// Passes over the optional step at which a chain stands, whatever it waits for.
    SkipStep = "chain.skip" {
        /// The step: the chain must stand there.
        step: String,
    }
    /// Ends a chain before its time.
    CancelChain = "chain.cancel" {}
    /// Forgets that a chain has run, so that it can be started as if it never had.
    ForgetChain = "chain.forget" {}
}

/// A chain that is meant, with whose it is.
struct Meant {
    key: Key,
    session: Option<SessionId>,
    chain: ChainId,
    model: Arc<ChainModel>,
    now: GameInstant,
}

fn meant(
    ground: &Ground,
    registry: &Registry,
    (chain, npc, session): (&str, &NpcRef, Option<&str>),
) -> Result<Meant, String> {
    let now = ground.now()?;
    let chain = ground.model.require_chain(chain)?;
    let model = Arc::clone(ground.model.chain(chain).ok_or("its definition is gone")?);
    let (npc, _) = registry.find(npc)?;
    let session = session_of(session, &ground.sessions)?;
    // A session without a number has nothing yet.
    let number = ground.numbers.find(session.as_ref()).unwrap_or(u32::MAX);
    Ok(Meant { key: (number, npc), session, chain, model, now })
}

impl Meant {
    fn state(&self, ground: &Ground) -> Result<ChainState, String> {
        let found = ground.state_of(self.key).and_then(|state| state.chain(self.chain)).cloned();
        found.ok_or_else(|| format!("chain `{}` {NOT_RUNNING}{}", self.model.name, self.whose()))
    }

    fn whose(&self) -> String {
        self.session.as_ref().map_or_else(|| " outside of sessions".to_owned(), |id| format!(" in session `{id}`"))
    }

    /// The chain, which must stand at a step.
    fn at_step(&self, ground: &Ground, step: &str) -> Result<ChainState, String> {
        let place = self.model.require_step(step).map_err(|error| format!("/step: {error}"))?;
        let state = self.state(ground)?;
        if state.step != place {
            let at = self.model.step_name(state.step);
            return Err(format!("chain `{}` stands at step `{at}`, not at `{step}`", self.model.name));
        }
        Ok(state)
    }

    fn answer(&self, ground: &Ground) -> Answer {
        let state = ground.state_of(self.key);
        let running = state.and_then(|state| state.chain(self.chain));
        let ended = state.and_then(|state| state.finished().iter().find(|known| known.chain == self.chain));
        Ok(json!({
            "chain": self.model.name,
            "npcId": self.key.1.0,
            "sessionId": self.session,
            "step": running.map(|state| self.model.step_name(state.step)),
            "ended": ended.filter(|_| running.is_none()).map(|known| known.end.as_str()),
            "due": running.map(|state| state.due).filter(|due| *due < GameInstant::MAX),
        }))
    }
}

/// Takes [`StartChain`].
pub(crate) fn start_chain(In(order): In<StartChain>, registry: Registry, mut ground: Ground) -> Answer {
    let mut meant = meant(&ground, &registry, (&order.chain, &order.npc, order.session_id.as_deref()))?;
    let state = may_start(&ground, &meant)?;
    let number = ground.numbers.number(meant.session.as_ref()).ok_or("there have been too many sessions")?;
    meant.key.0 = number;
    ground.change(meant.key, false, |all| all.put(state));
    ground.totals.chains_started += 1;
    let (chain, step, at) = (&*meant.model.name, meant.model.step_name(0), meant.now);
    ground.tell(meant.key, &Told { chain, change: ChainChange::Started, step, outcome: None, next: None, at });
    let answer = meant.answer(&ground);
    ground.finish();
    answer
}

fn may_start(ground: &Ground, meant: &Meant) -> Result<ChainState, String> {
    let Meant { key, chain, model, now, .. } = meant;
    let (limits, book) = (&ground.model.limits, &ground.book);
    if !ground.is_meant(key.1, model.npc) {
        return Err(format!("chain `{}` is not for this NPC", model.name));
    }
    let room = |held: usize, most: u32| held < usize::try_from(most).unwrap_or(usize::MAX);
    if !room(book.chains(), limits.max_chains) {
        return Err(format!("{} chains run already, and limits.maxChains allows no more", book.chains()));
    }
    if !room(book.chains_in(key.0), limits.max_chains_per_session) {
        let most = limits.max_chains_per_session;
        return Err(format!(
            "{most} chains run{} already, and limits.maxChainsPerSession allows no more",
            meant.whose()
        ));
    }
    if let Some(state) = ground.state_of(*key) {
        if let Some(running) = state.chain(*chain) {
            let step = model.step_name(running.step);
            return Err(format!("chain `{}` runs already{}: it stands at step `{step}`", model.name, meant.whose()));
        }
        if state.chains().len() >= CHAINS_OF_ONE_MAX {
            return Err(format!("this NPC has {CHAINS_OF_ONE_MAX} chains{} already", meant.whose()));
        }
        if let Some(finished) = state.finished().iter().find(|finished| finished.chain == *chain) {
            let (end, ended) = (finished.end.as_str(), finished.ended);
            if !model.repeatable {
                return Err(format!("chain `{}` has {end} at {ended}, and is not {REPEATED}able", model.name));
            }
            let free = ended.checked_add_micros(model.repeat_cooldown_micros).unwrap_or(GameInstant::MAX);
            if free > *now {
                return Err(format!(
                    "chain `{}` has {end} at {ended}, and can be {REPEATED}ed from {free} on",
                    model.name
                ));
            }
        }
    }
    Walk::begin(model, *chain, *now).ok_or_else(|| "its first wait would end beyond the calendar".to_owned())
}

/// Takes [`CompleteStep`].
pub(crate) fn complete_step(In(order): In<CompleteStep>, registry: Registry, mut ground: Ground) -> Answer {
    let outcome = order.outcome.as_deref().unwrap_or(DONE);
    if !is_word(outcome) {
        return Err("/outcome: it has 1 to 64 printable characters".into());
    }
    let meant = meant(&ground, &registry, (&order.chain, &order.npc, order.session_id.as_deref()))?;
    let state = meant.at_step(&ground, &order.step)?;
    ground.may_complete(meant.key, &meant.model, &state, meant.now)?;
    ground.complete_now(meant.key, &meant.model, &state, outcome, meant.now);
    let answer = meant.answer(&ground);
    ground.finish();
    answer
}

/// Takes [`SkipStep`].
pub(crate) fn skip_step(In(order): In<SkipStep>, registry: Registry, mut ground: Ground) -> Answer {
    let meant = meant(&ground, &registry, (&order.chain, &order.npc, order.session_id.as_deref()))?;
    let before = meant.at_step(&ground, &order.step)?;
    let optional = meant.model.steps.get(usize::from(before.step)).is_some_and(|step| step.optional);
    if !optional {
        return Err(format!("step `{}` is not optional", order.step));
    }
    let mut state = before.clone();
    let ended = ground.pass_over(meant.key, &mut walk_of(&meant.model, &mut state), SKIPPED, meant.now);
    let after = ground.after(state, ended, meant.now);
    ground.settle(meant.key, &before, after, false);
    let answer = meant.answer(&ground);
    ground.finish();
    answer
}

/// Takes [`CancelChain`].
pub(crate) fn cancel_chain(In(order): In<CancelChain>, registry: Registry, mut ground: Ground) -> Answer {
    let meant = meant(&ground, &registry, (&order.chain, &order.npc, order.session_id.as_deref()))?;
    let state = meant.state(&ground)?;
    ground.settle(meant.key, &state, After::Ended(ChainEnd::Cancelled, meant.now), false);
    let answer = meant.answer(&ground);
    ground.finish();
    answer
}

/// Takes [`ForgetChain`].
pub(crate) fn forget_chain(In(order): In<ForgetChain>, registry: Registry, mut ground: Ground) -> Answer {
    let meant = meant(&ground, &registry, (&order.chain, &order.npc, order.session_id.as_deref()))?;
    let known = ground
        .state_of(meant.key)
        .is_some_and(|state| state.finished().iter().any(|finished| finished.chain == meant.chain));
    if !known {
        return Err(format!("chain `{}` has not ended for this NPC{}", meant.model.name, meant.whose()));
    }
    ground.change(meant.key, false, |all| {
        all.forget(meant.chain);
    });
    ground.finish();
    Ok(json!({ "chain": meant.model.name, "npcId": meant.key.1.0, "sessionId": meant.session, "forgotten": true }))
}

impl Ground<'_, '_> {
    /// Whether the game may say what came of the step at which a chain stands.
    ///
    /// # Errors
    /// With a sentence that says what it waits for.
    pub(super) fn may_complete(
        &mut self,
        key: Key,
        model: &ChainModel,
        state: &ChainState,
        now: GameInstant,
    ) -> Result<(), String> {
        let step = model.steps.get(usize::from(state.step)).ok_or("its definition is gone")?;
        let over = step.window_end(state.since).into_iter().chain(model.expires_at(state.started)).min();
        if let Some(over) = over.filter(|over| *over <= now) {
            return Err(format!("step `{}` was over at {over}", step.name));
        }
        if state.phase == ChainPhase::Open {
            return Ok(());
        }
        match step.ready_at(state.since) {
            Some(ready) if ready <= now => {}
            Some(ready) => return Err(format!("step `{}` waits until {ready}", step.name)),
            None => return Err(format!("the wait of step `{}` ends beyond the calendar", step.name)),
        }
        if let Some(until) = step.interaction.and_then(|kind| self.free_at(key, kind, now)) {
            return Err(format!("the interaction of step `{}` rests until {until}", step.name));
        }
        let draws = (Self::draws_of(now, state.chain), self.book.id_of(key).unwrap_or(key.1));
        match self.holds(key, (&step.required, &step.conditions), now, draws) {
            Some(true) => Ok(()),
            Some(false) => Err(format!("flags or conditions of step `{}` do not hold", step.name)),
            None => Err("its NPC or session is gone".into()),
        }
    }

    /// Completes the step at which a chain stands, now. What comes back of slow work outside does the same.
    pub(crate) fn complete_now(
        &mut self,
        key: (u32, StableId),
        model: &ChainModel,
        before: &ChainState,
        outcome: &str,
        now: GameInstant,
    ) {
        let mut state = before.clone();
        let ended = self.complete(key, &mut walk_of(model, &mut state), outcome, now, now);
        let after = self.after(state, ended, now);
        self.settle(key, before, after, false);
    }
}

/// The bits that are set, as names of steps.
pub(super) fn steps_of(model: &ChainModel, bits: u32) -> Vec<Value> {
    let all = model.steps.iter().enumerate();
    all.filter(|(at, _)| bits >> at & 1 == 1).map(|(_, step)| step.name.as_ref().into()).collect()
}
