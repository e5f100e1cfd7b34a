//! Orders: each trader's plan, covered by escrow and written into the books.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::book::Order;
use super::floor::Floor;
use super::ledger::{escrow_goods, escrow_money};
use super::model::Economy;
use super::plan::Planner;
use super::resting::bring_back;
use super::stall::{Cut, Slot};
use crate::components::ids::StableId;
use crate::components::market::{
    Beliefs, Budget, Ledger, Personality, Purse, Resting, Role, Side, Stock, Storeroom, Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::random::Draws;

type Buyers<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static StableId,
        &'static Trader,
        &'static Role,
        &'static Personality,
        &'static Beliefs,
        &'static mut Purse,
        &'static mut Stock,
        &'static Storeroom,
        &'static mut Budget,
        Option<&'static mut Resting>,
    ),
>;

/// Traders write their orders, and set aside what covers them. Runs in `Order`.
pub fn place_orders(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    ledger: Res<Ledger>,
    mut traders: Buyers,
    draws: Draws,
) -> Result {
    let draws = draws.of("economy.order");
    let Floor { roster, seats, stalls, rates, wishes, drafts, .. } = &mut *floor;
    let usual_wage = economy.usual_wage(&ledger, roster.len());
    drafts.resize(rates.len(), Slot::default());
    for (entity, id, trader, role, personality, beliefs, mut purse, mut stock, storeroom, mut budget, resting) in
        &mut traders
    {
        let seat = seats.of(entity)?;
        let recipe = economy.recipe(role.id).ok_or("a trader has a role that the world does not know")?;
        let mut planner = Planner {
            parameters: &economy.parameters,
            rates,
            recipe,
            skill: trader.skill,
            personality,
            beliefs: beliefs.0.as_slice(),
            stock: stock.holdings().as_slice(),
            money: purse.free().0,
            usual_wage,
            draw: draws.light_for_id(*id),
        };
        planner.plan(&mut budget, wishes, drafts);
        if storeroom.capacity.is_some() {
            fit(drafts, storeroom.room(&stock));
        }
        if let Some(mut resting) = resting.filter(|resting| !resting.orders.is_empty()) {
            bring_back(&mut resting, drafts, storeroom.room(&stock), (&mut purse, &mut stock))?;
        }
        for ((commodity, order), stall) in economy.commodity_ids().zip(drafts.iter()).zip(stalls.iter_mut()) {
            if order.is_empty() {
                if order.why_cut().is_some() {
                    *stall.slots.get_mut(seat as usize).ok_or("a trader without a place for orders")? = *order;
                }
                continue;
            }
            let side = order.side();
            match side {
                Side::Bid => {
                    let cost = Money(i64::from(order.price)).checked_mul(Goods(i64::from(order.quantity)));
                    escrow_money(&mut purse, cost.ok_or("a bid's cost does not fit")?)?;
                }
                Side::Ask => escrow_goods(&mut stock, commodity, Goods(i64::from(order.quantity)))?,
            }
            stall.book.submit(Order { side, price: order.price, quantity: order.quantity, trader: seat })?;
            *stall.slots.get_mut(seat as usize).ok_or("a trader without a place for orders")? = *order;
        }
    }
    Ok(())
}

/// Cuts bids down to what there is room for: what is to be enjoyed first, then needs and inputs, both in the order of the
/// commodities. Goods that are offered free no room before they are sold.
fn fit(orders: &mut [Slot], room: i64) {
    let bids = || |order: &&mut Slot| !order.is_empty() && order.side() == Side::Bid;
    let needed: i64 = orders.iter_mut().filter(bids()).map(|order| i64::from(order.for_work)).sum();
    let (mut needed, mut rest) = (needed.min(room), room.saturating_sub(needed).max(0));
    let take = |units: u32, left: &mut i64| {
        let taken = u32::try_from(*left).unwrap_or(u32::MAX).min(units);
        *left -= i64::from(taken);
        taken
    };
    for order in orders.iter_mut().filter(bids()) {
        let treats = take(order.quantity - order.for_work, &mut rest);
        let useful = take(order.for_work, &mut needed);
        *order = match useful + treats {
            0 => Slot::cut(Cut::Room),
            units => Slot::bid(order.price, order.limit, units, useful),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_enjoyed_gives_way_first() {
        let full = [Slot::bid(5, 6, 4, 1), Slot::ask(9, 8, 7), Slot::default(), Slot::bid(2, 3, 5, 5)];
        let cut = |room| {
            let mut orders = full;
            fit(&mut orders, room);
            assert_eq!((orders[1], orders[2]), (full[1], full[2]));
            [(orders[0].quantity, orders[0].for_work), (orders[3].quantity, orders[3].for_work)]
        };
        assert_eq!(cut(i64::MAX), [(4, 1), (5, 5)]);
        assert_eq!(cut(9), [(4, 1), (5, 5)]);
        assert_eq!(cut(7), [(2, 1), (5, 5)]);
        assert_eq!(cut(3), [(1, 1), (2, 2)]);
        assert_eq!(cut(0), [(0, 0), (0, 0)]);
        let mut orders = full;
        fit(&mut orders, 0);
        assert_eq!(orders.map(|order| order.why_cut()), [Some(Cut::Room), None, None, Some(Cut::Room)]);
    }
}
