//! What is in focus, found by NPC, by place and by when it ends. Derived from [`Sessions`].

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::Resource;

use super::idset::IdSet;
use super::session::{FocusKind, FocusTarget, Pins, SessionId, Sessions};
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::npc::PlaceId;
use crate::components::tier::{TierReason, TierWish};

/// Focus of one kind, with the session whose it is.
pub(crate) type FocusBy = (FocusKind, Option<SessionId>);

/// Finds what is in focus.
#[derive(Resource, Debug, Default)]
pub struct FocusIndex {
    by_target: BTreeMap<FocusTarget, BTreeSet<FocusBy>>,
    ends: BTreeSet<(GameInstant, Option<SessionId>, FocusKind, FocusTarget)>,
}

impl FocusIndex {
    /// The index of what the sessions have in focus.
    pub(crate) fn of(sessions: &Sessions) -> Self {
        let mut index = Self::default();
        for (session, kind, target, until) in sessions.focus() {
            index.insert(session.cloned(), kind, target, until);
        }
        index
    }

    pub(crate) fn insert(
        &mut self,
        session: Option<SessionId>,
        kind: FocusKind,
        target: FocusTarget,
        until: GameInstant,
    ) {
        self.by_target.entry(target).or_default().insert((kind, session.clone()));
        self.ends.insert((until, session, kind, target));
    }

    pub(crate) fn remove(
        &mut self,
        session: Option<SessionId>,
        kind: FocusKind,
        target: FocusTarget,
        until: GameInstant,
    ) {
        let by = (kind, session);
        if let Some(all) = self.by_target.get_mut(&target) {
            all.remove(&by);
            if all.is_empty() {
                self.by_target.remove(&target);
            }
        }
        self.ends.remove(&(until, by.1, kind, target));
    }

    /// The focus that ends first, if it has ended.
    pub(crate) fn ended(&self, now: GameInstant) -> Option<(GameInstant, Option<SessionId>, FocusKind, FocusTarget)> {
        self.ends.first().filter(|(until, ..)| *until <= now).cloned()
    }

    /// Everything that has a target in focus, what counts most first.
    pub(crate) fn by(&self, target: FocusTarget) -> impl Iterator<Item = &FocusBy> {
        self.by_target.get(&target).into_iter().flatten()
    }

    /// Everything that has an NPC in focus, what counts most first within the NPC and within its place.
    pub(crate) fn on(&self, id: StableId, place: Option<PlaceId>) -> impl Iterator<Item = &FocusBy> {
        let at_place = place.into_iter().flat_map(|place| self.by(FocusTarget::Place(place)));
        self.by(FocusTarget::Npc(id)).chain(at_place)
    }

    /// The session that has an NPC in focus, whose flags and preferences hold for it: of several, the lowest id.
    pub fn session_of(&self, id: StableId, place: Option<PlaceId>) -> Option<&SessionId> {
        self.on(id, place).filter_map(|(_, session)| session.as_ref()).min()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing is in focus.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// What is wished for an NPC, all told: a pin goes before everything; then the higher priority of rule and focus. Focus
/// never makes an NPC coarser than its rule has it.
pub(crate) fn wish_for(
    id: StableId,
    rule: TierWish,
    place: Option<PlaceId>,
    pins: &Pins,
    focus: &FocusIndex,
) -> TierWish {
    if let Some(tier) = pins.get(id) {
        return TierWish { tier, priority: i16::MAX, reason: TierReason::Pin };
    }
    if focus.is_empty() {
        return rule;
    }
    match focus.on(id, place).map(|(kind, _)| *kind).min().map(FocusKind::wish) {
        Some(wish) if wish.priority >= rule.priority && wish.tier <= rule.tier => wish,
        _ => rule,
    }
}

/// Who is where, for focus on places. Derived: the behaviour domain tells every move, and everybody's place when the
/// world has become ready.
#[derive(Resource, Debug, Default)]
pub struct Places {
    at: BTreeMap<PlaceId, IdSet>,
    names: BTreeMap<String, PlaceId>,
    /// Who has moved since the last step.
    pub(crate) moved: IdSet,
}

impl Places {
    /// Names that commands know places by.
    pub fn set_names(&mut self, names: impl IntoIterator<Item = (String, PlaceId)>) {
        self.names = names.into_iter().collect();
    }

    /// A place by its name.
    pub fn by_name(&self, name: &str) -> Option<PlaceId> {
        self.names.get(name).copied()
    }

    /// The names of all places, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The name of a place.
    pub fn name_of(&self, place: PlaceId) -> Option<&str> {
        self.names.iter().find(|(_, known)| **known == place).map(|(name, _)| name.as_str())
    }

    /// An NPC has gone from one place to another; `from` nowhere when it has just come up, `to` nowhere when it is gone.
    pub fn moved(&mut self, id: StableId, from: Option<PlaceId>, to: Option<PlaceId>) {
        if let Some(from) = from
            && let Some(ids) = self.at.get_mut(&from)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.at.remove(&from);
            }
        }
        if let Some(to) = to {
            self.at.entry(to).or_default().insert(id);
            if from.is_some() {
                self.moved.insert(id);
            }
        }
    }

    /// Everybody at a place, the lowest id first.
    pub fn at(&self, place: PlaceId) -> impl Iterator<Item = StableId> + '_ {
        self.at.get(&place).into_iter().flat_map(IdSet::iter)
    }

    /// Whether somebody is at a place.
    pub fn is_at(&self, id: StableId, place: PlaceId) -> bool {
        self.at.get(&place).is_some_and(|ids| ids.contains(id))
    }

    /// Everybody at a place, beginning with this id and going round.
    pub fn around(&self, place: PlaceId, id: StableId) -> impl Iterator<Item = StableId> + '_ {
        let ids = self.at.get(&place).into_iter();
        let from = ids.clone().flat_map(move |ids| ids.iter_from(id));
        from.chain(ids.flat_map(move |ids| ids.iter().take_while(move |other| *other < id)))
    }

    /// How many are at a place.
    pub fn count(&self, place: PlaceId) -> usize {
        self.at.get(&place).map_or(0, IdSet::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::tier::SimulationTier::{self, Active, Ambient, Detailed, Dormant};

    const NOW: GameInstant = GameInstant::MIN;

    fn rule(tier: SimulationTier, priority: i16) -> TierWish {
        TierWish { tier, priority, reason: TierReason::Rule(0) }
    }

    #[test]
    fn a_pin_goes_before_focus_and_focus_before_rules_of_lower_priority() {
        let (id, place) = (StableId(1), Some(PlaceId(7)));
        let (mut pins, mut focus) = (Pins::default(), FocusIndex::default());
        let wish = |rule, pins: &Pins, focus: &FocusIndex| wish_for(id, rule, place, pins, focus).tier;
        assert_eq!(wish(rule(Ambient, 0), &pins, &focus), Ambient);
        focus.insert(None, FocusKind::Story, FocusTarget::Npc(id), NOW);
        assert_eq!(wish(rule(Ambient, 0), &pins, &focus), Active);
        assert_eq!(wish(rule(Detailed, 0), &pins, &focus), Detailed, "focus makes nobody coarser");
        focus.insert(None, FocusKind::PlayerLocation, FocusTarget::Place(PlaceId(7)), NOW);
        assert_eq!(wish(rule(Ambient, 0), &pins, &focus), Detailed);
        assert_eq!(wish(rule(Dormant, 1_001), &pins, &focus), Dormant, "a rule may go before focus");
        pins.pins.insert(id, Dormant);
        assert_eq!(wish(rule(Detailed, 2_000), &pins, &focus), Dormant);
        focus.remove(None, FocusKind::PlayerLocation, FocusTarget::Place(PlaceId(7)), NOW);
        focus.remove(None, FocusKind::Story, FocusTarget::Npc(id), NOW);
        assert!(focus.is_empty() && focus.by_target.is_empty());
    }

    #[test]
    fn of_several_sessions_the_lowest_id_has_the_npc() {
        let session = |name: &str| Some(name.parse::<SessionId>().expect("an id"));
        let mut focus = FocusIndex::default();
        focus.insert(session("b"), FocusKind::PlayerLocation, FocusTarget::Npc(StableId(1)), NOW);
        focus.insert(session("a"), FocusKind::Story, FocusTarget::Place(PlaceId(2)), NOW);
        focus.insert(None, FocusKind::Scene, FocusTarget::Npc(StableId(1)), NOW);
        let of = |place| focus.session_of(StableId(1), place).map(SessionId::as_str);
        assert_eq!((of(None), of(Some(PlaceId(2)))), (Some("b"), Some("a")));
        assert_eq!(focus.session_of(StableId(9), None), None);
    }

    #[test]
    fn places_know_who_is_there() {
        let mut places = Places::default();
        places.set_names([("bar".to_owned(), PlaceId(1))]);
        places.moved(StableId(4), None, Some(PlaceId(1)));
        assert!(places.moved.is_empty(), "who comes up has not moved");
        places.moved(StableId(5), None, Some(PlaceId(2)));
        places.moved(StableId(5), Some(PlaceId(2)), Some(PlaceId(1)));
        assert_eq!(places.at(PlaceId(1)).collect::<Vec<_>>(), [StableId(4), StableId(5)]);
        assert_eq!((places.count(PlaceId(2)), places.moved.len()), (0, 1));
        places.moved(StableId(4), Some(PlaceId(1)), None);
        assert_eq!((places.count(PlaceId(1)), places.by_name("bar")), (1, Some(PlaceId(1))));
        assert_eq!(places.name_of(PlaceId(1)), Some("bar"));
    }
}
