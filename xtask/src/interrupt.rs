//! Ctrl-C, SIGTERM and SIGHUP: every wait of this program ends at once, and what was started gets stopped on the way
//! out, because its owners are dropped.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::{Error, Result};

static ASKED_TO_STOP: Mutex<bool> = Mutex::new(false);
static WAKE: Condvar = Condvar::new();

/// Takes the signals over. Without this call (in tests, say) they do what they always do.
pub fn install() -> Result<()> {
    ctrlc::set_handler(|| {
        *ASKED_TO_STOP.lock().unwrap_or_else(PoisonError::into_inner) = true;
        WAKE.notify_all();
    })
    .map_err(|error| Error::failure(format!("cannot handle Ctrl-C: {error}")))
}

/// Fails if the user has asked to stop.
pub fn check() -> Result<()> {
    pause(Duration::ZERO)
}

/// Waits, unless the user asks to stop or has asked already: then it fails at once.
pub fn pause(time: Duration) -> Result<()> {
    let asked = ASKED_TO_STOP.lock().unwrap_or_else(PoisonError::into_inner);
    let (asked, _) = WAKE.wait_timeout_while(asked, time, |asked| !*asked).unwrap_or_else(PoisonError::into_inner);
    if *asked { Err(Error::interrupted()) } else { Ok(()) }
}

/// Waits whether or not the user has asked to stop: for stopping itself, which is bounded by its own limits.
pub fn settle(time: Duration) {
    std::thread::park_timeout(time);
}
