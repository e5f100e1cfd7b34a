//! What the agents of each sector did, hour by hour and day by day.

// time: crowds: when a window of sums ends | world | `WorldClock` | each tick that a crowd lives

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::unusual::real;
use super::windows::{Sum, Windows};
use crate::components::clock::{GameInstant, MICROS_PER_DAY, WorldClock};
use crate::components::crowd::{Ground, Tallies};
use crate::components::money::Money;
use crate::messages::market::{AggregatedStats, StatsMetrics, StatsTeller, StatsType};
use crate::systems::crowd::hours::CrowdModel;

/// Only windows of an hour are summed up as hours.
const HOUR_MINUTES: u32 = 60;

/// The day's sums of a crowd that lives hour by hour. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBook {
    windows: u32,
    sectors: Vec<Sum>,
}

/// Tells the windows of the tick, and the day when it is over. A sector without anybody is not told. Runs in `Tell`.
pub fn tell_stats(
    model: Res<CrowdModel>,
    clock: Res<WorldClock>,
    ground: Res<Ground>,
    tallies: Res<Tallies>,
    mut day: ResMut<DayBook>,
    mut events: MessageWriter<AggregatedStats>,
) {
    let Some(now) = model.tick_ends(&clock).filter(|_| model.telling.stats) else { return };
    let windows = Windows::new(model.steps_a_day);
    let count = windows.count(&tallies);
    day.sectors.resize(ground.sectors.len(), Sum::default());
    for window in 0..count {
        let end = windows.end(&tallies, window, now);
        for (sector, (name, of_day)) in ground.sectors.iter().zip(&mut day.sectors).enumerate() {
            let sum = windows.sum(&tallies, window, sector);
            of_day.join(&sum);
            if windows.minutes() == HOUR_MINUTES && sum.present_steps > 0 {
                events.write(stats(name, StatsType::HourlySummary, windows.minutes(), end, &sum));
            }
        }
    }
    day.windows = day.windows.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    // A tick that brings a day is one; hours are summed up at midnight, however many there were of the first day.
    if model.steps_a_tick >= model.steps_a_day || now.as_micros().rem_euclid(MICROS_PER_DAY) == 0 {
        let minutes = day.windows.saturating_mul(windows.minutes());
        for (name, sum) in ground.sectors.iter().zip(&day.sectors) {
            if sum.present_steps > 0 {
                events.write(stats(name, StatsType::DailySummary, minutes, now, sum));
            }
        }
        *day = DayBook::default();
    }
}

fn stats(sector: &str, stats_type: StatsType, minutes: u32, end: GameInstant, sum: &Sum) -> AggregatedStats {
    // Agents there, on average over the steps.
    let agents = real(sum.present_steps) / f64::from(sum.steps.max(1));
    let average = if agents > 0.0 { real(sum.actions) / agents } else { 0.0 };
    AggregatedStats {
        location: sector.into(),
        stats_type,
        time_window_minutes: Some(minutes),
        aggregation_timestamp: Some(end),
        metrics: StatsMetrics {
            total_agent_actions: Some(sum.actions),
            // Who did something in one step did one thing; over several nobody keeps count of who it was.
            unique_agents: (sum.steps == 1).then_some(sum.actions),
            average_actions_per_agent: Some((average * 100.0).round() / 100.0),
            total_transactions: Some(sum.meals + sum.trades),
            total_transaction_volume: Some(Money(i64::try_from(sum.spent).unwrap_or(i64::MAX)).to_major()),
        },
        teller: StatsTeller::Crowd,
    }
}
