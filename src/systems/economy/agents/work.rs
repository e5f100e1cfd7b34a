//! An hour of work: whether it is done, what it uses up and what it makes. Pure.

use super::plan::{believed_inputs, cost_floor};
use crate::components::market::{Belief, CommodityId, GoodsEntry, Stock};
use crate::systems::economy::maths::{above, by_chance, real};
use crate::systems::economy::model::Recipe;
use crate::systems::random::{Chance, LightDraw};

/// Units that come into being or cease to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub(crate) commodity: CommodityId,
    pub(crate) units: i64,
    pub(crate) entry: GoodsEntry,
}

/// What an hour came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Hour {
    /// Share of what the skill allows that was worked for, 0 to 1.
    pub(crate) effort: f64,
    /// Whether inputs or tools were missing.
    pub(crate) in_want: bool,
}

/// Somebody at its work, and what decides about it.
pub(crate) struct Worker<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) skill: f64,
    pub(crate) beliefs: &'a [Belief],
    /// What an hour must bring.
    pub(crate) wage: f64,
    /// Whether the product is something that the worker itself needs.
    pub(crate) needed: bool,
    /// Factor on the output of this hour; at 0 there is no work.
    pub(crate) yields: f64,
    /// Units of all goods together that there is room for before the work; what it uses up makes more.
    pub(crate) room: i64,
}

impl Worker<'_> {
    /// Not with a full store, nor for less than the reservation wage; who is hungry works for its own pantry.
    pub(crate) fn wants_to_work(&self, stock: &Stock, capacity_hours: f64) -> bool {
        let units = stock.free(self.recipe.output);
        let held = real(units);
        let output = self.recipe.quantity_at(self.skill) * self.skill;
        if self.yields <= 0.0
            || (self.room <= 0 && !self.frees_room(stock))
            || units >= self.recipe.store_max
            || held >= (output * capacity_hours).max(1.0)
        {
            return false;
        }
        let pays = || {
            let price = self.beliefs.get(self.recipe.output.index()).map_or(0.0, |belief| belief.price);
            price >= cost_floor(self.recipe, self.skill, believed_inputs(self.recipe, self.beliefs), self.wage)
        };
        (self.needed && held < output.max(2.0)) || pays()
    }

    fn is_equipped(&self, stock: &Stock) -> bool {
        let at_hand = |(input, quantity): &(CommodityId, f64)| stock.free(*input) >= above(quantity * self.skill);
        self.recipe.inputs.iter().all(at_hand)
    }

    /// Whether work in a full store makes room for all that comes of it. Where it does not, inputs would be wasted, unless
    /// there is nothing to sell: who stopped then, with a store full of inputs, would never begin again.
    fn frees_room(&self, stock: &Stock) -> bool {
        let used: f64 = self.recipe.inputs.iter().map(|(_, quantity)| quantity).sum();
        let enough = used >= self.recipe.quantity_at(self.skill) || stock.free(self.recipe.output) == 0;
        used > 0.0 && enough && self.is_equipped(stock)
    }

    /// What is used up, worn out and made; without all inputs and tools only the subsistence share is made, and nothing
    /// used up. Inputs and tools go whether the hour succeeds or not.
    pub(crate) fn work(&self, stock: &Stock, draw: &mut LightDraw, moves: &mut Vec<Move>) -> Hour {
        moves.clear();
        let recipe = self.recipe;
        let equipped = self.is_equipped(stock);
        let mut freed = 0_i64;
        let effort = if equipped { 1.0 } else { recipe.subsistence };
        if equipped {
            let materials = recipe.inputs.len().saturating_sub(recipe.tools);
            for (index, (input, quantity)) in recipe.inputs.iter().enumerate() {
                let units = by_chance(quantity * self.skill, draw).min(stock.free(*input));
                let entry = if index < materials { GoodsEntry::UsedUp } else { GoodsEntry::WornOut };
                freed = freed.saturating_add(units);
                moves.push(Move { commodity: *input, units, entry });
            }
        }
        // A sure success draws nothing: what else the worker draws does not depend on it.
        if recipe.chance >= 1.0 || draw.chance(recipe.chance) {
            let share = self.skill * effort * self.yields;
            let units = |quantity: f64, draw: &mut LightDraw| by_chance(quantity / recipe.chance * share, draw);
            let store = recipe.store_max.saturating_sub(stock.free(recipe.output)).max(0);
            // The room of what was used up is kept for more of it, but where there is no other.
            let mut room = self.room.max(freed);
            let made = units(recipe.quantity, draw).min(recipe.hourly_max).min(store).min(room);
            room -= made;
            moves.push(Move { commodity: recipe.output, units: made, entry: GoodsEntry::Produced });
            for (commodity, quantity) in &recipe.by_products {
                // What there is no room for is left lying where it was made.
                let units = units(*quantity, draw).min(room);
                room -= units;
                moves.push(Move { commodity: *commodity, units, entry: GoodsEntry::Produced });
            }
        }
        Hour { effort, in_want: !equipped }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::components::ids::StableId;
    use crate::components::market::{Holding, PerCommodity};
    use crate::components::money::Goods;
    use crate::systems::random::SystemDraws;

    const BREAD: CommodityId = CommodityId(0);
    const FLOUR: CommodityId = CommodityId(1);
    const OVEN: CommodityId = CommodityId(2);
    const ASHES: CommodityId = CommodityId(3);

    fn recipe() -> Recipe {
        Recipe {
            name: "Baker".into(),
            output: BREAD,
            quantity: 4.0,
            usual_quantity: 4.0,
            inputs: vec![(FLOUR, 2.0), (OVEN, 0.1)],
            uses: PerCommodity::from_fn(4, |id| [0.0, 2.0, 0.1, 0.0][id.index()]),
            tools: 1,
            by_products: vec![(ASHES, 0.5)],
            chance: 0.5,
            hourly_max: i64::MAX,
            store_max: i64::MAX,
            subsistence: 0.25,
            idle_cost: 0,
            count: 1,
        }
    }

    fn stock(units: [i64; 4]) -> Stock {
        let mut units = units.into_iter();
        let held = |units: Option<i64>| Holding { free: Goods(units.unwrap_or(0)), ..Holding::default() };
        Stock { goods: PerCommodity::from_fn(4, |_| held(units.next())) }
    }

    fn hour(recipe: &Recipe, skill: f64, stock: &Stock, number: u64) -> (Hour, Vec<Move>) {
        let beliefs = PerCommodity::from_fn(4, |_| Belief { price: 1000.0, doubt: 0.1 });
        let worker = Worker {
            recipe,
            skill,
            beliefs: beliefs.as_slice(),
            wage: 1.0,
            needed: false,
            yields: 1.0,
            room: i64::MAX,
        };
        let mut draw = SystemDraws::new(7, number, "work").light_for_id(StableId(1));
        let mut moves = Vec::new();
        (worker.work(stock, &mut draw, &mut moves), moves)
    }

    fn sum(moves: &[Move], entry: GoodsEntry, commodity: CommodityId) -> i64 {
        moves.iter().filter(|m| m.entry == entry && m.commodity == commodity).map(|m| m.units).sum()
    }

    #[test]
    fn on_average_it_is_what_the_recipe_says() {
        let (recipe, stock) = (recipe(), stock([0, 100, 1, 0]));
        let all: Vec<Move> = (0..10_000).flat_map(|number| hour(&recipe, 1.0, &stock, number).1).collect();
        let near = |entry, commodity, expected: i64| {
            let found = sum(&all, entry, commodity);
            assert!((found - expected).abs() <= expected / 20, "{entry:?}: {found}, not {expected}");
        };
        near(GoodsEntry::Produced, BREAD, 40_000);
        near(GoodsEntry::Produced, ASHES, 5_000);
        near(GoodsEntry::UsedUp, FLOUR, 20_000);
        near(GoodsEntry::WornOut, OVEN, 1_000);
    }

    #[test]
    fn without_a_tool_it_idles_at_the_subsistence_share() {
        let (idle, moves) = hour(&recipe(), 1.0, &stock([0, 100, 0, 0]), 1);
        assert_eq!(idle, Hour { effort: 0.25, in_want: true });
        assert_eq!((sum(&moves, GoodsEntry::UsedUp, FLOUR), sum(&moves, GoodsEntry::WornOut, OVEN)), (0, 0));
    }

    #[test]
    fn a_full_store_stops_work() {
        let recipe = Recipe { store_max: 10, ..recipe() };
        let beliefs = PerCommodity::from_fn(4, |_| Belief { price: 1000.0, doubt: 0.1 });
        let worker = Worker {
            recipe: &recipe,
            skill: 1.0,
            beliefs: beliefs.as_slice(),
            wage: 1.0,
            needed: false,
            yields: 1.0,
            room: i64::MAX,
        };
        assert!(worker.wants_to_work(&stock([9, 100, 1, 0]), 48.0));
        assert!(!worker.wants_to_work(&stock([10, 100, 1, 0]), 48.0));
    }

    #[test]
    fn what_is_not_made_for_the_hourly_most_does_not_pay() {
        let works = |hourly_max: i64, skill: f64, price: f64| {
            let recipe = Recipe { hourly_max, inputs: Vec::new(), tools: 0, by_products: Vec::new(), ..recipe() };
            let beliefs = [Belief { price, doubt: 0.1 }; 4];
            let (needed, yields, room) = (false, 1.0, i64::MAX);
            let worker = Worker { recipe: &recipe, skill, beliefs: &beliefs, wage: 100.0, needed, yields, room };
            worker.wants_to_work(&stock([0; 4]), 48.0)
        };
        // An hour brings four, or one in two hours.
        assert!(works(i64::MAX, 1.0, 25.0) && works(8, 1.0, 25.0) && !works(8, 1.0, 24.0));
        assert!(works(1, 1.0, 200.0) && !works(1, 1.0, 199.0));
        // Skill makes no more of it, where everybody makes the most.
        assert!(works(1, 2.0, 200.0) && !works(1, 2.0, 199.0));
        let recipe = Recipe { hourly_max: 1, ..recipe() };
        assert!((recipe.quantity_at(0.1) - 4.0).abs() < 1e-12, "below the most nothing is lost");
        assert!(recipe.share_of_inputs(1.0).abs() < 1e-12, "a quarter of eight is more than the most");
        assert!((recipe.share_of_inputs(0.25) - 0.5).abs() < 1e-12, "half a unit without, one with them");
    }

    #[test]
    fn inputs_that_fill_the_store_make_room_for_what_comes_of_them() {
        let recipe = Recipe { chance: 1.0, inputs: vec![(FLOUR, 2.0)], tools: 0, ..recipe() };
        let beliefs = PerCommodity::from_fn(4, |_| Belief { price: 1000.0, doubt: 0.1 });
        let worker = Worker {
            recipe: &recipe,
            skill: 1.0,
            beliefs: beliefs.as_slice(),
            wage: 1.0,
            needed: false,
            yields: 1.0,
            room: 0,
        };
        let mut moves = Vec::new();
        let mut draw = SystemDraws::new(7, 1, "work").light_for_id(StableId(1));
        assert!(worker.wants_to_work(&stock([0, 12, 0, 0]), 48.0));
        worker.work(&stock([0, 12, 0, 0]), &mut draw, &mut moves);
        // Four loaves, cut to the room that two units of flour leave.
        assert_eq!((sum(&moves, GoodsEntry::UsedUp, FLOUR), sum(&moves, GoodsEntry::Produced, BREAD)), (2, 2));
        assert_eq!(sum(&moves, GoodsEntry::Produced, ASHES), 0);
        // With bread to sell it waits for room, or it would waste its flour; not where flour makes room enough.
        assert!(!worker.wants_to_work(&stock([1, 11, 0, 0]), 48.0));
        let plain = Recipe { quantity: 2.0, ..recipe.clone() };
        assert!(Worker { recipe: &plain, ..worker }.wants_to_work(&stock([1, 11, 0, 0]), 48.0));
        // Full of what work does not take, or of too little of it: nothing makes room.
        let worker = Worker { recipe: &recipe, ..worker };
        assert!(!worker.wants_to_work(&stock([0, 1, 11, 0]), 48.0));
        assert!(
            !Worker { recipe: &Recipe { inputs: Vec::new(), ..recipe.clone() }, ..worker }
                .wants_to_work(&stock([0, 12, 0, 0]), 48.0)
        );
    }

    proptest! {
        #[test]
        fn nothing_goes_that_is_not_there_and_no_limit_is_passed(
            units in prop::array::uniform4(0_i64..20),
            skill in 0.1_f64..10.0,
            (hourly_max, store_max) in (1_i64..30, 1_i64..30),
            number in 0_u64..1_000,
        ) {
            let recipe = Recipe { hourly_max, store_max, chance: 1.0, ..recipe() };
            let (idle, moves) = hour(&recipe, skill, &stock(units), number);
            prop_assert!((0.0..=1.0).contains(&idle.effort));
            prop_assert!(moves.iter().all(|m| m.units >= 0));
            prop_assert!(sum(&moves, GoodsEntry::UsedUp, FLOUR) <= units[1]);
            prop_assert!(sum(&moves, GoodsEntry::WornOut, OVEN) <= units[2]);
            let made = sum(&moves, GoodsEntry::Produced, BREAD);
            prop_assert!(made <= hourly_max && made <= (store_max - units[0]).max(0));
        }
    }
}
