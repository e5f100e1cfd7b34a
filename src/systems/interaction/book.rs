//! Where the interactions of whom are, and when something is to be done there. Derived from
//! [`Interactions`], kept true at every change, made anew in `WorldReady`.

// time: interactions: which chains are due when a world is brought back | world | `WorldClock` | `WorldReady`

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bevy_ecs::prelude::*;

use crate::components::clock::{GameInstant, MICROS_PER_DAY, WorldClock};
use crate::components::ids::StableId;
use crate::components::interaction::Interactions;
use crate::components::npc::Flags;
use crate::systems::scheduler::DueQueue;

/// Whose interactions: the number of the session, then the NPC.
pub(crate) type Key = (u32, StableId);

/// Finds interactions by session and NPC, and by when they are due.
#[derive(Resource, Debug, Default)]
pub struct InteractionBook {
    sessions: BTreeMap<u32, Page>,
    queue: DueQueue,
    /// The instant that the queue was last opened for.
    opened: Option<GameInstant>,
    chains: usize,
    /// What has been made and is not spawned yet; empty between systems.
    pub(super) fresh: BTreeMap<StableId, Interactions>,
    /// First flags of NPCs that are not inserted yet; empty between systems.
    pub(super) first_flags: BTreeMap<Entity, Flags>,
}

#[derive(Debug, Default)]
struct Page {
    by_npc: BTreeMap<StableId, StableId>,
    chains: usize,
}

impl InteractionBook {
    /// An empty book for so many entities.
    pub(super) fn sized(entities: usize) -> Self {
        Self { queue: DueQueue::sized(MICROS_PER_DAY, entities), ..Self::default() }
    }

    /// The entity of a key.
    pub(super) fn id_of(&self, (session, npc): Key) -> Option<StableId> {
        self.sessions.get(&session)?.by_npc.get(&npc).copied()
    }

    /// Enters an entity with what is in it.
    pub(super) fn enter(&mut self, id: StableId, state: &Interactions) {
        let page = self.sessions.entry(state.session).or_default();
        page.by_npc.insert(state.npc, id);
        self.count(state.session, 0, state.chains().len());
        self.schedule(id, None, state.due());
    }

    /// Strikes an entity out.
    pub(super) fn strike(&mut self, id: StableId, state: &Interactions) {
        self.schedule(id, state.due(), None);
        self.count(state.session, state.chains().len(), 0);
        if let Some(page) = self.sessions.get_mut(&state.session) {
            page.by_npc.remove(&state.npc);
            if page.by_npc.is_empty() {
                self.sessions.remove(&state.session);
            }
        }
    }

    /// So many chains run for a key that had so many before.
    pub(super) fn count(&mut self, session: u32, before: usize, after: usize) {
        self.chains = (self.chains + after).saturating_sub(before);
        if let Some(page) = self.sessions.get_mut(&session) {
            page.chains = (page.chains + after).saturating_sub(before);
        }
    }

    /// Something is due at another instant than before.
    pub(super) fn schedule(&mut self, id: StableId, before: Option<GameInstant>, after: Option<GameInstant>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(before, id);
        }
        match after {
            Some(after) if self.opened.is_some_and(|opened| after <= opened) => self.queue.push_late(after, id),
            Some(after) => self.queue.push(after, id),
            None => {}
        }
    }

    /// Takes the most overdue entity.
    pub(super) fn pop(&mut self) -> Option<(GameInstant, StableId)> {
        self.queue.pop_late()
    }

    /// Opens the queue for an instant.
    pub(super) fn open(&mut self, now: GameInstant) {
        if self.queue.has_outgrown() {
            let entities = self.len();
            self.queue = self.queue.resized(MICROS_PER_DAY, entities);
        }
        self.queue.open(now);
        self.opened = Some(now);
    }

    /// Chains that run.
    pub fn chains(&self) -> usize {
        self.chains
    }

    /// Chains that run in a session.
    pub fn chains_in(&self, session: u32) -> usize {
        self.sessions.get(&session).map_or(0, |page| page.chains)
    }

    /// Entities whose time has come and who wait for a later step.
    pub fn waiting(&self) -> usize {
        self.queue.late()
    }

    /// Those that would be looked at before this one, up to `most`.
    pub(super) fn before(&self, due: GameInstant, id: StableId, most: usize) -> usize {
        self.queue.before(due, id, most)
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.sessions.values().map(|page| page.by_npc.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Everything of a session, NPC by NPC.
    pub(super) fn of_session(&self, session: u32) -> impl Iterator<Item = (StableId, StableId)> + '_ {
        let page = self.sessions.get(&session).into_iter();
        page.flat_map(|page| page.by_npc.iter().map(|(npc, id)| (*npc, *id)))
    }

    /// The sessions in which an NPC has something, with the entity.
    pub(super) fn of_npc(&self, npc: StableId) -> impl Iterator<Item = (u32, StableId)> + '_ {
        self.sessions.iter().filter_map(move |(session, page)| Some((*session, *page.by_npc.get(&npc)?)))
    }

    /// Everything from a key on, in the order of keys.
    pub(super) fn from(&self, (session, npc): Key) -> impl Iterator<Item = (Key, StableId)> + '_ {
        let all: RangeInclusive<u32> = session..=u32::MAX;
        self.sessions.range(all).flat_map(move |(number, page)| {
            let first = if *number == session { npc } else { StableId(0) };
            page.by_npc.range(first..).map(|(npc, id)| ((*number, *npc), *id))
        })
    }
}

/// Makes the book anew. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub(crate) fn rebuild_book(
    mut book: ResMut<InteractionBook>,
    clock: Res<WorldClock>,
    all: Query<(&StableId, &Interactions)>,
) {
    *book = InteractionBook::sized(all.iter().len());
    // In their order they lie close together.
    let mut keys: Vec<(Key, StableId)> = all.iter().map(|(id, state)| (state.key(), *id)).collect();
    keys.sort_unstable();
    for page in keys.chunk_by(|((one, _), _), ((other, _), _)| one == other) {
        let Some(((session, _), _)) = page.first() else { continue };
        let by_npc = page.iter().map(|((_, npc), id)| (*npc, *id)).collect();
        book.sessions.insert(*session, Page { by_npc, chains: 0 });
    }
    for (id, state) in &all {
        book.count(state.session, 0, state.chains().len());
        book.schedule(*id, None, state.due());
    }
    // What the budget put off before is put off now.
    if let Some(now) = clock.now {
        book.open(now);
    }
}
