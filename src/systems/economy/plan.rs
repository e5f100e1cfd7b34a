//! What a trader wants to buy and sell, and at which prices. Pure.
//!
//! The price level is anchored by spending: an agent spends its money over the spending hours. Stocks are elastic: more
//! is held when a good is cheap. Quotes lie a little past the belief, further the more urgent a trade is.

use super::book::{PRICE_MAX, QUANTITY_MAX};
use super::floor::Placed;
use super::maths::{by_chance, real, soften, whole};
use super::model::{Economy, Recipe};
use crate::components::market::{Belief, Budget, CommodityId, Flow, PerCommodity, Personality, Side, Stock};
use crate::systems::random::Draw;
use crate::world::spec::EconomyParameters;

/// How far a buyer's quote may go with the state of its stock.
const BUY_URGENCY: (f64, f64) = (0.8, 2.0);
/// How far a seller's quote may go with the state of its stock.
const SELL_URGENCY: (f64, f64) = (0.8, 1.2);
/// How far stocks follow prices.
const ELASTICITY: (f64, f64) = (0.4, 2.0);
/// Hours of its share of the budget that an envelope holds at most. What is saved up while a good is short is bid for it
/// as soon as it is there: with 48 hours, money that is doubled drove prices to six times what they had been.
const ENVELOPE_HOURS: f64 = 2.0;
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
pub(super) fn cost_floor(recipe: &Recipe, skill: f64, beliefs: &PerCommodity<Belief>, wage: f64) -> f64 {
    let inputs = Economy::input_cost(recipe, |input| beliefs.get(input).map_or(0.0, |belief| belief.price));
    (inputs + wage / skill.max(0.01)) / recipe.quantity
}

/// What a trader wishes to buy of one commodity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Wish {
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
}

/// Everything that a trader's plan depends on.
pub(super) struct Planner<'a> {
    pub(super) economy: &'a Economy,
    pub(super) flows: &'a PerCommodity<Flow>,
    pub(super) recipe: &'a Recipe,
    pub(super) skill: f64,
    pub(super) personality: Personality,
    pub(super) beliefs: &'a PerCommodity<Belief>,
    pub(super) stock: &'a Stock,
    pub(super) money: i64,
    pub(super) usual_wage: f64,
    pub(super) draw: Draw,
}

impl Planner<'_> {
    /// Writes the trader's orders, one at most for each commodity, and takes its budget an hour further.
    pub(super) fn plan(&mut self, budget: &mut Budget, wishes: &mut Vec<Wish>, orders: &mut [Option<Placed>]) {
        wishes.clear();
        wishes.resize(orders.len(), Wish::default());
        self.fill_envelopes(budget);
        for (commodity, wish) in self.economy.commodity_ids().zip(wishes.iter_mut()) {
            if commodity == self.recipe.output {
                self.keep_own_product(commodity, budget);
                continue;
            }
            self.wish_need(commodity, wish);
            self.wish_input(commodity, wish);
            self.wish_treat(commodity, wish, budget);
        }
        self.cover(wishes, orders);
        for (commodity, order) in self.economy.commodity_ids().zip(orders.iter_mut()) {
            if order.is_none() {
                *order = self.offer(commodity, budget);
            }
        }
    }

    fn belief(&self, commodity: CommodityId) -> f64 {
        self.beliefs.get(commodity).map_or(1.0, |belief| belief.price)
    }

    /// How far past its belief this trader quotes.
    fn margin(&self) -> f64 {
        self.economy.parameters.quote_margin * (0.5 + self.personality.impatience)
    }

    /// More is held when a good is cheap against its usual price, less when it is dear.
    fn elasticity(&self, commodity: CommodityId) -> f64 {
        let usual = self.flows.get(commodity).map_or(0.0, |flow| flow.usual_price);
        (usual / self.belief(commodity)).clamp(ELASTICITY.0, ELASTICITY.1)
    }

    /// Takes an hour's budget, less what needs took, into the envelopes.
    fn fill_envelopes(&self, budget: &mut Budget) {
        let hour = real(self.money) / self.economy.parameters.spending_hours;
        budget.open = budget.open.saturating_add(whole(hour)).max(-whole(hour * DEBT_HOURS));
        if budget.open <= 0 {
            return;
        }
        let open = real(budget.open);
        let mut left = budget.open;
        for (commodity, spec) in self.economy.commodity_ids().zip(&self.economy.commodities) {
            let Some(envelope) = budget.envelopes.get_mut(commodity) else { continue };
            let part = whole(open * spec.spending_share).min(left);
            let most = (hour * spec.spending_share * ENVELOPE_HOURS).max(self.belief(commodity) * ENVELOPE_UNITS);
            left -= part;
            *envelope = envelope.saturating_add(part).min(whole(most).max(*envelope));
        }
        budget.open = 0;
    }

    fn pantry_target(&self, commodity: CommodityId) -> f64 {
        let need = self.economy.commodity(commodity).map_or(0.0, |spec| spec.need);
        need * self.economy.parameters.pantry_hours * self.elasticity(commodity)
    }

    fn input_use(&self, commodity: CommodityId) -> f64 {
        let used = self.recipe.inputs.iter().find(|(input, _)| *input == commodity);
        used.map_or(0.0, |(_, quantity)| quantity * self.skill)
    }

    /// A unit in reserve beyond the hours: who uses a part of a unit in an hour needs a whole one to work.
    fn input_target(&self, commodity: CommodityId) -> f64 {
        let used = self.input_use(commodity);
        if used > 0.0 {
            used * self.economy.parameters.input_hours * self.elasticity(commodity) + used.ceil()
        } else {
            0.0
        }
    }

    fn wish_need(&mut self, commodity: CommodityId, wish: &mut Wish) {
        let need = self.economy.commodity(commodity).map_or(0.0, |spec| spec.need);
        if need <= 0.0 {
            return;
        }
        let target = self.pantry_target(commodity);
        let held = real(self.stock.free(commodity));
        let wanted = need + (target - held) * self.economy.parameters.restock_share;
        wish.need = by_chance(wanted, &mut self.draw);
        if wish.need > 0 {
            let urgency = soften((target + need) / (held + need)).clamp(BUY_URGENCY.0, BUY_URGENCY.1);
            // Who must eat pays what it has, short of ruin in a single hour.
            let limit = real(self.money) * 0.5 / real(wish.need);
            wish.raise(self.belief(commodity) * (1.0 + self.margin()) * urgency, limit);
        }
    }

    fn wish_input(&mut self, commodity: CommodityId, wish: &mut Wish) {
        let used = self.input_use(commodity);
        if used <= 0.0 {
            return;
        }
        // Up to this price an hour's work still brings more with the inputs than without.
        let others =
            Economy::input_cost(self.recipe, |input| if input == commodity { 0.0 } else { self.belief(input) });
        let gain = self.belief(self.recipe.output) * self.recipe.quantity * (1.0 - self.recipe.subsistence);
        let limit = (gain - others) * self.skill / used;
        let target = self.input_target(commodity);
        let held = real(self.stock.free(commodity));
        let wanted = used + (target - held) * self.economy.parameters.restock_share;
        if limit < 1.0 {
            return;
        }
        wish.input = by_chance(wanted, &mut self.draw);
        if wish.input > 0 {
            let urgency = soften((target + used) / (held + used)).clamp(BUY_URGENCY.0, BUY_URGENCY.1);
            wish.raise(self.belief(commodity) * (1.0 + self.margin()) * urgency, limit);
        }
    }

    fn wish_treat(&self, commodity: CommodityId, wish: &mut Wish, budget: &Budget) {
        let envelope = real(budget.envelopes.get(commodity).copied().unwrap_or(0));
        let price = (self.belief(commodity) * (1.0 + self.margin())).max(1.0);
        wish.treat = whole((envelope / price).floor());
        if wish.treat > 0 {
            wish.raise(price, envelope / real(wish.treat));
        }
    }

    /// A maker enjoys its own product as if it bought it from itself.
    fn keep_own_product(&self, commodity: CommodityId, budget: &mut Budget) {
        let (Some(envelope), Some(treats)) = (budget.envelopes.get_mut(commodity), budget.treats.get_mut(commodity))
        else {
            return;
        };
        let price = whole(self.belief(commodity)).max(1);
        let spare = (self.stock.free(commodity) - whole(self.pantry_target(commodity)) - *treats).max(0);
        let kept = (*envelope / price).min(spare).max(0);
        *envelope -= kept * price;
        *treats += kept;
    }

    /// Turns wishes into bids as far as the money goes: needs first, then inputs, then treats.
    fn cover(&self, wishes: &mut [Wish], orders: &mut [Option<Placed>]) {
        let mut money = self.money;
        let price = |wish: &Wish| whole(wish.price).clamp(1, i64::from(PRICE_MAX));
        let mut afford = |units: i64, price: i64| {
            let units = units.min(money / price).max(0);
            money -= units * price;
            units
        };
        wishes.iter_mut().for_each(|wish| wish.need = afford(wish.need, price(wish)));
        wishes.iter_mut().for_each(|wish| wish.input = afford(wish.input, price(wish)));
        wishes.iter_mut().for_each(|wish| wish.treat = afford(wish.treat, price(wish)));
        for (wish, order) in wishes.iter().zip(orders) {
            let quantity = (wish.need + wish.input + wish.treat).min(i64::from(QUANTITY_MAX));
            if let (Ok(quantity @ 1..), Ok(price)) = (u32::try_from(quantity), u32::try_from(price(wish))) {
                let for_work = u32::try_from(wish.need + wish.input).map_or(quantity, |units| units.min(quantity));
                let limit = u32::try_from(whole(wish.limit)).unwrap_or(PRICE_MAX).clamp(price, PRICE_MAX);
                *order = Some(Placed { side: Side::Bid, price, limit, quantity, for_work, filled: 0, money: 0 });
            }
        }
    }

    /// Offers a part of what is not needed.
    fn offer(&mut self, commodity: CommodityId, budget: &Budget) -> Option<Placed> {
        let treats = budget.treats.get(commodity).copied().unwrap_or(0);
        // Inputs are sold only when there are far too many: after a change of role, or of mind about prices.
        let keep = self.pantry_target(commodity) + self.input_target(commodity) * 2.0;
        let surplus = real(self.stock.free(commodity) - treats) - keep;
        let share = 0.3 + 0.4 * self.personality.risk_tolerance;
        let most = self.stock.free(commodity) - treats;
        let quantity = by_chance(surplus * share, &mut self.draw).clamp(0, most.max(0)).min(i64::from(QUANTITY_MAX));
        let quantity = u32::try_from(quantity).ok().filter(|units| *units > 0)?;
        let belief = self.belief(commodity) * (1.0 - self.margin());
        let (price, limit) = if commodity == self.recipe.output {
            let money = real(self.money);
            let wage = reservation_wage(&self.economy.parameters, money, self.usual_wage);
            let floor = cost_floor(self.recipe, self.skill, self.beliefs, wage);
            let usual = self.recipe.quantity * self.skill * self.economy.parameters.output_hours;
            let urgency = soften((usual + 1.0) / (surplus + 1.0)).clamp(SELL_URGENCY.0, SELL_URGENCY.1);
            ((belief * urgency).max(floor), floor)
        } else {
            (belief, 1.0)
        };
        let price = u32::try_from(whole(price).clamp(1, i64::from(PRICE_MAX))).ok()?;
        let limit = u32::try_from(whole(limit).clamp(1, i64::from(price))).ok()?;
        Some(Placed { side: Side::Ask, price, limit, quantity, for_work: 0, filled: 0, money: 0 })
    }
}
