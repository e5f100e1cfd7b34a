//! Names that hold outside a process: worlds and entities.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bevy_ecs::entity::Entity;
use bevy_ecs::lifecycle::HookContext;
use bevy_ecs::prelude::{Component, Resource};
use bevy_ecs::world::DeferredWorld;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The name of a game world: 1 to 64 of `[a-z0-9_-]`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorldId(Arc<str>);

impl JsonSchema for WorldId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WorldId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"})
    }
}

/// A name that no world can bear.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no world id: it takes 1 to 64 of a-z, 0-9, `_` and `-`")]
pub struct InvalidWorldId(pub String);

impl WorldId {
    /// The most characters that a world id has.
    pub const LENGTH_MAX: usize = 64;

    /// Checks and takes a name.
    ///
    /// # Errors
    /// When it is empty, too long, or has a character outside `[a-z0-9_-]`.
    pub fn new(name: &str) -> Result<Self, InvalidWorldId> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > Self::LENGTH_MAX || !name.bytes().all(fits) {
            return Err(InvalidWorldId(name.chars().take(80).collect()));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared: nothing is allocated.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for WorldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WorldId {
    type Err = InvalidWorldId;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<String> for WorldId {
    type Error = InvalidWorldId;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<WorldId> for String {
    fn from(id: WorldId) -> Self {
        id.0.as_ref().into()
    }
}

/// The id of an entity that persists: unique within its world, never used twice, the same after a restart.
///
/// Whatever order matters goes by this id, never by Bevy's `Entity`. It cannot be changed in place.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[component(immutable, on_insert = enter_index, on_discard = leave_index)]
#[serde(transparent)]
pub struct StableId(pub u64);

impl fmt::Display for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Ids on a page of the [`StableIndex`].
const PAGE: usize = 256;
/// Pages that are found without a search: a quarter of a billion ids.
const NEAR: u64 = 1 << 20;

/// Where the entity with a [`StableId`] is now. Derived: kept true by the id's own hooks.
///
/// Ids lie close together, so they are kept on pages: about eight bytes for each, in the order of the ids. To find one
/// takes two look-ups, however many there are.
#[derive(Resource, Debug, Default)]
pub struct StableIndex {
    near: Vec<Option<Box<Page>>>,
    far: BTreeMap<u64, Box<Page>>,
    len: usize,
}

#[derive(Debug)]
struct Page {
    entities: [Option<Entity>; PAGE],
    live: usize,
}

impl Page {
    fn empty() -> Box<Self> {
        Box::new(Self { entities: [None; PAGE], live: 0 })
    }
}

/// The page of an id, and its place there.
fn page_of(id: StableId) -> (u64, usize) {
    let size = PAGE as u64;
    // A remainder of 256 fits everywhere.
    (id.0 / size, usize::try_from(id.0 % size).unwrap_or(0))
}

/// The place of a page in the directory, if it is one of those that are found without a search.
fn near(number: u64) -> Option<usize> {
    usize::try_from(number).ok().filter(|_| number < NEAR)
}

impl StableIndex {
    fn page(&self, number: u64) -> Option<&Page> {
        match near(number) {
            Some(at) => self.near.get(at)?.as_deref(),
            None => self.far.get(&number).map(Box::as_ref),
        }
    }

    /// The entity that bears this id.
    pub fn get(&self, id: StableId) -> Option<Entity> {
        let (number, at) = page_of(id);
        self.page(number)?.entities.get(at).copied().flatten()
    }

    /// All ids with their entities, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (StableId, Entity)> + '_ {
        let near = (0_u64..).zip(&self.near).filter_map(|(number, page)| page.as_ref().map(|page| (number, page)));
        near.chain(self.far.iter().map(|(number, page)| (*number, page))).flat_map(|(number, page)| {
            let first = number * PAGE as u64;
            let places = (0_u64..).zip(page.entities.iter());
            places.filter_map(move |(at, entity)| entity.map(|entity| (StableId(first + at), entity)))
        })
    }

    /// How many entities bear an id.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no entity bears an id.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn insert(&mut self, id: StableId, entity: Entity) {
        let (number, at) = page_of(id);
        let page = match near(number) {
            Some(place) => {
                if self.near.len() <= place {
                    self.near.resize_with(place + 1, || None);
                }
                let Some(page) = self.near.get_mut(place) else { return };
                page.get_or_insert_with(Page::empty)
            }
            None => self.far.entry(number).or_insert_with(Page::empty),
        };
        if let Some(place) = page.entities.get_mut(at)
            && place.replace(entity).is_none()
        {
            page.live += 1;
            self.len += 1;
        }
    }

    fn remove(&mut self, id: StableId) {
        let (number, at) = page_of(id);
        let page = match near(number) {
            Some(place) => self.near.get_mut(place).and_then(Option::as_mut),
            None => self.far.get_mut(&number),
        };
        let Some(page) = page else { return };
        if page.entities.get_mut(at).and_then(Option::take).is_none() {
            return;
        }
        page.live -= 1;
        self.len -= 1;
        if page.live > 0 {
            return;
        }
        match near(number) {
            Some(place) => {
                if let Some(page) = self.near.get_mut(place) {
                    *page = None;
                }
            }
            None => {
                self.far.remove(&number);
            }
        }
    }
}

fn enter_index(mut world: DeferredWorld, context: HookContext) {
    let Some(id) = world.get::<StableId>(context.entity).copied() else { return };
    if let Some(mut index) = world.get_resource_mut::<StableIndex>() {
        index.insert(id, context.entity);
    }
}

fn leave_index(mut world: DeferredWorld, context: HookContext) {
    let Some(id) = world.get::<StableId>(context.entity).copied() else { return };
    if let Some(mut index) = world.get_resource_mut::<StableIndex>()
        && index.get(id) == Some(context.entity)
    {
        index.remove(id);
    }
}

/// Hands out stable ids, from 1 upwards. Persisted with the world.
#[derive(Resource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableIds {
    next: u64,
}

impl Default for StableIds {
    fn default() -> Self {
        Self { next: 1 }
    }
}

impl StableIds {
    /// An id that this world has never used. Systems that call it in one schedule must be ordered.
    pub fn next_id(&mut self) -> StableId {
        let id = StableId(self.next);
        self.next += 1;
        id
    }

    /// Whether an id was handed out.
    pub fn was_given(&self, id: StableId) -> bool {
        (1..self.next).contains(&id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy_ecs::world::World;

    #[test]
    fn world_ids_take_only_plain_names() {
        for good in ["night-city", "a", "w_1", &"x".repeat(64)] {
            assert!(WorldId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Night", "a b", "ä", "../x", &"x".repeat(65)] {
            assert!(WorldId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_index_follows_entities() {
        let mut world = World::new();
        world.init_resource::<StableIndex>();
        let entity = world.spawn(StableId(7)).id();
        assert_eq!(world.resource::<StableIndex>().get(StableId(7)), Some(entity));
        world.despawn(entity);
        assert!(world.resource::<StableIndex>().is_empty());
    }

    #[test]
    fn an_id_costs_eight_bytes_and_empty_pages_go() {
        assert_eq!(size_of::<[Option<Entity>; PAGE]>(), 8 * PAGE);
        let mut world = World::new();
        world.init_resource::<StableIndex>();
        let all: Vec<Entity> = (1..=1_000).map(|id| world.spawn(StableId(id)).id()).collect();
        let far = world.spawn(StableId(u64::MAX)).id();
        let index = world.resource::<StableIndex>();
        let pages = |index: &StableIndex| index.near.iter().flatten().count() + index.far.len();
        assert_eq!((index.len(), pages(index)), (1_001, 5));
        let ids: Vec<u64> = index.iter().map(|(id, _)| id.0).collect();
        assert!(ids.is_sorted() && ids.len() == 1_001);
        assert_eq!(index.get(StableId(u64::MAX)), Some(far));
        for entity in &all[..600] {
            world.despawn(*entity);
        }
        let index = world.resource::<StableIndex>();
        assert_eq!((index.len(), pages(index)), (401, 3));
        assert_eq!((index.get(StableId(600)), index.get(StableId(601))), (None, Some(all[600])));
    }
}
