//! Commands to worlds as they are on the wire, and what is said of their outcome.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::MessageError;
use super::shapes::Object;
use super::tick::parse_json;
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;

/// The longest name of a command, and of whoever gives it.
const TEXT_MAX: usize = 200;

/// A command to a world, on the topic `world.command`. Its key is the world's id.
///
/// Fields that it does not know are let through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandMessage {
    /// Id of the command: sent twice to a world, it is carried out once.
    pub command_id: Uuid,
    /// What to do: `world.register`, `world.unregister`, `world.pause`, `world.resume`, `world.step`, `world.tick`,
    /// `world.configure`, or the name of a command that a plugin takes.
    #[schemars(length(min = 1, max = 200))]
    pub command: String,
    /// The world.
    pub world_id: WorldId,
    /// Who gives it.
    #[schemars(length(min = 1, max = 200))]
    pub issued_by: String,
    /// When it was given (wall time).
    #[schemars(with = "GameInstant")]
    pub issued_at: Timestamp,
    /// What it needs to know.
    #[serde(default)]
    pub payload: Map<String, Value>,
}

impl CommandMessage {
    /// Reads and checks a message's value.
    ///
    /// # Errors
    /// With a class and a sentence, where it is empty, not UTF-8, not JSON, of another shape, or out of bounds.
    pub fn parse(value: &[u8]) -> Result<Self, MessageError> {
        let Object(message) = parse_json::<Object<Self>>(value)?;
        let mut errors = Vec::new();
        for (name, text) in [("command", &message.command), ("issued_by", &message.issued_by)] {
            if text.is_empty() || text.chars().count() > TEXT_MAX || text.contains('\0') {
                errors.push(format!("{name} takes 1 to {TEXT_MAX} characters, and no NUL"));
            }
        }
        if errors.is_empty() { Ok(message) } else { Err(MessageError::new("out_of_bounds", errors.join("; "))) }
    }
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandOutcome {
    /// It was carried out.
    Done,
    /// It was not carried out, and nothing has changed.
    Refused,
    /// A command with this id has been taken before; what that one came to is said again where it is known.
    Duplicate,
}

impl CommandOutcome {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One thing that is wrong with a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandErrorDetail {
    /// Where in the payload: a JSON pointer.
    pub pointer: String,
    /// A short word.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// What became of a command, on the topic `world.command.result` under the key of the command's world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandResult {
    /// Id of the command.
    pub command_id: Uuid,
    /// The command.
    pub command: String,
    /// Its world.
    pub world_id: WorldId,
    /// What became of it.
    pub outcome: CommandOutcome,
    /// What it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Everything that is wrong with it, place by place, where that can be said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<CommandErrorDetail>,
    /// The world's time afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_time: Option<GameInstant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: &str = r#"{"command_id":"550e8400-e29b-41d4-a716-446655440000","command":"world.pause","world_id":"night-city","issued_by":"game-master","issued_at":"2077-01-15T14:00:00Z","payload":{"reason":"a scene"}}"#;

    #[test]
    fn the_example_round_trips_and_needs_no_payload() {
        let message = CommandMessage::parse(PAUSE.as_bytes()).expect("valid");
        let before: Value = serde_json::from_str(PAUSE).expect("JSON");
        assert_eq!(serde_json::to_value(&message).expect("JSON"), before);
        let bare = PAUSE.replace(r#","payload":{"reason":"a scene"}"#, "");
        assert!(CommandMessage::parse(bare.as_bytes()).expect("valid").payload.is_empty());
    }

    #[test]
    fn what_is_bad_is_named() {
        let class = |text: &str| CommandMessage::parse(text.as_bytes()).expect_err("refused").class;
        assert_eq!(class(""), "empty");
        assert_eq!(class("pause"), "not_json");
        assert_eq!(class("[]"), "schema");
        assert_eq!(class(&PAUSE.replace("\"command_id\"", "\"id\"")), "schema");
        assert_eq!(class(&PAUSE.replace("night-city", "Night City")), "schema");
        assert_eq!(class(&PAUSE.replace("game-master", "")), "out_of_bounds");
        assert_eq!(class(&PAUSE.replace("game-master", "a\\u0000b")), "out_of_bounds");
        assert_eq!(class(&PAUSE.replace("{\"reason\":\"a scene\"}", "[1]")), "schema");
    }
}
