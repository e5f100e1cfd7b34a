//! What the engine measures.

use std::collections::BTreeMap;
use std::time::Duration;

use super::unit::{Slot, Unit, Work};
use crate::plugins::bridge::outbound::Published;
use crate::plugins::store::{Commit, MarketStateRow};

/// Whole numbers as metrics take them.
#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// A commit that has become durable, and how long that took; questions alone take none. Only worlds for which
/// `has_label` says so are told apart.
pub(super) fn commit(commit: &Commit, took: Option<Duration>, units: &[Unit], has_label: impl Fn(&str) -> bool) {
    if let Some(took) = took {
        metrics::histogram!("worldtick_commit_duration_seconds", "stage" => "database").record(took.as_secs_f64());
        metrics::histogram!("worldtick_commit_rows").record(float(rows(commit)));
    }
    // A gap has a row, too, and is counted where it is read.
    for row in commit.tick_history.iter().filter(|row| !row.tick_type.is_empty()) {
        let tick_type = row.tick_type.clone();
        metrics::counter!("worldtick_ticks_total", "type" => tick_type, "outcome" => row.outcome.clone()).increment(1);
        if row.outcome == "applied" {
            metrics::histogram!("worldtick_events_per_tick").record(float(row.events.max(0).unsigned_abs()));
            metrics::counter!("worldtick_markets_cleared_total").increment(row.markets_cleared.max(0).unsigned_abs());
        }
    }
    for row in &commit.dead_letters {
        let (topic, reason) = (row.topic.clone(), row.error_class.clone());
        metrics::counter!("worldtick_dead_letters_total", "topic" => topic, "reason" => reason).increment(1);
    }
    units.iter().for_each(unit);
    let mut latest: BTreeMap<(&str, &str), &MarketStateRow> = BTreeMap::new();
    for row in commit.market_states.iter().filter(|row| has_label(&row.world_id)) {
        latest.insert((&row.world_id, &row.commodity), row);
    }
    for row in latest.values() {
        market(row);
    }
}

fn rows(commit: &Commit) -> u64 {
    let rows = commit.journal.len()
        + commit.ticks_seen.len()
        + commit.tick_history.len()
        + commit.market_states.len()
        + commit.dead_letters.len()
        + commit.outbox.len();
    rows as u64
}

fn unit(unit: &Unit) {
    let tick = match &unit.work {
        Work::Tick(tick) => Some(tick),
        Work::Order { tick, .. } => tick.as_deref(),
        _ => None,
    };
    for slot in unit.slots.values() {
        let Slot::Applied { outcome, cost_micros, .. } = slot else { continue };
        match (tick, &unit.work) {
            (Some(tick), _) => {
                let tick_type = tick.tick_type.as_str();
                metrics::histogram!("worldtick_tick_duration_seconds", "type" => tick_type)
                    .record(seconds(*cost_micros));
                let cleared = outcome.events.iter().filter(|event| event.payload.contains_key("market_id")).count();
                if cleared > 0 {
                    let each = seconds(*cost_micros) / float(cleared as u64);
                    metrics::histogram!("worldtick_market_clearing_seconds").record(each);
                }
            }
            (None, Work::Step) => metrics::histogram!("worldtick_step_duration_seconds").record(seconds(*cost_micros)),
            _ => {}
        }
    }
}

fn market(row: &MarketStateRow) {
    let (world, commodity) = (row.world_id.clone(), row.commodity.clone());
    if let Some(price) = row.price {
        let price = crate::components::money::Money(price).to_major();
        metrics::gauge!("worldtick_market_clearing_price", "world" => world.clone(), "commodity" => commodity.clone())
            .set(price);
    }
    let measures: serde_json::Value = serde_json::from_str(&row.measures).unwrap_or_default();
    if let Some(efficiency) = measures.get("efficiency").and_then(serde_json::Value::as_f64) {
        metrics::gauge!("worldtick_market_efficiency_ratio", "world" => world, "commodity" => commodity)
            .set(efficiency);
    }
}

/// What has been published.
pub(super) fn published(published: &Published) {
    metrics::histogram!("worldtick_commit_duration_seconds", "stage" => "kafka").record(published.took.as_secs_f64());
    for (event_type, count) in &published.counts {
        metrics::counter!("worldtick_events_published_total", "event_type" => event_type.clone()).increment(*count);
    }
    for (event_type, bytes) in &published.sizes {
        metrics::histogram!("worldtick_event_size_bytes", "event_type" => event_type.clone())
            .record(float(*bytes as u64));
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::plugins::store::TickHistoryRow;

    #[test]
    fn a_gap_is_no_tick() {
        let row = |tick_type: &str, outcome: &str| TickHistoryRow {
            tick_type: tick_type.into(),
            outcome: outcome.into(),
            ..TickHistoryRow::default()
        };
        let rows = vec![row("", "gap"), row("daily", "late")];
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            commit(&Commit { tick_history: rows, ..Commit::default() }, None, &[], |_| true);
        });
        let text = recorder.handle().render();
        let counted: Vec<&str> = text.lines().filter(|line| line.starts_with("worldtick_ticks_total")).collect();
        assert_eq!(counted, [r#"worldtick_ticks_total{type="daily",outcome="late"} 1"#]);
    }
}
