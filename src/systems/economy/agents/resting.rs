//! Orders that stay in the books when they found nobody, where the world file wants it.
//!
//! Between two hours a resting order is in its owner's component, and what covers it in its owner's escrow: nothing that
//! matters is in a book. At the beginning of an hour the owner has it back: it is eaten, spoils, is taxed and counts as
//! stock like all the rest, and the order stands for what is left. A trader has one order in a book, so that its next order for the commodity takes the place of the
//! one that rests.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use crate::components::market::{CommodityId, Purse, Resting, RestingOrder, Side, Stock, Trader};
use crate::components::money::{Goods, Money};
use crate::systems::economy::floor::Floor;
use crate::systems::economy::floor::stall::{Placed, Slot};
use crate::systems::economy::ledger::{LedgerError, escrow_goods, escrow_money, release_goods, release_money};
use crate::systems::economy::model::Economy;

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

/// Sets aside what covers an order, of which as much stays as there is cover for; whether any does.
fn set_aside(order: &mut RestingOrder, purse: &mut Purse, stock: &mut Stock) -> Result<bool, LedgerError> {
    let covered = match order.side {
        Side::Bid => purse.free().0 / i64::from(order.price.max(1)),
        Side::Ask => stock.free(order.commodity),
    };
    order.quantity = order.quantity.min(u32::try_from(covered.max(0)).unwrap_or(u32::MAX));
    order.for_work = order.for_work.min(order.quantity);
    match order.side {
        Side::Bid => escrow_money(purse, cover(order.price, order.quantity)?)?,
        Side::Ask => escrow_goods(stock, order.commodity, Goods(i64::from(order.quantity)))?,
    }
    Ok(order.quantity > 0)
}

/// Gives everybody back what covers the orders that rest: what is in an order is not out of the world. Runs in `Review`,
/// first.
pub fn uncover_orders(mut traders: Query<(&Resting, &mut Purse, &mut Stock)>) -> Result {
    for (resting, mut purse, mut stock) in &mut traders {
        for order in &resting.orders {
            release(order, &mut purse, &mut stock)?;
        }
    }
    Ok(())
}

/// Covers orders that rest again, as far as there is anything left for it: what is planned is planned with the rest.
pub(crate) fn cover_again(resting: &mut Resting, purse: &mut Purse, stock: &mut Stock) -> Result<(), LedgerError> {
    let mut failed = Ok(());
    resting.orders.retain_mut(|order| match set_aside(order, purse, stock) {
        Ok(covered) => covered,
        Err(error) => {
            failed = Err(error);
            false
        }
    });
    failed
}

/// Puts the orders that rest among those of this hour, and what covers them back where it came from, so that all orders
/// are covered alike. An order of this hour takes the place of one that rests; a bid for which there is no room any more
/// ends.
pub(crate) fn bring_back(
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

type Resters<'w, 's> =
    Query<'w, 's, (Entity, &'static mut Purse, &'static mut Stock, &'static mut Resting), With<Trader>>;

/// Lets rest what is left of the hour's orders. Runs in `Clear`, last: what is due to the public is paid first.
pub fn rest_orders(economy: Res<Economy>, floor: Res<Floor>, mut traders: Resters) -> Result {
    let Some(hours) = economy.rest_hours else { return Ok(()) };
    for (entity, mut purse, mut stock, mut resting) in &mut traders {
        let Some((place, seat)) = floor.seats.at(entity) else { continue };
        for commodity in economy.commodity_ids() {
            if let Some(order) = floor.order(place, seat as usize, commodity) {
                let_rest(&mut resting, commodity, &order, hours, (&mut purse, &mut stock))?;
            }
        }
    }
    Ok(())
}

/// Lets rest what is left of an order after its settlement, and covers it anew.
fn let_rest(
    resting: &mut Resting,
    commodity: CommodityId,
    order: &Placed,
    hours: u16,
    (purse, stock): (&mut Purse, &mut Stock),
) -> Result<(), LedgerError> {
    let before = resting.orders.iter().position(|old| old.commodity == commodity);
    // An order of this hour has all its hours before it.
    let hours_left = before.map_or(hours, |index| resting.orders.remove(index).hours_left.saturating_sub(1));
    // What was bought first was for work and needs.
    let for_work = order.for_work.saturating_sub(order.filled);
    let quantity = order.quantity.saturating_sub(order.filled);
    let Placed { side, price, limit, .. } = *order;
    let mut left = RestingOrder { commodity, side, price, limit, quantity, for_work, hours_left };
    if hours_left > 0 && set_aside(&mut left, purse, stock)? {
        let at = resting.orders.partition_point(|old| old.commodity < commodity);
        resting.orders.insert(at, left);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::market::{GoodsEntry, Holding, Ledger, MoneyEntry, PerCommodity};
    use crate::systems::economy::ledger::{create_goods, create_money, destroy_goods, destroy_money};

    const WOOD: CommodityId = CommodityId(0);
    const TOYS: CommodityId = CommodityId(1);

    #[test]
    fn what_is_filled_or_not_covered_any_more_rests_no_longer() -> Result<(), LedgerError> {
        let mut ledger = Ledger::new(2);
        let (mut purse, mut stock) =
            (Purse::default(), Stock { goods: PerCommodity::from_fn(2, |_| Holding::default()) });
        create_money(&mut ledger, &mut purse, Money(100), MoneyEntry::Endowed)?;
        create_goods(&mut ledger, &mut stock, WOOD, Goods(9), GoodsEntry::Endowed)?;
        let mut resting = Resting::default();
        let order = |side, price, quantity, for_work, filled| Placed {
            side,
            price,
            limit: price,
            quantity,
            for_work,
            filled,
            money: 0,
        };
        let quantities = |resting: &Resting| -> Vec<(u32, u32, u16)> {
            resting.orders.iter().map(|order| (order.quantity, order.for_work, order.hours_left)).collect()
        };
        // 100 cover three of the six units at 30 that are left.
        let_rest(&mut resting, TOYS, &order(Side::Bid, 30, 8, 7, 2), 5, (&mut purse, &mut stock))?;
        let_rest(&mut resting, WOOD, &order(Side::Ask, 7, 8, 0, 3), 5, (&mut purse, &mut stock))?;
        assert_eq!(quantities(&resting), [(5, 0, 5), (3, 3, 5)]);
        assert_eq!((purse.free(), purse.escrow(), stock.free(WOOD)), (Money(10), Money(90), 4));
        // An hour later all but three of the wood is eaten, and 40 of the money is gone.
        for order in &resting.orders {
            release(order, &mut purse, &mut stock)?;
        }
        destroy_goods(&mut ledger, &mut stock, WOOD, Goods(6), GoodsEntry::Eaten)?;
        destroy_money(&mut ledger, &mut purse, Money(40), MoneyEntry::Taken)?;
        cover_again(&mut resting, &mut purse, &mut stock)?;
        assert_eq!(quantities(&resting), [(3, 0, 5), (2, 2, 5)]);
        assert_eq!((purse.free(), purse.escrow(), stock.free(WOOD)), (Money(0), Money(60), 0));
        // What is filled is at an end, and what has no hour left.
        release(&resting.orders[0], &mut purse, &mut stock)?;
        release(&resting.orders[1], &mut purse, &mut stock)?;
        let_rest(&mut resting, WOOD, &order(Side::Ask, 7, 3, 0, 3), 5, (&mut purse, &mut stock))?;
        let_rest(&mut resting, TOYS, &order(Side::Bid, 30, 2, 2, 1), 5, (&mut purse, &mut stock))?;
        assert_eq!(quantities(&resting), [(1, 1, 4)]);
        destroy_money(&mut ledger, &mut purse, Money(30), MoneyEntry::Taken)?;
        release(&resting.orders[0], &mut purse, &mut stock)?;
        destroy_money(&mut ledger, &mut purse, Money(1), MoneyEntry::Taken)?;
        cover_again(&mut resting, &mut purse, &mut stock)?;
        assert_eq!((quantities(&resting), purse.escrow()), (vec![], Money(0)));
        Ok(())
    }
}
