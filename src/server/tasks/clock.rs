//! The clock of the tasks. The tests have one of their own, which they move by hand.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What comes later, whatever its type.
pub(super) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Wall time as the tasks see it.
pub(super) trait Clock: Send + Sync + 'static {
    /// Time since some moment; never goes back.
    fn elapsed(&self) -> Duration;
    /// Microseconds since 1970, for people and for the ages of rows.
    fn wall_micros(&self) -> i64;
    /// Ends when so much time has passed.
    fn sleep(&self, time: Duration) -> Later<()>;
}

/// The clock of this machine.
pub(super) struct RealClock {
    start: Instant,
}

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "periodic tasks run by wall time")]
    pub(super) fn new() -> Self {
        // time: periodic tasks: when they run, how long | real | std::time::Instant | grid of times from the start
        Self { start: Instant::now() }
    }
}

impl Clock for RealClock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the ages of rows are wall time")]
    fn wall_micros(&self) -> i64 {
        // time: periodic tasks: ages of rows, instants shown | real | std::time::SystemTime | read in each run
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the next run is waited for in wall time")]
    fn sleep(&self, time: Duration) -> Later<()> {
        // time: periodic tasks: waiting for the next run | real | tokio timer | sleep, woken by a request or the stop
        Box::pin(tokio::time::sleep(time))
    }
}
