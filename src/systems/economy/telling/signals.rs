//! Signals out: how much is wanted of each commodity, and what agents did in an hour and a day.
//!
//! | level | share of the need that was not met | or price against its usual one |
//! |---|---|---|
//! | critical | from 20 % | |
//! | very_high | from 5 % | from +50 % |
//! | high | from 1 % | from +15 % |
//! | normal | | |
//! | low | | from -15 % |
//! | very_low | | from -40 % |
//!
//! Bids that wait for a better price are no need: they do not count. Each commodity is told of in every hour, so that
//! who begins to listen knows where he is within one, and a signal that is missing is noticed.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use crate::components::market::{DaySums, Flow, Market, MarketStatistics, Measures, TradeHistory, Trader};
use crate::components::money::Money;
use crate::messages::market::{
    AggregatedStats, DemandLevel, DemandSignal, Label, StatsMetrics, StatsTeller, StatsType,
};
use crate::systems::economy::floor::{Activity, Floor};
use crate::systems::economy::maths::real;
use crate::systems::economy::model::Economy;
use crate::world::spec::WorldSpec;

/// What is known of the demand for a commodity after an hour.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Demand {
    /// Share of the need that was not met, 0 to 1.
    unmet: f64,
    /// Price against its usual one, as a share: 0.1 is ten percent above.
    dearness: f64,
    /// Change of the price over three hours, as a share.
    trend: f64,
}

impl Demand {
    fn of(market: &Market, flow: Flow, (due, met): (u64, u64)) -> Self {
        let units = |count: u64| real(i64::try_from(count).unwrap_or(i64::MAX));
        let unmet = if due > 0 { units(due.saturating_sub(met)) / units(due) } else { 0.0 };
        let dearness = if flow.usual_price > 0.0 { real(market.price.0) / flow.usual_price - 1.0 } else { 0.0 };
        Self { unmet, dearness, trend: market.trend() }
    }

    fn level(&self) -> DemandLevel {
        match (self.unmet, self.dearness) {
            (unmet, _) if unmet >= 0.2 => DemandLevel::Critical,
            (unmet, dear) if unmet >= 0.05 || dear >= 0.5 => DemandLevel::VeryHigh,
            (unmet, dear) if unmet >= 0.01 || dear >= 0.15 => DemandLevel::High,
            (_, dear) if dear <= -0.4 => DemandLevel::VeryLow,
            (_, dear) if dear <= -0.15 => DemandLevel::Low,
            _ => DemandLevel::Normal,
        }
    }

    /// What the next three hours may do to the price: as much again as the last three, and what hunger adds.
    fn price_impact(&self) -> f64 {
        percent(self.trend + self.unmet)
    }
}

/// A share in percent, to a hundredth, within what a reader can use.
fn percent(share: f64) -> f64 {
    (share * 10_000.0).clamp(-100_000.0, 100_000.0).round() / 100.0
}

/// Tells how much is wanted of each commodity. Runs in `Report`, after the markets.
pub fn signal_demand(
    (economy, spec): (Res<Economy>, Res<WorldSpec>),
    floor: Res<Floor>,
    statistics: Res<MarketStatistics>,
    markets: Query<(&Market, &Measures)>,
    mut events: MessageWriter<DemandSignal>,
) -> Result {
    for ((id, place), square) in economy.place_ids().zip(&economy.places).zip(&floor.squares) {
        let location: Label = match &place.label {
            Some(name) => format!("{}/{name}", spec.id).into(),
            None => (&spec.id).into(),
        };
        let flows = statistics.flows_at(id, economy.commodities.len());
        let all = economy.commodities.iter().zip(&square.markets).zip(&square.stalls).enumerate();
        for (index, ((commodity, entity), stall)) in all {
            let Some(name) = &commodity.signal else { continue };
            let (market, measures) = markets.get(*entity)?;
            let flow = flows.get(index).copied().unwrap_or_default();
            let demand = Demand::of(market, flow, square.needs.get(index).copied().unwrap_or_default());
            events.write(DemandSignal {
                commodity_type: name.clone(),
                commodity: Some(commodity.label.clone()),
                location: location.clone(),
                demand_level: demand.level(),
                demand_change_percent: Some(percent(measures.demand_change)),
                predicted_price_impact_percent: Some(demand.price_impact()),
                agent_count: Some(u64::try_from(stall.bidders(square.roster.len()))?),
            });
        }
    }
    Ok(())
}

/// Tells what agents did in the hour, and adds it to the day. Runs in `Report`, last.
pub fn summarise_hour(
    spec: Res<WorldSpec>,
    floor: Res<Floor>,
    markets: Query<&Market>,
    mut day: ResMut<DaySums>,
    mut events: MessageWriter<AggregatedStats>,
) -> Result {
    let (mut trades, mut turnover) = (0_u64, Money::ZERO);
    for entity in floor.squares.iter().flat_map(|square| &square.markets) {
        let market = markets.get(*entity)?;
        trades = trades.saturating_add(market.trades);
        turnover = turnover.checked_add(market.turnover).ok_or("an hour's turnover does not fit")?;
    }
    let Activity { agents, actions } = floor.activity;
    day.hours = day.hours.saturating_add(1);
    day.actions = day.actions.saturating_add(actions);
    day.transactions = day.transactions.saturating_add(trades);
    day.turnover = day.turnover.saturating_add(turnover.0);
    events.write(summary(&spec, StatsType::HourlySummary, 1, (agents, actions, trades, turnover)));
    Ok(())
}

/// Tells what agents did since the last daily tick; nothing, where no hour has passed. Runs in
/// [`DailyTick`](crate::schedules::DailyTick).
pub fn summarise_day(
    spec: Res<WorldSpec>,
    statistics: Res<MarketStatistics>,
    mut day: ResMut<DaySums>,
    traders: Query<&TradeHistory, With<Trader>>,
    mut events: MessageWriter<AggregatedStats>,
) {
    if day.hours == 0 {
        return;
    }
    let sums = std::mem::take(&mut *day);
    // Hours are counted at their end: the last hour before the day bears this number.
    let before = statistics.hours.saturating_sub(u64::from(sums.hours));
    let acted = |history: &&TradeHistory| history.iter().next_back().is_some_and(|trade| trade.hour > before);
    let agents = u64::try_from(traders.iter().filter(acted).count()).unwrap_or(u64::MAX);
    let counts = (agents, sums.actions, sums.transactions, Money(sums.turnover));
    events.write(summary(&spec, StatsType::DailySummary, sums.hours, counts));
}

fn summary(
    spec: &WorldSpec,
    stats_type: StatsType,
    hours: u32,
    (agents, actions, trades, turnover): (u64, u64, u64, Money),
) -> AggregatedStats {
    let units = |count: u64| real(i64::try_from(count).unwrap_or(i64::MAX));
    let average = if agents > 0 { units(actions) / units(agents) } else { 0.0 };
    AggregatedStats {
        location: (&spec.id).into(),
        stats_type,
        time_window_minutes: Some(hours.saturating_mul(60)),
        metrics: StatsMetrics {
            total_agent_actions: Some(actions),
            unique_agents: Some(agents),
            average_actions_per_agent: Some((average * 100.0).round() / 100.0),
            total_transactions: Some(trades),
            total_transaction_volume: Some(turnover.to_major()),
        },
        aggregation_timestamp: None,
        teller: StatsTeller::Economy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Demand = Demand { unmet: 0.0, dearness: 0.0, trend: 0.0 };

    #[test]
    fn levels_follow_needs_first_and_prices_then() {
        let level = |unmet, dearness| Demand { unmet, dearness, ..CALM }.level();
        assert_eq!(level(0.0, 0.0), DemandLevel::Normal);
        assert_eq!((level(0.2, -0.9), level(0.05, 0.0), level(0.01, 0.0)), {
            (DemandLevel::Critical, DemandLevel::VeryHigh, DemandLevel::High)
        });
        assert_eq!((level(0.0, 0.5), level(0.0, 0.15)), (DemandLevel::VeryHigh, DemandLevel::High));
        assert_eq!((level(0.0, -0.15), level(0.0, -0.4)), (DemandLevel::Low, DemandLevel::VeryLow));
    }

    #[test]
    fn changes_are_percents_within_bounds() {
        let demand = Demand { unmet: 0.25, trend: 0.02, ..CALM };
        assert!((demand.price_impact() - 27.0).abs() < 1e-9);
        assert!((percent(1e300) - 1_000.0).abs() < f64::EPSILON);
        assert!((percent(-1e300) + 1_000.0).abs() < f64::EPSILON);
    }
}
