//! What a world takes in and gives out.

mod command;
mod event;
mod input;
mod shapes;
mod tick;

pub mod control;
pub mod crowd;
pub mod diplomacy;
pub mod market;
pub mod npc;
pub mod outside;
pub mod relation;
pub mod shock;
pub mod tier;
pub mod trend;

pub use command::{CommandErrorDetail, CommandMessage, CommandOutcome, CommandResult};
pub use event::{Envelope, EventRecord, SimulationEvent};
pub use input::{CommandInput, DueTick, Input, Outcome, TickInput, TickOutcome};
pub use tick::{
    EventMetadata, MessageError, TickData, TickEventType, TickMessage, TickMetadata, TickType, TriggeredBy,
};
