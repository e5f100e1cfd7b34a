//! A stationary market with hidden reservation values: where the rules of learning have to prove themselves.
//!
//! Smith (1962) gave buyers a value and sellers a cost that nobody else knew, and measured how prices come to lie
//! about the equilibrium of those values. The same orders, book and learning as in a world, and nothing else of it.

use super::numbers::{count, real};
use crate::components::ids::StableId;
use crate::components::market::{Belief, CommodityId, Market, MarketHour, Personality, Side};
use crate::components::money::{Goods, Money};
use crate::systems::economy::book::{Book, Order, PRICE_MAX};
use crate::systems::economy::{MarketNews, Placed, learn};
use crate::systems::random::{Draw, SystemDraws};
use crate::world::spec::{ClearingRule, EconomyParameters};

/// What values and costs are drawn from, evenly, in minor units.
const VALUES: (f64, f64) = (500.0, 1500.0);

struct Dealer {
    side: Side,
    /// The value to a buyer, the cost to a seller.
    limit: u32,
    belief: Belief,
    personality: Personality,
    placed: Placed,
}

/// An hour of the market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmithHour {
    /// Root mean square distance of the trades' prices from the equilibrium of the true values, as a share of it;
    /// nothing without trades.
    pub alpha: Option<f64>,
    /// Share of the surplus of the true values that was realised, 0 to 1.
    pub efficiency: f64,
    /// Units traded.
    pub volume: u64,
}

/// A market of buyers and sellers with a unit each, every hour the same.
pub struct Smith {
    rule: ClearingRule,
    parameters: EconomyParameters,
    dealers: Vec<Dealer>,
    book: Book,
    /// What is remembered of its prices.
    market: Market,
    equilibrium: f64,
    surplus: f64,
}

impl Smith {
    /// A market with `pairs` buyers and as many sellers, who believe at first in the equilibrium times
    /// `belief_factor`, give or take a twentieth.
    pub fn new(pairs: usize, rule: ClearingRule, belief_factor: f64, seed: u64) -> Self {
        let parameters = EconomyParameters::default();
        let draws = SystemDraws::new(seed, 0, "lab.smith");
        let mut dealers: Vec<Dealer> = (1..=2 * pairs as u64)
            .map(|number| {
                dealer(if number % 2 == 0 { Side::Bid } else { Side::Ask }, &mut draws.for_id(StableId(number)))
            })
            .collect();
        let (equilibrium, surplus) = equilibrium(&dealers);
        let draws = SystemDraws::new(seed, 1, "lab.smith");
        for (number, dealer) in (1..).zip(&mut dealers) {
            let noise = draws.for_id(StableId(number)).between(0.95, 1.05);
            let price = (equilibrium * belief_factor * noise).clamp(1.0, f64::from(PRICE_MAX));
            dealer.belief = Belief { price, doubt: parameters.doubt_max / 4.0 };
        }
        let market = Market::new(CommodityId(0), String::new(), Money::ZERO);
        Self { rule, parameters, dealers, book: Book::default(), market, equilibrium, surplus }
    }

    /// The price at which the true values balance, in minor units.
    pub fn equilibrium(&self) -> f64 {
        self.equilibrium
    }

    /// Mean belief of all, in minor units.
    pub fn mean_belief(&self) -> f64 {
        self.dealers.iter().map(|dealer| dealer.belief.price).sum::<f64>() / count(self.dealers.len())
    }

    /// Lives for an hour: everybody quotes, the book is cleared, everybody learns.
    pub fn hour(&mut self) -> SmithHour {
        self.book.clear();
        for (number, dealer) in (0..).zip(&mut self.dealers) {
            dealer.quote(&self.parameters);
            let Placed { side, price, quantity, .. } = dealer.placed;
            // Prices are clamped to what a book takes, and everybody stands on one side: none is refused.
            let _ = self.book.submit(Order { side, price, quantity, trader: number });
        }
        let clearing = self.book.match_orders(self.rule);
        let (mut squares, mut realised) = (0.0, 0.0);
        for fill in self.book.fills() {
            squares += (f64::from(fill.price) - self.equilibrium) * (f64::from(fill.price) - self.equilibrium);
            for (trader, sign) in [(fill.buyer, 1.0), (fill.seller, -1.0)] {
                if let Some(dealer) = self.dealers.get_mut(trader as usize) {
                    dealer.placed.filled += fill.quantity;
                    realised += sign * f64::from(dealer.limit);
                }
            }
        }
        let news = MarketNews {
            price: clearing.price().map(f64::from),
            best_bid: clearing.best_bid.map(f64::from),
            best_ask: clearing.best_ask.map(f64::from),
            trend: self.market.trend(),
            volatility: self.market.volatility(),
        };
        // As in a world, what everybody learns from is counted before this clearing is.
        if let Some(price) = clearing.price() {
            let volume = Goods(i64::try_from(clearing.volume).unwrap_or(i64::MAX));
            self.market.remember(MarketHour { price: Money(i64::from(price)), volume });
        }
        let lesson = news.lesson(&self.parameters);
        for dealer in &mut self.dealers {
            dealer.belief = learn(dealer.belief, Some(&dealer.placed), &lesson, &dealer.personality, &self.parameters);
        }
        let trades = self.book.fills().len();
        SmithHour {
            alpha: (trades > 0).then(|| (squares / count(trades)).sqrt() / self.equilibrium),
            efficiency: if self.surplus > 0.0 { realised / self.surplus } else { 1.0 },
            volume: clearing.volume,
        }
    }
}

impl Dealer {
    /// As a trader of a world does whose stocks are as it likes them.
    fn quote(&mut self, parameters: &EconomyParameters) {
        let margin = parameters.quote_margin * (0.5 + self.personality.impatience);
        let limit = f64::from(self.limit);
        let price = match self.side {
            Side::Bid => (self.belief.price * (1.0 + margin)).min(limit),
            Side::Ask => (self.belief.price * (1.0 - margin)).max(limit),
        };
        self.placed = Placed {
            side: self.side,
            price: whole(price),
            limit: self.limit,
            quantity: 1,
            for_work: 0,
            filled: 0,
            money: 0,
        };
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a price can be")]
fn whole(price: f64) -> u32 {
    price.round().clamp(1.0, f64::from(PRICE_MAX)) as u32
}

fn dealer(side: Side, draw: &mut Draw) -> Dealer {
    let limit = whole(draw.between(VALUES.0, VALUES.1));
    let personality = Personality {
        risk_tolerance: draw.unit(),
        impatience: draw.unit(),
        social_influence: draw.unit(),
        learning_rate: draw.between(0.1, 0.5),
    };
    let placed = Placed { side, price: limit, limit, quantity: 1, for_work: 0, filled: 0, money: 0 };
    Dealer { side, limit, belief: Belief { price: 1.0, doubt: 0.0 }, personality, placed }
}

/// The price at which the true values balance, and the surplus that there is.
fn equilibrium(dealers: &[Dealer]) -> (f64, f64) {
    let of =
        |side: Side| dealers.iter().filter(move |dealer| dealer.side == side).map(|dealer| i64::from(dealer.limit));
    let (mut values, mut costs): (Vec<i64>, Vec<i64>) = (of(Side::Bid).collect(), of(Side::Ask).collect());
    values.sort_unstable_by(|a, b| b.cmp(a));
    costs.sort_unstable();
    let traded = values.iter().zip(&costs).take_while(|(value, cost)| value >= cost).count();
    let surplus: i64 = values.iter().zip(&costs).take(traded).map(|(value, cost)| value - cost).sum();
    // Any price does that the last pair takes and that nobody left out would have bettered.
    let at = |list: &[i64], place: Option<usize>| place.and_then(|place| list.get(place)).copied();
    let last = traded.checked_sub(1);
    let low = at(&costs, last).max(at(&values, Some(traded)));
    let high = match (at(&values, last), at(&costs, Some(traded))) {
        (Some(value), Some(cost)) => Some(value.min(cost)),
        (value, cost) => value.or(cost),
    };
    let (low, high) = (low.or(high).unwrap_or(1), high.or(low).unwrap_or(1));
    (f64::midpoint(real(low), real(high)), real(surplus))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equilibrium_balances_the_true_values() {
        let market = Smith::new(100, ClearingRule::Uniform, 1.0, 3);
        let at = market.equilibrium();
        let of = |side, ok: fn(f64, f64) -> bool| {
            market.dealers.iter().filter(|d| d.side == side && ok(f64::from(d.limit), at)).count()
        };
        assert_eq!(of(Side::Bid, |value, at| value > at), of(Side::Ask, |cost, at| cost < at));
        assert!((900.0..1100.0).contains(&at), "{at}");
    }
}
