//! How a world fails: while it is built, and at an input.

use std::any::Any;
use std::cell::RefCell;

use thiserror::Error;

use crate::components::ids::WorldId;

/// A world that cannot be made, saved or restored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorldError {
    /// Plugins contradict each other.
    #[error("the plugins of world `{world}` do not fit together: {errors}")]
    Declarations {
        /// The world.
        world: WorldId,
        /// All contradictions.
        errors: String,
    },
    /// No world can be made of the world file.
    #[error("no world can be made of the file of world `{world}`: {faults}")]
    File {
        /// The world.
        world: WorldId,
        /// Everything that is wrong with it, each with its place as a JSON pointer.
        faults: String,
    },
    /// `SimulationPlugin` is missing.
    #[error("the app has no SimulationPlugin: add it before the domains")]
    NoSimulation,
    /// A schedule does not build.
    #[error("schedule {schedule} of world `{world}` does not build: {error}")]
    Schedule {
        /// The world.
        world: WorldId,
        /// Label of the schedule.
        schedule: String,
        /// Why not; an ambiguity names the systems (with the feature `debug`).
        error: String,
    },
    /// The set-up or the restoring failed.
    #[error("world `{world}` cannot be built: {error}")]
    Build {
        /// The world.
        world: WorldId,
        /// Why.
        error: String,
    },
    /// A snapshot is not usable.
    #[error("the snapshot of world `{world}` cannot be used: {error}")]
    Snapshot {
        /// The world.
        world: WorldId,
        /// Why.
        error: String,
    },
}

/// An input failed inside the world. The world's memory is not to be trusted any more; its last commit stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("world `{world}` failed: {error}")]
pub struct WorldFault {
    /// The world.
    pub world: WorldId,
    /// The panic or error.
    pub error: String,
}

thread_local! {
    /// What failed while a world ran on this thread. Bevy's error handler is a plain function: it has no other place.
    static FAILURES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a failure for the world that runs on this thread.
pub(crate) fn note_failure(failure: String) {
    FAILURES.with_borrow_mut(|failures| failures.push(failure));
}

/// What was kept since it was asked last.
pub(super) fn take_failures() -> Option<String> {
    let failures = FAILURES.take();
    if failures.is_empty() { None } else { Some(failures.join("; ")) }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_else(|| "without a message".into()))
}
