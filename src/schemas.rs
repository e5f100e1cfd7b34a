//! JSON Schemas of every message and file, made from the types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::components::ids::WorldId;
use crate::config;
use crate::messages::crowd::{AgentAction, CrowdSignal, PopulationMovement};
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::messages::market::{AggregatedStats, DemandSignal, MarketCleared};
use crate::messages::trend::SocialTrend;
use crate::messages::{EventMetadata, SimulationEvent, TickMessage};
use crate::plugins::bridge::topics::TopicCatalogue;
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
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every schema by its name. Simulation events are named by their event type.
pub fn all() -> BTreeMap<&'static str, Schema> {
    let mut all = BTreeMap::from([
        (BASE, base_event()),
        (TICKS, tick_events()),
        ("server-config", titled(config::schema(), "Configuration of the worldtick server")),
        ("world-file", titled(plain::<WorldSpec>(), "A world of worldtick")),
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

fn built_in_events() -> BTreeMap<&'static str, Schema> {
    fn of<E: SimulationEvent>() -> (&'static str, Schema) {
        (E::EVENT_TYPE, event(E::EVENT_TYPE, E::SOURCE, plain::<E>()))
    }
    BTreeMap::from([
        of::<AgentAction>(),
        of::<AggregatedStats>(),
        of::<CrowdSignal>(),
        of::<DemandSignal>(),
        of::<DiplomacyUpdate>(),
        of::<MarketCleared>(),
        of::<PopulationMovement>(),
        of::<SocialTrend>(),
    ])
}

/// The schema of a simulation event whose payload has this schema: for the events of plugins, too.
///
/// The payload stands at top level or under `data`. The fields of the base event that worldtick adds are not required,
/// because other producers of these events leave them out.
pub fn event(event_type: &str, source: &str, payload: Schema) -> Schema {
    let mut payload = without_root_keywords(payload);
    let description = payload.remove("description").unwrap_or_default();
    payload.remove("title");
    let mut definitions = match payload.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    definitions.insert("payload".to_owned(), payload.to_value());
    let mut properties = base_properties();
    properties.insert("event_type".to_owned(), json!({"const": event_type}));
    properties.insert("source".to_owned(), with_example(properties.get("source"), source));
    json_schema!({
        "$schema": DRAFT,
        "title": event_type,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": ["event_type"],
        "if": {"required": ["data"]},
        "then": {"properties": {"data": {"$ref": "#/$defs/payload"}}},
        "else": {"$ref": "#/$defs/payload"},
        "$defs": definitions,
    })
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
