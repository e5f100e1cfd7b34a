//! Trade from outside: orders beside those of the world's own traders, and goods and money that come and go by them.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::book::{Order, TRADERS_MAX};
use super::conditions::{Conditions, money_bounds};
use super::floor::{Floor, Placed};
use super::ledger::{ClearingHouse, LedgerError};
use super::model::Economy;
use crate::components::market::{Ledger, OutsideOrder, Side};
use crate::components::money::{Goods, Money};

/// Writes the orders from outside into the books, as traders with numbers beyond the roster. Runs in `Order`, last.
///
/// They are cut where they might take all money beyond its bounds: imports carry it out of the world, exports into it.
pub fn place_outside_orders(
    economy: Res<Economy>,
    conditions: Res<Conditions>,
    ledger: Res<Ledger>,
    mut floor: ResMut<Floor>,
) -> Result {
    if conditions.trade.is_empty() {
        return Ok(());
    }
    let floor = &mut *floor;
    let commodities = economy.commodities.len();
    let (least, most) = money_bounds(&economy);
    let money = ledger.money_expected();
    let (mut may_leave, mut may_come) = (money.saturating_sub(least).max(0), most.saturating_sub(money).max(0));
    floor.placed.resize((floor.roster.len() + conditions.trade.len()) * commodities, None);
    for (index, outside) in conditions.trade.iter().enumerate() {
        let OutsideOrder { side, commodity, quantity, price } = *outside;
        let trader = u32::try_from(floor.roster.len() + index)?;
        if trader >= TRADERS_MAX {
            break;
        }
        let left = if side == Side::Ask { &mut may_leave } else { &mut may_come };
        // An import may fetch more than it asks, up to the bids that it meets: its bound holds from hour to hour only.
        let quantity = quantity.min(u32::try_from(*left / i64::from(price.max(1))).unwrap_or(u32::MAX));
        if quantity == 0 {
            continue;
        }
        *left -= i64::from(quantity) * i64::from(price);
        let place = (floor.roster.len() + index) * commodities + commodity.index();
        let (Some(place), Some(book)) = (floor.placed.get_mut(place), floor.books.get_mut(commodity.index())) else {
            continue;
        };
        *place = Some(Placed { side, price, limit: price, quantity, for_work: 0, filled: 0, money: 0 });
        book.submit(Order { side, price, quantity, trader })?;
    }
    Ok(())
}

/// Settles what traders from outside have traded.
///
/// # Errors
/// When a sum does not fit.
pub(super) fn settle_outside(
    conditions: &Conditions,
    floor: &Floor,
    houses: &mut [ClearingHouse],
    ledger: &mut Ledger,
) -> Result<(), LedgerError> {
    let commodities = houses.len();
    for (index, outside) in conditions.trade.iter().enumerate() {
        let order = floor.order(floor.roster.len() + index, outside.commodity, commodities);
        let (Some(order), Some(house)) = (order, houses.get_mut(outside.commodity.index())) else { continue };
        let filled = (Goods(i64::from(order.filled)), Money(order.money));
        match order.side {
            Side::Ask => house.settle_import(ledger, outside.commodity, filled)?,
            Side::Bid => house.settle_export(ledger, outside.commodity, filled)?,
        }
    }
    Ok(())
}
