//! The shapes of what commands of plugins take: a payload is held against its schema before a world sees it, so that
//! everything that is wrong with it is told at once, place by place.

use std::collections::BTreeMap;

use serde_json::Value;

use super::orders::OrderError;
use crate::config::Shape;
use crate::messages::CommandInput;

/// The shapes of payloads, by the names of the commands.
#[derive(Default)]
pub struct Payloads(BTreeMap<String, Shape>);

impl Payloads {
    /// Those of a catalogue as worlds give it.
    pub fn of(catalogue: &Value) -> Self {
        let commands = catalogue.get("commands").and_then(Value::as_object).into_iter().flatten();
        let shape = |info: &Value| info.get("schema").cloned().map(Shape::new);
        Self(commands.filter_map(|(name, info)| Some((name.clone(), shape(info)?))).collect())
    }

    /// Whether a command has the shape that it must have. One that nobody knows is for the world to refuse.
    pub(super) fn check(&self, command: &CommandInput) -> Result<(), OrderError> {
        let flaws = self.0.get(&command.command).map(|shape| shape.flaws(&command.payload)).unwrap_or_default();
        if flaws.is_empty() { Ok(()) } else { Err(OrderError::Invalid(flaws)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn everything_wrong_with_a_payload_is_told_by_its_place() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["tier"],
            "properties": { "npc": {"type": "string"}, "tier": {"type": "string"} },
        });
        let payloads = Payloads::of(&json!({ "commands": { "npc.pin": { "name": "npc.pin", "schema": schema } } }));
        let check = |command: &str, payload: Value| {
            let (command, issued_by) = (command.to_owned(), "anna".to_owned());
            payloads.check(&CommandInput { command_id: Uuid::nil(), command, issued_by, payload })
        };
        assert_eq!(check("npc.pin", json!({"tier": "active"})), Ok(()));
        assert_eq!(check("nobody.knows", json!({"a": 1})), Ok(()));
        let Err(OrderError::Invalid(flaws)) = check("npc.pin", json!({"npc": 7, "teir": "active"})) else { panic!() };
        let mut told: Vec<(&str, &str)> = flaws.iter().map(|f| (f.pointer.as_str(), f.code.as_str())).collect();
        told.sort_unstable();
        assert_eq!(told, [("", "required"), ("/npc", "type"), ("/teir", "unknown_key")]);
    }
}
