//! Learning: what a trader makes of what became of its orders.
//!
//! Success moves a belief to the market price at the margin. Failure concedes, further with every repetition. Who was
//! kept out by his own limit, or did not trade, follows the market; without trades, the best bid that was left.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::book::PRICE_MAX;
use super::floor::Floor;
use super::maths::real;
use super::model::Economy;
use super::stall::Placed;
use crate::components::market::{Belief, Beliefs, Market, Personality, Side, Trader};
use crate::world::spec::EconomyParameters;

/// What everybody can see of a market after its clearing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketNews {
    /// Mean price of the trades in minor units; nothing without trades.
    pub price: Option<f64>,
    /// Highest price among the bids left, in minor units.
    pub best_bid: Option<f64>,
    /// Lowest price among the asks left, in minor units.
    pub best_ask: Option<f64>,
}

impl MarketNews {
    /// The price that the market would have at its margin: that of the trades, but not above what somebody would have
    /// sold for and could not, nor below what somebody would have paid.
    ///
    /// Without it, beliefs come to rest anywhere within the margin of the quotes: all who trade are content, and those
    /// who are kept out by their own limits have no say.
    fn price_at_margin(&self) -> Option<f64> {
        let price = self.price?.min(self.best_ask.unwrap_or(f64::INFINITY));
        Some(price.max(self.best_bid.unwrap_or(0.0)))
    }

    /// What there is to learn from it, for everybody alike.
    pub(super) fn lesson(&self) -> Lesson {
        let market = self.price_at_margin();
        Lesson { market, heard: market.or(self.best_bid) }
    }
}

/// What a clearing teaches everybody: computed once in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Lesson {
    /// What the market would pay at its margin; nothing without trades.
    market: Option<f64>,
    /// The same; without trades, the best bid that was left.
    heard: Option<f64>,
}

/// How fast a trader learns.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// From what it has met with itself.
    own: f64,
    /// From what others do.
    hearsay: f64,
}

impl Pace {
    fn of(personality: &Personality) -> Self {
        let own = personality.learning_rate;
        // Even who cares little for others sees what a thing costs.
        Self { own, hearsay: own * (0.2 + 0.8 * personality.social_influence) }
    }
}

/// Success takes this part of the doubt away.
const RELIEF: f64 = 0.7;

/// Traders learn from their orders and from the market. Runs in `Learn`.
pub fn learn_prices(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    markets: Query<&Market>,
    mut traders: Query<(Entity, &Personality, &mut Beliefs), With<Trader>>,
) -> Result {
    let Floor { seats, stalls, lessons, markets: entities, .. } = &mut *floor;
    lessons.clear();
    for entity in entities.iter() {
        let market = markets.get(*entity)?;
        let news = MarketNews {
            price: (market.volume.0 > 0).then(|| real(market.price.0)),
            best_bid: market.best_bid.map(|price| real(price.0)),
            best_ask: market.best_ask.map(|price| real(price.0)),
        };
        lessons.push(news.lesson());
    }
    for (entity, personality, mut beliefs) in &mut traders {
        let Some(seat) = seats.of(entity).map(|seat| seat as usize) else { continue };
        let pace = Pace::of(personality);
        for ((belief, stall), lesson) in beliefs.0.as_mut_slice().iter_mut().zip(&*stalls).zip(&*lessons) {
            *belief = take_in(*belief, stall.order(seat).as_ref(), lesson, pace, &economy.parameters);
        }
    }
    Ok(())
}

/// What a trader believes after an hour. Pure: the same rules for worlds and for the laboratory.
pub fn learn(
    belief: Belief,
    order: Option<&Placed>,
    news: MarketNews,
    personality: &Personality,
    parameters: &EconomyParameters,
) -> Belief {
    take_in(belief, order, &news.lesson(), Pace::of(personality), parameters)
}

#[inline]
fn take_in(
    belief: Belief,
    order: Option<&Placed>,
    lesson: &Lesson,
    pace: Pace,
    parameters: &EconomyParameters,
) -> Belief {
    let Belief { mut price, mut doubt } = belief;
    let towards = |target: Option<f64>, rate: f64| target.map_or(0.0, |target| (target - price) * rate);
    match order {
        None => price += towards(lesson.heard, pace.hearsay),
        Some(order) if order.filled == order.quantity => {
            price += towards(lesson.market, pace.own);
            doubt = (doubt * RELIEF).max(parameters.doubt_min);
        }
        Some(order) if order.filled > 0 => price += towards(lesson.market, pace.own),
        Some(order) if order.price == order.limit => price += towards(lesson.heard, pace.own),
        Some(order) => {
            price *= match order.side {
                Side::Bid => 1.0 + doubt,
                Side::Ask => 1.0 - doubt,
            };
            doubt = (doubt * parameters.doubt_growth).min(parameters.doubt_max);
        }
    }
    Belief { price: price.clamp(1.0, f64::from(PRICE_MAX)), doubt }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Belief = Belief { price: 1000.0, doubt: 0.02 };

    fn after(side: Side, filled: u32, limit: u32, news: MarketNews) -> Belief {
        let order = Placed { side, price: 1000, limit, quantity: 4, for_work: 0, filled, money: 0 };
        learn(START, Some(&order), news, &Personality::default(), &EconomyParameters::default())
    }

    #[test]
    fn success_moves_to_the_market_and_takes_doubt_away() {
        let news = MarketNews { price: Some(900.0), best_bid: None, best_ask: None };
        let belief = after(Side::Bid, 4, 2000, news);
        assert!((belief.price - 970.0).abs() < 1e-9);
        assert!(belief.doubt < START.doubt);
    }

    #[test]
    fn what_is_left_in_the_book_bounds_the_price_that_is_learned() {
        let learned =
            |best_bid, best_ask| after(Side::Ask, 4, 500, MarketNews { price: Some(1000.0), best_bid, best_ask });
        assert!(learned(None, Some(950.0)).price < START.price, "somebody would have sold for less");
        assert!(learned(Some(1050.0), None).price > START.price, "somebody would have paid more");
        assert!((learned(Some(950.0), Some(1050.0)).price - START.price).abs() < 1e-9);
    }

    #[test]
    fn failure_concedes_further_each_time() {
        let news = MarketNews { price: Some(900.0), best_bid: None, best_ask: None };
        let buyer = after(Side::Bid, 0, 2000, news);
        assert!(buyer.price > START.price && buyer.doubt > START.doubt);
        let seller = after(Side::Ask, 0, 500, news);
        assert!(seller.price < START.price && seller.doubt > START.doubt);
    }

    #[test]
    fn who_stands_at_his_limit_or_aside_follows_the_market() {
        let news = MarketNews { price: Some(900.0), best_bid: None, best_ask: None };
        assert!(after(Side::Bid, 0, 1000, news).price < START.price);
        let aside = |news| learn(START, None, news, &Personality::default(), &EconomyParameters::default()).price;
        assert!(aside(news) < START.price);
        assert!(aside(MarketNews { price: None, best_bid: Some(1500.0), best_ask: None }) > START.price);
        assert!((aside(MarketNews { price: None, best_bid: None, best_ask: None }) - START.price).abs() < f64::EPSILON);
    }
}
