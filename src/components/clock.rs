//! Game time: instants of the game's calendar and the clock of a world.

use std::fmt;
use std::str::FromStr;

use bevy_ecs::prelude::Resource;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Microseconds in an hour.
pub const MICROS_PER_HOUR: i64 = 3_600_000_000;
/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// An instant of game time: microseconds since 1970-01-01T00:00:00Z of the game's calendar.
///
/// In JSON it is an RFC 3339 date-time, in snapshots an integer. From -9999-01-02T01:59:59Z to 9999-12-30T22:00:00Z: every time zone can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GameInstant(i64);

/// A text or number that is no instant of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no date-time: write it as 2077-01-15T14:00:00Z, from -9999-01-02T01:59:59Z to 9999-12-30T22:00:00Z")]
pub struct InvalidInstant(String);

impl GameInstant {
    /// The earliest instant.
    pub const MIN: Self = Self(-377_705_023_201_000_000);
    /// The latest instant.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// The instant so many microseconds after the epoch.
    ///
    /// # Errors
    /// When it lies outside the calendar.
    pub fn from_micros(micros: i64) -> Result<Self, InvalidInstant> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(InvalidInstant(format!("{micros} µs")))
        }
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// This instant and so many microseconds more, or nothing beyond the calendar's ends.
    pub fn checked_add_micros(self, micros: i64) -> Option<Self> {
        self.0.checked_add(micros).and_then(|sum| Self::from_micros(sum).ok())
    }

    /// Microseconds from `earlier` to this instant; negative if it is later.
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The hour of the day, 0 to 23.
    pub fn hour_of_day(self) -> u8 {
        u8::try_from(self.0.rem_euclid(MICROS_PER_DAY) / MICROS_PER_HOUR).unwrap_or(0)
    }

    /// Whole hours since the epoch.
    pub fn hour_index(self) -> i64 {
        self.0.div_euclid(MICROS_PER_HOUR)
    }

    /// Whole days since the epoch.
    pub fn day_index(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or_default()
    }

    /// The calendar date: year, month 1 to 12, day 1 to 31.
    pub fn date(self) -> (i16, i8, i8) {
        let date = self.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
        (date.year(), date.month(), date.day())
    }
}

impl fmt::Display for GameInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl FromStr for GameInstant {
    type Err = InvalidInstant;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || InvalidInstant(text.chars().take(80).collect());
        let timestamp: Timestamp = text.parse().map_err(|_| refuse())?;
        Self::from_micros(timestamp.as_microsecond()).map_err(|_| refuse())
    }
}

impl Serialize for GameInstant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for GameInstant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            Self::from_micros(i64::deserialize(deserializer)?).map_err(de::Error::custom)
        }
    }
}

impl JsonSchema for GameInstant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GameInstant".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

/// What drives a world's clock. One source at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The wall clock times `timeScale`, in a step every `tickIntervalSeconds`.
    #[default]
    Live,
    /// The `game_time` of tick messages.
    Ticks,
    /// Explicit steps alone: editors and tests.
    Manual,
}

/// How fast game time runs against real time, in millionths: 60,000,000 is a game minute a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeScale(pub u64);

impl TimeScale {
    /// Parts of one.
    pub const PARTS: u64 = 1_000_000;

    /// From a factor such as 60.0, rounded to a millionth. A simulation block with a finer one is refused.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits first")]
    pub fn from_factor(factor: f64) -> Self {
        Self((factor.clamp(0.0, 1e9) * 1e6).round() as u64)
    }

    /// The factor: exactly the number that its decimals are read as.
    #[expect(clippy::cast_precision_loss, reason = "a factor of 1e9 in millionths is below 2^53")]
    pub fn factor(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// The context of [`Time<GameTime>`](bevy_time::Time): the calendar behind the elapsed time.
///
/// `Time<GameTime>` is the only time that systems see. Its `delta` is the game time of this step, its `elapsed` the
/// game time since the world's first instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GameTime {
    /// The instant at which elapsed time is zero; nothing before a `ticks` world's first tick.
    pub began: Option<GameInstant>,
    /// The present instant; nothing before a `ticks` world's first tick.
    pub now: Option<GameInstant>,
}

/// The durable clock of a world. [`Time<GameTime>`](bevy_time::Time) follows it.
#[derive(Resource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldClock {
    /// What drives it.
    pub source: ClockSource,
    /// Game time against real time, for a `live` world.
    pub scale: TimeScale,
    /// The first instant.
    pub began: Option<GameInstant>,
    /// The present instant.
    pub now: Option<GameInstant>,
    /// Game time owed from earlier steps, in millionths of a microsecond: what did not make a whole microsecond.
    pub remainder: u64,
    /// Game time of the last hourly tick that ran.
    pub last_hourly: Option<GameInstant>,
    /// Game time of the last daily tick that ran.
    pub last_daily: Option<GameInstant>,
    /// WorldSteps, hourly and daily ticks that have run: the number that random draws are keyed by.
    pub runs: u64,
    /// Inputs that changed this world.
    pub inputs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_and_write_rfc_3339() {
        let instant: GameInstant = "2024-01-15T14:00:00Z".parse().expect("an instant");
        assert_eq!(instant.to_string(), "2024-01-15T14:00:00Z");
        assert_eq!(instant.hour_of_day(), 14);
        assert_eq!(instant.date(), (2024, 1, 15));
        let with_offset: GameInstant = "2024-01-15T16:00:00+02:00".parse().expect("an instant");
        assert_eq!(with_offset, instant);
        assert!("tomorrow".parse::<GameInstant>().is_err());
    }

    #[test]
    fn the_calendar_has_ends() {
        assert_eq!(GameInstant::MAX.checked_add_micros(1), None);
        assert!(GameInstant::from_micros(i64::MAX).is_err());
        assert_eq!(GameInstant::MIN.to_string().parse(), Ok(GameInstant::MIN));
        assert_eq!(GameInstant::MAX.to_string().parse(), Ok(GameInstant::MAX));
    }

    #[test]
    fn snapshots_hold_integers_and_json_holds_text() {
        let instant: GameInstant = "2077-01-01T00:00:00Z".parse().expect("an instant");
        let bytes = postcard::to_stdvec(&instant).expect("postcard");
        assert_eq!(postcard::from_bytes::<GameInstant>(&bytes).expect("postcard"), instant);
        assert_eq!(serde_json::to_string(&instant).expect("json"), "\"2077-01-01T00:00:00Z\"");
    }
}
