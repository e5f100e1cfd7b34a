//! Kinds of values: durations in seconds, and texts that must not be shown.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A span of wall time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Seconds(f64);

impl Seconds {
    /// So many seconds.
    pub const fn whole(seconds: u32) -> Self {
        Self(seconds as f64)
    }

    /// As the standard library has it; a number that is no duration is none at all.
    pub fn duration(self) -> Duration {
        Duration::try_from_secs_f64(self.0).unwrap_or(Duration::ZERO)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^53")]
        if self.0.fract() == 0.0 && self.0.abs() < 1e12 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }
}

/// A text that is never shown: not by `Debug`, not when it is written out.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(SecretString);

/// What stands in the place of a secret.
pub const HIDDEN: &str = "********";

impl Secret {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text. Hand it to what needs it, and to nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// As other crates take it.
    pub fn to_secret_string(&self) -> SecretString {
        self.0.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "writeOnly": true})
    }
}

/// Hides what must not be seen of a secret that is shown: of a URL the password, of anything else everything.
pub(super) fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // A path to a database holds no secret.
        return if text.starts_with("sqlite:") { text.to_owned() } else { HIDDEN.to_owned() };
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    // What follows a question mark may hold a password, or be the rest of one.
    let ending = if query.is_empty() { "" } else { "?…" };
    match place.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:{HIDDEN}"));
            format!("{scheme}://{user}@{host}{ending}")
        }
        None if query.contains('@') => format!("{scheme}://{HIDDEN}"),
        None => format!("{scheme}://{place}{ending}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_written() {
        let secret = Secret::new("hunter2");
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&secret).expect("json").contains("hunter2"));
    }

    #[test]
    fn a_database_url_keeps_what_helps_and_loses_the_password() {
        assert_eq!(redact("postgres://sim:pa:ss@db:5432/worlds"), "postgres://sim:********@db:5432/worlds");
        assert_eq!(redact("postgres://sim:a@b@db/worlds?password=x"), "postgres://sim:********@db/worlds?…");
        assert_eq!(redact("postgres://db/worlds"), "postgres://db/worlds");
        assert_eq!(redact("sqlite:./x.db"), "sqlite:./x.db");
        assert_eq!(redact("hunter2"), HIDDEN);
        assert_eq!(redact("postgres://sim:pa/ss@db/worlds"), "postgres://sim:********@db/worlds");
        assert_eq!(redact("postgres://sim:pa?ss@db/worlds"), "postgres://********");
    }

    #[test]
    fn whole_seconds_are_written_without_a_point() {
        assert_eq!(serde_json::to_string(&Seconds::whole(5)).expect("json"), "5");
        assert_eq!(serde_json::to_string(&Seconds(0.25)).expect("json"), "0.25");
        assert_eq!(Seconds(0.25).duration(), Duration::from_millis(250));
        assert_eq!(Seconds(f64::NAN).duration(), Duration::ZERO);
    }
}
