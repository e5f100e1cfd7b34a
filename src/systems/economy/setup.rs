//! The beginning of an economy: its markets, its agents, and what they own.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::ledger::{create_goods, create_money};
use super::maths::{by_chance, real};
use super::model::Economy;
use super::shocks::of_file;
use crate::components::ids::StableIds;
use crate::components::market::{
    Belief, Beliefs, Budget, DaySums, Flow, GoodsEntry, Ledger, Market, MarketStatistics, MoneyEntry, PerCommodity,
    Personality, Purse, Role, RoleId, RoleStatistics, Stock, Trader,
};
use crate::components::money::{Goods, Money};
use crate::systems::random::{Draw, Draws};
use crate::world::spec::{Range, WorldSpec};

/// Spawns what the world file describes. Runs once, in [`WorldSetup`](crate::schedules::WorldSetup).
pub fn found_economy(
    (economy, spec): (Res<Economy>, Res<WorldSpec>),
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
    for (index, recipe) in economy.roles.iter().enumerate() {
        let role = Role { id: RoleId(u16::try_from(index)?), ..Role::default() };
        for _ in 0..recipe.count {
            let id = ids.next_id();
            let mut draw = draws.for_id(id);
            let trader = Trader { skill: within(population.skill, &mut draw) };
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
    let shocks = spec.economy.as_ref().map(of_file).transpose()?.unwrap_or_default();
    commands.insert_resource(shocks);
    commands.insert_resource(DaySums::default());
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
