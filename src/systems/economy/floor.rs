//! The trading floor: who trades this hour, their orders, and the books. Nothing on it outlives the hour.
//!
//! Orders stand in columns, one for each commodity, by the number of their trader: its place in the order of the ids. Who
//! is visited when makes no difference to any result, so that traders are visited as they lie in memory.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::book::{Book, TRADERS_MAX};
use super::conditions::Conditions;
use super::learn::Lesson;
use super::maths::real;
use super::measure::Census;
use super::model::Economy;
use super::rates::Rate;
use super::signals::Activity;
use super::stall::{Cut, Placed, Slot, Stall};
use super::wish::Wish;
use super::work::Move;
use crate::components::ids::StableId;
use crate::components::market::{
    Belief, Beliefs, Budget, CommodityId, Holding, Market, MarketStatistics, PerCommodity, Stock, Trader,
};

/// Scratch space of an hour, kept so that its memory is used again.
#[derive(Resource, Debug, Default)]
pub struct Floor {
    /// All traders in the order of their ids; the position is a trader's number on the floor.
    pub roster: Vec<(StableId, Entity)>,
    /// All markets in the order of their commodities.
    pub markets: Vec<Entity>,
    /// Their numbers by entity.
    pub(super) seats: Seats,
    /// A column of orders and a book for each commodity.
    pub(super) stalls: Vec<Stall>,
    /// What holds this hour, for each commodity.
    pub(super) rates: Vec<Rate>,
    /// Prices on the markets before this hour.
    pub(super) prices: Vec<f64>,
    /// Units made this hour.
    pub(super) produced: Vec<i64>,
    /// Units used up, eaten and enjoyed this hour.
    pub(super) used: Vec<i64>,
    /// Needs of this hour, and those that were met.
    pub(super) meals: (u64, u64),
    /// The same for each commodity.
    pub(super) needs: Vec<(u64, u64)>,
    /// What agents did this hour.
    pub(super) activity: Activity,
    /// What one trader's hour of work uses up and makes.
    pub(super) moves: Vec<Move>,
    /// What one trader wishes to buy, and its orders.
    pub(super) wishes: Vec<Wish>,
    pub(super) drafts: Vec<Slot>,
    /// What the markets teach everybody after their clearing.
    pub(super) lessons: Vec<Lesson>,
    /// What counts who has how much.
    pub(super) census: Census,
    /// What each role promises.
    pub(super) prospects: Vec<f64>,
    /// Members of each role, and the sum of their utilisation.
    pub(super) members: Vec<(u64, u64)>,
}

impl Floor {
    /// A trader's order for a commodity this hour, and what became of it.
    pub fn order(&self, trader: usize, commodity: CommodityId) -> Option<Placed> {
        self.stalls.get(commodity.index())?.order(trader)
    }

    /// Why a trader has no order for a commodity this hour, where it wished to buy.
    pub(super) fn why_cut(&self, trader: usize, commodity: CommodityId) -> Option<Cut> {
        self.stalls.get(commodity.index())?.why_cut(trader)
    }

    /// The books, in the order of the commodities.
    pub fn books(&self) -> impl ExactSizeIterator<Item = &Book> {
        self.stalls.iter().map(|stall| &stall.book)
    }

    fn open(&mut self, commodities: usize) {
        let traders = self.roster.len();
        self.stalls.resize_with(commodities, Stall::default);
        self.stalls.iter_mut().for_each(|stall| stall.open(traders));
        for sums in [&mut self.produced, &mut self.used] {
            sums.clear();
            sums.resize(commodities, 0);
        }
        self.meals = (0, 0);
        self.needs.clear();
        self.needs.resize(commodities, (0, 0));
        self.activity = Activity::default();
    }

    /// Lists the traders in the order of their ids and numbers them.
    fn seat_all(&mut self, traders: impl Iterator<Item = (Entity, StableId)>) -> Result {
        self.roster.clear();
        self.roster.extend(traders.map(|(entity, id)| (id, entity)));
        if !self.roster.is_sorted_by_key(|(id, _)| *id) {
            self.roster.sort_unstable_by_key(|(id, _)| *id);
        }
        if u32::try_from(self.roster.len()).map_or(true, |traders| traders > TRADERS_MAX) {
            return Err(format!("a book takes {TRADERS_MAX} traders, there are {}", self.roster.len()).into());
        }
        self.seats.give(&self.roster);
        Ok(())
    }
}

/// Each entity's number on the floor.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// By the entity's index in the world.
    by_index: Vec<u32>,
}

const NO_SEAT: u32 = u32::MAX;

impl Seats {
    fn give(&mut self, roster: &[(StableId, Entity)]) {
        self.by_index.fill(NO_SEAT);
        for (seat, (_, entity)) in (0_u32..).zip(roster) {
            let index = entity.index_u32() as usize;
            if index >= self.by_index.len() {
                self.by_index.resize(index + 1, NO_SEAT);
            }
            if let Some(place) = self.by_index.get_mut(index) {
                *place = seat;
            }
        }
    }

    /// The number of a trader on the floor.
    pub(super) fn of(&self, entity: Entity) -> Result<u32, &'static str> {
        let seat = self.by_index.get(entity.index_u32() as usize).copied();
        seat.filter(|seat| *seat != NO_SEAT).ok_or("a trader that is not on the floor")
    }
}

/// Lists who trades this hour and clears the floor. Runs in `Review`, first.
pub fn call_roster(
    economy: Res<Economy>,
    (statistics, conditions): (Res<MarketStatistics>, Res<Conditions>),
    mut floor: ResMut<Floor>,
    traders: Query<(Entity, &StableId), With<Trader>>,
    markets: Query<(Entity, &Market)>,
) -> Result {
    let floor = &mut *floor;
    let count = economy.commodities.len();
    floor.seat_all(traders.iter().map(|(entity, id)| (entity, *id)))?;
    floor.open(count);
    floor.markets.clear();
    floor.markets.resize(count, Entity::PLACEHOLDER);
    floor.prices.clear();
    floor.prices.resize(count, 1.0);
    for (entity, market) in &markets {
        let index = market.commodity.index();
        if let (Some(place), Some(price)) = (floor.markets.get_mut(index), floor.prices.get_mut(index)) {
            (*place, *price) = (entity, real(market.price.0));
        }
    }
    if let Some(missing) = floor.markets.iter().position(|entity| *entity == Entity::PLACEHOLDER) {
        let name = economy.commodities.get(missing).map_or("", |commodity| &commodity.market_id);
        return Err(format!("there is no `{name}`").into());
    }
    floor.rates.clear();
    floor.rates.extend(economy.commodity_ids().zip(&economy.commodities).map(|(id, commodity)| {
        let usual = statistics.flows.get(id).map_or(0.0, |flow| flow.usual_price);
        Rate::of(id, commodity, &conditions, usual)
    }));
    Ok(())
}

/// Gives a trader that came without places for goods, or with places for others, what it lacks.
#[inline]
pub(super) fn furnish(
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
