//! The treasury: taxes in, relief and wages of last resort out. Money only changes hands here.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::floor::Floor;
use super::floor::stall::Placed;
use super::ledger::transfer_money;
use super::maths::{real, whole};
use super::model::{Economy, Recipe};
use crate::components::market::{
    Budget, CommodityId, Ledger, MarketStatistics, MoneyEntry, Purse, Role, Side, Trader, Treasury,
};
use crate::components::money::Money;
use crate::world::spec::TreasurySpec;

/// The wealth tax is raised once in so many hours.
const DAY_HOURS: u64 = 24;

type Taxpayers<'w, 's> =
    Query<'w, 's, (&'static Role, &'static Budget, &'static mut Purse), (With<Trader>, Without<Treasury>)>;

/// Raises taxes and pays who is in want. Runs in `Clear`, after all orders are settled. Nothing without a treasury in
/// the world file.
pub fn keep_treasury(
    economy: Res<Economy>,
    floor: Res<Floor>,
    statistics: Res<MarketStatistics>,
    mut ledger: ResMut<Ledger>,
    mut treasuries: Query<(&mut Treasury, &mut Purse), Without<Trader>>,
    mut traders: Taxpayers,
) -> Result {
    let Some(spec) = &economy.treasury else { return Ok(()) };
    let (mut treasury, mut chest) = treasuries.single_mut()?;
    let before = chest.free();
    let daily = (statistics.hours + 1).is_multiple_of(DAY_HOURS);
    let mut due = Vec::new();
    for (place, number, _, entity) in floor.traders() {
        // Somebody of the roster may have left.
        let Ok((role, budget, mut purse)) = traders.get_mut(entity) else { continue };
        let order = |commodity| floor.order(place, number, commodity);
        let taxes = assess(spec, &economy, economy.recipe(role.id), order, purse.free(), daily);
        for (entry, amount) in taxes {
            let amount = Money(amount.0.min(purse.free().0));
            transfer_money(&mut ledger, (&mut purse, &mut chest), amount, entry)?;
        }
        for (entry, amount) in wants(spec, role, budget, purse.free()) {
            if amount > Money::ZERO {
                due.push((entity, entry, amount));
            }
        }
    }
    let collected = Money(chest.free().0 - before.0);
    let all: i128 = due.iter().map(|(_, _, amount)| i128::from(amount.0)).sum();
    let there = i128::from(chest.free().0);
    let mut paid = Money::ZERO;
    for (entity, entry, amount) in due {
        // Too little for all is the same share for each, rounded down: nobody's number decides who eats.
        let part = if all > there { i128::from(amount.0) * there / all } else { i128::from(amount.0) };
        let part = Money(i64::try_from(part)?);
        let (_, _, mut purse) = traders.get_mut(entity)?;
        transfer_money(&mut ledger, (&mut chest, &mut purse), part, entry)?;
        paid = paid.checked_add(part).ok_or("what the treasury paid does not fit")?;
    }
    *treasury = Treasury { collected, due: Money(i64::try_from(all).unwrap_or(i64::MAX)), paid };
    Ok(())
}

/// A share of an amount, rounded down.
fn share(amount: i64, share: f64) -> Money {
    Money(whole((real(amount.max(0)) * share).floor()))
}

/// What a trader owes for this hour.
fn assess(
    spec: &TreasurySpec,
    economy: &Economy,
    recipe: Option<&Recipe>,
    order: impl Fn(CommodityId) -> Option<Placed>,
    money: Money,
    daily: bool,
) -> [(MoneyEntry, Money); 3] {
    let (mut sold, mut inputs) = (0_i64, 0_i64);
    for (commodity, order) in economy.commodity_ids().filter_map(|id| order(id).map(|order| (id, order))) {
        match order.side {
            Side::Ask => sold = sold.saturating_add(order.money),
            Side::Bid if recipe.is_some_and(|recipe| recipe.inputs.iter().any(|(input, _)| *input == commodity)) => {
                inputs = inputs.saturating_add(order.money);
            }
            Side::Bid => {}
        }
    }
    let wealth =
        if daily { share(money.0.saturating_sub(spec.wealth_exemption), spec.wealth_tax) } else { Money::ZERO };
    [
        (MoneyEntry::SalesTax, share(sold, spec.sales_tax)),
        (MoneyEntry::IncomeTax, share(sold.saturating_sub(inputs), spec.income_tax)),
        (MoneyEntry::WealthTax, wealth),
    ]
}

/// What a trader is due in this hour.
fn wants(spec: &TreasurySpec, role: &Role, budget: &Budget, money: Money) -> [(MoneyEntry, Money); 2] {
    let relief = spec.relief.as_ref().filter(|relief| money.0 < relief.below).map_or(0, |relief| {
        let missed = i64::from(budget.meals_due.saturating_sub(budget.meals_met));
        relief.amount.saturating_mul(missed)
    });
    let wages = spec.wages.as_ref().filter(|wages| money.0 < wages.below && role.utilisation < wages.utilisation_below);
    [(MoneyEntry::Relief, Money(relief)), (MoneyEntry::Wages, Money(wages.map_or(0, |wages| wages.amount)))]
}
