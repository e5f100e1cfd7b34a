//! What comes into the economy from outside: shocks and signals that are live, and shocks that have ended.

use std::collections::VecDeque;

use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CommodityId, PlaceId, RoleId, Side};

/// Shocks that are active or to come, at most.
pub const SHOCKS_MAX: usize = 32;
/// Signals that are live, at most.
pub const SIGNALS_MAX: usize = 64;
/// Ended shocks that are remembered.
pub const ENDED_MAX: usize = 50;

/// Kinds of shocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShockKind {
    /// What a role, or every role that makes a commodity, brings forth, times a factor.
    Yield,
    /// What everybody needs of a commodity, times a factor.
    Need,
    /// The weight of a commodity in what people spend beyond their needs, times a factor.
    Demand,
    /// Everybody's money, times a factor, once; it stays so.
    Money,
    /// Nobody can work in a role.
    RoleVanished,
    /// A trader from outside offers goods.
    Import,
    /// A trader from outside buys goods.
    Export,
}

impl ShockKind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Yield, Self::Need, Self::Demand, Self::Money, Self::RoleVanished, Self::Import, Self::Export];

    /// Its name in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yield => "yield",
            Self::Need => "need",
            Self::Demand => "demand",
            Self::Money => "money",
            Self::RoleVanished => "role_vanished",
            Self::Import => "import",
            Self::Export => "export",
        }
    }
}

/// Whose output changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum YieldOf {
    /// That of one role.
    Role(RoleId),
    /// That of every role that makes the commodity.
    Commodity(CommodityId),
}

/// What an influence does while it is active.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Output times a factor.
    Yield(YieldOf, f64),
    /// Need times a factor.
    Need(CommodityId, f64),
    /// Weight in what is spent times a factor.
    Demand(CommodityId, f64),
    /// Money times a factor, in the first hour.
    Money(f64),
    /// Nobody can work in the role.
    RoleVanished(RoleId),
    /// An order from outside in every hour.
    Trade(OutsideOrder),
    /// The quantity of all orders from outside times a factor.
    TradeScale(f64),
    /// What follows in the same influence acts at this place only.
    Only(PlaceId),
}

/// What a trader from outside wants in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideOrder {
    /// Sells (imports) or buys (exports).
    pub side: Side,
    /// What.
    pub commodity: CommodityId,
    /// Units an hour, from 1.
    pub quantity: u32,
    /// Minor units a unit, from 1.
    pub price: u32,
}

impl OutsideOrder {
    /// Whether two orders would trade with each other: one offers what the other wants, for no more than it bids.
    pub fn meets(&self, other: &Self) -> bool {
        let (ask, bid) = if self.side == Side::Ask { (self, other) } else { (other, self) };
        self.commodity == other.commodity && self.side != other.side && ask.price <= bid.price
    }
}

/// Who brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShockCause {
    /// The world file.
    WorldFile,
    /// A command.
    Command,
}

/// Something from outside that changes the economy for a while. Its times are hours that the economy has lived: what
/// starts at 0 acts from the world's first hour on, which is hour 1 of trades and histories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Influence {
    /// Its name; of a signal, who sent it and of which kind it is.
    pub id: String,
    /// What it does.
    pub effects: Vec<Effect>,
    /// Hours that the economy has lived when it begins to.
    pub starts: u64,
    /// Hours that the economy has lived when it no longer does.
    pub ends: u64,
}

impl Influence {
    /// Whether it acts in the hour that comes after so many.
    pub fn is_active(&self, hour: u64) -> bool {
        (self.starts..self.ends).contains(&hour)
    }

    /// What it does, each with the place where it does it at one only.
    pub fn effects(&self) -> impl Iterator<Item = (Option<PlaceId>, &Effect)> {
        let mut only = None;
        self.effects.iter().filter_map(move |effect| match effect {
            Effect::Only(place) => {
                only = Some(*place);
                None
            }
            effect => Some((only, effect)),
        })
    }

    /// Orders from outside, each with the place of its book where it stands in one only.
    fn orders(&self) -> impl Iterator<Item = (Option<PlaceId>, &OutsideOrder)> {
        self.effects().filter_map(|(only, effect)| match effect {
            Effect::Trade(order) => Some((only, order)),
            _ => None,
        })
    }

    /// Whether orders of both would stand in a book in the same hour and trade with each other, so that the market had a
    /// price with which none of its people has to do.
    pub fn trades_with(&self, other: &Self) -> bool {
        let together = self.starts.max(other.starts) < self.ends.min(other.ends);
        let meet = |(here, order): (Option<PlaceId>, &OutsideOrder),
                    (there, theirs): (Option<PlaceId>, &OutsideOrder)| {
            (here.is_none() || there.is_none() || here == there) && order.meets(theirs)
        };
        together && self.orders().any(|order| other.orders().any(|theirs| meet(order, theirs)))
    }
}

/// A shock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shock {
    /// What it does, and when.
    pub influence: Influence,
    /// Its kind.
    pub kind: ShockKind,
    /// Who brought it.
    pub cause: ShockCause,
    /// Whether its start has been told.
    pub begun: bool,
}

/// Why a shock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShockEnd {
    /// Its time was over.
    RanOut,
    /// Somebody ended it.
    Ended,
    /// Money would have gone beyond its bounds.
    OutOfBounds,
}

/// A shock that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedShock {
    /// The shock, with its planned hours.
    pub shock: Shock,
    /// Hours that the economy had lived when it ended.
    pub at: u64,
    /// Why.
    pub why: ShockEnd,
}

/// Everything from outside that is live, and the last shocks that have ended.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shocks {
    /// Shocks that are active or to come, in the order in which they were added; at most [`SHOCKS_MAX`].
    pub live: Vec<Shock>,
    /// The last that have ended, the latest last; at most [`ENDED_MAX`].
    pub ended: VecDeque<EndedShock>,
    /// Signals that are live, by name; at most [`SIGNALS_MAX`].
    pub signals: Vec<Influence>,
    /// The number of the last shock that was named by its number.
    pub last_number: u64,
}

impl Shocks {
    /// Whether a shock of this name is live or remembered.
    pub fn is_known(&self, id: &str) -> bool {
        self.live.iter().any(|shock| shock.influence.id == id)
            || self.ended.iter().any(|ended| ended.shock.influence.id == id)
    }

    /// The first shock or signal that would trade with this one, if any. What has its own name it would take the place of.
    pub fn trading_with(&self, influence: &Influence) -> Option<&Influence> {
        let shocks = self.live.iter().map(|shock| &shock.influence);
        shocks.chain(&self.signals).find(|other| other.id != influence.id && influence.trades_with(other))
    }

    /// Remembers a shock as ended; the oldest beyond [`ENDED_MAX`] is forgotten.
    pub fn remember(&mut self, ended: EndedShock) {
        while self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(ended);
    }

    /// Everything that acts in this hour, and at which place where it does at one only: shocks first, then signals.
    pub fn active(&self, hour: u64) -> impl Iterator<Item = (Option<PlaceId>, &Effect)> {
        let shocks = self.live.iter().map(|shock| &shock.influence);
        let all = shocks.chain(&self.signals).filter(move |influence| influence.is_active(hour));
        all.flat_map(Influence::effects)
    }
}

/// What the economy has done since the day before was summed up.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySums {
    /// Hours.
    pub hours: u32,
    /// Orders of which at least a part was filled.
    pub actions: u64,
    /// Trades.
    pub transactions: u64,
    /// Money that changed hands, in minor units.
    pub turnover: i64,
}
