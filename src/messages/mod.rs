//! What a world takes in and gives out.

mod event;
mod input;
mod shapes;
mod tick;

pub mod crowd;
pub mod diplomacy;
pub mod market;
pub mod trend;

pub use event::{Envelope, EventRecord, SimulationEvent};
pub use input::{CommandInput, DueTick, Input, Outcome, TickInput, TickOutcome};
pub use tick::{
    EventMetadata, MessageError, TickData, TickEventType, TickMessage, TickMetadata, TickType, TriggeredBy,
};
