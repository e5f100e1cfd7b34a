//! One registered component or resource: how it is hashed, saved and restored.

use std::marker::PhantomData;

use bevy_ecs::prelude::*;
use bevy_ecs::query::QueryState;

use super::hash::{Part, PartSum, hash_value};
use super::registry::Persist;
use crate::components::ids::{StableId, StableIndex};

/// A registered component or resource, its type erased.
pub(crate) trait Column: Send + Sync {
    fn name(&self) -> &'static str;
    fn version(&self) -> u32;
    /// Whether its rows are values of entities, by their stable ids (or of nothing, by 0).
    fn of_entities(&self) -> bool {
        true
    }
    /// The column's share of the state hash; only what changed since the last call is hashed again.
    fn hash(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String>;
    /// The same, computed from nothing.
    fn hash_afresh(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String>;
    /// Forgets what was noted for the next hash: there will be none.
    fn forget(&mut self, _world: &mut World) {}
    /// All values in the order of their stable ids, each as (id, postcard bytes).
    fn save(&mut self, world: &mut World) -> Result<Vec<(u64, Vec<u8>)>, String>;
    /// Puts a value back that `version` of this column saved.
    fn restore(&self, world: &mut World, version: u32, id: u64, bytes: &[u8]) -> Result<(), String>;
}

fn read<T: Persist>(version: u32, bytes: &[u8]) -> Result<T, String> {
    if version == T::VERSION {
        postcard::from_bytes(bytes).map_err(|error| format!("{}: {error}", T::NAME))
    } else {
        T::migrate(version, bytes)
    }
}

pub(super) fn named<T: Persist>(error: postcard::Error) -> String {
    format!("{}: {error}", T::NAME)
}

type Parts<T> = QueryState<(&'static StableId, &'static T, &'static mut Part<T>), Changed<T>>;
pub(super) type Rows<T> = QueryState<(&'static StableId, &'static T)>;

/// A persisted component.
pub(crate) struct ComponentColumn<T: Component + Persist> {
    parts: Option<Parts<T>>,
    rows: Option<Rows<T>>,
}

impl<T: Component + Persist> ComponentColumn<T> {
    pub(crate) fn new() -> Self {
        Self { parts: None, rows: None }
    }
}

impl<T: Component + Persist> Column for ComponentColumn<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn hash(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
        let mut change = 0_u64;
        let parts = self.parts.get_or_insert_with(|| QueryState::new(world));
        for (id, value, mut part) in parts.iter_mut(world) {
            let hash = hash_value(value, id.0, scratch).map_err(named::<T>)?;
            change = change.wrapping_add(hash).wrapping_sub(part.hash);
            part.hash = hash;
        }
        let mut sum = world.resource_mut::<PartSum<T>>();
        sum.sum = sum.sum.wrapping_add(change);
        Ok(sum.sum)
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

/// The sum of the hashes of all values of a component.
pub(super) fn hash_rows<T: Component + Persist>(
    rows: &mut Rows<T>,
    world: &World,
    scratch: &mut Vec<u8>,
) -> Result<u64, String> {
    let mut sum = 0_u64;
    for (id, value) in rows.iter(world) {
        sum = sum.wrapping_add(hash_value(value, id.0, scratch).map_err(named::<T>)?);
    }
    Ok(sum)
}

/// All values of a component with their ids, in the order of the ids.
pub(super) fn save_rows<T: Component + Persist>(
    rows: &mut Rows<T>,
    world: &World,
) -> Result<Vec<(u64, Vec<u8>)>, String> {
    let mut saved = Vec::new();
    for (id, value) in rows.iter(world) {
        saved.push((id.0, postcard::to_stdvec(value).map_err(named::<T>)?));
    }
    saved.sort_unstable_by_key(|(id, _)| *id);
    Ok(saved)
}

/// Gives a saved value back to the entity of this id.
pub(super) fn restore_row<T: Component + Persist>(
    world: &mut World,
    version: u32,
    id: u64,
    bytes: &[u8],
) -> Result<(), String> {
    let value: T = read(version, bytes)?;
    let entity = world.resource::<StableIndex>().get(StableId(id));
    match entity {
        Some(entity) => {
            world.entity_mut(entity).insert(value);
        }
        None => {
            world.spawn((StableId(id), value));
        }
    }
    Ok(())
}

/// A persisted resource.
pub(crate) struct ResourceColumn<T: Resource + Persist> {
    hash: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T: Resource + Persist> ResourceColumn<T> {
    pub(crate) fn new() -> Self {
        Self { hash: 0, kind: PhantomData }
    }
}

impl<T: Resource + Persist> Column for ResourceColumn<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn hash(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
        if self.hash == 0 || world.is_resource_changed::<T>() {
            self.hash = self.hash_afresh(world, scratch)?;
        }
        Ok(self.hash)
    }

    fn hash_afresh(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
        match world.get_resource::<T>() {
            Some(value) => hash_value(value, 0, scratch).map_err(named::<T>),
            None => Ok(0),
        }
    }

    fn save(&mut self, world: &mut World) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let Some(value) = world.get_resource::<T>() else { return Ok(Vec::new()) };
        Ok(vec![(0, postcard::to_stdvec(value).map_err(named::<T>)?)])
    }

    fn restore(&self, world: &mut World, version: u32, _id: u64, bytes: &[u8]) -> Result<(), String> {
        world.insert_resource(read::<T>(version, bytes)?);
        Ok(())
    }
}
