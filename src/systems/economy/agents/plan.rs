//! What a trader wants to buy and sell, and at which prices. Pure.
//!
//! The price level is anchored by spending: an agent spends its money over the spending hours. Stocks are elastic: more
//! is held when a good is cheap. Quotes lie a little past the belief, further the more urgent a trade is.
//!
//! This is the innermost step of an hour. Whatever takes a division or a root is computed where it is needed, and not for
//! the many goods that a trader neither needs nor has.

use super::wish::{Wish, cover};
use crate::components::market::{Belief, Budget, CommodityId, Holding, Personality};
use crate::systems::economy::book::{PRICE_MAX, QUANTITY_MAX};
use crate::systems::economy::floor::rates::Rate;
use crate::systems::economy::floor::stall::{Cut, Slot};
use crate::systems::economy::maths::{above, below, by_chance, real, soften, whole};
use crate::systems::economy::model::{Economy, Recipe};
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

/// What an hour of work must bring: a share of what an hour earns, by the trader's own budget for an hour but not above the
/// mean, or the rich would withdraw.
pub(crate) fn reservation_wage(parameters: &EconomyParameters, budget: f64, usual_wage: f64) -> f64 {
    parameters.reservation_wage * budget.min(usual_wage)
}

/// The least that a unit of the recipe's output must bring, with what the inputs of an hour cost at skill 1.
pub(crate) fn cost_floor(recipe: &Recipe, skill: f64, inputs: f64, wage: f64) -> f64 {
    (inputs + wage / skill.max(0.01)) / recipe.quantity_at(skill)
}

/// What the inputs of an hour cost at skill 1, as the trader believes.
pub(crate) fn believed_inputs(recipe: &Recipe, beliefs: &[Belief]) -> f64 {
    Economy::input_cost(recipe, |input| beliefs.get(input.index()).map_or(0.0, |belief| belief.price))
}

/// What a plan knows of one commodity.
#[derive(Debug, Clone, Copy)]
struct Good<'a> {
    id: CommodityId,
    rate: &'a Rate,
    /// Units that an hour of the trader's work uses up.
    used: f64,
    /// Units in stock.
    held: i64,
    /// The price that the trader believes in.
    belief: f64,
}

impl Good<'_> {
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
pub(crate) struct Planner<'a> {
    pub(crate) parameters: &'a EconomyParameters,
    pub(crate) rates: &'a [Rate],
    pub(crate) recipe: &'a Recipe,
    pub(crate) skill: f64,
    pub(crate) personality: &'a Personality,
    pub(crate) beliefs: &'a [Belief],
    pub(crate) stock: &'a [Holding],
    pub(crate) money: i64,
    pub(crate) usual_wage: f64,
    pub(crate) draw: LightDraw,
}

/// What every part of a plan goes by: computed once.
struct Terms {
    /// How far past its belief the trader quotes.
    margin: f64,
    /// Its budget for an hour.
    hour: f64,
    /// What the inputs of an hour cost at skill 1, as it believes.
    inputs: f64,
    /// What is to be put into envelopes this hour.
    open: i64,
    /// What of it is left.
    left: i64,
}

impl<'a> Planner<'a> {
    /// Writes the trader's orders, one at most for each commodity, and takes its budget an hour further.
    pub(crate) fn plan(&mut self, budget: &mut Budget, wishes: &mut Vec<Wish>, orders: &mut [Slot]) {
        wishes.clear();
        let mut terms = self.terms(budget);
        let plans = budget.envelopes.as_mut_slice().iter_mut().zip(budget.treats.as_mut_slice());
        for ((good, (envelope, treats)), order) in self.goods().zip(plans).zip(orders.iter_mut()) {
            *order = Slot::default();
            fill_envelope(&good, &mut terms, envelope);
            if good.id == self.recipe.output {
                self.keep_own_product(&good, envelope, treats);
            } else if let Some(wish) = self.wish(&good, &terms, *envelope).quoted() {
                wishes.push(wish);
                continue;
            }
            let spare = good.held - *treats;
            if spare > 0 {
                *order = self.offer(&good, &terms, spare).unwrap_or_default();
            }
        }
        cover(wishes, self.money);
        place_bids(wishes, orders);
    }

    /// What it knows of each commodity, in their order.
    fn goods(&self) -> impl Iterator<Item = Good<'a>> + use<'a> {
        let (skill, uses) = (self.skill, self.recipe.uses.as_slice());
        let known = self.rates.iter().zip(uses).zip(self.beliefs.iter().zip(self.stock));
        known.map(move |((rate, used), (belief, held))| Good {
            id: rate.id,
            rate,
            used: used * skill,
            held: held.free().0,
            belief: belief.price,
        })
    }

    /// Takes an hour's budget, less what needs took, to be put into the envelopes.
    fn terms(&self, budget: &mut Budget) -> Terms {
        let hour = real(self.money) / self.parameters.spending_hours;
        let open = budget.open.saturating_add(whole(hour)).max(-whole(hour * DEBT_HOURS));
        budget.open = open.min(0);
        let margin = self.parameters.quote_margin * (0.5 + self.personality.impatience);
        let inputs = believed_inputs(self.recipe, self.beliefs);
        Terms { margin, hour, inputs, open, left: open }
    }

    fn wish(&mut self, good: &Good, terms: &Terms, envelope: i64) -> Wish {
        let mut wish = Wish::of(good.id);
        let price = good.belief * (1.0 + terms.margin);
        if good.rate.need > 0.0 {
            self.wish_need(good, price, &mut wish);
        }
        if good.used > 0.0 {
            self.wish_input(good, price, terms.inputs, &mut wish);
        }
        wish_treat(price.max(1.0), real(envelope), &mut wish);
        wish
    }

    fn wish_need(&mut self, good: &Good, price: f64, wish: &mut Wish) {
        let (need, target, held) = (good.rate.need, good.pantry_target(self.parameters), real(good.held));
        let wanted = need + (target - held) * self.parameters.restock_share;
        let units = by_chance(wanted, &mut self.draw);
        if units > 0 {
            // Who must eat pays what it has, short of ruin in a single hour.
            let limit = real(self.money) * 0.5 / real(units);
            wish.need(units, price * urgency(target + need, held + need, BUY_URGENCY), limit);
        }
    }

    fn wish_input(&mut self, good: &Good, price: f64, inputs: f64, wish: &mut Wish) {
        let used = good.used;
        // Up to this price an hour's work still brings more with the inputs than without.
        let product = self.beliefs.get(self.recipe.output.index()).map_or(1.0, |belief| belief.price);
        let gain = product * self.recipe.quantity_at(self.skill) * self.recipe.share_of_inputs(self.skill);
        let limit = (gain - inputs) * self.skill / used + good.belief;
        if limit < 1.0 {
            return;
        }
        let (target, held) = (good.input_target(self.parameters), real(good.held));
        let wanted = used + (target - held) * self.parameters.restock_share;
        let units = by_chance(wanted, &mut self.draw);
        if units > 0 {
            wish.input(units, price * urgency(target + used, held + used, BUY_URGENCY), limit);
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
    fn offer(&mut self, good: &Good, terms: &Terms, spare: i64) -> Option<Slot> {
        // Inputs are sold only when there are far too many: after a change of role, or of mind about prices.
        let keep = good.pantry_target(self.parameters) + good.input_target(self.parameters) * 2.0;
        let surplus = real(spare) - keep;
        if surplus <= 0.0 {
            return None;
        }
        let share = 0.3 + 0.4 * self.personality.risk_tolerance;
        let quantity = by_chance(surplus * share, &mut self.draw).min(spare).min(i64::from(QUANTITY_MAX));
        let quantity = u32::try_from(quantity).ok().filter(|units| *units > 0)?;
        let belief = good.belief * (1.0 - terms.margin);
        let (price, limit) = if good.id == self.recipe.output {
            let wage = reservation_wage(self.parameters, terms.hour, self.usual_wage);
            let floor = cost_floor(self.recipe, self.skill, terms.inputs, wage);
            let usual = self.recipe.quantity_at(self.skill) * self.skill * self.parameters.output_hours;
            ((belief * urgency(usual + 1.0, surplus + 1.0, SELL_URGENCY)).max(floor), floor)
        } else {
            (belief, 1.0)
        };
        let price = u32::try_from(whole(price).clamp(1, i64::from(PRICE_MAX))).ok()?;
        let limit = u32::try_from(whole(limit).clamp(1, i64::from(price))).ok()?;
        Some(Slot::ask(price, limit, quantity))
    }
}

/// Writes the bids that wishes come to among a trader's orders. What was a bid and is none any more has found no room.
pub(crate) fn place_bids(wishes: &[Wish], orders: &mut [Slot]) {
    for (id, bid) in wishes.iter().map(Wish::bid) {
        if let Some(order) = orders.get_mut(id.index()) {
            *order = if bid.is_empty() && !order.is_empty() { Slot::cut(Cut::Room) } else { bid };
        }
    }
}

/// How far a quote goes when there is `held` where there should be `target`.
fn urgency(target: f64, held: f64, (least, most): (f64, f64)) -> f64 {
    soften(target / held).clamp(least, most)
}

/// Puts a good's share of an hour's budget into its envelope.
fn fill_envelope(good: &Good, terms: &mut Terms, envelope: &mut i64) {
    let share = good.rate.spending_share;
    if terms.open <= 0 || share <= 0.0 {
        return;
    }
    let part = whole(real(terms.open) * share).min(terms.left);
    let most = (terms.hour * share * ENVELOPE_HOURS).max(good.belief * ENVELOPE_UNITS);
    terms.left -= part;
    *envelope = envelope.saturating_add(part).min(whole(most).max(*envelope));
}

fn wish_treat(price: f64, envelope: f64, wish: &mut Wish) {
    if envelope >= price {
        let units = below(envelope / price);
        wish.treat(units, price, envelope / real(units));
    }
}
