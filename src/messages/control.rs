//! Events of what people do to a world as a whole.

use bevy_ecs::event::Event;
use bevy_ecs::message::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SimulationEvent;
use crate::world::spec::WorldSimulationConfig;

/// A world's time stands still from now on.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorldPaused {
    /// The world, which is the key; the envelope says it.
    #[serde(skip)]
    pub world: String,
    /// Why, in the words of who paused it.
    pub reason: String,
    /// Who paused it.
    pub by: String,
    /// Until when, if it goes on by itself (wall time, RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
}

/// A world's time goes on.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorldResumed {
    /// The world, which is the key; the envelope says it.
    #[serde(skip)]
    pub world: String,
    /// Who resumed it; `until` where the pause had reached its end.
    pub by: String,
}

/// A world is simulated otherwise from its next step on.
#[derive(Message, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorldConfigChanged {
    /// The world, which is the key; the envelope says it.
    #[serde(skip)]
    pub world: String,
    /// Who changed it.
    pub by: String,
    /// What is different now, in the order of the pointers.
    pub changes: Vec<ValueChange>,
}

/// A value that is another one now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValueChange {
    /// Where: a JSON pointer into the block `meta.simulation`, such as `/timeScale`.
    pub pointer: String,
    /// What it was; null where it was not given.
    pub from: Value,
    /// What it is; null where it is not given any more.
    pub to: Value,
}

/// The resource [`WorldSimulationConfig`] has another value from now on. Triggered between steps.
#[derive(Event, Debug, Clone)]
pub struct SimulationReconfigured {
    /// What held before.
    pub before: WorldSimulationConfig,
}

/// What differs between two JSON values, object by object, in the order of the pointers. Lists are compared as a whole.
pub fn differences(from: &Value, to: &Value) -> Vec<ValueChange> {
    let mut changes = Vec::new();
    compare("", from, to, &mut changes);
    changes
}

fn compare(pointer: &str, from: &Value, to: &Value, changes: &mut Vec<ValueChange>) {
    match (from, to) {
        (Value::Object(before), Value::Object(after)) => {
            let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                let value = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or_default();
                compare(&pointer, &value(before), &value(after), changes);
            }
        }
        _ if from == to => {}
        _ => changes.push(ValueChange { pointer: pointer.to_owned(), from: from.clone(), to: to.clone() }),
    }
}

macro_rules! control_event {
    ($event:ty, $name:literal, $example:expr) => {
        impl SimulationEvent for $event {
            const EVENT_TYPE: &'static str = concat!("simulation.event.", $name);
            const SOURCE: &'static str = "world.control";

            fn key(&self) -> String {
                self.world.clone()
            }

            fn example() -> Self {
                $example
            }
        }
    };
}

control_event!(
    WorldPaused,
    "world_paused",
    Self {
        world: "night-city".to_owned(),
        reason: "a scene is being rehearsed".to_owned(),
        by: "ops".to_owned(),
        until: Some("2026-03-01T12:00:00Z".to_owned()),
    }
);
control_event!(WorldResumed, "world_resumed", Self { world: "night-city".to_owned(), by: "until".to_owned() });
control_event!(
    WorldConfigChanged,
    "world_config_changed",
    Self {
        world: "night-city".to_owned(),
        by: "ops".to_owned(),
        changes: vec![
            ValueChange { pointer: "/tiers/dormant/share".to_owned(), from: Value::Null, to: 20.into() },
            ValueChange { pointer: "/timeScale".to_owned(), from: 60.0.into(), to: 120.0.into() },
        ],
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_name_the_innermost_place() {
        let from = json!({"a": 1, "b": {"c": 2, "d": 3}, "l": [1], "gone/": true});
        let to = json!({"a": 1, "b": {"c": 2, "d": 4}, "l": [1, 2], "new": null, "more": 0});
        let told: Vec<(String, Value, Value)> =
            differences(&from, &to).into_iter().map(|c| (c.pointer, c.from, c.to)).collect();
        let expected = [
            ("/b/d", json!(3), json!(4)),
            ("/gone~1", json!(true), Value::Null),
            ("/l", json!([1]), json!([1, 2])),
            ("/more", Value::Null, json!(0)),
        ];
        assert_eq!(told, expected.map(|(pointer, from, to)| (pointer.to_owned(), from, to)));
        assert!(differences(&from, &from).is_empty());
    }
}
