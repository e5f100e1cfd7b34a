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
    dropped: Duration,
}

impl Pace {
    pub(super) fn new(now: Instant, interval: Duration, catch_up_steps_max: u32) -> Self {
        Self { interval, due: now + interval, catch_up: interval * catch_up_steps_max, dropped: Duration::ZERO }
    }

    /// When the next step is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Takes a step if one is due: the real time that it stands for.
    pub(super) fn take(&mut self, now: Instant) -> Option<Duration> {
        if self.due > now {
            return None;
        }
        self.due += self.interval;
        Some(self.interval)
    }

    /// Drops what is further behind than may be caught up. Returns whether the world has lag now.
    pub(super) fn drop_excess(&mut self, now: Instant) -> bool {
        let behind = now.saturating_duration_since(self.due);
        if behind > self.catch_up {
            let excess = behind.saturating_sub(self.catch_up);
            // Whole steps, so that the beat stays.
            let steps = u32::try_from(excess.as_nanos().div_ceil(self.interval.as_nanos().max(1))).unwrap_or(u32::MAX);
            self.due += self.interval * steps;
            self.dropped += self.interval * steps;
            true
        } else {
            false
        }
    }

    /// How far the world is behind.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.due)
    }

    /// Real time that was dropped since the start.
    pub(super) fn dropped(&self) -> Duration {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(pace.dropped(), Duration::ZERO);
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
        assert_eq!(pace.dropped(), Duration::from_secs(96));
    }
}
