//! What is usual in each sector at each time of the day, learned from the days before.
//!
//! Means and variances are exponentially weighted (West, "Updating mean and variance estimates", Communications of the
//! ACM 22, 1979): the first two weeks count alike, and later a day counts a fourteenth. A value far off pulls no more than
//! one of three standard deviations, so that a shock does not become what is usual, and a change that stays does.

use serde::{Deserialize, Serialize};

/// What is measured of a sector in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Hungry agents, on average over the steps.
    Hungry,
    /// Agents that came less agents that left.
    Net,
    /// Money spent on meals and things.
    Spent,
    /// Agents that were hungry and got nothing, on average over the steps.
    Discontent,
    /// Things traded.
    Trades,
    /// Agents there at the end.
    Present,
    /// Agents that came and agents that left.
    Moved,
}

/// How many measures there are.
pub(super) const MEASURES: usize = Measure::Moved as usize + 1;

/// What each measure came to.
pub(super) type Values = [f64; MEASURES];

/// Days that count alike.
const MEMORY_DAYS: u16 = 14;
/// Days from which on a value that is far off is cut.
const CUT_FROM: u16 = 5;
/// Standard deviations to which it is cut.
const CUT: f64 = 3.0;

/// What one measure usually comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Habit {
    mean: f32,
    variance: f32,
}

impl Habit {
    pub(super) fn mean(self) -> f64 {
        f64::from(self.mean)
    }

    pub(super) fn variance(self) -> f64 {
        f64::from(self.variance)
    }

    /// Takes in one more day; `deviation` is the standard deviation beyond which it is cut.
    #[expect(clippy::cast_possible_truncation, reason = "single precision is kept")]
    fn learn(&mut self, value: f64, days: u16, deviation: f64) {
        let weight = 1.0 / (f64::from(days.min(MEMORY_DAYS - 1)) + 1.0);
        let off = value - self.mean();
        let off = if days >= CUT_FROM { off.clamp(-CUT * deviation, CUT * deviation) } else { off };
        self.variance = ((1.0 - weight) * (self.variance() + weight * off * off)) as f32;
        self.mean = (self.mean() + weight * off) as f32;
    }
}

/// What is usual in all sectors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Usual {
    /// Days that were seen of each window of the day.
    days: Vec<u16>,
    /// Sector by sector, and within a sector window by window.
    habits: Vec<[Habit; MEASURES]>,
}

impl Usual {
    /// Makes room for so many sectors and windows of a day. What was learned of others is forgotten.
    pub(super) fn fit(&mut self, sectors: usize, windows: usize) {
        if self.days.len() != windows || self.habits.len() != sectors * windows {
            *self = Self { days: vec![0; windows], habits: vec![[Habit::default(); MEASURES]; sectors * windows] };
        }
    }

    /// Days that were seen of this window of the day.
    pub(super) fn days(&self, window: usize) -> u16 {
        self.days.get(window).copied().unwrap_or(0)
    }

    /// What is usual in a sector in this window.
    pub(super) fn of(&self, sector: usize, window: usize) -> [Habit; MEASURES] {
        self.habits.get(sector * self.days.len() + window).copied().unwrap_or_default()
    }

    /// All windows of a sector.
    pub(super) fn of_sector(&self, sector: usize) -> &[[Habit; MEASURES]] {
        let windows = self.days.len();
        self.habits.get(sector * windows..(sector + 1) * windows).unwrap_or_default()
    }

    /// Takes in what a sector came to in a window.
    pub(super) fn learn(&mut self, sector: usize, window: usize, values: &Values, deviations: &Values) {
        let days = self.days(window);
        let Some(habits) = self.habits.get_mut(sector * self.days.len() + window) else { return };
        for ((habit, value), deviation) in habits.iter_mut().zip(values).zip(deviations) {
            habit.learn(*value, days, *deviation);
        }
    }

    /// A window is over for all sectors.
    pub(super) fn end(&mut self, window: usize) {
        if let Some(days) = self.days.get_mut(window) {
            *days = days.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_variances_are_those_of_the_days_and_a_change_that_stays_becomes_usual() {
        let mut habit = Habit::default();
        for (day, value) in (0..).zip([2.0, 4.0, 6.0, 8.0]) {
            habit.learn(value, day, 1.0);
        }
        assert!((habit.mean() - 5.0).abs() < 1e-6 && (habit.variance() - 5.0).abs() < 1e-6, "{habit:?}");
        let mut habit = Habit { mean: 100.0, variance: 4.0 };
        habit.learn(1_000.0, 20, 2.0);
        assert!((habit.mean() - (100.0 + 6.0 / 14.0)).abs() < 1e-4, "one day off pulls little: {habit:?}");
        (0..60).for_each(|_| habit.learn(110.0, 20, habit.variance().sqrt().max(1.0)));
        assert!((habit.mean() - 110.0).abs() < 1.0, "{habit:?}");
    }
}
