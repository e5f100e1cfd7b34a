//! Making a world, saving it, and bringing it back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_app::App;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{ScheduleLabel, Schedules};
use uuid::Uuid;

use super::clock::show_time;
use super::faults::{panic_text, take_failures};
use super::registry::Registry;
use super::snapshot::{SavedColumn, Snapshot};
use super::spec::WorldSpec;
use super::{GameWorld, StateHash, WorldError, noted};
use crate::components::ids::{StableId, WorldId};
use crate::schedules::{DailyTick, HourlyTick, WorldReady, WorldSetup, WorldStep};

/// What a world was like at one moment, ready to be packed on any thread.
#[derive(Debug)]
pub struct UnpackedSnapshot(Snapshot);

impl UnpackedSnapshot {
    /// Packs it into the bytes that a world is restored from.
    ///
    /// # Errors
    /// When it does not serialise or compress.
    pub fn pack(&self) -> Result<Vec<u8>, WorldError> {
        self.0.pack().map_err(|error| WorldError::Snapshot { world: self.0.world_id.clone(), error })
    }

    /// The hash that the world's state had.
    pub fn hash(&self) -> StateHash {
        self.0.hash
    }

    /// One of a world with nothing in it.
    #[cfg(all(test, feature = "server"))]
    pub(crate) fn empty(world_id: WorldId) -> Self {
        let (incarnation, simulation_version) = (Uuid::nil(), String::new());
        Self(Snapshot { world_id, incarnation, simulation_version, hash: StateHash(1), columns: Vec::new() })
    }
}

impl GameWorld {
    /// Makes a world from an app with [`SimulationPlugin`](crate::plugins::simulation::SimulationPlugin) and domains,
    /// and sets it up as its file says.
    ///
    /// # Errors
    /// When the plugins do not fit together, a schedule does not build, or the set-up fails.
    pub fn create(app: App, incarnation: Uuid) -> Result<Self, WorldError> {
        let mut world = Self::build(app, incarnation)?;
        world.guarded(|world| {
            show_time(world.app.world_mut());
            world.app.world_mut().run_schedule(WorldSetup);
            world.app.world_mut().run_schedule(WorldReady);
            world.hash()?;
            world.settle();
            Ok(())
        })?;
        Ok(world)
    }

    /// Makes a world from an app and a snapshot that a world of the same plugins saved.
    ///
    /// # Errors
    /// As [`create`](Self::create), and when the snapshot is damaged, of another world, holds what no plugin knows, or
    /// its state does not have the hash that it was saved with. A snapshot that an older program saved, with other
    /// versions or fewer kinds of state, is held to its hash as it was saved; the world that comes of it has another.
    pub fn restore(app: App, snapshot: &[u8]) -> Result<Self, WorldError> {
        let mut world = Self::build(app, Uuid::nil())?;
        let id = world.id.clone();
        let refuse = |error: String| WorldError::Snapshot { world: id.clone(), error };
        let saved = Snapshot::unpack(snapshot).map_err(refuse)?;
        if saved.world_id != world.id {
            return Err(refuse(format!("it is of world `{}`", saved.world_id)));
        }
        let as_saved = saved.rows_hash();
        if as_saved != saved.hash {
            return Err(refuse(format!("what it holds has hash {as_saved}, but was saved with {}", saved.hash)));
        }
        world.incarnation = saved.incarnation;
        world.guarded(|world| {
            world.restore_columns(&saved)?;
            show_time(world.app.world_mut());
            world.app.world_mut().run_schedule(WorldReady);
            world.hash()?;
            world.settle();
            Ok(())
        })?;
        let hash = world.hash().map_err(refuse)?;
        if hash != saved.hash && !world.has_grown_since(&saved) {
            return Err(refuse(format!("its state has hash {hash}, but was saved with {}", saved.hash)));
        }
        Ok(world)
    }

    fn build(mut app: App, incarnation: Uuid) -> Result<Self, WorldError> {
        app.finish();
        app.cleanup();
        let mut app = std::mem::take(app.main_mut());
        let world = app.world_mut();
        let id = world.get_resource::<WorldSpec>().ok_or(WorldError::NoSimulation)?.id.clone();
        let registry = world.remove_resource::<Registry>().ok_or(WorldError::NoSimulation)?;
        if !registry.catalogue.errors.is_empty() {
            return Err(WorldError::Declarations { world: id, errors: registry.catalogue.errors.join("; ") });
        }
        if !registry.file_faults.is_empty() {
            return Err(WorldError::File { world: id, faults: registry.file_faults.join("; ") });
        }
        build_schedules(world, &id)?;
        Ok(Self {
            app,
            id,
            incarnation,
            catalogue: registry.catalogue,
            columns: registry.columns,
            drains: registry.drains,
            commands: registry.commands,
            queries: registry.queries,
            scratch: Vec::new(),
            broken: false,
            hashes: true,
        })
    }

    /// Runs what builds or restores the world; a panic becomes an error.
    fn guarded(&mut self, build: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), WorldError> {
        let world = self.id.clone();
        take_failures();
        let built = catch_unwind(AssertUnwindSafe(|| build(self))).unwrap_or_else(|panic| Err(panic_text(&*panic)));
        let failed = built.err().into_iter().chain(take_failures()).collect::<Vec<_>>().join("; ");
        if failed.is_empty() { Ok(()) } else { Err(WorldError::Build { world, error: failed }) }
    }

    /// Whether this program keeps more, or keeps something in another form, than the one that saved.
    fn has_grown_since(&self, saved: &Snapshot) -> bool {
        !self.columns.iter().all(|known| {
            saved.columns.iter().any(|column| column.name == known.name() && column.version == known.version())
        })
    }

    fn restore_columns(&mut self, saved: &Snapshot) -> Result<(), String> {
        let world = self.app.world_mut();
        // Entities come back in the order of their ids, whatever components they have.
        let of_entities =
            |column: &&SavedColumn| self.columns.iter().any(|known| known.name() == column.name && known.of_entities());
        let rows = saved.columns.iter().filter(of_entities).flat_map(|column| &column.rows);
        let mut ids: Vec<u64> = rows.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids.into_iter().filter(|id| *id != 0) {
            world.spawn(StableId(id));
        }
        for column in &saved.columns {
            let Some(known) = self.columns.iter().find(|known| known.name() == column.name) else {
                return Err(format!("it holds `{}`, which no plugin of this program knows", column.name));
            };
            if column.version > known.version() {
                return Err(format!("`{}` is of version {}, newer than this program", column.name, column.version));
            }
            for (id, bytes) in &column.rows {
                known.restore(world, column.version, *id, bytes)?;
            }
        }
        Ok(())
    }

    /// Saves the world. The hash is computed afresh and compared with the running one.
    ///
    /// # Errors
    /// When a value does not serialise, the running hash has gone wrong, or the world goes without hashes.
    pub fn snapshot(&mut self) -> Result<Vec<u8>, WorldError> {
        self.unpacked_snapshot()?.pack()
    }

    /// The same without packing it, which takes most of the time and needs the world no more: it can go on meanwhile.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn unpacked_snapshot(&mut self) -> Result<UnpackedSnapshot, WorldError> {
        let refuse = |error: String| WorldError::Snapshot { world: self.id.clone(), error };
        if !self.hashes {
            return Err(refuse("it goes without state hashes".into()));
        }
        let world = self.app.world_mut();
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut running = noted::hash_touched(world, &mut self.scratch).map_err(refuse)?;
        let mut fresh = 0_u64;
        for column in &mut self.columns {
            running = running.wrapping_add(column.hash(world, &mut self.scratch).map_err(refuse)?);
            fresh = fresh.wrapping_add(column.hash_afresh(world, &mut self.scratch).map_err(refuse)?);
            let rows = column.save(world).map_err(refuse)?;
            columns.push(SavedColumn { name: column.name().into(), version: column.version(), rows });
        }
        if running != fresh {
            return Err(refuse(format!(
                "the running state hash {} differs from the state's {}",
                StateHash(running),
                StateHash(fresh)
            )));
        }
        let snapshot = Snapshot {
            world_id: self.id.clone(),
            incarnation: self.incarnation,
            simulation_version: env!("CARGO_PKG_VERSION").into(),
            hash: StateHash(fresh),
            columns,
        };
        Ok(UnpackedSnapshot(snapshot))
    }
}

fn build_schedules(world: &mut World, id: &WorldId) -> Result<(), WorldError> {
    fn build(world: &mut World, id: &WorldId, label: impl ScheduleLabel + Clone) -> Result<(), WorldError> {
        let mut schedules = world.resource_mut::<Schedules>();
        let Some(mut schedule) = schedules.remove(label.clone()) else { return Ok(()) };
        let built = schedule.initialize(world).map(|_| ()).map_err(|error| WorldError::Schedule {
            world: id.clone(),
            schedule: format!("{label:?}"),
            error: error.to_string(schedule.graph(), world),
        });
        world.resource_mut::<Schedules>().insert(schedule);
        built
    }
    build(world, id, WorldSetup)?;
    build(world, id, WorldReady)?;
    build(world, id, WorldStep)?;
    build(world, id, HourlyTick)?;
    build(world, id, DailyTick)
}

#[cfg(test)]
mod tests {
    use bevy_time::Time;

    use super::*;
    use crate::components::clock::{GameTime, WorldClock};
    use crate::components::ids::{StableIds, StableIndex};
    use crate::schedules;
    use crate::world::RegisterExt;

    /// The least that is a world.
    fn app() -> App {
        let spec = WorldSpec::from_yaml("id: w\nclock: manual\n").expect("a valid world file");
        let mut app = App::new();
        schedules::configure(&mut app);
        app.insert_resource(WorldClock::new(spec.clock, spec.scale(), spec.starts_at))
            .insert_resource(Time::new_with(GameTime::default()))
            .insert_resource(spec)
            .init_resource::<StableIds>()
            .init_resource::<StableIndex>()
            .persist_resource::<WorldClock>()
            .persist_resource::<StableIds>();
        app
    }

    /// Why a snapshot with this changed is refused; its checksum is right.
    fn refused(change: impl Fn(&mut Snapshot)) -> String {
        let saved = GameWorld::create(app(), Uuid::nil()).and_then(|mut world| world.snapshot()).expect("a snapshot");
        let mut snapshot = Snapshot::unpack(&saved).expect("sound");
        change(&mut snapshot);
        GameWorld::restore(app(), &snapshot.pack().expect("packs")).expect_err("it is refused").to_string()
    }

    fn first_value(snapshot: &mut Snapshot) -> &mut Vec<u8> {
        let mut rows = snapshot.columns.iter_mut().flat_map(|column| &mut column.rows);
        rows.next().map(|(_, bytes)| bytes).expect("a value")
    }

    #[test]
    fn a_value_that_was_changed_behind_the_programs_back_is_noticed() {
        let said = refused(|snapshot| first_value(snapshot).push(0));
        assert!(said.contains("what it holds has hash"), "{said}");
    }

    #[test]
    fn a_state_that_does_not_come_back_as_it_was_is_noticed() {
        // The value is read without its last byte, and so is another one.
        let said = refused(|snapshot| {
            first_value(snapshot).push(0);
            snapshot.hash = snapshot.rows_hash();
        });
        assert!(said.contains("its state has hash"), "{said}");
    }
}
