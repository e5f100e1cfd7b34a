//! What chains and intents stand on: NPCs, sessions, flags, and the books that find them.

// time: interactions: waits and windows of chains, cooldowns, intents that can be handed out or expire | world | `WorldClock` | each `WorldStep`, by queues of due instants; a command of the world

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;

use super::book::{InteractionBook, Key};
use super::intent_book::IntentBook;
use super::model::InteractionModel;
use super::numbers::SessionNumbers;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::{StableId, StableIds, StableIndex};
use crate::components::interaction::{
    ChainId, Cooldown, CooldownScope, Intent, InteractionTotals, Interactions, KindId, NO_SESSION, NOBODY,
};
use crate::components::npc::{FlagValue, Npc, NpcFlags, NpcState, Relationships, WorldFlags};
use crate::messages::interaction::{ChainChange, InteractionChainChanged};
use crate::systems::generation::Jobs;
use crate::systems::npc::BehaviourModel;
use crate::systems::npc::condition::{Condition, ConditionContext, Society, Whom, all_hold};
use crate::systems::npc::effects::{Concerned, Left, LeftBehind};
use crate::systems::npc::flag_key::{FlagKey, FlagScope};
use crate::systems::npc::live::{Proposed, SessionViews, settle_left};
use crate::systems::npc::model::Effects;
use crate::systems::npc::society::Around;
use crate::systems::random::{SystemDraws, WorldSeed};
use crate::systems::scheduler::{NOT_YET, Sessions, name_or_number};
use crate::world::Touched;

type Parts = (&'static Npc, &'static mut NpcState, &'static mut Relationships, Option<&'static mut NpcFlags>);

/// Everything that chains and intents read and write.
#[derive(SystemParam)]
pub(crate) struct Ground<'w, 's> {
    pub(crate) clock: Res<'w, WorldClock>,
    pub(crate) model: Res<'w, InteractionModel>,
    pub(crate) sessions: ResMut<'w, Sessions>,
    pub(crate) numbers: ResMut<'w, SessionNumbers>,
    pub(crate) book: ResMut<'w, InteractionBook>,
    pub(super) intents: ResMut<'w, IntentBook>,
    pub(super) totals: ResMut<'w, InteractionTotals>,
    pub(crate) index: Res<'w, StableIndex>,
    pub(super) states: Query<'w, 's, &'static mut Interactions>,
    pub(crate) commands: Commands<'w, 's>,
    pub(crate) touched: ResMut<'w, Touched>,
    behaviour: Res<'w, BehaviourModel>,
    seed: Res<'w, WorldSeed>,
    world_flags: ResMut<'w, WorldFlags>,
    proposed: ResMut<'w, Proposed>,
    views: ResMut<'w, SessionViews>,
    around: Around<'w, 's>,
    pub(crate) ids: ResMut<'w, StableIds>,
    pub(crate) jobs: Jobs<'w, 's>,
    events: MessageWriter<'w, InteractionChainChanged>,
    npcs: Query<'w, 's, Parts>,
}

/// A change of a chain that is told.
pub(super) struct Told<'a> {
    pub(super) chain: &'a str,
    pub(super) change: ChainChange,
    pub(super) step: &'a str,
    pub(super) outcome: Option<&'a str>,
    pub(super) next: Option<&'a str>,
    pub(super) at: GameInstant,
}

impl Ground<'_, '_> {
    /// The present instant.
    ///
    /// # Errors
    /// With a sentence, before the world's clock has begun.
    pub(crate) fn now(&self) -> Result<GameInstant, String> {
        self.clock.now.ok_or_else(|| format!("{NOT_YET}: it waits for its first tick"))
    }

    /// Whether the NPC and the session of a key are there.
    pub(crate) fn is_there(&self, (session, npc): Key) -> bool {
        let npc_is = npc == NOBODY || self.index.get(npc).is_some_and(|entity| self.npcs.contains(entity));
        npc_is && self.numbers.stands(session)
    }

    /// Whether an NPC is meant: by its name, or by a role.
    pub(super) fn is_meant(&self, npc: StableId, whom: Option<Whom>) -> bool {
        match whom {
            None => true,
            Some(Whom::Role(bit)) => self.around.roles_of(npc) >> bit & 1 == 1,
            Some(Whom::Person(number)) => self.around.person(number) == Some(npc),
        }
    }

    /// The name that an NPC is known by.
    pub(super) fn name_of(&self, npc: StableId) -> String {
        let parts = self.index.get(npc).and_then(|entity| self.npcs.get(entity).ok());
        name_or_number(parts.map(|(who, ..)| who), npc)
    }

    /// The session of a number, as text.
    pub(crate) fn session_name(&self, session: u32) -> Option<String> {
        self.numbers.id(session).map(|id| id.as_str().to_owned())
    }

    /// Whether flags are set and conditions hold for an NPC in a session. Nothing where either is gone.
    pub(super) fn holds(
        &mut self,
        (session, npc): Key,
        (required, conditions): (&[FlagKey], &[Condition]),
        now: GameInstant,
        draws: (u64, StableId),
    ) -> Option<bool> {
        let entity = self.index.get(npc)?;
        let (who, state, relationships, held) = self.npcs.get(entity).ok()?;
        let session = match self.numbers.id(session) {
            Some(id) => Some((id, self.sessions.get(id)?)),
            None if session == NO_SESSION => None,
            None => return None,
        };
        if required.is_empty() && conditions.is_empty() {
            return Some(true);
        }
        let first = self.book.first_flags.get(&entity);
        let session_flags = session.and_then(|(id, session)| self.views.flags(id, session, &self.behaviour));
        let context = ConditionContext {
            id: npc,
            npc: who,
            state,
            relationships,
            flags: held.map(|held| &held.0).or(first),
            session_flags,
            world_flags: &self.world_flags.0,
            now,
            model: &self.behaviour,
            society: &self.around,
        };
        let is_set = |key: &FlagKey| context.flag(key).is_some_and(|value| *value != FlagValue::Bool(false));
        let (run, id) = draws;
        let mut draw = SystemDraws::new(self.seed.0, run, "interaction.condition").for_id(id);
        Some(required.iter().all(is_set) && all_hold(conditions, &context, &mut draw))
    }

    /// Brings effects about.
    pub(crate) fn bring(&mut self, (session, npc): Key, effects: &Effects, now: GameInstant) {
        if effects.relations.is_empty() && effects.flags.is_empty() && effects.custom.is_empty() {
            return;
        }
        if npc == NOBODY {
            return self.bring_nobody(session, effects);
        }
        let Some(entity) = self.index.get(npc) else { return };
        let Ok((who, mut state, mut relationships, mut held)) = self.npcs.get_mut(entity) else { return };
        let mut left = Vec::new();
        let mut first = self.book.first_flags.remove(&entity).unwrap_or_default();
        Concerned {
            id: npc,
            npc: who,
            state: &mut state,
            relationships: &mut relationships,
            flags: held.as_mut().map_or(&mut first, |held| &mut held.0),
            session: self.numbers.id(session).map(|id| id.as_str()),
        }
        .take(effects, now, (&self.behaviour, &self.around), &mut left);
        if !first.is_empty() {
            self.book.first_flags.insert(entity, first);
        }
        self.touched.note(entity);
        if !left.is_empty() {
            settle_left(&mut left, &mut self.sessions, &mut self.world_flags, &mut self.proposed);
        }
    }

    /// Brings about what effects do without an NPC: flags of the session and of the world.
    fn bring_nobody(&mut self, session: u32, effects: &Effects) {
        let id: Option<Box<str>> = self.numbers.id(session).map(|id| id.as_str().into());
        let mut left = Vec::new();
        for (key, value) in &effects.flags {
            let session = match key.scope {
                FlagScope::World => None,
                FlagScope::Any | FlagScope::Session if id.is_some() => id.clone(),
                FlagScope::Any | FlagScope::Session | FlagScope::Npc => continue,
            };
            let key = key.with_key(|| "nobody".to_owned(), |text| Box::from(text));
            left.push(Left { by: NOBODY, session, what: LeftBehind::Flag { key, value: value.clone() } });
        }
        settle_left(&mut left, &mut self.sessions, &mut self.world_flags, &mut self.proposed);
    }

    /// Takes what NPCs have proposed in their turns.
    pub(super) fn take_proposed(&mut self) -> Proposed {
        std::mem::take(&mut self.proposed)
    }

    /// Reads what there is of a key.
    pub(crate) fn state_of(&self, key: Key) -> Option<&Interactions> {
        let id = self.book.id_of(key)?;
        match self.index.get(id) {
            Some(entity) => self.states.get(entity).ok(),
            None => self.book.fresh.get(&id),
        }
    }

    /// Changes what there is of a key, which is made where it is not there, and goes where nothing is left of it. An
    /// entity whose entry has been taken out of the queue is put into it again.
    pub(super) fn change(&mut self, key: Key, taken: bool, change: impl FnOnce(&mut Interactions)) {
        let id = self.book.id_of(key).unwrap_or_else(|| {
            let (id, state) = (self.ids.next_id(), Interactions::new(key.1, key.0));
            self.book.enter(id, &state);
            self.book.fresh.insert(id, state);
            id
        });
        let entity = self.index.get(id);
        let mut made = self.book.fresh.remove(&id);
        let mut found = entity.and_then(|entity| self.states.get_mut(entity).ok());
        let Some(state) = found.as_deref_mut().or(made.as_mut()) else { return };
        let (due, chains) = (state.due(), state.chains().len());
        change(state);
        self.book.count(key.0, chains, state.chains().len());
        self.book.schedule(id, due.filter(|_| !taken), state.due());
        if state.is_empty() {
            self.book.strike(id, state);
            if let Some(entity) = entity {
                self.commands.entity(entity).despawn();
            }
            return;
        }
        match (entity, made) {
            (Some(entity), None) => self.touched.note(entity),
            (_, Some(made)) => {
                self.book.fresh.insert(id, made);
            }
            (None, None) => {}
        }
    }

    /// Where the cooldowns of each scope are kept.
    fn scopes(key: Key) -> [(Key, CooldownScope); 4] {
        CooldownScope::ALL.map(|scope| (scope.key(key), scope))
    }

    /// From when on a kind can be used by an NPC in a session, where that is after an instant.
    pub(super) fn free_at(&self, key: Key, kind: KindId, after: GameInstant) -> Option<GameInstant> {
        let cooldowns = self.model.kind(kind)?.cooldowns;
        let scopes = Self::scopes(key).into_iter().zip(cooldowns).filter(|(_, micros)| *micros > 0);
        scopes.filter_map(|((key, scope), _)| self.state_of(key)?.free_at(kind, scope, after)).max()
    }

    /// A kind is used: its cooldowns begin.
    pub(super) fn use_kind(&mut self, key: Key, kind: KindId, at: GameInstant, now: GameInstant) {
        let Some(cooldowns) = self.model.kind(kind).map(|kind| kind.cooldowns) else { return };
        for ((key, scope), micros) in Self::scopes(key).into_iter().zip(cooldowns) {
            let until = at.checked_add_micros(micros).unwrap_or(GameInstant::MAX);
            if micros > 0 && until > now {
                self.totals.cooldowns_begun += 1;
                self.change(key, false, |state| state.rest(Cooldown { kind, scope, until }, now));
            }
        }
    }

    /// Whether one more intent fits.
    pub(super) fn has_room(&self) -> bool {
        self.intents.len() < usize::try_from(self.model.limits.max_intents).unwrap_or(usize::MAX)
    }

    /// Takes an intent in. Nothing where there is no room.
    pub(super) fn propose(&mut self, intent: Intent) -> Option<StableId> {
        if !self.has_room() {
            self.totals.intents_refused += 1;
            return None;
        }
        self.totals.intents_proposed += 1;
        let id = self.ids.next_id();
        self.intents.enter(id, &intent, &self.model.limits);
        self.intents.fresh.insert(id, intent);
        Some(id)
    }

    /// Takes an intent back that a chain has proposed, where there is one.
    pub(super) fn withdraw(&mut self, key: Key, chain: ChainId) {
        let Some(id) = self.intents.of_chain(key, chain) else { return };
        self.totals.intents_withdrawn += 1;
        self.drop_intent(id);
    }

    /// Drops an intent.
    pub(super) fn drop_intent(&mut self, id: StableId) {
        self.intents.strike(id, &self.model.limits);
        if self.intents.fresh.remove(&id).is_none()
            && let Some(entity) = self.index.get(id)
        {
            self.commands.entity(entity).despawn();
        }
    }

    /// Tells a change of a chain.
    pub(super) fn tell(&mut self, (session, npc): Key, told: &Told<'_>) {
        let event = InteractionChainChanged {
            npc_id: npc.0,
            name: self.name_of(npc),
            session: self.session_name(session),
            chain: told.chain.to_owned(),
            change: told.change,
            step: told.step.to_owned(),
            outcome: told.outcome.map(str::to_owned),
            next: told.next.map(str::to_owned),
            at: told.at,
        };
        self.events.write(event);
    }

    /// Carries out what could not be done while entities were looked at. Every system ends with it.
    pub(crate) fn finish(&mut self) {
        for (id, state) in std::mem::take(&mut self.book.fresh) {
            self.commands.spawn((id, state));
        }
        for (entity, flags) in std::mem::take(&mut self.book.first_flags) {
            self.commands.entity(entity).insert(NpcFlags(flags));
        }
        for (id, intent) in std::mem::take(&mut self.intents.fresh) {
            self.commands.spawn((id, intent));
        }
        for (id, user) in std::mem::take(&mut self.jobs.book.fresh_users) {
            self.commands.spawn((id, user));
        }
        for (id, job) in std::mem::take(&mut self.jobs.book.fresh) {
            self.commands.spawn((id, job));
        }
    }

    /// The number that the draws of a chain's questions are keyed by: another instant or chain, other draws.
    pub(super) fn draws_of(at: GameInstant, chain: ChainId) -> u64 {
        at.as_micros().cast_unsigned() ^ u64::from(chain.0) << 48
    }
}
