//! Where a flag is and what it is called.

use std::fmt;

use serde_json::Value;

use crate::components::npc::{FLAG_KEY_MAX, FLAG_TEXT_MAX, FlagValue};
use crate::world::spec::is_control;

/// What stands for the NPC in a key.
const PLACEHOLDER: &str = "{npc.id}";

/// Whose flag it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagScope {
    /// The first of NPC, session and world that has it; written, it is the NPC's.
    Any,
    /// The NPC's.
    Npc,
    /// The session's in whose focus the NPC is.
    Session,
    /// The world's.
    World,
}

/// A flag as the world file names it: `world.curfew`, `session.met`, `npc.tired`, or without a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagKey {
    /// Whose.
    pub scope: FlagScope,
    key: Box<str>,
    has_placeholder: bool,
}

impl FlagKey {
    /// Reads a key with the place that it may begin with.
    ///
    /// # Errors
    /// When it is empty, too long, or has a character that prints nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scope, key) = match text.split_once('.') {
            Some(("npc", key)) => (FlagScope::Npc, key),
            Some(("session", key)) => (FlagScope::Session, key),
            Some(("world", key)) => (FlagScope::World, key),
            _ => (FlagScope::Any, text),
        };
        check_key(key)?;
        Ok(Self { scope, key: key.into(), has_placeholder: key.contains(PLACEHOLDER) })
    }

    /// A key that is looked for in all places.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn anywhere(key: &str) -> Result<Self, String> {
        Ok(Self { scope: FlagScope::Any, ..Self::parse(&format!("npc.{key}"))? })
    }

    /// The key without its place, for an NPC whose id is put in by `name`.
    pub fn with_key<T>(&self, name: impl FnOnce() -> String, then: impl FnOnce(&str) -> T) -> T {
        if self.has_placeholder { then(&self.key.replace(PLACEHOLDER, &name())) } else { then(&self.key) }
    }
}

impl fmt::Display for FlagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.scope {
            FlagScope::Any => "",
            FlagScope::Npc => "npc.",
            FlagScope::Session => "session.",
            FlagScope::World => "world.",
        };
        write!(f, "{place}{}", self.key)
    }
}

/// Whether a text can be a flag's key.
///
/// # Errors
/// With a sentence that says why not.
pub fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.chars().count() > FLAG_KEY_MAX || key.chars().any(is_control) {
        return Err(format!("a flag's key has 1 to {FLAG_KEY_MAX} printable characters"));
    }
    Ok(())
}

/// A flag's value from JSON; `null` takes the flag away.
///
/// # Errors
/// For lists, objects, and texts that are too long.
pub fn flag_value(value: &Value) -> Result<Option<FlagValue>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(held) => Ok(Some(FlagValue::Bool(*held))),
        Value::Number(number) => match number.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(FlagValue::Number(number))),
            None => Err(format!("{number} is too large for a flag")),
        },
        Value::String(text) if text.chars().count() <= FLAG_TEXT_MAX => Ok(Some(FlagValue::Text(text.as_str().into()))),
        Value::String(_) => Err(format!("a flag's text has at most {FLAG_TEXT_MAX} characters")),
        Value::Array(_) | Value::Object(_) => Err("a flag is true, false, a number or a text".into()),
    }
}

/// A flag's value as JSON.
pub fn flag_json(value: &FlagValue) -> Value {
    match value {
        FlagValue::Bool(held) => Value::from(*held),
        FlagValue::Number(number) => Value::from(*number),
        FlagValue::Text(text) => Value::from(text.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_places_and_placeholders() {
        let key = FlagKey::parse("world.met_{npc.id}").expect("a key");
        assert_eq!(key.scope, FlagScope::World);
        assert_eq!(key.with_key(|| "anna".into(), str::to_owned), "met_anna");
        assert_eq!(key.to_string(), "world.met_{npc.id}");
        assert_eq!(FlagKey::parse("met").expect("a key").scope, FlagScope::Any);
        assert_eq!(FlagKey::parse("{npc.id}.met").expect("a key").scope, FlagScope::Any);
        assert!(FlagKey::parse("world.").is_err() && FlagKey::parse("").is_err());
        assert!(FlagKey::parse(&"x".repeat(129)).is_err());
    }
}
