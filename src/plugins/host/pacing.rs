//! When a live world's next step is due. Pure: the wall clock is handed in.

use std::time::{Duration, Instant};

/// The pace of one live world.
///
/// Steps are due at fixed instants, so that no delay adds up. A world that cannot keep up may be some steps behind;
/// what is more is dropped, and shows as lag.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    interval: Duration,
    due: Instant,
    catch_up: Duration,
    dropped: Dropped,
    /// It has fallen behind and not kept up again since.
    behind: bool,
    /// Since when it has been on time again.
    on_time: Option<Instant>,
}

/// A world that was behind keeps up again when it has been on time for so long.
const ON_TIME: Duration = Duration::from_secs(5);

/// What a world could not catch up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// Whole steps.
    pub(super) steps: u64,
    /// The real time that they stood for.
    pub(super) time: Duration,
}

impl Dropped {
    pub(super) fn add(&mut self, more: Self) {
        self.steps = self.steps.saturating_add(more.steps);
        self.time = self.time.saturating_add(more.time);
    }
}

/// What changes with a step in how a world keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It falls behind: it was so late, and drops what it cannot catch up.
    FallsBehind(Duration),
    /// It keeps up again.
    KeepsUp,
}

impl Pace {
    pub(super) fn new(now: Instant, interval: Duration, catch_up_steps_max: u32) -> Self {
        Self {
            interval,
            due: now + interval,
            catch_up: interval * catch_up_steps_max,
            dropped: Dropped::default(),
            behind: false,
            on_time: None,
        }
    }

    /// Another interval, from the last step on: what time has passed is neither lost nor counted twice.
    pub(super) fn retune(&mut self, interval: Duration, catch_up_steps_max: u32) {
        self.due = self.due.checked_sub(self.interval).unwrap_or(self.due) + interval;
        self.interval = interval;
        self.catch_up = interval * catch_up_steps_max;
    }

    /// When the next step is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Takes a step if one is due, and drops what is too far behind: the real time that the step stands for, and what
    /// changes. What was dropped is to be [taken](Self::take_dropped). A world that cannot keep up falls behind once, until its next step lies ahead again.
    pub(super) fn step(&mut self, now: Instant) -> Option<(Duration, Option<Turn>)> {
        let falls_behind = self.watch(now);
        self.drop_excess(now);
        let real = self.take(now)?;
        if self.due <= now {
            self.on_time = None;
        } else if self.behind && now.duration_since(*self.on_time.get_or_insert(now)) >= ON_TIME {
            self.behind = false;
            return Some((real, Some(Turn::KeepsUp)));
        }
        Some((real, falls_behind.map(Turn::FallsBehind)))
    }

    /// Looks whether it falls behind: once, with how far, until it keeps up again. A world that is busy with one long step
    /// takes no other, so that somebody has to look meanwhile.
    pub(super) fn watch(&mut self, now: Instant) -> Option<Duration> {
        let late = self.lag(now);
        if self.behind || late <= self.catch_up {
            return None;
        }
        self.behind = true;
        self.on_time = None;
        Some(late)
    }

    /// Takes a step if one is due: the real time that it stands for.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        if self.due > now {
            return None;
        }
        self.due += self.interval;
        Some(self.interval)
    }

    /// Drops what is further behind than may be caught up. Returns whether that was anything.
    fn drop_excess(&mut self, now: Instant) -> bool {
        let behind = now.saturating_duration_since(self.due);
        if behind > self.catch_up {
            let excess = behind.saturating_sub(self.catch_up);
            // Whole steps, so that the beat stays.
            let steps = u32::try_from(excess.as_nanos().div_ceil(self.interval.as_nanos().max(1))).unwrap_or(u32::MAX);
            self.due += self.interval * steps;
            self.dropped.add(Dropped { steps: steps.into(), time: self.interval * steps });
            true
        } else {
            false
        }
    }

    /// How far the world is behind.
    fn lag(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.due)
    }

    /// Real time that was dropped since somebody asked last.
    pub(super) fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::components::clock::ClockSource;
    use crate::components::ids::WorldId;
    use crate::messages::Input;
    use crate::plugins::simulation::SimulationPlugin;
    use crate::world::GameWorld;
    use crate::world::spec::WorldSpec;

    #[expect(clippy::disallowed_methods, reason = "an instant can only come from the clock; the tests move it by hand")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_day_of_steps_ends_on_the_second_however_late_each_is() {
        let began = start();
        let mut pace = Pace::new(began, Duration::from_millis(250), 8);
        let mut now = began;
        let mut stepped = Duration::ZERO;
        let mut turn: u64 = 0;
        while now < began + Duration::from_secs(86_400) {
            turn += 1;
            // Wakes are late by 0 to 400 ms.
            now = pace.due() + Duration::from_millis((turn * 7_919) % 401);
            assert!(!pace.drop_excess(now));
            while let Some(step) = pace.take(now) {
                stepped += step;
            }
        }
        let late = now - began - stepped;
        assert!(late < Duration::from_millis(250), "{late:?}");
        assert_eq!(pace.take_dropped(), Dropped::default());
    }

    /// The time of a world after so many real seconds of a fake clock, as the host paces it, and the time that it began at.
    fn paced(scale: f64, interval: Duration, seconds: u64) -> (i64, i64) {
        let mut spec = WorldSpec::named(WorldId::new("w").expect("an id"));
        spec.clock = ClockSource::Live;
        spec.meta.simulation.time_scale = scale;
        spec.meta.simulation.tick_interval_seconds = interval.as_secs_f64();
        spec.meta.simulation.max_step_game_seconds = 86_400;
        let (began, end) = (start(), Duration::from_secs(seconds));
        let mut pace = Pace::new(began, interval, spec.meta.simulation.max_catch_up_steps);
        let mut app = bevy_app::App::new();
        app.add_plugins(SimulationPlugin { spec });
        let mut world = GameWorld::create(app, Uuid::from_u128(1)).expect("a world");
        let first = world.now().expect("it lives").as_micros();
        let mut turn: u64 = 0;
        while pace.due() <= began + end {
            turn += 1;
            // Wakes are late by up to one and a half intervals: some steps are caught up, none is dropped.
            let late = interval.mul_f64((turn * 7_919 % 1_501) as f64 / 1_000.0);
            let now = (pace.due() + late).min(began + end);
            while let Some((real, turn)) = pace.step(now) {
                assert_eq!(turn, None);
                let real_micros = u64::try_from(real.as_micros()).expect("it fits");
                let input = Input::Elapsed { real_micros, wall_micros: 0, steps: 1 };
                world.apply(&input).expect("a step");
            }
        }
        assert_eq!(pace.take_dropped(), Dropped::default());
        (world.now().expect("it lives").as_micros(), first)
    }

    #[test]
    fn a_day_of_a_fake_clock_ends_on_the_exact_second_of_the_world() {
        const DAY: u64 = 86_400;
        // Scale, interval in milliseconds, real seconds.
        for (scale, interval, seconds) in [
            (0.1, 2_500, DAY),
            (1.0, 1_000, DAY),
            (3.7, 300, DAY),
            (3.7, 60_000, DAY),
            (3_600.0, 7_500, DAY),
            (86_399.9, 10_000, DAY),
            (86_400.0, 50, 900),
        ] {
            let (ended, began) = paced(scale, Duration::from_millis(interval), seconds);
            #[expect(clippy::cast_possible_truncation, reason = "tenths are whole")]
            let expected = seconds as i64 * (scale * 10.0).round() as i64 * 100_000;
            assert_eq!(ended - began, expected, "{scale} game seconds a second, every {interval} ms");
        }
    }

    #[test]
    fn a_world_that_cannot_keep_up_falls_behind_once_and_keeps_up_once() {
        let began = start();
        let mut pace = Pace::new(began, Duration::from_secs(1), 2);
        let mut now = began;
        let mut turns = Vec::new();
        // Each step takes 1.7 seconds for a while, then hardly any time.
        for step in 0..200 {
            now = now.max(pace.due());
            let (_, turn) = pace.step(now).expect("it is due");
            turns.extend(turn.map(|turn| (step, turn)));
            now += Duration::from_millis(if step < 100 { 1_700 } else { 50 });
        }
        let [(first, Turn::FallsBehind(late)), (last, Turn::KeepsUp)] = turns[..] else { panic!("{turns:?}") };
        assert!(first < 10 && (105..120).contains(&last), "{turns:?}");
        assert!(late > Duration::from_secs(2), "{late:?}");
        let dropped = pace.take_dropped();
        assert!(dropped.time > Duration::from_secs(50) && dropped.steps > 50, "{dropped:?}");
        assert_eq!(pace.take_dropped(), Dropped::default(), "it is told once");
    }

    #[test]
    fn a_world_that_is_busy_is_seen_to_fall_behind_once() {
        let began = start();
        let mut pace = Pace::new(began, Duration::from_secs(1), 2);
        assert_eq!(pace.watch(began + Duration::from_secs(3)), None, "that much it may catch up");
        assert_eq!(pace.watch(began + Duration::from_secs(5)), Some(Duration::from_secs(4)));
        assert_eq!(pace.watch(began + Duration::from_secs(6)), None, "it has been told");
        let turn = pace.step(began + Duration::from_secs(7)).map(|(_, turn)| turn);
        assert_eq!(turn, Some(None), "nor does the next step tell it again");
    }

    #[test]
    fn another_interval_holds_at_once_and_loses_no_time() {
        let began = start();
        let mut pace = Pace::new(began, Duration::from_secs(10), 4);
        assert_eq!(pace.take(began + Duration::from_secs(10)), Some(Duration::from_secs(10)));
        let now = began + Duration::from_secs(13);
        pace.retune(Duration::from_secs(2), 4);
        let mut stepped = Duration::from_secs(10);
        while let Some(step) = pace.take(now) {
            stepped += step;
        }
        assert_eq!(stepped, Duration::from_secs(12), "one step of two seconds in the three that have passed");
        assert_eq!(pace.due(), began + Duration::from_secs(14));
    }

    #[test]
    fn a_world_that_stalls_drops_what_it_cannot_catch_up() {
        let began = start();
        let mut pace = Pace::new(began, Duration::from_secs(1), 4);
        let now = began + Duration::from_secs(101);
        assert!(pace.drop_excess(now));
        let mut steps = 0;
        while pace.take(now).is_some() {
            steps += 1;
        }
        assert_eq!(steps, 5, "those within reach, and the one that is due now");
        assert_eq!(pace.take_dropped(), Dropped { steps: 96, time: Duration::from_secs(96) });
    }
}
