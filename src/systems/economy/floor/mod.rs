//! The trading floor: who trades this hour, their orders, and the books. Nothing on it outlives the hour.
//!
//! Each market place has a square of its own. Orders stand there in columns, one for each commodity, by the number of
//! their trader: its place in the order of the ids. Who is visited when makes no difference to any result, so that traders
//! are visited as they lie in memory.

pub(crate) mod clear;
pub(crate) mod parallel;
pub(crate) mod rates;
pub(crate) mod stall;

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use self::rates::Rate;
use self::stall::{Cut, Placed, Stall};
use crate::components::ids::StableId;
use crate::components::market::{
    Belief, Beliefs, Budget, CommodityId, Holding, Ledger, Market, MarketStatistics, PerCommodity, PlaceId, Purse,
    Stock, Trader,
};
use crate::messages::market::Label;
use crate::systems::economy::book::{Book, TRADERS_MAX};
use crate::systems::economy::influences::conditions::Conditions;
use crate::systems::economy::maths::real;
use crate::systems::economy::model::Economy;

/// Scratch space of an hour, kept so that its memory is used again.
#[derive(Resource, Debug, Default)]
pub struct Floor {
    /// The market places in their order: one at least, once an hour has begun.
    pub(crate) squares: Vec<Square>,
    /// The traders' numbers by entity, each within its square.
    pub(crate) seats: Seats,
    /// Needs of this hour, and those that were met.
    pub(crate) meals: (u64, u64),
    /// What agents did this hour.
    pub(crate) activity: Activity,
    /// Whether orders are in the books that are not settled yet.
    pub(crate) trading: bool,
    /// What those had who left meanwhile.
    pub(crate) estates: Vec<Estate>,
    /// Who moves before this hour's trade, and where to.
    pub(crate) movers: Vec<(Entity, PlaceId)>,
}

/// A market place in an hour: who trades there, their orders, the books, and what holds and is known there.
#[derive(Debug, Default)]
pub(crate) struct Square {
    /// All traders in the order of their ids; the position is a trader's number here.
    pub(crate) roster: Vec<(StableId, Entity)>,
    /// All markets in the order of their commodities.
    pub(crate) markets: Vec<Entity>,
    /// A column of orders and a book for each commodity.
    pub(crate) stalls: Vec<Stall>,
    /// What holds this hour, for each commodity.
    pub(crate) rates: Vec<Rate>,
    /// Prices on the markets before this hour.
    pub(crate) prices: Vec<f64>,
    /// Units made this hour.
    pub(crate) produced: Vec<i64>,
    /// Units used up, eaten and enjoyed this hour, and those that spoiled: what must be made again.
    pub(crate) used: Vec<i64>,
    /// Units among them that spoiled.
    pub(crate) spoiled: Vec<i64>,
    /// Needs of this hour, and those that were met, for each commodity.
    pub(crate) needs: Vec<(u64, u64)>,
    /// Members of each role, and the sum of their utilisation.
    pub(crate) members: Vec<(u64, u64)>,
    /// The traders' money as the hour began, in minor units: counted where there are several squares.
    pub(crate) money: Option<i64>,
    /// What an hour of work earns here, on average, in minor units.
    pub(crate) usual_wage: f64,
}

/// What agents did in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Agents of whom at least a part of an order was filled.
    pub(crate) agents: u64,
    /// Orders of which at least a part was filled.
    pub(crate) actions: u64,
}

impl Activity {
    /// Counts one agent's filled orders.
    pub(crate) fn note(&mut self, filled: u64) {
        self.agents += u64::from(filled > 0);
        self.actions += filled;
    }
}

/// What somebody had whose orders are still in the books.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    /// Where its orders are.
    pub(crate) place: PlaceId,
    /// Its number there.
    pub(crate) seat: u32,
    pub(crate) purse: Purse,
    pub(crate) stock: Stock,
}

impl Floor {
    /// A trader's order for a commodity this hour at the place where it stands, and what became of it.
    pub fn order(&self, place: PlaceId, trader: usize, commodity: CommodityId) -> Option<Placed> {
        self.squares.get(place.index())?.order(trader, commodity)
    }

    /// Why a trader has no order for a commodity this hour, where it wished to buy.
    pub(crate) fn why_cut(&self, place: PlaceId, trader: usize, commodity: CommodityId) -> Option<Cut> {
        self.squares.get(place.index())?.why_cut(trader, commodity)
    }

    /// The books, place by place in the order of the commodities.
    pub fn books(&self) -> impl Iterator<Item = &Book> {
        self.squares.iter().flat_map(Square::books)
    }

    /// Everybody who trades this hour, place by place in the order of the ids: with its place and its number there.
    pub(crate) fn traders(&self) -> impl Iterator<Item = (PlaceId, usize, StableId, Entity)> {
        let places = (0..).map(PlaceId).zip(&self.squares);
        places.flat_map(|(place, square)| {
            square.roster.iter().enumerate().map(move |(number, (id, entity))| (place, number, *id, *entity))
        })
    }

    /// Says for each square what an hour of work earns there.
    pub(crate) fn tell_wages(&mut self, economy: &Economy, ledger: &Ledger) {
        for square in &mut self.squares {
            let money = square.money.unwrap_or_else(|| ledger.money_of_traders());
            square.usual_wage = economy.usual_wage(money, square.roster.len());
        }
    }

    fn open(&mut self, places: usize, commodities: usize) {
        self.squares.resize_with(places, Square::default);
        self.squares.iter_mut().for_each(|square| square.open(commodities));
        self.meals = (0, 0);
        self.activity = Activity::default();
        self.trading = false;
        self.estates.clear();
    }

    /// Lists the traders of each square in the order of their ids and numbers them.
    fn seat_all<'a>(&mut self, traders: impl Iterator<Item = (Entity, StableId, Option<&'a PlaceId>)>) -> Result {
        self.squares.iter_mut().for_each(|square| square.roster.clear());
        for (entity, id, place) in traders {
            let square = self.squares.get_mut(PlaceId::of(place).index());
            square.ok_or("a trader at a place that the world does not have")?.roster.push((id, entity));
        }
        self.seats.clear();
        for (place, Square { roster, .. }) in (0..).zip(&mut self.squares) {
            if !roster.is_sorted_by_key(|(id, _)| *id) {
                roster.sort_unstable_by_key(|(id, _)| *id);
            }
            if u32::try_from(roster.len()).map_or(true, |traders| traders > TRADERS_MAX) {
                return Err(format!("a book takes {TRADERS_MAX} traders, there are {}", roster.len()).into());
            }
            self.seats.give(place, roster);
        }
        Ok(())
    }
}

impl Square {
    /// A trader's order for a commodity this hour, and what became of it.
    pub(crate) fn order(&self, trader: usize, commodity: CommodityId) -> Option<Placed> {
        self.stalls.get(commodity.index())?.order(trader)
    }

    /// Why a trader has no order for a commodity this hour, where it wished to buy.
    pub(crate) fn why_cut(&self, trader: usize, commodity: CommodityId) -> Option<Cut> {
        self.stalls.get(commodity.index())?.why_cut(trader)
    }

    /// The books, in the order of the commodities.
    pub(crate) fn books(&self) -> impl Iterator<Item = &Book> {
        self.stalls.iter().map(|stall| &stall.book)
    }

    fn open(&mut self, commodities: usize) {
        for sums in [&mut self.produced, &mut self.used, &mut self.spoiled] {
            sums.clear();
            sums.resize(commodities, 0);
        }
        self.needs.clear();
        self.needs.resize(commodities, (0, 0));
        self.markets.clear();
        self.markets.resize(commodities, Entity::PLACEHOLDER);
        self.prices.clear();
        self.prices.resize(commodities, 1.0);
        self.money = None;
        self.stalls.resize_with(commodities, Stall::default);
    }

    fn open_stalls(&mut self) {
        let traders = self.roster.len();
        self.stalls.iter_mut().for_each(|stall| stall.open(traders));
    }
}

/// Each entity's place and number on the floor, as the roster was called: whoever goes elsewhere meanwhile, or is sent
/// there by another plugin, has its orders where it was.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    /// By the entity's index in the world: the number in the lower bits, the place above.
    by_index: Vec<u32>,
}

const NO_SEAT: u32 = u32::MAX;
const NUMBER_BITS: u32 = 22;
const _: () = assert!(TRADERS_MAX <= 1 << NUMBER_BITS);

impl Seats {
    fn clear(&mut self) {
        self.by_index.fill(NO_SEAT);
    }

    fn give(&mut self, place: u16, roster: &[(StableId, Entity)]) {
        for (seat, (_, entity)) in (u32::from(place) << NUMBER_BITS..).zip(roster) {
            let index = entity.index_u32() as usize;
            if index >= self.by_index.len() {
                self.by_index.resize(index + 1, NO_SEAT);
            }
            if let Some(place) = self.by_index.get_mut(index) {
                *place = seat;
            }
        }
    }

    /// The place where a trader's orders are this hour, and its number there; none where it came after the roster was
    /// called.
    #[inline]
    pub(crate) fn at(&self, entity: Entity) -> Option<(PlaceId, u32)> {
        let seat = self.by_index.get(entity.index_u32() as usize).copied().filter(|seat| *seat != NO_SEAT)?;
        // Ten bits are left.
        Some((PlaceId((seat >> NUMBER_BITS) as u16), seat & ((1 << NUMBER_BITS) - 1)))
    }

    /// Takes away the number of a trader that leaves: who comes after it under the same index has none.
    pub(crate) fn vacate(&mut self, entity: Entity) -> Option<(PlaceId, u32)> {
        let seat = self.at(entity)?;
        if let Some(place) = self.by_index.get_mut(entity.index_u32() as usize) {
            *place = NO_SEAT;
        }
        Some(seat)
    }
}

/// Lists who trades this hour and clears the floor. Runs in `Review`, last.
pub fn call_roster(
    economy: Res<Economy>,
    (statistics, conditions): (Res<MarketStatistics>, Res<Conditions>),
    mut floor: ResMut<Floor>,
    traders: Query<(Entity, &StableId, Option<&PlaceId>), With<Trader>>,
    markets: Query<(Entity, &Market, Option<&PlaceId>)>,
    purses: Query<&Purse>,
) -> Result {
    let floor = &mut *floor;
    floor.open(economy.places.len(), economy.commodities.len());
    floor.seat_all(traders.iter().map(|(entity, id, place)| (entity, *id, place)))?;
    for (entity, market, place) in &markets {
        let index = market.commodity.index();
        let square = floor.squares.get_mut(PlaceId::of(place).index());
        let known = square.and_then(|square| square.markets.get_mut(index).zip(square.prices.get_mut(index)));
        if let Some((known, price)) = known {
            (*known, *price) = (entity, real(market.price.0));
        }
    }
    for (place, square) in economy.place_ids().zip(&mut floor.squares) {
        square.open_stalls();
        if let Some(missing) = square.markets.iter().position(|entity| *entity == Entity::PLACEHOLDER) {
            let name = economy.place(place).and_then(|place| place.market_ids.get(missing)).map_or("", Label::as_str);
            return Err(format!("there is no `{name}`").into());
        }
        let here = conditions.at(place).ok_or("a place without conditions")?;
        let flows = statistics.flows_at(place, economy.commodities.len());
        square.rates.clear();
        square.rates.extend(economy.commodity_ids().zip(&economy.commodities).map(|(id, commodity)| {
            let usual = flows.get(id.index()).map_or(0.0, |flow| flow.usual_price);
            Rate::of(id, commodity, here, usual)
        }));
        if economy.has_places() {
            let owned = square.roster.iter().filter_map(|(_, entity)| purses.get(*entity).ok());
            let sum = owned.map(|purse| purse.free().0.saturating_add(purse.escrow().0)).fold(0, i64::saturating_add);
            square.money = Some(sum);
        }
    }
    Ok(())
}

/// Gives a trader that came without places for goods, or with places for others, what it lacks.
#[inline]
pub(crate) fn furnish(
    doubt: f64,
    prices: &[f64],
    stock: &mut Mut<Stock>,
    beliefs: &mut Mut<Beliefs>,
    budget: &mut Mut<Budget>,
) {
    let places = [stock.goods.len(), beliefs.0.len(), budget.envelopes.len(), budget.treats.len()];
    if places.iter().any(|places| *places != prices.len()) {
        give_places(doubt, prices, stock, beliefs, budget);
    }
}

#[cold]
fn give_places(doubt: f64, prices: &[f64], stock: &mut Stock, beliefs: &mut Beliefs, budget: &mut Budget) {
    let count = prices.len();
    let price = |commodity: CommodityId| prices.get(commodity.index()).copied().unwrap_or(1.0);
    if stock.goods.len() != count {
        let old = std::mem::take(&mut stock.goods);
        stock.goods =
            PerCommodity::from_fn(count, |commodity| old.get(commodity).copied().unwrap_or(Holding::default()));
    }
    if beliefs.0.len() != count {
        beliefs.0 = PerCommodity::from_fn(count, |commodity| Belief { price: price(commodity), doubt });
    }
    if budget.envelopes.len() != count || budget.treats.len() != count {
        budget.envelopes = PerCommodity::from_fn(count, |_| 0);
        budget.treats = PerCommodity::from_fn(count, |_| 0);
    }
}
