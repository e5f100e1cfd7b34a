//! How a world's clock moves: exactly, forwards, in steps of bounded length.

// time: ticks that become due; what systems see | world | `WorldClock`, shown as `Time<GameTime>` | hours and days that a step passes

use bevy_ecs::prelude::*;
use bevy_time::Time;
use std::time::Duration;
use uuid::Uuid;

use crate::components::clock::{
    ClockSource, GameInstant, GameTime, MICROS_PER_DAY, MICROS_PER_HOUR, TimeScale, WorldClock,
};
use crate::messages::{DueTick, TickType};

/// A tick of so long ago is about a day that the world has had; an older one is somebody's who has another calendar.
const TICK_REACH_DAYS: i64 = 31;

impl WorldClock {
    /// A clock that stands at its first instant. A `ticks` world has no time before its first tick.
    pub fn new(source: ClockSource, scale: TimeScale, starts_at: GameInstant) -> Self {
        let began = (source != ClockSource::Ticks).then_some(starts_at);
        Self { source, scale, began, now: began, remainder: 0, last_hourly: None, last_daily: None, runs: 0, inputs: 0 }
    }

    /// Game microseconds that `real_micros` come to; what is less than one is kept for the next time.
    ///
    /// Nothing when it does not fit.
    pub(crate) fn game_micros(&mut self, real_micros: u64) -> Option<i64> {
        let parts = u128::from(real_micros) * u128::from(self.scale.0) + u128::from(self.remainder);
        let whole = i64::try_from(parts / u128::from(TimeScale::PARTS)).ok()?;
        self.remainder = u64::try_from(parts % u128::from(TimeScale::PARTS)).ok()?;
        Some(whole)
    }

    /// The instant that the hourly or daily tick which runs now is about: its own game time, where the world has come there
    /// within the last 31 days, and otherwise the present. A world that steps further than a day has the ticks of several
    /// days at one present.
    pub fn tick_time(&self, tick_type: TickType) -> Option<GameInstant> {
        let now = self.now?;
        let of = match tick_type {
            TickType::Hourly => self.last_hourly,
            TickType::Daily => self.last_daily,
        };
        let reach = TICK_REACH_DAYS * MICROS_PER_DAY;
        Some(of.filter(|of| (0..=reach).contains(&now.micros_since(*of))).unwrap_or(now))
    }

    /// Game time of the last tick of this type that ran.
    pub(crate) fn last_tick(&mut self, tick_type: TickType) -> &mut Option<GameInstant> {
        match tick_type {
            TickType::Hourly => &mut self.last_hourly,
            TickType::Daily => &mut self.last_daily,
        }
    }
}

/// The hours and days that lie after `before` and not after `now`: in order, hourly before daily.
pub(crate) fn ticks_due(incarnation: Uuid, before: GameInstant, now: GameInstant, wall_micros: i64) -> Vec<DueTick> {
    let mut due = Vec::new();
    for hour in before.hour_index() + 1..=now.hour_index() {
        let Ok(game_time) = GameInstant::from_micros(hour * MICROS_PER_HOUR) else { continue };
        due.push(due_tick(incarnation, TickType::Hourly, game_time, wall_micros));
        if (hour * MICROS_PER_HOUR) % MICROS_PER_DAY == 0 {
            due.push(due_tick(incarnation, TickType::Daily, game_time, wall_micros));
        }
    }
    due
}

fn due_tick(incarnation: Uuid, tick_type: TickType, game_time: GameInstant, wall_micros: i64) -> DueTick {
    let slot = format!("tick:{}:{}", tick_type.as_str(), game_time.as_micros());
    DueTick { tick_id: Uuid::new_v5(&incarnation, slot.as_bytes()), tick_type, game_time, wall_micros }
}

/// Makes `Time<GameTime>` show what the durable clock says. Its delta becomes the time since the last call.
pub(crate) fn show_time(world: &mut World) {
    let clock = world.resource::<WorldClock>();
    let context = GameTime { began: clock.began, now: clock.now };
    let elapsed = match (clock.began, clock.now) {
        (Some(began), Some(now)) => Duration::from_micros(now.micros_since(began).max(0).cast_unsigned()),
        _ => Duration::ZERO,
    };
    let mut time = world.get_resource_or_insert_with(|| Time::new_with(GameTime::default()));
    *time.context_mut() = context;
    let last = time.elapsed();
    // Time<T> cannot go back; the durable clock never does.
    time.advance_to(elapsed.max(last));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant(text: &str) -> GameInstant {
        text.parse().expect("an instant")
    }

    #[test]
    fn midnight_is_an_hour_and_then_a_day() {
        let due = ticks_due(Uuid::nil(), instant("2077-01-01T22:30:00Z"), instant("2077-01-02T00:00:00Z"), 0);
        let types: Vec<_> = due.iter().map(|tick| (tick.tick_type, tick.game_time.to_string())).collect();
        assert_eq!(
            types,
            [
                (TickType::Hourly, "2077-01-01T23:00:00Z".into()),
                (TickType::Hourly, "2077-01-02T00:00:00Z".into()),
                (TickType::Daily, "2077-01-02T00:00:00Z".into()),
            ]
        );
    }

    proptest! {
        /// However real time is cut into steps, game time comes out the same, to the microsecond.
        #[test]
        fn no_time_is_lost_between_steps(scale in 100_000_u64..86_400_000_000, steps in prop::collection::vec(0_u64..60_000_000, 1..40)) {
            let at = instant("2077-01-01T00:00:00Z");
            let mut cut = WorldClock::new(ClockSource::Live, TimeScale(scale), at);
            let mut whole = cut.clone();
            let sum: i64 = steps.iter().map(|step| cut.game_micros(*step).expect("fits")).sum();
            prop_assert_eq!(Some(sum), whole.game_micros(steps.iter().sum()));
            prop_assert_eq!(cut.remainder, whole.remainder);
        }

        /// Ticks that are due do not depend on how a span is cut.
        #[test]
        fn every_hour_is_due_once(start in 0_i64..1_000_000_000_000, cuts in prop::collection::vec(0_i64..20_000_000_000, 1..10)) {
            let first = GameInstant::from_micros(start).expect("in the calendar");
            let mut now = first;
            let mut pieces = Vec::new();
            for cut in cuts {
                let next = now.checked_add_micros(cut).expect("in the calendar");
                pieces.extend(ticks_due(Uuid::nil(), now, next, 0));
                now = next;
            }
            prop_assert_eq!(pieces, ticks_due(Uuid::nil(), first, now, 0));
        }
    }
}
