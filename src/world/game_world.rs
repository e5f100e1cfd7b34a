//! A game world: one Bevy world that takes inputs.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_app::{App, SubApp};
use bevy_ecs::message::MessageRegistry;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{ScheduleLabel, Schedules};
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

use super::StateHash;
use super::clock::{show_time, ticks_due};
use super::column::Column;
use super::registry::{Answer, Call, Catalogue, Drain, RawEvent, Registry};
use super::snapshot::{SavedColumn, Snapshot};
use super::spec::WorldSpec;
use crate::components::clock::{ClockSource, GameInstant, MICROS_PER_DAY, WorldClock};
use crate::components::ids::{StableId, WorldId};
use crate::messages::{EventRecord, Input, Outcome, TickInput, TickOutcome, TickType};
use crate::schedules::{DailyTick, HourlyTick, WorldReady, WorldSetup, WorldStep};

/// A world that cannot be made, saved or restored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorldError {
    /// Plugins contradict each other.
    #[error("the plugins of world `{world}` do not fit together: {errors}")]
    Declarations {
        /// The world.
        world: WorldId,
        /// All contradictions.
        errors: String,
    },
    /// `SimulationPlugin` is missing.
    #[error("the app has no SimulationPlugin: add it before the domains")]
    NoSimulation,
    /// A schedule does not build.
    #[error("schedule {schedule} of world `{world}` does not build: {error}")]
    Schedule {
        /// The world.
        world: WorldId,
        /// Label of the schedule.
        schedule: String,
        /// Why not; an ambiguity names the systems (with the feature `debug`).
        error: String,
    },
    /// The set-up or the restoring failed.
    #[error("world `{world}` cannot be built: {error}")]
    Build {
        /// The world.
        world: WorldId,
        /// Why.
        error: String,
    },
    /// A snapshot is not usable.
    #[error("the snapshot of world `{world}` cannot be used: {error}")]
    Snapshot {
        /// The world.
        world: WorldId,
        /// Why.
        error: String,
    },
}

/// An input failed inside the world. The world's memory is not to be trusted any more; its last commit stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("world `{world}` failed: {error}")]
pub struct WorldFault {
    /// The world.
    pub world: WorldId,
    /// The panic or error.
    pub error: String,
}

thread_local! {
    /// What failed while a world ran on this thread. Bevy's error handler is a plain function: it has no other place.
    static FAILURES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a failure for the world that runs on this thread.
pub(crate) fn note_failure(failure: String) {
    FAILURES.with_borrow_mut(|failures| failures.push(failure));
}

fn take_failures() -> Option<String> {
    let failures = FAILURES.take();
    if failures.is_empty() { None } else { Some(failures.join("; ")) }
}

type Calls = BTreeMap<&'static str, Call>;

/// One game world. It is stepped by giving it inputs; it does nothing by itself.
pub struct GameWorld {
    app: SubApp,
    id: WorldId,
    incarnation: Uuid,
    catalogue: Catalogue,
    columns: Vec<Box<dyn Column>>,
    drains: Vec<Drain>,
    commands: Calls,
    queries: Calls,
    scratch: Vec<u8>,
    broken: bool,
}

impl std::fmt::Debug for GameWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GameWorld")
            .field("id", &self.id)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
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
    /// its state does not have the hash that it was saved with.
    pub fn restore(app: App, snapshot: &[u8]) -> Result<Self, WorldError> {
        let mut world = Self::build(app, Uuid::nil())?;
        let id = world.id.clone();
        let refuse = |error: String| WorldError::Snapshot { world: id.clone(), error };
        let saved = Snapshot::unpack(snapshot).map_err(refuse)?;
        if saved.world_id != world.id {
            return Err(refuse(format!("it is of world `{}`", saved.world_id)));
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
        if hash != saved.hash {
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

    fn restore_columns(&mut self, saved: &Snapshot) -> Result<(), String> {
        let world = self.app.world_mut();
        // Entities come back in the order of their ids, whatever components they have.
        let mut ids: Vec<u64> = saved.columns.iter().flat_map(|column| column.rows.iter().map(|(id, _)| *id)).collect();
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

    /// Name of the world.
    pub fn id(&self) -> &WorldId {
        &self.id
    }

    /// Made anew whenever the world begins anew.
    pub fn incarnation(&self) -> Uuid {
        self.incarnation
    }

    /// What the world's plugins have declared.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The present game time; nothing before a `ticks` world's first tick.
    pub fn now(&self) -> Option<GameInstant> {
        self.app.world().resource::<WorldClock>().now
    }

    /// The durable clock.
    pub fn clock(&self) -> &WorldClock {
        self.app.world().resource::<WorldClock>()
    }

    /// The Bevy world, for tests and tools. Whatever changes it from outside is in no journal.
    pub fn ecs(&mut self) -> &mut World {
        self.app.world_mut()
    }

    /// Takes one input.
    ///
    /// # Errors
    /// When a system panics or fails. The world is then unusable: drop it and restore it from its last commit.
    pub fn apply(&mut self, input: &Input) -> Result<Outcome, WorldFault> {
        let fault = |error| WorldFault { world: self.id.clone(), error };
        if self.broken {
            return Err(fault("it has failed before and must be restored".into()));
        }
        take_failures();
        let applied = catch_unwind(AssertUnwindSafe(|| self.apply_unguarded(input)))
            .unwrap_or_else(|panic| Err(panic_text(&*panic)));
        let error = match (applied, take_failures()) {
            (Ok(outcome), None) => return Ok(outcome),
            (Err(error), None) => error,
            (Ok(_), Some(failures)) => failures,
            (Err(error), Some(failures)) => format!("{failures}; {error}"),
        };
        self.broken = true;
        Err(WorldFault { world: self.id.clone(), error })
    }

    fn apply_unguarded(&mut self, input: &Input) -> Result<Outcome, String> {
        let before = self.now();
        let mut out = Collector::default();
        let (changed, tick, reply) = match input {
            Input::Elapsed { real_micros, .. } => {
                let game_micros = self.app.world_mut().resource_mut::<WorldClock>().game_micros(*real_micros);
                let game_micros = game_micros.ok_or("a step of that length does not fit the clock")?;
                self.advance(game_micros, &mut out)?;
                (true, None, None)
            }
            Input::Advance { game_micros, .. } => {
                let game_micros = i64::try_from(*game_micros).map_err(|error| error.to_string())?;
                self.advance(game_micros, &mut out)?;
                (true, None, None)
            }
            Input::Tick(tick) => {
                let outcome = self.tick(tick, &mut out)?;
                (outcome == TickOutcome::Applied, Some(outcome), None)
            }
            Input::Command(command) => {
                let reply = match self.commands.get_mut(command.command.as_str()) {
                    Some(call) => call(self.app.world_mut(), command.payload.clone()),
                    None => Err(format!("this world takes no command `{}`", command.command)),
                };
                self.collect(&mut out, None)?;
                (reply.is_ok(), None, Some(reply))
            }
            Input::Clock { source, scale } => {
                let mut clock = self.app.world_mut().resource_mut::<WorldClock>();
                clock.source = *source;
                clock.scale = *scale;
                (true, None, None)
            }
        };
        if changed {
            self.app.world_mut().resource_mut::<WorldClock>().inputs += 1;
        }
        let now = self.now();
        let due_ticks = match (self.clock().source, before, now) {
            (ClockSource::Live | ClockSource::Manual, Some(before), Some(now)) => {
                ticks_due(self.incarnation, before, now, input.wall_micros())
            }
            _ => Vec::new(),
        };
        let game_micros = match (before, now) {
            (Some(before), Some(now)) => now.micros_since(before),
            _ => 0,
        };
        let hash = self.hash()?;
        self.settle();
        Ok(Outcome { changed, events: out.events, due_ticks, tick, reply, now, game_micros, hash })
    }

    /// Moves game time on, in steps of at most `maxStepGameSeconds`.
    fn advance(&mut self, game_micros: i64, out: &mut Collector) -> Result<(), String> {
        let longest =
            i64::from(self.app.world().resource::<WorldSpec>().meta.simulation.max_step_game_seconds) * 1_000_000;
        let mut left = game_micros;
        while left > 0 {
            let step = left.min(longest.max(1));
            left -= step;
            let world = self.app.world_mut();
            let mut clock = world.resource_mut::<WorldClock>();
            let now = clock.now.ok_or("its clock has not begun: it waits for its first tick")?;
            clock.now = Some(now.checked_add_micros(step).ok_or("the calendar ends in the year 9999")?);
            show_time(world);
            self.run(WorldStep);
            self.collect(out, None)?;
        }
        Ok(())
    }

    fn tick(&mut self, tick: &TickInput, out: &mut Collector) -> Result<TickOutcome, String> {
        let jump = i64::from(self.app.world().resource::<WorldSpec>().meta.simulation.max_tick_jump_days);
        let mut clock = self.app.world_mut().resource_mut::<WorldClock>();
        if clock.source == ClockSource::Ticks {
            if clock.last_tick(tick.tick_type).is_some_and(|last| tick.game_time < last) {
                return Ok(TickOutcome::Late);
            }
            match clock.now {
                None => {
                    clock.began = Some(tick.game_time);
                    clock.now = Some(tick.game_time);
                    show_time(self.app.world_mut());
                }
                Some(now) => {
                    let ahead = tick.game_time.micros_since(now);
                    if ahead > jump * MICROS_PER_DAY {
                        return Ok(TickOutcome::TooFarAhead);
                    }
                    self.advance(ahead, out)?;
                }
            }
        }
        *self.app.world_mut().resource_mut::<WorldClock>().last_tick(tick.tick_type) = Some(tick.game_time);
        match tick.tick_type {
            TickType::Hourly => self.run(HourlyTick),
            TickType::Daily => self.run(DailyTick),
        }
        self.collect(out, Some(tick.tick_id))?;
        Ok(TickOutcome::Applied)
    }

    /// Runs a schedule once and counts the run: random draws are keyed by that number.
    fn run(&mut self, label: impl ScheduleLabel) {
        let world = self.app.world_mut();
        world.resource_mut::<WorldClock>().runs += 1;
        world.run_schedule(label);
    }

    /// Takes the events that were written and gives them ids: the same in every replay.
    fn collect(&mut self, out: &mut Collector, tick_id: Option<Uuid>) -> Result<(), String> {
        let world = self.app.world_mut();
        for drain in &self.drains {
            drain(world, &mut out.raw)?;
        }
        let clock = world.resource::<WorldClock>();
        let (input, now) = (clock.inputs, clock.now);
        for event in out.raw.drain(..) {
            let name = format!("event:{input}:{}", out.events.len());
            out.events.push(EventRecord {
                event_id: Uuid::new_v5(&self.incarnation, name.as_bytes()),
                event_type: event.event_type,
                source: event.source,
                version: event.version,
                // Only a command can speak in a world whose time has not begun.
                timestamp: now.unwrap_or(self.app.world().resource::<WorldSpec>().starts_at),
                world_id: self.id.clone(),
                tick_id,
                key: event.key,
                payload: event.payload,
            });
        }
        Ok(())
    }

    /// Ends an input: no message, no change mark and no removed component carries meaning into the next one.
    /// The state must have been hashed before: hashing goes by the change marks.
    fn settle(&mut self) {
        let world = self.app.world_mut();
        if world.contains_resource::<MessageRegistry>() {
            world.resource_scope(|world, mut registry: Mut<MessageRegistry>| {
                // Messages live for two updates.
                registry.run_updates(world, bevy_ecs::change_detection::Tick::new(0));
                registry.run_updates(world, bevy_ecs::change_detection::Tick::new(0));
            });
        }
        world.clear_trackers();
    }

    fn hash(&mut self) -> Result<StateHash, String> {
        let world = self.app.world_mut();
        let mut sum = 0_u64;
        for column in &mut self.columns {
            sum = sum.wrapping_add(column.hash(world, &mut self.scratch)?);
        }
        Ok(StateHash(sum))
    }

    /// The state hash.
    ///
    /// # Errors
    /// When a value does not serialise.
    pub fn state_hash(&mut self) -> Result<StateHash, WorldError> {
        self.hash().map_err(|error| WorldError::Build { world: self.id.clone(), error })
    }

    /// Answers a question without changing anything.
    ///
    /// # Errors
    /// With a sentence, where no plugin answers it or the plugin refuses.
    pub fn query(&mut self, name: &str, payload: Value) -> Answer {
        let Some(call) = self.queries.get_mut(name) else {
            return Err(format!("this world answers no query `{name}`"));
        };
        let world = self.app.world_mut();
        catch_unwind(AssertUnwindSafe(|| call(world, payload))).unwrap_or_else(|panic| Err(panic_text(&*panic)))
    }

    /// Saves the world. The hash is computed afresh and compared with the running one.
    ///
    /// # Errors
    /// When a value does not serialise, or the running hash has gone wrong.
    pub fn snapshot(&mut self) -> Result<Vec<u8>, WorldError> {
        let refuse = |error: String| WorldError::Snapshot { world: self.id.clone(), error };
        let world = self.app.world_mut();
        let mut columns = Vec::with_capacity(self.columns.len());
        let (mut running, mut fresh) = (0_u64, 0_u64);
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
        snapshot.pack().map_err(refuse)
    }
}

#[derive(Default)]
struct Collector {
    raw: Vec<RawEvent>,
    events: Vec<EventRecord>,
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

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_else(|| "without a message".into()))
}
