//! Resources of many entries of which few change at a time: only entries that were noted are hashed again.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use bevy_ecs::change_detection::DetectChanges;
use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;

use super::column::Column;
use super::hash::hash_bytes;

/// A resource that survives a restart entry by entry.
///
/// Each entry has an id of its own and bytes that say all of it. The resource notes which entries have come, changed or
/// gone, so that hashing costs what happened and not what there is; forgetting to is found at the next snapshot, where
/// everything is hashed afresh. Whoever writes it must do so through Bevy's change detection, as for every resource, and
/// must not put another value in its place while a world runs: that one would not know what this one had.
pub trait PersistEntries: Resource<Mutability = Mutable> + Default {
    /// Name in snapshots: never change it, never use it for anything else.
    const NAME: &'static str;
    /// Version of its entries: raise it with every change.
    const VERSION: u32 = 1;

    /// The ids of all entries, in rising order.
    fn ids(&self) -> Vec<u64>;

    /// Writes the bytes of an entry to the end of `bytes`, and says whether there is one of this id.
    ///
    /// # Errors
    /// With a sentence, where it does not serialise.
    fn write(&self, id: u64, bytes: &mut Vec<u8>) -> Result<bool, String>;

    /// Gives the ids of entries that came, changed or went since it was last asked, some perhaps more than once.
    fn take_noted(&mut self, each: &mut dyn FnMut(u64));

    /// Puts an entry back that this version saved; entries come in the order of their ids.
    ///
    /// # Errors
    /// With a sentence, where the bytes are no such entry.
    fn put(&mut self, id: u64, bytes: &[u8]) -> Result<(), String>;
}

/// A resource that persists entry by entry.
pub(crate) struct EntriesColumn<T: PersistEntries> {
    /// The part of each entry in the state hash.
    parts: BTreeMap<u64, u64>,
    sum: u64,
    is_known: bool,
    noted: Vec<u64>,
    kind: PhantomData<fn() -> T>,
}

impl<T: PersistEntries> EntriesColumn<T> {
    pub(crate) fn new() -> Self {
        Self { parts: BTreeMap::new(), sum: 0, is_known: false, noted: Vec::new(), kind: PhantomData }
    }
}

fn hash_entry<T: PersistEntries>(value: &T, id: u64, scratch: &mut Vec<u8>) -> Result<Option<u64>, String> {
    scratch.clear();
    let is_there = value.write(id, scratch).map_err(|error| format!("{}: {error}", T::NAME))?;
    Ok(is_there.then(|| hash_bytes(T::NAME, id, scratch)))
}

impl<T: PersistEntries> Column for EntriesColumn<T> {
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
        let Some(mut value) = world.get_resource_mut::<T>() else {
            *self = Self::new();
            return Ok(0);
        };
        if self.is_known && !value.is_changed() {
            return Ok(self.sum);
        }
        // One that is here for the first time may have noted nothing.
        let is_new = !self.is_known || value.is_added();
        let value = value.bypass_change_detection();
        self.noted.clear();
        value.take_noted(&mut |id| self.noted.push(id));
        if is_new {
            self.parts.clear();
            self.sum = 0;
            self.noted = value.ids();
        }
        self.noted.sort_unstable();
        self.noted.dedup();
        self.is_known = false;
        for id in &self.noted {
            let part = hash_entry(value, *id, scratch)?;
            let old = match part {
                Some(part) => self.parts.insert(*id, part),
                None => self.parts.remove(id),
            };
            self.sum = self.sum.wrapping_add(part.unwrap_or(0)).wrapping_sub(old.unwrap_or(0));
        }
        self.is_known = true;
        Ok(self.sum)
    }

    fn hash_afresh(&mut self, world: &mut World, scratch: &mut Vec<u8>) -> Result<u64, String> {
        let Some(value) = world.get_resource::<T>() else { return Ok(0) };
        let mut sum = 0_u64;
        for id in value.ids() {
            sum = sum.wrapping_add(hash_entry(value, id, scratch)?.unwrap_or(0));
        }
        Ok(sum)
    }

    fn forget(&mut self, world: &mut World) {
        if let Some(mut value) = world.get_resource_mut::<T>() {
            value.bypass_change_detection().take_noted(&mut |_| ());
        }
    }

    fn save(&mut self, world: &mut World) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let Some(value) = world.get_resource::<T>() else { return Ok(Vec::new()) };
        let mut saved = Vec::new();
        for id in value.ids() {
            let mut bytes = Vec::new();
            if value.write(id, &mut bytes).map_err(|error| format!("{}: {error}", T::NAME))? {
                bytes.shrink_to_fit();
                saved.push((id, bytes));
            }
        }
        Ok(saved)
    }

    fn restore(&self, world: &mut World, version: u32, id: u64, bytes: &[u8]) -> Result<(), String> {
        if version != T::VERSION {
            return Err(format!("{} cannot read its version {version}: it knows only {}", T::NAME, T::VERSION));
        }
        let put = world.get_resource_or_init::<T>().put(id, bytes);
        put.map_err(|error| format!("{}: {error}", T::NAME))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bevy_app::App;
    use uuid::Uuid;

    use super::*;
    use crate::components::clock::{ClockSource, WorldClock};
    use crate::components::ids::{StableIds, StableIndex, WorldId};
    use crate::schedules;
    use crate::world::spec::WorldSpec;
    use crate::world::{GameWorld, RegisterExt};

    #[derive(Resource, Default, Debug)]
    struct Shelf {
        books: BTreeMap<u64, u8>,
        noted: Vec<u64>,
        written: std::sync::atomic::AtomicUsize,
    }

    impl Shelf {
        fn set(&mut self, id: u64, book: Option<u8>) {
            self.noted.push(id);
            match book {
                Some(book) => self.books.insert(id, book),
                None => self.books.remove(&id),
            };
        }
    }

    impl PersistEntries for Shelf {
        const NAME: &'static str = "test.shelf";
        const VERSION: u32 = 2;

        fn ids(&self) -> Vec<u64> {
            self.books.keys().copied().collect()
        }

        fn write(&self, id: u64, bytes: &mut Vec<u8>) -> Result<bool, String> {
            self.written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            bytes.extend(self.books.get(&id));
            Ok(!bytes.is_empty())
        }

        fn take_noted(&mut self, each: &mut dyn FnMut(u64)) {
            self.noted.drain(..).for_each(each);
        }

        fn put(&mut self, id: u64, bytes: &[u8]) -> Result<(), String> {
            let [book] = bytes else { return Err(format!("a book of {} bytes", bytes.len())) };
            self.set(id, Some(*book));
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
        app.persist_entries::<Shelf>();
        app
    }

    fn world() -> GameWorld {
        GameWorld::create(app(), Uuid::nil()).expect("a world")
    }

    #[test]
    fn entries_come_back_and_only_those_that_were_noted_are_hashed_again() {
        let mut world = world();
        let bare = world.state_hash().expect("a hash");
        world.ecs().insert_resource(Shelf { books: (0..1_000).map(|id| (id, 7)).collect(), ..Shelf::default() });
        let full = world.state_hash().expect("a hash");
        assert_ne!(bare, full);
        let shelf = &mut *world.ecs().resource_mut::<Shelf>();
        let before = *shelf.written.get_mut();
        for (id, book) in [(3, Some(8)), (2_000, Some(1)), (5, None), (3, Some(9)), (7_000, None)] {
            shelf.set(id, book);
        }
        // As at the end of an input: what was inserted is there since before.
        world.ecs().clear_trackers();
        world.ecs().resource_mut::<Shelf>().set(4, Some(7));
        let changed = world.state_hash().expect("a hash");
        assert_ne!(changed, full);
        assert_eq!(*world.ecs().resource_mut::<Shelf>().written.get_mut() - before, 5);
        let saved = world.snapshot().expect("the running hash is that of the state");
        let mut again = GameWorld::restore(app(), &saved).expect("it restores: the saved bytes have the state's hash");
        assert_eq!(again.ecs().resource::<Shelf>().books, world.ecs().resource::<Shelf>().books);
        assert_eq!(again.state_hash().expect("a hash"), changed);
        // All as it was: so is the hash.
        for (id, book) in [(3, Some(7)), (2_000, None), (5, Some(7))] {
            again.ecs().resource_mut::<Shelf>().set(id, book);
        }
        assert_eq!(again.state_hash().expect("a hash"), full);
    }

    #[test]
    fn a_forgotten_note_is_found_at_the_next_snapshot_and_an_old_version_refused() {
        let mut world = world();
        world.ecs().insert_resource(Shelf { books: [(1, 1)].into(), ..Shelf::default() });
        world.snapshot().expect("all is hashed");
        world.ecs().clear_trackers();
        world.ecs().resource_mut::<Shelf>().books.insert(1, 2);
        let error = world.snapshot().expect_err("a note is missing").to_string();
        assert!(error.contains("running state hash"), "{error}");
        let refused = EntriesColumn::<Shelf>::new().restore(world.ecs(), 1, 1, &[1]).expect_err("an old version");
        assert!(refused.contains("test.shelf cannot read its version 1"), "{refused}");
        let refused = EntriesColumn::<Shelf>::new().restore(world.ecs(), 2, 1, &[]).expect_err("no entry");
        assert!(refused.contains("test.shelf: a book of 0 bytes"), "{refused}");
    }
}
