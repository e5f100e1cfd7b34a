//! How a chain leaves an open step, or closes it, when what it proposed or asked for came to nothing.

use super::advance::{After, walk_of};
use super::book::Key;
use super::ground::Ground;
use super::model::ChainModel;
use crate::components::clock::GameInstant;
use crate::components::interaction::{ChainEnd, ChainPhase, ChainState, Intent, IntentSource};
use crate::messages::interaction::ChainChange;

impl Ground<'_, '_> {
    /// Leaves a step by the first of these branches that it has, at an instant. Whether it has one.
    pub(crate) fn leave_step(
        &mut self,
        key: Key,
        model: &ChainModel,
        before: &ChainState,
        outcomes: &[&str],
        at: GameInstant,
    ) -> bool {
        let mut state = before.clone();
        let mut walk = walk_of(model, &mut state);
        let Some(step) = walk.step() else { return false };
        let branch = outcomes.iter().copied().find(|outcome| step.branches.contains_key(*outcome));
        let Some(outcome) = branch else { return false };
        let ended = walk.expire(outcome, at);
        self.tell_step(key, &walk, before.step, (ChainChange::Advanced, outcome), at, ended);
        let after = self.after(state, ended, at);
        self.settle(key, before, after, false);
        true
    }

    /// A step has come to nothing for which it has no branch: its chain fails.
    pub(crate) fn fail_step(
        &mut self,
        key: Key,
        model: &ChainModel,
        before: &ChainState,
        outcome: &str,
        at: GameInstant,
    ) {
        let (mut state, ended) = (before.clone(), Some(ChainEnd::Failed));
        self.tell_step(key, &walk_of(model, &mut state), before.step, (ChainChange::Advanced, outcome), at, ended);
        self.settle(key, before, After::Ended(ChainEnd::Failed, at), false);
    }

    /// An open step is closed: what it proposed or asked for came to nothing for which it has no branch. It opens again
    /// after `recheckSeconds`, if it still can.
    pub(crate) fn ask_again(&mut self, key: Key, model: &ChainModel, before: &ChainState, at: GameInstant) {
        let (mut state, now) = (before.clone(), self.clock.now.unwrap_or(at));
        state.due = at;
        walk_of(model, &mut state).block(None, self.model.recheck_micros(), now);
        self.totals.steps_blocked += 1;
        self.settle(key, before, After::Runs(state), false);
    }

    /// What a step has proposed was not taken up: its branch for that, or it proposes it again. Whether it has a branch.
    pub(super) fn lapse(&mut self, intent: &Intent, outcome: &str, at: GameInstant) -> bool {
        let key = (intent.session, intent.npc);
        let IntentSource::Chain { chain, .. } = intent.source else { return false };
        // It stands at the step that has proposed it: a chain that leaves a step takes its intent back.
        let found = self.state_of(key).and_then(|all| all.chain(chain)).cloned();
        let open = found.filter(|state| state.phase == ChainPhase::Open && state.due > at);
        let (Some(state), Some(model)) = (open, self.model.chain(chain).cloned()) else { return false };
        if self.leave_step(key, &model, &state, &[outcome], at) {
            return true;
        }
        self.ask_again(key, &model, &state, at);
        false
    }
}
