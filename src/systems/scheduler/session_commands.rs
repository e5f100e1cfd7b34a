//! What can be ordered of sessions: start, end, set.

// time: sessions: their beginning | world | `WorldClock` | a command of the world

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::assign::reconsider_target;
use super::commands::session_of;
use super::focus::{FocusIndex, Places};
use super::roster::Roster;
use super::session::{InvalidSessionId, Session, SessionId, Sessions};
use crate::components::clock::WorldClock;
use crate::systems::npc::compile::token;
use crate::systems::npc::flag_key::flag_value;
use crate::world::spec::{PreferencesSpec, WorldSpec, is_control};
use crate::world::{Answer, WorldCommand};

/// Sessions at once in a world whose file does not speak of NPCs.
pub const SESSIONS_DEFAULT: u32 = 100;
/// What a world says of a session that is to start where one more cannot.
pub const RUNS_ALREADY: &str = "already";
/// How a world begins its answer where its time has not begun.
pub const NOT_YET: &str = "the world's clock has not begun";
/// Flags of a session at most.
pub const FLAGS_MAX: usize = 256;
/// Bytes of a flag's key at most.
pub const FLAG_KEY_MAX: usize = 128;
/// Bytes of a flag's value at most, as JSON.
pub const FLAG_VALUE_MAX: usize = 1_024;
/// Bytes of a session's preferences at most, as JSON.
pub const PREFERENCES_MAX: usize = 16_384;

/// Starts a session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartSession {
    /// Its id: 1 to 64 letters, digits, `.`, `_`, `:` and `-`.
    pub session_id: String,
    /// Its flags: at most 256, each true, false, a number or a text of at most 256 characters.
    #[serde(default)]
    pub flags: Map<String, Value>,
    /// Preferences that go before those of NPCs and routines while it has them in focus.
    #[serde(default)]
    pub preferences: Option<PreferencesSpec>,
}

impl WorldCommand for StartSession {
    const NAME: &'static str = "session.start";
}

/// Ends a session, and with it its focus, its flags and its preferences.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndSession {
    /// Its id.
    pub session_id: String,
}

impl WorldCommand for EndSession {
    const NAME: &'static str = "session.end";
}

/// Changes flags and preferences of a session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetSession {
    /// Its id.
    pub session_id: String,
    /// Flags to set, each to true, false, a number or a text of at most 256 characters; null takes one away. The others
    /// stay.
    #[serde(default)]
    pub flags: Map<String, Value>,
    /// Preferences instead of those that it has.
    #[serde(default)]
    pub preferences: Option<PreferencesSpec>,
}

impl WorldCommand for SetSession {
    const NAME: &'static str = "session.set";
}

/// Says everything that is wrong with the preferences of a session in this world. Set by the domain that reads them, which
/// knows their names; without one only their bounds are looked at.
#[derive(Resource, Debug, Clone, Copy)]
pub struct PreferenceCheck(pub fn(&World, &PreferencesSpec) -> Vec<String>);

/// What the check of the world says of the preferences of an order, where it has one.
fn checked(world: &World, preferences: Option<&PreferencesSpec>) -> Option<Vec<String>> {
    let check = world.get_resource::<PreferenceCheck>()?;
    preferences.map(|preferences| (check.0)(world, preferences))
}

/// Takes [`StartSession`].
pub(crate) fn start_session(In(order): In<StartSession>, world: &mut World) -> Answer {
    let now = world.resource::<WorldClock>().now;
    let now = now.ok_or_else(|| format!("{NOT_YET}: it waits for its first tick"))?;
    let id: SessionId = order.session_id.parse().map_err(|error: InvalidSessionId| error.to_string())?;
    let found = checked(world, order.preferences.as_ref());
    let npcs = world.resource::<WorldSpec>().npcs.as_ref();
    let most = npcs.map_or(SESSIONS_DEFAULT, |npcs| npcs.max_sessions);
    let sessions = world.resource::<Sessions>();
    if sessions.get(&id).is_some() {
        return Err(format!("session `{id}` runs {RUNS_ALREADY}"));
    }
    if sessions.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
        return Err(format!("{most} sessions run {RUNS_ALREADY}, and npcs.maxSessions allows no more"));
    }
    let mut session = Session::new(now);
    change(&mut session, &order.flags, order.preferences, found)?;
    let answer = json!({ "sessionId": id, "started": now });
    world.resource_mut::<Sessions>().sessions.insert(id, session);
    Ok(answer)
}

/// Takes [`EndSession`].
pub(crate) fn end_session(
    In(order): In<EndSession>,
    places: Res<Places>,
    mut sessions: ResMut<Sessions>,
    mut focus: ResMut<FocusIndex>,
    mut roster: ResMut<Roster>,
) -> Answer {
    let id = session_of(Some(&order.session_id), &sessions)?.ok_or("no session is named")?;
    let Some(session) = sessions.sessions.remove(&id) else { return Err("it has ended".into()) };
    for ((kind, target), until) in &session.focus {
        focus.remove(Some(id.clone()), *kind, *target, *until);
        reconsider_target(&mut roster, &places, *target);
    }
    Ok(json!({ "sessionId": id, "started": session.started, "focusEnded": session.focus.len() }))
}

/// Takes [`SetSession`].
pub(crate) fn set_session(In(order): In<SetSession>, world: &mut World) -> Answer {
    let found = checked(world, order.preferences.as_ref());
    let sessions = world.resource::<Sessions>();
    let id = session_of(Some(&order.session_id), sessions)?.ok_or("no session is named")?;
    let Some(mut session) = sessions.get(&id).cloned() else { return Err("it has ended".into()) };
    change(&mut session, &order.flags, order.preferences, found)?;
    let answer = json!({ "sessionId": id, "flags": session.flags_as_json() });
    world.resource_mut::<Sessions>().sessions.insert(id, session);
    Ok(answer)
}

/// Changes a session that is thrown away when something is wrong; all that is wrong is said.
fn change(
    session: &mut Session,
    flags: &Map<String, Value>,
    preferences: Option<PreferencesSpec>,
    found: Option<Vec<String>>,
) -> Result<(), String> {
    let mut errors = Vec::new();
    for (key, value) in flags {
        let shown: String = key.chars().take(FLAG_KEY_MAX).collect();
        let at = format!("/flags/{}", token(&shown));
        let text = value.to_string();
        if key.is_empty() || key.len() > FLAG_KEY_MAX || key.chars().any(is_control) {
            errors.push(format!("{at}: the key `{shown}` is not 1 to {FLAG_KEY_MAX} bytes of printable characters"));
        } else if text.len() > FLAG_VALUE_MAX {
            errors.push(format!("{at}: its value is longer than {FLAG_VALUE_MAX} bytes"));
        } else if let Err(error) = flag_value(value) {
            // Conditions could never see it.
            errors.push(format!("{at}: {error}"));
        } else if value.is_null() {
            session.flags.remove(key);
        } else {
            session.flags.insert(key.clone(), text);
        }
    }
    if session.flags.len() > FLAGS_MAX {
        errors.push(format!("/flags: {} are more than the {FLAGS_MAX} that a session has", session.flags.len()));
    }
    if let Some(preferences) = preferences {
        match found {
            Some(found) => errors.extend(found),
            None => check_bounds(&preferences, &mut errors),
        }
        let length = serde_json::to_string(&preferences).map_or(usize::MAX, |text| text.len());
        if length > PREFERENCES_MAX {
            errors.push(format!("/preferences: they are longer than {PREFERENCES_MAX} bytes"));
        }
        session.preferences = preferences;
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

fn check_bounds(preferences: &PreferencesSpec, errors: &mut Vec<String>) {
    let all = [
        ("activityWeights", &preferences.activity_weights, 1.0),
        ("categoryWeights", &preferences.category_weights, 1.0),
        ("traitModifiers", &preferences.trait_modifiers, 100.0),
    ];
    for (field, weights, most) in all {
        for (key, weight) in weights.iter().filter(|(_, weight)| !(0.0..=most).contains(*weight)) {
            errors.push(format!("/preferences/{field}/{}: {weight} is not within 0 and {most}", token(key)));
        }
    }
}
