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

/// Where the entity with a [`StableId`] is now. Derived: kept true by the id's own hooks.
#[derive(Resource, Debug, Default)]
pub struct StableIndex {
    entities: BTreeMap<StableId, Entity>,
}

impl StableIndex {
    /// The entity that bears this id.
    pub fn get(&self, id: StableId) -> Option<Entity> {
        self.entities.get(&id).copied()
    }

    /// All ids with their entities, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (StableId, Entity)> + '_ {
        self.entities.iter().map(|(id, entity)| (*id, *entity))
    }

    /// How many entities bear an id.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether no entity bears an id.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }
}

fn enter_index(mut world: DeferredWorld, context: HookContext) {
    let Some(id) = world.get::<StableId>(context.entity).copied() else { return };
    if let Some(mut index) = world.get_resource_mut::<StableIndex>() {
        index.entities.insert(id, context.entity);
    }
}

fn leave_index(mut world: DeferredWorld, context: HookContext) {
    let Some(id) = world.get::<StableId>(context.entity).copied() else { return };
    if let Some(mut index) = world.get_resource_mut::<StableIndex>()
        && index.get(id) == Some(context.entity)
    {
        index.entities.remove(&id);
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
}
