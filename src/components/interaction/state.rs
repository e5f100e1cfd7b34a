//! What runs and what has been, for one NPC in one session.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use super::chain::{ChainId, ChainState, Finished};
use super::intent::KindId;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;

/// The NPC of what belongs to none: ids begin at 1.
pub const NOBODY: StableId = StableId(0);
/// The session of what belongs to none: their numbers begin at 1.
pub const NO_SESSION: u32 = 0;

/// For whom a cooldown holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CooldownScope {
    /// For an NPC in a session.
    NpcAndSession,
    /// For an NPC, in whatever session.
    Npc,
    /// For a session, whatever the NPC.
    Session,
    /// For the world.
    Global,
}

impl CooldownScope {
    /// All of them, from the narrowest to the widest.
    pub const ALL: [Self; 4] = [Self::NpcAndSession, Self::Npc, Self::Session, Self::Global];

    /// Where the cooldowns of this scope are kept that count for an NPC in a session: session and NPC.
    pub fn key(self, (session, npc): (u32, StableId)) -> (u32, StableId) {
        match self {
            Self::NpcAndSession => (session, npc),
            Self::Npc => (NO_SESSION, npc),
            Self::Session => (session, NOBODY),
            Self::Global => (NO_SESSION, NOBODY),
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NpcAndSession => "npcAndSession",
            Self::Npc => "npc",
            Self::Session => "session",
            Self::Global => "global",
        }
    }
}

/// A kind of interaction that cannot be used for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Which.
    pub kind: KindId,
    /// For whom: where there is no session, that of a session is one for all who have none.
    pub scope: CooldownScope,
    /// From when on it can.
    pub until: GameInstant,
}

/// The chains of an NPC in a session, with its cooldowns there. One with [`NOBODY`] or [`NO_SESSION`] carries what holds
/// for all of a session, for an NPC in every session, or for the world. Nothing of one is ever seen by another.
///
/// Most have one chain that waits, and nothing else: that one lies in the component itself.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interactions {
    /// The NPC.
    pub npc: StableId,
    /// The number of the session.
    pub session: u32,
    chains: Chains,
    rest: Option<Box<Rest>>,
}

/// Chains that run, in the order of their numbers. In one form only, so that equal states are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Chains {
    None,
    One(ChainState),
    Many(Vec<ChainState>),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    finished: Vec<Finished>,
    cooldowns: Vec<Cooldown>,
}

impl Interactions {
    /// Nothing yet.
    pub fn new(npc: StableId, session: u32) -> Self {
        Self { npc, session, chains: Chains::None, rest: None }
    }

    /// Whose it is: the session, then the NPC.
    pub fn key(&self) -> (u32, StableId) {
        (self.session, self.npc)
    }

    /// The chains that run, in the order of their numbers.
    pub fn chains(&self) -> &[ChainState] {
        match &self.chains {
            Chains::None => &[],
            Chains::One(chain) => std::slice::from_ref(chain),
            Chains::Many(chains) => chains,
        }
    }

    /// A chain that runs.
    pub fn chain(&self, chain: ChainId) -> Option<&ChainState> {
        self.chains().iter().find(|state| state.chain == chain)
    }

    /// Puts a chain in the place of one of the same number, or beside the others.
    pub fn put(&mut self, state: ChainState) {
        match &mut self.chains {
            Chains::None => self.chains = Chains::One(state),
            Chains::One(only) if only.chain == state.chain => *only = state,
            Chains::One(only) => {
                let mut both = vec![only.clone(), state];
                both.sort_unstable_by_key(|state| state.chain);
                self.chains = Chains::Many(both);
            }
            Chains::Many(all) => match all.binary_search_by_key(&state.chain, |other| other.chain) {
                Ok(at) => all[at] = state,
                Err(at) => all.insert(at, state),
            },
        }
    }

    /// Takes a chain out.
    pub fn take(&mut self, chain: ChainId) -> Option<ChainState> {
        match &mut self.chains {
            Chains::One(only) if only.chain == chain => {
                let taken = only.clone();
                self.chains = Chains::None;
                Some(taken)
            }
            Chains::Many(all) => {
                let at = all.binary_search_by_key(&chain, |other| other.chain).ok()?;
                let taken = all.remove(at);
                if let [only] = all.as_slice() {
                    self.chains = Chains::One(only.clone());
                }
                Some(taken)
            }
            Chains::None | Chains::One(_) => None,
        }
    }

    /// The chain that is due first; of several, the one with the lowest number.
    pub fn first_due(&self) -> Option<&ChainState> {
        self.chains().iter().min_by_key(|state| state.due)
    }

    /// When something is to be done here: with the chain that is due first, or with cooldowns that nobody else would
    /// ever look at again. Nothing where only the game can move it.
    pub fn due(&self) -> Option<GameInstant> {
        let due = match self.first_due() {
            Some(chain) => Some(chain.due),
            None => self.cooldowns().iter().map(|cooldown| cooldown.until).max(),
        };
        due.filter(|due| *due < GameInstant::MAX)
    }

    /// The chains that have run before.
    pub fn finished(&self) -> &[Finished] {
        self.rest.as_ref().map_or(&[], |rest| &rest.finished)
    }

    /// Notes that a chain has ended, in the place of what was noted of it before.
    pub fn finish(&mut self, finished: Finished) {
        let all = &mut self.rest.get_or_insert_default().finished;
        match all.binary_search_by_key(&finished.chain, |other| other.chain) {
            Ok(at) => all[at] = finished,
            Err(at) => all.insert(at, finished),
        }
    }

    /// Forgets that a chain has run. Whether it had.
    pub fn forget(&mut self, chain: ChainId) -> bool {
        let Some(rest) = &mut self.rest else { return false };
        let before = rest.finished.len();
        rest.finished.retain(|finished| finished.chain != chain);
        let was_there = rest.finished.len() < before;
        self.tidy();
        was_there
    }

    /// The cooldowns, in the order of their kinds and scopes; some may be over.
    pub fn cooldowns(&self) -> &[Cooldown] {
        self.rest.as_ref().map_or(&[], |rest| &rest.cooldowns)
    }

    /// From when on a kind can be used within a scope, where that is still to come.
    pub fn free_at(&self, kind: KindId, scope: CooldownScope, now: GameInstant) -> Option<GameInstant> {
        let held = self.cooldowns().iter().find(|cooldown| (cooldown.kind, cooldown.scope) == (kind, scope));
        held.map(|cooldown| cooldown.until).filter(|until| *until > now)
    }

    /// Lets a kind rest, in the place of what held for it in that scope, and drops the cooldowns that are over.
    pub fn rest(&mut self, cooldown: Cooldown, now: GameInstant) {
        let which = (cooldown.kind, cooldown.scope);
        self.drop_cooldowns(|other| other.until <= now || (other.kind, other.scope) == which);
        let all = &mut self.rest.get_or_insert_default().cooldowns;
        let at = all.partition_point(|other| (other.kind, other.scope) < which);
        all.insert(at, cooldown);
    }

    /// The same for another session.
    #[must_use]
    pub fn in_session(&self, session: u32) -> Self {
        Self { session, ..self.clone() }
    }

    /// Drops the cooldowns of which this is true. How many.
    pub fn drop_cooldowns(&mut self, which: impl Fn(&Cooldown) -> bool) -> usize {
        let Some(rest) = &mut self.rest else { return 0 };
        let before = rest.cooldowns.len();
        rest.cooldowns.retain(|cooldown| !which(cooldown));
        let dropped = before - rest.cooldowns.len();
        self.tidy();
        dropped
    }

    fn tidy(&mut self) {
        if self.rest.as_ref().is_some_and(|rest| rest.finished.is_empty() && rest.cooldowns.is_empty()) {
            self.rest = None;
        }
    }

    /// Whether nothing is left that anybody could ask for.
    pub fn is_empty(&self) -> bool {
        self.rest.is_none() && self.chains().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ChainPhase;
    use super::*;

    fn at(micros: i64) -> GameInstant {
        GameInstant::from_micros(micros).expect("in the calendar")
    }

    fn chain(number: u16, due: i64) -> ChainState {
        let start = at(0);
        ChainState {
            chain: ChainId(number),
            step: 0,
            phase: ChainPhase::Waiting,
            completed: 0,
            skipped: 0,
            started: start,
            since: start,
            due: at(due),
        }
    }

    #[test]
    fn one_waiting_chain_needs_nothing_beside_the_component() {
        assert!(size_of::<Interactions>() <= 64, "{}", size_of::<Interactions>());
    }

    #[test]
    fn chains_come_and_go_and_leave_the_same_form() {
        let mut state = Interactions::new(StableId(1), 2);
        assert!(state.is_empty() && state.due().is_none());
        state.put(chain(7, 50));
        let one = state.clone();
        state.put(chain(3, 40));
        state.put(chain(9, 40));
        assert_eq!(state.chains().iter().map(|state| state.chain.0).collect::<Vec<_>>(), [3, 7, 9]);
        assert_eq!(state.first_due().map(|state| state.chain), Some(ChainId(3)));
        assert_eq!(state.due(), Some(at(40)));
        assert!(state.take(ChainId(3)).is_some() && state.take(ChainId(3)).is_none());
        state.put(chain(9, 60));
        assert_eq!((state.chains().len(), state.due()), (2, Some(at(50))));
        state.take(ChainId(9));
        assert_eq!(state, one);
        state.take(ChainId(7));
        assert!(state.is_empty());
    }

    #[test]
    fn cooldowns_are_dropped_when_they_are_over() {
        let mut state = Interactions::new(StableId(1), 0);
        let scope = CooldownScope::Npc;
        let rest = |state: &mut Interactions, kind: u16, until: i64, now: i64| {
            state.rest(Cooldown { kind: KindId(kind), scope, until: at(until) }, at(now));
        };
        rest(&mut state, 2, 20, 0);
        rest(&mut state, 1, 10, 0);
        let free = |state: &Interactions, now: i64| state.free_at(KindId(1), scope, at(now));
        assert_eq!((free(&state, 9), free(&state, 10)), (Some(at(10)), None));
        assert_eq!(state.free_at(KindId(1), CooldownScope::Global, at(0)), None, "each scope is its own");
        assert_eq!(state.due(), Some(at(20)), "nobody else would look at them again");
        rest(&mut state, 3, 90, 15);
        assert_eq!(state.cooldowns().iter().map(|cooldown| cooldown.kind.0).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(state.drop_cooldowns(|_| true), 2);
        assert!(state.is_empty());
    }
}
