//! What a trader wants to buy and sell, and at which prices. Pure.
//!
//! The price level is anchored by spending: an agent spends its money over the spending hours. Stocks are elastic: more
//! is held when a good is cheap. Quotes lie a little past the belief, further the more urgent a trade is.
//!
//! This is the innermost step of an hour. Whatever takes a division or a root is computed where it is needed, and not for
//! the many goods that a trader neither needs nor has.

use super::book::{PRICE_MAX, QUANTITY_MAX};
use super::maths::{above, below, by_chance, real, soften, whole};
use super::model::{Economy, Recipe};
use super::rates::Rate;
use super::stall::Slot;
use crate::components::market::{Belief, Budget, CommodityId, Holding, Personality};
use crate::systems::random::LightDraw;
use crate::world::spec::EconomyParameters;

/// How far a buyer's quote may go with the state of its stock.
const BUY_URGENCY: (f64, f64) = (0.8, 2.0);
/// How far a seller's quote may go with the state of its stock.
const SELL_URGENCY: (f64, f64) = (0.8, 1.2);
/// How far stocks follow prices. The further, the longer stocks laid in during a shock weigh on prices after it.
const ELASTICITY: (f64, f64) = (0.6, 1.6);
/// Hours of its share of the budget that an envelope holds at most. What is saved up while a good is short is bid for it
/// as soon as it is there: with 48 hours, money that is doubled drove prices to six times what they had been, with two
/// hours to 3.7 times in some worlds.
const ENVELOPE_HOURS: f64 = 1.5;
/// Units, at the believed price, for which an envelope may save in any case: one, and what its quote lies above.
const ENVELOPE_UNITS: f64 = 1.25;
/// Hours of the budget for which needs that took more than was there are made up.
const DEBT_HOURS: f64 = 48.0;

/// What an hour of work must bring: a share of what an hour earns, by the trader's own money but not above the mean, or
/// the rich would withdraw.
pub(super) fn reservation_wage(parameters: &EconomyParameters, money: f64, usual_wage: f64) -> f64 {
    parameters.reservation_wage * (money / parameters.spending_hours).min(usual_wage)
}

/// The least that a unit of the recipe's output must bring.
pub(super) fn cost_floor(recipe: &Recipe, skill: f64, beliefs: &[Belief], wage: f64) -> f64 {
    let inputs = Economy::input_cost(recipe, |input| beliefs.get(input.index()).map_or(0.0, |belief| belief.price));
    (inputs + wage / skill.max(0.01)) / recipe.quantity
}

/// What a trader wishes to buy of one commodity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Wish {
    id: CommodityId,
    need: i64,
    input: i64,
    treat: i64,
    price: f64,
    limit: f64,
}

impl Wish {
    fn raise(&mut self, price: f64, limit: f64) {
        self.price = self.price.max(price.min(limit));
        self.limit = self.limit.max(limit);
    }

    fn is_empty(&self) -> bool {
        (self.need | self.input | self.treat) == 0
    }

    /// The price that is quoted, in minor units.
    fn quote(&self) -> i64 {
        whole(self.price).clamp(1, i64::from(PRICE_MAX))
    }

    fn bid(&self) -> Slot {
        let quantity = (self.need + self.input + self.treat).min(i64::from(QUANTITY_MAX));
        let (Ok(quantity @ 1..), Ok(price)) = (u32::try_from(quantity), u32::try_from(self.quote())) else {
            return Slot::default();
        };
        let for_work = u32::try_from(self.need + self.input).unwrap_or(quantity);
        let limit = u32::try_from(whole(self.limit)).unwrap_or(PRICE_MAX).clamp(price, PRICE_MAX);
        Slot::bid(price, limit, quantity, for_work)
    }
}

/// What a plan knows of one commodity.
#[derive(Debug, Clone, Copy)]
struct Good {
    id: CommodityId,
    rate: Rate,
    /// Units that an hour of the trader's work uses up.
    used: f64,
    /// Units in stock.
    held: i64,
    /// The price that the trader believes in.
    belief: f64,
}

impl Good {
    /// More is held when a good is cheap against its usual price, less when it is dear.
    fn elasticity(&self) -> f64 {
        (self.rate.usual_price / self.belief).clamp(ELASTICITY.0, ELASTICITY.1)
    }

    fn pantry_target(&self, parameters: &EconomyParameters) -> f64 {
        if self.rate.need > 0.0 { self.rate.need * parameters.pantry_hours * self.elasticity() } else { 0.0 }
    }

    /// A unit in reserve beyond the hours: who uses a part of a unit in an hour needs a whole one to work.
    fn input_target(&self, parameters: &EconomyParameters) -> f64 {
        if self.used > 0.0 {
            self.used * parameters.input_hours * self.elasticity() + real(above(self.used))
        } else {
            0.0
        }
    }
}

/// Everything that a trader's plan depends on.
pub(super) struct Planner<'a> {
    pub(super) parameters: &'a EconomyParameters,
    pub(super) rates: &'a [Rate],
    pub(super) recipe: &'a Recipe,
    pub(super) skill: f64,
    pub(super) personality: &'a Personality,
    pub(super) beliefs: &'a [Belief],
    pub(super) stock: &'a [Holding],
    pub(super) money: i64,
    pub(super) usual_wage: f64,
    pub(super) draw: LightDraw,
}

impl<'a> Planner<'a> {
    /// Writes the trader's orders, one at most for each commodity, and takes its budget an hour further.
    pub(super) fn plan(&mut self, budget: &mut Budget, wishes: &mut Vec<Wish>, orders: &mut Vec<Slot>) {
        wishes.clear();
        orders.clear();
        orders.resize(self.rates.len(), Slot::default());
        self.fill_envelopes(budget);
        let (past, envelopes, treats) =
            (1.0 + self.margin(), budget.envelopes.as_mut_slice(), budget.treats.as_mut_slice());
        for ((good, envelope), treats) in self.goods().zip(envelopes.iter_mut()).zip(treats.iter_mut()) {
            if good.id == self.recipe.output {
                self.keep_own_product(&good, envelope, treats);
                continue;
            }
            let mut wish = Wish { id: good.id, ..Wish::default() };
            if good.rate.need > 0.0 {
                self.wish_need(&good, past, &mut wish);
            }
            if good.used > 0.0 {
                self.wish_input(&good, past, &mut wish);
            }
            wish_treat(&good, past, *envelope, &mut wish);
            if !wish.is_empty() {
                wishes.push(wish);
            }
        }
        cover(wishes, self.money);
        for wish in wishes.iter() {
            if let Some(order) = orders.get_mut(wish.id.index()) {
                *order = wish.bid();
            }
        }
        for ((good, treats), order) in self.goods().zip(treats.iter()).zip(orders.iter_mut()) {
            let spare = good.held - *treats;
            if spare > 0 && order.is_empty() {
                *order = self.offer(&good, spare).unwrap_or_default();
            }
        }
    }

    /// What it knows of each commodity, in their order.
    fn goods(&self) -> impl Iterator<Item = Good> + use<'a> {
        let uses = self.recipe.uses.as_slice().iter();
        let (skill, beliefs, stock) = (self.skill, self.beliefs.iter(), self.stock.iter());
        (0_u16..).zip(self.rates).zip(uses).zip(beliefs.zip(stock)).map(move |(((id, rate), used), (belief, held))| {
            Good { id: CommodityId(id), rate: *rate, used: used * skill, held: held.free().0, belief: belief.price }
        })
    }

    fn belief(&self, commodity: CommodityId) -> f64 {
        self.beliefs.get(commodity.index()).map_or(1.0, |belief| belief.price)
    }

    /// How far past its belief this trader quotes.
    fn margin(&self) -> f64 {
        self.parameters.quote_margin * (0.5 + self.personality.impatience)
    }

    /// Takes an hour's budget, less what needs took, into the envelopes.
    fn fill_envelopes(&self, budget: &mut Budget) {
        let hour = real(self.money) / self.parameters.spending_hours;
        budget.open = budget.open.saturating_add(whole(hour)).max(-whole(hour * DEBT_HOURS));
        if budget.open <= 0 {
            return;
        }
        let open = real(budget.open);
        let mut left = budget.open;
        let envelopes = budget.envelopes.as_mut_slice().iter_mut();
        for ((rate, belief), envelope) in self.rates.iter().zip(self.beliefs).zip(envelopes) {
            if rate.spending_share > 0.0 {
                let part = whole(open * rate.spending_share).min(left);
                let most = (hour * rate.spending_share * ENVELOPE_HOURS).max(belief.price * ENVELOPE_UNITS);
                left -= part;
                *envelope = envelope.saturating_add(part).min(whole(most).max(*envelope));
            }
        }
        budget.open = 0;
    }

    fn wish_need(&mut self, good: &Good, past: f64, wish: &mut Wish) {
        let (need, target, held) = (good.rate.need, good.pantry_target(self.parameters), real(good.held));
        let wanted = need + (target - held) * self.parameters.restock_share;
        wish.need = by_chance(wanted, &mut self.draw);
        if wish.need > 0 {
            let urgency = soften((target + need) / (held + need)).clamp(BUY_URGENCY.0, BUY_URGENCY.1);
            // Who must eat pays what it has, short of ruin in a single hour.
            let limit = real(self.money) * 0.5 / real(wish.need);
            wish.raise(good.belief * past * urgency, limit);
        }
    }

    fn wish_input(&mut self, good: &Good, past: f64, wish: &mut Wish) {
        let used = good.used;
        // Up to this price an hour's work still brings more with the inputs than without.
        let others = Economy::input_cost(self.recipe, |input| if input == good.id { 0.0 } else { self.belief(input) });
        let gain = self.belief(self.recipe.output) * self.recipe.quantity * (1.0 - self.recipe.subsistence);
        let limit = (gain - others) * self.skill / used;
        if limit < 1.0 {
            return;
        }
        let (target, held) = (good.input_target(self.parameters), real(good.held));
        let wanted = used + (target - held) * self.parameters.restock_share;
        wish.input = by_chance(wanted, &mut self.draw);
        if wish.input > 0 {
            let urgency = soften((target + used) / (held + used)).clamp(BUY_URGENCY.0, BUY_URGENCY.1);
            wish.raise(good.belief * past * urgency, limit);
        }
    }

    /// A maker enjoys its own product as if it bought it from itself.
    fn keep_own_product(&self, good: &Good, envelope: &mut i64, treats: &mut i64) {
        let price = whole(good.belief).max(1);
        if *envelope < price {
            return;
        }
        let spare = (good.held - whole(good.pantry_target(self.parameters)) - *treats).max(0);
        let kept = (*envelope / price).min(spare);
        *envelope -= kept * price;
        *treats += kept;
    }

    /// Offers a part of what is not needed; `spare` units are not to be enjoyed.
    fn offer(&mut self, good: &Good, spare: i64) -> Option<Slot> {
        // Inputs are sold only when there are far too many: after a change of role, or of mind about prices.
        let keep = good.pantry_target(self.parameters) + good.input_target(self.parameters) * 2.0;
        let surplus = real(spare) - keep;
        if surplus <= 0.0 {
            return None;
        }
        let share = 0.3 + 0.4 * self.personality.risk_tolerance;
        let quantity = by_chance(surplus * share, &mut self.draw).min(spare).min(i64::from(QUANTITY_MAX));
        let quantity = u32::try_from(quantity).ok().filter(|units| *units > 0)?;
        let belief = good.belief * (1.0 - self.margin());
        let (price, limit) = if good.id == self.recipe.output {
            let wage = reservation_wage(self.parameters, real(self.money), self.usual_wage);
            let floor = cost_floor(self.recipe, self.skill, self.beliefs, wage);
            let usual = self.recipe.quantity * self.skill * self.parameters.output_hours;
            let urgency = soften((usual + 1.0) / (surplus + 1.0)).clamp(SELL_URGENCY.0, SELL_URGENCY.1);
            ((belief * urgency).max(floor), floor)
        } else {
            (belief, 1.0)
        };
        let price = u32::try_from(whole(price).clamp(1, i64::from(PRICE_MAX))).ok()?;
        let limit = u32::try_from(whole(limit).clamp(1, i64::from(price))).ok()?;
        Some(Slot::ask(price, limit, quantity))
    }
}

fn wish_treat(good: &Good, past: f64, envelope: i64, wish: &mut Wish) {
    let (envelope, price) = (real(envelope), (good.belief * past).max(1.0));
    if envelope < price {
        return;
    }
    wish.treat = below(envelope / price);
    wish.raise(price, envelope / real(wish.treat));
}

/// Cuts wishes down to what the money covers: needs first, then inputs, then treats.
fn cover(wishes: &mut [Wish], mut money: i64) {
    let cost = |wish: &Wish| (wish.need + wish.input + wish.treat).checked_mul(wish.quote());
    let all = wishes.iter().map(cost).try_fold(0_i64, |sum, cost| sum.checked_add(cost?));
    if all.is_some_and(|all| all <= money) {
        return;
    }
    let mut afford = |units: i64, price: i64| {
        let units = units.min(money / price).max(0);
        money -= units * price;
        units
    };
    wishes.iter_mut().for_each(|wish| wish.need = afford(wish.need, wish.quote()));
    wishes.iter_mut().for_each(|wish| wish.input = afford(wish.input, wish.quote()));
    wishes.iter_mut().for_each(|wish| wish.treat = afford(wish.treat, wish.quote()));
}
