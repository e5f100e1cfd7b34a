//! Needs and work: what is eaten, enjoyed, spoiled, used up and made in an hour.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::conditions::Conditions;
use super::floor::Floor;
use super::ledger::{LedgerError, create_goods, destroy_goods};
use super::maths::{average, by_chance, real, whole};
use super::model::{Economy, Recipe};
use super::plan::{cost_floor, reservation_wage};
use crate::components::market::{
    Belief, Beliefs, Budget, CommodityId, GoodsEntry, Ledger, PerCommodity, Purse, Role, Stock, Trader,
};
use crate::components::money::Goods;
use crate::systems::random::{Draw, Draws};

/// Traders eat, enjoy what they bought for it, and lose what spoils. Runs in `Produce`, first.
pub fn meet_needs(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    mut ledger: ResMut<Ledger>,
    mut traders: Query<(&Role, &Beliefs, &mut Stock, &mut Budget), With<Trader>>,
    conditions: Res<Conditions>,
    draws: Draws,
) -> Result {
    let draws = draws.of("economy.needs");
    let Floor { roster, used, meals, needs, .. } = &mut *floor;
    for (id, entity) in roster.iter() {
        let (role, beliefs, mut stock, mut budget) = traders.get_mut(*entity)?;
        let own = economy.recipe(role.id).map(|recipe| recipe.output);
        let mut draw = draws.for_id(*id);
        let (mut due, mut met) = (0, 0);
        for (commodity, spec) in economy.commodity_ids().zip(&economy.commodities) {
            if spec.need > 0.0 {
                let wanted = by_chance(spec.need * conditions.need_of(commodity), &mut draw);
                let eaten = wanted.min(stock.free(commodity));
                use_goods(&mut ledger, &mut stock, used, commodity, (eaten, GoodsEntry::Eaten))?;
                if own == Some(commodity) {
                    // A maker pays itself for what it eats, or it would have more to spend than its work is worth.
                    let price = beliefs.0.get(commodity).map_or(0.0, |belief| belief.price);
                    budget.open = budget.open.saturating_sub(whole(price * real(eaten)));
                }
                due += u32::try_from(wanted)?;
                met += u32::try_from(eaten)?;
                note_need(needs, commodity, (wanted, eaten));
            }
            let treats = budget.treats.get(commodity).copied().unwrap_or(0).min(stock.free(commodity));
            if treats > 0 {
                use_goods(&mut ledger, &mut stock, used, commodity, (treats, GoodsEntry::Enjoyed))?;
                budget.treats[commodity] = 0;
            }
            if spec.spoilage > 0.0 {
                let held = stock.free(commodity);
                let spoiled = by_chance(real(held) * spec.spoilage, &mut draw).min(held);
                // What spoils must be made again as well: left out, it would look as if too much was made.
                use_goods(&mut ledger, &mut stock, used, commodity, (spoiled, GoodsEntry::Spoiled))?;
            }
        }
        (budget.meals_due, budget.meals_met) = (due, met);
        meals.0 += u64::from(due);
        meals.1 += u64::from(met);
    }
    Ok(())
}

/// Counts what was needed of a commodity, and what of it was there.
fn note_need(needs: &mut [(u64, u64)], commodity: CommodityId, (wanted, eaten): (i64, i64)) {
    if let Some((due, met)) = needs.get_mut(commodity.index()) {
        *due += wanted.unsigned_abs();
        *met += eaten.unsigned_abs();
    }
}

/// Takes goods out of a stock for good, and counts them as used.
fn use_goods(
    ledger: &mut Ledger,
    stock: &mut Stock,
    used: &mut [i64],
    commodity: CommodityId,
    (amount, entry): (i64, GoodsEntry),
) -> Result<(), LedgerError> {
    destroy_goods(ledger, stock, commodity, Goods(amount), entry)?;
    if let Some(sum) = used.get_mut(commodity.index()) {
        *sum += amount;
    }
    Ok(())
}

/// Traders work for an hour, where it pays. Runs in `Produce`, last.
pub fn run_recipes(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    mut ledger: ResMut<Ledger>,
    mut traders: Query<(&Trader, &Purse, &Beliefs, &mut Stock, &mut Role)>,
    conditions: Res<Conditions>,
    draws: Draws,
) -> Result {
    let draws = draws.of("economy.work");
    let Floor { roster, used, produced, .. } = &mut *floor;
    let usual_wage = economy.usual_wage(&ledger, roster.len());
    for (id, entity) in roster.iter() {
        let (trader, purse, beliefs, mut stock, mut role) = traders.get_mut(*entity)?;
        let Some(recipe) = economy.recipe(role.id) else {
            return Err(format!("trader {id} has role number {}, which the world does not know", role.id.0).into());
        };
        let wage = reservation_wage(&economy.parameters, real(purse.free().0), usual_wage);
        let needed = economy.commodity(recipe.output).is_some_and(|commodity| commodity.need > 0.0);
        let worker = Worker {
            recipe,
            skill: trader.skill,
            beliefs: &beliefs.0,
            wage,
            needed,
            yields: conditions.yield_of(role.id),
        };
        let mut draw = draws.for_id(*id);
        let effort = if worker.wants_to_work(&stock, economy.parameters.capacity_hours) {
            worker.work(&mut ledger, &mut stock, used, produced, &mut draw)?
        } else {
            0.0
        };
        role.utilisation = average(role.utilisation, effort, economy.parameters.flow_hours);
    }
    Ok(())
}

struct Worker<'a> {
    recipe: &'a Recipe,
    skill: f64,
    beliefs: &'a PerCommodity<Belief>,
    wage: f64,
    /// Whether the product is something that the worker itself needs.
    needed: bool,
    /// Factor on the output of this hour; at 0 there is no work.
    yields: f64,
}

impl Worker<'_> {
    /// Not with a full store, nor for less than the reservation wage; who is hungry works for its own pantry.
    fn wants_to_work(&self, stock: &Stock, capacity_hours: f64) -> bool {
        let held = real(stock.free(self.recipe.output));
        let output = self.recipe.quantity * self.skill;
        if self.yields <= 0.0 || held >= (output * capacity_hours).max(1.0) {
            return false;
        }
        let pays = || {
            let price = self.beliefs.get(self.recipe.output).map_or(0.0, |belief| belief.price);
            price >= cost_floor(self.recipe, self.skill, self.beliefs, self.wage)
        };
        (self.needed && held < output.max(2.0)) || pays()
    }

    /// Uses up inputs and makes the output; without all inputs only the subsistence share of it. Gives the share made.
    fn work(
        &self,
        ledger: &mut Ledger,
        stock: &mut Stock,
        used: &mut [i64],
        produced: &mut [i64],
        draw: &mut Draw,
    ) -> Result<f64, LedgerError> {
        let equipped = self
            .recipe
            .inputs
            .iter()
            .all(|(input, quantity)| real(stock.free(*input)) >= (quantity * self.skill).ceil());
        let effort = if equipped { 1.0 } else { self.recipe.subsistence };
        if equipped {
            for (input, quantity) in &self.recipe.inputs {
                let amount = by_chance(quantity * self.skill, draw).min(stock.free(*input));
                use_goods(ledger, stock, used, *input, (amount, GoodsEntry::UsedUp))?;
            }
        }
        let made = by_chance(self.recipe.quantity * self.skill * effort * self.yields, draw);
        create_goods(ledger, stock, self.recipe.output, Goods(made), GoodsEntry::Produced)?;
        if let Some(sum) = produced.get_mut(self.recipe.output.index()) {
            *sum += made;
        }
        Ok(effort)
    }
}
