//! What can be asked of sessions and of what is in focus.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commands::session_of;
use super::focus::Places;
use super::names::NpcLookup;
use super::session::{FocusEntries, FocusKind, FocusTarget, SessionId, Sessions};
use crate::components::clock::GameInstant;
use crate::world::{Answer, WorldQuery};

/// Entries of an answer at most.
pub const LIST_MAX: u32 = 500;

/// Asks which sessions run, in the order of their ids.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskSessions {
    /// Only those after this id.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many: 1 to 500.
    pub limit: u32,
}

impl WorldQuery for AskSessions {
    const NAME: &'static str = "session.list";
}

/// Asks for everything about one session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskSession {
    /// Its id.
    pub session_id: String,
}

impl WorldQuery for AskSession {
    const NAME: &'static str = "session.show";
}

/// Asks what is in focus: that of no session first, then session by session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskFocus {
    /// Entries of the list to pass over.
    #[serde(default)]
    pub skip: u32,
    /// At most so many: 1 to 500.
    pub limit: u32,
}

impl WorldQuery for AskFocus {
    const NAME: &'static str = "focus.list";
}

/// `limit` as a number of entries.
fn within(limit: u32) -> Result<usize, String> {
    match limit {
        1..=LIST_MAX => usize::try_from(limit).map_err(|error| error.to_string()),
        _ => Err(format!("limit: {limit} is not within 1 and {LIST_MAX}")),
    }
}

/// Answers [`AskSessions`].
pub(crate) fn list_sessions(In(ask): In<AskSessions>, sessions: Res<Sessions>) -> Answer {
    let limit = within(ask.limit)?;
    let wanted = |id: &SessionId| ask.after.as_deref().is_none_or(|after| id.as_str() > after);
    let mut after = sessions.iter().filter(|(id, _)| wanted(id));
    let list: Vec<Value> = (after.by_ref().take(limit))
        .map(|(id, session)| {
            json!({
                "sessionId": id,
                "started": session.started,
                "flags": session.flags.len(),
                "focus": session.focus.len(),
            })
        })
        .collect();
    Ok(json!({ "sessions": list, "more": after.next().is_some() }))
}

/// Answers [`AskSession`].
pub(crate) fn show_session(
    In(ask): In<AskSession>,
    sessions: Res<Sessions>,
    places: Res<Places>,
    npcs: NpcLookup,
) -> Answer {
    let id = session_of(Some(&ask.session_id), &sessions)?.ok_or("no session is named")?;
    let session = sessions.get(&id).ok_or("it has ended")?;
    Ok(json!({
        "sessionId": id,
        "started": session.started,
        "flags": session.flags_as_json(),
        "preferences": session.preferences,
        "focus": show_entries(&session.focus, &places, &npcs),
    }))
}

/// Answers [`AskFocus`].
pub(crate) fn list_focus(
    In(ask): In<AskFocus>,
    sessions: Res<Sessions>,
    places: Res<Places>,
    npcs: NpcLookup,
) -> Answer {
    let (skip, limit) = (usize::try_from(ask.skip).map_err(|error| error.to_string())?, within(ask.limit)?);
    let mut after = sessions.focus().skip(skip);
    let list: Vec<Value> = (after.by_ref().take(limit))
        .map(|(session, kind, target, until)| {
            let mut entry = show_entry(kind, target, until, &places, &npcs);
            entry["session"] = session.map(SessionId::as_str).into();
            entry
        })
        .collect();
    Ok(json!({ "focus": list, "more": after.next().is_some() }))
}

fn show_entries(entries: &FocusEntries, places: &Places, npcs: &NpcLookup<'_, '_>) -> Vec<Value> {
    entries.iter().map(|((kind, target), until)| show_entry(*kind, *target, *until, places, npcs)).collect()
}

fn show_entry(
    kind: FocusKind,
    target: FocusTarget,
    until: GameInstant,
    places: &Places,
    npcs: &NpcLookup<'_, '_>,
) -> Value {
    match target {
        FocusTarget::Place(place) => json!({ "kind": kind, "place": places.name_of(place), "until": until }),
        FocusTarget::Npc(id) => json!({ "kind": kind, "npc": npcs.name_of(id), "until": until }),
    }
}
