//! Flags: what is noted about an NPC, a session or a world, by key.

use std::collections::BTreeMap;

use bevy_ecs::prelude::{Component, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a flag's key at most.
pub const FLAG_KEY_MAX: usize = 128;
/// Characters of a flag's text at most.
pub const FLAG_TEXT_MAX: usize = 256;
/// Flags of an NPC at most.
pub const NPC_FLAGS_MAX: usize = 32;
/// Flags of a session at most.
pub const SESSION_FLAGS_MAX: usize = 256;
/// Flags of a world at most.
pub const WORLD_FLAGS_MAX: usize = 1_000;

/// The value of a flag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum FlagValue {
    /// Yes or no.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text of at most [`FLAG_TEXT_MAX`] characters.
    Text(Box<str>),
}

/// Flags by key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(BTreeMap<Box<str>, FlagValue>);

impl Flags {
    /// The value of a flag.
    pub fn get(&self, key: &str) -> Option<&FlagValue> {
        self.0.get(key)
    }

    /// All flags in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FlagValue)> + '_ {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a flag, or takes it away with `None`. False where that would make more than `max` flags: nothing is
    /// changed then.
    pub fn set(&mut self, key: &str, value: Option<FlagValue>, max: usize) -> bool {
        match value {
            None => {
                self.0.remove(key);
            }
            Some(_) if self.0.len() >= max && !self.0.contains_key(key) => return false,
            Some(value) => {
                self.0.insert(key.into(), value);
            }
        }
        true
    }
}

/// The flags of an NPC. Only NPCs that have any carry it.
#[derive(Component, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NpcFlags(pub Flags);

/// The flags of a world.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorldFlags(pub Flags);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_bounded() {
        let mut flags = Flags::default();
        assert!(flags.set("a", Some(FlagValue::Bool(true)), 1));
        assert!(!flags.set("b", Some(FlagValue::Bool(true)), 1), "full");
        assert!(flags.set("a", Some(FlagValue::Number(2.0)), 1), "what is there can be changed");
        assert!(flags.set("a", None, 1));
        assert!(flags.is_empty());
    }
}
