//! Inputs of a world and what comes of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::outside::SignalsHeard;
use super::relation::RelationsTold;
use super::tier::StepReport;
use super::{EventRecord, TickType};
use crate::components::clock::{ClockSource, GameInstant, TimeScale};
use crate::world::StateHash;
use crate::world::spec::WorldSimulationConfig;

/// Everything that can change a world. Each is journaled; nothing else has any influence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// So much wall time has passed for a `live` world.
    Elapsed {
        /// Real microseconds; game time is this times the world's scale.
        real_micros: u64,
        /// The wall clock as the pacer read it (microseconds since the Unix epoch), for the ticks that become due.
        wall_micros: i64,
        /// In at least so many steps, each as long as the others; 0 is 1.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        steps: u32,
    },
    /// Game time moves by so much, in a `manual` world.
    Advance {
        /// Game microseconds.
        game_micros: u64,
        /// The wall clock when the step was ordered (microseconds since the Unix epoch).
        wall_micros: i64,
        /// In at least so many steps, each as long as the others; 0 is 1.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        steps: u32,
    },
    /// A tick arrived.
    Tick(TickInput),
    /// Somebody ordered something.
    Command(CommandInput),
    /// The clock is set otherwise.
    Clock {
        /// What drives the clock from now on.
        source: ClockSource,
        /// How fast it runs.
        scale: TimeScale,
    },
    /// It is simulated otherwise from the next step on.
    Configure {
        /// The whole block as it is from now on.
        simulation: Box<WorldSimulationConfig>,
        /// Who changed it.
        #[serde(default)]
        by: String,
    },
    /// Its time stands still from now on. Nothing but the event follows from it: who steps the world sees to the rest.
    Paused {
        /// Why.
        reason: String,
        /// Who paused it.
        by: String,
        /// Until which wall time, if it goes on by itself (microseconds since the Unix epoch).
        until: Option<i64>,
    },
    /// Its time goes on.
    Resumed {
        /// Who resumed it.
        by: String,
    },
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(steps: &u32) -> bool {
    *steps == 1
}

impl Input {
    /// Game time moves by so much in one step, unordered by anybody.
    pub fn advance(game_micros: u64) -> Self {
        Self::Advance { game_micros, wall_micros: 0, steps: 1 }
    }

    /// The wall clock that the input carries; 0 where it carries none.
    pub fn wall_micros(&self) -> i64 {
        match self {
            Self::Elapsed { wall_micros, .. } | Self::Advance { wall_micros, .. } => *wall_micros,
            Self::Tick(_)
            | Self::Command(_)
            | Self::Clock { .. }
            | Self::Configure { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. } => 0,
        }
    }
}

/// A tick as a world takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickInput {
    /// Id of the tick.
    pub tick_id: Uuid,
    /// Hourly or daily.
    pub tick_type: TickType,
    /// The game time that it stands for.
    pub game_time: GameInstant,
}

/// A command for one of the world's plugins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandInput {
    /// Id of the command.
    pub command_id: Uuid,
    /// Name under which a plugin accepts it.
    pub command: String,
    /// Who ordered it.
    pub issued_by: String,
    /// Its content, checked by the plugin that takes it.
    pub payload: Value,
}

/// What became of a tick in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickOutcome {
    /// Its schedule ran.
    Applied,
    /// It is earlier than the last of its type in a world that takes its time from ticks.
    Late,
    /// It is further ahead than `maxTickJumpDays`, or beyond the calendar.
    TooFarAhead,
}

/// A tick that a world asks for because its clock has passed the hour or the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTick {
    /// UUIDv5 of incarnation, type and hour or day: asked for twice, it is the same tick.
    pub tick_id: Uuid,
    /// Hourly or daily.
    pub tick_type: TickType,
    /// The hour or day that was passed.
    pub game_time: GameInstant,
    /// The wall clock of the input that moved the world past it (microseconds since the Unix epoch).
    pub wall_micros: i64,
}

/// What an input did.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether the world has changed; an input that changed nothing is not journaled.
    pub changed: bool,
    /// What happened, in order.
    pub events: Vec<EventRecord>,
    /// Ticks that are due now.
    pub due_ticks: Vec<DueTick>,
    /// For a tick, what became of it.
    pub tick: Option<TickOutcome>,
    /// For a command or a configuration, the answer or why it was refused.
    pub reply: Option<Result<Value, String>>,
    /// The world's time afterwards.
    pub now: Option<GameInstant>,
    /// By how much game time moved, in microseconds.
    pub game_micros: i64,
    /// The state hash afterwards.
    pub hash: StateHash,
    /// What the scheduler did, in all steps together; nothing where the world has none or no step was made.
    pub report: Option<StepReport>,
    /// Signals to the economy in it.
    pub signals: SignalsHeard,
    /// What is to be kept of relations between factions.
    pub relations: RelationsTold,
}
