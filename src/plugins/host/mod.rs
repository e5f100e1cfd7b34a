//! The host: many game worlds in one process, stepped by worker threads, committed together.
//!
//! | module | what it does |
//! |---|---|
//! | `engine` | the thread that takes in, hands out, and commits; it blocks on its channels and never spins |
//! | `parts` | what an engine is made of |
//! | `load` | bringing worlds to life when the engine starts |
//! | `committing` | the engine's commits: sent, concluded, or refused |
//! | `keeping` | snapshots, and own ticks that the broker has lost |
//! | `intake` | turns what was read from Kafka into units of work |
//! | `orders`, `timing` | turn what people ask for into units of work; those of time apart |
//! | `handing` | units on their way to the workers, and what comes back |
//! | `commands` | commands: known by their ids, recorded, answered again |
//! | `fingerprint` | what tells a command that comes again from another under its id |
//! | `reading`, `payloads` | what a command asks of its world, and the shapes of what plugins take |
//! | `registry` | worlds that come, go and begin anew while the others run |
//! | `configure` | changing how a world is simulated while it lives |
//! | `pacing` | when a live world's next step is due |
//! | `agenda` | which world is due when |
//! | `unit` | a unit of work on its way, and which units may be committed together |
//! | `assemble` | from finished units to the rows of one commit |
//! | `worker`, `run_queue` | the threads that run the worlds, and which world a free one takes next |
//! | `steps` | the last steps of each world, and where their time went |
//! | `measure` | metrics of all this |
//! | `generation`, `edge`, `steering` | jobs of generation: as rows and messages; limits over all worlds; what these decide |
//! | `answers` | answers of workers: those of another world, and those that a world cannot hear yet |
//! | `logs` | log lines of ticks and markets |
//! | `hosted` | what the engine knows of each world |
//! | [`restore`] | from the store back to a living world |
//! | [`view`] | what the last commit made visible to readers |
//!
//! A unit is one input for one or many worlds: a tick message, a step, an order. It is done when every world has
//! answered, and it is committed with its journal rows, events and input position, or not at all.

mod agenda;
mod answers;
mod assemble;
mod commands;
mod committing;
mod configure;
mod days;
mod edge;
mod engine;
mod fingerprint;
mod generation;
mod handing;
mod hosted;
mod intake;
mod keeping;
mod load;
mod logs;
mod measure;
mod measure_generation;
mod measure_interactions;
mod orders;
mod pacing;
mod parts;
mod payloads;
mod reading;
mod registry;
mod relations;
pub mod restore;
mod run_queue;
mod steering;
pub mod steps;
mod timing;
mod unit;
pub mod view;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bevy_app::App;

pub use commands::{CommandHead, CommandSource};
pub use configure::entity_tag;
pub(crate) use edge::EdgeFilter;
pub use edge::{EdgeLimits, LimitScope, OwnLimits, OwnQuota, Quota};
pub use engine::Engine;
pub use hosted::shard_of;
pub(crate) use load::hash_as_written;
pub(crate) use measure::refused as count_refusal;
pub use orders::{Order, OrderError, OrderMessage, Reply, STEP_GAME_MICROS_MAX, Settings, StepSpan, no_such_world};
pub use parts::{EngineParts, HostFailure, Surroundings};
pub use payloads::Payloads;
pub use reading::order_of;
pub use steps::{SetTime, StepCause, StepCounts, StepView};
pub use view::{EventLine, HostStatus, HostView, WorldView};

use crate::messages::Envelope;
use crate::world::spec::WorldSpec;

/// Makes the app of a world from its file: all plugins, in the same way every time.
pub type BuildApp = Arc<dyn Fn(WorldSpec) -> App + Send + Sync>;

/// The limits within which the host works.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Worlds that there may be at once.
    pub worlds_max: usize,
    /// Threads that step worlds.
    pub worker_threads: usize,
    /// Units of work on their way at once; at this number nothing more is taken in.
    pub units_max: usize,
    /// Units in one commit.
    pub commit_units_max: usize,
    /// Ticks of its own that a live world may have on their way before its clock waits for them.
    pub outstanding_ticks_max: usize,
    /// Rows that the outbox may hold unpublished; at this number intake and pacing stop.
    pub outbox_rows_max: u64,
    /// The longest that replaying the journals may take at the next start, in seconds over all threads.
    pub recovery_seconds_max: f64,
    /// How long positions and marks may wait for a commit that has more to say.
    pub idle_commit_interval: Duration,
    /// Worlds, the first by name, that have gauges of their own.
    pub world_labels_max: usize,
    /// Steps of a world that are kept to be shown.
    pub steps_kept: usize,
    /// Where the payload of an event stands.
    pub envelope: Envelope,
    /// Where simulation events go.
    pub event_topic: String,
    /// The largest message of each topic, in bytes.
    pub message_bytes_max: BTreeMap<String, usize>,
    /// Whether the broker does not have what was published before: it is new, or another one. Own ticks that never came
    /// back are then published again.
    pub own_ticks_lost: bool,
    /// Limits of the edge for jobs of generation.
    pub generation: EdgeLimits,
}

impl HostConfig {
    /// The largest message that a topic takes.
    pub fn message_bytes_max(&self, topic: &str) -> usize {
        self.message_bytes_max.get(topic).copied().unwrap_or(1_048_576)
    }
}
