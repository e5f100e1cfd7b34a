//! Clearing: every book is matched, every order is settled.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;
use bevy_tasks::ComputeTaskPool;

use super::parallel::match_in_parallel;
use super::stall::{Placed, Stall};
use super::{Estate, Floor, Square};
use crate::components::market::{
    Budget, CommodityId, Ledger, Market, MarketStatistics, Purse, Side, Stock, TradeHistory, TradeRecord, Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::economy::book::Book;
use crate::systems::economy::influences::abroad::settle_outside;
use crate::systems::economy::influences::conditions::Conditions;
use crate::systems::economy::ledger::{LedgerError, take_leave};
use crate::systems::economy::model::Economy;

/// Orders in an hour from which on a second thread brings more than it costs to call it.
const PARALLEL_FROM: usize = 20_000;

/// Matches every commodity's orders and writes what came of it to its market. Runs in `Clear`, first.
///
/// On several threads where the process has a [`ComputeTaskPool`] with several and there are many orders. In an app of
/// Bevy's its `TaskPoolPlugin` makes the pool. The server makes none: its worlds have threads of their own, and one that
/// clears would take those of the others. What comes of it is the same for any number of threads.
pub fn match_books(economy: Res<Economy>, mut floor: ResMut<Floor>, mut markets: Query<&mut Market>) -> Result {
    let orders: usize = floor.books().map(Book::len).sum();
    let pool = if orders < PARALLEL_FROM { None } else { ComputeTaskPool::try_get() };
    let stalls = floor.squares.iter_mut().flat_map(|square| &mut square.stalls);
    match_in_parallel(pool.map(|pool| &**pool), stalls, |stall| stall.clear_market(economy.clearing));
    for Square { stalls, markets: entities, .. } in &floor.squares {
        for (stall, entity) in stalls.iter().zip(entities) {
            post(stall, &mut *markets.get_mut(*entity)?)?;
        }
    }
    Ok(())
}

/// Writes what a matching came to to its market.
fn post(stall: &Stall, market: &mut Market) -> Result {
    let outcome = stall.outcome.ok_or("a book that was not matched")??;
    let clearing = outcome.clearing;
    if let Some(price) = clearing.price() {
        market.price = Money(i64::from(price));
    }
    market.volume = Goods(i64::try_from(clearing.volume)?);
    market.turnover = Money(i64::try_from(clearing.turnover)?);
    market.trades = u64::try_from(stall.book.fills().len())?;
    market.bids_unfilled = Goods(i64::try_from(clearing.bids_unfilled)?);
    market.asks_unfilled = Goods(i64::try_from(clearing.asks_unfilled)?);
    market.best_bid = clearing.best_bid.map(|price| Money(i64::from(price)));
    market.best_ask = clearing.best_ask.map(|price| Money(i64::from(price)));
    market.efficiency = outcome.efficiency;
    Ok(())
}

type Parties<'w, 's> = Query<
    'w,
    's,
    (Entity, &'static mut Purse, &'static mut Stock, &'static mut Budget, &'static mut TradeHistory),
    With<Trader>,
>;

/// Moves money and goods as the books say, and gives back what covered nothing. Runs in `Clear`, after matching.
pub fn settle_orders(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    (conditions, mut ledger): (Res<Conditions>, ResMut<Ledger>),
    statistics: Res<MarketStatistics>,
    mut traders: Parties,
) -> Result {
    settle_outside(&conditions, &mut floor, &mut ledger)?;
    floor.trading = false;
    let Floor { squares, seats, activity, estates, .. } = &mut *floor;
    // The hour is counted at its end.
    let hour = statistics.hours.saturating_add(1);
    for (entity, mut purse, mut stock, mut budget, mut history) in &mut traders {
        let Some((place, seat)) = seats.at(entity).map(|(place, seat)| (place, seat as usize)) else { continue };
        let square = squares.get_mut(place.index());
        let stalls = &mut square.ok_or("a trader at a place that the world does not have")?.stalls;
        let (purse, stock, budget) = (&mut *purse, &mut *stock, &mut *budget);
        let mut trades = 0;
        for (commodity, stall) in economy.commodity_ids().zip(stalls.iter_mut()) {
            let Some(order) = settle(stall, commodity, seat, (purse, stock))? else { continue };
            if order.side == Side::Bid {
                book_purchase(&economy, budget, commodity, &order);
            }
            let (filled, money) = (Goods(i64::from(order.filled)), Money(order.money));
            if filled > Goods::ZERO {
                history.record(TradeRecord { hour, commodity, side: order.side, quantity: filled, money });
                trades += 1;
            }
        }
        activity.note(trades);
    }
    for Estate { place, seat, mut purse, mut stock } in estates.drain(..) {
        let stalls = squares.get_mut(place.index()).map(|square| square.stalls.iter_mut());
        for (commodity, stall) in economy.commodity_ids().zip(stalls.into_iter().flatten()) {
            settle(stall, commodity, seat as usize, (&mut purse, &mut stock))?;
        }
        take_leave(&mut ledger, &mut purse, &mut stock)?;
    }
    for stall in squares.iter_mut().flat_map(|square| &mut square.stalls) {
        stall.house.close()?;
    }
    Ok(())
}

/// Moves what an order came to, if there is one, and gives back what covered the rest of it.
#[inline]
fn settle(
    stall: &mut Stall,
    commodity: CommodityId,
    seat: usize,
    (purse, stock): (&mut Purse, &mut Stock),
) -> Result<Option<Placed>, LedgerError> {
    let Some(order) = stall.order(seat) else { return Ok(None) };
    let (quantity, filled) = (Goods(i64::from(order.quantity)), Goods(i64::from(order.filled)));
    let money = Money(order.money);
    match order.side {
        Side::Bid => {
            let covered = Money(i64::from(order.price) * i64::from(order.quantity));
            stall.house.settle_bid(purse, stock, commodity, (covered, money, filled))?;
        }
        Side::Ask => stall.house.settle_ask(purse, stock, commodity, (quantity, filled, money))?,
    }
    Ok(Some(order))
}

/// Takes a purchase out of the plan that it was made for: work and needs first, the rest is to be enjoyed.
fn book_purchase(economy: &Economy, budget: &mut Budget, commodity: CommodityId, order: &Placed) {
    if order.filled == 0 {
        return;
    }
    let treats = i64::from(order.filled.saturating_sub(order.for_work));
    let for_treats = if treats == 0 { 0 } else { order.money / i64::from(order.filled) * treats };
    if let (Some(envelope), Some(due)) = (budget.envelopes.get_mut(commodity), budget.treats.get_mut(commodity)) {
        *envelope -= for_treats;
        *due += treats;
    }
    // What needs cost is not there to be enjoyed; inputs come back with what is made of them.
    if economy.commodity(commodity).is_some_and(|spec| spec.need > 0.0) {
        budget.open -= order.money - for_treats;
    }
}
