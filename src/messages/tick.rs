//! Tick messages as they are on the wire, and their validation.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::DueTick;
use super::shapes::{self, Object};
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;

/// Hourly or daily work. `game_hour` and `game_day` are other names for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TickType {
    /// Runs the hourly schedule.
    #[serde(alias = "game_hour")]
    Hourly,
    /// Runs the daily schedule.
    #[serde(alias = "game_day")]
    Daily,
}

impl TickType {
    /// `hourly` or `daily`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
        }
    }

    /// The event type of its message, which is also the name of its topic.
    pub fn event_type(self) -> TickEventType {
        match self {
            Self::Hourly => TickEventType::Hourly,
            Self::Daily => TickEventType::Daily,
        }
    }
}

/// Event types of tick messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TickEventType {
    /// An hourly tick.
    #[serde(rename = "world.tick.hourly")]
    Hourly,
    /// A daily tick.
    #[serde(rename = "world.tick.daily")]
    Daily,
    /// Another name for an hourly tick.
    #[serde(rename = "world.tick.game_hour")]
    GameHour,
    /// Another name for a daily tick.
    #[serde(rename = "world.tick.game_day")]
    GameDay,
}

impl TickEventType {
    /// What it runs.
    pub fn tick_type(self) -> TickType {
        match self {
            Self::Hourly | Self::GameHour => TickType::Hourly,
            Self::Daily | Self::GameDay => TickType::Daily,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "world.tick.hourly",
            Self::Daily => "world.tick.daily",
            Self::GameHour => "world.tick.game_hour",
            Self::GameDay => "world.tick.game_day",
        }
    }
}

/// Who made a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggeredBy {
    /// A schedule, such as a CronJob's.
    Scheduler,
    /// A person.
    Manual,
    /// The server itself, for a live world.
    System,
}

/// A tick message: the base event's fields and the tick's own under `data`.
///
/// Fields that it does not know are let through. Instants are RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TickMessage {
    /// Id of this message.
    pub event_id: Uuid,
    /// Which tick it is.
    pub event_type: TickEventType,
    /// When the message was made (wall time).
    #[schemars(with = "GameInstant")]
    pub timestamp: Timestamp,
    /// Version of the message's shape.
    #[schemars(regex(pattern = r"^\d+\.\d+\.\d+$"))]
    pub version: String,
    /// Who sends it, such as `simulation.ticker`.
    #[schemars(regex(pattern = r"^[a-z]+\.[a-z]+$"))]
    pub source: String,
    /// The world that it is for; without it, every world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world_id: Option<WorldId>,
    /// The incarnation of the world that asked for this tick of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Uuid>,
    /// Id that ties messages together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The tick.
    #[serde(deserialize_with = "shapes::object")]
    pub data: TickData,
    /// How the message wants to be handled on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<EventMetadata>,
    /// At most ten words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub tags: Option<Vec<String>>,
    /// Id of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// The tick itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TickData {
    /// Id of the tick: a repetition bears the same.
    pub tick_id: Uuid,
    /// Hourly or daily.
    pub tick_type: TickType,
    /// Hour of the day, 0 to 23; required for an hourly tick.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "shapes::whole")]
    #[schemars(range(min = 0, max = 23))]
    pub game_hour: Option<i64>,
    /// Number of the day, from 1; required for a daily tick.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "shapes::whole")]
    #[schemars(range(min = 1))]
    pub game_day: Option<i64>,
    /// The game time that it stands for. This rules; hour, day and calendar fields are not checked against it.
    pub game_time: GameInstant,
    /// When the tick was made (wall time).
    #[schemars(with = "GameInstant")]
    pub tick_timestamp: Timestamp,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<TriggeredBy>,
    /// Names of services that are expected to take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumers: Option<Vec<String>>,
    /// Calendar fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TickMetadata>,
}

/// Calendar fields of a tick, counted by whoever made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickMetadata {
    /// Day of the simulation, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub simulation_day: Option<i64>,
    /// Week of the simulation, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub simulation_week: Option<i64>,
    /// Month of the simulation, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub simulation_month: Option<i64>,
    /// Year, 2020 to 2099; left out beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2020, max = 2099))]
    pub simulation_year: Option<i64>,
    /// spring, summer, autumn or winter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<String>,
}

/// How a message wants to be handled on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventMetadata {
    /// low, normal, high or critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Time to live, such as `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^\d+[dhms]$"))]
    pub ttl: Option<String>,
    /// How often it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10))]
    pub retry_count: Option<i64>,
    /// none, gzip, snappy or lz4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub size_bytes: Option<i64>,
}

/// Days from 1970-01-01 to 2020-01-01, the first day of the simulation's calendar.
const FIRST_DAY_INDEX: i64 = 18_262;

/// The season of a month on the northern half of the earth.
fn season(month: i8) -> &'static str {
    match month {
        3..=5 => "spring",
        6..=8 => "summer",
        9..=11 => "autumn",
        _ => "winter",
    }
}

/// Why a message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct MessageError {
    /// A short word for metrics and headers: `empty`, `not_utf8`, `not_json`, `schema`, `unknown_type`, `out_of_bounds`.
    pub class: &'static str,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl MessageError {
    /// An error of this class.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl TickMessage {
    /// Reads and checks a message's value.
    ///
    /// # Errors
    /// With a class and a sentence, where it is empty, not UTF-8, not JSON, of another shape, or out of bounds.
    pub fn parse(value: &[u8]) -> Result<Self, MessageError> {
        let Object(message) = parse_json::<Object<Self>>(value)?;
        message.check()?;
        Ok(message)
    }

    /// A tick at a game time, with calendar fields counted from 2020-01-01, as the tickers of old did.
    pub fn new(tick_type: TickType, tick_id: Uuid, event_id: Uuid, game_time: GameInstant, made_at: Timestamp) -> Self {
        let day = (game_time.day_index() - FIRST_DAY_INDEX).max(0) + 1;
        let (year, month, _) = game_time.date();
        let months = ((i64::from(year) - 2020) * 12 + i64::from(month)).max(1);
        let (game_hour, game_day, consumers): (_, _, &[&str]) = match tick_type {
            TickType::Hourly => {
                (Some(i64::from(game_time.hour_of_day())), None, &["economy-service", "analytics-service"])
            }
            TickType::Daily => (None, Some(day), &["world-simulation-python", "social-service", "analytics-service"]),
        };
        let metadata = TickMetadata {
            simulation_day: Some(day),
            simulation_week: Some((day - 1) / 7 + 1),
            simulation_month: Some(months),
            simulation_year: Some(i64::from(year)).filter(|year| (2020..=2099).contains(year)),
            season: (tick_type == TickType::Daily).then(|| season(month).to_owned()),
        };
        Self {
            event_id,
            event_type: tick_type.event_type(),
            timestamp: made_at,
            version: "1.0.0".into(),
            source: "simulation.ticker".into(),
            world_id: None,
            incarnation: None,
            correlation_id: None,
            data: TickData {
                tick_id,
                tick_type,
                game_hour,
                game_day,
                game_time,
                tick_timestamp: made_at,
                triggered_by: Some(TriggeredBy::Scheduler),
                consumers: Some(consumers.iter().map(ToString::to_string).collect()),
                metadata: Some(metadata),
            },
            metadata: None,
            tags: Some(vec!["simulation".into(), "tick".into(), tick_type.as_str().into()]),
            trace_id: None,
        }
    }

    /// The tick that a world asks for because its clock has passed an hour or a day.
    pub fn of_world(world: &WorldId, incarnation: Uuid, due: &DueTick, made_at: Timestamp) -> Self {
        let event_id = Uuid::new_v5(&due.tick_id, b"message");
        let mut message = Self::new(due.tick_type, due.tick_id, event_id, due.game_time, made_at);
        message.source = "simulation.clock".into();
        message.world_id = Some(world.clone());
        message.incarnation = Some(incarnation);
        message.data.triggered_by = Some(TriggeredBy::System);
        message
    }

    fn check(&self) -> Result<(), MessageError> {
        let mut errors = Vec::new();
        let tick_type = self.event_type.tick_type();
        if self.data.tick_type != tick_type {
            errors.push(format!(
                "data.tick_type is {} but event_type is {}: make them agree",
                self.data.tick_type.as_str(),
                self.event_type.as_str()
            ));
        }
        match (tick_type, self.data.game_hour, self.data.game_day) {
            (TickType::Hourly, None, _) => errors.push("data.game_hour is missing: give the hour, 0 to 23".into()),
            (TickType::Daily, _, None) => errors.push("data.game_day is missing: give the day, from 1".into()),
            _ => {}
        }
        let mut bounds = |name: &str, value: Option<i64>, min: i64, max: i64| {
            if let Some(value) = value
                && !(min..=max).contains(&value)
            {
                errors.push(format!("{name} is {value}: it must lie between {min} and {max}"));
            }
        };
        bounds("data.game_hour", self.data.game_hour, 0, 23);
        bounds("data.game_day", self.data.game_day, 1, i64::MAX);
        if let Some(metadata) = &self.data.metadata {
            bounds("data.metadata.simulation_day", metadata.simulation_day, 1, i64::MAX);
            bounds("data.metadata.simulation_week", metadata.simulation_week, 1, i64::MAX);
            bounds("data.metadata.simulation_month", metadata.simulation_month, 1, i64::MAX);
            bounds("data.metadata.simulation_year", metadata.simulation_year, 2020, 2099);
        }
        if self.tags.as_ref().is_some_and(|tags| tags.len() > 10) {
            errors.push("tags has more than 10 entries".into());
        }
        if errors.is_empty() { Ok(()) } else { Err(MessageError::new("out_of_bounds", errors.join("; "))) }
    }
}

/// Reads JSON of a known shape and says where it differs.
pub(super) fn parse_json<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, MessageError> {
    if value.is_empty() {
        return Err(MessageError::new("empty", "the message has no value: send a JSON object"));
    }
    let text = std::str::from_utf8(value)
        .map_err(|error| MessageError::new("not_utf8", format!("the value is not UTF-8: {error}")))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let class = match inner.classify() {
            serde_json::error::Category::Data if path == "event_type" => "unknown_type",
            serde_json::error::Category::Data => "schema",
            _ => "not_json",
        };
        MessageError::new(class, if path == "." { inner.to_string() } else { format!("{path}: {inner}") })
    })?;
    deserializer.end().map_err(|error| MessageError::new("not_json", format!("after the JSON object: {error}")))?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURLY: &str = r#"{"event_id":"550e8400-e29b-41d4-a716-446655440000","event_type":"world.tick.hourly","timestamp":"2024-01-15T14:00:00Z","version":"1.0.0","source":"simulation.ticker","data":{"tick_id":"660e8400-e29b-41d4-a716-446655440001","tick_type":"hourly","game_hour":14,"game_time":"2024-01-15T14:00:00Z","tick_timestamp":"2024-01-15T14:00:00Z","triggered_by":"scheduler","consumers":["economy-service","analytics-service"]}}"#;

    fn class_of(value: &str) -> &'static str {
        TickMessage::parse(value.as_bytes()).expect_err("refused").class
    }

    #[test]
    fn the_hourly_example_round_trips() {
        let message = TickMessage::parse(HOURLY.as_bytes()).expect("valid");
        let before: serde_json::Value = serde_json::from_str(HOURLY).expect("json");
        assert_eq!(serde_json::to_value(&message).expect("json"), before);
    }

    #[test]
    fn a_tick_of_our_own_is_valid() {
        let game_time: GameInstant = "2077-03-01T00:00:00Z".parse().expect("an instant");
        for tick_type in [TickType::Hourly, TickType::Daily] {
            let due = DueTick { tick_id: Uuid::from_u128(5), tick_type, game_time, wall_micros: 0 };
            let world = WorldId::new("w").expect("an id");
            let message = TickMessage::of_world(&world, Uuid::from_u128(6), &due, Timestamp::UNIX_EPOCH);
            let bytes = serde_json::to_vec(&message).expect("json");
            assert_eq!(TickMessage::parse(&bytes), Ok(message));
        }
    }

    #[test]
    fn other_names_of_the_ticks_are_the_same() {
        let text = HOURLY.replace("world.tick.hourly", "world.tick.game_hour").replace("\"hourly\"", "\"game_hour\"");
        assert_eq!(TickMessage::parse(text.as_bytes()).expect("valid").data.tick_type, TickType::Hourly);
    }

    #[test]
    fn a_list_of_the_fields_is_no_tick() {
        let message: serde_json::Value = serde_json::from_str(HOURLY).expect("json");
        let listed = |value: &serde_json::Value| -> serde_json::Value {
            value.as_object().expect("an object").values().cloned().collect()
        };
        let mut data = message.clone();
        let fields = ["tick_id", "tick_type", "game_hour", "game_day", "game_time", "tick_timestamp"];
        data["data"] = fields.iter().map(|name| message["data"][*name].clone()).collect();
        assert_eq!(class_of(&data.to_string()), "schema");
        assert_eq!(class_of(&listed(&message).to_string()), "schema");
        let error = TickMessage::parse(data.to_string().as_bytes()).expect_err("refused").message;
        assert!(error.starts_with("data: "), "{error}");
    }

    #[test]
    fn what_is_bad_is_named() {
        assert_eq!(class_of(""), "empty");
        assert_eq!(class_of("hello"), "not_json");
        assert_eq!(class_of("{}"), "schema");
        assert_eq!(TickMessage::parse(b"\xff\xfe").expect_err("refused").class, "not_utf8");
        assert_eq!(class_of(&HOURLY.replace("\"game_hour\":14", "\"game_hour\":25")), "out_of_bounds");
        assert_eq!(class_of(&HOURLY.replace("world.tick.hourly", "world.tick.yearly")), "unknown_type");
        assert_eq!(class_of(&HOURLY.replace("\"tick_id\"", "\"tick\"")), "schema");
        assert_eq!(class_of(&HOURLY.replace("\"tick_type\":\"hourly\"", "\"tick_type\":\"daily\"")), "out_of_bounds");
        assert_eq!(class_of(&format!("{HOURLY} x")), "not_json");
        assert_eq!(class_of(&HOURLY.replace("2024-01-15T14:00:00Z\",\"tick_t", "yesterday\",\"tick_t")), "schema");
    }
}
