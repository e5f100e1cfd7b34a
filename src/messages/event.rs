//! Simulation events: the trait that a plugin's event implements, and the envelope around it.

use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;

/// Something that happened in a world and is told to the outside.
///
/// A plugin writes it as a Bevy message; [`emit_event`](crate::world::RegisterExt::emit_event) makes it leave the
/// world. It must serialise to a JSON object; the envelope's own fields (`event_type`, `event_id`, `timestamp`,
/// `version`, `source`, `world_id`, `tick_id`) are added around it and must not be among its own.
pub trait SimulationEvent: Message + Serialize + JsonSchema {
    /// The event type: lower-case words with dots and underscores, such as `simulation.event.market_cleared`.
    const EVENT_TYPE: &'static str;
    /// The part of the simulation that says it: two lower-case words with a dot, such as `economy.market`.
    const SOURCE: &'static str;
    /// Version of the payload's shape.
    const VERSION: &'static str = "1.0.0";

    /// Who says this one: [`SOURCE`](Self::SOURCE), but for what several parts of the simulation say alike.
    fn source(&self) -> &'static str {
        Self::SOURCE
    }

    /// When it happened, for what is told later than it happened: the hours of a day that is lived at once. Otherwise it
    /// is the time of the input that brings it.
    fn at(&self) -> Option<GameInstant> {
        None
    }

    /// The Kafka key: events with the same key keep their order. A market id, a pair of factions, a location.
    fn key(&self) -> String;

    /// One such as consumers may expect, with every field that it can have: it stands as an example in its schema.
    fn example() -> Self;
}

/// Where the payload stands in the JSON of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// At top level, beside the envelope's fields.
    #[default]
    Flat,
    /// Under `data`, as the base event's schema has it.
    Data,
}

/// An event as it leaves its world.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord {
    /// UUIDv5 of incarnation, input and sequence: the same in every replay.
    pub event_id: Uuid,
    /// The event type.
    pub event_type: &'static str,
    /// Who says it.
    pub source: &'static str,
    /// Version of the payload's shape.
    pub version: &'static str,
    /// Game time.
    pub timestamp: GameInstant,
    /// The world.
    pub world_id: WorldId,
    /// The tick that caused it, if one did.
    pub tick_id: Option<Uuid>,
    /// Kafka key.
    pub key: String,
    /// The event's own fields.
    pub payload: Map<String, Value>,
}

impl EventRecord {
    /// The event as a JSON object, with the payload where `envelope` wants it.
    pub fn to_value(&self, envelope: Envelope) -> Value {
        let mut object = Map::new();
        object.insert("event_type".into(), self.event_type.into());
        let timestamp = Value::from(self.timestamp.to_string());
        if envelope == Envelope::Flat {
            object.extend(self.payload.clone());
        }
        object.insert("timestamp".into(), timestamp.clone());
        if let Some(tick_id) = self.tick_id {
            object.insert("tick_id".into(), tick_id.to_string().into());
        }
        object.insert("event_id".into(), self.event_id.to_string().into());
        object.insert("version".into(), self.version.into());
        object.insert("source".into(), self.source.into());
        object.insert("world_id".into(), self.world_id.as_str().into());
        if envelope == Envelope::Data {
            let mut data = self.payload.clone();
            // The published schema wants the time among the payload's own fields, too.
            data.insert("timestamp".into(), timestamp);
            if let Some(tick_id) = self.tick_id {
                data.insert("tick_id".into(), tick_id.to_string().into());
            }
            object.insert("data".into(), Value::Object(data));
        }
        Value::Object(object)
    }

    /// The event's bytes on the wire.
    pub fn to_bytes(&self, envelope: Envelope) -> Vec<u8> {
        self.to_value(envelope).to_string().into_bytes()
    }
}
