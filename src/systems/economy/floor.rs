//! The trading floor: who trades this hour, their orders, and the books. Nothing on it outlives the hour.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::book::{Book, TRADERS_MAX};
use super::maths::real;
use super::model::Economy;
use super::plan::Wish;
use super::signals::Activity;
use crate::components::ids::StableId;
use crate::components::market::{
    Belief, Beliefs, Budget, CommodityId, Holding, Market, PerCommodity, Side, Stock, Trader,
};

/// An order of a trader, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Buys or sells.
    pub side: Side,
    /// Quoted price of a unit in minor units.
    pub price: u32,
    /// The price at which the trader itself would rather not trade.
    pub limit: u32,
    /// Units.
    pub quantity: u32,
    /// Units of a bid that are not to be enjoyed.
    pub for_work: u32,
    /// Units traded.
    pub filled: u32,
    /// Money paid or received.
    pub money: i64,
}

/// Scratch space of an hour, kept so that its memory is used again.
#[derive(Resource, Debug, Default)]
pub struct Floor {
    /// All traders in the order of their ids; the position is a trader's number on the floor.
    pub roster: Vec<(StableId, Entity)>,
    /// All markets in the order of their commodities.
    pub markets: Vec<Entity>,
    /// Each trader's orders: those of trader `i` begin at `i` times the number of commodities.
    pub placed: Vec<Option<Placed>>,
    /// A book for each commodity.
    pub books: Vec<Book>,
    /// The same orders at their own limits, one commodity at a time: what efficiency is measured against.
    pub(super) limits: Book,
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
    /// What one trader wishes to buy.
    pub(super) wishes: Vec<Wish>,
}

impl Floor {
    /// A trader's order for a commodity.
    pub fn order(&self, trader: usize, commodity: CommodityId, commodities: usize) -> Option<&Placed> {
        self.placed.get(trader * commodities + commodity.index())?.as_ref()
    }
}

/// Lists who trades this hour and clears the floor. A trader that came without places for goods gets them.
pub fn call_roster(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    traders: Query<(Entity, &StableId), With<Trader>>,
    markets: Query<(Entity, &Market)>,
    mut belongings: Query<(&mut Stock, &mut Beliefs, &mut Budget), With<Trader>>,
) -> Result {
    let floor = &mut *floor;
    let count = economy.commodities.len();
    floor.roster.clear();
    floor.roster.extend(traders.iter().map(|(entity, id)| (*id, entity)));
    floor.roster.sort_unstable_by_key(|(id, _)| *id);
    if u32::try_from(floor.roster.len()).is_ok_and(|traders| traders > TRADERS_MAX) {
        return Err(format!("a book takes {TRADERS_MAX} traders, there are {}", floor.roster.len()).into());
    }
    let mut by_commodity: Vec<Option<(Entity, f64)>> = vec![None; count];
    for (entity, market) in &markets {
        if let Some(place) = by_commodity.get_mut(market.commodity.index()) {
            *place = Some((entity, real(market.price.0)));
        }
    }
    floor.markets.clear();
    for (place, commodity) in by_commodity.iter().zip(&economy.commodities) {
        let (entity, _) = place.ok_or_else(|| format!("there is no `{}`", commodity.market_id))?;
        floor.markets.push(entity);
    }
    let doubt = economy.parameters.doubt_min;
    let price = |commodity: CommodityId| by_commodity.get(commodity.index()).copied().flatten().map_or(1.0, |m| m.1);
    for (_, entity) in &floor.roster {
        let (mut stock, mut beliefs, mut budget) = belongings.get_mut(*entity)?;
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
    floor.placed.clear();
    floor.placed.resize(floor.roster.len() * count, None);
    floor.books.resize_with(count, Book::default);
    floor.books.iter_mut().for_each(Book::clear);
    floor.produced.clear();
    floor.produced.resize(count, 0);
    floor.used.clear();
    floor.used.resize(count, 0);
    floor.meals = (0, 0);
    floor.needs.clear();
    floor.needs.resize(count, (0, 0));
    floor.activity = Activity::default();
    Ok(())
}
