//! Limits on waiting. The one place here that looks at a clock.

use std::time::{Duration, Instant};

/// A moment after which waiting is over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now.
    #[expect(clippy::disallowed_methods, reason = "this program is all edge: it waits for other programs")]
    pub fn after(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// Whether the time is up.
    pub fn passed(&self) -> bool {
        self.elapsed() >= self.limit
    }

    /// How long it was from the beginning until now.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long it was to take at most.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_at_all_is_over_at_once_and_an_hour_is_not() {
        assert!(Deadline::after(Duration::ZERO).passed());
        assert!(!Deadline::after(Duration::from_secs(3600)).passed());
    }
}
