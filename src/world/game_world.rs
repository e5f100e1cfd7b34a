//! A game world: one Bevy world that takes inputs.

// time: views and answers: game time of a world | world | `WorldClock` | read between inputs

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_app::SubApp;
use bevy_ecs::message::MessageRegistry;
use bevy_ecs::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::column::Column;
use super::faults::panic_text;
use super::registry::{Answer, Call, Catalogue, Drain};
use super::{StateHash, WorldError, noted};
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::WorldId;

type Calls = BTreeMap<&'static str, Call>;

/// One game world. It is stepped by giving it inputs; it does nothing by itself.
pub struct GameWorld {
    pub(super) app: SubApp,
    pub(super) id: WorldId,
    pub(super) incarnation: Uuid,
    pub(super) catalogue: Catalogue,
    pub(super) columns: Vec<Box<dyn Column>>,
    pub(super) drains: Vec<Drain>,
    pub(super) commands: Calls,
    pub(super) queries: Calls,
    pub(super) scratch: Vec<u8>,
    pub(super) broken: bool,
    pub(super) hashes: bool,
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

    /// Ends an input: no message, no change mark and no removed component carries meaning into the next one.
    /// The state must have been hashed before: hashing goes by the change marks.
    pub(super) fn settle(&mut self) {
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

    pub(super) fn hash(&mut self) -> Result<StateHash, String> {
        if !self.hashes {
            return Err("it goes without state hashes".into());
        }
        let world = self.app.world_mut();
        let mut sum = noted::hash_touched(world, &mut self.scratch)?;
        for column in &mut self.columns {
            sum = sum.wrapping_add(column.hash(world, &mut self.scratch)?);
        }
        Ok(StateHash(sum))
    }

    /// Forgets what was noted for a hash, where there is going to be none: notes must not pile up.
    pub(super) fn forget_notes(&mut self) -> StateHash {
        let world = self.app.world_mut();
        noted::forget(world);
        self.columns.iter_mut().for_each(|column| column.forget(world));
        StateHash::default()
    }

    /// Goes on without state hashes, for runs that nobody compares or saves: from now on outcomes carry none, and the
    /// world can be neither hashed nor saved. Hashing is about a third of what a small world's hour takes.
    pub fn forgo_hashes(&mut self) {
        self.hashes = false;
    }

    /// The state hash.
    ///
    /// # Errors
    /// When a value does not serialise, or the world goes without hashes.
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
}
