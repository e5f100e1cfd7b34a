//! Signals into the economy: what other plugins tell it.
//!
//! Any plugin may write an [`EconomySignal`] from a system of [`WorldStep`](crate::schedules::WorldStep),
//! [`HourlyTick`](crate::schedules::HourlyTick) or [`DailyTick`](crate::schedules::DailyTick), or from a command. It is
//! taken in as soon as that schedule or command is done, outlives restarts from then on, and acts from the economy's next
//! hour for as long as it says. A signal that is out of bounds is refused and counted, and changes nothing: the query
//! `economy.shocks` tells how many and why the last.
//!
//! ```
//! use bevy_ecs::prelude::*;
//! use worldtick::messages::outside::{EconomySignal, SignalKind};
//!
//! fn declare_war(mut signals: MessageWriter<EconomySignal>) {
//!     let kind = SignalKind::War { faction_a: "arasaka".into(), faction_b: "militech".into() };
//!     signals.write(EconomySignal { source: "diplomacy".into(), hours: 48, kind });
//! }
//! # let mut world = World::new();
//! # world.init_resource::<bevy_ecs::message::Messages<EconomySignal>>();
//! # world.run_system_once(declare_war).expect("it runs");
//! # use bevy_ecs::system::RunSystemOnce;
//! ```

use bevy_ecs::message::Message;
use bevy_ecs::prelude::Resource;

/// Hours that a signal lasts at most.
pub const SIGNAL_HOURS_MAX: u32 = 720;
/// Characters of a source or of a faction's name at most.
pub const SIGNAL_NAME_MAX: usize = 64;
/// By how much demand for food may change, in percent.
pub const FOOD_DEMAND_RANGE: (f64, f64) = (-90.0, 400.0);

/// Something outside the economy that it must know of.
///
/// The same source says each thing once: a later signal of the same kind (of the same factions, of the same trade) takes
/// the place of the one before, and one of 0 hours ends it.
#[derive(Message, Debug, Clone, PartialEq)]
pub struct EconomySignal {
    /// Who says it: 1 to 64 printable characters, a plugin and a place, say.
    pub source: String,
    /// For how many of the economy's hours it holds, 1 to 720; 0 ends it.
    pub hours: u32,
    /// What it is about.
    pub kind: SignalKind,
}

/// How many signals were taken and refused in an input. Only told: nothing is decided by it.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalsHeard {
    /// Taken.
    pub taken: u32,
    /// Refused.
    pub refused: u32,
}

/// Kinds of signals.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalKind {
    /// The crowd needs more food than usual, or less.
    FoodDemand {
        /// By how much, in percent: -90 to 400.
        change_percent: f64,
    },
    /// Two factions are at war.
    War {
        /// One of them.
        faction_a: String,
        /// The other.
        faction_b: String,
    },
    /// Two factions are allied.
    Alliance {
        /// One of them.
        faction_a: String,
        /// The other.
        faction_b: String,
    },
    /// Somebody from outside trades.
    Trade {
        /// What, as the world file names it.
        commodity: String,
        /// Whether it sells to the world or buys from it.
        direction: TradeDirection,
        /// Units an hour, 1 to 1,000,000.
        quantity: i64,
        /// Minor units a unit, 1 to 4,000,000.
        price: i64,
    },
}

/// Which way goods go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeDirection {
    /// Into the world.
    Import,
    /// Out of the world.
    Export,
}
