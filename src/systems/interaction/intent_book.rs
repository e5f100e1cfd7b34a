//! Which intents wait, in which order, and for what. Derived from [`Intent`], kept true at every change, made anew in
//! `WorldReady`.
//!
//! Within a session the order goes by `earliest − priority × priorityAgeSeconds`: a point of priority is worth so much
//! waiting, so that nobody is passed over for ever. Sessions take turns. An intent of an NPC that has as many open as it
//! may is parked until one of them is answered; parking looks at it and changes nothing else, so that a world goes on the
//! same whether it was restarted or not.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;

use super::book::Key;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{ChainId, Intent, IntentSource};
use crate::world::spec::InteractionLimitsSpec;

/// Finds intents.
#[derive(Resource, Debug, Default)]
pub struct IntentBook {
    known: BTreeMap<StableId, Known>,
    waiting: BTreeSet<(GameInstant, StableId)>,
    ready: BTreeMap<u32, BTreeSet<(i64, StableId)>>,
    parked: BTreeMap<StableId, BTreeSet<StableId>>,
    ends: BTreeSet<(GameInstant, StableId)>,
    /// What chains have proposed: a chain has one at most, that of the step at which it stands.
    of_chains: BTreeMap<(Key, ChainId), StableId>,
    open_npcs: BTreeMap<StableId, u32>,
    open_sessions: BTreeMap<u32, u32>,
    /// Sessions that have something ready and may have one more open.
    active: BTreeSet<u32>,
    /// What has been made and is not spawned yet; empty between systems.
    pub(super) fresh: BTreeMap<StableId, Intent>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    npc: StableId,
    session: u32,
    chain: Option<ChainId>,
    order: i64,
    earliest: GameInstant,
    expires: GameInstant,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    Ready,
    Parked,
    Open,
}

/// Where an intent stands in the order.
fn order_of(intent: &Intent, limits: &InteractionLimitsSpec) -> i64 {
    let ahead = i64::from(intent.priority) * i64::from(limits.priority_age_seconds) * 1_000_000;
    intent.earliest.as_micros().saturating_sub(ahead)
}

fn less<K: Ord + Copy>(counts: &mut BTreeMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

impl IntentBook {
    /// Intents that wait or are unanswered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Intents that are handed out and unanswered.
    pub fn open(&self) -> usize {
        self.open_sessions.values().map(|count| usize::try_from(*count).unwrap_or(usize::MAX)).sum()
    }

    /// Enters an intent.
    pub(super) fn enter(&mut self, id: StableId, intent: &Intent, limits: &InteractionLimitsSpec) {
        let place = if intent.handed_out.is_some() { Place::Open } else { Place::Waiting };
        let known = Known {
            npc: intent.npc,
            session: intent.session,
            chain: if let IntentSource::Chain { chain, .. } = intent.source { Some(chain) } else { None },
            order: order_of(intent, limits),
            earliest: intent.earliest,
            expires: intent.expires,
            place,
        };
        self.known.insert(id, known);
        if let Some(chain) = known.chain {
            self.of_chains.insert(((known.session, known.npc), chain), id);
        }
        self.ends.insert((intent.expires, id));
        if place == Place::Open {
            *self.open_npcs.entry(intent.npc).or_default() += 1;
            *self.open_sessions.entry(intent.session).or_default() += 1;
            self.renew(intent.session, limits);
        } else {
            self.waiting.insert((intent.earliest, id));
        }
    }

    /// Strikes an intent out.
    pub(super) fn strike(&mut self, id: StableId, limits: &InteractionLimitsSpec) {
        let Some(known) = self.known.remove(&id) else { return };
        self.ends.remove(&(known.expires, id));
        if let Some(chain) = known.chain {
            self.of_chains.remove(&((known.session, known.npc), chain));
        }
        match known.place {
            Place::Waiting => {
                self.waiting.remove(&(known.earliest, id));
            }
            Place::Ready => self.leave_ready(known.session, known.order, id),
            Place::Parked => {
                if let Some(parked) = self.parked.get_mut(&known.npc) {
                    parked.remove(&id);
                    if parked.is_empty() {
                        self.parked.remove(&known.npc);
                    }
                }
            }
            Place::Open => {
                less(&mut self.open_npcs, known.npc);
                less(&mut self.open_sessions, known.session);
                for parked in self.parked.remove(&known.npc).unwrap_or_default() {
                    self.make_ready(parked, limits);
                }
            }
        }
        self.renew(known.session, limits);
    }

    fn leave_ready(&mut self, session: u32, order: i64, id: StableId) {
        if let Some(ready) = self.ready.get_mut(&session) {
            ready.remove(&(order, id));
            if ready.is_empty() {
                self.ready.remove(&session);
            }
        }
    }

    fn make_ready(&mut self, id: StableId, limits: &InteractionLimitsSpec) {
        let Some(known) = self.known.get_mut(&id) else { return };
        known.place = Place::Ready;
        let (session, order) = (known.session, known.order);
        self.ready.entry(session).or_default().insert((order, id));
        self.renew(session, limits);
    }

    /// Makes up anew whether a session is among those that take turns.
    fn renew(&mut self, session: u32, limits: &InteractionLimitsSpec) {
        let open = self.open_sessions.get(&session).copied().unwrap_or(0);
        if self.ready.contains_key(&session) && open < limits.max_open_per_session {
            self.active.insert(session);
        } else {
            self.active.remove(&session);
        }
    }

    /// Readies those whose earliest instant has come.
    pub(super) fn ripen(&mut self, now: GameInstant, limits: &InteractionLimitsSpec) {
        while let Some(first) = self.waiting.first().copied().filter(|(earliest, _)| *earliest <= now) {
            self.waiting.remove(&first);
            self.make_ready(first.1, limits);
        }
    }

    /// The next one: of the first session after `last` that takes turns, what comes first in its order. Intents of NPCs
    /// that have as many open as they may are parked on the way.
    pub(super) fn next(&mut self, last: u32, limits: &InteractionLimitsSpec) -> Option<StableId> {
        loop {
            let after = last.checked_add(1).and_then(|after| self.active.range(after..).next());
            let session = after.or_else(|| self.active.first()).copied()?;
            let (order, id) = *self.ready.get(&session)?.first()?;
            let known = self.known.get_mut(&id)?;
            let npc = known.npc;
            if self.open_npcs.get(&npc).copied().unwrap_or(0) < limits.max_open_per_npc {
                return Some(id);
            }
            known.place = Place::Parked;
            self.leave_ready(session, order, id);
            self.parked.entry(npc).or_default().insert(id);
            self.renew(session, limits);
        }
    }

    /// One whose time has passed.
    pub(super) fn ended(&self, now: GameInstant) -> Option<StableId> {
        self.ends.first().filter(|(expires, _)| *expires <= now).map(|(_, id)| *id)
    }

    /// What a chain has proposed.
    pub(super) fn of_chain(&self, key: Key, chain: ChainId) -> Option<StableId> {
        self.of_chains.get(&(key, chain)).copied()
    }

    /// Those of which this is true, by session and NPC.
    pub(super) fn of(&self, which: impl Fn(u32, StableId) -> bool) -> Vec<StableId> {
        self.known.iter().filter(|(_, known)| which(known.session, known.npc)).map(|(id, _)| *id).collect()
    }

    /// Ids after this one, in their order.
    pub(super) fn after(&self, id: StableId) -> impl Iterator<Item = StableId> + '_ {
        let begin = StableId(id.0.saturating_add(1));
        self.known.range(begin..).map(|(id, _)| *id)
    }

    /// What an intent waits for, in words.
    pub(super) fn why(&self, id: StableId, limits: &InteractionLimitsSpec) -> Option<String> {
        let known = self.known.get(&id)?;
        let open = |count: Option<&u32>| count.copied().unwrap_or(0);
        let (in_session, of_npc) = (open(self.open_sessions.get(&known.session)), open(self.open_npcs.get(&known.npc)));
        Some(match known.place {
            Place::Waiting => format!("it waits until {}", known.earliest),
            Place::Open => format!("it is handed out and waits for an answer until {}", known.expires),
            _ if of_npc >= limits.max_open_per_npc => {
                format!("its NPC has {of_npc} unanswered, and maxOpenPerNpc allows {}", limits.max_open_per_npc)
            }
            _ if in_session >= limits.max_open_per_session => {
                let most = limits.max_open_per_session;
                format!("its session has {in_session} unanswered, and maxOpenPerSession allows {most}")
            }
            _ => {
                let ready = self.ready.get(&known.session);
                let before = ready.map_or(0, |ready| ready.range(..(known.order, id)).count());
                format!("{before} of its session come before it, and sessions take turns")
            }
        })
    }
}

/// Makes the book anew. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub(crate) fn rebuild_intents(
    mut book: ResMut<IntentBook>,
    model: Res<super::InteractionModel>,
    all: Query<(&StableId, &Intent)>,
) {
    *book = IntentBook::default();
    for (id, intent) in &all {
        book.enter(*id, intent, &model.limits);
    }
}
