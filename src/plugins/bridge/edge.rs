//! Where the bridge meets the machine: its clock, and locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The present instant, for time-outs and back-off.
#[expect(clippy::disallowed_methods, reason = "the bridge is an edge: its time-outs are wall time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The present wall time in microseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the bridge is an edge: it stamps what it makes with wall time")]
pub(super) fn wall_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

/// Locks a mutex whose data is whole between statements, so that a panic elsewhere does not matter here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
