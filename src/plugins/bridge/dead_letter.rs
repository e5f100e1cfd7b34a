//! Records for messages that could not be used: key and value as they came, headers that say why.

use std::borrow::Cow;

use serde_json::json;
use uuid::Uuid;

use crate::plugins::store::{DeadLetterRow, OutboxRow};

/// What the topic of the dead letters of a topic is called.
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}.dlq")
}

/// The event type of dead letters, for lists and metrics.
pub const DEAD_LETTER_EVENT_TYPE: &str = "dead_letter";

/// Kafka's own bytes around a record and its batch, generously.
const RECORD_OVERHEAD: usize = 256;
/// The most bytes of an error message that a header carries; the table has all of it.
const MESSAGE_BYTES_MAX: usize = 2_048;
/// A key up to this size stays with the reference to a letter that is too large itself.
const REFERENCE_KEY_BYTES_MAX: usize = 1_024;

/// The size of a record as a broker counts it, rounded up.
pub fn record_size(row: &OutboxRow) -> usize {
    let headers: usize = row.headers.iter().map(|(name, value)| name.len() + value.len() + 10).sum();
    row.key.as_ref().map_or(0, Vec::len) + row.body.as_ref().map_or(0, Vec::len) + headers + RECORD_OVERHEAD
}

/// Builds the record for `letter`. Its outbox id is left at 0 for the engine to set.
///
/// `message_bytes_max` is what the dead-letter topic takes. A letter that does not fit is published as a reference:
/// the headers, and a value that says where the bytes are kept.
pub fn dead_letter(
    letter: &DeadLetterRow,
    event_id: Uuid,
    attempts: u32,
    message_bytes_max: usize,
    created_at: i64,
) -> OutboxRow {
    let mut row = OutboxRow {
        shard: letter.shard,
        event_id,
        topic: dead_letter_topic(&letter.topic),
        event_type: DEAD_LETTER_EVENT_TYPE.to_owned(),
        key: letter.key.clone(),
        headers: headers(letter, attempts),
        body: letter.value.clone(),
        created_at,
        ..OutboxRow::default()
    };
    if record_size(&row) > message_bytes_max {
        let reference = json!({
            "dead_letter": "reference",
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "key_bytes": letter.key.as_ref().map(Vec::len),
            "value_bytes": letter.value.as_ref().map(Vec::len),
            "error_class": letter.error_class,
            "kept_in": "dead_letter table of the store",
        });
        row.headers.push(("dlq.reference".to_owned(), b"true".to_vec()));
        row.key = row.key.filter(|key| key.len() <= REFERENCE_KEY_BYTES_MAX);
        row.body = Some(reference.to_string().into_bytes());
    }
    row
}

fn headers(letter: &DeadLetterRow, attempts: u32) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<(String, Vec<u8>)> = Vec::with_capacity(7);
    let mut add = |name: &str, value: Cow<'_, str>| headers.push((name.to_owned(), value.into_owned().into_bytes()));
    add("dlq.original.topic", letter.topic.as_str().into());
    add("dlq.original.partition", letter.partition.to_string().into());
    add("dlq.original.offset", letter.offset.to_string().into());
    if let Some(timestamp_ms) = letter.timestamp_ms {
        add("dlq.original.timestamp", timestamp_ms.to_string().into());
    }
    add("dlq.error.class", letter.error_class.as_str().into());
    add("dlq.error.message", shorten(&letter.error_message).into());
    add("dlq.attempts", attempts.to_string().into());
    headers
}

fn shorten(text: &str) -> &str {
    let mut end = text.len().min(MESSAGE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What is published instead of a record that no broker takes: its identity, and where it is kept.
///
/// Small enough for any topic, so that one record never keeps all later ones waiting.
pub fn reference_to(row: &OutboxRow, kept_in: &str) -> OutboxRow {
    let reference = json!({
        "reference": "too_large",
        "event_type": row.event_type,
        "event_id": row.event_id,
        "world_id": row.world_id,
        "tick_id": row.tick_id,
        "bytes": record_size(row),
        "kept_in": kept_in,
    });
    OutboxRow {
        key: row.key.clone().filter(|key| key.len() <= REFERENCE_KEY_BYTES_MAX),
        headers: vec![
            ("event_type".to_owned(), row.event_type.clone().into_bytes()),
            ("reference".to_owned(), b"too_large".to_vec()),
        ],
        body: Some(reference.to_string().into_bytes()),
        ..row.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(value: &[u8]) -> DeadLetterRow {
        DeadLetterRow {
            shard: 3,
            topic: "world.tick.hourly".into(),
            partition: 2,
            offset: 41,
            timestamp_ms: Some(1_705_327_200_000),
            key: Some(vec![0xff, 0x00]),
            value: Some(value.to_vec()),
            error_class: "not_json".into(),
            error_message: "expected value at line 1 column 1".into(),
            ..DeadLetterRow::default()
        }
    }

    fn header<'a>(row: &'a OutboxRow, name: &str) -> Option<&'a str> {
        let (_, value) = row.headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(value).ok()
    }

    #[test]
    fn key_and_value_are_unchanged_and_the_headers_say_why() {
        let row = dead_letter(&letter(b"\xfe not json"), Uuid::from_u128(7), 1, 262_144, 5);
        assert_eq!((row.topic.as_str(), row.shard), ("world.tick.hourly.dlq", 3));
        assert_eq!(row.key.as_deref(), Some(&[0xff, 0x00][..]));
        assert_eq!(row.body.as_deref(), Some(&b"\xfe not json"[..]));
        assert_eq!(header(&row, "dlq.original.topic"), Some("world.tick.hourly"));
        assert_eq!(header(&row, "dlq.original.partition"), Some("2"));
        assert_eq!(header(&row, "dlq.original.offset"), Some("41"));
        assert_eq!(header(&row, "dlq.original.timestamp"), Some("1705327200000"));
        assert_eq!(header(&row, "dlq.error.class"), Some("not_json"));
        assert_eq!(header(&row, "dlq.error.message"), Some("expected value at line 1 column 1"));
        assert_eq!(header(&row, "dlq.attempts"), Some("1"));
        assert_eq!(header(&row, "dlq.reference"), None);
    }

    #[test]
    fn a_tombstone_stays_one() {
        let tombstone = DeadLetterRow { value: None, key: None, ..letter(b"") };
        let row = dead_letter(&tombstone, Uuid::nil(), 1, 262_144, 0);
        assert_eq!((row.key, row.body), (None, None));
    }

    #[test]
    fn what_does_not_fit_becomes_a_reference_that_does() {
        let huge = DeadLetterRow {
            key: Some(vec![b'k'; 300_000]),
            error_message: "ü".repeat(5_000),
            ..letter(&vec![b'x'; 300_000])
        };
        let row = dead_letter(&huge, Uuid::nil(), 1, 262_144, 0);
        assert!(record_size(&row) < 8_192, "{}", record_size(&row));
        assert_eq!(header(&row, "dlq.reference"), Some("true"));
        let value: serde_json::Value = serde_json::from_slice(row.body.as_deref().expect("has a body")).expect("JSON");
        assert_eq!((value["offset"].as_i64(), value["value_bytes"].as_i64()), (Some(41), Some(300_000)));
        assert!(header(&row, "dlq.error.message").is_some_and(|m| m.len() <= MESSAGE_BYTES_MAX && m.ends_with('ü')));
    }

    #[test]
    fn a_reference_to_any_record_is_small_and_keeps_its_identity() {
        let row = OutboxRow {
            event_id: Uuid::from_u128(9),
            event_type: "simulation.event.market_cleared".into(),
            topic: "simulation.event".into(),
            key: Some(vec![1; 100]),
            headers: vec![("big".into(), vec![0; 100_000])],
            body: Some(vec![0; 900_000]),
            ..OutboxRow::default()
        };
        let reference = reference_to(&row, "here");
        assert!(record_size(&reference) < 2_048);
        assert_eq!((reference.event_id, &reference.key, &reference.topic), (row.event_id, &row.key, &row.topic));
    }
}
