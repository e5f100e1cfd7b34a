//! Log lines of ticks and markets, written where they are facts: at the engine, never inside a world.
//!
//! A tick from outside is worth a line. A live world's own ticks can be many a second: they are details.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::unit::TickNote;
use crate::components::money::Money;
use crate::messages::{TickMessage, TickType};
use crate::plugins::store::{MarketStateRow, ShardId};

/// Lines that may wait until their events are published; while a broker is away the oldest go unwritten.
const WAITING_MAX: usize = 10_000;

/// A tick that is about to run, or why it runs nowhere.
pub(super) fn tick(message: &TickMessage, worlds: usize, notes: &[TickNote]) {
    let (event_id, tick_id, game_hour) = (message.event_id, message.data.tick_id, message.data.game_hour);
    let world_id = message.world_id.as_ref().map(|id| id.as_str());
    if worlds == 0 {
        let outcome = notes.first().map_or("not_run", |note| note.outcome);
        return tracing::info!(%event_id, %tick_id, game_hour, world_id, outcome, "A tick is not run");
    }
    let what = match message.data.tick_type {
        TickType::Hourly => "Processing hourly tick",
        TickType::Daily => "Processing daily tick",
    };
    if message.incarnation.is_some() {
        tracing::debug!(%event_id, %tick_id, game_hour, world_id, worlds, "{what}");
    } else {
        tracing::info!(%event_id, %tick_id, game_hour, world_id, worlds, "{what}");
    }
}

/// A market that was cleared in a commit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MarketLine {
    shard: ShardId,
    outbox_id: i64,
    own: bool,
    world_id: String,
    commodity: String,
    price: Option<f64>,
    volume: i64,
    tick_id: Uuid,
}

impl MarketLine {
    /// The line of this row, whose event has this place in the outbox.
    pub(super) fn new(row: &MarketStateRow, outbox_id: i64, own: bool) -> Self {
        Self {
            shard: row.shard,
            outbox_id,
            own,
            world_id: row.world_id.clone(),
            commodity: row.commodity.clone(),
            price: row.price.map(|price| Money(price).to_major()),
            volume: row.volume,
            tick_id: row.tick_id,
        }
    }

    fn write(&self, what: &'static str) {
        let Self { world_id, commodity, price, volume, tick_id, .. } = self;
        if self.own {
            tracing::debug!(world_id, commodity, price, volume, %tick_id, "{what}");
        } else {
            tracing::info!(world_id, commodity, price, volume, %tick_id, "{what}");
        }
    }
}

/// Markets whose events are durable and not known to be published.
#[derive(Debug, Default)]
pub(super) struct Unannounced {
    waiting: BTreeMap<ShardId, VecDeque<MarketLine>>,
    count: usize,
}

impl Unannounced {
    /// A commit with these markets is durable.
    pub(super) fn cleared(&mut self, lines: Vec<MarketLine>) {
        for line in lines {
            line.write("Market cleared");
            let waiting = self.waiting.entry(line.shard).or_default();
            if self.count == WAITING_MAX && waiting.pop_front().is_some() {
                self.count -= 1;
            }
            if self.count < WAITING_MAX {
                waiting.push_back(line);
                self.count += 1;
            }
        }
    }

    /// Everything of this shard up to this outbox id is on Kafka.
    pub(super) fn published(&mut self, shard: ShardId, id: i64) {
        let Some(waiting) = self.waiting.get_mut(&shard) else { return };
        while let Some(line) = waiting.pop_front_if(|line| line.outbox_id <= id) {
            self.count -= 1;
            line.write("Published market event");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(shard: ShardId, outbox_id: i64) -> MarketLine {
        MarketLine::new(&MarketStateRow { shard, ..MarketStateRow::default() }, outbox_id, true)
    }

    #[test]
    fn lines_wait_for_their_own_shard_and_never_without_end() {
        let mut unannounced = Unannounced::default();
        unannounced.cleared(vec![line(0, 1), line(0, 2), line(1, 1)]);
        unannounced.published(0, 1);
        assert_eq!(unannounced.count, 2);
        unannounced.published(1, 9);
        assert_eq!(unannounced.count, 1);
        for id in 0..2 * i64::try_from(WAITING_MAX).expect("small") {
            unannounced.cleared(vec![line(0, id)]);
        }
        assert_eq!(unannounced.count, WAITING_MAX);
        unannounced.published(0, i64::MAX);
        assert_eq!(unannounced.count, 0);
    }
}
