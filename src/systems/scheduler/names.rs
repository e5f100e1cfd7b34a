//! NPCs by their names.

use std::collections::BTreeSet;

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use xxhash_rust::xxh3::xxh3_64;

use crate::components::ids::{StableId, StableIndex};
use crate::components::npc::Npc;
use crate::components::tier::Simulated;
use crate::systems::npc::names::nearest;
use crate::world::spec::WorldSpec;

/// Names that an unknown one is compared with at most.
const COMPARED_MAX: usize = 2_000;

/// Finds NPCs by name. Derived: observers keep it true. It holds fingerprints; the names themselves are with the NPCs.
#[derive(Resource, Debug, Default)]
pub struct NpcNames {
    known: BTreeSet<(u64, StableId)>,
}

/// Enters the name of an NPC that has come up.
pub(crate) fn enter_name(inserted: On<Insert<Npc>>, npcs: Query<(&StableId, &Npc)>, mut names: ResMut<NpcNames>) {
    if let Ok((id, npc)) = npcs.get(inserted.event_target())
        && let Some(name) = &npc.name
    {
        names.known.insert((xxh3_64(name.as_bytes()), *id));
    }
}

/// Strikes the name of an NPC that goes.
pub(crate) fn leave_name(gone: On<Discard<Npc>>, npcs: Query<(&StableId, &Npc)>, mut names: ResMut<NpcNames>) {
    if let Ok((id, npc)) = npcs.get(gone.event_target())
        && let Some(name) = &npc.name
    {
        names.known.remove(&(xxh3_64(name.as_bytes()), *id));
    }
}

/// Finds NPCs as commands and queries name them: by name, or as `npc-<stable id>`.
#[derive(SystemParam)]
pub struct NpcLookup<'w, 's> {
    names: Res<'w, NpcNames>,
    index: Res<'w, StableIndex>,
    npcs: Query<'w, 's, Option<&'static Npc>, With<Simulated>>,
    spec: Option<Res<'w, WorldSpec>>,
}

impl NpcLookup<'_, '_> {
    /// The NPC of this name; of several, the one with the lowest id.
    ///
    /// # Errors
    /// With a sentence, when there is none; it suggests a name of the world file that is like it.
    pub fn find(&self, name: &str) -> Result<(StableId, Entity), String> {
        self.get(name).ok_or_else(|| match self.meant(name) {
            Some(near) => format!("{}; did you mean `{near}`?", stranger(name)),
            None => stranger(name),
        })
    }

    /// [`find`](Self::find) without words.
    pub(crate) fn get(&self, name: &str) -> Option<(StableId, Entity)> {
        let hash = xxh3_64(name.as_bytes());
        let alike = self.names.known.range((hash, StableId(0))..=(hash, StableId(u64::MAX)));
        let named = alike.filter_map(|(_, id)| self.index.get(*id).map(|entity| (*id, entity)));
        let mut named = named.filter(|(_, entity)| {
            let npc = self.npcs.get(*entity).ok().flatten();
            npc.is_some_and(|npc| npc.name.as_deref() == Some(name))
        });
        named.next().or_else(|| self.by_number(name))
    }

    /// The name of the world file that is most like this one: of somebody who is written out, or of the member of a
    /// group that has the number.
    fn meant(&self, name: &str) -> Option<String> {
        let npcs = self.spec.as_ref()?.npcs.as_ref()?;
        let number = name.rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
        let members =
            npcs.groups.iter().filter(|group| number.is_some_and(|number| (1..=group.count).contains(&number)));
        let members: Vec<String> = members
            .filter_map(|group| Some(format!("{}-{}", group.name.as_ref()?, number?)))
            .take(COMPARED_MAX)
            .collect();
        let known = npcs.individuals.keys().take(COMPARED_MAX).chain(&members);
        nearest(name, known.map(String::as_str)).map(str::to_owned)
    }

    fn by_number(&self, name: &str) -> Option<(StableId, Entity)> {
        let id = StableId(name.strip_prefix("npc-")?.parse().ok()?);
        let entity = self.index.get(id)?;
        self.npcs.contains(entity).then_some((id, entity))
    }

    /// The name of an NPC; without one `npc-<stable id>`.
    pub fn name_of(&self, id: StableId) -> String {
        let npc = self.index.get(id).and_then(|entity| self.npcs.get(entity).ok().flatten());
        name_or_number(npc, id)
    }
}

/// The sentence about a name that no NPC bears.
pub(crate) fn stranger(name: &str) -> String {
    let name: String = name.chars().take(80).collect();
    format!("there is no NPC `{name}`: write its name, or `npc-` and its number")
}

/// The name of an NPC; without one `npc-<stable id>`.
pub fn name_or_number(npc: Option<&Npc>, id: StableId) -> String {
    npc.and_then(|npc| npc.name.as_deref()).map_or_else(|| format!("npc-{id}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use bevy_ecs::system::RunSystemOnce;

    use super::*;
    use crate::components::clock::GameInstant;
    use crate::components::npc::{PlaceId, RoutineId};
    use crate::components::tier::{SimulationTier, TierReason, TierWish};

    fn world() -> World {
        let mut world = World::new();
        world.init_resource::<NpcNames>();
        world.init_resource::<StableIndex>();
        world.add_observer(enter_name);
        world.add_observer(leave_name);
        world
    }

    fn named(world: &mut World, id: u64, name: Option<&str>) -> Entity {
        let place = PlaceId(0);
        let name = name.map(Into::into);
        let npc = Npc { name, routine: RoutineId(0), preset: None, home: place, work: place, roles: 0 };
        let (tier, at) = (SimulationTier::Ambient, GameInstant::MIN);
        let wish = TierWish { tier, priority: 0, reason: TierReason::Default };
        world.spawn((StableId(id), npc, Simulated { tier, rule_wish: wish, wish, since: at, last: at, due: at })).id()
    }

    fn find(world: &mut World, name: &'static str) -> Option<u64> {
        let found = world.run_system_once(move |lookup: NpcLookup| lookup.find(name).ok().map(|(id, _)| id.0));
        found.expect("it runs")
    }

    #[test]
    fn npcs_are_found_by_name_and_by_number() {
        let mut world = world();
        let alex = named(&mut world, 1, Some("alex"));
        named(&mut world, 2, None);
        named(&mut world, 3, Some("npc-2"));
        world.spawn(StableId(4));
        assert_eq!(find(&mut world, "alex"), Some(1));
        assert_eq!(find(&mut world, "npc-1"), Some(1));
        assert_eq!(find(&mut world, "npc-2"), Some(3), "a name goes before a number");
        for stranger in ["npc-4", "npc-5", "npc-", "Alex", ""] {
            assert_eq!(find(&mut world, stranger), None, "{stranger}");
        }
        named(&mut world, 5, Some("alex"));
        assert_eq!(find(&mut world, "alex"), Some(1), "of two, the lower number");
        world.despawn(alex);
        assert_eq!(find(&mut world, "alex"), Some(5));
        assert_eq!(world.resource::<NpcNames>().known.len(), 2);
        let name =
            world.run_system_once(|lookup: NpcLookup| (lookup.name_of(StableId(5)), lookup.name_of(StableId(2))));
        assert_eq!(name.expect("it runs"), ("alex".to_owned(), "npc-2".to_owned()));
    }
}
