//! Measures: what a clearing says of a market, and how wealth and beliefs are spread and change.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::spread::{describe, mean_and_variance, richest_share};
use crate::components::market::{
    Beliefs, Chronicle, CommodityId, Market, MarketStatistics, Measures, Purse, Sample, Stock, TradedHour, Trader,
    WealthOfPlaces, WealthStatistics,
};
use crate::components::money::Money;
use crate::systems::economy::floor::{Floor, Square};
use crate::systems::economy::maths::real;
use crate::systems::economy::model::Economy;

/// Measures each market by its last clearing. Runs in `Report`.
pub fn measure_markets(
    economy: Res<Economy>,
    floor: Res<Floor>,
    statistics: Res<MarketStatistics>,
    mut markets: Query<(&Market, &mut Measures)>,
) -> Result {
    let window = u64::from(economy.parameters.alpha_hours);
    // A young average takes in all there was so far; an old one forgets. This hour is counted already.
    let lately = economy.parameters.flow_hours.min(real(i64::try_from(statistics.hours)?));
    for square in &floor.squares {
        for (index, (book, entity)) in square.books().zip(&square.markets).enumerate() {
            let (market, mut measures) = markets.get_mut(*entity)?;
            measures.spread = market.best_ask.zip(market.best_bid).and_then(|(ask, bid)| ask.checked_sub(bid));
            (measures.needs_due, measures.needs_met) = square.needs.get(index).copied().unwrap_or_default();
            let sum = |sums: &[i64]| real(sums.get(index).copied().unwrap_or(0));
            let missed = measures.needs_due.saturating_sub(measures.needs_met);
            let wanted = sum(&square.used) - sum(&square.spoiled) + real(i64::try_from(missed)?);
            measures.take_demand(wanted, lately);
            let trades = book.fills().iter().map(|fill| (fill.price, fill.quantity));
            let (volume, mean, variance) = mean_and_variance(trades);
            measures.take_in(statistics.hours, TradedHour { volume, mean, variance }, window);
        }
    }
    Ok(())
}

/// Scratch space of a count.
#[derive(Debug, Default)]
pub struct Census {
    prices: Vec<Money>,
    money: Vec<f64>,
    wealth: Vec<f64>,
}

type Lives<'w, 's> =
    Query<'w, 's, (&'static Purse, &'static Stock, &'static Beliefs, &'static mut Chronicle), With<Trader>>;

/// At the times that the world file says, keeps each trader's wealth and beliefs and counts how they are spread. Runs
/// in `Report`, after the hour has been counted.
pub fn keep_chronicle(
    economy: Res<Economy>,
    floor: Res<Floor>,
    statistics: Res<MarketStatistics>,
    (mut spread, mut places): (ResMut<WealthStatistics>, Option<ResMut<WealthOfPlaces>>),
    mut markets: Query<(&Market, &mut Measures)>,
    mut traders: Lives,
    mut census: Local<Census>,
) -> Result {
    let hour = statistics.hours;
    // The first hour is kept as well: what comes later is compared with it.
    if !hour.saturating_sub(1).is_multiple_of(u64::from(economy.chronicle.every_hours.max(1))) {
        return Ok(());
    }
    let Census { prices, money, wealth } = &mut *census;
    let most = usize::try_from(economy.chronicle.samples)?;
    money.clear();
    wealth.clear();
    let mut here = places.as_deref_mut().map(|places| &mut places.0);
    if let Some(here) = &mut here {
        here.clear();
    }
    for Square { roster, markets: entities, .. } in &floor.squares {
        let first = money.len();
        prices.clear();
        for entity in entities {
            prices.push(markets.get(*entity)?.0.price);
        }
        for (_, entity) in roster {
            // Somebody of the roster may have left.
            let Ok((purse, stock, beliefs, mut chronicle)) = traders.get_mut(*entity) else { continue };
            let sample = Sample { hour, money: owned(purse), wealth: worth(purse, stock, prices) };
            money.push(real(sample.money.0));
            wealth.push(real(sample.wealth.0));
            if most > 0 || !chronicle.is_empty() {
                chronicle.keep(sample, beliefs, most);
            }
        }
        if let Some(here) = &mut here {
            let of_place = (money.get_mut(first..), wealth.get_mut(first..));
            here.push(spread_of(hour, of_place.0.unwrap_or_default(), of_place.1.unwrap_or_default())?);
        }
    }
    *spread = spread_of(hour, money, wealth)?;
    let values = wealth;
    for Square { roster, markets: entities, .. } in &floor.squares {
        for (commodity, entity) in economy.commodity_ids().zip(entities) {
            values.clear();
            for (_, entity) in roster {
                let Ok((_, _, beliefs, _)) = traders.get(*entity) else { continue };
                values.extend(beliefs.0.get(commodity).map(|belief| belief.price));
            }
            markets.get_mut(*entity)?.1.beliefs = Some(describe(values));
        }
    }
    Ok(())
}

/// How money and wealth are spread over those who have them. Orders both.
fn spread_of(hour: u64, money: &mut [f64], wealth: &mut [f64]) -> Result<WealthStatistics> {
    Ok(WealthStatistics {
        hour,
        traders: u64::try_from(money.len())?,
        money: describe(money),
        wealth: describe(wealth),
        richest_share: richest_share(money),
    })
}

fn owned(purse: &Purse) -> Money {
    Money(purse.free().0.saturating_add(purse.escrow().0))
}

/// Money, and what the goods would bring at these prices; at the most that fits.
pub(crate) fn worth(purse: &Purse, stock: &Stock, prices: &[Money]) -> Money {
    let value = |index: usize, price: Money| {
        let held = u16::try_from(index).ok().and_then(|id| stock.holdings().get(CommodityId(id)));
        held.map_or(0, |held| price.0.saturating_mul(held.free().0.saturating_add(held.escrow().0)))
    };
    let goods = prices.iter().enumerate().map(|(index, price)| value(index, *price));
    Money(goods.fold(owned(purse).0, i64::saturating_add))
}
