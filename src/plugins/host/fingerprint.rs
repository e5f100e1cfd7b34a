//! What tells a command that comes again from another one under the same id.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::orders::{Order, OrderError, Settings, StepSpan};
use super::unit::Commanded;
use crate::messages::CommandMessage;
use crate::plugins::store::CommandRow;

/// The fingerprint of a command by its name and what it asks for. Who gives it, and what the server adds to it, is no part
/// of it; the order of keys and the way that it came do not matter either.
pub(super) fn of_order(command: &str, order: &Order) -> String {
    let asked = match order {
        Order::Register { spec } => serde_json::to_value(spec).unwrap_or_default(),
        // The file that a world begins anew from is looked up, not sent.
        Order::Unregister | Order::Resume { .. } | Order::Reset { .. } => Value::Null,
        Order::Pause { reason, until, .. } => json!([reason, until]),
        Order::Step { span: StepSpan::Game(micros), steps } => json!(["game", micros, steps]),
        Order::Step { span: StepSpan::Real(micros), steps } => json!(["real", micros, steps]),
        Order::Tick { tick_type } => json!(tick_type),
        // Whoever looks again before asking again has another tag, which the first try itself may have made.
        Order::Configure { settings, dry_run, .. } => match settings {
            Settings::Patch(patch) => json!(["patch", patch, dry_run]),
            Settings::File(file) => json!(["file", file, dry_run]),
        },
        Order::Recover { retry } => json!(retry),
        Order::Command(input) => input.payload.clone(),
        Order::Ask { query, payload } => json!([query, payload]),
    };
    of_value(command, "asked", asked)
}

/// The fingerprint of a message, of which an order was made or not.
pub(super) fn of_message(message: &CommandMessage, order: &Result<Order, OrderError>) -> String {
    match order {
        Ok(order) => of_order(&message.command, order),
        Err(_) => of_value(&message.command, "unreadable", Value::Object(message.payload.clone())),
    }
}

fn of_value(command: &str, kind: &str, mut asked: Value) -> String {
    asked.sort_all_objects();
    // As JSON, so that no two of these texts run into one another.
    let text = json!([command, kind, asked]).to_string();
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |text, byte| format!("{text}{byte:02x}"))
}

/// Why a command is none that comes again, though its id is known: of one that is under way.
pub(super) fn differs_under_way(asked: &Commanded, command: &str, fingerprint: &str) -> Option<String> {
    differs(asked, command, Some(fingerprint))
}

/// The same of one that is recorded, where its world is by now of the incarnation `living`.
pub(super) fn differs_from(row: &CommandRow, asked: &Commanded, living: Option<Uuid>) -> Option<String> {
    if let Some(words) = differs(asked, &row.command, row.fingerprint.as_deref()) {
        return Some(words);
    }
    let removed = row.command == "world.unregister" && row.error.is_none() && living.is_none();
    // Rows without a fingerprint say nothing of incarnations.
    if row.fingerprint.is_none() || row.incarnation == living || removed {
        return None;
    }
    let (name, world) = (&row.command, &row.world_id);
    Some(match row.incarnation {
        Some(_) => format!(
            "this key was used for `{name}` of an earlier incarnation of world `{world}`, which is no more: take another \
             for each thing that is asked"
        ),
        None => format!(
            "this key was used for `{name}` while there was no world `{world}`: take another for each thing that is asked"
        ),
    })
}

fn differs(asked: &Commanded, command: &str, fingerprint: Option<&str>) -> Option<String> {
    if asked.head.command != command {
        return Some(format!("this key was used for `{command}` already: take another for each thing that is asked"));
    }
    fingerprint.filter(|known| *known != asked.fingerprint).map(|_| {
        format!("this key was used for another `{command}` already: take another for each thing that is asked")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::CommandInput;

    fn payload(command_id: u128, issued_by: &str, payload: Value) -> String {
        let command = "npc.pin".to_owned();
        let input = CommandInput {
            command_id: Uuid::from_u128(command_id),
            command: command.clone(),
            issued_by: issued_by.into(),
            payload,
        };
        of_order(&command, &Order::Command(input))
    }

    #[test]
    fn a_row_answers_for_its_own_request_in_its_own_incarnation() {
        use super::super::commands::{CommandHead, CommandSource};
        let head = CommandHead {
            command_id: Uuid::nil(),
            command: "world.step".into(),
            issued_by: "anna".into(),
            issued_at: 0,
            source: CommandSource::Api,
            keyed: true,
        };
        let world = crate::components::ids::WorldId::new("w").expect("an id");
        let asked = Commanded { head, world, shard: 0, fingerprint: "one".into(), incarnation: None, shock: None };
        let (now, before) = (Some(Uuid::from_u128(2)), Some(Uuid::from_u128(1)));
        let row = |command: &str, fingerprint: Option<&str>, incarnation| CommandRow {
            command: command.into(),
            fingerprint: fingerprint.map(str::to_owned),
            incarnation,
            ..CommandRow::default()
        };
        let differs = |row: CommandRow, living| differs_from(&row, &asked, living).is_some();
        assert!(!differs(row("world.step", Some("one"), now), now));
        assert!(differs(row("world.step", Some("two"), now), now));
        assert!(differs(row("world.pause", Some("one"), now), now));
        assert!(differs(row("world.step", Some("one"), before), now));
        assert!(differs(row("world.step", Some("one"), before), None));
        assert!(differs(row("world.step", Some("one"), None), now), "there was no such world");
        // Rows from before say no more than their names.
        assert!(!differs(row("world.step", None, None), now));
        assert!(differs(row("world.pause", None, None), now));
    }

    #[test]
    fn what_is_asked_counts_and_not_who_asks_or_how_it_is_written() {
        let one = payload(1, "anna", json!({"npc": "teo", "tier": "active"}));
        assert_eq!(one, payload(2, "bob", json!({"tier": "active", "npc": "teo"})));
        assert_ne!(one, payload(1, "anna", json!({"npc": "mara", "tier": "active"})));
        let step = |span| of_order("world.step", &Order::Step { span, steps: 1 });
        assert_eq!(step(StepSpan::Game(60)), step(StepSpan::Game(60)));
        assert_ne!(step(StepSpan::Game(60)), step(StepSpan::Game(61)));
        assert_ne!(step(StepSpan::Game(60)), step(StepSpan::Real(60)));
        let pause = |by: &str, reason: &str| {
            of_order("world.pause", &Order::Pause { reason: reason.into(), by: by.into(), until: None })
        };
        assert_eq!(pause("anna", "lunch"), pause("bob", "lunch"));
        assert_ne!(pause("anna", "lunch"), pause("anna", "tea"));
        let configure = |scale: u32, tag: &str| {
            let (settings, if_match) = (Settings::Patch(json!({ "timeScale": scale })), Some(tag.into()));
            of_order("world.configure", &Order::Configure { settings, if_match, dry_run: false, by: "anna".into() })
        };
        assert_eq!(configure(60, "\"a\""), configure(60, "\"b\""));
        assert_ne!(configure(60, "\"a\""), configure(61, "\"a\""));
        assert_ne!(of_order("world.unregister", &Order::Unregister), of_order("world.resume", &Order::Unregister));
        assert_eq!(one.len(), 64);
    }
}
