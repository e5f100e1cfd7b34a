//! The CPU time of a thread: what others do on the same machine is not in it.

use std::time::Duration;

/// CPU time that this thread has used so far.
#[cfg(target_os = "linux")]
pub(crate) fn time() -> Duration {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanos: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }
    const THREAD_CPUTIME: i32 = 3;
    let mut now = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the function writes to the place that it is given, which has the layout of 64-bit Linux.
    unsafe { clock_gettime(THREAD_CPUTIME, &raw mut now) };
    Duration::from_secs(now.seconds.unsigned_abs()) + Duration::from_nanos(now.nanos.unsigned_abs())
}

/// Wall time where there is nothing better.
#[cfg(not(target_os = "linux"))]
pub(crate) fn time() -> Duration {
    static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(std::time::Instant::now).elapsed()
}
