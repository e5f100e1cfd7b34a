//! What a market is measured by, beyond what its clearing came to.

use std::collections::VecDeque;

use bevy_ecs::prelude::Component;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::components::money::Money;

/// The trades of an hour, as far as their prices are measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TradedHour {
    /// Units traded.
    pub volume: u64,
    /// Mean price of a unit, in minor units.
    pub mean: f64,
    /// Mean square of the distance of a unit's price from that mean, in squared minor units.
    pub variance: f64,
}

/// How values are spread over those who have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// The mean.
    pub mean: f64,
    /// A tenth have less.
    pub p10: f64,
    /// A quarter have less.
    pub p25: f64,
    /// Half have less.
    pub median: f64,
    /// A quarter have more.
    pub p75: f64,
    /// A tenth have more.
    pub p90: f64,
    /// One in a hundred has more.
    pub p99: f64,
    /// Gini coefficient, 0 (all have the same) to 1 (one has everything).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gini: f64,
}

impl Distribution {
    /// The same in major units of money, where the values were in minor units.
    #[must_use]
    pub fn to_major(self) -> Self {
        let major = |minor: f64| minor / 100.0;
        Self {
            mean: major(self.mean),
            p10: major(self.p10),
            p25: major(self.p25),
            median: major(self.median),
            p75: major(self.p75),
            p90: major(self.p90),
            p99: major(self.p99),
            gini: self.gini,
        }
    }
}

/// Measures of a market. Every [`Market`](super::Market) has them.
#[derive(Component, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The lowest ask left less the highest bid left, in minor units; nothing where a side is empty.
    pub spread: Option<Money>,
    /// Units that people needed in the last hour.
    pub needs_due: u64,
    /// Units of them that they had.
    pub needs_met: u64,
    /// What traders believe that a unit costs, in minor units, when last counted.
    pub beliefs: Option<Distribution>,
    /// Units that were used up, eaten and enjoyed in an hour, and those that were needed and not there, of late. What
    /// spoiled is not in it: nobody wanted it.
    pub wanted: f64,
    /// How far the last hour's lie above those of the hours before it, as a share; 0 where there were none.
    pub demand_change: f64,
    /// The last hours with trades, the latest last.
    window: VecDeque<TradedHour>,
    /// How many hours ago the oldest of the window may be; each entry with the hour in which it was.
    hours: VecDeque<u64>,
}

impl Measures {
    /// Takes in what was wanted in an hour, compared with the hours before; the average is over so many hours.
    pub fn take_demand(&mut self, wanted: f64, hours: f64) {
        self.demand_change = if self.wanted > 0.0 { wanted / self.wanted - 1.0 } else { 0.0 };
        self.wanted += (wanted - self.wanted) / hours.max(1.0);
    }

    /// Takes in an hour; what is `window` hours old or older is forgotten.
    pub fn take_in(&mut self, hour: u64, traded: TradedHour, window: u64) {
        if traded.volume > 0 {
            self.window.push_back(traded);
            self.hours.push_back(hour);
        }
        while self.hours.front().is_some_and(|first| first.saturating_add(window) <= hour) {
            self.window.pop_front();
            self.hours.pop_front();
        }
    }

    /// Smith's alpha (1962): the standard deviation of the prices that were paid over the window, each unit counting
    /// once, as a share of the price that they are measured about. Smith measures about the equilibrium that the
    /// experimenter has induced: give it as `about`, in minor units. A living world has none: without `about` it is the
    /// mean price of the window. Nothing without trades.
    pub fn alpha(&self, about: Option<f64>) -> Option<f64> {
        let units: f64 = self.window.iter().map(|hour| real(hour.volume)).sum();
        if units <= 0.0 {
            return None;
        }
        let mean = self.window.iter().map(|hour| real(hour.volume) * hour.mean).sum::<f64>() / units;
        let centre = about.unwrap_or(mean);
        let square = |hour: &TradedHour| hour.variance + (hour.mean - centre) * (hour.mean - centre);
        let variance = self.window.iter().map(|hour| real(hour.volume) * square(hour)).sum::<f64>() / units;
        (centre > 0.0).then(|| variance.sqrt() / centre)
    }

    /// Hours in the window in which something was traded.
    pub fn hours_traded(&self) -> usize {
        self.window.len()
    }
}

#[expect(clippy::cast_precision_loss, reason = "volumes are far below 2^53")]
fn real(units: u64) -> f64 {
    units as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(volume: u64, mean: f64, variance: f64) -> TradedHour {
        TradedHour { volume, mean, variance }
    }

    #[test]
    fn alpha_is_the_deviation_of_all_units_of_the_window() {
        let mut measures = Measures::default();
        assert_eq!(measures.alpha(None), None);
        // Units at 90, 110, 100 and 100: mean 100, variance 50.
        measures.take_in(1, hour(2, 100.0, 100.0), 3);
        measures.take_in(2, hour(2, 100.0, 0.0), 3);
        let alpha = measures.alpha(None).expect("trades");
        assert!((alpha - 50.0_f64.sqrt() / 100.0).abs() < 1e-12, "{alpha}");
        // About an induced equilibrium of 110 each is 10 further off: variance 150.
        let alpha = measures.alpha(Some(110.0)).expect("trades");
        assert!((alpha - 150.0_f64.sqrt() / 110.0).abs() < 1e-12, "{alpha}");
    }

    #[test]
    fn hours_leave_the_window_by_age() {
        let mut measures = Measures::default();
        measures.take_in(1, hour(1, 500.0, 0.0), 3);
        measures.take_in(2, hour(1, 100.0, 0.0), 3);
        measures.take_in(3, hour(0, 0.0, 0.0), 3);
        assert_eq!(measures.hours_traded(), 2);
        measures.take_in(4, hour(0, 0.0, 0.0), 3);
        assert_eq!((measures.hours_traded(), measures.alpha(None)), (1, Some(0.0)));
        measures.take_in(5, hour(0, 0.0, 0.0), 3);
        assert_eq!(measures.alpha(None), None);
    }
}
