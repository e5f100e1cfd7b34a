//! Large resources that persist as they lie in memory: hashed straight over their columns, saved in pieces.

use std::marker::PhantomData;

use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;
use bytemuck::{Pod, cast_slice_mut};
use xxhash_rust::xxh3::Xxh3;

use super::column::Column;
use super::hash::seed;

/// A large resource that survives a restart in pieces of bytes, and not as one serialised value.
///
/// Each piece is the bytes of its columns one after the other, in an order and a layout that never change without a new
/// version; numbers are little-endian. What follows from the world file and the seed is not part of it: a system of
/// [`WorldReady`](crate::schedules::WorldReady) makes it anew.
///
/// Whoever writes it must do so through Bevy's change detection, as for every resource: it is hashed when it has changed,
/// all of it, at the speed of memory.
pub trait PersistBulk: Resource<Mutability = Mutable> + Default {
    /// Name in snapshots: never change it, never use it for anything else.
    const NAME: &'static str;
    /// Version of its layout: raise it with every change.
    const VERSION: u32 = 1;

    /// How many pieces there are.
    fn pieces(&self) -> usize;

    /// Gives the columns of a piece, as bytes, in their order.
    fn columns(&self, piece: usize, each: &mut dyn FnMut(&[u8]));

    /// Puts a piece back that this version saved; pieces come in their order.
    ///
    /// # Errors
    /// With a sentence, where the bytes are no such piece.
    fn put(&mut self, piece: usize, bytes: &[u8]) -> Result<(), String>;

    /// Puts a piece back that an older version saved.
    ///
    /// # Errors
    /// With a sentence, where that version cannot be read.
    fn put_old(&mut self, version: u32, piece: usize, bytes: &[u8]) -> Result<(), String> {
        let _ = (piece, bytes);
        Err(format!("{} cannot read its version {version}: it knows only {}", Self::NAME, Self::VERSION))
    }
}

/// The next column of a piece, for [`PersistBulk::put`]: so many values, taken off the front of `rest`.
///
/// # Errors
/// With a sentence, where fewer are left.
pub fn read_column<T: Pod>(rest: &mut &[u8], length: usize) -> Result<Vec<T>, String> {
    let bytes = length.checked_mul(size_of::<T>()).ok_or("a column is longer than the memory")?;
    let (column, after) = rest.split_at_checked(bytes).ok_or("a column ends too early")?;
    *rest = after;
    let mut values = vec![T::zeroed(); length];
    cast_slice_mut(&mut values).copy_from_slice(column);
    Ok(values)
}

/// A resource that persists in bulk.
pub(crate) struct BulkColumn<T: PersistBulk> {
    hash: Option<u64>,
    kind: PhantomData<fn() -> T>,
}

impl<T: PersistBulk> BulkColumn<T> {
    pub(crate) fn new() -> Self {
        Self { hash: None, kind: PhantomData }
    }
}

impl<T: PersistBulk> Column for BulkColumn<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn of_entities(&self) -> bool {
        false
    }

    fn hash(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
        match self.hash {
            Some(hash) if !world.is_resource_changed::<T>() => Ok(hash),
            _ => {
                let hash = self.hash_afresh(world, scratch)?;
                self.hash = Some(hash);
                Ok(hash)
            }
        }
    }

    fn hash_afresh(&mut self, world: &mut World, _scratch: &mut Vec<u8>) -> Result<u64, String> {
        let Some(value) = world.get_resource::<T>() else { return Ok(0) };
        let mut sum = 0_u64;
        for piece in 0..value.pieces() {
            // The same as the hash of the bytes that would be saved.
            let mut hasher = Xxh3::with_seed(seed(T::NAME, piece as u64));
            value.columns(piece, &mut |bytes| hasher.update(bytes));
            sum = sum.wrapping_add(hasher.digest());
        }
        Ok(sum)
    }

    fn save(&mut self, world: &mut World) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let Some(value) = world.get_resource::<T>() else { return Ok(Vec::new()) };
        let piece = |piece: usize| {
            let mut length = 0;
            value.columns(piece, &mut |bytes| length += bytes.len());
            let mut saved = Vec::with_capacity(length);
            value.columns(piece, &mut |bytes| saved.extend_from_slice(bytes));
            (piece as u64, saved)
        };
        Ok((0..value.pieces()).map(piece).collect())
    }

    fn restore(&self, world: &mut World, version: u32, id: u64, bytes: &[u8]) -> Result<(), String> {
        let piece = usize::try_from(id).map_err(|error| error.to_string())?;
        let mut value = world.get_resource_or_init::<T>();
        let put = if version == T::VERSION { value.put(piece, bytes) } else { value.put_old(version, piece, bytes) };
        put.map_err(|error| format!("{}: {error}", T::NAME))
    }
}

#[cfg(test)]
mod tests {
    use bevy_app::App;
    use uuid::Uuid;

    use super::*;
    use crate::components::clock::{ClockSource, WorldClock};
    use crate::components::ids::{StableIds, StableIndex, WorldId};
    use crate::schedules;
    use crate::world::spec::WorldSpec;
    use crate::world::{GameWorld, RegisterExt};

    #[derive(Resource, Default, Debug, PartialEq)]
    struct Herd(Vec<Vec<u8>>);

    impl PersistBulk for Herd {
        const NAME: &'static str = "test.herd";
        const VERSION: u32 = 2;

        fn pieces(&self) -> usize {
            self.0.len()
        }

        fn columns(&self, piece: usize, each: &mut dyn FnMut(&[u8])) {
            let (one, two) = self.0[piece].split_at(self.0[piece].len() / 2);
            each(one);
            each(two);
        }

        fn put(&mut self, piece: usize, bytes: &[u8]) -> Result<(), String> {
            if piece != self.0.len() {
                return Err(format!("piece {piece} comes after {} pieces", self.0.len()));
            }
            self.0.push(bytes.to_vec());
            Ok(())
        }
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
        app.persist_bulk::<Herd>();
        app
    }

    #[test]
    fn a_bulk_resource_comes_back_and_makes_no_entities() {
        let mut world = GameWorld::create(app(), Uuid::nil()).expect("a world");
        let bare = world.state_hash().expect("a hash");
        let herd = vec![(0..100).collect(), vec![], vec![7; 999]];
        world.ecs().insert_resource(Herd(herd.clone()));
        let full = world.state_hash().expect("a hash");
        assert_ne!(bare, full);
        let saved = world.snapshot().expect("a snapshot");
        let mut again = GameWorld::restore(app(), &saved).expect("it restores: the saved bytes have the state's hash");
        assert_eq!(again.ecs().resource::<Herd>().0, herd);
        assert_eq!(again.state_hash().expect("a hash"), full);
        let mut ids = again.ecs().query::<&crate::components::ids::StableId>();
        assert_eq!(ids.iter(again.ecs()).count(), 0);
    }

    #[test]
    fn a_change_is_hashed_and_an_unknown_version_refused() {
        let mut world = GameWorld::create(app(), Uuid::nil()).expect("a world");
        world.ecs().insert_resource(Herd(vec![vec![1, 2, 3]]));
        let before = world.state_hash().expect("a hash");
        world.ecs().resource_mut::<Herd>().0[0][2] = 4;
        assert_ne!(world.state_hash().expect("a hash"), before);
        let column = BulkColumn::<Herd>::new();
        let refused = column.restore(world.ecs(), 1, 1, &[]).expect_err("an old version");
        assert!(refused.contains("test.herd cannot read its version 1"), "{refused}");
    }
}
