//! The steps of a tick in windows: hours, or steps where those are longer.

use serde::{Deserialize, Serialize};

use crate::components::clock::{GameInstant, MICROS_PER_DAY};
use crate::components::crowd::{Doing, SectorTally, Tallies};

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// How a day is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// Steps of a window.
    pub(super) steps: usize,
    /// Windows of a day.
    pub(super) a_day: usize,
}

impl Windows {
    /// Of a crowd with so many steps a day: hours, or single steps where hours do not come out even.
    pub(super) fn new(steps_a_day: u32) -> Self {
        let steps_a_day = steps_a_day.max(1) as usize;
        let steps = if steps_a_day.is_multiple_of(24) { steps_a_day / 24 } else { 1 };
        Self { steps, a_day: steps_a_day / steps }
    }

    /// Length of a window.
    pub(super) fn micros(self) -> i64 {
        MICROS_PER_DAY / i64::try_from(self.a_day).unwrap_or(24)
    }

    /// The same in whole minutes, at least one.
    pub(super) fn minutes(self) -> u32 {
        u32::try_from(self.micros() / MICROS_PER_MINUTE).unwrap_or(u32::MAX).max(1)
    }

    /// How many windows a tick has.
    pub(super) fn count(self, tallies: &Tallies) -> usize {
        tallies.steps() / self.steps
    }

    /// When a window of the tick that ends now ends.
    pub(super) fn end(self, tallies: &Tallies, window: usize, now: GameInstant) -> GameInstant {
        let after = i64::try_from(self.count(tallies).saturating_sub(window + 1)).unwrap_or(0);
        now.checked_add_micros(-after * self.micros()).unwrap_or(now)
    }

    /// Which of the day's windows one is that ends then.
    pub(super) fn of_day(self, end: GameInstant) -> usize {
        let since = (end.as_micros() - self.micros()).rem_euclid(MICROS_PER_DAY) / self.micros().max(1);
        usize::try_from(since).unwrap_or(0).min(self.a_day - 1)
    }

    /// What a sector saw in a window.
    pub(super) fn sum(self, tallies: &Tallies, window: usize, sector: usize) -> Sum {
        let mut sum = Sum::default();
        for step in window * self.steps..(window + 1) * self.steps {
            if let Some(row) = tallies.step(step).get(sector) {
                sum.add(row);
            }
        }
        sum
    }
}

/// What a sector saw in some steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) steps: u32,
    /// Agents there at the end.
    pub(super) present: u32,
    /// Agents there, step by step.
    pub(super) present_steps: u64,
    pub(super) entered: u64,
    pub(super) left: u64,
    /// Hungry agents, step by step.
    pub(super) hungry: u64,
    /// Agents that are hungry and get nothing, step by step.
    pub(super) discontent: u64,
    pub(super) meals: u64,
    pub(super) trades: u64,
    /// Money for meals and things, in minor units.
    pub(super) spent: u64,
    /// Everything that agents did but idling.
    pub(super) actions: u64,
}

impl Sum {
    /// Adds a window that came later.
    pub(super) fn join(&mut self, later: &Self) {
        self.steps += later.steps;
        self.present = later.present;
        self.present_steps += later.present_steps;
        self.entered += later.entered;
        self.left += later.left;
        self.hungry += later.hungry;
        self.discontent += later.discontent;
        self.meals += later.meals;
        self.trades += later.trades;
        self.spent += later.spent;
        self.actions += later.actions;
    }

    fn add(&mut self, row: &SectorTally) {
        let agents = row.agents();
        self.steps += 1;
        self.present = agents;
        self.present_steps += u64::from(agents);
        self.entered += u64::from(row.entered);
        self.left += u64::from(row.left);
        self.hungry += u64::from(row.hungry());
        self.discontent += u64::from(row.going_without + row.count(Doing::Broke) + row.sold_out);
        self.meals += u64::from(row.bought());
        self.trades += u64::from(row.trades);
        self.spent += row.spent + row.traded;
        self.actions += u64::from(agents - row.count(Doing::Idle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_cut_into_hours_or_into_steps() {
        let cut = |steps| (Windows::new(steps).steps, Windows::new(steps).a_day, Windows::new(steps).minutes());
        assert_eq!((cut(24), cut(96), cut(1)), ((1, 24, 60), (4, 24, 60), (1, 1, 1_440)));
        assert_eq!(cut(30), (1, 30, 48));
    }

    #[test]
    fn the_last_window_ends_with_the_tick_and_each_has_its_place_in_the_day() {
        let windows = Windows::new(24);
        let mut tallies = Tallies::default();
        tallies.begin(0, 24, 1);
        let now: GameInstant = "2077-01-02T00:00:00Z".parse().expect("a time");
        let ends = |window| windows.end(&tallies, window, now);
        assert_eq!((ends(23), windows.of_day(ends(23))), (now, 23));
        assert_eq!((ends(0).to_string().as_str(), windows.of_day(ends(0))), ("2077-01-01T01:00:00Z", 0));
    }
}
