//! Orders: each trader's plan, covered by escrow and written into the books.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::plan::{Planner, place_bids};
use super::resting::{bring_back, cover_again};
use super::wish::{Wish, fit};
use crate::components::ids::StableId;
use crate::components::market::{
    Beliefs, Budget, Ledger, Personality, Purse, Resting, Role, Side, Stock, Storeroom, Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::economy::book::Order;
use crate::systems::economy::floor::stall::Slot;
use crate::systems::economy::floor::{Floor, Square};
use crate::systems::economy::ledger::{escrow_goods, escrow_money};
use crate::systems::economy::model::Economy;
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
    // What one trader wishes to buy, and its orders: memory only.
    mut scratch: Local<(Vec<Wish>, Vec<Slot>)>,
) -> Result {
    let draws = draws.of("economy.order");
    floor.trading = true;
    floor.tell_wages(&economy, &ledger);
    let Floor { squares, seats, .. } = &mut *floor;
    let (wishes, drafts) = &mut *scratch;
    drafts.resize(economy.commodities.len(), Slot::default());
    for (entity, id, trader, role, personality, beliefs, mut purse, mut stock, storeroom, mut budget, resting) in
        &mut traders
    {
        let mut resting = resting.filter(|resting| !resting.orders.is_empty());
        if let Some(resting) = &mut resting {
            cover_again(resting, &mut purse, &mut stock)?;
        }
        let Some((place, seat)) = seats.at(entity) else { continue };
        let recipe = economy.recipe_at(place, role.id).ok_or("a trader has a role that the world does not know")?;
        let square = squares.get_mut(place.index()).ok_or("a trader at a place that the world does not have")?;
        let Square { stalls, rates, usual_wage, .. } = square;
        let mut planner = Planner {
            parameters: &economy.parameters,
            rates,
            recipe,
            skill: trader.skill,
            personality,
            beliefs: beliefs.0.as_slice(),
            stock: stock.holdings().as_slice(),
            money: purse.free().0,
            usual_wage: *usual_wage,
            draw: draws.light_for_id(*id),
        };
        planner.plan(&mut budget, wishes, drafts);
        if storeroom.capacity.is_some() {
            fit(wishes, storeroom.room(&stock));
            place_bids(wishes, drafts);
        }
        if let Some(resting) = &mut resting {
            bring_back(resting, drafts, storeroom.room(&stock), (&mut purse, &mut stock))?;
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
