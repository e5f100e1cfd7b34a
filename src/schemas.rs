//! JSON Schemas of every message and file, made from the types.

mod typescript;

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::config;
use crate::messages::control::{WorldConfigChanged, WorldPaused, WorldResumed};
use crate::messages::crowd::{AgentAction, CrowdSignal, PopulationMovement};
use crate::messages::diplomacy::{DiplomacySummary, DiplomacyUpdate};
use crate::messages::market::{AggregatedStats, DemandSignal, MarketCleared};
use crate::messages::npc::NpcActivityChanged;
use crate::messages::shock::MarketShock;
use crate::messages::tier::NpcTierChanged;
use crate::messages::trend::SocialTrend;
use crate::messages::{
    CommandMessage, CommandResult, Envelope, EventMetadata, EventRecord, SimulationEvent, TickMessage,
};
use crate::plugins::bridge::topics::TopicCatalogue;
use crate::systems::scheduler::WorldSimulationContext;
use crate::world::spec::WorldSpec;

/// Name of the schema of what every event has.
pub const BASE: &str = "base-event";
/// Name of the schema of tick messages.
pub const TICKS: &str = "world-tick-events";
/// Name of the schema of all simulation events.
pub const EVENTS: &str = "simulation-events";
/// Event types of tick messages.
pub const TICK_TYPES: [&str; 4] =
    ["world.tick.hourly", "world.tick.daily", "world.tick.game_hour", "world.tick.game_day"];

/// The form of an event type: that of the published base event, and the underscores that event types have.
const EVENT_TYPE_PATTERN: &str = r"^[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+$";
/// The event, and the tick that caused it, of the examples.
const EXAMPLE_IDS: [Uuid; 2] =
    [uuid!("5f0c2f0e-8a52-5d0b-9a41-6f3c1d2e7b90"), uuid!("660e8400-e29b-41d4-a716-446655440001")];
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every schema by its name. Simulation events are named by their event type.
pub fn all() -> BTreeMap<&'static str, Schema> {
    let mut all = BTreeMap::from([
        (BASE, base_event()),
        (TICKS, tick_events()),
        ("server-config", titled(config::schema(), "Configuration of the worldtick server")),
        ("world-file", titled(plain::<WorldSpec>(), "A world of worldtick")),
        ("world-command", titled(plain::<CommandMessage>(), "A command to a world")),
        ("world-command-result", titled(plain::<CommandResult>(), "What became of a command to a world")),
        (
            "world-simulation-context",
            titled(plain::<WorldSimulationContext>(), "How a world is simulated, and how its scheduler does"),
        ),
        ("topics-file", titled(plain::<TopicCatalogue>(), "The topics of worldtick")),
    ]);
    let events = built_in_events();
    all.insert(EVENTS, simulation_events(&events));
    all.extend(events);
    all
}

/// The schemas as files: name and text.
pub fn files() -> BTreeMap<String, String> {
    let text = |schema: &Schema| serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    all().iter().map(|(name, schema)| (format!("{name}.schema.json"), format!("{}\n", text(schema)))).collect()
}

/// TypeScript types of the messages and files that clients read and write.
pub fn typescript() -> String {
    typescript::declarations(&all())
}

fn built_in_events() -> BTreeMap<&'static str, Schema> {
    fn of<E: SimulationEvent>() -> (&'static str, Schema) {
        (E::EVENT_TYPE, event::<E>())
    }
    BTreeMap::from([
        of::<AgentAction>(),
        of::<AggregatedStats>(),
        of::<CrowdSignal>(),
        of::<DemandSignal>(),
        of::<DiplomacySummary>(),
        of::<DiplomacyUpdate>(),
        of::<MarketCleared>(),
        of::<MarketShock>(),
        of::<NpcActivityChanged>(),
        of::<NpcTierChanged>(),
        of::<PopulationMovement>(),
        of::<SocialTrend>(),
        of::<WorldConfigChanged>(),
        of::<WorldPaused>(),
        of::<WorldResumed>(),
    ])
}

/// The schema of a simulation event, with its example: for the events of plugins, too.
///
/// The payload stands at top level or under `data`. The fields of the base event that worldtick adds are not required,
/// because other producers of these events leave them out.
pub fn event<E: SimulationEvent>() -> Schema {
    let mut payload = without_root_keywords(plain::<E>());
    let description = payload.remove("description").unwrap_or_default();
    payload.remove("title");
    let mut definitions = match payload.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    definitions.insert("payload".to_owned(), payload.to_value());
    let mut properties = base_properties();
    properties.insert("event_type".to_owned(), json!({"const": E::EVENT_TYPE}));
    properties.insert("source".to_owned(), with_example(properties.get("source"), E::SOURCE));
    json_schema!({
        "$schema": DRAFT,
        "title": E::EVENT_TYPE,
        "description": description,
        "examples": [example::<E>()],
        "type": "object",
        "properties": properties,
        "required": ["event_type"],
        "if": {"required": ["data"]},
        "then": {"properties": {"data": {"$ref": "#/$defs/payload"}}},
        "else": {"$ref": "#/$defs/payload"},
        "$defs": definitions,
    })
}

/// The example of an event as a consumer reads it, envelope and payload.
fn example<E: SimulationEvent>() -> Value {
    let event = E::example();
    let (Ok(Value::Object(payload)), Ok(world_id)) = (serde_json::to_value(&event), WorldId::new("night-city")) else {
        return Value::Null;
    };
    let [event_id, tick_id] = EXAMPLE_IDS;
    let record = EventRecord {
        event_id,
        event_type: E::EVENT_TYPE,
        source: E::SOURCE,
        version: E::VERSION,
        timestamp: "2077-01-15T14:00:00Z".parse().unwrap_or(GameInstant::MIN),
        world_id,
        // What people do to a world no tick has caused.
        tick_id: (E::SOURCE != "world.control").then_some(tick_id),
        key: event.key(),
        payload,
    };
    record.to_value(Envelope::Flat)
}

/// All simulation events in one schema, for consumers of the whole topic.
fn simulation_events(events: &BTreeMap<&'static str, Schema>) -> Schema {
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for (name, schema) in events {
        // References are relative to the root: a schema that is put into another takes its own along.
        let short = name.rsplit('.').next().unwrap_or(name);
        let moved = move_references(schema.as_value(), short);
        definitions.insert(short.to_owned(), moved);
        choices.push(json!({
            "if": {"properties": {"event_type": {"const": name}}},
            "then": {"$ref": format!("#/$defs/{short}")},
        }));
    }
    json_schema!({
        "$schema": DRAFT,
        "title": EVENTS,
        "description": "Everything that is published to simulation.event by the plugins that come with worldtick.",
        "type": "object",
        "properties": {"event_type": {"type": "string", "pattern": EVENT_TYPE_PATTERN}},
        "required": ["event_type"],
        "allOf": choices,
        "$defs": definitions,
    })
}

/// A schema with its references pointed at where it will stand: `#/$defs/<name>`.
fn move_references(value: &Value, name: &str) -> Value {
    match value {
        Value::Object(object) => {
            let moved = object.iter().filter(|(key, _)| *key != "$schema").map(|(key, inner)| {
                let inner = match inner.as_str().and_then(|text| text.strip_prefix('#')) {
                    Some(path) if key == "$ref" => format!("#/$defs/{name}{path}").into(),
                    _ => move_references(inner, name),
                };
                (key.clone(), inner)
            });
            Value::Object(moved.collect())
        }
        Value::Array(items) => items.iter().map(|item| move_references(item, name)).collect(),
        other => other.clone(),
    }
}

fn base_event() -> Schema {
    json_schema!({
        "$schema": DRAFT,
        "title": BASE,
        "description": "What every event has. Fields of its own may stand beside these.",
        "type": "object",
        "properties": base_properties(),
        "required": ["event_id", "event_type", "timestamp", "version", "source"],
    })
}

fn base_properties() -> Map<String, Value> {
    let id = |what: &str| json!({"description": what, "type": "string", "format": "uuid"});
    let world = plain::<WorldId>();
    let pattern = world.get("pattern").cloned().unwrap_or_default();
    let fields = [
        ("event_id", id("Id of the event: the same when it is sent again.")),
        ("event_type", json!({"type": "string", "pattern": EVENT_TYPE_PATTERN})),
        (
            "timestamp",
            json!({"description": "Of a simulation event game time, of a tick message wall time.", "type": "string", "format": "date-time"}),
        ),
        ("version", json!({"description": "Version of the shape.", "type": "string", "pattern": r"^\d+\.\d+\.\d+$"})),
        ("source", json!({"description": "Who says it.", "type": "string", "pattern": r"^[a-z]+\.[a-z]+$"})),
        ("world_id", json!({"description": "The world.", "type": "string", "pattern": pattern})),
        ("tick_id", id("The tick that caused it.")),
        ("correlation_id", id("Ties messages together.")),
        ("session_id", id("The session.")),
        ("player_id", id("The player.")),
        ("game_id", id("The game.")),
        ("data", json!({"type": "object"})),
        ("metadata", event_metadata()),
        ("tags", json!({"type": "array", "items": {"type": "string"}, "maxItems": 10})),
        ("trace_id", json!({"type": "string"})),
    ];
    fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// The metadata of an event with the lists that its texts are taken from.
fn event_metadata() -> Value {
    let mut schema = without_root_keywords(plain::<EventMetadata>());
    schema.remove("title");
    choose(&mut schema, "/properties/priority", &["low", "normal", "high", "critical"]);
    choose(&mut schema, "/properties/compression", &["none", "gzip", "snappy", "lz4"]);
    schema.to_value()
}

fn choose(schema: &mut Schema, pointer: &str, names: &[&str]) {
    if let Some(Value::Object(property)) = schema.pointer_mut(pointer) {
        let choices = names.iter().map(|name| Value::from(*name)).chain([Value::Null]);
        property.insert("enum".to_owned(), choices.collect());
    }
}

fn with_example(schema: Option<&Value>, example: &str) -> Value {
    let mut schema = schema.cloned().unwrap_or_default();
    if let Value::Object(object) = &mut schema {
        object.insert("examples".to_owned(), json!([example]));
    }
    schema
}

/// Tick messages: the type's schema, the other names of the ticks, and what each type requires.
fn tick_events() -> Schema {
    let mut schema = titled(plain::<TickMessage>(), TICKS);
    if let Some(tick_type) = schema.pointer_mut("/$defs/TickType") {
        *tick_type = json!({
            "description": "Hourly or daily work; game_hour and game_day are other names for the same.",
            "type": "string",
            "enum": ["hourly", "daily", "game_hour", "game_day"],
        });
    }
    choose(&mut schema, "/$defs/EventMetadata/properties/priority", &["low", "normal", "high", "critical"]);
    choose(&mut schema, "/$defs/EventMetadata/properties/compression", &["none", "gzip", "snappy", "lz4"]);
    choose(&mut schema, "/$defs/TickMetadata/properties/season", &["spring", "summer", "autumn", "winter"]);
    let requires = |types: [&str; 2], names: [&str; 2], field: &str| {
        json!({
            "if": {"properties": {"event_type": {"enum": types}}},
            "then": {"properties": {"data": {"properties": {"tick_type": {"enum": names}}, "required": [field]}}},
        })
    };
    let both = json!([
        requires(["world.tick.hourly", "world.tick.game_hour"], ["hourly", "game_hour"], "game_hour"),
        requires(["world.tick.daily", "world.tick.game_day"], ["daily", "game_day"], "game_day"),
    ]);
    schema.insert("allOf".to_owned(), both);
    schema
}

/// The schema of a type, with the formats of JSON Schema alone.
fn plain<T: JsonSchema>() -> Schema {
    let restrict = RestrictFormats::default();
    SchemaSettings::draft2020_12().with_transform(restrict).into_generator().into_root_schema_for::<T>()
}

fn without_root_keywords(mut schema: Schema) -> Schema {
    schema.remove("$schema");
    schema
}

fn titled(mut schema: Schema, title: &str) -> Schema {
    schema.insert("title".to_owned(), title.into());
    schema
}
