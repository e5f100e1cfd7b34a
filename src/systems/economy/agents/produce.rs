//! Needs and work: what is eaten, enjoyed, spoiled, used up and made in an hour.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::plan::reservation_wage;
use super::work::{Hour, Move, Worker};
use crate::components::ids::StableId;
use crate::components::market::{
    Beliefs, Budget, CommodityId, GoodsEntry, Holding, Ledger, MoneyEntry, PlaceId, Purse, Role, Stock, Storeroom,
    Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::economy::floor::{Floor, Square, furnish};
use crate::systems::economy::influences::conditions::Conditions;
use crate::systems::economy::ledger::{LedgerError, create_goods, destroy_goods, destroy_held, destroy_money};
use crate::systems::economy::maths::{average, by_chance, real, whole};
use crate::systems::economy::model::Economy;
use crate::systems::random::Draws;

type Eaters<'w, 's> = Query<
    'w,
    's,
    (
        &'static StableId,
        &'static Role,
        &'static mut Beliefs,
        &'static mut Stock,
        &'static mut Budget,
        Option<&'static PlaceId>,
    ),
    With<Trader>,
>;

/// Traders eat, enjoy what they bought for it, and lose what spoils. Runs in `Produce`, first.
pub fn meet_needs(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    mut ledger: ResMut<Ledger>,
    mut traders: Eaters,
    draws: Draws,
) -> Result {
    let draws = draws.of("economy.needs");
    let (Floor { squares, meals, .. }, ledger) = (&mut *floor, &mut *ledger);
    for (id, role, mut beliefs, mut stock, mut budget, place) in &mut traders {
        let square = squares.get_mut(PlaceId::of(place).index());
        let square = square.ok_or("a trader at a place that the world does not have")?;
        furnish(economy.parameters.doubt_min, &square.prices, &mut stock, &mut beliefs, &mut budget);
        let own = economy.recipe(role.id).map(|recipe| recipe.output);
        let mut draw = draws.light_for_id(*id);
        let (budget, beliefs) = (&mut *budget, &*beliefs);
        (budget.meals_due, budget.meals_met) = (0, 0);
        let goods = stock.goods.as_mut_slice().iter_mut().zip(budget.treats.as_mut_slice());
        let sums = square.used.iter_mut().zip(&mut square.spoiled).zip(&mut square.needs);
        for ((rate, (held, treats)), ((used, spoiled), needs)) in square.rates.iter().zip(goods).zip(sums) {
            let mut take = |held: &mut Holding, amount: i64, entry| {
                let amount = amount.min(held.free().0);
                if amount > 0 {
                    *used += amount;
                    destroy_held(ledger, held, rate.id, Goods(amount), entry)?;
                }
                Ok::<_, LedgerError>(amount)
            };
            if rate.need > 0.0 {
                let wanted = by_chance(rate.need, &mut draw);
                let eaten = take(held, wanted, GoodsEntry::Eaten)?;
                if own == Some(rate.id) {
                    // A maker pays itself for what it eats, or it would have more to spend than its work is worth.
                    let price = beliefs.0.get(rate.id).map_or(0.0, |belief| belief.price);
                    budget.open = budget.open.saturating_sub(whole(price * real(eaten)));
                }
                budget.meals_due += u32::try_from(wanted)?;
                budget.meals_met += u32::try_from(eaten)?;
                needs.0 += wanted.unsigned_abs();
                needs.1 += eaten.unsigned_abs();
            }
            if *treats > 0 && take(held, *treats, GoodsEntry::Enjoyed)? > 0 {
                *treats = 0;
            }
            if rate.spoilage > 0.0 {
                // What spoils must be made again as well: left out, it would look as if too much was made.
                *spoiled += take(held, by_chance(real(held.free().0) * rate.spoilage, &mut draw), GoodsEntry::Spoiled)?;
            }
        }
        meals.0 += u64::from(budget.meals_due);
        meals.1 += u64::from(budget.meals_met);
    }
    Ok(())
}

/// Takes goods out of a stock for good, and counts them as used.
fn use_goods(
    ledger: &mut Ledger,
    stock: &mut Stock,
    used: &mut [i64],
    commodity: CommodityId,
    (amount, entry): (i64, GoodsEntry),
) -> Result<(), LedgerError> {
    if amount == 0 {
        return Ok(());
    }
    destroy_goods(ledger, stock, commodity, Goods(amount), entry)?;
    if let Some(sum) = used.get_mut(commodity.index()) {
        *sum += amount;
    }
    Ok(())
}

type Workers<'w, 's> = Query<
    'w,
    's,
    (
        &'static StableId,
        &'static Trader,
        &'static mut Purse,
        &'static Beliefs,
        &'static mut Stock,
        &'static Storeroom,
        &'static mut Role,
        Option<&'static PlaceId>,
    ),
>;

/// Traders work for an hour, where it pays. Runs in `Produce`, last.
pub fn run_recipes(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    mut ledger: ResMut<Ledger>,
    mut traders: Workers,
    conditions: Res<Conditions>,
    draws: Draws,
    // What one trader's hour of work uses up and makes: memory only.
    mut moves: Local<Vec<Move>>,
) -> Result {
    let draws = draws.of("economy.work");
    let ledger = &mut *ledger;
    floor.tell_wages(&economy, ledger);
    for (id, trader, mut purse, beliefs, mut stock, storeroom, mut role, place) in &mut traders {
        let place = PlaceId::of(place);
        let square = floor.squares.get_mut(place.index()).ok_or("a trader at a place that the world does not have")?;
        let Square { rates, used, produced, usual_wage, .. } = square;
        if stock.holdings().len() != rates.len() {
            // It came after the hour began, and has no places for goods yet.
            continue;
        }
        let Some(recipe) = economy.recipe_at(place, role.id) else {
            return Err(format!("trader {id} has role number {}, which the world does not know", role.id.0).into());
        };
        let budget = real(purse.free().0) / economy.parameters.spending_hours;
        let wage = reservation_wage(&economy.parameters, budget, *usual_wage);
        let needed = rates.get(recipe.output.index()).is_some_and(|rate| rate.need > 0.0);
        let yields = conditions.yield_of(place, role.id);
        let beliefs = beliefs.0.as_slice();
        let room = storeroom.room(&stock);
        let worker = Worker { recipe, skill: trader.skill, beliefs, wage, needed, yields, room };
        let mut draw = draws.light_for_id(*id);
        let hour = if worker.wants_to_work(&stock, economy.parameters.capacity_hours) {
            worker.work(&stock, &mut draw, &mut moves)
        } else {
            moves.clear();
            Hour::default()
        };
        for Move { commodity, units, entry } in moves.drain(..) {
            if entry.is_source() {
                create_goods(ledger, &mut stock, commodity, Goods(units), entry)?;
                if let Some(sum) = produced.get_mut(commodity.index()) {
                    *sum += units;
                }
            } else {
                use_goods(ledger, &mut stock, used, commodity, (units, entry))?;
            }
        }
        if hour.in_want && recipe.idle_cost > 0 {
            let lost = Money(recipe.idle_cost.min(purse.free().0));
            destroy_money(ledger, &mut purse, lost, MoneyEntry::Idle)?;
        }
        role.utilisation = average(role.utilisation, hour.effort, economy.parameters.flow_hours);
    }
    Ok(())
}
