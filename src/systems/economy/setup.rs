//! The beginning of an economy: its markets, its agents, and what they own.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::ledger::{create_goods, create_money};
use super::maths::{by_chance, real};
use super::model::Economy;
use crate::components::ids::{StableId, StableIds};
use crate::components::market::{
    Belief, Beliefs, Budget, Flow, GoodsEntry, Ledger, Market, MarketStatistics, MoneyEntry, PerCommodity, Personality,
    Purse, Role, RoleId, RoleStatistics, Stock, Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::random::{Draw, Draws};
use crate::world::spec::Range;

/// Spawns what the world file describes. Runs once, in [`WorldSetup`](crate::schedules::WorldSetup).
pub fn found_economy(
    economy: Res<Economy>,
    mut ids: ResMut<StableIds>,
    mut commands: Commands,
    draws: Draws,
) -> Result {
    let count = economy.commodities.len();
    let mut ledger = Ledger::new(count);
    for (id, commodity) in economy.commodity_ids().zip(&economy.commodities) {
        let market = Market::new(id, commodity.market_id.clone(), Money(commodity.initial_price));
        commands.spawn((ids.next_id(), market));
    }
    let draws = draws.of("economy.found");
    let population = &economy.population;
    let skills = Spread { from: draws.for_id(StableId(0)).unit(), range: population.skill };
    let mut agents = 0;
    for (index, recipe) in economy.roles.iter().enumerate() {
        let role = Role { id: RoleId(u16::try_from(index)?), ..Role::default() };
        for _ in 0..recipe.count {
            let id = ids.next_id();
            let mut draw = draws.for_id(id);
            let trader = Trader { skill: skills.at(agents) };
            agents += 1;
            let personality = Personality {
                risk_tolerance: within(population.risk_tolerance, &mut draw),
                impatience: within(population.impatience, &mut draw),
                social_influence: within(population.social_influence, &mut draw),
                learning_rate: within(population.learning_rate, &mut draw),
            };
            let beliefs = Beliefs(PerCommodity::from_fn(count, |commodity| {
                let price = economy.commodity(commodity).map_or(1, |commodity| commodity.initial_price);
                let noise = draw.between(0.95, 1.05);
                let doubt = economy.parameters.doubt_max / 4.0;
                Belief { price: (real(price) * population.belief_factor * noise).max(1.0), doubt }
            }));
            let mut purse = Purse::default();
            create_money(&mut ledger, &mut purse, Money(population.money_per_head), MoneyEntry::Endowed)?;
            let mut stock = Stock { goods: PerCommodity::from_fn(count, |_| Default::default()) };
            for (commodity, spec) in economy.commodity_ids().zip(&economy.commodities) {
                let used = recipe.inputs.iter().filter(|(input, _)| *input == commodity).map(|(_, q)| q).sum::<f64>();
                let hours = population.initial_stock_hours;
                let units = by_chance((spec.need + used * trader.skill) * hours, &mut draw);
                create_goods(&mut ledger, &mut stock, commodity, Goods(units), GoodsEntry::Endowed)?;
            }
            let budget = Budget {
                envelopes: PerCommodity::from_fn(count, |_| 0),
                treats: PerCommodity::from_fn(count, |_| 0),
                ..Budget::default()
            };
            commands.spawn((id, trader, role, personality, beliefs, purse, stock, budget));
        }
    }
    commands.insert_resource(ledger);
    commands.insert_resource(first_statistics(&economy));
    Ok(())
}

fn first_statistics(economy: &Economy) -> MarketStatistics {
    MarketStatistics {
        flows: PerCommodity::from_fn(economy.commodities.len(), |id| {
            let price = real(economy.commodity(id).map_or(1, |commodity| commodity.initial_price));
            Flow { produced: 0.0, used: 0.0, price, usual_price: price }
        }),
        roles: economy
            .roles
            .iter()
            .map(|recipe| RoleStatistics { count: u64::from(recipe.count), utilisation: 1.0 })
            .collect(),
        ..MarketStatistics::default()
    }
}

/// Values spread evenly over a range, those of any few neighbours as well (the golden section).
///
/// Drawn one by one, the mean skill of a few hundred agents would differ from the file's by several hundredths, and all
/// prices with it: what the file implies would hold on average over seeds, but for no world.
struct Spread {
    from: f64,
    range: Range,
}

impl Spread {
    fn at(&self, number: u32) -> f64 {
        let part = (self.from + f64::from(number) * 0.618_033_988_749_894_9).fract();
        self.range.min + (self.range.max - self.range.min) * part
    }
}

fn within(range: Range, draw: &mut Draw) -> f64 {
    draw.between(range.min, range.max)
}

/// Checks that what was founded or restored fits the world file. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub fn check_economy(
    economy: Res<Economy>,
    ledger: Option<Res<Ledger>>,
    statistics: Option<Res<MarketStatistics>>,
    markets: Query<&Market>,
) -> Result {
    let (Some(ledger), Some(statistics)) = (ledger, statistics) else {
        return Err("the world has no ledger: it was saved without an economy, and its file has one".into());
    };
    let mut found: Vec<_> = markets.iter().map(|market| (market.commodity, market.market_id.as_str())).collect();
    found.sort_unstable();
    let names: Vec<_> = found.into_iter().map(|(_, name)| name).collect();
    let expected: Vec<_> = economy.commodities.iter().map(|commodity| commodity.market_id.as_str()).collect();
    if names != expected {
        return Err(format!("the world has the markets {names:?}, its file has {expected:?}").into());
    }
    if ledger.commodities() != expected.len()
        || statistics.flows.len() != expected.len()
        || statistics.roles.len() != economy.roles.len()
    {
        return Err("the world was saved with other commodities or roles than its file has".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skills_are_spread_evenly_among_any_few_neighbours() {
        for from in [0.0, 0.3, 0.999] {
            let spread = Spread { from, range: Range { min: 0.5, max: 2.5 } };
            for first in [0_u32, 7, 100_000] {
                let skills: Vec<f64> = (first..first + 100).map(|number| spread.at(number)).collect();
                assert!(skills.iter().all(|skill| (0.5..2.5).contains(skill)));
                let mean = skills.iter().sum::<f64>() / 100.0;
                assert!((mean - 1.5).abs() < 0.02, "{mean}");
                let low = skills.iter().filter(|skill| **skill < 1.0).count();
                assert!((23..=27).contains(&low), "{low}");
            }
        }
    }
}
