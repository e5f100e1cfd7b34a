//! Measures of the hour, and what is told to the outside.

// time: market events: their hour | world | `WorldClock` | `HourlyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use crate::components::clock::WorldClock;
use crate::components::market::{
    Distribution, Market, MarketHour, MarketStatistics, Measures, PlaceId, Role, Trader, WealthOfPlaces,
    WealthStatistics,
};
use crate::components::money::Money;
use crate::messages::market::{MarketCleared, MarketPeriod};
use crate::systems::economy::floor::Floor;
use crate::systems::economy::maths::{average, real, whole};
use crate::systems::economy::model::Economy;

/// Parts that a full utilisation is counted in.
const WHOLE: f64 = 1_048_576.0;

/// Takes the hour into the statistics that everybody knows. Runs in `Report`, first.
pub fn measure_economy(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    mut statistics: ResMut<MarketStatistics>,
    mut markets: Query<&mut Market>,
    traders: Query<(&Role, Option<&PlaceId>), With<Trader>>,
) -> Result {
    let statistics = &mut *statistics;
    let parameters = &economy.parameters;
    // A young average takes in all there was so far; an old one forgets.
    let age = |hours: f64| hours.min(real(i64::try_from(statistics.hours).unwrap_or(i64::MAX)) + 1.0);
    let (lately, usual) = (age(parameters.flow_hours), age(parameters.usual_price_hours));
    let (commodities, roles) = (economy.commodities.len(), economy.roles.len());
    let flows = statistics.flows.chunks_exact_mut(commodities.max(1));
    for (square, flows) in floor.squares.iter().zip(flows) {
        let sums = square.produced.iter().zip(&square.used);
        for ((entity, flow), (produced, used)) in square.markets.iter().zip(flows).zip(sums) {
            let mut market = markets.get_mut(*entity)?;
            let hour = MarketHour { price: market.price, volume: market.volume };
            market.remember(hour);
            let price = real(market.price.0);
            flow.produced = average(flow.produced, real(*produced), lately);
            flow.used = average(flow.used, real(*used), lately);
            flow.price = average(flow.price, price, lately);
            flow.usual_price = average(flow.usual_price, price, usual);
        }
    }
    for square in &mut floor.squares {
        square.members.clear();
        square.members.resize(roles, (0, 0));
    }
    for (role, place) in &traders {
        let square = floor.squares.get_mut(PlaceId::of(place).index());
        if let Some((count, utilisation)) = square.and_then(|square| square.members.get_mut(role.id.index())) {
            *count += 1;
            // In whole parts: their sum is the same in whatever order they come.
            *utilisation += u64::try_from(whole(role.utilisation * WHOLE)).unwrap_or(0);
        }
    }
    let members = floor.squares.iter().flat_map(|square| &square.members);
    for (known, (count, sum)) in statistics.roles.iter_mut().zip(members) {
        known.count = *count;
        let amount = |parts: u64| real(i64::try_from(parts).unwrap_or(i64::MAX));
        // Nobody knows how a role fares that nobody has: it is worth a try.
        known.utilisation = if *count == 0 { 1.0 } else { amount(*sum) / WHOLE / amount(*count) };
    }
    statistics.hours += 1;
    (statistics.meals_due, statistics.meals_met) = floor.meals;
    statistics.meals_due_total += floor.meals.0;
    statistics.meals_met_total += floor.meals.1;
    Ok(())
}

/// Tells of every market. Runs in `Report`, last.
pub fn report_markets(
    economy: Res<Economy>,
    floor: Res<Floor>,
    clock: Res<WorldClock>,
    (spread, places): (Res<WealthStatistics>, Option<Res<WealthOfPlaces>>),
    markets: Query<(&Market, &Measures)>,
    mut events: MessageWriter<MarketCleared>,
) -> Result {
    let game_hour = clock.now.map_or(0, |now| now.hour_of_day());
    for ((at, square), place) in floor.squares.iter().enumerate().zip(&economy.places) {
        let spread = places.as_ref().map_or(Some(&*spread), |places| places.0.get(at));
        let spread = spread.filter(|spread| spread.traders > 0);
        let names = economy.commodities.iter().zip(&place.market_ids);
        for (entity, (commodity, market_id)) in square.markets.iter().zip(names) {
            let (market, measures) = markets.get(*entity)?;
            let event = MarketCleared {
                commodity: commodity.label.clone(),
                place: place.label.clone(),
                price: market.price.to_major(),
                volume: market.volume.0,
                market_id: market_id.clone(),
                period: MarketPeriod::Hourly,
                game_hour,
                bids_unfilled: market.bids_unfilled.0,
                asks_unfilled: market.asks_unfilled.0,
                efficiency: market.efficiency,
                turnover: market.turnover.to_major(),
                trend: market.trend(),
                volatility: market.volatility(),
                best_bid: market.best_bid.map(Money::to_major),
                best_ask: market.best_ask.map(Money::to_major),
                spread: measures.spread.map(Money::to_major),
                needs_due: measures.needs_due,
                needs_met: measures.needs_met,
                alpha: measures.alpha(None),
                beliefs: measures.beliefs.map(Distribution::to_major),
                wealth: spread.map(|spread| spread.wealth.to_major()),
            };
            events.write(event);
        }
    }
    Ok(())
}
