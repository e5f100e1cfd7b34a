//! Orders that stay in the books when they found nobody, where the world file wants it.
//!
//! Between two hours a resting order is in its owner's component, and what covers it in its owner's escrow: nothing that
//! matters is in a book. A trader has one order in a book, so that its next order for the commodity takes the place of the
//! one that rests.

use super::ledger::{LedgerError, escrow_goods, escrow_money, release_goods, release_money};
use super::stall::{Placed, Slot};
use crate::components::market::{CommodityId, Purse, Resting, RestingOrder, Side, Stock};
use crate::components::money::{Goods, Money};

/// What covers so many units of an order.
fn cover(price: u32, quantity: u32) -> Result<Money, LedgerError> {
    Money(i64::from(price)).checked_mul(Goods(i64::from(quantity))).ok_or(LedgerError::Overflow)
}

/// Gives back what covers an order.
fn release(order: &RestingOrder, purse: &mut Purse, stock: &mut Stock) -> Result<(), LedgerError> {
    match order.side {
        Side::Bid => release_money(purse, cover(order.price, order.quantity)?),
        Side::Ask => release_goods(stock, order.commodity, Goods(i64::from(order.quantity))),
    }
}

/// Gives back what covers all orders, and ends them: for somebody who leaves.
pub(super) fn end_all(resting: &mut Resting, purse: &mut Purse, stock: &mut Stock) -> Result<(), LedgerError> {
    for order in resting.orders.drain(..) {
        release(&order, purse, stock)?;
    }
    Ok(())
}

/// Puts the orders that rest among those of this hour, and what covers them back where it came from, so that all orders
/// are covered alike. An order of this hour takes the place of one that rests; a bid for which there is no room any more
/// ends.
pub(super) fn bring_back(
    resting: &mut Resting,
    drafts: &mut [Slot],
    mut room: i64,
    (purse, stock): (&mut Purse, &mut Stock),
) -> Result<(), LedgerError> {
    let bids = drafts.iter().filter(|draft| !draft.is_empty() && draft.side() == Side::Bid);
    room = room.saturating_sub(bids.map(|draft| i64::from(draft.quantity)).sum());
    let mut failed = Ok(());
    resting.orders.retain(|order| {
        let released = release(order, purse, stock);
        let fits = order.side == Side::Ask || i64::from(order.quantity) <= room;
        match (released, drafts.get_mut(order.commodity.index())) {
            (Ok(()), Some(draft)) if draft.is_empty() && fits => {
                *draft = match order.side {
                    Side::Bid => Slot::bid(order.price, order.limit, order.quantity, order.for_work),
                    Side::Ask => Slot::ask(order.price, order.limit, order.quantity),
                };
                if order.side == Side::Bid {
                    room -= i64::from(order.quantity);
                }
                true
            }
            (Ok(()), _) => false,
            (Err(error), _) => {
                failed = Err(error);
                false
            }
        }
    });
    failed
}

/// Lets rest what is left of an order after its settlement, and covers it anew.
pub(super) fn let_rest(
    resting: &mut Resting,
    commodity: CommodityId,
    order: &Placed,
    hours: u16,
    (purse, stock): (&mut Purse, &mut Stock),
) -> Result<(), LedgerError> {
    let before = resting.orders.iter().position(|old| old.commodity == commodity);
    // An order of this hour has all its hours before it.
    let hours_left = before.map_or(hours, |index| resting.orders.remove(index).hours_left.saturating_sub(1));
    let quantity = order.quantity.saturating_sub(order.filled);
    if quantity == 0 || hours_left == 0 {
        return Ok(());
    }
    match order.side {
        Side::Bid => escrow_money(purse, cover(order.price, quantity)?)?,
        Side::Ask => escrow_goods(stock, commodity, Goods(i64::from(quantity)))?,
    }
    // What was bought first was for work and needs.
    let for_work = order.for_work.saturating_sub(order.filled);
    let Placed { side, price, limit, .. } = *order;
    let at = resting.orders.partition_point(|old| old.commodity < commodity);
    resting.orders.insert(at, RestingOrder { commodity, side, price, limit, quantity, for_work, hours_left });
    Ok(())
}
