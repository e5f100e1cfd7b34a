//! Messages as what is read: how they decode and where they stand in time.

use std::sync::Arc;

use super::{BadMessage, Decode, MergeKey, Mergeable};
use crate::messages::generation::GenerationResult;
use crate::messages::{CommandMessage, MessageError, TickMessage, TickType};

/// A message that a server takes in.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// A tick.
    Tick(Box<TickMessage>),
    /// A command to a world.
    Command(Box<CommandMessage>),
}

impl Mergeable for Inbound {
    fn merge_key(&self) -> Option<MergeKey> {
        match self {
            Self::Tick(tick) => tick.merge_key(),
            // A command holds when it comes: it has no place in game time.
            Self::Command(_) => None,
        }
    }

    fn world_id(&self) -> Option<&str> {
        match self {
            Self::Tick(tick) => Mergeable::world_id(&**tick),
            Self::Command(command) => Some(command.world_id.as_str()),
        }
    }
}

impl Mergeable for TickMessage {
    fn merge_key(&self) -> Option<MergeKey> {
        let type_order = match self.data.tick_type {
            TickType::Hourly => 0,
            TickType::Daily => 1,
        };
        Some(MergeKey { game_time_micros: self.data.game_time.as_micros(), type_order })
    }

    fn world_id(&self) -> Option<&str> {
        self.world_id.as_ref().map(|id| id.as_str())
    }
}

impl From<MessageError> for BadMessage {
    fn from(error: MessageError) -> Self {
        Self { class: error.class.to_owned(), message: error.message }
    }
}

/// Decodes tick messages, whichever of the tick topics they come from. The key says nothing that counts.
pub fn decode_ticks() -> Decode<TickMessage> {
    Arc::new(|_topic, _key, value| Ok(TickMessage::parse(value.unwrap_or_default())?))
}

/// Decodes commands from this topic, answers of workers from that one, as the commands that they stand for, and ticks from
/// all others.
pub fn decode_all(commands: &str, results: &str) -> Decode<Inbound> {
    let (commands, results) = (commands.to_owned(), results.to_owned());
    Arc::new(move |topic, _key, value| {
        let value = value.unwrap_or_default();
        if topic == commands {
            Ok(Inbound::Command(Box::new(CommandMessage::parse(value)?)))
        } else if topic == results {
            Ok(Inbound::Command(Box::new(GenerationResult::parse(value)?.into_command()?)))
        } else {
            Ok(Inbound::Tick(Box::new(TickMessage::parse(value)?)))
        }
    })
}
