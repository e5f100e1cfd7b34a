//! Tick messages as what is read: how they decode and where they stand in time.

use std::sync::Arc;

use super::{BadMessage, Decode, MergeKey, Mergeable};
use crate::messages::{MessageError, TickMessage, TickType};

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
