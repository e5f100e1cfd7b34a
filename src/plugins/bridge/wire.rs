//! Events and ticks of worlds as Kafka records: topic, key, headers, value.

use jiff::Timestamp;
use uuid::Uuid;

use crate::components::ids::WorldId;
use crate::messages::{DueTick, Envelope, EventRecord, TickMessage};
use crate::plugins::store::{OutboxRow, ShardId};

/// The record of a simulation event. Its outbox id is left at 0 for the engine to set.
///
/// Headers repeat `event_type`, `tick_id` and `world_id`, and carry the attributes of CloudEvents' Kafka binding
/// (binary mode: `ce_*` and `content-type`).
pub fn event_row(event: &EventRecord, envelope: Envelope, topic: &str, shard: ShardId, created_at: i64) -> OutboxRow {
    let mut headers = base_headers(event.event_type, &event.world_id, event.tick_id);
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value.into_bytes()));
    add("ce_specversion", "1.0".into());
    add("ce_id", event.event_id.to_string());
    add("ce_type", event.event_type.into());
    add("ce_source", event.source.into());
    add("ce_time", event.timestamp.to_string());
    add("content-type", "application/json".into());
    OutboxRow {
        shard,
        id: 0,
        event_id: event.event_id,
        topic: topic.into(),
        event_type: event.event_type.into(),
        world_id: Some(event.world_id.to_string()),
        tick_id: event.tick_id,
        key: Some(event.key.clone().into_bytes()),
        headers,
        body: Some(event.to_bytes(envelope)),
        created_at,
    }
}

/// The record of a tick that a world asked for itself: keyed by the world, so that its ticks stay in order.
pub fn own_tick_row(world: &WorldId, incarnation: Uuid, due: &DueTick, shard: ShardId, created_at: i64) -> OutboxRow {
    let made_at = Timestamp::from_microsecond(due.wall_micros).unwrap_or_default();
    let message = TickMessage::of_world(world, incarnation, due, made_at);
    let event_type = message.event_type.as_str();
    let mut headers = base_headers(event_type, world, Some(due.tick_id));
    headers.push(("source".to_owned(), message.source.clone().into_bytes()));
    headers.push(("version".to_owned(), message.version.clone().into_bytes()));
    headers.push(("tick_type".to_owned(), due.tick_type.as_str().as_bytes().to_vec()));
    OutboxRow {
        shard,
        id: 0,
        event_id: message.event_id,
        topic: event_type.into(),
        event_type: event_type.into(),
        world_id: Some(world.to_string()),
        tick_id: Some(due.tick_id),
        key: Some(world.as_str().as_bytes().to_vec()),
        headers,
        body: serde_json::to_vec(&message).ok(),
        created_at,
    }
}

fn base_headers(event_type: &str, world: &WorldId, tick_id: Option<Uuid>) -> Vec<(String, Vec<u8>)> {
    let mut headers = vec![("event_type".to_owned(), event_type.as_bytes().to_vec())];
    if let Some(tick_id) = tick_id {
        headers.push(("tick_id".to_owned(), tick_id.to_string().into_bytes()));
    }
    headers.push(("world_id".to_owned(), world.as_str().as_bytes().to_vec()));
    headers
}
