//! Names of NPCs.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// The name of an NPC. It is one word wide and the rest lies elsewhere: of very many NPCs most have no name, and what a
/// name takes is paid by those who have one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NpcName(Box<Box<str>>);

impl Deref for NpcName {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NpcName {
    fn from(name: &str) -> Self {
        Self(Box::new(name.into()))
    }
}

impl From<String> for NpcName {
    fn from(name: String) -> Self {
        Self(Box::new(name.into_boxed_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_and_saved_as_its_text() {
        assert_eq!(size_of::<Option<NpcName>>(), 8);
        let name = NpcName::from("alex");
        assert_eq!(postcard::to_stdvec(&name), postcard::to_stdvec("alex"));
        assert_eq!(postcard::from_bytes(b"\x04alex"), Ok(name));
    }
}
