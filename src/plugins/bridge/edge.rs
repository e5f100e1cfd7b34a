//! Where the bridge meets the machine: its clock, and locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The present instant, for time-outs and back-off.
#[expect(clippy::disallowed_methods, reason = "the bridge is an edge: its time-outs are wall time")]
pub(super) fn now() -> Instant {
    // time: bridge: time-outs of reading and writing, lag, silent partitions | real | std::time::Instant | compared with the limits of `kafka.*`
    Instant::now()
}

/// Locks a mutex whose data is whole between statements, so that a panic elsewhere does not matter here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
