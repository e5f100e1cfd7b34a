//! What a look at the server tells, and what two of them tell together.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::cli::output::Column;

/// What the server said of its worlds at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    at: Instant,
    worlds: BTreeMap<String, World>,
}

#[derive(Debug, Clone, Default)]
struct World {
    state: String,
    clock: String,
    now: String,
    steps: u64,
    npc_ticks: u64,
    deferred: u64,
    waiting: u64,
    npcs: [u64; 4],
    lag: f64,
    dropped: f64,
}

/// The tiers in the order of their columns.
const TIERS: [&str; 4] = ["detailed", "active", "ambient", "dormant"];

impl Sample {
    /// Of the items of the list of worlds; what is missing there is nothing.
    pub(super) fn new(at: Instant, items: &[Value]) -> Self {
        let world = |item: &Value| {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
            let count = |pointer: &str| item.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
            let world = World {
                state: text("/status/state"),
                clock: text("/clock"),
                now: text("/now"),
                steps: count("/steps"),
                npc_ticks: count("/npc_ticks"),
                deferred: count("/deferred"),
                waiting: TIERS.iter().map(|tier| count(&format!("/waiting/{tier}"))).sum(),
                npcs: TIERS.map(|tier| count(&format!("/npcs/{tier}"))),
                lag: item.get("lag_seconds").and_then(Value::as_f64).unwrap_or(0.0),
                dropped: item.get("dropped_seconds").and_then(Value::as_f64).unwrap_or(0.0),
            };
            (text("/world_id"), world)
        };
        Self { at, worlds: items.iter().map(world).collect() }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) world: String,
    pub(super) state: String,
    pub(super) clock: String,
    pub(super) now: String,
    /// A second; unknown after the first look.
    pub(super) steps: Option<f64>,
    pub(super) npc_ticks: Option<f64>,
    pub(super) deferred: Option<f64>,
    pub(super) waiting: u64,
    pub(super) npcs: [u64; 4],
    pub(super) lag: f64,
    /// Since the server started.
    pub(super) dropped: f64,
}

/// Its columns where it goes to a program.
pub(super) const COLUMNS: [Column; 14] = [
    ("WORLD", "/world_id"),
    ("STATE", "/state"),
    ("CLOCK", "/clock"),
    ("GAME TIME", "/now"),
    ("STEPS PER SECOND", "/steps_per_second"),
    ("NPC TICKS PER SECOND", "/npc_ticks_per_second"),
    ("DEFERRED PER SECOND", "/deferred_per_second"),
    ("WAITING", "/waiting"),
    ("DETAILED", "/npcs/detailed"),
    ("ACTIVE", "/npcs/active"),
    ("AMBIENT", "/npcs/ambient"),
    ("DORMANT", "/npcs/dormant"),
    ("LAG SECONDS", "/lag_seconds"),
    ("DROPPED SECONDS", "/dropped_seconds"),
];

impl Row {
    pub(super) fn json(&self) -> Value {
        let [detailed, active, ambient, dormant] = self.npcs;
        json!({
            "world_id": self.world, "state": self.state, "clock": self.clock, "now": self.now,
            "steps_per_second": self.steps, "npc_ticks_per_second": self.npc_ticks,
            "deferred_per_second": self.deferred, "waiting": self.waiting,
            "npcs": { "detailed": detailed, "active": active, "ambient": ambient, "dormant": dormant },
            "lag_seconds": self.lag, "dropped_seconds": self.dropped,
        })
    }
}

/// The worlds as of the later look, by name.
pub(super) fn rows(before: Option<&Sample>, after: &Sample) -> Vec<Row> {
    let row = |(name, world): (&String, &World)| {
        let known = before.and_then(|before| {
            let seconds = after.at.saturating_duration_since(before.at).as_secs_f64();
            before.worlds.get(name).filter(|_| seconds > 0.0).map(|world| (world, seconds))
        });
        let rate = |count: fn(&World) -> u64| known.map(|(old, seconds)| per_second(count(old), count(world), seconds));
        Row {
            world: name.clone(),
            state: world.state.clone(),
            clock: world.clock.clone(),
            now: world.now.clone(),
            steps: rate(|world| world.steps),
            npc_ticks: rate(|world| world.npc_ticks),
            deferred: rate(|world| world.deferred),
            waiting: world.waiting,
            npcs: world.npcs,
            lag: world.lag,
            dropped: world.dropped,
        }
    };
    after.worlds.iter().map(row).collect()
}

/// A server that was started anew counts from nothing.
#[expect(clippy::cast_precision_loss, reason = "nobody reads the sixteenth digit of a rate")]
fn per_second(before: u64, after: u64, seconds: f64) -> f64 {
    let grown = if after >= before { after - before } else { after };
    grown as f64 / seconds
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_looks_make_rates() {
        let began = super::super::now();
        let look = |seconds, steps: u64| {
            let item = json!({"world_id": "w", "steps": steps, "npc_ticks": steps * 10, "npcs": {"active": 3}});
            Sample::new(began + Duration::from_secs(seconds), &[item])
        };
        let (first, second, restarted) = (look(0, 100), look(2, 110), look(4, 6));
        let rates = |before, after| rows(before, after).first().map(|row| (row.steps, row.npc_ticks));
        assert_eq!(rates(None, &first), Some((None, None)));
        assert_eq!(rates(Some(&first), &second), Some((Some(5.0), Some(50.0))));
        assert_eq!(rates(Some(&second), &restarted), Some((Some(3.0), Some(30.0))), "it was started anew");
        assert_eq!(rows(Some(&second), &Sample::new(began, &[])), []);
    }
}
