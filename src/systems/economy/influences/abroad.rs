//! Trade from outside: orders beside those of the world's own traders, and goods and money that come and go by them.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::conditions::{Conditions, money_bounds};
use crate::components::market::{Ledger, OutsideOrder, Side};
use crate::components::money::{Goods, Money};
use crate::systems::economy::book::{Order, TRADERS_MAX};
use crate::systems::economy::floor::Floor;
use crate::systems::economy::floor::stall::Slot;
use crate::systems::economy::ledger::LedgerError;
use crate::systems::economy::model::Economy;

/// Writes the orders from outside into the books, as traders with numbers beyond the roster. Runs in `Order`, last.
///
/// They are cut where they might take the traders' money beyond its bounds: imports carry it out of the world, exports into it.
pub fn place_outside_orders(
    economy: Res<Economy>,
    conditions: Res<Conditions>,
    ledger: Res<Ledger>,
    mut floor: ResMut<Floor>,
) -> Result {
    let floor = &mut *floor;
    let (least, most) = money_bounds(&economy);
    let money = ledger.money_of_traders();
    let (mut may_leave, mut may_come) = (money.saturating_sub(least).max(0), most.saturating_sub(money).max(0));
    for (square, trade) in floor.squares.iter_mut().zip(conditions.trade()).filter(|(_, trade)| !trade.is_empty()) {
        let seats = square.roster.len();
        square.stalls.iter_mut().for_each(|stall| stall.widen(seats + trade.len()));
        for (index, outside) in trade.iter().enumerate() {
            let OutsideOrder { side, commodity, quantity, price } = *outside;
            let trader = u32::try_from(seats + index)?;
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
            let Some(stall) = square.stalls.get_mut(commodity.index()) else { continue };
            if let Some(slot) = stall.slots.get_mut(seats + index) {
                *slot = match side {
                    Side::Bid => Slot::bid(price, price, quantity, 0),
                    Side::Ask => Slot::ask(price, price, quantity),
                };
            }
            stall.book.submit(Order { side, price, quantity, trader })?;
        }
    }
    Ok(())
}

/// Settles what traders from outside have traded.
///
/// # Errors
/// When a sum does not fit.
pub(crate) fn settle_outside(
    conditions: &Conditions,
    floor: &mut Floor,
    ledger: &mut Ledger,
) -> Result<(), LedgerError> {
    for (square, trade) in floor.squares.iter_mut().zip(conditions.trade()) {
        let seats = square.roster.len();
        for (index, outside) in trade.iter().enumerate() {
            let Some(stall) = square.stalls.get_mut(outside.commodity.index()) else { continue };
            let Some(order) = stall.order(seats + index) else { continue };
            let filled = (Goods(i64::from(order.filled)), Money(order.money));
            match order.side {
                Side::Ask => stall.house.settle_import(ledger, outside.commodity, filled)?,
                Side::Bid => stall.house.settle_export(ledger, outside.commodity, filled)?,
            }
        }
    }
    Ok(())
}
