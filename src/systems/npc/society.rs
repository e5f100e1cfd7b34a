//! Who is where, who bears which name: derived from the NPCs, kept true by every move, made anew in `WorldReady`.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;

use super::condition::Society;
use super::model::BehaviourModel;
use crate::components::ids::{StableId, StableIndex};
use crate::components::npc::{Npc, NpcState, PlaceId};
use crate::systems::scheduler::Places;

/// Roles at places, in numbers.
#[derive(Resource, Debug, Default)]
pub struct Presence {
    counts: Vec<[u32; 32]>,
}

impl Presence {
    /// NPCs of a role at a place.
    pub fn count(&self, role: u8, place: PlaceId) -> u32 {
        let roles = self.counts.get(usize::from(place.0));
        roles.and_then(|roles| roles.get(usize::from(role))).copied().unwrap_or(0)
    }

    fn change(&mut self, roles: u32, place: PlaceId, comes: bool) {
        let at = usize::from(place.0);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, [0; 32]);
        }
        for (role, count) in self.counts[at].iter_mut().enumerate() {
            if roles >> role & 1 == 1 {
                *count = if comes { *count + 1 } else { count.saturating_sub(1) };
            }
        }
    }
}

/// The NPCs that bear the names that the world file uses, by the number of the name in the model.
#[derive(Resource, Debug, Default)]
pub struct People(Vec<Option<StableId>>);

impl People {
    fn change(&mut self, model: &BehaviourModel, name: &str, id: Option<StableId>) {
        self.0.resize(model.people.len(), None);
        if let Some(number) = model.people.find(name) {
            self.0[usize::from(number)] = id;
        }
    }
}

/// Notes that an NPC has come into the world.
pub fn note_arrival(
    (presence, people, places): (&mut Presence, &mut People, &mut Places),
    model: &BehaviourModel,
    id: StableId,
    npc: &Npc,
    place: PlaceId,
) {
    presence.change(npc.roles, place, true);
    places.moved(id, None, Some(place));
    if let Some(name) = &npc.name {
        people.change(model, name, Some(id));
    }
}

/// Notes that an NPC has left the world.
pub fn note_departure(
    (presence, people, places): (&mut Presence, &mut People, &mut Places),
    model: &BehaviourModel,
    id: StableId,
    npc: &Npc,
    place: PlaceId,
) {
    presence.change(npc.roles, place, false);
    places.moved(id, Some(place), None);
    if let Some(name) = &npc.name {
        people.change(model, name, None);
    }
}

/// Makes anew what is derived. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub fn index_npcs(
    model: Res<BehaviourModel>,
    mut presence: ResMut<Presence>,
    mut people: ResMut<People>,
    mut places: ResMut<Places>,
    npcs: Query<(&StableId, &Npc, &NpcState)>,
) -> Result {
    *presence = Presence::default();
    *people = People(vec![None; model.people.len()]);
    for (id, npc, state) in &npcs {
        let fits = model.routine(npc.routine).is_some()
            && [npc.home, npc.work, state.place].iter().all(|place| model.place(*place).is_some())
            && npc.preset.is_none_or(|preset| model.preset(preset).is_some())
            && state.activity.is_none_or(|activity| model.activity(activity).is_some());
        if !fits {
            return Err(format!(
                "NPC {id} was saved with routines, places or activities that the world file no longer has"
            )
            .into());
        }
        note_arrival((&mut presence, &mut people, &mut places), &model, *id, npc, state.place);
    }
    Ok(())
}

/// A move that is noted at the end of the step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    pub(super) id: StableId,
    pub(super) roles: u32,
    pub(super) from: PlaceId,
    pub(super) to: PlaceId,
}

pub(super) fn note_move(presence: &mut Presence, places: &mut Places, made: Move) {
    presence.change(made.roles, made.from, false);
    presence.change(made.roles, made.to, true);
    places.moved(made.id, Some(made.from), Some(made.to));
}

/// The others, as they were at the beginning of the step.
#[derive(SystemParam)]
pub struct Around<'w, 's> {
    index: Res<'w, StableIndex>,
    presence: Res<'w, Presence>,
    people: Res<'w, People>,
    /// Who is where.
    pub places: Res<'w, Places>,
    who: Query<'w, 's, &'static Npc>,
}

impl Society for Around<'_, '_> {
    fn roles_of(&self, id: StableId) -> u32 {
        self.index.get(id).and_then(|entity| self.who.get(entity).ok()).map_or(0, |npc| npc.roles)
    }

    fn person(&self, number: u16) -> Option<StableId> {
        self.people.0.get(usize::from(number)).copied().flatten()
    }

    fn is_at(&self, id: StableId, place: PlaceId) -> bool {
        self.places.is_at(id, place)
    }

    fn count_at(&self, role: u8, place: PlaceId) -> u32 {
        self.presence.count(role, place)
    }

    fn met(&self, role: u8, place: PlaceId, id: StableId) -> Vec<StableId> {
        super::effects::partners(self.places.around(place, id), id, role, self)
    }
}
