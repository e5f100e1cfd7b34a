//! Worlds stepped by hand: no Kafka, no database, no wall clock.
//!
//! ```
//! use bevy_app::App;
//! use worldtick::plugins::simulation::SimulationPlugin;
//! use worldtick::testing::Stepper;
//! use worldtick::world::spec::WorldSpec;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut world = Stepper::new(|| {
//!     let spec = WorldSpec::from_yaml("id: atlantis\nclock: manual").unwrap_or_else(|error| panic!("{error}"));
//!     let mut app = App::new();
//!     app.add_plugins(SimulationPlugin { spec });
//!     app
//! })?;
//! world.hours(2)?;
//! assert_eq!(world.now().map(|now| now.to_string()).as_deref(), Some("2077-01-01T02:00:00Z"));
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use bevy_app::App;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

use crate::components::clock::{ClockSource, GameInstant, MICROS_PER_DAY, MICROS_PER_HOUR};
use crate::messages::{CommandInput, DueTick, EventRecord, Input, Outcome, SimulationEvent, TickInput, TickType};
use crate::world::spec::WorldSpec;
use crate::world::{Answer, GameWorld, StateHash, WorldError, WorldFault};

/// Why a world could not be stepped.
#[derive(Debug, Error)]
pub enum StepError {
    /// It cannot be made, saved or restored.
    #[error(transparent)]
    World(#[from] WorldError),
    /// It failed.
    #[error(transparent)]
    Fault(#[from] WorldFault),
    /// An event does not have the shape that was asked for.
    #[error("event `{event_type}` is not what its type says: {error}")]
    Event {
        /// The event type.
        event_type: String,
        /// Why not.
        error: String,
    },
    /// A command was refused.
    #[error("command `{command}` was refused: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// Why.
        reason: String,
    },
}

/// A world that is stepped by hand.
///
/// The ticks that become due on the way run at once, as if they had been to Kafka and back. Everything it takes in is
/// kept, so that a run can be replayed.
pub struct Stepper {
    build: Box<dyn Fn() -> App>,
    world: GameWorld,
    events: Vec<EventRecord>,
    journal: Vec<Input>,
    ids: u64,
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper").field("world", &self.world).finish_non_exhaustive()
    }
}

impl Stepper {
    /// Makes the world that `build` describes. It is called again for every restart.
    ///
    /// # Errors
    /// When the plugins do not fit together or the set-up fails.
    pub fn new(build: impl Fn() -> App + 'static) -> Result<Self, StepError> {
        let world = GameWorld::create(build(), Uuid::nil())?;
        Ok(Self { build: Box::new(build), world, events: Vec::new(), journal: Vec::new(), ids: 0 })
    }

    /// Goes on with a world that [`snapshot`](Self::snapshot) saved, in this process or another. `build` describes it as
    /// for [`new`](Self::new). What came before is no part of its journal.
    ///
    /// # Errors
    /// When the plugins do not fit together, or the snapshot is damaged or of another world.
    pub fn restored(build: impl Fn() -> App + 'static, snapshot: &[u8]) -> Result<Self, StepError> {
        let world = GameWorld::restore(build(), snapshot)?;
        Ok(Self { build: Box::new(build), world, events: Vec::new(), journal: Vec::new(), ids: 0 })
    }

    /// Steps from hour to hour, `count` times. Each hour's tick runs as the hour is reached.
    ///
    /// # Errors
    /// When the world fails.
    pub fn hours(&mut self, count: u32) -> Result<&mut Self, StepError> {
        for _ in 0..count {
            self.step_to_next(MICROS_PER_HOUR, TickType::Hourly)?;
        }
        Ok(self)
    }

    /// Steps through `count` days, hour by hour, with their hourly and daily ticks.
    ///
    /// # Errors
    /// When the world fails.
    pub fn days(&mut self, count: u32) -> Result<&mut Self, StepError> {
        for _ in 0..count {
            self.hours(24)?;
        }
        Ok(self)
    }

    fn step_to_next(&mut self, span: i64, tick_type: TickType) -> Result<(), StepError> {
        match (self.world.clock().source, self.now()) {
            (ClockSource::Ticks, now) => {
                let first = self.world.ecs().resource::<WorldSpec>().starts_at;
                let micros = now.map_or(first.as_micros(), |now| (now.as_micros().div_euclid(span) + 1) * span);
                let game_time = GameInstant::from_micros(micros).unwrap_or(GameInstant::MAX);
                self.tick_at(tick_type, game_time)?;
                if game_time.as_micros() % MICROS_PER_DAY == 0 {
                    self.tick_at(TickType::Daily, game_time)?;
                }
            }
            (_, Some(now)) => {
                self.advance(span - now.as_micros().rem_euclid(span))?;
            }
            (_, None) => {}
        }
        Ok(())
    }

    /// Moves game time on by `span`, with the ticks that become due on the way.
    ///
    /// # Errors
    /// When the world fails; in a `ticks` world, before its first tick.
    pub fn step(&mut self, span: Duration) -> Result<&mut Self, StepError> {
        let mut left = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        while left > 0 {
            let to_hour = self.now().map_or(left, |now| MICROS_PER_HOUR - now.as_micros().rem_euclid(MICROS_PER_HOUR));
            let piece = left.min(to_hour);
            self.advance(piece)?;
            left -= piece;
        }
        Ok(self)
    }

    fn advance(&mut self, game_micros: i64) -> Result<(), StepError> {
        let outcome = self.apply(Input::advance(game_micros.unsigned_abs()))?;
        for DueTick { tick_id, tick_type, game_time, .. } in outcome.due_ticks {
            self.apply(Input::Tick(TickInput { tick_id, tick_type, game_time }))?;
        }
        Ok(())
    }

    /// Runs a tick now, at the world's own time.
    ///
    /// # Errors
    /// When the world fails.
    pub fn tick(&mut self, tick_type: TickType) -> Result<Outcome, StepError> {
        let game_time = self.now().unwrap_or(self.world.ecs().resource::<WorldSpec>().starts_at);
        self.tick_at(tick_type, game_time)
    }

    /// Runs a tick that stands for `game_time`.
    ///
    /// # Errors
    /// When the world fails.
    pub fn tick_at(&mut self, tick_type: TickType, game_time: GameInstant) -> Result<Outcome, StepError> {
        let tick_id = self.next_id("tick");
        self.apply(Input::Tick(TickInput { tick_id, tick_type, game_time }))
    }

    /// Sends a command and gives its answer.
    ///
    /// # Errors
    /// When it is refused, or the world fails.
    pub fn send(&mut self, command: &str, payload: Value) -> Result<Value, StepError> {
        let command_id = self.next_id("command");
        let input = CommandInput { command_id, command: command.into(), issued_by: "stepper".into(), payload };
        let reply = self.apply(Input::Command(input))?.reply.unwrap_or(Ok(Value::Null));
        reply.map_err(|reason| StepError::Refused { command: command.into(), reason })
    }

    /// Asks a question.
    ///
    /// # Errors
    /// With a sentence, where no plugin answers it.
    pub fn ask(&mut self, query: &str, payload: Value) -> Answer {
        self.world.query(query, payload)
    }

    /// Gives the world any input.
    ///
    /// # Errors
    /// When the world fails.
    pub fn apply(&mut self, input: Input) -> Result<Outcome, StepError> {
        let outcome = self.world.apply(&input)?;
        if outcome.changed {
            self.journal.push(input);
        }
        self.events.extend(outcome.events.iter().cloned());
        Ok(outcome)
    }

    fn next_id(&mut self, kind: &str) -> Uuid {
        self.ids += 1;
        Uuid::new_v5(&Uuid::nil(), format!("stepper:{kind}:{}", self.ids).as_bytes())
    }

    /// The present game time.
    pub fn now(&self) -> Option<GameInstant> {
        self.world.now()
    }

    /// All events so far.
    pub fn events(&self) -> &[EventRecord] {
        &self.events
    }

    /// Takes the events so far away.
    pub fn take_events(&mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.events)
    }

    /// All events of one type so far.
    ///
    /// # Errors
    /// When one does not have that type's shape.
    pub fn events_of<E: SimulationEvent + DeserializeOwned>(&self) -> Result<Vec<E>, StepError> {
        let of_type = self.events.iter().filter(|event| event.event_type == E::EVENT_TYPE);
        of_type
            .map(|event| {
                serde_json::from_value(Value::Object(event.payload.clone()))
                    .map_err(|error| StepError::Event { event_type: event.event_type.into(), error: error.to_string() })
            })
            .collect()
    }

    /// The state hash.
    ///
    /// # Errors
    /// When a value does not serialise.
    pub fn state_hash(&mut self) -> Result<StateHash, StepError> {
        Ok(self.world.state_hash()?)
    }

    /// Everything that has changed the world so far.
    pub fn journal(&self) -> &[Input] {
        &self.journal
    }

    /// Forgets what has been taken in so far, for runs that are too long to keep it. A replay then begins wrong.
    pub fn forget_journal(&mut self) {
        self.journal.clear();
    }

    /// Saves the world.
    ///
    /// # Errors
    /// When a value does not serialise.
    pub fn snapshot(&mut self) -> Result<Vec<u8>, StepError> {
        Ok(self.world.snapshot()?)
    }

    /// Saves the world, throws it away, and goes on with what a new process would restore.
    ///
    /// # Errors
    /// When it cannot be saved or restored.
    pub fn restart(&mut self) -> Result<&mut Self, StepError> {
        let snapshot = self.world.snapshot()?;
        self.world = GameWorld::restore((self.build)(), &snapshot)?;
        Ok(self)
    }

    /// A second world from the beginning that takes in the same.
    ///
    /// # Errors
    /// When it fails where the first did not.
    pub fn replay(&self) -> Result<(GameWorld, Vec<EventRecord>), StepError> {
        let mut world = GameWorld::create((self.build)(), Uuid::nil())?;
        let mut events = Vec::new();
        for input in &self.journal {
            events.extend(world.apply(input)?.events);
        }
        Ok((world, events))
    }

    /// The world itself.
    pub fn world(&mut self) -> &mut GameWorld {
        &mut self.world
    }
}
