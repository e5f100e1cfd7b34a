//! Sessions: the playthroughs that run in a world, with their flags, preferences and what they have in focus.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::json_text;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::npc::PlaceId;
use crate::components::tier::{SimulationTier, TierReason, TierWish};
use crate::world::spec::PreferencesSpec;

/// The id of a session: 1 to 64 of letters, digits, `.`, `_`, `:` and `-`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(Arc<str>);

/// A text that is no session id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no session id: it takes 1 to 64 letters, digits, `.`, `_`, `:` and `-`")]
pub struct InvalidSessionId(String);

impl SessionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
            return Err(InvalidSessionId(text.chars().take(80).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.0.as_ref().into()
    }
}

/// Why something is in focus. Ordered from what counts most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FocusKind {
    /// A player is there: detailed, priority 1,000.
    PlayerLocation,
    /// A scene runs: detailed, priority 900.
    Scene,
    /// A story runs: active, priority 800.
    Story,
}

impl FocusKind {
    /// What focus of this kind wishes for an NPC.
    pub fn wish(self) -> TierWish {
        let (tier, priority, reason) = match self {
            Self::PlayerLocation => (SimulationTier::Detailed, 1_000, TierReason::PlayerLocation),
            Self::Scene => (SimulationTier::Detailed, 900, TierReason::Scene),
            Self::Story => (SimulationTier::Active, 800, TierReason::Story),
        };
        TierWish { tier, priority, reason }
    }
}

/// What is in focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FocusTarget {
    /// Everybody who is at a place.
    Place(PlaceId),
    /// One NPC.
    Npc(StableId),
}

/// What is in focus and until when.
pub type FocusEntries = BTreeMap<(FocusKind, FocusTarget), GameInstant>;

/// One playthrough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When it began, in world time.
    pub started: GameInstant,
    /// Its flags, each a JSON value as text: [`flag`](Self::flag) reads them.
    pub flags: BTreeMap<String, String>,
    /// Preferences that go before those of NPCs and routines.
    #[serde(with = "json_text")]
    pub preferences: PreferencesSpec,
    /// What it has in focus.
    pub focus: FocusEntries,
}

impl Session {
    /// A session that begins now.
    pub fn new(started: GameInstant) -> Self {
        Self { started, flags: BTreeMap::new(), preferences: PreferencesSpec::default(), focus: FocusEntries::new() }
    }

    /// The value of a flag.
    pub fn flag(&self, key: &str) -> Option<Value> {
        self.flags.get(key).and_then(|text| serde_json::from_str(text).ok())
    }

    /// All flags.
    pub fn flags_as_json(&self) -> Map<String, Value> {
        self.flags.keys().map(|key| (key.clone(), self.flag(key).unwrap_or_default())).collect()
    }
}

/// The sessions of a world. Persisted; only commands and the end of focus change it.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    /// What is in focus without a session.
    pub(crate) unbound: FocusEntries,
}

impl Sessions {
    /// A session by its id.
    pub fn get(&self, id: &SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// All sessions in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&SessionId, &Session)> {
        self.sessions.iter()
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// All focus entries, those of no session first.
    pub fn focus(&self) -> impl Iterator<Item = (Option<&SessionId>, FocusKind, FocusTarget, GameInstant)> {
        let bound = self.sessions.iter().map(|(id, session)| (Some(id), &session.focus));
        std::iter::once((None, &self.unbound))
            .chain(bound)
            .flat_map(|(id, entries)| entries.iter().map(move |((kind, target), until)| (id, *kind, *target, *until)))
    }

    /// Until when something is in focus.
    pub fn until(&self, id: Option<&SessionId>, kind: FocusKind, target: FocusTarget) -> Option<GameInstant> {
        let entries = match id {
            None => &self.unbound,
            Some(id) => &self.sessions.get(id)?.focus,
        };
        entries.get(&(kind, target)).copied()
    }

    pub(crate) fn entries(&mut self, id: Option<&SessionId>) -> Option<&mut FocusEntries> {
        match id {
            None => Some(&mut self.unbound),
            Some(id) => self.sessions.get_mut(id).map(|session| &mut session.focus),
        }
    }
}

/// Which NPCs operators have pinned into which tier. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    pub(crate) pins: BTreeMap<StableId, SimulationTier>,
}

impl Pins {
    /// The tier that an NPC is pinned into.
    pub fn get(&self, id: StableId) -> Option<SimulationTier> {
        self.pins.get(&id).copied()
    }

    /// All pins in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (StableId, SimulationTier)> + '_ {
        self.pins.iter().map(|(id, tier)| (*id, *tier))
    }

    /// How many NPCs are pinned.
    pub fn len(&self) -> usize {
        self.pins.len()
    }

    /// Whether no NPC is pinned.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_survive_a_snapshot() {
        let now = GameInstant::from_micros(1).expect("in the calendar");
        let mut session = Session::new(now);
        session.flags.insert("door".into(), "{\"open\":true}".into());
        session.preferences.night_owl = Some(true);
        session.focus.insert((FocusKind::Scene, FocusTarget::Npc(StableId(4))), now);
        let mut sessions = Sessions::default();
        sessions.sessions.insert("a".parse().expect("an id"), session);
        let bytes = postcard::to_stdvec(&sessions).expect("postcard");
        let again: Sessions = postcard::from_bytes(&bytes).expect("postcard");
        assert_eq!(again, sessions);
        let session = again.get(&"a".parse().expect("an id")).expect("it is there");
        assert_eq!(session.flag("door"), Some(serde_json::json!({"open": true})));
    }

    #[test]
    fn session_ids_take_plain_text() {
        assert!("550e8400-e29b-41d4-a716-446655440000".parse::<SessionId>().is_ok());
        for bad in ["", "a b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }
}
