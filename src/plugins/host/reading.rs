//! From a command as it is on the wire to what it asks of its world.

use serde_json::{Map, Value};

use super::orders::{Order, OrderError, Settings, StepSpan};
use crate::config::{Flaw, check_world};
use crate::messages::{CommandInput, CommandMessage, TickType};
use crate::systems::npc::extend::Extensions;

/// What a command asks of its world, whose plugins have added these conditions, effects and factors.
///
/// # Errors
/// With everything that is wrong with its payload.
pub fn order_of(message: &CommandMessage, extensions: &Extensions) -> Result<Order, OrderError> {
    let mut payload = Payload { fields: message.payload.clone(), flaws: Vec::new() };
    let by = message.issued_by.clone();
    let order = match message.command.as_str() {
        "world.register" => {
            let file = payload.fields.remove("world");
            let spec =
                file.ok_or_else(|| vec![Flaw::new("/world", "required", "`world` is missing: give the world file")]);
            match spec.and_then(|file| check_world(&file, extensions).map_err(|flaws| inside("/world", flaws))) {
                Ok(spec) => Order::Register { spec: Box::new(spec) },
                Err(flaws) => return Err(OrderError::Invalid(flaws)),
            }
        }
        "world.unregister" => Order::Unregister,
        "world.pause" => {
            let reason = payload.text("reason").unwrap_or_else(|| "no reason given".into());
            let until = payload.text("until").and_then(|until| match until.parse::<jiff::Timestamp>() {
                Ok(until) => Some(until.as_microsecond()),
                Err(_) => {
                    payload.flaw("until", "format", "write it as 2077-01-15T14:00:00Z");
                    None
                }
            });
            Order::Pause { reason, by, until }
        }
        "world.resume" => Order::Resume { by },
        "world.step" => {
            let (span, steps) = payload.step();
            Order::Step { span, steps }
        }
        "world.tick" => {
            let tick_type = match payload.text("tick_type").as_deref() {
                None | Some("hourly" | "game_hour") => TickType::Hourly,
                Some("daily" | "game_day") => TickType::Daily,
                Some(_) => {
                    payload.flaw("tick_type", "enum", "it is hourly or daily");
                    TickType::Hourly
                }
            };
            Order::Tick { tick_type }
        }
        "world.configure" => {
            let patch = payload.fields.remove("patch");
            if !patch.as_ref().is_some_and(Value::is_object) {
                payload.flaw("patch", "type", "give a JSON Merge Patch of the simulation block: an object");
            }
            let if_match = payload.text("if_match");
            let settings = Settings::Patch(patch.unwrap_or_default());
            Order::Configure { settings, if_match, dry_run: false, by }
        }
        // Whoever could say these would let jobs go past all limits.
        "generation.admit" | "generation.hold" => {
            let words = format!("`{}` is said by the server alone: see /api/v1/generation/limits", message.command);
            return Err(OrderError::Refused(words));
        }
        // Ids of jobs begin anew with their world: without it, an answer could be taken for one to another job.
        "generation.result" if !payload.fields.get("incarnation").is_some_and(Value::is_string) => {
            let words = "give the `incarnation` of the request";
            return Err(OrderError::Invalid(vec![Flaw::new("/incarnation", "required", words)]));
        }
        // What plugins take, under whatever name; the world refuses what none of them knows.
        _ => {
            return Ok(Order::Command(CommandInput {
                command_id: message.command_id,
                command: message.command.clone(),
                issued_by: by,
                payload: Value::Object(message.payload.clone()),
            }));
        }
    };
    payload.finish(order)
}

fn inside(pointer: &str, flaws: Vec<Flaw>) -> Vec<Flaw> {
    flaws.into_iter().map(|flaw| Flaw { pointer: format!("{pointer}{}", flaw.pointer), ..flaw }).collect()
}

/// Takes what is known out of a payload; what is left is unknown.
struct Payload {
    fields: Map<String, Value>,
    flaws: Vec<Flaw>,
}

impl Payload {
    fn flaw(&mut self, name: &str, code: &str, detail: &str) {
        self.flaws.push(Flaw::new(format!("/{name}"), code, detail));
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.fields.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= 500 && !text.contains('\0') => Some(text),
            Some(_) => {
                self.flaw(name, "type", "it must be a text of at most 500 characters, without NUL");
                None
            }
        }
    }

    fn number(&mut self, name: &str) -> Option<f64> {
        match self.fields.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                if value.as_f64().is_none() {
                    self.flaw(name, "type", "it must be a number");
                }
                value.as_f64()
            }
        }
    }

    fn step(&mut self) -> (StepSpan, u32) {
        let (game, real, times) = (self.number("game_seconds"), self.number("real_seconds"), self.number("times"));
        match StepSpan::of(game, real, times) {
            Ok(step) => step,
            Err((name, detail)) => {
                self.flaw(name, "out_of_bounds", &detail);
                (StepSpan::Game(1), 1)
            }
        }
    }

    fn finish(mut self, order: Order) -> Result<Order, OrderError> {
        for name in std::mem::take(&mut self.fields).keys() {
            self.flaw(name, "unknown_key", "this command does not know it: remove it");
        }
        if self.flaws.is_empty() { Ok(order) } else { Err(OrderError::Invalid(self.flaws)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn command(name: &str, payload: Value) -> Result<Order, OrderError> {
        let message = json!({
            "command_id": Uuid::nil(), "command": name, "world_id": "w", "issued_by": "gm",
            "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
        });
        order_of(&CommandMessage::parse(message.to_string().as_bytes()).expect("a command"), &Extensions::default())
    }

    fn pointers(result: Result<Order, OrderError>) -> Vec<String> {
        let Err(OrderError::Invalid(flaws)) = result else { panic!("{result:?}") };
        flaws.into_iter().map(|flaw| flaw.pointer).collect()
    }

    #[test]
    fn commands_become_orders() {
        let pause = command("world.pause", json!({"reason": "a scene", "until": "1970-01-01T00:00:01Z"}));
        let expected = Order::Pause { reason: "a scene".into(), by: "gm".into(), until: Some(1_000_000) };
        assert_eq!(pause, Ok(expected));
        assert_eq!(command("world.resume", json!({})), Ok(Order::Resume { by: "gm".into() }));
        let step = command("world.step", json!({"real_seconds": 0.5, "times": 4}));
        assert_eq!(step, Ok(Order::Step { span: StepSpan::Real(2_000_000), steps: 4 }));
        let Ok(Order::Register { spec }) = command("world.register", json!({"world": {"id": "w"}})) else { panic!() };
        assert_eq!(spec.id.as_str(), "w");
        assert!(matches!(command("economy.set_tax", json!({"rate": 1})), Ok(Order::Command(_))));
        assert!(matches!(command("world.set_flag", json!({"key": "a", "value": 1})), Ok(Order::Command(_))));
    }

    #[test]
    fn nobody_outside_lets_jobs_go_or_answers_for_a_world_that_is_not_named() {
        for name in ["generation.admit", "generation.hold"] {
            let told = command(name, json!({"jobIds": [1]}));
            assert!(matches!(&told, Err(OrderError::Refused(words)) if words.contains("server alone")), "{told:?}");
        }
        let answer = json!({"jobId": 1, "attempt": 1, "status": "succeeded"});
        assert_eq!(pointers(command("generation.result", answer.clone())), ["/incarnation"]);
        let mut named = answer;
        named["incarnation"] = json!(Uuid::nil());
        assert!(matches!(command("generation.result", named), Ok(Order::Command(_))));
    }

    #[test]
    fn everything_wrong_with_a_payload_is_told() {
        let wrong = command("world.pause", json!({"reason": 5, "until": "tomorrow", "colour": "red"}));
        assert_eq!(pointers(wrong), ["/reason", "/until", "/colour"]);
        assert_eq!(pointers(command("world.step", json!({"game_seconds": -1}))), ["/game_seconds"]);
        assert_eq!(pointers(command("world.step", json!({"game_seconds": 1, "real_seconds": 1}))), ["/real_seconds"]);
        assert_eq!(pointers(command("world.tick", json!({"tick_type": "weekly"}))), ["/tick_type"]);
        assert_eq!(pointers(command("world.configure", json!({"patch": 7}))), ["/patch"]);
        assert_eq!(pointers(command("world.register", json!({}))), ["/world"]);
        assert_eq!(pointers(command("world.register", json!({"world": {"id": "w", "seeed": 1}}))), ["/world/seeed"]);
    }
}
