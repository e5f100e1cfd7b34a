//! Learning: what a trader makes of what became of its orders.
//!
//! Success moves a belief to the market price at the margin. Failure concedes, further with every repetition. Who was
//! kept out by his own limit, or did not trade, follows the market; without trades, the best bid that was left. The market
//! is followed on along its trend, and the more slowly, the more its price has jumped about.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use crate::components::market::{Belief, Beliefs, Market, Personality, Side, Trader};
use crate::systems::economy::book::PRICE_MAX;
use crate::systems::economy::floor::stall::Placed;
use crate::systems::economy::floor::{Floor, Square};
use crate::systems::economy::maths::{pick, real};
use crate::systems::economy::model::Economy;
use crate::world::spec::EconomyParameters;

/// How far a trend is followed, up or down, as a share of the price over its three clearings: beyond, it is a jump.
const TREND_MAX: f64 = 0.1;

/// What everybody can see of a market after its clearing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketNews {
    /// Mean price of the trades in minor units; nothing without trades.
    pub price: Option<f64>,
    /// Highest price among the bids left, in minor units.
    pub best_bid: Option<f64>,
    /// Lowest price among the asks left, in minor units.
    pub best_ask: Option<f64>,
    /// Change of the price over three clearings as it was last told, as a share.
    pub trend: f64,
    /// Standard deviation of the price over five clearings as it was last told, as a share of their mean.
    pub volatility: f64,
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
    pub fn lesson(&self, parameters: &EconomyParameters) -> Lesson {
        let ahead = 1.0 + self.trend.clamp(-TREND_MAX, TREND_MAX) * parameters.trend_share;
        let certainty = 1.0 / (1.0 + self.volatility * parameters.volatility_caution);
        let market = self.price_at_margin().map(|price| price * ahead);
        let target = |price: Option<f64>| price.map_or((0.0, 0.0), |price| (price, certainty));
        Lesson { market: target(market), heard: target(market.or(self.best_bid)) }
    }
}

/// What a clearing teaches everybody: computed once in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lesson {
    /// What the market would pay at its margin if its trend went on, and what part of a step towards it is made, up to 1;
    /// without trades, 0 and 0.
    market: (f64, f64),
    /// The same; without trades, the best bid that was left.
    heard: (f64, f64),
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
    floor: Res<Floor>,
    markets: Query<&Market>,
    mut traders: Query<(Entity, &Personality, &mut Beliefs), With<Trader>>,
    // What the markets teach everybody, place by place: memory only.
    mut lessons: Local<Vec<Lesson>>,
) -> Result {
    lessons.clear();
    for Square { markets: entities, .. } in &floor.squares {
        for entity in entities.iter() {
            let market = markets.get(*entity)?;
            let news = MarketNews {
                price: (market.volume.0 > 0).then(|| real(market.price.0)),
                best_bid: market.best_bid.map(|price| real(price.0)),
                best_ask: market.best_ask.map(|price| real(price.0)),
                trend: market.trend(),
                volatility: market.volatility(),
            };
            lessons.push(news.lesson(&economy.parameters));
        }
    }
    for (entity, personality, mut beliefs) in &mut traders {
        let Some((place, seat)) = floor.seats.at(entity).map(|(place, seat)| (place, seat as usize)) else { continue };
        let pace = Pace::of(personality);
        let square = floor.squares.get(place.index());
        let Square { stalls, .. } = square.ok_or("a trader at a place that the world does not have")?;
        let lessons = lessons.get(place.index() * stalls.len()..).unwrap_or_default();
        for ((belief, stall), lesson) in beliefs.0.as_mut_slice().iter_mut().zip(stalls).zip(lessons) {
            *belief = take_in(*belief, &stall.result(seat), lesson, pace, &economy.parameters);
        }
    }
    Ok(())
}

/// What a trader believes after an hour. Pure: the same rules for worlds and for the laboratory.
#[inline]
pub fn learn(
    belief: Belief,
    order: Option<&Placed>,
    lesson: &Lesson,
    personality: &Personality,
    parameters: &EconomyParameters,
) -> Belief {
    take_in(belief, order.unwrap_or(&Placed::NONE), lesson, Pace::of(personality), parameters)
}

/// The same, of an order that may be none: then its quantity is 0.
///
/// Who orders, and what becomes of it, nobody can foretell: all take the same steps, without a branch.
#[inline]
fn take_in(belief: Belief, order: &Placed, lesson: &Lesson, pace: Pace, parameters: &EconomyParameters) -> Belief {
    let Belief { price, doubt } = belief;
    let towards = |(target, certainty): (f64, f64), rate: f64| price + (target - price) * (rate * certainty);
    let ordered = order.quantity > 0;
    let traded = order.filled > 0;
    let content = ordered & (order.filled == order.quantity);
    let failed = ordered & !(traded | (order.price == order.limit));
    // Who stood aside, or was kept out by his own limit, hears what others do.
    let rate = pick(ordered, pace.own, pace.hearsay);
    let followed = towards(if traded { lesson.market } else { lesson.heard }, rate);
    let step = pick(order.side == Side::Bid, doubt, -doubt);
    let relieved = (doubt * RELIEF).max(parameters.doubt_min);
    let grown = (doubt * parameters.doubt_growth).min(parameters.doubt_max);
    let price = pick(failed, price * (1.0 + step), followed);
    let doubt = pick(failed, grown, pick(content, relieved, doubt));
    Belief { price: price.clamp(1.0, f64::from(PRICE_MAX)), doubt }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Belief = Belief { price: 1000.0, doubt: 0.02 };
    const QUIET: MarketNews = MarketNews { price: None, best_bid: None, best_ask: None, trend: 0.0, volatility: 0.0 };

    fn after(side: Side, filled: u32, limit: u32, news: MarketNews) -> Belief {
        let parameters = EconomyParameters::default();
        let order = Placed { side, price: 1000, limit, quantity: 4, for_work: 0, filled, money: 0 };
        learn(START, Some(&order), &news.lesson(&parameters), &Personality::default(), &parameters)
    }

    #[test]
    fn success_moves_to_the_market_and_takes_doubt_away() {
        let news = MarketNews { price: Some(900.0), ..QUIET };
        let belief = after(Side::Bid, 4, 2000, news);
        assert!((belief.price - 970.0).abs() < 1e-9);
        assert!(belief.doubt < START.doubt);
    }

    #[test]
    fn what_is_left_in_the_book_bounds_the_price_that_is_learned() {
        let learned = |best_bid, best_ask| {
            after(Side::Ask, 4, 500, MarketNews { price: Some(1000.0), best_bid, best_ask, ..QUIET })
        };
        assert!(learned(None, Some(950.0)).price < START.price, "somebody would have sold for less");
        assert!(learned(Some(1050.0), None).price > START.price, "somebody would have paid more");
        assert!((learned(Some(950.0), Some(1050.0)).price - START.price).abs() < 1e-9);
    }

    #[test]
    fn failure_concedes_further_each_time() {
        let news = MarketNews { price: Some(900.0), ..QUIET };
        let buyer = after(Side::Bid, 0, 2000, news);
        assert!(buyer.price > START.price && buyer.doubt > START.doubt);
        let seller = after(Side::Ask, 0, 500, news);
        assert!(seller.price < START.price && seller.doubt > START.doubt);
    }

    #[test]
    fn who_stands_at_his_limit_or_aside_follows_the_market() {
        let news = MarketNews { price: Some(900.0), ..QUIET };
        assert!(after(Side::Bid, 0, 1000, news).price < START.price);
        let aside = |news: MarketNews| {
            let parameters = EconomyParameters::default();
            learn(START, None, &news.lesson(&parameters), &Personality::default(), &parameters).price
        };
        assert!(aside(news) < START.price);
        assert!(aside(MarketNews { best_bid: Some(1500.0), ..QUIET }) > START.price);
        assert!((aside(QUIET) - START.price).abs() < f64::EPSILON);
    }

    #[test]
    fn a_trend_is_followed_on_up_to_a_bound_and_a_market_that_jumps_about_with_caution() {
        let step = |trend_share, volatility_caution, trend, volatility, side| {
            let parameters = EconomyParameters { trend_share, volatility_caution, ..EconomyParameters::default() };
            let order = Placed { side, price: 1000, limit: 1000, quantity: 4, for_work: 0, filled: 4, money: 0 };
            let news = MarketNews { price: Some(1200.0), trend, volatility, ..QUIET };
            learn(START, Some(&order), &news.lesson(&parameters), &Personality::default(), &parameters).price
                - START.price
        };
        for side in [Side::Bid, Side::Ask] {
            let calm = step(0.25, 4.0, 0.0, 0.0, side);
            assert!(step(0.25, 4.0, 0.04, 0.0, side) > calm, "rising");
            assert!(step(0.25, 4.0, -0.04, 0.0, side) < calm, "falling");
            let (bound, jump) = (step(0.25, 4.0, TREND_MAX, 0.0, side), step(0.25, 4.0, 9.0, 0.0, side));
            assert!((jump - bound).abs() < 1e-9, "no further than {bound}: {jump}");
            assert!((bound / calm - 230.0 / 200.0).abs() < 1e-9, "a quarter of the trend on top: {bound}");
            assert!((step(0.25, 4.0, 0.0, 0.25, side) - calm / 2.0).abs() < 1e-9, "half of the step");
            assert!((step(0.0, 0.0, 0.5, 0.5, side) - calm).abs() < 1e-9, "neither counts without its parameter");
        }
    }

    /// The same rules, case by case.
    fn by_cases(belief: Belief, order: &Placed, lesson: &Lesson, rate: f64, parameters: &EconomyParameters) -> Belief {
        let Belief { mut price, mut doubt } = belief;
        let towards = |(target, certainty)| if certainty > 0.0 { (target - price) * (rate * certainty) } else { 0.0 };
        if order.filled == order.quantity {
            price += towards(lesson.market);
            doubt = (doubt * RELIEF).max(parameters.doubt_min);
        } else if order.filled > 0 {
            price += towards(lesson.market);
        } else if order.price == order.limit {
            price += towards(lesson.heard);
        } else {
            price *= if order.side == Side::Bid { 1.0 + doubt } else { 1.0 - doubt };
            doubt = (doubt * parameters.doubt_growth).min(parameters.doubt_max);
        }
        Belief { price: price.clamp(1.0, f64::from(PRICE_MAX)), doubt }
    }

    proptest::proptest! {
        #[test]
        fn without_branches_the_same_bits_are_learned(
            (price, doubt) in (1.0_f64..4e6, 0.001_f64..0.5),
            (bids, quoted, limit) in (proptest::bool::ANY, 1_u32..4, 1_u32..4),
            (quantity, filled) in (1_u32..4, 0_u32..4),
            market in proptest::option::of(1.0_f64..4e6),
            best_bid in proptest::option::of(1.0_f64..4e6),
            (trend, volatility) in (-1.0_f64..9.0, 0.0_f64..3.0),
        ) {
            let side = if bids { Side::Bid } else { Side::Ask };
            let filled = filled.min(quantity);
            let order = Placed { side, price: quoted, limit, quantity, for_work: 0, filled, money: 0 };
            let (personality, parameters) = (Personality::default(), EconomyParameters::default());
            let lesson = MarketNews { price: market, best_bid, best_ask: None, trend, volatility }.lesson(&parameters);
            let belief = Belief { price, doubt };
            let learned = learn(belief, Some(&order), &lesson, &personality, &parameters);
            let expected = by_cases(belief, &order, &lesson, personality.learning_rate, &parameters);
            proptest::prop_assert_eq!(learned.price.to_bits(), expected.price.to_bits());
            proptest::prop_assert_eq!(learned.doubt.to_bits(), expected.doubt.to_bits());
            // Who stands aside only hears what others do.
            let aside = learn(belief, None, &lesson, &personality, &parameters);
            let (heard, certainty) = lesson.heard;
            let expected = price + (heard - price) * (Pace::of(&personality).hearsay * certainty);
            proptest::prop_assert_eq!(aside.price.to_bits(), expected.clamp(1.0, f64::from(PRICE_MAX)).to_bits());
            proptest::prop_assert_eq!(aside.doubt.to_bits(), doubt.to_bits());
        }
    }
}
