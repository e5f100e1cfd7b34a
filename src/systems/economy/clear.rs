//! Clearing: every book is matched, every order is settled.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::abroad::settle_outside;
use super::book::{Book, Order};
use super::conditions::Conditions;
use super::floor::{Floor, Placed};
use super::ledger::ClearingHouse;
use super::model::Economy;
use crate::components::market::{
    Budget, CommodityId, Ledger, Market, MarketStatistics, Purse, Side, Stock, TradeHistory, TradeRecord, Trader,
};
use crate::components::money::{Goods, Money};
use crate::world::spec::ClearingRule;

/// Matches every commodity's orders and writes what came of it to its market. Runs in `Clear`, first.
pub fn match_books(economy: Res<Economy>, mut floor: ResMut<Floor>, mut markets: Query<&mut Market>) -> Result {
    let Floor { placed, books, limits, markets: entities, .. } = &mut *floor;
    let commodities = economy.commodities.len();
    for ((commodity, book), entity) in economy.commodity_ids().zip(books.iter_mut()).zip(entities.iter()) {
        let mut market = markets.get_mut(*entity)?;
        let clearing = book.match_orders(economy.clearing);
        let mut realised = 0_i128;
        for fill in book.fills() {
            let money = i64::from(fill.price) * i64::from(fill.quantity);
            for (trader, sign) in [(fill.buyer, 1), (fill.seller, -1)] {
                let place = trader as usize * commodities + commodity.index();
                let order = placed.get_mut(place).and_then(Option::as_mut).ok_or("a fill without an order")?;
                order.filled += fill.quantity;
                order.money = order.money.checked_add(money).ok_or("a trader's turnover does not fit")?;
                realised += sign * i128::from(order.limit) * i128::from(fill.quantity);
            }
        }
        if let Some(price) = clearing.price() {
            market.price = Money(i64::from(price));
        }
        market.volume = Goods(i64::try_from(clearing.volume)?);
        market.turnover = Money(i64::try_from(clearing.turnover)?);
        market.trades = u64::try_from(book.fills().len())?;
        market.bids_unfilled = Goods(i64::try_from(clearing.bids_unfilled)?);
        market.asks_unfilled = Goods(i64::try_from(clearing.asks_unfilled)?);
        market.best_bid = clearing.best_bid.map(|price| Money(i64::from(price)));
        market.best_ask = clearing.best_ask.map(|price| Money(i64::from(price)));
        market.efficiency = efficiency(limits, placed, commodity, commodities, realised)?;
    }
    Ok(())
}

/// The share of the surplus that the traders' own limits allowed and that was realised (Gode and Sunder 1993).
#[expect(clippy::cast_precision_loss, reason = "a ratio for readers; nothing computes with it")]
fn efficiency(
    limits: &mut Book,
    placed: &[Option<Placed>],
    commodity: CommodityId,
    commodities: usize,
    realised: i128,
) -> Result<Option<f64>> {
    limits.clear();
    for (number, orders) in placed.chunks(commodities.max(1)).enumerate() {
        if let Some(Some(order)) = orders.get(commodity.index()) {
            let trader = u32::try_from(number)?;
            limits.submit(Order { side: order.side, price: order.limit, quantity: order.quantity, trader })?;
        }
    }
    let possible = limits.match_orders(ClearingRule::Midpoint).surplus;
    Ok((possible > 0).then(|| (realised as f64 / possible as f64).clamp(0.0, 1.0)))
}

type Parties<'w, 's> = Query<
    'w,
    's,
    (&'static mut Purse, &'static mut Stock, &'static mut Budget, &'static mut TradeHistory),
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
    let commodities = economy.commodities.len();
    let mut houses = vec![ClearingHouse::default(); commodities];
    settle_outside(&conditions, &floor, &mut houses, &mut ledger)?;
    let Floor { roster, placed, activity, .. } = &mut *floor;
    for ((_, entity), orders) in roster.iter().zip(placed.chunks(commodities.max(1))) {
        if orders.iter().all(Option::is_none) {
            continue;
        }
        let (mut purse, mut stock, mut budget, mut history) = traders.get_mut(*entity)?;
        let mut trades = 0;
        for ((commodity, order), house) in economy.commodity_ids().zip(orders).zip(&mut houses) {
            let Some(order) = order else { continue };
            let (quantity, filled) = (Goods(i64::from(order.quantity)), Goods(i64::from(order.filled)));
            let money = Money(order.money);
            match order.side {
                Side::Bid => {
                    let covered = Money(i64::from(order.price) * i64::from(order.quantity));
                    house.settle_bid(&mut purse, &mut stock, commodity, (covered, money, filled))?;
                    book_purchase(&economy, &mut budget, commodity, order);
                }
                Side::Ask => house.settle_ask(&mut purse, &mut stock, commodity, (quantity, filled, money))?,
            }
            if filled > Goods::ZERO {
                let hour = statistics.hours;
                history.record(TradeRecord { hour, commodity, side: order.side, quantity: filled, money });
                trades += 1;
            }
        }
        activity.note(trades);
    }
    for house in houses {
        house.close()?;
    }
    Ok(())
}

/// Takes a purchase out of the plan that it was made for: work and needs first, the rest is to be enjoyed.
fn book_purchase(economy: &Economy, budget: &mut Budget, commodity: CommodityId, order: &Placed) {
    if order.filled == 0 {
        return;
    }
    let treats = i64::from(order.filled.saturating_sub(order.for_work));
    let for_treats = order.money / i64::from(order.filled) * treats;
    if let (Some(envelope), Some(due)) = (budget.envelopes.get_mut(commodity), budget.treats.get_mut(commodity)) {
        *envelope -= for_treats;
        *due += treats;
    }
    // What needs cost is not there to be enjoyed; inputs come back with what is made of them.
    if economy.commodity(commodity).is_some_and(|spec| spec.need > 0.0) {
        budget.open -= order.money - for_treats;
    }
}
