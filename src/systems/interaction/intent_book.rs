//! Which intents wait, in which order, and for what. Derived from [`Intent`], kept true at every change, made anew in
//! `WorldReady`.
//!
//! Within a session the order goes by `earliest − priority × priorityAgeSeconds`: a point of priority is worth so much
//! waiting, so that nobody is passed over for ever. Sessions take turns. Of what an NPC has in a session, only the first
//! in that order is among those that can be next, and nothing of an NPC that has as many open as it may: an answer makes
//! as much work as there are sessions in which the NPC has something. All of it follows from the intents alone, so that a
//! world goes on the same whether it was restarted or not.

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;

use super::book::Key;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{ChainId, Intent, IntentSource};
use crate::world::spec::InteractionLimitsSpec;

/// Finds intents.
#[derive(Resource, Debug, Default, PartialEq, Eq)]
pub struct IntentBook {
    known: BTreeMap<StableId, Known>,
    waiting: BTreeSet<(GameInstant, StableId)>,
    /// Intents whose earliest instant has come, of each NPC in each session.
    ripe: BTreeMap<Key, BTreeSet<(i64, StableId)>>,
    /// The sessions in which an NPC has some.
    sessions: BTreeMap<StableId, BTreeSet<u32>>,
    /// The first of each NPC that may have one more open, by session.
    ready: BTreeMap<u32, BTreeSet<(i64, StableId)>>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    Ripe,
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
            *self.open_sessions.entry(intent.session).or_default() += 1;
            self.with_open(intent.npc, limits, |open| *open.entry(intent.npc).or_default() += 1);
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
            Place::Ripe => self.with_ripe((known.session, known.npc), limits, |ripe| {
                ripe.remove(&(known.order, id));
            }),
            Place::Open => {
                less(&mut self.open_sessions, known.session);
                self.with_open(known.npc, limits, |open| less(open, known.npc));
            }
        }
        self.renew(known.session, limits);
    }

    /// Whether an NPC may have one more open.
    fn is_free(&self, npc: StableId, limits: &InteractionLimitsSpec) -> bool {
        self.open_npcs.get(&npc).copied().unwrap_or(0) < limits.max_open_per_npc
    }

    /// Changes what an NPC has in a session, and what of it can be next.
    fn with_ripe(
        &mut self,
        key: Key,
        limits: &InteractionLimitsSpec,
        change: impl FnOnce(&mut BTreeSet<(i64, StableId)>),
    ) {
        let is_free = self.is_free(key.1, limits);
        let ripe = self.ripe.entry(key).or_default();
        let before = ripe.first().copied();
        change(ripe);
        let after = ripe.first().copied();
        if after.is_none() {
            self.ripe.remove(&key);
        }
        if before.is_none() != after.is_none() {
            let sessions = self.sessions.entry(key.1).or_default();
            if after.is_some() {
                sessions.insert(key.0);
            } else {
                sessions.remove(&key.0);
            }
            if sessions.is_empty() {
                self.sessions.remove(&key.1);
            }
        }
        if is_free && before != after {
            self.put_forward(key.0, before, after, limits);
        }
    }

    /// Changes how many an NPC has open. Where it may have one more since then, or may not, what of it can be next changes
    /// in all its sessions.
    fn with_open(
        &mut self,
        npc: StableId,
        limits: &InteractionLimitsSpec,
        change: impl FnOnce(&mut BTreeMap<StableId, u32>),
    ) {
        let before = self.is_free(npc, limits);
        change(&mut self.open_npcs);
        let is_free = self.is_free(npc, limits);
        if before == is_free {
            return;
        }
        for session in self.sessions.get(&npc).cloned().unwrap_or_default() {
            let first = self.ripe.get(&(session, npc)).and_then(|ripe| ripe.first()).copied();
            let (before, after) = if is_free { (None, first) } else { (first, None) };
            self.put_forward(session, before, after, limits);
        }
    }

    /// One can be next in its session in the place of another.
    fn put_forward(
        &mut self,
        session: u32,
        before: Option<(i64, StableId)>,
        after: Option<(i64, StableId)>,
        limits: &InteractionLimitsSpec,
    ) {
        let ready = self.ready.entry(session).or_default();
        if let Some(before) = before {
            ready.remove(&before);
        }
        ready.extend(after);
        if ready.is_empty() {
            self.ready.remove(&session);
        }
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
            let Some(known) = self.known.get_mut(&first.1) else { continue };
            known.place = Place::Ripe;
            let (key, order) = ((known.session, known.npc), known.order);
            self.with_ripe(key, limits, |ripe| {
                ripe.insert((order, first.1));
            });
        }
    }

    /// The next one: of the first session after `last` that takes turns, what comes first in its order.
    pub(super) fn next(&self, last: u32) -> Option<StableId> {
        let after = last.checked_add(1).and_then(|after| self.active.range(after..).next());
        let session = after.or_else(|| self.active.first())?;
        self.ready.get(session)?.first().map(|(_, id)| *id)
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
                let all = (known.session, StableId(0))..=(known.session, StableId(u64::MAX));
                let free = self.ripe.range(all).filter(|((_, npc), _)| self.is_free(*npc, limits));
                let before: usize = free.map(|(_, ripe)| ripe.range(..(known.order, id)).count()).sum();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::components::interaction::KindId;

    fn at(seconds: i64) -> GameInstant {
        GameInstant::from_micros(seconds * 1_000_000).expect("in the calendar")
    }

    fn intent(session: u32, npc: u64, priority: i16, earliest: i64) -> Intent {
        Intent {
            npc: StableId(npc),
            session,
            kind: KindId(0),
            priority,
            source: IntentSource::Command,
            target: None,
            data: None,
            proposed: at(0),
            earliest: at(earliest),
            expires: GameInstant::MAX,
            handed_out: None,
        }
    }

    #[test]
    fn an_answer_brings_one_intent_of_an_npc_forward_in_each_session_however_many_wait() {
        let limits = InteractionLimitsSpec { max_open_per_npc: 1, ..InteractionLimitsSpec::default() };
        let mut book = IntentBook::default();
        for id in 1..=1_000 {
            book.enter(StableId(id), &intent(u32::from(id % 2 == 0), 7, 0, 0), &limits);
        }
        book.ripen(at(1), &limits);
        let ready = |book: &IntentBook| book.ready.values().map(BTreeSet::len).sum::<usize>();
        assert_eq!((ready(&book), book.next(0)), (2, Some(StableId(2))));
        let given = Intent { handed_out: Some(at(1)), ..intent(1, 7, 0, 0) };
        book.strike(StableId(2), &limits);
        book.enter(StableId(2), &given, &limits);
        assert_eq!((ready(&book), book.next(0)), (0, None), "it has one open, and may have no more");
        book.strike(StableId(2), &limits);
        assert_eq!((ready(&book), book.next(1)), (2, Some(StableId(1))));
    }

    proptest! {
        /// Whatever has become of intents, the book is what it would be made anew.
        #[test]
        fn the_book_follows_from_the_intents_alone(
            deeds in prop::collection::vec((0_u8..5, 0_u64..24, 0_u32..3, 1_u64..4, -3_i16..4, 0_i64..20), 1..120),
            most in (1_u32..3, 1_u32..4),
        ) {
            let limits = InteractionLimitsSpec {
                max_open_per_npc: most.0,
                max_open_per_session: most.1,
                ..InteractionLimitsSpec::default()
            };
            let (mut book, mut all, mut now) = (IntentBook::default(), BTreeMap::new(), 0);
            for (deed, id, session, npc, priority, earliest) in deeds {
                let id = StableId(id);
                let held: Option<Intent> = all.get(&id).cloned();
                match (deed, held) {
                    (0 | 1, None) => {
                        let made = intent(session, npc, priority, earliest);
                        book.enter(id, &made, &limits);
                        all.insert(id, made);
                    }
                    (2, Some(mut held)) => {
                        book.strike(id, &limits);
                        held.handed_out = Some(at(now));
                        book.enter(id, &held, &limits);
                        all.insert(id, held);
                    }
                    (3, Some(_)) => {
                        book.strike(id, &limits);
                        all.remove(&id);
                    }
                    _ => now += 1,
                }
                book.ripen(at(now), &limits);
                let mut anew = IntentBook::default();
                all.iter().for_each(|(id, intent)| anew.enter(*id, intent, &limits));
                anew.ripen(at(now), &limits);
                prop_assert_eq!(&book, &anew);
            }
        }
    }
}
