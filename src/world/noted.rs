//! Components that very many entities have: only entities that were noted are hashed again.
//!
//! All noted components of an entity share one part of the state hash, the sum of their hashes. The parts are kept in a
//! list of their own, by the entity's place: eight bytes each. Hashing visits the entities in [`Touched`] and nobody else;
//! there is no search for changes.

use std::marker::PhantomData;

use bevy_ecs::entity::EntityIndex;
use bevy_ecs::prelude::*;
use bevy_ecs::query::QueryState;

use super::column::{Column, Rows, hash_rows, named, restore_row, save_rows};
use super::hash::hash_value;
use super::registry::Persist;
use crate::components::ids::StableId;

/// Entities whose noted components were written since the last hash.
///
/// Components that are registered with
/// [`persist_noted_component`](crate::world::RegisterExt::persist_noted_component) are hashed again only on entities
/// that are noted here, so that hashing a step costs what the step touched and not what there is. Whoever writes such a
/// component in place notes its entity; what is inserted or removed is noted by itself. Forgetting it is found at the
/// next snapshot, where everything is hashed afresh.
#[derive(Resource, Debug, Default)]
pub struct Touched {
    entities: Vec<Entity>,
}

impl Touched {
    /// Notes an entity.
    pub fn note(&mut self, entity: Entity) {
        // Several components of one entity are often written one after the other.
        if self.entities.last() != Some(&entity) {
            self.entities.push(entity);
        }
    }
}

/// Parts on a page of [`Parts`].
const PAGE: usize = 512;

/// The part that each entity's noted components have in the state hash, all together, by the entity's index: 0 for whom
/// there is none. Pages do not grow: no room is held in reserve.
#[derive(Debug, Default)]
struct Parts(Vec<Option<Box<[u64; PAGE]>>>);

impl Parts {
    fn place(index: EntityIndex) -> (usize, usize) {
        let index = usize::try_from(index.index()).unwrap_or(usize::MAX);
        (index / PAGE, index % PAGE)
    }

    fn get(&self, index: EntityIndex) -> u64 {
        let (page, at) = Self::place(index);
        self.0.get(page).and_then(Option::as_ref).map_or(0, |page| page[at])
    }

    fn set(&mut self, index: EntityIndex, part: u64) {
        let (page, at) = Self::place(index);
        if self.0.len() <= page {
            self.0.resize_with(page + 1, || None);
        }
        self.0[page].get_or_insert_with(|| Box::new([0; PAGE]))[at] = part;
    }
}

/// The sum of all parts.
#[derive(Resource, Debug, Default)]
struct NotedSum {
    sum: u64,
    parts: Parts,
    /// Entities that were looked at, ever.
    visits: u64,
}

type HashOne = fn(EntityRef<'_>, u64, &mut Vec<u8>) -> Result<u64, String>;

/// How each noted component of an entity is hashed.
#[derive(Resource, Default)]
struct NotedKinds {
    kinds: Vec<HashOne>,
    ids: Option<QueryState<&'static StableId>>,
}

/// Makes `T` a noted component of this world.
pub(super) fn register<T: Component + Persist>(world: &mut World) {
    if !world.contains_resource::<NotedKinds>() {
        world.init_resource::<NotedKinds>();
        world.init_resource::<NotedSum>();
        world.init_resource::<Touched>();
        // An id may come after the component, or go before it.
        world.add_observer(|inserted: On<Insert<StableId>>, mut touched: ResMut<Touched>| {
            touched.note(inserted.event_target());
        });
        world.add_observer(|gone: On<Discard<StableId>>, mut touched: ResMut<Touched>| {
            touched.note(gone.event_target())
        });
    }
    world.add_observer(|inserted: On<Insert<T>>, mut touched: ResMut<Touched>| touched.note(inserted.event_target()));
    world.add_observer(|removed: On<Remove<T>>, mut touched: ResMut<Touched>| touched.note(removed.event_target()));
    world.resource_mut::<NotedKinds>().kinds.push(hash_one::<T>);
}

fn hash_one<T: Component + Persist>(entity: EntityRef<'_>, id: u64, scratch: &mut Vec<u8>) -> Result<u64, String> {
    entity.get::<T>().map_or(Ok(0), |value| hash_value(value, id, scratch).map_err(named::<T>))
}

/// Forgets what was noted: nothing is going to be hashed.
pub(super) fn forget(world: &mut World) {
    if let Some(mut touched) = world.get_resource_mut::<Touched>() {
        touched.entities.clear();
    }
}

/// Hashes what was noted since the last call and gives the share of all noted components in the state hash.
pub(super) fn hash_touched(world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
    let Some(mut touched) = world.get_resource_mut::<Touched>() else { return Ok(0) };
    let mut entities = std::mem::take(&mut touched.entities);
    entities.sort_unstable_by_key(|entity| entity.index_u32());
    entities.dedup_by_key(|entity| entity.index());
    world.resource_scope(|world, mut sum: Mut<NotedSum>| {
        world.resource_scope(|world, mut known: Mut<NotedKinds>| {
            let NotedKinds { kinds, ids } = &mut *known;
            let NotedSum { sum, parts, visits } = &mut *sum;
            let ids = ids.get_or_insert_with(|| QueryState::new(world)).query(world);
            // Somebody else may live by now where who was noted lived. Among many entities each look-up waits for memory:
            // in a loop of their own they wait together.
            let look_up = |entity: Entity| {
                let lives = world.entities().resolve_from_index(entity.index());
                (lives, ids.get(lives).ok().copied(), parts.get(entity.index()))
            };
            let found: Vec<_> = entities.into_iter().map(look_up).collect();
            for (entity, id, old) in found {
                let mut part = 0_u64;
                if let (Some(id), Ok(values)) = (id, world.get_entity(entity)) {
                    *visits += 1;
                    for hash in &*kinds {
                        part = part.wrapping_add(hash(values, id.0, scratch)?);
                    }
                }
                if part != old {
                    *sum = sum.wrapping_add(part).wrapping_sub(old);
                    parts.set(entity.index(), part);
                }
            }
            Ok(*sum)
        })
    })
}

/// A persisted component that is hashed where it was noted.
pub(crate) struct NotedColumn<T: Component + Persist> {
    rows: Option<Rows<T>>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Component + Persist> NotedColumn<T> {
    pub(crate) fn new() -> Self {
        Self { rows: None, kind: PhantomData }
    }
}

impl<T: Component + Persist> Column for NotedColumn<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn hash(&mut self, _world: &mut World, _scratch: &mut Vec<u8>) -> Result<u64, String> {
        // `hash_touched` counts it with all the others.
        Ok(0)
    }

    fn hash_afresh(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
        hash_rows(self.rows.get_or_insert_with(|| QueryState::new(world)), world, scratch)
    }

    fn save(&mut self, world: &mut World) -> Result<Vec<(u64, Vec<u8>)>, String> {
        save_rows(self.rows.get_or_insert_with(|| QueryState::new(world)), world)
    }

    fn restore(&self, world: &mut World, version: u32, id: u64, bytes: &[u8]) -> Result<(), String> {
        restore_row::<T>(world, version, id, bytes)
    }
}

#[cfg(test)]
mod tests {
    use bevy_app::App;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use uuid::Uuid;

    use super::*;
    use crate::components::clock::{ClockSource, WorldClock};
    use crate::components::ids::{StableIds, StableIndex, WorldId};
    use crate::schedules;
    use crate::world::spec::WorldSpec;
    use crate::world::{GameWorld, RegisterExt};

    #[derive(Component, Serialize, Deserialize, Debug, PartialEq)]
    struct Coat(u32);
    impl Persist for Coat {
        const NAME: &'static str = "test.coat";
    }

    #[derive(Component, Serialize, Deserialize, Debug, PartialEq)]
    struct Hat(String);
    impl Persist for Hat {
        const NAME: &'static str = "test.hat";
    }

    fn app() -> App {
        let mut app = App::new();
        let spec = WorldSpec::named(WorldId::new("w").expect("an id"));
        schedules::configure(&mut app);
        app.insert_resource(WorldClock::new(ClockSource::Manual, spec.scale(), spec.starts_at))
            .insert_resource(spec)
            .init_resource::<StableIds>()
            .init_resource::<StableIndex>()
            .persist_resource::<StableIds>();
        app.persist_noted_component::<Coat>().persist_noted_component::<Hat>();
        app
    }

    fn world() -> GameWorld {
        GameWorld::create(app(), Uuid::nil()).expect("a world")
    }

    fn spawn(world: &mut World, value: u32) -> Entity {
        let id = world.resource_mut::<StableIds>().next_id();
        world.spawn((id, Coat(value), Hat(value.to_string()))).id()
    }

    #[test]
    fn a_hash_visits_what_was_touched_and_no_more() {
        let mut world = world();
        let all: Vec<Entity> = (0..100_000).map(|value| spawn(world.ecs(), value)).collect();
        world.state_hash().expect("a hash");
        let before = world.ecs().resource::<NotedSum>().visits;
        for entity in [all[7], all[70_000], all[7], all[99_999]] {
            world.ecs().get_mut::<Coat>(entity).expect("a coat").0 += 1;
            world.ecs().resource_mut::<Touched>().note(entity);
        }
        let gone = all[5];
        world.ecs().despawn(gone);
        world.state_hash().expect("a hash");
        assert_eq!(world.ecs().resource::<NotedSum>().visits - before, 3);
        world.snapshot().expect("the running hash is that of the state");
    }

    #[test]
    fn a_forgotten_note_is_found_at_the_next_snapshot() {
        let mut world = world();
        let entity = spawn(world.ecs(), 1);
        world.snapshot().expect("all is noted");
        world.ecs().get_mut::<Coat>(entity).expect("a coat").0 = 2;
        let error = world.snapshot().expect_err("a note is missing").to_string();
        assert!(error.contains("running state hash"), "{error}");
        world.ecs().resource_mut::<Touched>().note(entity);
        world.snapshot().expect("noted now");
    }

    #[test]
    fn ids_may_come_later_and_go_earlier() {
        let mut world = world();
        let entity = world.ecs().spawn(Coat(3)).id();
        let empty = world.state_hash().expect("a hash");
        let id = world.ecs().resource_mut::<StableIds>().next_id();
        world.ecs().entity_mut(entity).insert(id);
        assert_ne!(world.state_hash().expect("a hash"), empty);
        world.snapshot().expect("it counts");
        world.ecs().entity_mut(entity).remove::<StableId>();
        world.snapshot().expect("it counts no more");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Spawn(u32),
        Despawn(usize),
        Write(usize, u32),
        Insert(usize, u32),
        Remove(usize),
        Hash,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<u32>().prop_map(Step::Spawn),
            any::<usize>().prop_map(Step::Despawn),
            (any::<usize>(), any::<u32>()).prop_map(|(at, value)| Step::Write(at, value)),
            (any::<usize>(), any::<u32>()).prop_map(|(at, value)| Step::Insert(at, value)),
            any::<usize>().prop_map(Step::Remove),
            Just(Step::Hash),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is inserted, written, removed and despawned: the running hash is that of the state, before and
        /// after a restore.
        #[test]
        fn the_running_hash_is_that_of_the_state(steps in prop::collection::vec(step(), 1..60)) {
            let mut world = world();
            let mut all = vec![spawn(world.ecs(), 0)];
            for step in steps {
                let pick = |at: usize| all[at % all.len()];
                match step {
                    Step::Spawn(value) => all.push(spawn(world.ecs(), value)),
                    Step::Despawn(at) => { world.ecs().despawn(pick(at)); }
                    Step::Write(at, value) => {
                        let entity = pick(at);
                        if let Some(mut coat) = world.ecs().get_mut::<Coat>(entity) {
                            coat.0 = value;
                            world.ecs().resource_mut::<Touched>().note(entity);
                        }
                    }
                    Step::Insert(at, value) => {
                        if let Ok(mut entity) = world.ecs().get_entity_mut(pick(at)) {
                            entity.insert(Hat(value.to_string()));
                        }
                    }
                    Step::Remove(at) => {
                        if let Ok(mut entity) = world.ecs().get_entity_mut(pick(at)) {
                            entity.remove::<Hat>();
                        }
                    }
                    Step::Hash => { world.state_hash().expect("a hash"); }
                }
            }
            let saved = world.snapshot().expect("the running hash is that of the state");
            let mut again = GameWorld::restore(app(), &saved).expect("it restores");
            prop_assert_eq!(again.state_hash().expect("a hash"), world.state_hash().expect("a hash"));
        }
    }
}
