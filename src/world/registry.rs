//! What plugins declare of their worlds: what persists, what is emitted, what is commanded and asked.
//!
//! Snapshots, state hashes, publishing, catalogues and validation follow from it. The built-in domains use nothing else.

use std::any::TypeId;
use std::collections::BTreeMap;

use bevy_app::App;
use bevy_ecs::message::Messages;
use bevy_ecs::prelude::*;
use bevy_ecs::system::ReadOnlySystem;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::bulk::{BulkColumn, PersistBulk};
use super::column::{Column, ComponentColumn, ResourceColumn};
use super::entries::{EntriesColumn, PersistEntries};
use super::hash::{Part, PartSum, forget_part};
use super::lenient;
use super::noted::{self, NotedColumn};
use crate::components::clock::GameInstant;
use crate::messages::SimulationEvent;

/// A component or resource that survives a restart.
///
/// Its value must not depend on `Entity`, on addresses or on the order of a map. Entities that carry such a component
/// must carry a [`StableId`](crate::components::ids::StableId); one without is not persisted.
pub trait Persist: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name in snapshots: never change it, never use it for anything else.
    const NAME: &'static str;
    /// Version of its shape: raise it with every change.
    const VERSION: u32 = 1;

    /// Reads a value that an older version wrote (postcard bytes).
    ///
    /// # Errors
    /// With a sentence, where that version cannot be read.
    fn migrate(version: u32, bytes: &[u8]) -> Result<Self, String> {
        let _ = bytes;
        Err(format!("{} cannot read its version {version}: it knows only {}", Self::NAME, Self::VERSION))
    }
}

/// A command that a plugin takes.
pub trait WorldCommand: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Its name, such as `economy.set_tax`.
    const NAME: &'static str;
}

/// A question that a plugin answers.
pub trait WorldQuery: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Its name, such as `economy.agent`.
    const NAME: &'static str;
}

/// What a command or query comes to: an answer, or a sentence that says why not.
pub type Answer = Result<Value, String>;

pub(super) type Call = Box<dyn FnMut(&mut World, Value) -> Answer + Send + Sync>;

/// An event type that a world can emit.
#[derive(Debug, Clone, Serialize)]
pub struct EventInfo {
    /// The event type.
    pub event_type: &'static str,
    /// Who says it.
    pub source: &'static str,
    /// Version of its payload.
    pub version: &'static str,
    /// JSON Schema of its payload.
    pub schema: Schema,
}

/// A command or query that a world takes.
#[derive(Debug, Clone, Serialize)]
pub struct CallInfo {
    /// Its name.
    pub name: &'static str,
    /// JSON Schema of its payload.
    pub schema: Schema,
}

/// Everything that the plugins of a world have declared.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Catalogue {
    /// Names and versions of what persists.
    pub persisted: BTreeMap<&'static str, u32>,
    /// Event types.
    pub events: BTreeMap<&'static str, EventInfo>,
    /// Commands.
    pub commands: BTreeMap<&'static str, CallInfo>,
    /// Queries.
    pub queries: BTreeMap<&'static str, CallInfo>,
    /// What is wrong with the declarations: a world with any is refused.
    pub errors: Vec<String>,
}

/// An event on its way out, before it has an id and a time.
pub(crate) struct RawEvent {
    pub(crate) event_type: &'static str,
    pub(crate) source: &'static str,
    pub(crate) version: &'static str,
    pub(crate) at: Option<GameInstant>,
    pub(crate) key: String,
    pub(crate) payload: Map<String, Value>,
}

pub(super) type Drain = fn(&mut World, &mut Vec<RawEvent>) -> Result<(), String>;

/// The declarations with the code behind them; a resource of each world.
#[derive(Resource, Default)]
pub(crate) struct Registry {
    pub(crate) catalogue: Catalogue,
    pub(crate) columns: Vec<Box<dyn Column>>,
    pub(crate) drains: Vec<Drain>,
    pub(crate) commands: BTreeMap<&'static str, Call>,
    pub(crate) queries: BTreeMap<&'static str, Call>,
    /// Which type stands behind each event type.
    emitted: BTreeMap<&'static str, TypeId>,
    /// What a plugin has found in the world file that no world can be made of.
    pub(crate) file_faults: Vec<String>,
}

impl Registry {
    fn column(&mut self, name: &'static str, version: u32, column: Box<dyn Column>) {
        if self.catalogue.persisted.insert(name, version).is_some() {
            self.catalogue.errors.push(format!("two components or resources persist under the name `{name}`"));
        }
        self.columns.push(column);
    }
}

/// A message that is taken into a world's state as soon as the schedule or command that wrote it is done, so that it
/// outlives a restart between two inputs.
pub trait TakenMessage: Message {
    /// Takes it in. What it leaves behind must persist.
    fn take(self, world: &mut World);
}

/// Declarations that a plugin makes while it is built.
pub trait RegisterExt {
    /// Lets a component survive restarts and count in the state hash.
    fn persist_component<T: Component + Persist>(&mut self) -> &mut Self;

    /// The same for a component that very many entities have: whoever writes it notes the entity in
    /// [`Touched`](crate::world::Touched).
    fn persist_noted_component<T: Component + Persist>(&mut self) -> &mut Self;

    /// Lets a resource survive restarts and count in the state hash.
    fn persist_resource<T: Resource + Persist>(&mut self) -> &mut Self;

    /// The same for a resource so large that it is hashed and saved as it lies in memory.
    fn persist_bulk<T: PersistBulk>(&mut self) -> &mut Self;

    /// The same for a resource of many entries of which few change at a time.
    fn persist_entries<T: PersistEntries>(&mut self) -> &mut Self;

    /// Lets an event leave the world. Also adds it as a Bevy message. Several plugins may emit the same type.
    fn emit_event<E: SimulationEvent>(&mut self) -> &mut Self;

    /// Takes messages in that other plugins' systems write. Also adds the type as a Bevy message.
    fn take_message<M: TakenMessage>(&mut self) -> &mut Self;

    /// Takes a command with a system that gets it as `In<C>` and gives an [`Answer`]. It must check before it changes:
    /// a refused command has changed nothing.
    fn accept_command<C: WorldCommand, M>(&mut self, system: impl IntoSystem<In<C>, Answer, M> + 'static) -> &mut Self;

    /// Answers a question with a read-only system that gets it as `In<Q>`.
    fn answer_query<Q, M, S>(&mut self, system: S) -> &mut Self
    where
        Q: WorldQuery,
        S: IntoSystem<In<Q>, Answer, M> + 'static,
        S::System: ReadOnlySystem;
}

impl RegisterExt for App {
    fn persist_component<T: Component + Persist>(&mut self) -> &mut Self {
        let world = self.world_mut();
        if !world.contains_resource::<PartSum<T>>() {
            world.init_resource::<PartSum<T>>();
            world.register_required_components::<T, Part<T>>();
            world.add_observer(forget_part::<T>);
        }
        registry(world).column(T::NAME, T::VERSION, Box::new(ComponentColumn::<T>::new()));
        self
    }

    fn persist_noted_component<T: Component + Persist>(&mut self) -> &mut Self {
        let world = self.world_mut();
        noted::register::<T>(world);
        registry(world).column(T::NAME, T::VERSION, Box::new(NotedColumn::<T>::new()));
        self
    }

    fn persist_resource<T: Resource + Persist>(&mut self) -> &mut Self {
        registry(self.world_mut()).column(T::NAME, T::VERSION, Box::new(ResourceColumn::<T>::new()));
        self
    }

    fn persist_bulk<T: PersistBulk>(&mut self) -> &mut Self {
        registry(self.world_mut()).column(T::NAME, T::VERSION, Box::new(BulkColumn::<T>::new()));
        self
    }

    fn persist_entries<T: PersistEntries>(&mut self) -> &mut Self {
        registry(self.world_mut()).column(T::NAME, T::VERSION, Box::new(EntriesColumn::<T>::new()));
        self
    }

    fn emit_event<E: SimulationEvent>(&mut self) -> &mut Self {
        self.add_message::<E>();
        let mut registry = registry(self.world_mut());
        match registry.emitted.insert(E::EVENT_TYPE, TypeId::of::<E>()) {
            Some(before) if before == TypeId::of::<E>() => return self,
            Some(_) => registry.catalogue.errors.push(format!("two plugins emit `{}`", E::EVENT_TYPE)),
            None => {}
        }
        let info =
            EventInfo { event_type: E::EVENT_TYPE, source: E::SOURCE, version: E::VERSION, schema: schema_for!(E) };
        registry.catalogue.events.insert(E::EVENT_TYPE, info);
        registry.drains.push(drain_events::<E>);
        self
    }

    fn take_message<M: TakenMessage>(&mut self) -> &mut Self {
        self.add_message::<M>();
        registry(self.world_mut()).drains.push(drain_taken::<M>);
        self
    }

    fn accept_command<C: WorldCommand, M>(&mut self, system: impl IntoSystem<In<C>, Answer, M> + 'static) -> &mut Self {
        let call = into_call::<C, _, _>(self.world_mut(), system);
        let mut registry = registry(self.world_mut());
        let info = CallInfo { name: C::NAME, schema: schema_for!(C) };
        if registry.catalogue.commands.insert(C::NAME, info).is_some() {
            registry.catalogue.errors.push(format!("two plugins take the command `{}`", C::NAME));
        }
        registry.commands.insert(C::NAME, call);
        self
    }

    fn answer_query<Q, M, S>(&mut self, system: S) -> &mut Self
    where
        Q: WorldQuery,
        S: IntoSystem<In<Q>, Answer, M> + 'static,
        S::System: ReadOnlySystem,
    {
        let call = into_call::<Q, _, _>(self.world_mut(), system);
        let mut registry = registry(self.world_mut());
        let info = CallInfo { name: Q::NAME, schema: schema_for!(Q) };
        if registry.catalogue.queries.insert(Q::NAME, info).is_some() {
            registry.catalogue.errors.push(format!("two plugins answer the query `{}`", Q::NAME));
        }
        registry.queries.insert(Q::NAME, call);
        self
    }
}

fn registry(world: &mut World) -> Mut<'_, Registry> {
    world.get_resource_or_init::<Registry>()
}

fn into_call<C, S, M>(world: &mut World, system: S) -> Call
where
    C: DeserializeOwned + Send + Sync + 'static,
    S: IntoSystem<In<C>, Answer, M> + 'static,
{
    let mut system = IntoSystem::into_system(system);
    system.initialize(world);
    Box::new(move |world, payload| {
        let input: C = lenient::read(&payload).map_err(|unfit| unfit.told())?;
        let answer = system.run(input, world).map_err(|error| error.to_string())?;
        system.apply_deferred(world);
        answer
    })
}

fn drain_taken<M: TakenMessage>(world: &mut World, _: &mut Vec<RawEvent>) -> Result<(), String> {
    let Some(mut messages) = world.get_resource_mut::<Messages<M>>() else { return Ok(()) };
    if messages.is_empty() {
        return Ok(());
    }
    let taken: Vec<M> = messages.drain().collect();
    taken.into_iter().for_each(|message| message.take(world));
    Ok(())
}

fn drain_events<E: SimulationEvent>(world: &mut World, out: &mut Vec<RawEvent>) -> Result<(), String> {
    let Some(mut messages) = world.get_resource_mut::<Messages<E>>() else { return Ok(()) };
    for event in messages.drain() {
        let (key, source, at) = (event.key(), event.source(), event.at());
        let payload = match serde_json::to_value(&event) {
            Ok(Value::Object(payload)) => payload,
            Ok(_) => return Err(format!("an event `{}` does not serialise to a JSON object", E::EVENT_TYPE)),
            Err(error) => return Err(format!("an event `{}` does not serialise: {error}", E::EVENT_TYPE)),
        };
        out.push(RawEvent { event_type: E::EVENT_TYPE, source, version: E::VERSION, at, key, payload });
    }
    Ok(())
}
