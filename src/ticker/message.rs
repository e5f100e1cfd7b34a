//! The tick message of a slot.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::components::clock::{GameInstant, MICROS_PER_DAY, MICROS_PER_HOUR};
use crate::components::ids::WorldId;
use crate::messages::{EventMetadata, TickData, TickMessage, TickMetadata, TickType, TriggeredBy};
use crate::plugins::bridge::Compression;
use crate::plugins::bridge::send::SingleRecord;

/// Ids of ticks are made in this namespace: never change it.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b1c_52f4_1d0e_5b7a_9c33_6f1e_2281_0001);
/// The day that is counted as 1.
const FIRST_DAY: Date = jiff::civil::date(2020, 1, 1);
/// The first day of which the game's calendar fields count a year.
const FIRST_YEAR: i64 = 2020;
const LAST_YEAR: i64 = 2099;

/// A tick that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickRequest {
    /// Hourly or daily.
    pub tick_type: TickType,
    /// The world; nothing for every one.
    pub world: Option<WorldId>,
    /// What the ids derive from.
    pub slot: Timestamp,
    /// The game time that it stands for.
    pub game_time: GameInstant,
    /// The wall clock.
    pub made_at: Timestamp,
    /// Who made it.
    pub triggered_by: TriggeredBy,
}

/// The hour or the day that an instant lies in.
pub(super) fn slot_of(tick_type: TickType, at: Timestamp) -> Timestamp {
    let length = match tick_type {
        TickType::Hourly => MICROS_PER_HOUR,
        TickType::Daily => MICROS_PER_DAY,
    };
    let micros = at.as_microsecond();
    Timestamp::from_microsecond(micros - micros.rem_euclid(length)).unwrap_or(at)
}

/// The slot that an instant lies in, and the next.
pub(super) fn slots_around(tick_type: TickType, at: Timestamp) -> (Timestamp, Timestamp) {
    let before = slot_of(tick_type, at);
    let length = match tick_type {
        TickType::Hourly => MICROS_PER_HOUR,
        TickType::Daily => MICROS_PER_DAY,
    };
    (before, Timestamp::from_microsecond(before.as_microsecond().saturating_add(length)).unwrap_or(before))
}

/// An instant of wall time as one of game time; both calendars have the same ends.
pub(super) fn game_instant(at: Timestamp) -> GameInstant {
    GameInstant::from_micros(at.as_microsecond()).unwrap_or(GameInstant::MAX)
}

/// The message of a tick, its own size included.
pub fn tick_message(request: &TickRequest) -> TickMessage {
    let tick_type = request.tick_type;
    let key = key(request.world.as_ref());
    let id = |what: &str| {
        Uuid::new_v5(
            &NAMESPACE,
            format!("{what}/{}/{}/{key}", tick_type.as_str(), request.slot.as_microsecond()).as_bytes(),
        )
    };
    let calendar = Calendar::of(request.game_time);
    let mut message = TickMessage {
        event_id: id("event"),
        event_type: tick_type.event_type(),
        timestamp: request.made_at,
        version: "1.0.0".to_owned(),
        source: "simulation.ticker".to_owned(),
        world_id: request.world.clone(),
        incarnation: None,
        correlation_id: None,
        data: TickData {
            tick_id: id("tick"),
            tick_type,
            game_hour: (tick_type == TickType::Hourly).then(|| i64::from(request.game_time.hour_of_day())),
            game_day: (tick_type == TickType::Daily).then_some(calendar.day),
            game_time: request.game_time,
            tick_timestamp: request.made_at,
            triggered_by: Some(request.triggered_by),
            consumers: Some(consumers(tick_type)),
            metadata: Some(calendar.metadata(tick_type)),
        },
        metadata: Some(EventMetadata { priority: Some("normal".to_owned()), ..EventMetadata::default() }),
        tags: Some(["simulation", "tick", tick_type.as_str()].map(str::to_owned).to_vec()),
        trace_id: None,
    };
    // The size counts its own digits: once they no longer change, it is right.
    for _ in 0..4 {
        let size = i64::try_from(bytes(&message).len()).unwrap_or(i64::MAX);
        if let Some(metadata) = &mut message.metadata {
            metadata.size_bytes = Some(size);
        }
    }
    message
}

/// The message as Kafka takes it.
pub fn tick_record(message: &TickMessage) -> SingleRecord {
    let tick_type = message.event_type.tick_type();
    SingleRecord {
        topic: message.event_type.as_str().to_owned(),
        key: key(message.world_id.as_ref()).to_owned(),
        value: bytes(message),
        headers: vec![
            ("event_type", message.event_type.as_str().to_owned()),
            ("source", message.source.clone()),
            ("version", message.version.clone()),
            ("tick_type", tick_type.as_str().to_owned()),
        ],
        compression: match tick_type {
            TickType::Hourly => Compression::Snappy,
            TickType::Daily => Compression::Gzip,
        },
    }
}

/// Ticks of a world stay in order; so do those for every world.
fn key(world: Option<&WorldId>) -> &str {
    world.map_or("all", WorldId::as_str)
}

fn bytes(message: &TickMessage) -> Vec<u8> {
    // A tick message has nothing in it that JSON cannot say.
    serde_json::to_vec(message).unwrap_or_default()
}

/// The services that took ticks before there were worlds of one server; for readers of the message.
fn consumers(tick_type: TickType) -> Vec<String> {
    let names: &[&str] = match tick_type {
        TickType::Hourly => &["economy-service", "analytics-service"],
        TickType::Daily => &["world-simulation-python", "social-service", "analytics-service"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Calendar fields of a game time, each counted from 2020-01-01 and from 1.
#[derive(Debug, PartialEq, Eq)]
struct Calendar {
    day: i64,
    week: i64,
    month: i64,
    year: Option<i64>,
    season: &'static str,
}

impl Calendar {
    fn of(game_time: GameInstant) -> Self {
        let (year, month, _) = game_time.date();
        let first = FIRST_DAY.to_zoned(TimeZone::UTC).map_or(0, |day| day.timestamp().as_microsecond());
        let days = (game_time.as_micros() - first).div_euclid(MICROS_PER_DAY);
        let (year, month) = (i64::from(year), i64::from(month));
        Self {
            // What lies before the first day counts as the first: the fields take nothing below 1.
            day: (days + 1).max(1),
            week: (days.div_euclid(7) + 1).max(1),
            month: ((year - FIRST_YEAR) * 12 + month).max(1),
            year: (FIRST_YEAR..=LAST_YEAR).contains(&year).then_some(year),
            season: match month {
                3..=5 => "spring",
                6..=8 => "summer",
                9..=11 => "autumn",
                _ => "winter",
            },
        }
    }

    fn metadata(&self, tick_type: TickType) -> TickMetadata {
        let daily = tick_type == TickType::Daily;
        TickMetadata {
            simulation_day: Some(self.day),
            simulation_week: Some(self.week),
            simulation_month: Some(self.month),
            simulation_year: self.year.filter(|_| daily),
            season: daily.then(|| self.season.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tick_type: TickType, slot: &str) -> TickRequest {
        let slot: Timestamp = slot.parse().expect("an instant");
        TickRequest {
            tick_type,
            world: None,
            slot,
            game_time: game_instant(slot),
            made_at: slot,
            triggered_by: TriggeredBy::Scheduler,
        }
    }

    #[test]
    fn ids_derive_from_type_slot_and_world_alone() {
        let hourly = request(TickType::Hourly, "2024-01-15T14:00:00Z");
        let again = TickRequest { made_at: "2030-01-01T00:00:00Z".parse().expect("an instant"), ..hourly.clone() };
        let ids = |request: &TickRequest| (tick_message(request).data.tick_id, tick_message(request).event_id);
        assert_eq!(ids(&hourly), ids(&again));
        let others = [
            request(TickType::Daily, "2024-01-15T14:00:00Z"),
            request(TickType::Hourly, "2024-01-15T15:00:00Z"),
            TickRequest { world: Some(WorldId::new("w").expect("an id")), ..hourly.clone() },
        ];
        for other in others {
            assert!(ids(&other).0 != ids(&hourly).0 && ids(&other).1 != ids(&hourly).1);
        }
        assert_ne!(ids(&hourly).0, ids(&hourly).1);
        // Deployed tickers and those of a later version must agree.
        assert_eq!(ids(&hourly).0.to_string(), "cb8b91db-d154-5f7a-b8c5-54732918f3c8");
    }

    #[test]
    fn the_size_is_the_messages_own() {
        let message = tick_message(&request(TickType::Daily, "2024-01-15T00:00:00Z"));
        let size = message.metadata.as_ref().and_then(|metadata| metadata.size_bytes);
        assert_eq!(size, i64::try_from(tick_record(&message).value.len()).ok());
    }

    #[test]
    fn calendar_fields_count_from_2020() {
        let at = |text: &str| Calendar::of(text.parse().expect("an instant"));
        assert_eq!(
            at("2020-01-01T00:00:00Z"),
            Calendar { day: 1, week: 1, month: 1, year: Some(2020), season: "winter" }
        );
        assert_eq!(
            at("2024-01-01T00:00:00Z"),
            Calendar { day: 1462, week: 209, month: 49, year: Some(2024), season: "winter" }
        );
        assert_eq!(at("2100-07-01T00:00:00Z").year, None);
        assert_eq!(at("1999-10-01T00:00:00Z"), Calendar { day: 1, week: 1, month: 1, year: None, season: "autumn" });
    }

    #[test]
    fn a_slot_off_the_hour_or_the_day_is_refused_with_the_nearest() {
        use clap::Parser as _;
        let wrong = |kind: &str, slot: &str| {
            crate::ticker::TickerArgs::try_parse_from(["t", "--type", kind, &format!("--slot={slot}")])
                .expect("flags")
                .wrong_slot()
        };
        assert_eq!(wrong("hourly", "2024-01-15T14:00:00Z"), None);
        assert_eq!(wrong("daily", "2024-01-15T00:00:00Z"), None);
        let told = wrong("hourly", "2024-01-15T14:20:00Z").expect("refused");
        assert!(told.contains("2024-01-15T14:00:00Z") && told.contains("2024-01-15T15:00:00Z"), "{told}");
        let told = wrong("daily", "2024-01-15T14:00:00Z").expect("refused");
        assert!(told.contains("2024-01-15T00:00:00Z") && told.contains("2024-01-16T00:00:00Z"), "{told}");
    }

    #[test]
    fn a_slot_is_the_hour_or_the_day() {
        let at: Timestamp = "2024-01-15T14:37:12.5Z".parse().expect("an instant");
        assert_eq!(slot_of(TickType::Hourly, at).to_string(), "2024-01-15T14:00:00Z");
        assert_eq!(slot_of(TickType::Daily, at).to_string(), "2024-01-15T00:00:00Z");
    }
}
