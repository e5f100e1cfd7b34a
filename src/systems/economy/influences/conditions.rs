//! In what an hour differs from the world file: what shocks and signals make of needs, tastes, yields and trade.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;
use smallvec::{SmallVec, smallvec};

use super::shocks::describe;
use crate::components::market::{
    CommodityId, Effect, EndedShock, Ledger, MarketStatistics, MoneyEntry, OutsideOrder, PerCommodity, PlaceId, Purse,
    RoleId, ShockEnd, Shocks, Trader, YieldOf,
};
use crate::components::money::Money;
use crate::messages::shock::{MarketShock, ShockPhase};
use crate::systems::economy::ledger::{LedgerError, create_money, destroy_money};
use crate::systems::economy::maths::{real, whole};
use crate::systems::economy::model::Economy;
use crate::world::spec::{FACTOR_RANGE, MONEY_FACTOR_RANGE, OUTSIDE_QUANTITY_MAX, WorldSpec};

/// What this hour differs in from the world file, at each market place. Made anew at the start of each hour.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Conditions(SmallVec<[LocalConditions; 1]>);

/// What this hour differs in from the world file at a market place; 1 everywhere in calm times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocalConditions {
    /// Factors on needs.
    pub need: PerCommodity<f64>,
    /// Factors on spending shares. Those of the file and these together still add up to 1: who spends more on one thing
    /// has less for the others.
    pub spending: PerCommodity<f64>,
    /// Factors on output, by role; at 0 nobody works in it.
    pub yields: SmallVec<[f64; 64]>,
    /// Orders from outside.
    pub trade: Vec<OutsideOrder>,
}

impl Conditions {
    /// Calm times.
    pub fn calm(economy: &Economy) -> Self {
        Self(economy.places.iter().map(|_| LocalConditions::calm(economy)).collect())
    }

    /// What everything active in an hour makes of it. Factors on the same thing are multiplied, in whatever order, and
    /// what comes of it is kept within bounds.
    pub fn of(economy: &Economy, shocks: &Shocks, hour: u64) -> Self {
        Self(economy.place_ids().map(|place| LocalConditions::of(economy, shocks, hour, place)).collect())
    }

    /// What it differs in at a place.
    pub fn at(&self, place: PlaceId) -> Option<&LocalConditions> {
        self.0.get(place.index())
    }

    /// The factor on a role's output at a place.
    #[inline]
    pub fn yield_of(&self, place: PlaceId, role: RoleId) -> f64 {
        self.at(place).and_then(|here| here.yields.get(role.index())).copied().unwrap_or(1.0)
    }

    /// Orders from outside, at each place in their order.
    pub(crate) fn trade(&self) -> impl Iterator<Item = &[OutsideOrder]> {
        self.0.iter().map(|here| here.trade.as_slice())
    }
}

impl LocalConditions {
    fn calm(economy: &Economy) -> Self {
        let ones = || PerCommodity::from_fn(economy.commodities.len(), |_| 1.0);
        Self { need: ones(), spending: ones(), yields: smallvec![1.0; economy.roles.len()], trade: Vec::new() }
    }

    fn of(economy: &Economy, shocks: &Shocks, hour: u64, place: PlaceId) -> Self {
        let mut conditions = Self::calm(economy);
        let mut scale = 1.0;
        for (only, effect) in shocks.active(hour) {
            match (only, effect) {
                (Some(only), _) if only != place => {}
                (None, Effect::Trade(order)) => conditions.trade.push(part_of(economy, place, *order)),
                _ => conditions.take(economy, effect, &mut scale),
            }
        }
        conditions.bound_factors();
        let scale = bounded(scale);
        for order in &mut conditions.trade {
            let quantity = whole(f64::from(order.quantity) * scale).clamp(0, OUTSIDE_QUANTITY_MAX);
            order.quantity = u32::try_from(quantity).unwrap_or(0);
        }
        conditions.trade.retain(|order| order.quantity > 0);
        conditions.keep_shares(economy);
        conditions
    }

    fn take(&mut self, economy: &Economy, effect: &Effect, scale: &mut f64) {
        let times = |present: Option<&mut f64>, factor: f64| {
            if let Some(present) = present {
                *present *= factor;
            }
        };
        match *effect {
            Effect::Need(commodity, factor) => times(self.need.get_mut(commodity), factor),
            Effect::Demand(commodity, factor) => times(self.spending.get_mut(commodity), factor),
            Effect::Yield(YieldOf::Role(role), factor) => times(self.yields.get_mut(role.index()), factor),
            Effect::Yield(YieldOf::Commodity(commodity), factor) => {
                for (recipe, present) in economy.roles.iter().zip(&mut self.yields) {
                    if recipe.output == commodity {
                        times(Some(present), factor);
                    }
                }
            }
            Effect::RoleVanished(role) => times(self.yields.get_mut(role.index()), 0.0),
            Effect::Trade(order) => self.trade.push(order),
            Effect::TradeScale(factor) => times(Some(scale), factor),
            Effect::Money(_) | Effect::Only(_) => {}
        }
    }

    /// Keeps every factor within its bounds.
    fn bound_factors(&mut self) {
        let goods = self.need.as_mut_slice().iter_mut().chain(self.spending.as_mut_slice());
        goods.chain(&mut self.yields).for_each(|factor| *factor = bounded(*factor));
    }

    /// Turns weights into factors on shares that add up to what they did.
    fn keep_shares(&mut self, economy: &Economy) {
        let shares = || economy.commodities.iter().map(|commodity| commodity.spending_share);
        let (before, after): (f64, f64) =
            (shares().sum(), shares().zip(self.spending.iter()).map(|(share, factor)| share * factor).sum());
        // When nobody wants anything, the money is kept.
        if after > 0.0 && (after - before).abs() > f64::EPSILON {
            for commodity in economy.commodity_ids() {
                if let Some(factor) = self.spending.get_mut(commodity) {
                    *factor *= before / after;
                }
            }
        }
    }

    /// The factor on a need.
    pub fn need_of(&self, commodity: CommodityId) -> f64 {
        self.need.get(commodity).copied().unwrap_or(1.0)
    }

    /// The factor on a spending share.
    pub fn spending_on(&self, commodity: CommodityId) -> f64 {
        self.spending.get(commodity).copied().unwrap_or(1.0)
    }
}

/// What comes to a place of an order from outside that is for all of them: by their shares, whole units.
fn part_of(economy: &Economy, place: PlaceId, order: OutsideOrder) -> OutsideOrder {
    let before: f64 = economy.places.iter().take(place.index()).map(|place| place.share).sum();
    let share = economy.place(place).map_or(0.0, |place| place.share);
    let quantity = f64::from(order.quantity);
    let upto = |share: f64| whole((quantity * share.min(1.0)).round());
    // The last takes what rounding has left: their parts are the whole.
    let end = if place.index() + 1 == economy.places.len() { i64::from(order.quantity) } else { upto(before + share) };
    OutsideOrder { quantity: u32::try_from(end - upto(before)).unwrap_or(0), ..order }
}

fn bounded(factor: f64) -> f64 {
    factor.clamp(FACTOR_RANGE.0, FACTOR_RANGE.1)
}

/// Money of all traders at least and at most, in minor units: what the file gives them, times the bounds of money shocks,
/// and no more than an amount can be. A treasury's money is not in it: no shock multiplies it, and nobody from outside trades with it.
pub(crate) fn money_bounds(economy: &Economy) -> (i64, i64) {
    let given = real(economy.population.money().unwrap_or(i64::MAX));
    (whole(given * MONEY_FACTOR_RANGE.0), whole(given * MONEY_FACTOR_RANGE.1))
}

/// Whether the traders' money times a factor stays within its bounds.
pub(crate) fn money_fits(economy: &Economy, money: i64, factor: f64) -> bool {
    let (least, most) = money_bounds(economy);
    // Not as an amount: an amount has an end, and what goes beyond it would seem to fit.
    (real(least)..=real(most)).contains(&(real(money) * factor).round_ties_even())
}

/// Ends what has run out, begins what is due, and says what it makes of this hour. Runs in `Review`, first.
pub fn turn_influences(
    (economy, spec, statistics): (Res<Economy>, Res<WorldSpec>, Res<MarketStatistics>),
    mut shocks: ResMut<Shocks>,
    mut conditions: ResMut<Conditions>,
    mut ledger: ResMut<Ledger>,
    mut purses: Query<&mut Purse, With<Trader>>,
    mut events: MessageWriter<MarketShock>,
) -> Result {
    let hour = statistics.hours;
    let turns = |ends: u64| ends <= hour;
    if shocks.signals.iter().any(|signal| turns(signal.ends)) {
        shocks.signals.retain(|signal| !turns(signal.ends));
    }
    if shocks.live.iter().any(|shock| turns(shock.influence.ends) || (!shock.begun && shock.influence.starts <= hour)) {
        let shocks = &mut *shocks;
        let mut kept = Vec::with_capacity(shocks.live.len());
        for mut shock in std::mem::take(&mut shocks.live) {
            if !shock.begun && shock.influence.starts <= hour {
                shock.begun = true;
                let money = shock.influence.effects.iter().find_map(|effect| match effect {
                    Effect::Money(factor) => Some(*factor),
                    _ => None,
                });
                // Money that would go beyond its bounds by now is not changed: that shock ends and has never started.
                let fits = money.is_none_or(|factor| money_fits(&economy, ledger.money_of_traders(), factor));
                if fits {
                    events.write(describe(&spec, &economy, &shock, ShockPhase::Started, None));
                }
                if let Some(factor) = money {
                    let why = if fits { ShockEnd::RanOut } else { ShockEnd::OutOfBounds };
                    if fits {
                        scale_money(&mut ledger, purses.iter_mut(), factor)?;
                    }
                    events.write(describe(&spec, &economy, &shock, ShockPhase::Ended, Some(why)));
                    shocks.remember(EndedShock { shock, at: hour, why });
                    continue;
                }
            }
            if turns(shock.influence.ends) {
                let why = ShockEnd::RanOut;
                events.write(describe(&spec, &economy, &shock, ShockPhase::Ended, Some(why)));
                shocks.remember(EndedShock { shock, at: hour, why });
            } else {
                kept.push(shock);
            }
        }
        shocks.live = kept;
    }
    let now = Conditions::of(&economy, &shocks, hour);
    if *conditions != now {
        *conditions = now;
    }
    Ok(())
}

/// Multiplies everybody's money. What is planned with it is not: plans follow.
fn scale_money<'a>(
    ledger: &mut Ledger,
    purses: impl Iterator<Item = Mut<'a, Purse>>,
    factor: f64,
) -> Result<(), LedgerError> {
    for mut purse in purses {
        let all = purse.free().0.saturating_add(purse.escrow().0);
        let change = whole(real(all) * factor).saturating_sub(all);
        if change > 0 {
            create_money(ledger, &mut purse, Money(change), MoneyEntry::Granted)?;
        } else {
            let taken = Money((-change).min(purse.free().0));
            destroy_money(ledger, &mut purse, taken, MoneyEntry::Taken)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::components::market::{Influence, Shock, ShockCause, ShockKind, Side};

    fn of(effects: &[Effect]) -> LocalConditions {
        let spec = WorldSpec::default_world().expect("a valid world file").economy.expect("an economy");
        let economy = Economy::new(&spec).expect("a model");
        let live = effects.iter().map(|effect| {
            let influence = Influence { id: String::new(), effects: vec![*effect], starts: 0, ends: 1 };
            Shock { influence, kind: ShockKind::Need, cause: ShockCause::Command, begun: true }
        });
        let all = Conditions::of(&economy, &Shocks { live: live.collect(), ..Shocks::default() }, 0);
        all.at(PlaceId::default()).cloned().expect("a place")
    }

    fn any_effect() -> impl Strategy<Value = Effect> {
        let factor = prop_oneof![Just(0.1), Just(10.0), 0.0..10.0_f64];
        (0_u8..5, factor).prop_map(|(kind, factor)| match kind {
            0 => Effect::Need(CommodityId(0), factor),
            1 => Effect::Demand(CommodityId(3), factor),
            2 => Effect::Yield(YieldOf::Role(RoleId(0)), factor),
            3 => Effect::Yield(YieldOf::Commodity(CommodityId(0)), factor),
            _ => Effect::TradeScale(factor),
        })
    }

    proptest! {
        // Each makes a model of the economy anew.
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Who comes first makes no difference.
        #[test]
        fn the_order_of_influences_does_not_matter(
            (one, other) in prop::collection::vec(any_effect(), 1..7)
                .prop_flat_map(|effects| (Just(effects.clone()), Just(effects).prop_shuffle())),
        ) {
            let order = OutsideOrder { side: Side::Bid, commodity: CommodityId(1), quantity: 100_000, price: 1 };
            let with_trade = |effects: Vec<Effect>| of(&[effects, vec![Effect::Trade(order)]].concat());
            let (one, other) = (with_trade(one), with_trade(other));
            let all = |conditions: &LocalConditions| {
                let factors: Vec<f64> = conditions.need.iter().chain(conditions.spending.iter()).copied().collect();
                let units: f64 = conditions.trade.iter().map(|order| f64::from(order.quantity)).sum();
                [factors, conditions.yields.to_vec(), vec![units]].concat()
            };
            for (one, other) in all(&one).into_iter().zip(all(&other)) {
                prop_assert!((one - other).abs() <= one.abs() * 1e-9 + 1e-9, "{} and {}", one, other);
            }
        }
    }

    /// An amount has an end, and what would go beyond it must not look as if it just fitted.
    #[test]
    fn much_money_does_not_grow_beyond_what_an_amount_can_be() {
        let file = "id: w\neconomy:\n  commodities: [{ name: Bread, need: 1 }]\n  \
                    roles: [{ name: Baker, output: Bread, quantity: 3 }]\n  \
                    population: { count: 1000000, moneyPerHead: 1000000000 }\n  parameters: { spendingHours: 1000 }\n";
        let spec = WorldSpec::from_yaml(file).expect("a valid world file").economy.expect("an economy");
        let economy = Economy::new(&spec).expect("a model");
        let (given, most) = (1_000_000_000_000_000, 9_000_000_000_000_000);
        assert_eq!(money_bounds(&economy), (given / 10, most));
        for (money, factor, expected) in [
            (given, 8.9, true),
            (given, 10.0, false),
            (most, 1.0, true),
            (most, 1.1, false),
            (most, 10.0, false),
            (given, 0.1, true),
            (given, 0.09, false),
        ] {
            assert_eq!(money_fits(&economy, money, factor), expected, "{money} times {factor}");
        }
    }

    #[test]
    fn factors_are_bounded_after_all_of_them() {
        let food = CommodityId(0);
        let need = |factors: [f64; 3]| of(&factors.map(|factor| Effect::Need(food, factor))).need_of(food);
        for factors in [[10.0, 10.0, 0.1], [10.0, 0.1, 10.0], [0.1, 10.0, 10.0]] {
            assert!((need(factors) - 10.0).abs() < 1e-9, "{factors:?}");
        }
        assert!((need([10.0, 10.0, 10.0]) - 10.0).abs() < f64::EPSILON);
    }
}
