//! Clearing: every book is matched, every order is settled.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;
use bevy_tasks::ComputeTaskPool;

use super::abroad::settle_outside;
use super::conditions::Conditions;
use super::floor::Floor;
use super::model::Economy;
use super::parallel::match_in_parallel;
use super::resting::let_rest;
use super::stall::{Placed, Stall};
use crate::components::market::{
    Budget, CommodityId, Ledger, Market, MarketStatistics, Purse, Resting, Side, Stock, TradeHistory, TradeRecord,
    Trader,
};
use crate::components::money::{Goods, Money};

/// Orders in an hour from which on a second thread brings more than it costs to call it.
const PARALLEL_FROM: usize = 20_000;

/// Matches every commodity's orders and writes what came of it to its market. Runs in `Clear`, first.
///
/// On several threads where the process has a [`ComputeTaskPool`] with several and there are many orders. In an app of
/// Bevy's its `TaskPoolPlugin` makes the pool. The server makes none: its worlds have threads of their own, and one that
/// clears would take those of the others. What comes of it is the same for any number of threads.
pub fn match_books(economy: Res<Economy>, mut floor: ResMut<Floor>, mut markets: Query<&mut Market>) -> Result {
    let Floor { stalls, markets: entities, .. } = &mut *floor;
    let orders: usize = stalls.iter().map(|stall| stall.book.len()).sum();
    let pool = if orders < PARALLEL_FROM { None } else { ComputeTaskPool::try_get() };
    match_in_parallel(pool.map(|pool| &**pool), stalls, |stall| stall.clear_market(economy.clearing));
    for (stall, entity) in stalls.iter().zip(entities.iter()) {
        post(stall, &mut *markets.get_mut(*entity)?)?;
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
    (
        Entity,
        &'static mut Purse,
        &'static mut Stock,
        &'static mut Budget,
        &'static mut TradeHistory,
        Option<&'static mut Resting>,
    ),
    With<Trader>,
>;

/// Moves money and goods as the books say, and gives back what covered nothing. Runs in `Clear`, last.
pub fn settle_orders(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    (conditions, mut ledger): (Res<Conditions>, ResMut<Ledger>),
    statistics: Res<MarketStatistics>,
    mut traders: Parties,
) -> Result {
    settle_outside(&conditions, &mut floor, &mut ledger)?;
    let Floor { seats, stalls, activity, .. } = &mut *floor;
    // The hour is counted at its end.
    let hour = statistics.hours.saturating_add(1);
    for (entity, mut purse, mut stock, mut budget, mut history, mut resting) in &mut traders {
        let seat = seats.of(entity)? as usize;
        let (purse, stock, budget) = (&mut *purse, &mut *stock, &mut *budget);
        let mut trades = 0;
        for (commodity, stall) in economy.commodity_ids().zip(stalls.iter_mut()) {
            let Some(order) = stall.order(seat) else { continue };
            let (quantity, filled) = (Goods(i64::from(order.quantity)), Goods(i64::from(order.filled)));
            let money = Money(order.money);
            match order.side {
                Side::Bid => {
                    let covered = Money(i64::from(order.price) * i64::from(order.quantity));
                    stall.house.settle_bid(purse, stock, commodity, (covered, money, filled))?;
                    book_purchase(&economy, budget, commodity, &order);
                }
                Side::Ask => stall.house.settle_ask(purse, stock, commodity, (quantity, filled, money))?,
            }
            if let (Some(resting), Some(hours)) = (&mut resting, economy.rest_hours) {
                let_rest(resting, commodity, &order, hours, (purse, stock))?;
            }
            if filled > Goods::ZERO {
                history.record(TradeRecord { hour, commodity, side: order.side, quantity: filled, money });
                trades += 1;
            }
        }
        activity.note(trades);
    }
    for stall in stalls {
        stall.house.close()?;
    }
    Ok(())
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
