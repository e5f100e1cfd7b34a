//! Chains whose time has come go on. Runs in [`InteractionSystems::Advance`](crate::schedules::InteractionSystems).
//!
//! Reads the due queue, the model, flags and conditions. Writes chains, flags, relations, intents. What is most overdue
//! comes first; of several at one instant, the lower id. A step looks at `maxChainOpsPerStep` chains at most, and what is
//! left over is the most overdue of the next: since what is looked at becomes due later, and no cycle of steps is without
//! a wait, everybody's turn comes.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::book::Key;
use super::ground::{Ground, Told};
use super::model::ChainModel;
use super::walk::{Ask, Walk};
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{
    ChainEnd, ChainPhase, ChainState, Finished, Intent, IntentSource, Interactions, KindId,
};
use crate::messages::interaction::{ChainChange, InteractionReport};
use crate::systems::npc::live::Proposed;
use crate::systems::scheduler::SessionId;
use crate::world::spec::{DONE, EXPIRED, REFUSED, SKIPPED, WorldSimulationConfig};

/// What has become of a chain.
pub(super) enum After {
    /// It goes on.
    Runs(ChainState),
    /// It has ended at an instant.
    Ended(ChainEnd, GameInstant),
    /// Its NPC, its session or its definition is gone.
    Gone,
}

/// Whether a step can open.
enum May {
    /// It can.
    Open,
    /// It cannot before this instant.
    NotBefore(GameInstant),
    /// Flags or conditions do not let it.
    Not,
}

/// Lets chains go on whose time has come.
pub(crate) fn advance_chains(
    mut ground: Ground,
    config: Res<WorldSimulationConfig>,
    mut report: ResMut<InteractionReport>,
) {
    let Some(now) = ground.clock.now else { return };
    take_proposals(&mut ground, now);
    ground.book.open(now);
    let budget = config.max_chain_ops_per_step;
    let mut ops = 0_u32;
    let mut popped: Vec<(GameInstant, StableId)> = Vec::new();
    let mut found: Vec<(GameInstant, Entity)> = Vec::new();
    while ops < budget {
        let most = usize::try_from(budget - ops).unwrap_or(usize::MAX);
        popped.extend(std::iter::from_fn(|| ground.book.pop()).take(most));
        if popped.is_empty() {
            break;
        }
        // Among many chains each look-up waits for memory: in loops of their own they wait together.
        found.extend(popped.drain(..).filter_map(|(due, id)| Some((due, ground.index.get(id)?))));
        found.retain(|(due, entity)| ground.states.get(*entity).is_ok_and(|state| state.due() == Some(*due)));
        for (due, entity) in found.drain(..) {
            ops += 1;
            ground.look_at(entity, due, now);
        }
    }
    let waiting = u32::try_from(ground.book.waiting()).unwrap_or(u32::MAX);
    report.steps += 1;
    report.ops = report.ops.saturating_add(ops);
    report.deferred = report.deferred.saturating_add(waiting);
    if ops > 0 || waiting > 0 {
        ground.totals.chain_ops += u64::from(ops);
        ground.totals.chain_ops_deferred += u64::from(waiting);
    }
    ground.finish();
}

/// Takes in what NPCs have proposed in their turns.
fn take_proposals(ground: &mut Ground, now: GameInstant) {
    let Proposed { intents, generations } = ground.take_proposed();
    for (npc, session, kind) in intents {
        let (Ok(kind), Some(number)) = (ground.model.require_kind(&kind), session_number(ground, session)) else {
            ground.totals.intents_proposed += 1;
            ground.totals.intents_gone += 1;
            continue;
        };
        ground.propose_kind((number, npc), kind, IntentSource::Behaviour, now, None);
    }
    for (npc, session, kind) in generations {
        match session_number(ground, session) {
            Some(number) => ground.ask_for_behaviour((number, npc), &kind, now),
            None => ground.jobs.totals.gone += 1,
        }
    }
}

/// The number of the session that something is for; nothing where that has ended. What is for none is for all.
fn session_number(ground: &mut Ground, session: Option<Box<str>>) -> Option<u32> {
    let Some(session) = session else { return ground.numbers.number(None) };
    let session = SessionId::try_from(String::from(session)).ok()?;
    ground.sessions.get(&session)?;
    ground.numbers.number(Some(&session))
}

impl Ground<'_, '_> {
    /// Looks at an entity that has been taken out of the queue.
    fn look_at(&mut self, entity: Entity, due: GameInstant, now: GameInstant) {
        // Another chain may have let something rest here meanwhile.
        let Ok(state) = self.states.get(entity) else { return };
        if state.due() != Some(due) {
            return;
        }
        let key = state.key();
        let Some(chain) = state.first_due().filter(|chain| chain.due == due).cloned() else {
            self.change(key, true, |state| {
                state.drop_cooldowns(|cooldown| cooldown.until <= now);
            });
            return;
        };
        let after = self.operate(key, chain.clone(), now);
        self.settle(key, &chain, after, true);
    }

    /// Writes down what has become of a chain.
    pub(super) fn settle(&mut self, key: Key, before: &ChainState, after: After, taken: bool) {
        let chain = before.chain;
        if before.phase == ChainPhase::Open {
            // It has left its step: what it proposed or asked for there is worth nothing any more.
            self.withdraw(key, chain);
            if let Some(now) = self.clock.now {
                self.forsake_job(key, chain, now);
            }
        }
        match after {
            After::Runs(state) => self.change(key, taken, |all| all.put(state)),
            After::Gone => {
                self.totals.chains_gone += 1;
                self.change(key, taken, |all| {
                    all.take(chain);
                });
            }
            After::Ended(end, at) => {
                let change = match end {
                    ChainEnd::Completed => (ChainChange::Completed, &mut self.totals.chains_completed),
                    ChainEnd::Failed => (ChainChange::Failed, &mut self.totals.chains_failed),
                    ChainEnd::Expired => (ChainChange::Expired, &mut self.totals.chains_expired),
                    ChainEnd::Cancelled => (ChainChange::Cancelled, &mut self.totals.chains_cancelled),
                };
                *change.1 += 1;
                let change = change.0;
                self.change(key, taken, |all| end_chain(all, before, end, at));
                if let Some(model) = self.model.chain(chain).cloned() {
                    let step = model.step_name(before.step);
                    self.tell(key, &Told { chain: &model.name, change, step, outcome: None, next: None, at });
                }
            }
        }
    }

    /// What becomes of a chain at the instant at which it is due.
    fn operate(&mut self, key: Key, mut state: ChainState, now: GameInstant) -> After {
        let at = state.due;
        let Some(model) = self.model.chain(state.chain).cloned().filter(|_| self.is_there(key)) else {
            return After::Gone;
        };
        let mut walk = Walk { model: &model, state: &mut state };
        let Some(step) = walk.step() else { return After::Gone };
        let ended = match walk.ask() {
            Ask::ChainExpired => {
                self.bring(key, &model.on_expiry, now);
                Some(ChainEnd::Expired)
            }
            Ask::StepExpired => {
                self.totals.steps_expired += 1;
                self.bring(key, &step.on_expiry, now);
                if step.optional && !step.branches.contains_key(EXPIRED) {
                    self.pass_over(key, &mut walk, SKIPPED, at)
                } else {
                    let from = walk.state.step;
                    let ended = walk.expire(EXPIRED, at);
                    if ended == Some(ChainEnd::Expired) {
                        self.bring(key, &model.on_expiry, now);
                    }
                    self.tell_step(key, &walk, from, (ChainChange::StepExpired, EXPIRED), at, ended);
                    ended
                }
            }
            Ask::MayOpen => match self.may_open(key, &walk, at, now) {
                None => return After::Gone,
                Some(May::Open) => self.open(key, &mut walk, at, now),
                Some(May::Not) if step.optional => self.pass_over(key, &mut walk, SKIPPED, at),
                Some(may) => {
                    self.totals.steps_blocked += 1;
                    let until = if let May::NotBefore(until) = may { Some(until) } else { None };
                    walk.block(until, self.model.recheck_micros(), now);
                    None
                }
            },
        };
        self.after(state, ended, at)
    }

    /// The chain as it goes on, or its end. Where only a wait beyond the calendar can have ended it, that is counted.
    pub(super) fn after(&mut self, state: ChainState, ended: Option<ChainEnd>, at: GameInstant) -> After {
        match ended {
            None => After::Runs(state),
            Some(end) => {
                let entered = state.phase == ChainPhase::Waiting && state.since == at;
                if end == ChainEnd::Failed && entered && self.is_beyond(&state) {
                    self.totals.chains_beyond_calendar += 1;
                }
                After::Ended(end, at)
            }
        }
    }

    fn is_beyond(&self, state: &ChainState) -> bool {
        let step = self.model.chain(state.chain).and_then(|model| model.steps.get(usize::from(state.step)));
        step.is_some_and(|step| step.ready_at(state.since).is_none())
    }

    fn may_open(&mut self, key: Key, walk: &Walk<'_>, at: GameInstant, now: GameInstant) -> Option<May> {
        let Some(step) = walk.step() else { return Some(May::Not) };
        if let Some(until) = step.interaction.and_then(|kind| self.free_at(key, kind, at)) {
            return Some(May::NotBefore(until));
        }
        let id = self.book.id_of(key).unwrap_or(key.1);
        let draws = (Self::draws_of(at, walk.state.chain), id);
        let holds = self.holds(key, (&step.required, &step.conditions), now, draws)?;
        Some(if holds { May::Open } else { May::Not })
    }

    /// Opens a step that can open: it passes by itself, or its interaction is proposed and it waits for the game.
    fn open(&mut self, key: Key, walk: &mut Walk<'_>, at: GameInstant, now: GameInstant) -> Option<ChainEnd> {
        let step = walk.step()?;
        if step.auto_advance {
            return self.complete(key, walk, DONE, at, now);
        }
        let ChainState { chain, since, step: place, .. } = *walk.state;
        walk.open();
        if let Some(kind) = step.interaction {
            let source = IntentSource::Chain { chain, step: place, since };
            let until = Some(walk.state.due).filter(|due| *due < GameInstant::MAX);
            if self.propose_kind(key, kind, source, now, until).is_none() {
                return self.refuse(key, walk, at, now);
            }
        }
        if let Some(asks) = &step.generation
            && self.ask_for_step(key, (chain, place), asks, now).is_err()
        {
            return self.refuse(key, walk, at, now);
        }
        let model = walk.model;
        let (chain, step, change) = (&*model.name, model.step_name(place), ChainChange::Opened);
        self.tell(key, &Told { chain, change, step, outcome: None, next: None, at });
        None
    }

    /// There was no room for what a step proposes or asks for: its branch for that, or it is asked again.
    fn refuse(&mut self, key: Key, walk: &mut Walk<'_>, at: GameInstant, now: GameInstant) -> Option<ChainEnd> {
        if walk.step()?.branches.contains_key(REFUSED) {
            return self.pass_over(key, walk, REFUSED, at);
        }
        walk.state.due = at;
        self.totals.steps_blocked += 1;
        walk.block(None, self.model.recheck_micros(), now);
        None
    }

    /// Completes a step with an outcome: its effects are brought about, its interaction counts as used.
    pub(super) fn complete(
        &mut self,
        key: Key,
        walk: &mut Walk<'_>,
        outcome: &str,
        at: GameInstant,
        now: GameInstant,
    ) -> Option<ChainEnd> {
        let step = walk.step()?;
        self.totals.steps_completed += 1;
        self.bring(key, &step.effects, now);
        if let Some(kind) = step.interaction {
            self.use_kind(key, kind, at, now);
        }
        let from = walk.state.step;
        let ended = walk.complete(outcome, at);
        self.tell_step(key, walk, from, (ChainChange::Advanced, outcome), at, ended);
        ended
    }

    pub(super) fn pass_over(
        &mut self,
        key: Key,
        walk: &mut Walk<'_>,
        outcome: &str,
        at: GameInstant,
    ) -> Option<ChainEnd> {
        self.totals.steps_skipped += 1;
        let from = walk.state.step;
        let ended = walk.pass_over(outcome, at);
        self.tell_step(key, walk, from, (ChainChange::Skipped, outcome), at, ended);
        ended
    }

    pub(super) fn tell_step(
        &mut self,
        key: Key,
        walk: &Walk<'_>,
        from: u8,
        (change, outcome): (ChainChange, &str),
        at: GameInstant,
        ended: Option<ChainEnd>,
    ) {
        let model = walk.model;
        let next = ended.is_none().then(|| model.step_name(walk.state.step));
        let (chain, step, outcome) = (&*model.name, model.step_name(from), Some(outcome));
        self.tell(key, &Told { chain, change, step, outcome, next, at });
    }

    /// Proposes an interaction as its kind says. Nothing where there is no room.
    pub(super) fn propose_kind(
        &mut self,
        (session, npc): Key,
        kind: KindId,
        source: IntentSource,
        now: GameInstant,
        until: Option<GameInstant>,
    ) -> Option<StableId> {
        let model = Arc::clone(self.model.kind(kind)?);
        let expires = now.checked_add_micros(model.expires_micros).unwrap_or(GameInstant::MAX);
        self.propose(Intent {
            npc,
            session,
            kind,
            priority: model.priority,
            source,
            target: None,
            data: None,
            proposed: now,
            earliest: now,
            expires: until.map_or(expires, |until| until.min(expires)),
            handed_out: None,
        })
    }
}

/// Takes a chain out and notes how it ended.
fn end_chain(all: &mut Interactions, chain: &ChainState, end: ChainEnd, at: GameInstant) {
    all.take(chain.chain);
    let before = all.finished().iter().find(|finished| finished.chain == chain.chain);
    let completions = before.map_or(0, |finished| finished.completions);
    let completions = completions.saturating_add(u32::from(end == ChainEnd::Completed));
    all.finish(Finished { chain: chain.chain, end, completions, ended: at });
}

/// The way of a chain that is not in the queue's hands: a command's.
pub(super) fn walk_of<'a>(model: &'a ChainModel, state: &'a mut ChainState) -> Walk<'a> {
    Walk { model, state }
}

#[cfg(test)]
mod tests {
    use bevy_app::App;

    use super::*;
    use crate::components::generation::GenerationTotals;
    use crate::components::interaction::InteractionTotals;
    use crate::plugins::interaction::InteractionPlugin;
    use crate::plugins::npc::NpcPlugin;
    use crate::plugins::scheduler::SchedulerPlugin;
    use crate::plugins::simulation::SimulationPlugin;
    use crate::systems::generation::JobBook;
    use crate::systems::interaction::IntentBook;
    use crate::testing::Stepper;
    use crate::world::spec::WorldSpec;

    #[test]
    fn what_is_for_a_session_that_has_ended_is_counted_and_not_for_all() {
        let mut world = Stepper::new(|| {
            let file = "{id: w, clock: manual, interactions: {kinds: {chat: {}}}, generation: {kinds: {line: {}}}}";
            let spec = WorldSpec::from_yaml(file).unwrap_or_else(|error| panic!("{error}"));
            let mut app = App::new();
            app.add_plugins((SimulationPlugin { spec }, SchedulerPlugin, NpcPlugin, InteractionPlugin));
            app
        })
        .expect("a world");
        let ecs = world.world().ecs();
        let mut proposed = ecs.resource_mut::<Proposed>();
        let (npc, ended): (_, Option<Box<str>>) = (StableId(1), Some("ended".into()));
        proposed.intents = vec![(npc, ended.clone(), "chat".into()), (npc, None, "sing".into())];
        proposed.generations = vec![(npc, ended, "line".into()), (npc, None, "scene".into())];
        ecs.run_system_cached(advance_chains).expect("it runs");
        let (intents, jobs) = (ecs.resource::<InteractionTotals>(), ecs.resource::<GenerationTotals>());
        assert_eq!((intents.intents_gone, intents.intents(), jobs.gone, jobs.asked), (2, 0, 2, 0));
        assert!(ecs.resource::<IntentBook>().is_empty() && ecs.resource::<JobBook>().is_empty());
    }
}
