//! The beginning of an economy: its markets, its agents, and what they own.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use crate::components::ids::{StableId, StableIds};
use crate::components::market::{
    Belief, Beliefs, Budget, DaySums, Flow, GoodsEntry, Ledger, Livelihood, Market, MarketStatistics, MoneyEntry,
    Moves, PerCommodity, Personality, PlaceId, PlaceMoves, Purse, Resting, Role, RoleId, RoleStatistics, Stock,
    Storeroom, Trader, Treasury, WealthOfPlaces,
};
use crate::components::money::{Goods, Money};
use crate::messages::market::Label;
use crate::systems::economy::book::PRICE_MAX;
use crate::systems::economy::influences::shocks::of_file;
use crate::systems::economy::ledger::{create_goods, create_money};
use crate::systems::economy::maths::{by_chance, real, whole};
use crate::systems::economy::model::{Commodity, Economy, Recipe};
use crate::systems::random::{Draw, Draws};
use crate::world::spec::{AgentSpec, PopulationSpec, Range, WorldSpec};

/// Spawns what the world file describes. Runs once, in [`WorldSetup`](crate::schedules::WorldSetup).
pub fn found_economy(
    (economy, spec): (Res<Economy>, Res<WorldSpec>),
    mut ids: ResMut<StableIds>,
    mut commands: Commands,
    draws: Draws,
) -> Result {
    let count = economy.commodities.len();
    let mut ledger = Ledger::new(count);
    for (place, spec) in economy.place_ids().zip(&economy.places) {
        let named = economy.commodities.iter().zip(&spec.market_ids);
        for (id, (commodity, market_id)) in economy.commodity_ids().zip(named) {
            let market = Market::new(id, market_id.as_str().to_owned(), Money(commodity.initial_price));
            let mut market = commands.spawn((ids.next_id(), market));
            if economy.has_places() {
                market.insert(place);
            }
        }
    }
    let population = &economy.population;
    let money = Fortunes::of(population, draws.of("economy.money").for_id(StableId(0)).unit());
    let draws = draws.of("economy.found");
    let prices: Vec<i64> = economy.commodities.iter().map(|commodity| commodity.initial_price).collect();
    let skills = Spread { from: draws.for_id(StableId(0)).unit(), range: population.skill };
    let mut heads = vec![0; economy.places.len()];
    for (number, (role, given)) in (0_u32..).zip(beginners(&economy)?) {
        let id = ids.next_id();
        let place = match given.and_then(|given| given.place.as_deref()) {
            Some(name) => named_place(&economy, name)?,
            None => economy.next_place(&heads),
        };
        if let Some(heads) = heads.get_mut(place.index()) {
            *heads += 1;
        }
        let mut draw = draws.for_id(id);
        let newcomer = Newcomer {
            role,
            place,
            skill: given.and_then(|given| given.skill).unwrap_or_else(|| skills.at(number)),
            money: Money(given.map_or_else(|| money.at(number), |given| given.money)),
            prices: &prices,
            belief_factor: population.belief_factor,
            entries: (MoneyEntry::Endowed, GoodsEntry::Endowed),
            given,
        };
        let mut agent = commands.spawn((id, settle(&economy, &mut ledger, &newcomer, &mut draw)?));
        if economy.rest_hours.is_some() {
            agent.insert(Resting::default());
        }
        if economy.has_places() {
            agent.insert(place);
        }
    }
    if economy.has_places() {
        commands.insert_resource(Moves(vec![PlaceMoves::default(); economy.places.len()]));
        commands.insert_resource(WealthOfPlaces::default());
    }
    if let Some(spec) = &economy.treasury {
        let mut chest = Purse::default();
        create_money(&mut ledger, &mut chest, Money(spec.initial_money), MoneyEntry::Founded)?;
        commands.spawn((ids.next_id(), Treasury::default(), chest));
    }
    let shocks = spec.economy.as_ref().map(of_file).transpose()?.unwrap_or_default();
    commands.insert_resource(shocks);
    commands.insert_resource(DaySums::default());
    commands.insert_resource(ledger);
    commands.insert_resource(first_statistics(&economy));
    Ok(())
}

fn named_place(economy: &Economy, name: &str) -> Result<PlaceId, String> {
    let found = economy.place_ids().zip(&economy.places).find(|(_, place)| place.name == name);
    found.map(|(id, _)| id).ok_or_else(|| format!("there is no place `{name}`"))
}

/// The role of each agent at first, and what is written of it alone, where agents are listed one by one.
fn beginners(economy: &Economy) -> Result<Vec<(RoleId, Option<&AgentSpec>)>> {
    let mut all = Vec::new();
    if economy.population.agents.is_empty() {
        for (index, recipe) in economy.roles.iter().enumerate() {
            let role = RoleId(u16::try_from(index)?);
            all.extend((0..recipe.count).map(|_| (role, None)));
        }
        return Ok(all);
    }
    for agent in &economy.population.agents {
        let index = economy.roles.iter().position(|recipe| recipe.name == agent.role);
        let index = index.ok_or_else(|| format!("there is no role `{}`", agent.role))?;
        all.push((RoleId(u16::try_from(index)?), Some(agent)));
    }
    Ok(all)
}

/// Somebody who comes into the world to live from its economy.
pub(crate) struct Newcomer<'a> {
    pub(crate) role: RoleId,
    pub(crate) place: PlaceId,
    pub(crate) skill: f64,
    pub(crate) money: Money,
    /// What each commodity costs, in minor units.
    pub(crate) prices: &'a [i64],
    /// First beliefs are the prices times this.
    pub(crate) belief_factor: f64,
    /// How its money and goods are accounted for.
    pub(crate) entries: (MoneyEntry, GoodsEntry),
    /// What is written of this one; the rest is drawn.
    pub(crate) given: Option<&'a AgentSpec>,
}

/// Everything that a newcomer is made of, drawn from what the world file says of the population.
pub(crate) fn settle(
    economy: &Economy,
    ledger: &mut Ledger,
    newcomer: &Newcomer<'_>,
    draw: &mut Draw,
) -> Result<impl Bundle + use<>> {
    let (count, population) = (economy.commodities.len(), &economy.population);
    let recipe = economy.recipe_at(newcomer.place, newcomer.role).ok_or("a role that the world does not know")?;
    let trader = Trader { skill: newcomer.skill };
    let given = newcomer.given;
    // Everything is drawn, and what is given comes in its place: an agent's other draws do not depend on it.
    let mut trait_of = |range, own: fn(&AgentSpec) -> Option<f64>| {
        let drawn = within(range, draw);
        given.and_then(own).unwrap_or(drawn)
    };
    let personality = Personality {
        risk_tolerance: trait_of(population.risk_tolerance, |agent| agent.risk_tolerance),
        impatience: trait_of(population.impatience, |agent| agent.impatience),
        social_influence: trait_of(population.social_influence, |agent| agent.social_influence),
        learning_rate: trait_of(population.learning_rate, |agent| agent.learning_rate),
    };
    let named = |commodity| economy.commodity(commodity).map_or("", |commodity| commodity.name.as_str());
    let beliefs = Beliefs(PerCommodity::from_fn(count, |commodity| {
        let price = newcomer.prices.get(commodity.index()).copied().unwrap_or(1);
        let noise = draw.between(0.95, 1.05);
        let doubt = economy.parameters.doubt_max / 4.0;
        let own = given.and_then(|agent| agent.beliefs.get(named(commodity)));
        let drawn = (real(price) * newcomer.belief_factor * noise).clamp(1.0, f64::from(PRICE_MAX));
        Belief { price: own.map_or(drawn, |own| real(*own)), doubt }
    }));
    let mut purse = Purse::default();
    create_money(ledger, &mut purse, newcomer.money, newcomer.entries.0)?;
    let mut stock = Stock { goods: PerCommodity::from_fn(count, |_| Default::default()) };
    let storeroom = Storeroom { capacity: given.and_then(|agent| agent.capacity).or(population.capacity) };
    let mut room = storeroom.room(&stock);
    for (commodity, spec) in economy.commodity_ids().zip(&economy.commodities) {
        let used = recipe.inputs.iter().filter(|(input, _)| *input == commodity).map(|(_, q)| q).sum::<f64>();
        let hours = population.initial_stock_hours;
        let drawn = by_chance((spec.need + used * trader.skill) * hours, draw);
        let units = given.map_or(drawn.min(room), |agent| agent.stocks.get(&spec.name).copied().unwrap_or(0));
        room -= units;
        create_goods(ledger, &mut stock, commodity, Goods(units), newcomer.entries.1)?;
    }
    let budget = Budget {
        envelopes: PerCommodity::from_fn(count, |_| 0),
        treats: PerCommodity::from_fn(count, |_| 0),
        ..Budget::default()
    };
    let role = Role { id: newcomer.role, ..Role::default() };
    Ok((trader, role, personality, beliefs, purse, stock, storeroom, budget, Livelihood::default()))
}

fn first_statistics(economy: &Economy) -> MarketStatistics {
    let flow = |commodity: &Commodity| {
        let price = real(commodity.initial_price);
        Flow { produced: 0.0, used: 0.0, price, usual_price: price }
    };
    // Of roles at several places: about as many as the shares say, until the first hour counts them.
    let count = |recipe: &Recipe, share: f64| u64::try_from(whole(f64::from(recipe.count) * share)).unwrap_or(0);
    let roles = economy.places.iter().flat_map(|place| place.recipes.iter().map(|recipe| (recipe, place.share)));
    MarketStatistics {
        flows: economy.places.iter().flat_map(|_| economy.commodities.iter().map(flow)).collect(),
        roles: roles.map(|(recipe, share)| RoleStatistics { count: count(recipe, share), utilisation: 1.0 }).collect(),
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

/// The money that agents begin with, spread evenly: neighbours by number share what both have together, so that all of it
/// is exactly what the file says.
struct Fortunes {
    parts: Spread,
    mean: i64,
    count: u32,
}

impl Fortunes {
    fn of(population: &PopulationSpec, from: f64) -> Self {
        let most = population.money_spread;
        let parts = Spread { from, range: Range { min: -most, max: most } };
        Self { parts, mean: population.money_per_head, count: population.count }
    }

    fn at(&self, number: u32) -> i64 {
        let more = whole((real(self.mean) * self.parts.at(number / 2)).trunc());
        match number % 2 {
            0 if number + 1 == self.count => self.mean,
            0 => self.mean + more,
            _ => self.mean - more,
        }
    }
}

pub(crate) fn within(range: Range, draw: &mut Draw) -> f64 {
    draw.between(range.min, range.max)
}

/// Checks that what was founded or restored fits the world file. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub fn check_economy(
    economy: Res<Economy>,
    ledger: Option<Res<Ledger>>,
    statistics: Option<Res<MarketStatistics>>,
    moves: Option<Res<Moves>>,
    markets: Query<(&Market, Option<&PlaceId>)>,
    treasuries: Query<(), With<Treasury>>,
) -> Result {
    let (Some(ledger), Some(statistics)) = (ledger, statistics) else {
        return Err("the world has no ledger: it was saved without an economy, and its file has one".into());
    };
    let mut found: Vec<_> = markets
        .iter()
        .map(|(market, place)| (PlaceId::of(place), market.commodity, market.market_id.as_str()))
        .collect();
    found.sort_unstable();
    let names: Vec<_> = found.into_iter().map(|(.., name)| name).collect();
    let expected: Vec<_> = economy.places.iter().flat_map(|place| &place.market_ids).map(Label::as_str).collect();
    if names != expected {
        return Err(format!("the world has the markets {names:?}, its file has {expected:?}").into());
    }
    let places = economy.places.len();
    if ledger.commodities() != economy.commodities.len()
        || statistics.flows.len() != expected.len()
        || statistics.roles.len() != economy.roles.len() * places
        || moves.map_or(places > 1, |moves| moves.0.len() != places)
    {
        return Err("the world was saved with other commodities, roles or places than its file has".into());
    }
    let (there, expected) = (treasuries.iter().count(), usize::from(economy.treasury.is_some()));
    if there != expected {
        return Err(format!("the world was saved with {there} treasuries, its file has {expected}").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_goes_apart_and_stays_the_same_in_all() {
        for (count, spread) in [(2, 1.0), (7, 0.5), (400, 0.818), (400, 0.0), (1_001, 1.0)] {
            let population = PopulationSpec { count, money_spread: spread, ..PopulationSpec::default() };
            let fortunes = Fortunes::of(&population, 0.3);
            let all: Vec<i64> = (0..count).map(|number| fortunes.at(number)).collect();
            assert_eq!(all.iter().sum::<i64>(), 150_000 * i64::from(count));
            let (least, most) = (150_000.0 * (1.0 - spread), 150_000.0 * (1.0 + spread));
            assert!(all.iter().all(|money| (least..=most).contains(&real(*money))));
            let poor = all.iter().filter(|money| real(**money) < 150_000.0 * (1.0 - spread / 2.0)).count();
            assert!(
                count < 400 || spread == 0.0 || (count as usize * 23 / 100..count as usize * 27 / 100).contains(&poor)
            );
        }
    }

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
