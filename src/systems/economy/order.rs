//! Orders: each trader's plan, covered by escrow and written into the books.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::book::Order;
use super::conditions::Conditions;
use super::floor::Floor;
use super::ledger::{escrow_goods, escrow_money};
use super::model::Economy;
use super::plan::Planner;
use crate::components::market::{
    Beliefs, Budget, Ledger, MarketStatistics, Personality, Purse, Role, Side, Stock, Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::random::Draws;

type Buyers<'w, 's> = Query<
    'w,
    's,
    (
        &'static Trader,
        &'static Role,
        &'static Personality,
        &'static Beliefs,
        &'static mut Purse,
        &'static mut Stock,
        &'static mut Budget,
    ),
>;

/// Traders write their orders, and set aside what covers them. Runs in `Order`.
pub fn place_orders(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    ledger: Res<Ledger>,
    statistics: Res<MarketStatistics>,
    conditions: Res<Conditions>,
    mut traders: Buyers,
    draws: Draws,
) -> Result {
    let draws = draws.of("economy.order");
    let Floor { roster, placed, books, wishes, .. } = &mut *floor;
    let usual_wage = economy.usual_wage(&ledger, roster.len());
    let commodities = economy.commodities.len();
    for (number, ((id, entity), orders)) in roster.iter().zip(placed.chunks_mut(commodities)).enumerate() {
        let (trader, role, personality, beliefs, mut purse, mut stock, mut budget) = traders.get_mut(*entity)?;
        let recipe = economy.recipe(role.id).ok_or("a trader has a role that the world does not know")?;
        let mut planner = Planner {
            economy: &economy,
            conditions: &conditions,
            flows: &statistics.flows,
            recipe,
            skill: trader.skill,
            personality: *personality,
            beliefs: &beliefs.0,
            stock: &stock,
            money: purse.free().0,
            usual_wage,
            draw: draws.for_id(*id),
        };
        planner.plan(&mut budget, wishes, orders);
        for ((commodity, order), book) in economy.commodity_ids().zip(orders.iter()).zip(books.iter_mut()) {
            let Some(order) = order else { continue };
            match order.side {
                Side::Bid => {
                    let cost = Money(i64::from(order.price)).checked_mul(Goods(i64::from(order.quantity)));
                    escrow_money(&mut purse, cost.ok_or("a bid's cost does not fit")?)?;
                }
                Side::Ask => escrow_goods(&mut stock, commodity, Goods(i64::from(order.quantity)))?,
            }
            let trader = u32::try_from(number)?;
            book.submit(Order { side: order.side, price: order.price, quantity: order.quantity, trader })?;
        }
    }
    Ok(())
}
